"""The provider `rules`: what it answers, how sure it is, and what it does with bad rules."""

from __future__ import annotations

import time
from typing import Any

import pytest

import rtfs
from rtfs.errors import ConfigError, DelegationError, EvalError
from rtfs.models.protocol import ModelRequest, Parameter
from rtfs.models.rules import RuleSet, RulesProvider
from rtfs.runtime import Runtime
from rtfs.types.nodes import ANY, BOOL, INT, STRING, Entry, EnumType, RecordType, Type
from rtfs.values.scalars import Keyword

TOPIC = EnumType(("card", "cash", "other"))
TOPICS = '[["(?i)card" "card"] ["cash|atm" "cash"] ["credit card" "card"] [:else "other"]]'


def read(text: str) -> Any:
    return Runtime(models=None).run(f"(quote {text})", raw=True)


def asked(rules: str, *values: Any, result: Type = TOPIC, **extras: Any) -> tuple[str, float | None]:
    parameters = tuple(Parameter(name=f"p{i}", type=ANY, value=value) for i, value in enumerate(values))
    request = ModelRequest(
        model="rules", function="f", doc="", parameters=parameters, result=result, rules=RuleSet.of(read(rules)), **extras
    )
    reply = RulesProvider().complete(request)
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (0, 0)
    return reply.text, reply.score


@pytest.mark.parametrize(
    "text, answer",
    [
        ("My CARD is lost", ('"card"', 1.0)),
        ("my credit card", ('"card"', 1.0)),  # two rules, one value
        ("the atm kept my card", ('"card"', 0.5)),  # the first of two values
        ("hello", ('"other"', 0.5)),
    ],
)
def test_the_score_says_how_many_values_fit(text: str, answer: tuple[str, float]) -> None:
    assert asked(TOPICS, text) == answer


def test_a_rule_may_say_how_sure_it_is() -> None:
    rules = '[["a" "card" 0.9] ["b" "cash" 0.6] [:else "other" 0.25]]'
    assert asked(rules, "a") == ('"card"', 0.9)
    assert asked(rules, "b") == ('"cash"', 0.6)
    assert asked(rules, "ab") == ('"card"', 0.45)
    assert asked(rules, "c") == ('"other"', 0.25)


def test_the_fields_of_a_record_have_rules_of_their_own_and_the_least_score_counts() -> None:
    ticket = RecordType((Entry(Keyword("topic"), TOPIC), Entry(Keyword("urgent"), BOOL)))
    rules = f'{{:topic {TOPICS} :urgent [["lost" true] [:else false 0.8]]}}'
    assert asked(rules, "my card is lost", result=ticket) == ('{"topic": "card", "urgent": true}', 1.0)
    assert asked(rules, "my card", result=ticket) == ('{"topic": "card", "urgent": false}', 0.8)
    assert asked(rules, "it is lost", result=ticket) == ('{"topic": "other", "urgent": true}', 0.5)


def test_a_table_compares_operands() -> None:
    table = '[[404 "missing"] [500 "broken"] [:gone "gone"] [:else "?"]]'
    assert asked(table, 404, result=STRING) == ("missing", 1.0)
    assert asked(table, Keyword("gone"), result=STRING) == ("gone", 1.0)
    assert asked(table, "404", result=STRING) == ("?", 0.5)
    assert asked('[[[1 :a] 10] ["b" 20]]', 1, Keyword("a"), result=INT) == ("10", 1.0)
    assert asked('[[[1 :a] 10] ["b" 20]]', 1, "b", result=INT) == ("20", 1.0)


def test_no_rule_fits() -> None:
    for rules in ('[["a" "card"]]', '{:topic [["a" "card"]]}'):
        with pytest.raises(DelegationError, match=r"no rule.* fits") as caught:
            asked(rules, "b")
        assert not caught.value.retryable


@pytest.mark.parametrize(
    "rules, problem",
    [
        ("5", "expected a vector of rules"),
        ("[]", "expected a vector of rules"),
        ('["a" 1]', "rule 1: expected .pattern value."),
        ('[["a"]]', "rule 1: expected .pattern value."),
        ('[["a" 1 2]]', "rule 1: a score is a number from 0 to 1, got 2"),
        ('[["a" 1 true]]', "rule 1: a score is a number"),
        ('[["a" 1] ["(" 2]]', r"rule 2: .* is no regular expression"),
        ('[["a{99999999999}" 1]]', "rule 1: .* is no regular expression"),
        (f'[["{"(" * 5000}" 1]]', "rule 1: .* is no regular expression"),
        (f'[["{"a" * 20_001}" 1]]', "rule 1: the pattern has more than 20,000 characters"),
        ('[[:else 1] ["a" 2]]', "`:else` comes once, and last"),
        ('[["a" 2] [:else 1] [:else 1]]', "`:else` comes once, and last"),
        ("{}", "at least one field"),
        ('{"topic" [["a" 1]]}', "a field is named by a keyword"),
        ('{:topic [["(" 1]]}', ":topic, rule 1: "),
    ],
)
def test_bad_rules_are_named(rules: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        RuleSet.of(read(rules))


def test_a_hostile_pattern_ends() -> None:
    begin = time.process_time()
    assert asked('[["(a+)+$" "card"] [:else "other"]]', "a" * 5_000 + "b") == ('"other"', 0.5)
    with pytest.raises(DelegationError, match="could take too long"):  # no automaton follows a back reference
        asked('[["(a+)+\\\\1$" "card"]]', "a" * 5_000 + "b")
    assert time.process_time() - begin < 5


def test_rules_keep_to_the_time_of_the_request() -> None:
    seconds = iter(range(100))
    provider = RulesProvider(clock=lambda: next(seconds))
    rules = RuleSet.of(read('[["a" 1] ["b" 2] ["c" 3] ["d" 4]]'))
    parameters = (Parameter(name="x", type=STRING, value="d"),)
    request = ModelRequest(model="rules", function="f", doc="", parameters=parameters, result=INT, rules=rules, timeout_s=2.0)
    with pytest.raises(DelegationError, match="the rules took longer than 2 s"):
        provider.complete(request)


PROGRAM = """
(defn topic ^:delegation :local-model "rules" ^{:rules [["card" "card"] ["cash" "cash"]]}
  [text :string] :-> [:enum "card" "cash" "body"] "body")
"""


@pytest.mark.parametrize("strategy", ["ir", "tree"])
def test_a_program_is_answered_by_its_rules(strategy: str) -> None:
    with rtfs.Runtime(strategy=strategy, environ={}, on_warning=lambda message, span: None) as runtime:
        assert runtime.run(PROGRAM + '(map topic ["a card" "cash and card" "neither"])') == ["card", "card", "body"]
        first, second, third = runtime.records.calls
    assert (first.provider, first.answered_by, first.score, first.attempts[0].cost_usd) == ("rules", "rules", 1.0, 0.0)
    assert second.score == 0.5
    assert (third.source, third.error) == ("body", "no rule fits")


def test_rules_cost_nothing_under_a_budget_of_money() -> None:
    with rtfs.Runtime(environ={}) as runtime:
        assert runtime.run(PROGRAM + '(with-budget {:usd 0.000001 :tokens 1} (topic "card"))') == "card"


def test_a_mistake_in_the_rules_is_an_error_and_not_a_fallback() -> None:
    problem = r"topic: the option `:rules`: rule 1: .* is no regular expression"
    with rtfs.Runtime(environ={}) as runtime, pytest.raises(EvalError, match=problem) as caught:
        runtime.run(PROGRAM.replace('"card" "card"', '"(" "card"') + '(topic "x")')
    assert caught.value.kind == "invalid-delegation"


def test_a_function_without_rules_runs_its_body() -> None:
    told: list[str] = []
    with rtfs.Runtime(environ={}, on_warning=lambda message, span: told.append(message)) as runtime:
        assert runtime.run('(defn f ^:delegation :local-model "rules" [x :int] :-> :int (inc x)) (f 1)') == 2
    assert "f has no rules" in told[0]
