"""The provider `rules`: patterns and tables that a function brings with it, for answers that need no model.

    ^{:rules [["(?i)refund|charged twice" "billing"]      a regular expression, looked for in the operands' text
              ["(?i)crash|error"          "bug" 0.9]      how sure it is, when 1.0 would be too much
              [:else                      "other"]]}

    ^{:rules {:topic [["card" "card"] [:else "other" 0.3]]      a map: the fields of a record, each by rules of its own
              :urgent [["lost|stolen" true] [:else false 0.8]]}}

A key that is not a text is compared with the operand: `[[404 "missing"] [500 "broken"]]` is a table (with the vector of them where
there are several operands).  The first rule that fits gives the value.  Its *score* says how far that is to be trusted:

| what fits                                | score                                                |
|------------------------------------------|------------------------------------------------------|
| one rule, or several with the same value | that of the first: 1.0 where it says nothing         |
| rules with n different values            | that of the first, divided by n                      |
| none, and there is `:else`               | that of `:else`: 0.5 where it says nothing           |
| none, and there is no `:else`            | no answer: the next target is asked                  |

Of the fields of a record, the least.  The same operands always have the same answer; nothing is sent and nothing is billed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rtfs.errors import ConfigError, DelegationError, EvalError
from rtfs.models.prompt import is_text, json_text, without_refinements
from rtfs.models.protocol import NO_USAGE, Availability, ModelReply, ModelRequest
from rtfs.types.nodes import STRING
from rtfs.types.regex import Regex, regex
from rtfs.values.equality import equal
from rtfs.values.maps import Map
from rtfs.values.printing import preview, to_readable, to_text
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import List, Vector

ELSE = Keyword("else")
_ELSE_SCORE = 0.5
_MOST_RULES = 1_000  # each may take its time
_LONGEST_PATTERN = 20_000  # characters, which take time to compile


@dataclass(frozen=True, slots=True)
class Rule:
    """What it wants, and what it says then."""

    pattern: Regex | None
    key: Any
    """Compared with the operand, where there is no pattern."""
    value: Any
    written: str
    """The value as text, by which values are told apart."""
    score: float


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules for one value."""

    rules: tuple[Rule, ...]
    fallback: Rule | None

    @classmethod
    def of(cls, given: Any, place: str = "") -> Rules:
        """Read them.

        Args:
            place: how messages call a field of a record.
        Raises:
            ConfigError: names the rule and what is wrong with it.
        """
        if not isinstance(given, (Vector, List)) or not len(given):
            raise ConfigError(f"{place}expected a vector of rules, such as [[\"lost|stolen\" true] [:else false]]")
        if len(given) > _MOST_RULES:
            raise ConfigError(f"{place}more than {_MOST_RULES:,} rules")
        read = [_rule(entry, f"{place}rule {i}: ") for i, entry in enumerate(given.items(), 1)]
        fallbacks = [rule for rule in read if rule.pattern is None and rule.key == ELSE]
        if fallbacks and (len(fallbacks) > 1 or read[-1] is not fallbacks[0]):
            raise ConfigError(f"{place}`:else` comes once, and last")
        return cls(tuple(read[:-1] if fallbacks else read), fallbacks[0] if fallbacks else None)

    def answer(self, operand: Any, text: str, late: Callable[[], None]) -> tuple[Any, float] | None:
        """The value and its score; None when no rule fits.

        Args:
            late: called before each search, and raises when the time is over.
        Raises:
            EvalError: a pattern could take too long for this text.
        """
        first: Rule | None = None
        values = set()
        for rule in self.rules:
            if rule.pattern is None:
                if not equal(rule.key, operand):
                    continue
            else:
                late()
                if rule.pattern.search(text) is None:
                    continue
            first = first or rule
            values.add(rule.written)
        if first is not None:
            return first.value, first.score / len(values)
        return None if self.fallback is None else (self.fallback.value, self.fallback.score)


def _rule(entry: Any, place: str) -> Rule:
    if not isinstance(entry, (Vector, List)) or not 2 <= len(entry) <= 3:
        raise ConfigError(f"{place}expected [pattern value] or [pattern value score], got {preview(entry, 80)}")
    key, value, *scores = entry.items()
    score: Any = scores[0] if scores else (_ELSE_SCORE if key == ELSE else 1.0)
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 <= score <= 1:
        raise ConfigError(f"{place}a score is a number from 0 to 1, got {preview(score, 80)}")
    pattern = _compiled(key, place) if isinstance(key, str) else None
    return Rule(pattern, key, value, to_readable(value), float(score))


def _compiled(pattern: str, place: str) -> Regex:
    if len(pattern) > _LONGEST_PATTERN:
        raise ConfigError(f"{place}the pattern has more than {_LONGEST_PATTERN:,} characters")
    try:
        return regex(pattern)
    except (re.error, OverflowError) as error:
        reason = str(error)
    except RecursionError:
        reason = "nested too deeply"
    raise ConfigError(f"{place}{preview(pattern, 80)} is no regular expression: {reason}")


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of a function: for its value, or for each field of it."""

    whole: Rules | None
    fields: tuple[tuple[Keyword, Rules], ...] = ()

    @classmethod
    def of(cls, given: Any) -> RuleSet:
        """What `:rules` in the metadata says.

        Raises:
            ConfigError: it is no set of rules.
        """
        if not isinstance(given, Map):
            return cls(Rules.of(given))
        for name, _ in given.items():
            if not isinstance(name, Keyword):
                raise ConfigError(f"a field is named by a keyword, got {preview(name, 80)}")
        if not len(given):
            raise ConfigError("a map of rules has at least one field")
        return cls(None, tuple([(name, Rules.of(rules, f"{name}, ")) for name, rules in given.items()]))

    def __len__(self) -> int:
        """How many rules there are, with those for all else."""
        parts = [rules for _, rules in self.fields] if self.whole is None else [self.whole]
        return sum([len(part.rules) + (part.fallback is not None) for part in parts])


class RulesProvider:
    """Answers from the rules of the function that is asked about. Safe to use from several threads."""

    name = "rules"
    free = instant = True
    calls_tools = True  # it never does
    uses_tokens = False

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """
        Args:
            clock: seconds, monotonic.
        """
        self._clock = clock

    def complete(self, request: ModelRequest) -> ModelReply:
        rules = request.rules
        if rules is None:
            raise DelegationError(
                f"{request.function} has no rules",
                kind="model-unavailable",
                hint='give it some: ^{:rules [["lost|stolen" true] [:else false]]}',
            )
        deadline = self._clock() + request.timeout_s

        def late() -> None:
            if self._clock() > deadline:
                raise DelegationError(f"the rules took longer than {request.timeout_s:g} s", usage=NO_USAGE)

        operands = [parameter.value for parameter in request.parameters]
        operand = operands[0] if len(operands) == 1 else Vector(operands)
        text = "\n".join([to_text(value) for value in operands])
        try:
            value, score = _answer(rules, operand, text, late)
        except EvalError as error:
            raise DelegationError(error.message, hint=error.hint, usage=NO_USAGE) from error
        return ModelReply(text=_written(value, request), usage=NO_USAGE, score=score, model=self.name)

    def availability(self, model: str) -> Availability:
        return Availability(usable=True, detail="built in: patterns and tables in the function's metadata, `:rules`")

    def close(self) -> None:
        pass


def _answer(rules: RuleSet, operand: Any, text: str, late: Callable[[], None]) -> tuple[Any, float]:
    if rules.whole is not None:
        found = rules.whole.answer(operand, text, late)
        if found is None:
            raise DelegationError("no rule fits", usage=NO_USAGE)
        return found
    least = 1.0
    values = []
    for name, of_field in rules.fields:
        found = of_field.answer(operand, text, late)
        if found is None:
            raise DelegationError(f"no rule for {name} fits", usage=NO_USAGE)
        values.append((name, found[0]))
        least = min(least, found[1])
    return Map(values), least


def _written(value: Any, request: ModelRequest) -> str:
    """A value in the form in which a model would write it."""
    lookup = request.aliases.get
    if isinstance(value, str) and (is_text(request.result, lookup) or without_refinements(request.result, lookup) == STRING):
        return value
    return json_text(value, request.result, lookup)
