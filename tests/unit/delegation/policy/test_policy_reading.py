"""Policy files: what they mean, and each kind of mistake with its line and key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtfs.caching.wish import CacheWish, lasting
from rtfs.delegation.context import fingerprint
from rtfs.delegation.policy import fields
from rtfs.delegation.policy.kinds import Kind, Named, Table, Tables
from rtfs.delegation.policy.model import Conditions
from rtfs.delegation.policy.patterns import Patterns
from rtfs.delegation.policy.reading import read_all, read_policy
from rtfs.delegation.policy.resolving import MOST_RULES
from rtfs.delegation.settings import CallSettings
from rtfs.delegation.targets import LOCAL, LocalModel, RemoteModel
from rtfs.errors import ConfigError, render
from rtfs.models.rules import RuleSet
from rtfs.runtime import Runtime
from rtfs.values.convert import to_rtfs
from tests.support.toml_text import document

SMALL, STRONG = LocalModel("smollm2"), RemoteModel("kimi-k2")
RULE = '[[rules]]\ntarget = "local"\n'
PATTERNS_ARE = "rule 1: `patterns` is wrong: "
ASKS_RULES = '[[rules]]\ntarget = "local:rules"\n'


def mistakes(text: str) -> list[tuple[int, str, str | None]]:
    """(line, message, hint) of all mistakes of a file."""
    with pytest.raises(ConfigError) as caught:
        read_policy(text, "delegation.toml")
    found = [caught.value, *caught.value.others]
    assert all(error.kind == "invalid-policy" and error.span is not None for error in found)
    return [(error.span.line, error.message, error.hint) for error in found]


def doubts(text: str) -> list[tuple[int, str]]:
    return [(warning.span.line, warning.message) for warning in read_policy(text, "delegation.toml").warnings]


# --- what a file means ---


IN_FLIGHT = """\
[targets]
both = ["local:smollm2", "local", "remote:kimi-k2"]
[max_in_flight]
kimi = 20
both = 3
"remote:gpt-4o*" = 5
[environments.test.max_in_flight]
kimi = 2
openai = 1
"""


def test_how_many_may_be_in_flight():
    found = {label: policy.max_in_flight for label, policy in read_all(IN_FLIGHT, "delegation.toml").items()}
    assert [(one.name, one.most) for one in found[""]] == [("kimi", 20), ("both", 3), ("remote:gpt-4o*", 5)]
    assert [(one.name, one.most) for one in found["test"]] == [("kimi", 2), ("both", 3), ("remote:gpt-4o*", 5), ("openai", 1)]
    kimi, both, wide = found[""]
    assert [one.fits("kimi", "remote:kimi:k2") for one in (kimi, both, wide)] == [True, False, False]
    assert [one.fits("llama.cpp", "local:smollm2") for one in (kimi, both, wide)] == [False, True, False]
    assert [one.fits("openai", "remote:gpt-4o-mini") for one in (kimi, both, wide)] == [False, False, True]
    assert [one.fits("openai", "remote:kimi") for one in (kimi, both, wide)] == [False, False, False]


def test_mistakes_about_what_is_in_flight():
    text = '[max_in_flight]\n"kimi:k2" = 1\n"local:" = 1\nkimi = 0\nollama = 2.5\n"remote:m" = true\n'
    found = mistakes(text)
    assert [(line, message.partition(", got")[0]) for line, message, _ in found] == [
        (2, "`max_in_flight.kimi:k2` is neither a provider nor a target"),
        (3, "`max_in_flight.local:` is neither a provider nor a target"),
        (4, "`max_in_flight.kimi` should be a number of requests from 1 to 100,000"),
        (5, "`max_in_flight.ollama` should be a number of requests from 1 to 100,000"),
        (6, "`max_in_flight.remote:m` should be a number of requests from 1 to 100,000"),
    ]
    assert found[0][2] == "a model of a provider is a target: remote:kimi:k2"
    assert doubts("[max_in_flight]\nkimmi = 1\nmine = 2\nvllm = 3\n") == [
        (2, "`max_in_flight.kimmi` is the name of no provider that RTFS brings"),
        (3, "`max_in_flight.mine` is the name of no provider that RTFS brings"),
    ]


def test_an_empty_file_is_a_policy():
    policy = read_policy("", "delegation.toml")
    assert (policy.rules, policy.settings, policy.warnings) == ((), CallSettings(), ())


def test_rules_targets_and_settings():
    policy = read_policy(
        """
        [targets]
        small = "local:smollm2"
        both = ["small", "remote:kimi-k2"]
        [settings]
        timeout_s = 30
        budget = { usd = 0.01, calls = 3 }
        [[rules]]
        name = "support"
        symbol = "support/*"
        target = "both"
        fallback = ["small", "local"]
        timeout_s = 5
        retries = 0
        """,
        "conf/delegation.toml",
    )
    (rule,) = policy.rules
    assert rule.label == "rule `support`"
    assert rule.options[0].chain == (SMALL, STRONG)
    assert rule.fallbacks == (SMALL, LOCAL)
    assert rule.settings == CallSettings(timeout_s=5.0, retries=0, budget=(("usd", 0.01), ("calls", 3)))
    assert rule.chosen == ("timeout_s", "retries")
    assert policy.settings == CallSettings(timeout_s=30.0, budget=(("usd", 0.01), ("calls", 3)))
    assert (policy.source, str(rule.span)) == ("delegation.toml", "conf/delegation.toml:8:9")


def test_every_condition():
    (rule,) = read_policy(
        """
        [[rules]]
        symbol = ["a/*", "b"]
        module = "a"
        args = ["vector<string | integer>", "integer"]
        tags = ["cheap", ":quick"]
        without_tags = "slow"
        tenant = "acme-*"
        min_chars = 10
        max_chars = 20
        metadata = { source = "planner", confidence_below = 0.5, context = { task = "sum", n = 3 } }
        target = "local"
        """,
        "d.toml",
    ).rules
    conditions = rule.conditions
    assert conditions.fingerprint == fingerprint((to_rtfs(["a", 1]), 7))
    assert conditions.tags == ("cheap", "quick")
    assert (conditions.without_tags, conditions.tenants, conditions.symbols) == (("slow",), ("acme-*",), ("a/*", "b"))
    assert conditions.metadata is not None
    assert conditions.metadata.context == (("task", "sum"), ("n", 3))


def test_the_table_of_a_file_with_other_settings():
    policy = read_policy('[other]\nx = 1\n[delegation]\n[[delegation.rules]]\ntarget = "local:smollm2"\n', "rtfs.toml")
    assert policy.rules[0].options[0].chain == (SMALL,)
    with pytest.raises(ConfigError) as caught:
        read_policy('[other]\nx = 1\n[delegation]\n[[delegation.rules]]\ntarget = "no"\n', "rtfs.toml")
    assert (caught.value.span.line, caught.value.message) == (5, "rule 1: `target` names no target: `no`")


def test_what_stands_outside_of_the_table_is_not_passed_over_in_a_file_of_its_own():
    text = '[[rules]]\ntarget = "local"\n[delegation]\ntiemout_s = 3\n'
    assert [(line, message) for line, message, _ in mistakes(text)] == [
        (1, "`rules` stands outside of [delegation], which is the policy of this file"),
        (4, "`tiemout_s` is not a key that is known here"),
    ]
    assert read_policy('[[rules]]\nx = 3\n[delegation]\n', "a/rtfs.toml").rules == ()


LAYERS = """
private_tags = [":pii"]
deny = ["remote:old"]
[targets]
small = "local:smollm2"
[settings]
timeout_s = 30
retries = 3
[[rules]]
name = "first"
symbol = "a"
target = "small"
[[rules]]
symbol = "b"
target = "small"
[environments.test]
deny = ["remote:*"]
private_tags = ["secret"]
targets = { small = "local:echo" }
settings = { timeout_s = 1 }
[[environments.test.rules]]
symbol = "c"
target = "small"
[[environments.test.rules]]
name = "first"
symbol = "a"
target = "local"
[environments.production]
allow = ["local:*"]
"""


def test_an_environment_lies_over_the_rest():
    plain, test = read_policy(LAYERS, "d.toml"), read_policy(LAYERS, "d.toml", "test")
    assert [rule.conditions.symbols for rule in plain.rules] == [("a",), ("b",)]
    assert [rule.conditions.symbols for rule in test.rules] == [("c",), ("a",), ("b",)]
    assert [rule.options[0].chain for rule in test.rules] == [(LocalModel("echo"),), (LOCAL,), (LocalModel("echo"),)]
    assert (test.settings.timeout_s, test.settings.retries) == (1.0, 3)
    assert test.private_tags == {"private", "pii", "secret"}
    assert test.limits.deny == ("remote:old", "remote:*")
    assert read_policy(LAYERS, "d.toml", "production").limits.refusal(STRONG) == "the policy allows only `local:*`"
    assert plain.limits.refusal(STRONG) is None
    assert plain.environments == ("test", "production")


def test_an_environment_that_the_file_does_not_know():
    with pytest.raises(ConfigError, match="has no environment `prodution`") as caught:
        read_policy(LAYERS, "d.toml", "prodution")
    assert caught.value.hint == "did you mean `production`?"
    assert read_policy(RULE, "d.toml", "anything").environment == "anything"  # a file without overlays holds everywhere


def test_tenants_and_engines():
    policy = read_policy(
        """
        budget = { usd = 10 }
        [tenants.acme]
        deny = "remote:*"
        budget = { calls = 100 }
        [tenants."b*b"]
        allow = []
        [engines.router]
        use = "costed"
        options = { quality = 0.7 }
        [[rules]]
        engine = "router"
        fallback = "local:smollm2"
        """,
        "d.toml",
    )
    assert policy.budget == (("usd", 10.0),)
    assert policy.tenants["acme"].budget == (("calls", 100),)
    assert policy.tenants["acme"].refusal(STRONG) == "tenant `acme` denies `remote:*`"
    assert policy.tenants["b*b"].refusal(SMALL) == "tenant `b*b` allows no target"
    assert policy.tenants["b*b"].refusal(LOCAL) is None
    assert (policy.engines["router"].use, policy.engines["router"].options) == ("costed", (("quality", 0.7),))


def test_line_ends_and_a_byte_order_mark_do_not_count():
    text = "\ufeff" + RULE.replace("\n", "\r\n") + "tags = 3\r\n"
    assert mistakes(text)[0][:2] == (3, "rule 1: `tags` should be a tag, or an array of tags, got 3")


def test_patterns_stand_for_the_rules_of_a_function():
    text = """
        [[rules]]
        target = "local:rules"
        patterns = [["(?i)refund", "billing", 0.9], [404, "missing"], [":else", "other"]]
        [[rules]]
        symbol = "f"
        target = "local:rules"
        patterns = { topic = [["card", "card"]], urgent = [["lost", true], [":else", false]] }
    """
    one, other = [rule.settings.patterns for rule in read_policy(text, "d.toml").rules]
    given = (
        '[["(?i)refund" "billing" 0.9] [404 "missing"] [:else "other"]]',
        '{:topic [["card" "card"]] :urgent [["lost" true] [:else false]]}',
    )
    assert [one, other] == [RuleSet.of(Runtime(models=None).run(text, raw=True)) for text in given]
    assert (len(one), len(other)) == (3, 3)
    assert doubts(RULE + "patterns = [['x', 'y']]") == [
        (3, "rule 1: `patterns` has no effect: `local:rules` is not among the rule's targets")
    ]


# --- mistakes ---

MISTAKES = [
    # TOML itself
    ("a = \n", 1, "not a TOML file: invalid value", "https://toml.io describes the format"),
    ('x = "unclosed', 1, "not a TOML file: unterminated string", "https://toml.io describes the format"),
    (RULE + "a = 1\na = 2\n", 4, "not a TOML file: cannot overwrite a value", "https://toml.io describes the format"),
    # keys
    ("rulez = []", 1, "`rulez` is not a key that is known here", "did you mean `rules`?"),
    ("rule = []", 1, "`rule` is not a key that is known here", "did you mean `rules`?"),
    ("timeout_s = 3", 1, "`timeout_s` is not a key that is known here", "belongs in [settings], or in a rule"),
    ("[settings]\ntimeout = 3", 2, "`settings.timeout` is not a key that is known here", "did you mean `timeout_s`?"),
    ("[settings]\nbackoff-s = 3", 2, "`settings.backoff-s` is not a key that is known here", "did you mean `backoff_s`?"),
    (RULE + "weight = 3", 3, "rule 1: `weight` is not a key that is known here", "did you mean `weights`?"),
    (RULE + "metadata = { who = 'x' }", 3, "rule 1: `metadata.who` is not a key that is known here", ...),
    # patterns
    (ASKS_RULES + "patterns = 3", 3, f"rule 1: `patterns` should be {Patterns().expected}, got 3", None),
    (ASKS_RULES + "patterns = ['x']", 3, f"{PATTERNS_ARE}rule 1: expected [pattern value] or [pattern value score], got [\"x\"]", ...),
    (ASKS_RULES + "patterns = [['(x', 'y']]", 3, f'{PATTERNS_ARE}rule 1: "(x" is no regular expression: missing ), unterminated subpattern at position 0', ...),
    (ASKS_RULES + "patterns = [['x', 'y', 2]]", 3, f"{PATTERNS_ARE}rule 1: a score is a number from 0 to 1, got 2", ...),
    (ASKS_RULES + "patterns = [[':else', 'y'], ['x', 'z']]", 3, f"{PATTERNS_ARE}`:else` comes once, and last", ...),
    (ASKS_RULES + "patterns = { a = 'x' }", 3, f'{PATTERNS_ARE}:a, expected a vector of rules, such as [["lost|stolen" true] [:else false]]', ...),
    (ASKS_RULES + "patterns = {}", 3, f"{PATTERNS_ARE}a map of rules has at least one field", ...),
    # kinds of values
    ("version = 2", 1, "`version` should be 1, got 2", None),
    ("rules = 3", 1, "`rules` should be an array of tables, got 3", None),
    ("[rules]\ntarget = 'local'", 1, "`rules` should be an array of tables, got a table", "write [[rules]], with two brackets"),
    ("rules = [1]", 1, "rule 1: should be a table, got 1", None),
    ("settings = []", 1, "`settings` should be a table, got an array", None),
    ("[settings]\ntimeout_s = '3s'", 2, '`settings.timeout_s` should be a number of seconds from 0.001 to 86,400, got "3s"', ...),
    ("[settings]\ntimeout_s = 0", 2, "`settings.timeout_s` should be a number of seconds from 0.001 to 86,400, got 0", None),
    ("[settings]\ntimeout_s = nan", 2, "`settings.timeout_s` should be a number of seconds from 0.001 to 86,400, got nan", None),
    ("[settings]\ntimeout_s = inf", 2, "`settings.timeout_s` should be a number of seconds from 0.001 to 86,400, got inf", None),
    ("[settings]\nretries = 1.5", 2, "`settings.retries` should be a number of retries from 0 to 20, got 1.5", None),
    ("[settings]\nretries = true", 2, "`settings.retries` should be a number of retries from 0 to 20, got true", None),
    ("[settings]\naccept_above = 80", 2, "`settings.accept_above` should be a confidence from 0 to 1, got 80", None),
    ('[settings]\ncache = "exakt"', 2, '`settings.cache` should be one of "none", "exact", "semantic", "sample", got "exakt"', ...),
    ("[settings]\ncache = 5", 2, '`settings.cache` should be one of "none", "exact", "semantic", "sample", or a table with mode, samples, ttl_s, min_confidence, errors_s, nothing_s, got 5', None),
    ("[settings.cache]\nmode = 'exakt'", 2, '`settings.cache.mode` should be one of "none", "exact", "semantic", "sample", got "exakt"', 'did you mean "exact"?'),
    ("[settings.cache]\nerrors = 60", 2, "`settings.cache.errors` is not a key that is known here", "did you mean `errors_s`?"),
    ("[settings]\ncache = { errors_s = -1 }", 2, "`settings.cache.errors_s` should be a number of seconds from 0 to 86,400, or a table of them by kind of error, got -1", ...),
    ("[settings]\ncache = { errors_s = {} }", 2, "`settings.cache.errors_s` should be a number of seconds from 0 to 86,400, or a table of them by kind of error, got a table", ...),
    ("[settings.cache.errors_s]\nempty-reply = 5\nrate-limited = 60", 3, "`settings.cache.errors_s.rate-limited` is never kept, as it may pass by itself", ...),
    ("[settings.cache.errors_s]\nmodel-refusd = 60", 2, "`settings.cache.errors_s.model-refusd` is no kind of error that is kept", "did you mean `model-refused`?"),
    ("[settings.cache.errors_s]\nempty-reply = '5s'", 2, '`settings.cache.errors_s.empty-reply` should be a number of seconds from 0 to 86,400, got "5s"', ...),
    (RULE + "cache = { nothing_s = true }", 3, "rule 1: `cache.nothing_s` should be a number of seconds from 0 to 31,536,000, got true", None),
    (RULE + "cache = { ttl_s = 0 }", 3, "rule 1: `cache.ttl_s` should be a number of seconds from 0.001 to 31,536,000, got 0", None),
    ("budget = { usd = -1 }", 1, "`budget.usd` should be an amount in US dollars from 0 to 1,000,000,000, got -1", None),
    ("budget = { token = 1 }", 1, "`budget.token` is not a key that is known here", "did you mean `tokens`?"),
    (RULE + "symbol = []", 3, "rule 1: `symbol` is an empty array, which nothing could fit", "leave the key out to match everything"),
    (RULE + "symbol = ''", 3, 'rule 1: `symbol` should be a pattern, or an array of patterns, got ""', None),
    (RULE + "symbol = 1979-05-27", 3, 'rule 1: `symbol` should be a pattern, or an array of patterns, got "1979-05-27"', None),
    (RULE + "tags = ['a', 3]", 3, "rule 1: `tags` should be a tag, or an array of tags, got an array", None),
    (RULE + "metadata = { }", 3, "rule 1: `metadata` asks for nothing", None),
    (RULE + "metadata = { context = { a = [1] } }", 3, "rule 1: `metadata.context` should be a table of texts, numbers and truth values, got a table", None),
    # targets
    ("[[rules]]\ntarget = 'smol'\n[targets]\nsmall = 'local:x'", 2, "rule 1: `target` names no target: `smol`", ...),
    ("[[rules]]\ntarget = 'smal'\n[targets]\nsmall = 'local:x'", 2, "rule 1: `target` names no target: `smal`", "did you mean `small`?"),
    ("[[rules]]\ntarget = 'cloud:x'", 2, "rule 1: `target` is not a target: `cloud:x`", ...),
    ("[[rules]]\ntarget = 'remote:'", 2, "rule 1: `target` is not a target: `remote:`", ...),
    ("[[rules]]\ntarget = 'remote: x'", 2, "rule 1: `target` is not a target: `remote: x`", ...),
    ("[[rules]]\ntarget = ['local:x',\n 'nope']", 3, "rule 1: `target[2]` names no target: `nope`", ...),
    ("[targets]\na = 'b'\nb = 'a'", 2, "`targets.a` leads back to itself: a → b → a", None),
    ("[targets]\nlocal = 'remote:x'", 2, "`targets.local` cannot be a name", ...),
    ("[targets]\n'a:b' = 'remote:x'", 2, "`targets.a:b` cannot be a name", ...),
    ("deny = 'remot:*'", 1, "`deny` fits no target: `remot:*`", ...),
    ("deny = ['remote:*', 'smollm2']", 1, "`deny[2]` fits no target: `smollm2`", ...),
    ("[tenants.acme]\nallow = 'local:'", 2, "`tenants.acme.allow` fits no target: `local:`", ...),
    # rules
    ("[[rules]]\nsymbol = 'a'", 1, "rule 1: says nothing of where calls go: it needs `target`, `weights` or `engine`", ...),
    (RULE + "engine = 'x'\n[engines.x]\nuse = 'y'", 3, "rule 1: `engine` is one too many: there is `target` already", None),
    ("[[rules]]\nweights = { 'local:x' = 0 }", 2, "rule 1: `weights` should have a weight above 0", None),
    ("[[rules]]\nweights = { 'local:x' = 'a' }", 2, 'rule 1: `weights.local:x` should be a weight from 0 to 1,000,000, got "a"', ...),
    ("[[rules]]\nweights = { nope = 1 }", 2, "rule 1: `weights.nope` is no target of the file", ...),
    ("[[rules]]\nweights = []", 2, "rule 1: `weights` should be a table of targets and weights, such as { small = 3, strong = 1 }, got an array", None),
    ("[[rules]]\nengine = 'router'", 2, "rule 1: `engine` names no engine of the file: `router`", ...),
    (RULE + "name = 'a'\n[[rules]]\nname = 'a'\ntarget = 'local'", 5, "rule 2: `name` is that of rule 1 too", None),
    (RULE + "min_chars = 3\nmax_chars = 2", 4, "rule 1: `max_chars` is less than `min_chars`, 3: no call fits", None),
    (RULE + "tags = 'a'\nwithout_tags = ['b', 'a']", 4, "rule 1: `without_tags` has `a`, and so has `tags`: no call fits", None),
    (RULE + "args = 'strin'", 3, "rule 1: `args[1]` names no kind of value: `strin`", "did you mean `string`?"),
    (RULE + "args = 'string<integer>'", 3, "rule 1: `args[1]` gives `string` something to hold: only vector, list and map do", None),
    # environments
    ("[environments.a]\nrules = [{ target = 'nope' }]", 2, "environment `a`, rule 1: `target` names no target: `nope`", ...),
    ("[environments.a]\nenvironments = {}", 2, "environment `a`: `environments` is not a key that is known here", ...),
    ("[environments.a]\nretries = 3", 2, "environment `a`: `retries` is not a key that is known here", "belongs in [settings], or in a rule"),
]  # fmt: skip


@pytest.mark.parametrize("text, line, message, hint", MISTAKES, ids=[f"{i}-{m[2][:40]}" for i, m in enumerate(MISTAKES)])
def test_one_mistake_is_named_with_line_and_key(text, line, message, hint):
    ((found_line, found, found_hint),) = mistakes(text)
    assert (found_line, found) == (line, message)
    assert found_hint is not None if hint is ... else found_hint == hint


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_text():
    bodies = [(text, message) for text, _, message, _ in MISTAKES if text.startswith(RULE) and text.count("[[") == 1 and "[engines" not in text]
    texts = [text for text, _ in bodies if "a = 2" not in text]
    found = mistakes("\n".join(texts))
    messages = [message for text, message in bodies if text in texts]
    assert [m.replace("rule 1", f"rule {i + 1}") for i, m in enumerate(messages)] == [message for _, message, _ in found]
    lines = [line for line, _, _ in found]
    assert lines == sorted(lines)


def test_a_mistake_in_what_all_environments_share_is_reported_once():
    text = "[[rules]]\ntarget = 'nope'\n[environments.a]\n[environments.b]\n"
    assert [line for line, _, _ in mistakes(text)] == [2]


def test_what_follows_from_a_mistake_is_no_mistake_of_its_own():
    text = "[targets]\na = 3\nb = ['a', 'local:x']\n[engines]\ne = 3\n[[rules]]\ntarget = 'a'\n[[rules]]\ntarget = 3\n[[rules]]\nengine = 'e'\n"
    assert [line for line, _, _ in mistakes(text)] == [2, 5, 9]


def test_the_report_shows_the_line_and_points_at_the_value():
    with pytest.raises(ConfigError) as caught:
        read_policy('[settings]\ntimeout_s = "30s"\nretires = 1\n', "delegation.toml")
    assert render(caught.value) == (
        'error[RTFS-C005]: `settings.timeout_s` should be a number of seconds from 0.001 to 86,400, got "30s"\n'
        "  --> delegation.toml:2:13\n"
        '  2 | timeout_s = "30s"\n'
        "    |             ^^^^^ hint: write the number alone: the unit is in the name of the key\n"
        "error[RTFS-C005]: `settings.retires` is not a key that is known here\n"
        "  --> delegation.toml:3:1\n"
        "  3 | retires = 1\n"
        "    | ^^^^^^^ hint: did you mean `retries`?"
    )


def test_more_rules_than_anybody_writes():
    assert mistakes(RULE * (MOST_RULES + 1))[0][1] == "`rules` has more than 10,000 rules"


def test_arrays_deeper_than_the_stack_are_a_mistake():
    assert mistakes("x = " + "[" * 20_000 + "]" * 20_000)[0][1].startswith("arrays and tables inside each other")


@pytest.mark.parametrize(
    "text, line, message",
    [
        (RULE + RULE, 3, "rule 2: is never reached: rule 1, before it, fits every call"),
        ("[[rules]]\nsymbol='a'\ntarget='local'\n" * 2, 4, "rule 2: is never reached: rule 1, before it, is for the same calls"),
        ("[[rules]]\ntarget='local:x'\naccept_above=0.5", 3, "rule 1: `accept_above` has no effect: there is no further target to ask"),
        ("[[rules]]\ntarget=['local','local:x']", 1, "rule 1: the function's own body always answers: what comes after `local` is never asked"),
        ("deny='remote:*'\n[[rules]]\ntarget='remote:x'", 2, "rule 1: none of its targets may be used, as the policy denies `remote:*`: its calls run the function's own body"),
        ("[[rules]]\ntags='private'\ntarget='remote:x'", 1, "rule 1: is for private calls, which reach no remote target: they run the function's own body"),
        ("[targets]\na='local:x'\nb='a'", 3, "`targets.b` is used by nothing"),
        ("[engines.a]\nuse='x'", 1, "`engines.a` is used by nothing"),
    ],
)
def test_what_is_doubtful_is_a_warning(text, line, message):
    assert (line, message) in doubts(text)


def test_what_an_environment_takes_from_the_others_is_not_doubtful():
    text = RULE + "symbol='a'\n[[rules]]\ntarget='remote:x'\n[environments.t]\ndeny='remote:*'\n[[environments.t.rules]]\ntarget='local:x'\n"
    assert doubts(text) == []
    assert [line for line, _ in doubts(text + "[[environments.t.rules]]\ntarget='remote:y'\n")] == [10, 10]


def test_a_name_that_only_an_environment_uses_is_used():
    assert doubts("[targets]\na='local:x'\n[[environments.t.rules]]\ntarget='a'\n") == []


# --- the table of keys ---


def test_every_key_has_a_sentence_for_the_documentation():
    def all_fields(kind: Kind):
        if isinstance(kind, Table):
            for field in kind.fields:
                yield field
                yield from all_fields(field.kind)
        elif isinstance(kind, (Named, Tables)):
            yield from all_fields(kind.item)

    found = list(all_fields(fields.POLICY))
    assert len(found) > 60
    assert all(field.doc and not field.doc.endswith(".") and field.kind.expected for field in found)


def test_the_settings_of_a_rule_are_those_of_a_call():
    assert [*[field.name for field in fields.SETTINGS], "patterns"] == list(CallSettings._fields)


JUNK = st.recursive(
    st.sampled_from(["local", "small", "remote:x", "a/*", "", "nope", "private", 0, 1, -1, 0.5, 10**30, True, float("nan")]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["target", "weights", "small", "name", "budget", "usd", "rules", "tags", "use", "x"]), inner, max_size=4),
    max_leaves=12,
)
KEYS = [field.name for field in (*fields.POLICY.fields, *fields.RULE.fields)]


@given(st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=6), st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=6))
def test_whatever_a_file_says_it_is_a_policy_or_a_config_error(data, rule):
    text = document({**data, "rules": [rule]})
    try:
        policies = read_all(text, "d.toml")
    except ConfigError as error:
        for one in (error, *error.others):
            render(one)
    else:
        assert "" in policies
        assert all(isinstance(r.conditions, Conditions) and (r.options or r.engine) for r in policies[""].rules)


def test_a_table_for_caches_is_what_a_function_can_say():
    text = "[settings]\ncache = { mode = 'sample', samples = 3, ttl_s = 60, min_confidence = 0.5, errors_s = { empty-reply = 5 }, nothing_s = 0 }"
    assert read_policy(text + "\n[[rules]]\ntarget = 'local'\ncache = 'none'", "p.toml").settings.cache == CacheWish(
        "sample", 3, 60.0, 0.5, (("empty-reply", 5.0),), 0.0
    )
    assert read_policy("[settings]\ncache = { errors_s = 60 }", "p.toml").settings.cache == CacheWish(errors_s=lasting(60))
    assert read_policy("[[rules]]\ntarget = 'local'\ncache = 'none'", "p.toml").rules[0].settings.cache == "none"
