"""Partial values: what is known of a reply while it is written, and is not taken back."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from rtfs.models.prompt import ReplyShape
from rtfs.source import Source
from rtfs.syntax.reader import read_forms
from rtfs.types.coercion import CoercionError, coerce
from rtfs.types.coercion.partial import NOTHING, Partial
from rtfs.types.matching import matches
from rtfs.types.nodes import ANY, STRING, Type, no_names
from rtfs.types.parse import parse_type
from rtfs.values.equality import equal
from rtfs.values.maps import Map
from rtfs.values.printing import to_readable
from rtfs.values.sequences import Vector
from tests.property.type_strategies import plain_types, to_json, values


def parse(text: str) -> Type:
    (form,) = read_forms(Source("<test>", text))
    return parse_type(form)


def states(text: str, type: Type, *, wrapped: bool = False, piece: int = 1, names: Any = no_names) -> list[Any]:
    """The partial value after each piece."""
    partial = Partial(type, names, wrapped=wrapped)
    out = []
    for at in range(0, len(text), piece):
        partial.feed(text[at : at + piece])
        out.append(partial.value)
    return out


def shown(found: list[Any]) -> list[str]:
    """Each value once."""
    out: list[str] = []
    for value in found:
        text = "…" if value is NOTHING else to_readable(value)
        if not out or out[-1] != text:
            out.append(text)
    return out


def grows(less: Any, more: Any) -> bool:
    """Whether `more` says all that `less` says."""
    if less is NOTHING:
        return True
    if more is NOTHING:
        return False
    if isinstance(less, str) and isinstance(more, str):
        return more.startswith(less)
    if isinstance(less, Vector) and isinstance(more, Vector):
        return len(less) <= len(more) and all(grows(a, b) for a, b in zip(less.items(), more.items(), strict=False))
    if isinstance(less, Map) and isinstance(more, Map):
        return all(grows(value, more.get(key, NOTHING)) for key, value in less.items())
    return equal(less, more)


def test_a_record_grows() -> None:
    type = parse("[:map [:title string] [:pages int] [:tags [:vector string]] [:kind [:enum :book :paper]] [:ok bool]]")
    text = '{"title": "A \\"q\\"", "pages": 120, "tags": ["a", "bc"], "kind": "book", "ok": true}'
    assert shown(states(text, type)) == [
        "{}",
        '{:title ""}',
        '{:title "A"}',
        '{:title "A "}',
        '{:title "A \\""}',
        '{:title "A \\"q"}',
        '{:title "A \\"q\\""}',
        '{:title "A \\"q\\"" :pages 120}',
        '{:title "A \\"q\\"" :pages 120 :tags []}',
        '{:title "A \\"q\\"" :pages 120 :tags [""]}',
        '{:title "A \\"q\\"" :pages 120 :tags ["a"]}',
        '{:title "A \\"q\\"" :pages 120 :tags ["a" ""]}',
        '{:title "A \\"q\\"" :pages 120 :tags ["a" "b"]}',
        '{:title "A \\"q\\"" :pages 120 :tags ["a" "bc"]}',
        '{:title "A \\"q\\"" :pages 120 :tags ["a" "bc"] :kind :book}',
        '{:title "A \\"q\\"" :pages 120 :tags ["a" "bc"] :kind :book :ok true}',
    ]


@pytest.mark.parametrize(
    ("type", "text", "wrapped", "found"),
    [
        ("string", "  Two words.\n", False, ["…", '"T"', '"Tw"', '"Two"', '"Two w"', '"Two wo"', '"Two wor"', '"Two word"', '"Two words"', '"Two words."']),
        ("string", "<think>no</think> a", False, ["…", '"a"']),
        ("string", "<b>", False, ["…", '"<b>"']),
        ("string", '"quoted" he said', False, ["…"]),
        ("int", '{"value": 12}', True, ["…", "12"]),
        ("int", "12", False, ["…"]),
        ("[:vector int]", "[1, 23]", False, ["[]", "[1]", "[1 23]"]),
        ("[:vector int]", "```json\n[1]\n```", False, ["…", "[]", "[1]"]),
        ("[:vector int]", '[1, "x", 3]', False, ["[]", "[1]"]),
        ("[:vector int]", "Here: [1]", False, ["…"]),
        ("[:enum \"praise\" \"complaint\"]", '{"value": "praise"}', True, ["…", '"praise"']),
        ("[:enum \"praise\" \"complaint\"]", "praise", False, ["…"]),
        ("[:union string int]", '{"value": "ab"}', True, ["…", '"ab"']),
        ("[:map [:a int] [:b string]]", '{"a": 1, "c": 2, "b": "x"}', False, ["{}", "{:a 1}", '{:a 1 :b ""}', '{:a 1 :b "x"}']),
        ("[:map [:a int]]", '{"a": 1, "a": 2}', False, ["{}", "{:a 1}"]),
        ("[:map-of keyword int]", '{"a": 1, "b": 2}', False, ["{}", "{:a 1}", "{:a 1 :b 2}"]),
        ("any", "[1, 2", False, ['"["', '"[1"', '"[1,"', '"[1, 2"']),
        ("[:map [:x any]]", '{"x": [1, {"k": "v"}]}', False, ["{}", "{:x []}", "{:x [1]}", "{:x [1 {}]}", '{:x [1 {"k" ""}]}', '{:x [1 {"k" "v"}]}']),
        ("[:map [:s string]]", '{"s": "\\ud83d\\ude00\\n"}', False, ["{}", '{:s ""}', '{:s "😀"}', '{:s "😀\\n"}']),
    ],
)
def test_what_is_known_when(type: str, text: str, wrapped: bool, found: list[str]) -> None:
    assert shown(states(text, parse(type), wrapped=wrapped)) == found


def test_names_are_followed_also_in_circles() -> None:
    names = {"Tree": parse("[:map [:name string] [:parts [:vector Tree] ?]]")}
    text = '{"name": "a", "parts": [{"name": "b"}]}'
    assert shown(states(text, parse("Tree"), names=names.get))[-3:] == ['{:name "a" :parts [{}]}', '{:name "a" :parts [{:name ""}]}', '{:name "a" :parts [{:name "b"}]}']


@given(st.data(), plain_types, st.integers(1, 7), st.sampled_from(["{}", "\n {} \n", "```json\n{}\n```", "<think>so: [1] {}</think>\n{}"]), st.booleans())
def test_nothing_is_taken_back(data: st.DataObject, type: Type, piece: int, around: str, ascii: bool) -> None:
    value = data.draw(values(type))
    assume(matches(type, value, no_names))
    shape = ReplyShape.of(type, no_names)
    if shape.schema is None:
        text = value if isinstance(value, str) else to_readable(value)
        assume("```" not in around)
    else:
        text = json.dumps(shape.wrap(to_json(value)), ensure_ascii=ascii, indent=data.draw(st.sampled_from([None, 2])))
    text = around.replace("{}", text) if around.count("{}") == 1 else around[:-2] + text
    try:
        final = coerce(shape.unwrap(text), type).value
    except CoercionError:
        assume(False)
    before: Any = NOTHING
    for found in states(text, type, wrapped=shape.wrapped, piece=piece):
        assert grows(before, found)
        assert grows(found, final)
        before = found


@given(st.text(alphabet="ab \n<>\"'`*_{[1.", max_size=20), st.sampled_from([STRING, ANY]))
@example("<a", STRING)
@example("`a`", STRING)
def test_a_text_only_grows(text: str, type: Type) -> None:
    try:
        final = coerce(text, type).value
    except CoercionError:
        return
    before: Any = NOTHING
    for found in states(text, type):
        assert grows(before, found)
        assert grows(found, final)
        before = found


@given(st.text(max_size=60), plain_types, st.integers(1, 9), st.booleans())
def test_any_text_gives_something_that_only_grows(text: str, type: Type, piece: int, wrapped: bool) -> None:
    before: Any = NOTHING
    for found in states(text, type, wrapped=wrapped, piece=piece):
        assert grows(before, found)
        before = found


@given(st.data(), plain_types, st.lists(st.integers(0, 60), max_size=6))
def test_where_the_pieces_end_does_not_matter(data: st.DataObject, type: Type, cuts: list[int]) -> None:
    text = json.dumps(to_json(data.draw(values(type))))
    partial = Partial(type)
    at = 0
    for cut in [*sorted(cuts), len(text)]:
        partial.feed(text[at : max(at, cut)])
        at = max(at, cut)
    assert shown([partial.value]) == shown(states(text, type)[-1:])


def test_a_long_reply_takes_time_in_proportion() -> None:
    type = parse("[:map [:text string] [:items [:vector int]]]")

    def seconds(size: int) -> float:
        text = json.dumps({"text": "word " * size, "items": list(range(size))})
        partial = Partial(type)
        begin = time.process_time()
        for at in range(0, len(text), 64):
            partial.feed(text[at : at + 64])
        assert len(partial.value) == 2
        return time.process_time() - begin

    seconds(100)
    assert seconds(20_000) < 60 * max(seconds(1_000), 0.001)


@pytest.mark.parametrize("text", ["[" * 10_000, '{"a":' * 10_000, '"' + "\\" * 9_999, "[1," * 5_000, "`" * 100, "<" * 100])
def test_hostile_replies_are_read_quickly(text: str) -> None:
    begin = time.process_time()
    for type in ("[:vector any]", "string", "any", "[:map [:a any]]"):
        states(text, parse(type), piece=97)
    assert time.process_time() - begin < 5


def test_of_replies_with_flaws_hardly_one_takes_something_back() -> None:
    """What models write in earnest. Corrections, ends inside an array and forgotten quotes cannot be foreseen."""
    from tests.unit.types.test_types_replies import NAMES, READ

    taken_back, told = [], 0
    for row in READ:
        type, text = parse(row.values[0]), row.values[1]
        found = states(text, type, names=NAMES.get)
        told += bool(found) and found[-1] is not NOTHING
        final = coerce(text, type, names=NAMES.get).value
        taken_back += [text for value in found[-1:] if not grows(value, final)]
    assert told > 150
    assert len(taken_back) <= 8, taken_back
