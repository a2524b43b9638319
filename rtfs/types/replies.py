"""A model's reply as a value: exact if possible, repaired if need be, refused otherwise.

The readings are tried in stages, from the one that assumes nothing to the one that assumes most; the first stage that gives a
value decides, and when it gives several different ones the reply is refused.  Whatever a stage extracts or mends has to be a
value of the type exactly, refinements included, so a repair can change how something was written and never what.
"""

from __future__ import annotations

from collections.abc import Iterator

from rtfs.types.coerce import KEYWORD_NAME, NUMBER_TEXT, SYMBOL_NAME, TIMESTAMP, UUID, Reader
from rtfs.types.json_text import JsonProblem, fences, load, mend, spans, tail
from rtfs.types.labels import find_label, label_in_sentence, number_in_sentence, strip_marks
from rtfs.types.mismatch import shorten
from rtfs.types.nodes import (
    AnyType,
    EnumType,
    IntersectionType,
    Lookup,
    Primitive,
    RefinedType,
    Type,
    UnionType,
    resolve,
)
from rtfs.types.wording import CoercionError, describe, json_text
from rtfs.values.equality import equal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_STRUCTURES = frozenset({"vector", "list", "map"})

#: (data to be coerced, repairs that led to it)
_Reading = tuple["Any", list[str]]


def read_reply(text: str, type: Type, lookup: Lookup) -> tuple[Any, list[str]]:
    """See `rtfs.types.coerce.coerce_text`."""
    return _Reply(text.strip().removeprefix("\ufeff").strip(), type, lookup).read()


def _leaves(type: Type, lookup: Lookup) -> list[Type]:
    """The kinds of value among which a reply may choose: options of unions, bases of refinements, names followed."""
    out: list[Type] = []
    seen: set[int] = set()
    waiting = [type]
    while waiting:
        target = resolve(waiting.pop(0), lookup)
        if target is None or id(target) in seen:
            continue
        seen.add(id(target))
        if isinstance(target, UnionType):
            waiting = [*target.options, *waiting]
        elif isinstance(target, RefinedType):
            waiting.insert(0, target.base)
        elif isinstance(target, IntersectionType):
            waiting.insert(0, target.parts[0])
        else:
            out.append(target)
    return out


def _is(type: Type, *names: str) -> bool:
    return isinstance(type, Primitive) and type.name in names


class _Reply:
    def __init__(self, text: str, type: Type, lookup: Lookup) -> None:
        self.text = text
        self.type = type
        self.lookup = lookup
        self.leaves = _leaves(type, lookup)
        self.takes_text = bool([leaf for leaf in self.leaves if isinstance(leaf, AnyType) or _is(leaf, "string")])
        scalar_names = ("int", "float", "bool", "nil", "keyword", "symbol", "timestamp", "uuid", "string")
        self.takes_structure = bool(
            [leaf for leaf in self.leaves if not isinstance(leaf, (AnyType, EnumType)) and not _is(leaf, *scalar_names)]
        )
        self.fences = fences(text)
        #: The first reason why something that was nearly right was not taken.
        self.problem: str | None = None
        self.json_problem: str | None = None

    def read(self) -> tuple[Any, list[str]]:
        if not self.text and not self.takes_text:
            raise CoercionError(f"the reply must be {self.wanted()}, but is empty")
        for stage in (self.stages_with_text if self.takes_text else self.stages)():
            found: list[tuple[Any, list[str]]] = []
            for data, repairs in stage:
                self.take(data, repairs, found)
            if len(found) > 1:
                raise CoercionError(f"the reply must be {self.wanted()}, but holds {len(found)} different ones; give only one")
            if found:
                return found[0]
        raise self.refusal()

    def take(self, data: Any, repairs: list[str], found: list[tuple[Any, list[str]]]) -> None:
        """Adds the value of a reading to `found`, if it is one and is not there yet."""
        lenient = bool(repairs) and repairs[-1] == _LENIENT
        repairs = repairs[:-1] if lenient else list(repairs)
        mended = _MENDED in repairs
        reader = Reader(self.lookup, repairs if lenient else None)
        try:
            value = reader.read(data, self.type, None, 0)
        except CoercionError as error:
            if not mended:  # what is wrong with the JSON itself is the better news
                self.problem = self.problem or error.problem
            return
        except RecursionError:
            self.problem = self.problem or "the value is nested too deep"
            return
        if not [other for other, _ in found if equal(other, value)]:
            found.append((value, repairs))

    # --- stages ---

    def stages(self) -> Iterator[Iterator[_Reading]]:
        """For types that no plain text belongs to."""
        yield self.whole()
        yield self.bare(exact=True)
        yield self.bare(exact=False)
        yield self.blocks()
        yield self.embedded()
        yield self.unwrapped()
        yield self.lenient()
        if self.takes_structure:
            yield self.mended()
        if not (self.takes_structure and ("{" in self.text or "[" in self.text)):
            yield self.sentence()

    def stages_with_text(self) -> Iterator[Iterator[_Reading]]:
        """For `string`, `any` and unions with them: nearly every reply is a value as it stands."""
        others = len(self.leaves) > 1
        if others:
            yield self.whole(strings=False)
            yield self.bare(exact=True)
            if self.takes_structure:
                yield self.blocks(strings=False)
        yield self.literal()
        if not (others and self.looks_structured()):
            yield iter([(self.text, [])])
            yield iter([(strip_marks(self.text), ["removed quotes or punctuation around the text"])])
        if self.takes_structure:
            yield self.lenient()
            yield self.mended()
            yield iter([(self.text, [])])

    def looks_structured(self) -> bool:
        return self.takes_structure and self.text[:1] in ("{", "[")

    def whole(self, *, strings: bool = True) -> Iterator[_Reading]:
        """The reply is JSON."""
        try:
            data, remarks = load(self.text)
        except JsonProblem as problem:
            self.json_problem = str(problem)
            return
        if strings or not isinstance(data, str):
            yield data, remarks

    def literal(self) -> Iterator[_Reading]:
        """The reply is one JSON string."""
        if self.text[:1] == '"' == self.text[-1:]:
            try:
                data, _ = load(self.text)
            except JsonProblem:
                return
            if isinstance(data, str):
                yield data, ["decoded the JSON string"]

    def bare(self, *, exact: bool) -> Iterator[_Reading]:
        """The reply is a label, a number, a keyword … by itself, without the quotes that JSON would want."""
        texts: list[tuple[str, list[str]]] = [(self.text, [])]
        leaves = self.leaves
        if self.takes_text:  # every reply is a text: only what is unmistakably something else is not
            leaves = [
                leaf for leaf in leaves if not _is(leaf, "keyword", "symbol") or (self.text[:1] == ":" and not _is(leaf, "symbol"))
            ]
        if not exact and len(self.fences) == 1:
            texts.append((self.fences[0], ["took the contents of the fenced block"]))
        for text, repairs in texts:
            for leaf in leaves:
                for data, words in _bare(text, leaf):
                    if not words or not exact or (self.takes_text and _is(leaf, "nil")):
                        yield data, [*repairs, *([words] if words else [])]

    def blocks(self, *, strings: bool = True) -> Iterator[_Reading]:
        """A fenced block is JSON."""
        for block in self.fences:
            try:
                data, remarks = load(block)
            except JsonProblem as problem:
                self.json_problem = str(problem)
                continue
            if strings or not isinstance(data, str):
                yield data, ["took the contents of the fenced block", *remarks]

    def embedded(self) -> Iterator[_Reading]:
        """An object or array stands in prose."""
        if self.takes_structure:
            for part in spans(self.text):
                if part == self.text:
                    continue
                try:
                    data, remarks = load(part)
                except JsonProblem as problem:
                    self.json_problem = str(problem)
                    continue
                yield data, [f"took the {'object' if part[0] == '{' else 'array'} out of the text around it", *remarks]

    def unwrapped(self) -> Iterator[_Reading]:
        """The value is the only entry of an object, or the only item of an array, that is the reply."""
        for data, repairs in [*self.whole(), *self.blocks()]:
            inner = _only(data)
            if inner is not None:
                yield inner[0], [*repairs, inner[1]]

    def lenient(self) -> Iterator[_Reading]:
        """JSON whose leaves are written in another way than asked for."""
        readings = [*self.whole(), *self.blocks(), *self.embedded()]
        for data, repairs in readings:
            yield data, [*repairs, _LENIENT]
            inner = _only(data)
            if inner is not None:
                yield inner[0], [*repairs, inner[1], _LENIENT]

    def mended(self) -> Iterator[_Reading]:
        """Malformed JSON."""
        parts = [*self.fences, *spans(self.text)]
        last = tail(self.text)
        for part in [*parts, *([last] if last is not None and last not in parts else [])]:
            data = mend(part)
            if data is not None:
                repairs = [] if part == self.text else ["took the JSON out of the text around it"]
                repairs.append(_MENDED)
                yield data, [*repairs, _LENIENT]
                inner = _only(data)
                if inner is not None:
                    yield inner[0], [*repairs, inner[1], _LENIENT]

    def sentence(self) -> Iterator[_Reading]:
        """A short sentence names exactly one label, number, timestamp or uuid."""
        numbers = False
        for leaf in self.leaves:
            labels = _labels(leaf)
            if labels is not None:
                found = label_in_sentence(self.text, labels)
                if found is not None:
                    yield found[0], [found[1]]
            elif _is(leaf, "int", "float") and not numbers:
                numbers = True
                number = number_in_sentence(self.text)
                if number is not None:
                    yield number[0], [number[1]]
            elif _is(leaf, "timestamp", "uuid"):
                yield from _only_match(self.text, TIMESTAMP if _is(leaf, "timestamp") else UUID)

    # --- refusing ---

    def wanted(self) -> str:
        return shorten(describe(self.type, self.lookup), 400)

    def refusal(self) -> CoercionError:
        if self.problem is not None and not (self.takes_structure and self.problem.startswith("the value must be")):
            return CoercionError(self.problem.replace("the value", "the reply", 1))
        if self.takes_structure and ("{" in self.text or "[" in self.text):
            if self.problem is None and self.json_problem is not None:
                return CoercionError(f"the reply must be {self.wanted()}, but is not valid JSON: {self.json_problem}")
        elif self.takes_structure:
            return CoercionError(f"the reply must be {self.wanted()}, written as JSON, but is {json_text(self.text)}")
        if self.problem is not None:
            return CoercionError(self.problem.replace("the value", "the reply", 1))
        return CoercionError(f"the reply must be {self.wanted()}, but is {json_text(self.text)}")


_LENIENT = "lenient"  # marks a reading whose leaves may be repaired
_MENDED = "mended malformed JSON"


def _labels(leaf: Type) -> tuple[Any, ...] | None:
    """The literals of a type that has finitely many."""
    if isinstance(leaf, EnumType):
        return leaf.values
    if _is(leaf, "bool"):
        return (True, False)
    return (None,) if _is(leaf, "nil") else None


def _bare(text: str, leaf: Type) -> Iterator[tuple[Any, str | None]]:
    """What a whole text is as a value of a scalar type, with the words for what was overlooked."""
    import re

    labels = _labels(leaf)
    if labels is not None:
        found = find_label(text, labels)
        if found is not None:
            yield found
        return
    bare = strip_marks(text)
    words = None if bare == text else "removed quotes or punctuation around the value"
    if _is(leaf, "int", "float"):
        digits = bare.removeprefix("+")
        if re.fullmatch(NUMBER_TEXT, digits):
            try:
                yield load(digits)[0], words
            except JsonProblem:
                return
    elif _is(leaf, "keyword"):
        # a sentence is no keyword, and neither is "Sorry": without its colon a keyword is written in small letters
        name = bare.removeprefix(":")
        if re.fullmatch(KEYWORD_NAME, name) and (bare.startswith(":") or name == name.lower()):
            yield ":" + name, words
    elif _is(leaf, "symbol"):
        if re.fullmatch(SYMBOL_NAME, bare):
            yield bare, words
    elif _is(leaf, "timestamp", "uuid") and re.fullmatch(TIMESTAMP if _is(leaf, "timestamp") else UUID, bare):
        yield bare, words


def _only(data: Any) -> tuple[Any, str] | None:
    if isinstance(data, dict) and len(data) == 1:
        ((key, value),) = data.items()
        return value, f"took the value of the only key, {json_text(key)}"
    if isinstance(data, list) and len(data) == 1:
        return data[0], "took the only item of the array"
    return None


def _only_match(text: str, pattern: str) -> Iterator[_Reading]:
    import re

    found = set(re.findall(rf"(?<![\w-]){pattern}(?![\w-])", text))
    if len(found) == 1:
        yield found.pop(), ["took the only one that the text holds"]
