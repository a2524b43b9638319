"""How a result type is asked for from a small local model: a plan of slots.

A model of 135 million parameters chooses well among given labels and writes JSON badly, so only what cannot be had
otherwise is generated.  A record is asked for field by field; a slot with few possible values is answered by comparing
the probabilities of their labels; a string is one line of text; only what is left is decoded under a grammar.  RTFS
itself writes the JSON around the answers.

    type                                        plan
    enum, bool, nil, small range of integers    Labels
    one possible value                          Constant
    string (also optional)                      Line, without a grammar
    vector of strings or of labels              Items: one line, parted by commas
    numbers, other vectors, maps, unions, …     Line, with a grammar
    record                                      Fields, one plan each
    any, string as the whole result             Prose
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from rtfs.models.grammar import MAX_ITEMS, MAX_STRING, grammar_for, json_of, merged
from rtfs.models.grammar_bounds import NotExpressible, bounds, integer_range, quoted
from rtfs.types.nodes import (
    AnyType,
    EnumType,
    IntersectionType,
    Primitive,
    RecordType,
    RefinedType,
    Type,
    TypeRef,
    UnionType,
    VectorType,
)
from rtfs.values.equality import equal
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import Sequence

#: Integers are compared as labels up to this many of them; scoring more costs more than decoding digits.
MAX_RANGE = 20
#: Records with more slots than this are decoded as one JSON text.
MAX_FIELDS = 24

ABSENT = "none"
#: Words of a function's name that say what it does, not what its result is.
_VERBS = frozenset(
    word
    for line in (
        "answer ask assign calculate call categorize check choose classify compute decide derive detect determine does",
        "estimate extract find from generate get give guess has identify infer is judge label make of parse pick predict",
        "rate read recognize say select tell the to what which who with write",
    )
    for word in line.split()
)
_ABSENT_WORDS = frozenset({"none", "null", "nil", "n/a", "na", "not given", "not specified", "unknown", "-", ""})


@dataclass(frozen=True, slots=True)
class Constant:
    """The only value there is."""

    json: str


@dataclass(frozen=True, slots=True)
class Labels:
    """One of a few values. `texts` are what the model compares, in the order of `values`; all differ."""

    values: tuple[Any, ...]
    texts: tuple[str, ...]
    jsons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text.

    Under `grammar` the line is JSON.  Without one it is a bare string of at most `max_chars` characters, and
    when `nullable` a line such as `none` stands for nil.
    """

    grammar: str | None = None
    max_chars: int = MAX_STRING
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A vector on one line, parted by commas: of strings, or of labels, which have a grammar."""

    least: int
    most: int
    labels: Labels | None = None
    grammar: str | None = None


@dataclass(frozen=True, slots=True)
class Prose:
    """Free text as the whole result, at most `max_chars` characters (None: as long as it gets)."""

    max_chars: int | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One entry of a record. An optional one is left out when its answer is nil."""

    key: Any
    json_key: str
    label: str
    """The key in words, for the prompt."""
    plan: Plan
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Fields:
    """A record, slot by slot."""

    fields: tuple[Field, ...]


Plan: TypeAlias = "Constant | Labels | Line | Items | Prose | Fields"


def compile_plan(type_: Type, aliases: Mapping[str, Type] | None = None, *, function: str = "") -> Plan:
    """The plan for a result type.

    Args:
        function: the function's name; a boolean result is asked for in its words.
    Raises:
        NotExpressible: no text stands for a value of the type (functions, resources, streams, unknown names).
    """
    table = aliases or {}
    try:
        top = _resolved(type_, table)
        if isinstance(top, AnyType):
            return Prose()
        limit = _free_string(top)
        if limit is not None:
            return Prose() if top == Primitive("string") else Prose(limit)
        return _plan(top, table, 0, result_words(function))
    except RecursionError:
        raise NotExpressible("the type is nested too deep") from None


def _plan(type_: Type, aliases: Mapping[str, Type], depth: int, name: str) -> Plan:
    """`name` says in words what the value is."""
    type_ = _resolved(type_, aliases)
    choices = _choices(type_, aliases)
    if choices is not None:
        return _labels(choices, name)
    limit = _free_string(type_)
    if limit is not None:
        return Line(max_chars=limit)
    if isinstance(type_, UnionType):
        rest = [o for o in type_.options if o != Primitive("nil")]
        limit = _free_string(_resolved(rest[0], aliases)) if len(rest) == 1 else None
        if limit is not None:
            return Line(max_chars=limit, nullable=True)
    if isinstance(type_, RecordType) and depth < 3:
        fields = tuple(_field(e.key, e.type, e.optional, aliases, depth) for e in type_.entries)
        if 0 < sum(map(_slots, fields)) <= MAX_FIELDS:
            return Fields(fields)
        if not fields:
            return Constant("{}")
    return _items(type_, aliases) or Line(grammar=grammar_for(type_, aliases, before=" ", after="\n"))


def _items(type_: Type, aliases: Mapping[str, Type]) -> Items | None:
    """The plan for a vector whose items can stand between commas."""
    found: dict[str, Any] = bounds(type_) if isinstance(type_, RefinedType) else {}
    base = type_.base if isinstance(type_, RefinedType) else type_
    if not isinstance(base, VectorType) or not found.keys() <= {"min", "max"}:
        return None
    least, most = found.get("min", 0), found.get("max", max(MAX_ITEMS, found.get("min", 0)))
    if not 0 < most <= 100 or least > most:
        return None
    item = _resolved(base.item, aliases)
    if item == Primitive("string") and least <= 1:
        return Items(least, most)
    choices = _choices(item, aliases)
    labels = _labels(choices, "") if choices is not None else None
    if not isinstance(labels, Labels) or any("," in t or t == ABSENT for t in labels.texts):
        return None
    one = "(" + " | ".join(map(quoted, labels.texts)) + ")"
    body = f'{one} (", " {one}){{{max(least - 1, 0)},{most - 1}}}'
    return Items(least, most, labels, f'root ::= " " ({body}{"" if least else " | " + quoted(ABSENT)}) "\\n"\n')


def _field(key: Any, type_: Type, optional: bool, aliases: Mapping[str, Type], depth: int) -> Field:
    text = json_of(key)
    json_key = text if text.startswith('"') else json.dumps(text)
    if optional:
        type_ = _with_nil(_resolved(type_, aliases))
    label = in_words(json.loads(json_key)) or "entry"
    plan = _plan(type_, aliases, depth + 1, label)
    return Field(key, json_key, "answer" if is_yes_or_no(plan) else label, plan, optional)


def _with_nil(type_: Type) -> Type:
    options = type_.options if isinstance(type_, UnionType) else (type_,)
    return type_ if Primitive("nil") in options else UnionType((*options, Primitive("nil")))


def _slots(field: Field) -> int:
    return sum(map(_slots, field.plan.fields)) if isinstance(field.plan, Fields) else 1


def written_slots(plan: Plan) -> int:
    """How many slots of a plan the model has to write, as opposed to choose."""
    if isinstance(plan, Fields):
        return sum(written_slots(field.plan) for field in plan.fields)
    return int(isinstance(plan, (Line, Items, Prose)))


def _resolved(type_: Type, aliases: Mapping[str, Type]) -> Type:
    """The type behind names and intersections."""
    for _ in range(len(aliases) + 8):
        if isinstance(type_, TypeRef) and type_.name in aliases:
            type_ = aliases[type_.name]
        elif isinstance(type_, IntersectionType):
            type_ = merged(type_)
        elif isinstance(type_, RefinedType) and isinstance(type_.base, TypeRef) and type_.base.name in aliases:
            type_ = RefinedType(aliases[type_.base.name], type_.predicates)
        else:
            return type_
    raise NotExpressible("the name of the type stands for itself")


def _choices(type_: Type, aliases: Mapping[str, Type]) -> list[Any] | None:
    """The values of a type that has only a few, in order; None for all others."""
    if isinstance(type_, EnumType):
        return list(type_.values)
    if isinstance(type_, Primitive) and type_.name in ("bool", "nil"):
        return [True, False] if type_.name == "bool" else [None]
    if isinstance(type_, UnionType):
        all_of_them: list[Any] = []
        for option in type_.options:
            some = _choices(_resolved(option, aliases), aliases)
            if some is None:
                return None
            all_of_them += some
        return all_of_them
    found = integer_range(type_)
    if found is not None:
        low, high = found
        if low is not None and high is not None and 0 <= high - low < MAX_RANGE:
            return list(range(low, high + 1))
    return None


def _labels(values: list[Any], name: str) -> Plan:
    """Labels for values: the friendliest texts that differ from each other."""
    distinct: dict[str, Any] = {}
    for value in values:
        try:
            distinct.setdefault(json_of(value), value)
        except NotExpressible:
            continue
    if not distinct:
        raise NotExpressible("none of the values has a JSON form")
    if len(distinct) == 1:
        return Constant(next(iter(distinct)))
    texts = [_label_text(v, name) for v in distinct.values()]
    if len(set(texts)) < len(texts) or not all(texts):
        texts = list(distinct)
    return Labels(tuple(distinct.values()), tuple(texts), tuple(distinct))


def _label_text(value: Any, name: str) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        # `urgent` against `not urgent`: the words of the question carry more than `yes` and `no` do
        return name if value and name else f"not {name}" if name else "yes" if value else "no"
    if isinstance(value, (Keyword, Symbol)):
        return in_words(value.name)
    if isinstance(value, str):
        return " ".join(value.replace("_", " ").split())
    return json_of(value)


def _free_string(type_: Type) -> int | None:
    """The most characters of a string type that asks for nothing else; None for all other types."""
    if type_ == Primitive("string"):
        return MAX_STRING
    if isinstance(type_, RefinedType) and type_.base == Primitive("string"):
        found = bounds(type_)
        if found.keys() <= {"min", "max"} and found.get("min", 0) <= 1 and found.get("max", 1) >= 1:
            return int(found.get("max", MAX_STRING))
    return None


def in_words(name: str) -> str:
    """A program's name as a person would write it: `due-date`, `due_date` and `dueDate` as `due date`."""
    out = []
    for i, c in enumerate(name):
        if c in "-_/":
            out.append(" ")
        elif c.isupper() and i and name[i - 1].islower():
            out.append(" " + c.lower())
        else:
            out.append(c)
    return " ".join("".join(out).split()).rstrip("?!")


def is_yes_or_no(plan: Plan) -> bool:
    """Whether a plan's labels are those of a boolean: they say themselves what is asked."""
    return isinstance(plan, Labels) and any(isinstance(v, bool) for v in plan.values)


def result_words(function: str) -> str:
    """What a function's result is, by its name: `classify-topic` and `topic-of` give `topic`; nothing when it does not say."""
    if function == "anonymous":
        return ""
    return " ".join(w for w in in_words(function.rpartition("/")[2]).split() if w.lower() not in _VERBS)


# --- answers ---------------------------------------------------------------------------------


def line_json(line: Line, text: str) -> str:
    """The JSON of a decoded line."""
    text = text.strip()
    if line.grammar is not None:
        return text
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    if line.nullable and text.lower().rstrip(".") in _ABSENT_WORDS:
        return "null"
    return json.dumps(text[: line.max_chars], ensure_ascii=False)


def items_json(items: Items, text: str) -> str:
    """The JSON of a decoded line of items. Strings end at the first repetition, which is where small models turn in circles."""
    parts = [part.strip() for part in text.split(",")]
    if items.labels is not None:
        jsons = dict(zip(items.labels.texts, items.labels.jsons, strict=True))
        return "[" + ", ".join(jsons[part] for part in parts if part in jsons) + "]"
    kept: list[str] = []
    for part in parts:
        part = part.strip(" \"'")
        if part.lower() in [k.lower() for k in kept]:
            break
        if part and not (items.least == 0 and part.lower().rstrip(".") in _ABSENT_WORDS):
            kept.append(part[:MAX_STRING])
    return json.dumps(kept[: items.most], ensure_ascii=False)


def answers_of(plan: Plan, value: Any) -> list[str] | None:
    """The texts that a model would have given for a value, one for each slot in order; None if the value does not fit."""
    if isinstance(plan, Constant):
        return []
    if isinstance(plan, Labels):
        return next(([text] for v, text in zip(plan.values, plan.texts, strict=True) if equal(v, value)), None)
    if isinstance(plan, Fields):
        if not isinstance(value, Map):
            return None
        out: list[str] = []
        for field in plan.fields:
            part = answers_of(field.plan, _entry(value, field.key))
            if part is None:
                return None
            out += part
        return out
    if isinstance(plan, Items):
        if not isinstance(value, Sequence):
            return None
        one: Plan = plan.labels or Line()
        parts = [answers_of(one, v) for v in value.items()]
        return None if None in parts else [", ".join(p[0] for p in parts if p) or ABSENT]
    if (isinstance(plan, Line) and plan.grammar is None) or isinstance(plan, Prose):
        if value is None and isinstance(plan, Line) and plan.nullable:
            return [ABSENT]
        if isinstance(value, str):
            return [" ".join(value.split())]
        if isinstance(plan, Line):
            return None
    try:
        return [json_of(value)]
    except NotExpressible:
        return None


def _entry(value: Map, key: Any) -> Any:
    found = value.get(key)
    return value.get(key.name) if found is None and isinstance(key, Keyword) else found
