"""The policy engine: which rule decides, what limits refuse, how calls are split; and that the index agrees with the rules."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtfs.delegation.context import CallContext, DelegationMetadata, fingerprint, hash_64, semantic_hash
from rtfs.delegation.engine import ChainEngine, Decision, StaticEngine
from rtfs.delegation.policy.engine import PolicyEngine
from rtfs.delegation.policy.explaining import explain, lines
from rtfs.delegation.policy.reading import read_policy
from rtfs.delegation.settings import CallSettings
from rtfs.delegation.targets import LOCAL, LocalModel, RemoteModel
from rtfs.errors import ConfigError, LimitExceeded
from rtfs.values.scalars import Keyword

SMALL, STRONG, OTHER = LocalModel("smollm2"), RemoteModel("kimi-k2"), RemoteModel("gpt")
NAMES = '[targets]\nsmall = "local:smollm2"\nstrong = "remote:kimi-k2"\nother = "remote:gpt"\n'
PRIVATE = frozenset({"private"})


def engine(text: str, environment: str = "", **options) -> PolicyEngine:
    return PolicyEngine(read_policy(NAMES + text, "delegation.toml", environment), **options)


def rule(**keys: str) -> str:
    return "[[rules]]\n" + "".join(f"{name} = {value}\n" for name, value in keys.items())


# --- which rule ---


def test_the_first_rule_that_fits_decides():
    found = engine(rule(symbol='"a/*"', target='"small"') + rule(symbol='["*/f", "g"]', target='"strong"'))
    assert [found.decide(CallContext(symbol)).target for symbol in ("a/f", "b/f", "g", "h")] == [SMALL, STRONG, STRONG, LOCAL]
    assert found.decide(CallContext("a/f")).reasoning == "rule 1 of delegation.toml"
    assert found.decide(CallContext("h")).reasoning == "no rule of delegation.toml fits"


@pytest.mark.parametrize(
    "condition, fits, fits_not",
    [
        ({"module": '"a.b"'}, CallContext("a.b/f"), CallContext("a.bc/f")),
        ({"module": '"a*"'}, CallContext("ab/f"), CallContext("f")),
        ({"tags": '["x", ":y"]'}, CallContext("f", tags=frozenset({"x", "y", "z"})), CallContext("f", tags=frozenset({"x"}))),
        ({"without_tags": '"x"'}, CallContext("f", tags=frozenset({"y"})), CallContext("f", tags=frozenset({"x", "y"}))),
        ({"tenant": '["acme", "b-*"]'}, CallContext("f", tenant="b-1"), CallContext("f")),
        ({"args": '["string", "integer"]'}, CallContext("f", fingerprint(("x", 1))), CallContext("f", fingerprint(("x", "y")))),
        ({"args": "[]"}, CallContext("f", fingerprint(())), CallContext("f", fingerprint((1,)))),
        ({"min_chars": "10"}, CallContext("f", prompt_chars=10), CallContext("f", prompt_chars=9)),
        ({"max_chars": "10"}, CallContext("f", prompt_chars=10), CallContext("f", prompt_chars=11)),
        (
            {"metadata": '{ source = "plan*" }'},
            CallContext("f", metadata=DelegationMetadata(source="planner")),
            CallContext("f", metadata=DelegationMetadata(source="user")),
        ),
        (
            {"metadata": "{ confidence_below = 0.5 }"},
            CallContext("f", metadata=DelegationMetadata(confidence=0.4)),
            CallContext("f", metadata=DelegationMetadata(confidence=0.5)),
        ),
        (
            {"metadata": "{ confidence_at_least = 0.5 }"},
            CallContext("f", metadata=DelegationMetadata(confidence=0.5)),
            CallContext("f", metadata=DelegationMetadata()),
        ),
        (
            {"metadata": '{ context = { task = "sum", urgent = true } }'},
            CallContext("f", metadata=DelegationMetadata(context=(("task", Keyword("sum")), ("urgent", True)))),
            CallContext("f", metadata=DelegationMetadata(context=(("task", "sum"), ("urgent", 1)))),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_conditions(condition, fits, fits_not):
    found = engine(rule(**condition, target='"small"'))
    for context, target in ((fits, SMALL), (fits_not, LOCAL), (fits, SMALL)):
        assert found.decide(context).target == target
    (only,) = found.policy.rules
    assert only.conditions.misses(fits) is None
    assert only.conditions.misses(fits_not)


def test_length_and_metadata_are_looked_at_although_they_make_no_two_calls_different():
    found = engine(rule(min_chars="100", target='"strong"') + rule(metadata='{ source = "user" }', target='"other"') + rule(target='"small"'))
    short, long = CallContext("f", prompt_chars=5), CallContext("f", prompt_chars=500)
    asked = CallContext("f", prompt_chars=5, metadata=DelegationMetadata(source="user"))
    assert short == long == asked
    for _ in range(2):
        assert [found.decide(c).target for c in (short, long, asked, short)] == [SMALL, STRONG, OTHER, SMALL]
    assert found.needs("f") == {"tags", "tenant", "prompt_chars", "metadata"}


@st.composite
def policies(draw) -> str:
    words = st.sampled_from(["a/*", "*/f", "a/f", "b*", "*", "?/f", "*f*", "[ab]/g", "g"])

    def texts(source) -> st.SearchStrategy[str]:
        return st.lists(st.sampled_from(source), min_size=1, max_size=2, unique=True).map(lambda found: str(found).replace("'", '"'))

    conditions = {
        "symbol": st.lists(words, min_size=1, max_size=2).map(lambda found: str(found).replace("'", '"')),
        "module": texts(["a", "b*", "*"]),
        "args": texts(["string", "integer"]),
        "tags": texts(["x", "y"]),
        "without_tags": texts(["z", "private"]),
        "tenant": texts(["t1", "t*", "*2"]),
        "min_chars": st.sampled_from(["5", "50"]),
        "metadata": st.sampled_from(['{ source = "user" }', "{ confidence_below = 0.5 }"]),
    }
    text = ""
    for i in range(draw(st.integers(0, 8))):
        chosen = draw(st.lists(st.sampled_from(sorted(conditions)), max_size=3, unique=True))
        text += rule(name=f'"r{i}"', **{name: draw(conditions[name]) for name in chosen}, target='"small"')
    return text


CONTEXTS = st.builds(
    CallContext,
    st.sampled_from(["a/f", "a/g", "b/f", "g", "bf", "a/b/f"]),
    st.sampled_from([0, hash_64("string"), hash_64("integer"), hash_64("integer", "string")]),
    tags=st.frozensets(st.sampled_from(["x", "y", "z", "private"])),
    tenant=st.sampled_from(["", "t1", "t2", "u2"]),
    prompt_chars=st.sampled_from([0, 5, 60]),
    metadata=st.none() | st.builds(DelegationMetadata, st.none() | st.floats(0, 1), source=st.sampled_from([None, "user"])),
)


@given(policies(), st.lists(CONTEXTS, max_size=20))
def test_the_index_finds_the_first_rule_whose_conditions_hold(text, contexts):
    found = engine(text)
    for context in contexts * 2:
        expected = next((r for r in found.policy.rules if r.conditions.misses(context) is None), None)
        assert found.rule(context) is expected
        assert found.decide(context).reasoning.startswith(f"{expected.label} of" if expected else "no rule of")
        fixed = found.resolve(context.symbol)
        assert fixed is None or fixed == found.decide(context)
        known = found.resolve(context.symbol, tags=context.tags, tenant=context.tenant)
        assert known is None or known == found.decide(context)


# --- what is decided ahead of calls ---


def test_functions_of_no_rule_and_of_local_targets_are_decided_once():
    found = engine(rule(symbol='"a"', target='"local"') + rule(symbol='"b"', target='"small"') + rule(symbol='"c"', target='"strong"'))
    assert [found.resolve(symbol).target for symbol in "abx"] == [LOCAL, SMALL, LOCAL]
    assert found.resolve("c") is None  # a private call goes elsewhere
    assert found.needs("a") == frozenset()
    assert (found.knows("c"), found.knows("x")) == (True, False)


def test_where_tags_and_tenant_are_known_more_is_decided_once():
    found = engine(rule(tags='"private"', target='"small"') + rule(symbol='"c"', target='"strong"') + rule(symbol='"d"', min_chars="1", target='"small"'))
    assert found.resolve("x") is None
    assert found.resolve("x", tags=frozenset()).target == LOCAL
    assert found.resolve("x", tags=PRIVATE).target == SMALL
    assert found.resolve("c", tags=frozenset()).target == STRONG
    assert found.resolve("d", tags=frozenset()) is None


# --- limits ---


@pytest.mark.parametrize("keys", [{"target": '["strong", "other"]'}, {"weights": "{ strong = 1, other = 1 }"}])
def test_private_calls_never_leave_the_machine(keys):
    found = engine(rule(symbol='"f"', **keys) + rule(symbol='"g"', **keys, fallback='"small"'))
    for symbol, target in (("f", LOCAL), ("g", SMALL)):
        decision = found.decide(CallContext(symbol, tags=PRIVATE))
        assert (decision.target, decision.fallbacks) == (target, ())
        reasons = {one.target: one.rejected for one in decision.alternatives}
        assert reasons == dict.fromkeys((STRONG, OTHER), "the call is tagged `private`: its data never leaves this machine")


def test_a_file_adds_private_tags_and_takes_none_away():
    found = PolicyEngine(read_policy('private_tags = ["pii"]\n' + NAMES + rule(target='"strong"'), "d.toml"))
    for tag in ("pii", "private"):
        decision = found.decide(CallContext("f", tags=frozenset({tag})))
        assert decision.target == LOCAL
        assert f"`{tag}`" in decision.alternatives[0].rejected


def test_denied_and_not_allowed_targets_are_passed_over():
    text = rule(target='"strong"', fallback='["other", "small"]') + '[tenants.acme]\ndeny = "other"\n[environments.inside]\nallow = "local:*"\n'
    found = engine(text)
    assert found.decide(CallContext("f")).target == STRONG
    acme = found.decide(CallContext("f", tenant="acme"))
    assert (acme.target, acme.fallbacks) == (STRONG, (SMALL,))
    assert acme.alternatives[0].rejected == "tenant `acme` denies `remote:gpt`"
    inside = engine(text, "inside").decide(CallContext("f", tenant="acme"))
    assert (inside.target, inside.fallbacks, len(inside.alternatives)) == (SMALL, (), 2)


def test_what_comes_after_the_body_is_not_asked():
    decision = engine(rule(target='["small", "local", "strong"]')).decide(CallContext("f"))
    assert (decision.target, decision.fallbacks) == (SMALL, ())


# --- weights ---


def test_calls_are_split_by_their_operands_in_the_given_shares():
    found = engine(rule(name='"ab"', symbol='["f", "g"]', weights="{ small = 3, strong = 1 }", fallback='"other"'))
    contexts = [CallContext("f", semantic=semantic_hash((i,))) for i in range(4_000)]
    first = [found.decide(context) for context in contexts]
    assert first == [engine(rule(name='"ab"', symbol='["f", "g"]', weights="{ small = 3, strong = 1 }", fallback='"other"')).decide(c) for c in contexts]
    counts = Counter(decision.target for decision in first)
    assert abs(counts[SMALL] / 4_000 - 0.75) < 0.03
    assert {d.target: d.propensity for d in first} == {SMALL: 0.75, STRONG: 0.25}
    assert all(d.fallbacks == (OTHER,) and d.alternatives[0].score == 1 - d.propensity for d in first)
    others = [found.decide(CallContext("g", semantic=context.semantic)) for context in contexts]
    both = sum(a.target == b.target == STRONG for a, b in zip(first, others, strict=True))
    assert abs(both / 4_000 - 0.25**2) < 0.03  # another function is split independently


def test_the_share_of_a_refused_target_goes_to_the_others():
    found = engine(rule(weights="{ small = 1, strong = 1, 'local:x' = 1, other = 0 }"))
    decisions = [found.decide(CallContext("f", semantic=semantic_hash((i,)), tags=PRIVATE)) for i in range(400)]
    assert {d.target: d.propensity for d in decisions} == {SMALL: 0.5, LocalModel("x"): 0.5}
    assert OTHER not in {found.decide(CallContext("f", semantic=semantic_hash((i,)))).target for i in range(400)}
    assert found.needs("f") == {"tags", "tenant", "semantic"}
    assert found.resolve("f") is None


# --- hints ---

HINTED = rule(symbol='"f"', target='["small", "local:big"]', fallback='["strong", "local:x", "local"]', timeout_s="3", accept_above="0.8")


def test_a_hint_is_never_widened():
    found = engine(HINTED)
    local = found.for_hint(CallContext("f"), SMALL)
    assert (local.target, local.fallbacks) == (SMALL, (LocalModel("big"), LocalModel("x")))
    assert local.settings == CallSettings(timeout_s=3.0, accept_above=0.8)
    remote = found.for_hint(CallContext("f"), OTHER)
    assert (remote.target, remote.fallbacks) == (OTHER, (STRONG, LocalModel("x")))
    body = found.for_hint(CallContext("f"), LOCAL)
    assert (body.target, body.fallbacks) == (LOCAL, ())


@given(policies(), CONTEXTS, st.sampled_from([SMALL, LocalModel("echo"), LOCAL]))
def test_nothing_remote_comes_after_a_local_hint(text, context, hint):
    found = engine(text.replace('"small"', '["strong", "small", "other"]'))
    decision = found.for_hint(context, hint)
    assert decision.target == hint
    assert not any(isinstance(target, RemoteModel) for target in decision.fallbacks)


def test_limits_hold_for_hints_too():
    found = engine(HINTED)
    decision = found.for_hint(CallContext("f", tags=PRIVATE), OTHER)
    assert decision.target == LocalModel("x")
    assert decision.alternatives[0].target == OTHER
    assert found.refusal(OTHER, CallContext("f", tags=PRIVATE)) == "the call is tagged `private`: its data never leaves this machine"
    assert found.refusal(OTHER, CallContext("f")) is None


# --- engines of others ---


class Scripted:
    name = "scripted"

    def __init__(self, decision: Decision | BaseException) -> None:
        self.decision = decision
        self.asked = 0
        self.changed = lambda: None

    def decide(self, context: CallContext) -> Decision:
        self.asked += 1
        if isinstance(self.decision, BaseException):
            raise self.decision
        return self.decision

    def resolve(self, symbol: str) -> None:
        return None

    def listen(self, changed) -> None:
        self.changed = changed


ROUTED = '[engines.router]\nuse = "costed"\noptions = { quality = 0.7 }\n' + rule(engine='"router"', fallback='"local:x"', timeout_s="3")


def routed(decision) -> tuple[PolicyEngine, Scripted]:
    inner = Scripted(decision)
    made = []
    found = engine(ROUTED, engines=lambda name, options: made.append((name, options)) or inner)
    assert made == [("costed", {"quality": 0.7})]
    return found, inner


def test_a_rule_hands_over_to_an_engine_within_the_limits():
    said = Decision(STRONG, "best score", 0.9, (OTHER, SMALL), settings=CallSettings(retries=5, timeout_s=60.0), propensity=0.9, engine="router")
    found, inner = routed(said)
    decision = found.decide(CallContext("f"))
    assert (decision.target, decision.fallbacks) == (STRONG, (OTHER, SMALL, LocalModel("x")))
    assert (decision.propensity, decision.confidence, decision.engine) == (0.9, 0.9, "router")
    assert decision.settings == CallSettings(retries=5, timeout_s=3.0)
    assert decision.reasoning == "rule 1 of delegation.toml, engine `router`: best score"
    private = found.decide(CallContext("f", tags=PRIVATE))
    assert (private.target, private.fallbacks) == (SMALL, (LocalModel("x"),))
    assert inner.asked == 2
    told = []
    found.listen(lambda: told.append(1))
    inner.changed()
    assert told == [1]
    assert found.resolve("f") is None


def test_engines_that_learn_get_the_records():
    found, inner = routed(Decision(STRONG))
    found.add("a record")  # those that do not learn are left alone
    learnt: list[object] = []
    inner.add = learnt.append
    found = engine(ROUTED, engines=lambda name, options: inner)
    found.add("a record")
    assert learnt == ["a record"]


def test_an_engine_that_fails_leaves_the_fallbacks():
    found, _ = routed(ZeroDivisionError("oops"))
    decision = found.decide(CallContext("f"))
    assert decision.target == LocalModel("x")
    assert decision.reasoning == "rule 1 of delegation.toml: engine `router` failed: ZeroDivisionError: oops"
    with pytest.raises(LimitExceeded):
        routed(LimitExceeded("spent", kind="budget-exhausted"))[0].decide(CallContext("f"))


def test_an_engine_that_nobody_offers_is_an_error_when_it_is_needed():
    with pytest.raises(ConfigError, match="no installed package offers the engine `nobody`"):
        engine(ROUTED.replace("costed", "nobody"))
    engine('[engines.router]\nuse = "costed"\n')  # no rule asks for it


# --- in use ---


def test_another_policy_holds_from_now_on_and_listeners_know():
    found = engine(rule(target='"small"'))
    told = []
    found.listen(lambda: told.append(found.decide(CallContext("f")).target))
    found.swap(read_policy(NAMES + rule(target='"other"'), "d.toml"))
    assert told == [OTHER]


def test_in_a_chain_the_next_engine_is_asked_where_no_rule_can_fit():
    chain = ChainEngine([engine(rule(symbol='"f"', target='"small"')), StaticEngine({"g": "remote:gpt"})])
    assert [chain.decide(CallContext(symbol)).target for symbol in "fgh"] == [SMALL, OTHER, LOCAL]


def test_threads_agree_while_the_policy_changes():
    texts = [rule(symbol='"m/*"', target=f'"local:v{i}"', fallback='"strong"') for i in range(2)]
    both = [read_policy(NAMES + text, "d.toml") for text in texts]
    found = PolicyEngine(both[0])
    wrong, stop = [], threading.Event()

    def ask() -> None:
        i = 0
        while not stop.is_set():
            i += 1
            decision = found.decide(CallContext(f"m/f{i % 50}", tags=PRIVATE if i % 2 else frozenset()))
            if not decision.target.printed.startswith("local_model:v") or bool(decision.fallbacks) is bool(i % 2):
                wrong.append(decision)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(100):
        found.swap(both[i % 2])
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


# --- explaining ---


def test_an_explanation_names_every_target_and_every_rule_before():
    found = engine(rule(name='"legal"', symbol='"legal/*"', target='"strong"') + rule(symbol='"f"', target='"small"', fallback='"other"'))
    told = explain(found, CallContext("f", tags=PRIVATE), ("string",))
    assert [(v.target, v.state) for v in told.verdicts] == [(SMALL, "taken"), (OTHER, "rejected"), (STRONG, "rejected")]
    assert all(v.reason == "the call is tagged `private`: its data never leaves this machine" for v in told.verdicts[1:])
    assert told.passed == (("rule `legal`", "delegation.toml:5:1", "`f` is not `legal/*`"),)
    assert told.rule == ("rule 2", "delegation.toml:9:1")
    text = "\n".join(lines(told))
    assert "remote:gpt" in text
    assert "rejected: the call is tagged `private`" in text
    assert explain(found, CallContext("f")).verdicts[2].state == "not asked"
    assert explain(found, CallContext("f"), hint=OTHER).hint == OTHER


def test_an_engine_of_somebody_else_that_cannot_be_made_is_an_error_with_a_place():
    def broken(name: str, options: object) -> object:
        raise ImportError("no module named torch")

    policy = read_policy('[[rules]]\nsymbol = "f"\nengine = "mine"\n[engines.mine]\n', "delegation.toml")
    with pytest.raises(ConfigError) as caught:
        PolicyEngine(policy, engines=broken)  # type: ignore[arg-type]
    assert caught.value.message == "engine `mine` of delegation.toml cannot be made: ImportError: no module named torch"
    assert str(caught.value.span) == "delegation.toml:4:1"
