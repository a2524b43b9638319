"""What models write, and what is made of it: the tables in `replies`, one row a reply.

A row of `read` is (type, reply, value, kinds of repair), one of `refused` (type, reply, place, words of the refusal).  The rows
were written by hand, after what models are known to do; no row was taken from another project.
"""

from __future__ import annotations

import builtins
import json
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from rtfs.errors import EvalError, edit_distance
from rtfs.source import Source
from rtfs.syntax.reader import read_forms
from rtfs.types.coercion import KINDS, CoercionError, coerce, coerce_data, default_limit
from rtfs.types.matching import matches
from rtfs.types.nodes import STRING, AnyType, RefinedType, Type, UnionType
from rtfs.types.parse import parse_type
from rtfs.values.equality import equal
from rtfs.values.printing import to_readable
from tests.property.type_strategies import json_data, plain_types, to_json, values
from tests.support.invented import invented

FOLDER = Path(__file__).parent / "replies"


def read(text: str) -> Any:
    (form,) = read_forms(Source("<test>", text))
    return form


def parse(text: str) -> Type:
    return parse_type(read(text))


def names(**types: str) -> Callable[[str], Type | None]:
    return {name: parse(text) for name, text in types.items()}.get


def rows(kind: str) -> list[Any]:
    out = []
    for path in sorted(FOLDER.glob("*.toml")):
        for number, row in enumerate(tomllib.loads(path.read_text(encoding="utf-8")).get(kind, [])):
            out.append(pytest.param(*row, id=f"{path.stem}-{number}"))
    return out


NAMES = {name: parse(text) for name, text in tomllib.loads((FOLDER / "types.toml").read_text(encoding="utf-8")).items()}
READ = rows("read")
REFUSED = rows("refused")
PERSON = "[:map [:name string] [:age int]]"
LABELS = '[:enum "card" "cash" "bank transfer"]'


@pytest.mark.parametrize("type, reply, value, kinds", READ)
def test_replies_that_are_read(type: str, reply: str, value: str, kinds: str) -> None:
    found, report = coerce(reply, parse(type), names=NAMES)
    expected = read(value)
    assert equal(found, expected), to_readable(found)
    assert found.__class__ is expected.__class__
    assert matches(parse(type), found, NAMES.get)
    assert " ".join(sorted({repair.kind for repair in report.repairs})) == kinds
    assert report.cost == sum(repair.cost for repair in report.repairs)
    assert report.cost <= report.limit == default_limit(parse(type), NAMES.get)


@pytest.mark.parametrize("type, reply, value, kinds", READ)
def test_nothing_is_invented(type: str, reply: str, value: str, kinds: str) -> None:
    found = coerce(reply, parse(type), names=NAMES).value
    missing = invented(found, reply)
    if "typo" in kinds:  # the label is not there letter by letter, but nearly
        words = reply.casefold()
        near = [str(leaf).lstrip(":") for leaf in missing]
        missing = [leaf for leaf in near if edit_distance(leaf, words, 2) > 2]
    assert missing == []


@pytest.mark.parametrize("type, reply, place, words", REFUSED)
def test_replies_that_are_refused(type: str, reply: str, place: str, words: str) -> None:
    with pytest.raises(CoercionError) as caught:
        coerce(reply, parse(type), names=NAMES)
    assert words in caught.value.problem
    assert caught.value.path == place
    assert "\n" not in caught.value.problem
    assert len(caught.value.problem) < 700


def test_the_tables_are_large_and_without_doubles() -> None:
    assert len(READ) + len(REFUSED) >= 250
    assert len(REFUSED) >= 70
    asked = [row.values[:2] for row in READ + REFUSED]
    assert len(set(asked)) == len(asked)


def test_every_kind_of_repair_is_in_the_tables() -> None:
    used = {kind for row in READ for kind in row.values[3].split()}
    assert used == KINDS.keys()


# --- refusals and limits ---


def test_a_refusal_says_where_what_was_wanted_and_what_was_found() -> None:
    with pytest.raises(CoercionError) as caught:
        coerce('{"items": [{"price": 1}, {"price": "cheap"}]}', parse("[:map [:items [:vector [:map [:price float]]]]]"))
    error = caught.value
    assert (error.path, error.wanted, error.found) == (".items[1].price", "a number", '"cheap"')
    assert str(error) == error.problem == error.message == '.items[1].price must be a number, but is "cheap"'
    assert (error.kind, error.code) == ("type-validation-error", "RTFS-R006")
    assert isinstance(error, EvalError)
    assert isinstance(error, ValueError)


def test_the_limit_is_kept_and_can_be_given() -> None:
    reply = "{'name': 'Ann', 'age': '30',}"
    report = coerce(reply, parse(PERSON)).report
    assert (report.cost, report.limit) == (3, 20)
    assert coerce(reply, parse(PERSON), limit=3).report.limit == 3
    with pytest.raises(CoercionError, match=r"too many repairs \(3 points, at most 2\): read"):
        coerce(reply, parse(PERSON), limit=2)
    assert coerce('{"name": "Ann", "age": 30}', parse(PERSON), limit=0).report.cost == 0
    with pytest.raises(CoercionError, match="too many repairs"):
        coerce('{"name": "Ann", "age": 30, ' + ", ".join(f'"x{i}": 1' for i in range(12)) + "}", parse(PERSON))


def test_a_habit_costs_once() -> None:
    few, many = (
        coerce(
            "[" + ", ".join(["{'name': 'Ann', 'age': '30'}"] * n) + "]",
            NAMES["Person"].__class__ and parse("[:vector Person]"),
            names=NAMES,
        ).report
        for n in (1, 500)
    )
    assert few.cost == many.cost == 2
    assert [(r.kind, r.path, r.count) for r in many.repairs if r.kind == "number-text"] == [("number-text", "[0].age", 500)]


def test_the_report_is_plain_data() -> None:
    report = coerce('{"name": "Ann", "age": "30"}', parse(PERSON)).report
    assert json.loads(json.dumps(report.to_dict())) == {
        "cost": 1,
        "limit": 20,
        "repairs": [{"kind": "number-text", "cost": 1, "path": ".age", "words": 'read "30" as 30', "count": 1}],
    }
    assert str(report.repairs[0]) == 'read "30" as 30 at .age'


@pytest.mark.parametrize(
    "type, limit",
    [
        ("string", 6),
        ("any", 6),
        ("int", 8),
        (LABELS, 8),
        ("int?", 8),
        ("[:vector int]", 16),
        (PERSON, 20),
        ("Tree", 20),
        ("map", 16),
    ],
)
def test_limits_of_types(type: str, limit: int) -> None:
    assert default_limit(parse(type), NAMES.get) == limit


# --- cutting ---


@pytest.mark.parametrize(
    "type, whole",
    [
        (PERSON, '{"name": "Ann", "age": 30}'),
        (PERSON, "Sure:\n{'age': 30, 'name': 'Ann'}"),
        ("[:vector string]", '["a", "b c", "d"]'),
        ("[:map [:tags [:vector string]] [:ok bool]]", '{"tags": ["a", "b"], "ok": true}'),
        ("[:vector [:map [:a string]]]", '[{"a": "x"}, {"a": "y"}]'),
        ("[:vector [:vector string]]", '[["a"], ["b"]]'),
        ("[:map-of string float]", '{"a": 1.25, "b": -3e5}'),
        ("[:tuple int [:enum :x :xy]]", '[12, "xy"]'),
        ("Expr", '{"op": "+", "left": 1, "right": {"op": "*", "left": 20, "right": 300}}'),
    ],
)
def test_a_reply_that_was_cut_off_gives_everything_or_nothing(type: str, whole: str) -> None:
    expected = coerce(whole, parse(type), names=NAMES).value
    for end in range(len(whole)):
        try:
            value = coerce(whole[:end], parse(type), names=NAMES).value
        except CoercionError:
            continue
        assert value == expected, whole[:end]


def test_names_are_a_mapping_or_a_function() -> None:
    assert coerce("Card.", parse("Payment"), names=NAMES).value == "card"
    assert coerce("Card.", parse("Payment"), names=NAMES.get).value == "card"
    assert coerce("none", parse("Maybe"), names=names(Maybe="[:optional Payment]", Payment=LABELS)).value is None


def test_only_quotes_inside_texts_need_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "json_repair":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    for row in READ:
        type, reply, value, kinds = row.values
        if "mended" not in kinds:
            assert equal(coerce(reply, parse(type), names=NAMES).value, read(value))
            continue
        with pytest.raises(CoercionError, match="is not valid JSON"):
            coerce(reply, parse(type), names=NAMES)


# --- laws ---


def takes_text(type: Type) -> bool:
    if isinstance(type, UnionType):
        return any(takes_text(option) for option in type.options)
    return isinstance(type, AnyType) or (takes_text(type.base) if isinstance(type, RefinedType) else type == STRING)


@settings(deadline=None)
@given(st.data(), plain_types)
def test_the_json_of_a_value_is_read_for_nothing(data: st.DataObject, type: Type) -> None:
    value = data.draw(values(type))
    assume(matches(type, value))
    written = to_json(value)
    try:
        expected = coerce_data(written, type)
    except CoercionError:  # two keys of a map that JSON writes alike
        assume(False)
    assume(not takes_text(type) or type == STRING)
    found, report = coerce(json.dumps(written), type)
    assert equal(found, expected)
    assert report.cost == 0
    if to_readable(expected) == to_readable(value):  # always, unless JSON writes two values alike, as `:a` and ":a"
        assert equal(found, value)


_MANGLINGS: list[Callable[[str, int], str]] = [
    lambda text, at: text.replace('"', "'"),
    lambda text, at: text.replace('"', ""),
    lambda text, at: text.replace(",", ""),
    lambda text, at: text.replace(", ", ",\n"),
    lambda text, at: text.replace("}", ",}").replace("]", ",]"),
    lambda text, at: text.upper(),
    lambda text, at: text[: at % (len(text) + 1)],
    lambda text, at: text[: at % (len(text) + 1)] + text[at % (len(text) + 1) + 1 :],
    lambda text, at: f"Here it is: {text} Good luck!",
    lambda text, at: f"```json\n{text}\n```",
    lambda text, at: f'{{"answer": {text}}}',
    lambda text, at: f"[{text}]",
    lambda text, at: json.dumps(text),
    lambda text, at: f"{text}\n{text}",
    lambda text, at: text.replace("true", "yes").replace("null", "None"),
    lambda text, at: text.replace("{", "").replace("}", "").replace(", ", "\n"),
    lambda text, at: text.replace("[", "- ").replace("]", "").replace(", ", "\n- "),
]


@settings(deadline=None, max_examples=300)
@given(st.data(), plain_types, st.lists(st.tuples(st.sampled_from(_MANGLINGS), st.integers(0, 200)), min_size=1, max_size=3))
def test_however_a_reply_is_mangled_nothing_is_invented(data: st.DataObject, type: Type, manglings: Any) -> None:
    value = data.draw(values(type))
    assume(matches(type, value))
    text = json.dumps(to_json(value))
    for mangle, at in manglings:
        text = mangle(text, at)
    try:
        found, report = coerce(text, type)
    except CoercionError as error:
        complaint = error.problem
    else:
        assert matches(type, found)
        if "typo" not in " ".join(repair.kind for repair in report.repairs):
            assert invented(found, text) == []
        return
    assert complaint
    assert "\n" not in complaint
    assert len(complaint) < 1_000


@settings(deadline=None)
@given(st.text(max_size=40), plain_types)
def test_the_same_reply_gives_the_same_value(text: str, type: Type) -> None:
    def outcome() -> Any:
        try:
            return coerce(text, type)
        except CoercionError as error:
            return error.problem

    assert repr(outcome()) == repr(outcome())


@pytest.mark.parametrize(
    "reply",
    [
        "[" * 1_000_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 200_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "{'a':" * 3_000 + "1" + "}" * 3_000,
        "[[" * 300 + "x," + "]]" * 300,
        '"' * 100_001,
        "{}" * 100_000,
        "[1],[2]," * 50_000,
        "```" * 50_000,
        "1 " * 100_000,
        "Answer: " * 50_000,
        "card " * 50_000,
        " " * 200_000 + "x",
        "(" * 100_000,
        "\\" * 100_000,
        '{"a": "' + "x" * 300_000,
        "9" * 100_000,
        "-" * 100_000,
        "{'a': 1, " * 20_000,
        "<answer>" * 50_000,
        "</think>" * 50_000,
        "{/*" * 50_000,
        "- x\n" * 50_000,
        "a: b\n" * 50_000,
        '{"a": "' + "}" * 200_000 + "x",
        "{'a': '" + "' " * 100_000,
    ],
)
@pytest.mark.parametrize("type", ["[:vector any]", PERSON, LABELS, "int", "Nest"])
def test_hostile_replies_are_refused_quickly(type: str, reply: str) -> None:
    start = time.process_time()
    with pytest.raises(CoercionError) as caught:
        coerce(reply, parse(type), names=names(Nest="[:union int [:vector Nest] [:map [:a Nest]]]"))
    assert time.process_time() - start < 5
    assert len(caught.value.problem) < 700


def is_read_or_refused(text: str, type: Type) -> None:
    try:
        value, _ = coerce(text, type)
    except CoercionError as error:
        complaint = error.problem
    else:
        assert matches(type, value)
        return
    assert complaint
    assert "\n" not in complaint


@settings(deadline=None)
@given(st.text(max_size=60), plain_types)
@example("[", parse("[:vector int]"))
@example('{"', parse("map"))
def test_any_text_is_read_or_refused(text: str, type: Type) -> None:
    is_read_or_refused(text, type)


@settings(deadline=None)
@given(json_data, plain_types, st.sampled_from(["{}", "Here: {} done", "```json\n{}\n```", '{{"value": {}}}', "[{}]", "{},"]))
def test_json_in_any_wrapping_is_read_or_refused(data: Any, type: Type, wrapping: str) -> None:
    is_read_or_refused(wrapping.replace("{}", json.dumps(data), 1) if "{{" not in wrapping else wrapping.format(json.dumps(data)), type)


def test_a_name_that_means_another_type_by_now_is_read_as_that():
    type = parse_type(read("Label"))
    names: dict[str, Type] = {"Label": parse_type(read("[:enum :a :b]"))}
    assert str(coerce("a", type, names=names).value) == ":a"
    names["Label"] = parse_type(read("[:map [:n int]]"))
    value, report = coerce('{"n": "3"}', type, names=names)
    assert (to_readable(value), report.limit) == ("{:n 3}", default_limit(type, names.get))
    del names["Label"]
    with pytest.raises(CoercionError):
        coerce("a", type, names=names)
