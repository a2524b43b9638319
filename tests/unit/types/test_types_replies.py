"""What models write, and what is made of it: as asked for, repairable, or refused."""

from __future__ import annotations

import builtins
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rtfs.source import Source
from rtfs.syntax.reader import read_forms
from rtfs.types.coerce import CoercionError, coerce_text
from rtfs.types.matching import matches
from rtfs.types.nodes import Type
from rtfs.types.parse import parse_type
from rtfs.values.printing import to_readable
from tests.property.type_strategies import json_data, plain_types


def read(text: str) -> Any:
    (form,) = read_forms(Source("<test>", text))
    return form


def parse(text: str) -> Type:
    return parse_type(read(text))


def names(**types: str) -> Callable[[str], Type | None]:
    return {name: parse(text) for name, text in types.items()}.get


LABELS = '[:enum "card" "cash" "bank transfer"]'
KEYWORDS = "[:enum :praise :complaint]"
OVERLAP = '[:enum "spam" "not spam"]'
LETTERS = '[:enum "A" "B" "C"]'
PERSON = "[:map [:name string] [:age int]]"
TICKET = "[:map [:kind [:enum :bug :wish]] [:urgent bool] [:tags [:vector string] ?]]"
PERSON_JSON = '{"name": "Ann", "age": 30}'
ANN = '{:name "Ann" :age 30}'


@pytest.mark.parametrize(
    "type, reply, value",
    [
        # text
        ("string", "Hello, world.", '"Hello, world."'),
        ("string", "  Hello\n", '"Hello"'),
        ("string", "", '""'),
        ("string", 'He said "hi".', '"He said \\"hi\\"."'),
        ("string", '"a" and "b"', '"\\"a\\" and \\"b\\""'),
        ("string", '{"a": 1}', '"{\\"a\\": 1}"'),
        ("string", "42", '"42"'),
        ("any", "yes", '"yes"'),
        ("any", "42", '"42"'),
        ("string?", "null", "nil"),
        ("string?", "nothing", '"nothing"'),
        ("[:union int string]", "42", "42"),
        ("[:union int string]", "The answer is 42", '"The answer is 42"'),
        ("[:union keyword string]", "card", '"card"'),
        ("[:union keyword string]", ":card", ":card"),
        ('[:union [:enum "a"] string]', "b", '"b"'),
        ("[:union [:map [:a int]] string]", '{"a": 1}', "{:a 1}"),
        ("[:union [:map [:a int]] string]", "no object", '"no object"'),
        # labels
        (LABELS, "card", '"card"'),
        (LABELS, '"card"', '"card"'),
        (LABELS, "bank transfer\n", '"bank transfer"'),
        (KEYWORDS, "praise", ":praise"),
        (KEYWORDS, ":praise", ":praise"),
        (KEYWORDS, '"complaint"', ":complaint"),
        ("[:enum 1 2 3]", "2", "2"),
        ("[:optional [:enum :a]]", "null", "nil"),
        ("[:optional [:enum :a]]", "nil", "nil"),
        ("bool", "true", "true"),
        ("bool", "no", "false"),
        ("nil", "null", "nil"),
        # scalars
        ("int", "42", "42"),
        ("int", "42.0", "42"),
        ("int", "+42", "42"),
        ("float", "-1.5e3", "-1500.0"),
        ("number", "7", "7"),
        ("int?", "7", "7"),
        ("keyword", "card", ":card"),
        ("keyword", ":a.b/c", ":a.b/c"),
        ("timestamp", "2025-06-23T10:30:00Z", "2025-06-23T10:30:00Z"),
        ("uuid", '"550e8400-e29b-41d4-a716-446655440000"', "550e8400-e29b-41d4-a716-446655440000"),
        # structures
        (PERSON, PERSON_JSON, ANN),
        (PERSON, "\ufeff" + PERSON_JSON, ANN),
        (TICKET, '{"kind": "bug", "urgent": false}', "{:kind :bug :urgent false}"),
        ("[:vector int]", "[1, 2]", "[1 2]"),
        ("[:vector string]", "[]", "[]"),
        ("[:vector [:vector int]]", "[[1]]", "[[1]]"),
        ("[:map-of string int]", '{"a": 1}', '{"a" 1}'),
        ("[:tuple int string]", '[1, "a"]', '[1 "a"]'),
        ("[:map [:code string]]", '{"code": "```x```"}', '{:code "```x```"}'),
        ("[:union int [:vector int]]", "[3]", "[3]"),
    ],
)
def test_replies_as_asked_for(type: str, reply: str, value: str) -> None:
    found, repairs = coerce_text(reply, parse(type))
    assert to_readable(found) == to_readable(read(value))
    assert repairs == []


@pytest.mark.parametrize(
    "type, reply, value, repair",
    [
        # text
        ("string", '"He said \\"hi\\"."', '"He said \\"hi\\"."', "decoded the JSON string"),
        ("any", '"yes"', '"yes"', "decoded the JSON string"),
        ("[:and string [:is-url]]", "`https://a.b/c`", '"https://a.b/c"', "removed quotes"),
        ("string?", "None.", "nil", 'took "None" as "null"'),
        # labels
        (LABELS, "Card", '"card"', 'took "Card" as "card"'),
        (LABELS, "card.", '"card"', "removed quotes or punctuation"),
        (LABELS, "**card**", '"card"', "removed quotes or punctuation"),
        (LABELS, "`card`", '"card"', "removed quotes or punctuation"),
        (LABELS, "'card'", '"card"', "removed quotes or punctuation"),
        (LABELS, "“CARD”!", '"card"', 'took "CARD" as "card"'),
        (LABELS, "(card)", '"card"', "removed quotes or punctuation"),
        (LABELS, "bank-transfer", '"bank transfer"', 'took "bank-transfer"'),
        (LABELS, "Bank_Transfer", '"bank transfer"', 'took "Bank_Transfer"'),
        (LABELS, "```\ncard\n```", '"card"', "removed quotes or punctuation"),
        (LABELS, '```json\n"card"\n```', '"card"', "fenced block"),
        (LABELS, '{"label": "card"}', '"card"', 'only key, "label"'),
        (LABELS, '["card"]', '"card"', "removed quotes or punctuation"),
        (LABELS, '```json\n{"label": "card"}\n```', '"card"', "only key"),
        (LABELS, '{"label": "CARD"}', '"card"', 'took "CARD"'),
        (LABELS, "The answer is card.", '"card"', 'the label "card"'),
        (LABELS, "The answer is **Card**.", '"card"', 'the label "card"'),
        (LABELS, "This is a cash payment", '"cash"', 'the label "cash" that the sentence names'),
        (LABELS, "It was paid by bank transfer, I think.", '"bank transfer"', "sentence names"),
        (LABELS, "Label: cash", '"cash"', "that the reply states"),
        (LABELS, "The customer mentions a card and some cash.\nAnswer: cash", '"cash"', "that the reply states"),
        (LABELS, "**Final answer:** `cash`", '"cash"', "that the reply states"),
        (OVERLAP, "This is not spam.", '"not spam"', 'the label "not spam"'),
        (OVERLAP, "I would call it spam", '"spam"', 'the label "spam"'),
        (LETTERS, "B) because it fits", '"B"', 'the label "B"'),
        (LETTERS, "The answer is (C).", '"C"', 'the label "C"'),
        ("[:enum 1 2 3]", "I rate it 2.", "2", 'the label "2"'),
        (KEYWORDS, "Praise.", ":praise", 'took "Praise"'),
        (KEYWORDS, "That's a complaint!", ":complaint", 'the label "complaint"'),
        ("bool", "Yes.", "true", 'took "Yes" as "true"'),
        ("bool", "TRUE", "true", 'took "TRUE"'),
        ("bool", "No, it is not.", "false", 'the label "false"'),
        ("bool", "Yes, it mentions the price.", "true", 'the label "true"'),
        ("bool", "The statement is false.", "false", 'the label "false"'),
        ("bool", '{"result": true}', "true", 'only key, "result"'),
        ("bool", '{"result": "True"}', "true", 'read the string "True" as true'),
        # numbers
        ("int", "42.", "42", "removed quotes or punctuation"),
        ("int", '"42"', "42", "removed quotes or punctuation"),
        ("int", "The answer is 42.", "42", "took the number 42"),
        ("int", "About 1,234 people live there", "1234", "took the number 1,234"),
        ("int", "6 times 7 makes this.\nAnswer: 42", "42", "took the number 42"),
        ("int", '{"value": 42}', "42", 'only key, "value"'),
        ("float", "It costs $3.50 in total", "3.5", "took the number 3.50"),
        ("float", "−2.5 degrees", "-2.5", "took the number"),
        ("[:and int [:in-range 1 5]]", "I'd give it a 4!", "4", "took the number 4"),
        ("timestamp", "It starts 2025-06-23T10:30:00Z sharp", "2025-06-23T10:30:00Z", "only one that the text holds"),
        ("keyword", "`card`", ":card", "removed quotes"),
        # structures
        (PERSON, f"Here you are:\n{PERSON_JSON}\nAnything else?", ANN, "took the object out of the text"),
        (PERSON, f"```json\n{PERSON_JSON}\n```", ANN, "fenced block"),
        (PERSON, f"Sure!\n```\n{PERSON_JSON}\n```\nDone.", ANN, "fenced block"),
        (PERSON, f'As in "[1]": {PERSON_JSON}', ANN, "took the object out of the text"),
        (PERSON, f"{{x}} no: {PERSON_JSON}", ANN, "took the object out of the text"),
        (PERSON, f'{{"person": {PERSON_JSON}}}', ANN, 'only key, "person"'),
        (PERSON, f"[{PERSON_JSON}]", ANN, "only item"),
        (PERSON, '{"name": "Ann", "age": "30"}', ANN, 'read the string "30" as a number at .age'),
        (PERSON, '{":name": "Ann", ":age": 30}', ANN, 'removed the colon of the key ":name"'),
        (PERSON, '{"name": "Ann", "age": 30, "age": 30}', ANN, 'the key "age" stood twice'),
        (PERSON, "{'name': 'Ann', 'age': 30}", ANN, "mended malformed JSON"),
        (PERSON, '{name: "Ann", age: 30}', ANN, "mended malformed JSON"),
        (PERSON, '{"name": "Ann", "age": 30,}', ANN, "mended malformed JSON"),
        (PERSON, '{"name": "Ann" "age": 30}', ANN, "mended malformed JSON"),
        (PERSON, '{"name": "Ann", // first\n "age": 30}', ANN, "mended malformed JSON"),
        (PERSON, 'OK: {"name": "Ann", "age": 30,} is it.', ANN, "out of the text around it"),
        (PERSON, '```json\n{"name": "Ann", "age": 30,}\n```', ANN, "mended malformed JSON"),
        (PERSON, '{"person": {"name": "Ann", "age": 30', None, ""),
        ("[:map [:tags [:vector string]]]", '{"tags": ["a", "b"]', '{:tags ["a" "b"]}', "mended malformed JSON"),
        ("[:map [:a bool] [:b int?]]", "{'a': True, 'b': None}", "{:a true :b nil}", "mended malformed JSON"),
        (TICKET, '{"kind": "Bug", "urgent": "true"}', "{:kind :bug :urgent true}", 'took "Bug" as "bug" at .kind'),
        (TICKET, '{"kind": "bug", "urgent": true, "tags": null}', "{:kind :bug :urgent true}", 'left out the key "tags"'),
        ("[:vector int]", "Numbers: [1, 2, 3].", "[1 2 3]", "took the array out"),
        ("[:vector int]", '["1", 2]', "[1 2]", 'read the string "1" as a number at [0]'),
        ("[:vector string]", '{"items": ["a", "b"]}', '["a" "b"]', 'only key, "items"'),
        ("[:union [:map [:a int]] string]", '```json\n{"a": 1}\n```', "{:a 1}", "fenced block"),
    ],
)
def test_replies_that_need_repair(type: str, reply: str, value: str | None, repair: str) -> None:
    if value is None:
        with pytest.raises(CoercionError):
            coerce_text(reply, parse(type))
        return
    found, repairs = coerce_text(reply, parse(type))
    assert to_readable(found) == to_readable(read(value))
    assert repair in "; ".join(repairs)
    assert repairs


@pytest.mark.parametrize(
    "type, reply, problem",
    [
        # no label, several, denied or doubted ones
        (LABELS, "", 'the reply must be one of "card", "cash", "bank transfer", but is empty'),
        (LABELS, "I cannot help with that.", 'but is "I cannot help with that."'),
        (LABELS, "It is not card.", "must be one of"),
        (LABELS, "It isn't card", "must be one of"),
        (LABELS, "card or cash", "must be one of"),
        (LABELS, "Either card or something else", "must be one of"),
        (LABELS, "Maybe card?", "must be one of"),
        (LABELS, "Is it card?", "must be one of"),
        (LABELS, "It might be card.", "must be one of"),
        (LABELS, "cards", "must be one of"),
        (LABELS, "discard", "must be one of"),
        (LABELS, "card-holder", "must be one of"),
        (LABELS, "Sorry, I do not talk about card fraud.", "must be one of"),
        (LABELS, "word " * 60 + "card", "must be one of"),
        (LABELS, '{"label": "bank"}', "must be one of"),
        (LABELS, '["card", "cash"]', "must be one of"),
        (LABELS, "Label: card\nCategory: cash", "must be one of"),
        (LABELS, "Answer: none of these", "must be one of"),
        (KEYWORDS, "neutral", 'must be one of "praise", "complaint"'),
        (LETTERS, "A dog is in the picture", "must be one of"),
        (LETTERS, "I see a cat", "must be one of"),
        ("[:enum 1 2 3]", "2 out of 10", "must be one of"),
        ("[:enum 1 2 3]", "2.5", "must be one of"),
        ('[:enum "IT" "HR"]', "it belongs to nobody", "must be one of"),
        ("bool", "It depends.", "must be true or false"),
        ("bool", "yes and no", "must be true or false"),
        ("bool", "I don't know", "must be true or false"),
        ("bool", "That is not true", "must be true or false"),
        ("bool", "Yes, but only partly", "must be true or false"),
        ("nil", "something", "must be null"),
        # numbers
        ("int", "forty-two", "must be a whole number"),
        ("int", "42.5", "must be a whole number, but is 42.5"),
        ("int", "between 4 and 5", "must be a whole number"),
        ("int", "3-4", "must be a whole number"),
        ("int", "not 42", "must be a whole number"),
        ("int", "more than 42", "must be a whole number"),
        ("int", "at least 42", "must be a whole number"),
        ("int", "45%", "must be a whole number"),
        ("int", "5k", "must be a whole number"),
        ("int", "5 million", "must be a whole number"),
        ("int", "minus 5", "must be a whole number"),
        ("int", "1/2", "must be a whole number"),
        ("int", "1,23", "must be a whole number"),
        ("int", "2025-06-23", "must be a whole number"),
        ("int", "covid-19", "must be a whole number"),
        ("int", "Is it 42?", "must be a whole number"),
        ("float", "NaN", "must be a number"),
        ("float", "1e999", "must be an ordinary number"),
        ("[:and int [:in-range 1 5]]", "9", "the reply must be between 1 and 5, but is 9"),
        ("keyword", "two words", "must be a keyword"),
        ("keyword", "Sorry", "must be a keyword"),
        ("timestamp", "tomorrow", "must be a timestamp"),
        ("[:and string [:max-length 3]]", "abcd", "the reply must have at most 3 characters"),
        # structures
        (PERSON, "I am sorry, I can't do that.", "written as JSON, but is"),
        (PERSON, "{}", 'the reply must have the key "name"'),
        (PERSON, '{"name": "Ann"}', 'the reply must have the key "age"'),
        (PERSON, '{"name": "Ann", "age": "thirty"}', '.age must be a whole number, but is "thirty"'),
        (PERSON, '{"name": "Ann", "age": null}', ".age must be a whole number, but is null"),
        (PERSON, '{"name": "Ann", "age": 30, "job": "x"}', 'must not have the key "job"'),
        (PERSON, '{"name": "Ann", "age": NaN}', "NaN is not a JSON number"),
        (PERSON, '{"name": "Ann", "age": 30, "age": 31}', 'the key "age" stands twice with different values'),
        (PERSON, f'{PERSON_JSON} or {{"name": "Bob", "age": 31}}', "holds 2 different ones; give only one"),
        (PERSON, '{"name": "Ann", "age": 3', "is not valid JSON"),
        (PERSON, '{"name": "An', "is not valid JSON"),
        (PERSON, '{"name": "Ann", "age": }', "is not valid JSON"),
        (PERSON, '{"name": "Ann", "age": ...}', "is not valid JSON"),
        ("[:map [:name string]]", '{"name": "An', "is not valid JSON"),
        ("[:map [:name string]]", '{"name": }', "is not valid JSON"),
        ("[:map [:n int]]", '{"n": 1,234}', "is not valid JSON"),
        ("[:map [:n int]]", '{"n": 1/2}', "is not valid JSON"),
        ("[:map [:a bool]]", '{"a": tru}', "is not valid JSON"),
        ("[:vector int]", "[1, 2, ", "is not valid JSON"),
        ("[:vector int]", "1, 2", "must be an array"),
        ("[:vector int]", '[1, "x"]', '[1] must be a whole number, but is "x"'),
        ("[:vector int]", "[[1], [2]", "is not valid JSON"),
        ("[:fn [int] int]", "(fn [x] x)", "must be of the type [:fn [int] int]"),
        ("never", "x", "must be of the type never"),
        ("Nope", "x", "must be of the type Nope"),
    ],
)
def test_replies_that_are_refused(type: str, reply: str, problem: str) -> None:
    with pytest.raises(CoercionError) as caught:
        coerce_text(reply, parse(type))
    assert problem in caught.value.problem
    assert "\n" not in caught.value.problem
    assert len(caught.value.problem) < 700


@pytest.mark.parametrize(
    "type, whole",
    [
        (PERSON, PERSON_JSON),
        ("[:vector string]", '["a", "b c", "d"]'),
        ("[:map [:tags [:vector string]] [:ok bool]]", '{"tags": ["a", "b"], "ok": true}'),
        ("[:vector [:map [:a string]]]", '[{"a": "x"}, {"a": "y"}]'),
        ("[:vector [:vector string]]", '[["a"], ["b"]]'),
    ],
)
def test_a_reply_that_was_cut_off_gives_everything_or_nothing(type: str, whole: str) -> None:
    expected, _ = coerce_text(whole, parse(type))
    for end in range(len(whole)):
        try:
            value, _ = coerce_text(whole[:end], parse(type))
        except CoercionError:
            continue
        assert value == expected, whole[:end]


def test_names_are_followed() -> None:
    lookup = names(Label=LABELS, Tree="[:map [:v int] [:kids [:vector Tree]]]", Maybe="[:optional Label]")
    assert coerce_text("Card.", parse("Label"), lookup)[0] == "card"
    assert coerce_text("none", parse("Maybe"), lookup)[0] is None
    with pytest.raises(CoercionError, match='must be one of "card", "cash", "bank transfer" or null, but is "x"'):
        coerce_text("x", parse("Maybe"), lookup)
    assert coerce_text('Tree: {"v": 1, "kids": [{"v": 2, "kids": []}]}', parse("Tree"), lookup)[0] == read(
        "{:v 1 :kids [{:v 2 :kids []}]}"
    )


def test_without_the_library_malformed_json_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "json_repair":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(CoercionError, match="is not valid JSON"):
        coerce_text('{"name": "Ann", "age": 30,}', parse(PERSON))
    assert coerce_text(PERSON_JSON, parse(PERSON))[1] == []


@pytest.mark.parametrize(
    "reply",
    [
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000,
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
    ],
)
@pytest.mark.parametrize("type", ["[:vector any]", PERSON, LABELS, "int", "Nest"])
def test_hostile_replies_are_refused_quickly(type: str, reply: str) -> None:
    start = time.perf_counter()
    with pytest.raises(CoercionError) as caught:
        coerce_text(reply, parse(type), names(Nest="[:union int [:vector Nest] [:map [:a Nest]]]"))
    assert time.perf_counter() - start < 5
    assert len(caught.value.problem) < 700


@settings(deadline=None)
@given(st.text(max_size=60), plain_types)
@example("[", parse("[:vector int]"))
@example('{"', parse("map"))
def test_any_text_is_read_or_refused(text: str, type: Type) -> None:
    try:
        value, _ = coerce_text(text, type)
    except CoercionError as error:
        complaint = error.problem
    else:
        assert matches(type, value)
        return
    assert complaint
    assert "\n" not in complaint


@settings(deadline=None)
@given(json_data, plain_types, st.sampled_from(["{}", "Here: {} done", "```json\n{}\n```", '{{"value": {}}}', "[{}]", "{},"]))
def test_json_in_any_wrapping_is_read_or_refused(data: Any, type: Type, wrapping: str) -> None:
    text = wrapping.replace("{}", json.dumps(data), 1) if "{{" not in wrapping else wrapping.format(json.dumps(data))
    try:
        value, _ = coerce_text(text, type)
    except CoercionError as error:
        complaint = error.problem
    else:
        assert matches(type, value)
        return
    assert complaint
    assert "\n" not in complaint
