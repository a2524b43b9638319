"""Result types to plans of slots, and slot answers back to JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rtfs.models.grammar_bounds import NotExpressible
from rtfs.models.local_prompt import chat_messages, content_free, plain_prompt, shown, slot_labels
from rtfs.models.protocol import ModelRequest, Parameter, PreviousTry
from rtfs.models.result_plan import (
    Constant,
    Fields,
    Items,
    Labels,
    Line,
    Prose,
    answers_of,
    compile_plan,
    in_words,
    items_json,
    line_json,
    result_words,
)
from rtfs.types.nodes import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    NIL,
    STRING,
    Entry,
    EnumType,
    FunctionType,
    MapOfType,
    Predicate,
    RecordType,
    RefinedType,
    Type,
    TypeRef,
    UnionType,
    VectorType,
    union,
)
from rtfs.values.convert import to_rtfs
from rtfs.values.maps import Map
from rtfs.values.scalars import kw

COLOURS = EnumType((kw("dark-red"), kw("green")))
ALIASES: dict[str, Type] = {"Colour": COLOURS, "Text": STRING, "Self": TypeRef("Self")}


def in_range(low: Any, high: Any) -> Type:
    return RefinedType(INT, (Predicate("in-range", (low, high)),))


@pytest.mark.parametrize(
    "type_, texts, jsons",
    [
        (COLOURS, ("dark red", "green"), ('"dark-red"', '"green"')),
        (TypeRef("Colour"), ("dark red", "green"), ('"dark-red"', '"green"')),
        (EnumType(("card_payment", "top-up")), ("card payment", "top-up"), ('"card_payment"', '"top-up"')),
        (EnumType(("a_b", "a b")), ('"a_b"', '"a b"'), ('"a_b"', '"a b"')),  # the same in words: told apart as JSON
        (EnumType(("", "x")), ('""', '"x"'), ('""', '"x"')),
        (EnumType((kw("a"), "a", "b")), ("a", "b"), ('"a"', '"b"')),
        (BOOL, ("urgent", "not urgent"), ("true", "false")),
        (union(BOOL, NIL), ("urgent", "not urgent", "none"), ("true", "false", "null")),
        (union(COLOURS, NIL), ("dark red", "green", "none"), ('"dark-red"', '"green"', "null")),
        (in_range(1, 3), ("1", "2", "3"), ("1", "2", "3")),
        (EnumType((1, 2.5, True, None)), ("1", "2.5", "urgent", "none"), ("1", "2.5", "true", "null")),
    ],
)
def test_few_values_are_labels(type_: Type, texts: tuple[str, ...], jsons: tuple[str, ...]) -> None:
    plan = compile_plan(type_, ALIASES, function="is-urgent?")
    assert isinstance(plan, Labels)
    assert plan.texts == texts
    assert plan.jsons == jsons


def test_a_boolean_of_a_function_without_a_telling_name_is_yes_or_no() -> None:
    for name in ("anonymous", "check", ""):
        plan = compile_plan(BOOL, function=name)
        assert isinstance(plan, Labels)
        assert plan.texts == ("yes", "no")


@pytest.mark.parametrize(
    "type_, plan",
    [
        (NIL, Constant("null")),
        (EnumType(("x",)), Constant('"x"')),
        (RecordType(()), Constant("{}")),
        (STRING, Prose()),
        (TypeRef("Text"), Prose()),
        (ANY, Prose()),
        (RefinedType(STRING, (Predicate("max-length", (9,)),)), Prose(9)),
        (union(STRING, NIL), Line(nullable=True)),
        (VectorType(STRING), Items(0, 8)),
        (RefinedType(VectorType(STRING), (Predicate("non-empty"), Predicate("max-count", (3,)))), Items(1, 3)),
    ],
)
def test_plans(type_: Type, plan: Any) -> None:
    assert compile_plan(type_, ALIASES) == plan


@pytest.mark.parametrize(
    "type_",
    [
        INT, FLOAT, in_range(1, 1000), union(INT, NIL), union(INT, STRING), VectorType(INT), MapOfType(STRING, INT),
        VectorType(RecordType((Entry(kw("a"), INT),))), RefinedType(STRING, (Predicate("is-email"),)),
        RefinedType(VectorType(STRING), (Predicate("min-count", (2,)),)), VectorType(EnumType(("a,b", "c"))),
        RecordType(tuple(Entry(kw(f"k{i}"), BOOL) for i in range(30))),
    ],
    ids=str,
)  # fmt: skip
def test_the_rest_is_written_under_a_grammar(type_: Type) -> None:
    plan = compile_plan(type_)
    assert isinstance(plan, Line)
    assert plan.grammar is not None
    assert plan.grammar.startswith("root ::= ")


TICKET = RecordType(
    (
        Entry(kw("topic"), COLOURS),
        Entry(kw("is-urgent"), BOOL),
        Entry(kw("dueDate"), STRING, True),
        Entry("kind", EnumType(("only",))),
        Entry(kw("customer"), RecordType((Entry(kw("name"), STRING), Entry(kw("tags"), VectorType(COLOURS))))),
    )
)


def test_a_record_is_asked_for_slot_by_slot() -> None:
    plan = compile_plan(TICKET)
    assert isinstance(plan, Fields)
    kinds = {f.json_key: type(f.plan) for f in plan.fields}
    assert kinds == {'"topic"': Labels, '"is-urgent"': Labels, '"dueDate"': Line, '"kind"': Constant, '"customer"': Fields}
    assert slot_labels(plan) == ["topic", "answer", "due date", "customer name", "customer tags"]
    assert plan.fields[1].plan.texts == ("is urgent", "not is urgent")  # type: ignore[union-attr]


def test_the_answers_of_an_example_are_those_of_its_slots() -> None:
    value = to_rtfs({kw("topic"): kw("green"), kw("is-urgent"): False, "kind": "only", kw("customer"): Map([(kw("name"), "Ann\nLee"), (kw("tags"), to_rtfs([kw("green"), kw("dark-red")]))])})
    assert answers_of(compile_plan(TICKET), value) == ["green", "not is urgent", "none", "Ann Lee", "green, dark red"]


@pytest.mark.parametrize(
    "type_, value, answers",
    [
        (COLOURS, kw("green"), ["green"]),
        (COLOURS, kw("blue"), None),
        (TICKET, 3, None),
        (TICKET, Map([(kw("topic"), kw("green"))]), None),
        (INT, 42, ["42"]),
        (STRING, "two\nlines", ["two lines"]),
        (union(STRING, NIL), None, ["none"]),
        (union(STRING, NIL), 5, None),
        (VectorType(STRING), to_rtfs([]), ["none"]),
        (VectorType(STRING), to_rtfs([1]), None),
        (VectorType(STRING), "x", None),
        (INT, float("inf"), None),
    ],
)
def test_answers_of(type_: Type, value: Any, answers: list[str] | None) -> None:
    assert answers_of(compile_plan(type_), value) == answers


@pytest.mark.parametrize(
    "line, text, expected",
    [
        (Line(), ' Ann "the" Lee ', '"Ann \\"the\\" Lee"'),
        (Line(), ' "quoted"', '"quoted"'),
        (Line(max_chars=3), " abcdef", '"abc"'),
        (Line(nullable=True), " None.", "null"),
        (Line(), " None", '"None"'),
        (Line(grammar="x"), " [1]", "[1]"),
    ],
)
def test_a_line_as_json(line: Line, text: str, expected: str) -> None:
    assert line_json(line, text) == expected


def test_a_line_of_items_as_json() -> None:
    assert json.loads(items_json(Items(0, 8), ' cash, "card" , x, Cash, y')) == ["cash", "card", "x"]
    assert json.loads(items_json(Items(0, 2), "a, b, c")) == ["a", "b"]
    assert json.loads(items_json(Items(0, 8), " none")) == []
    labels = compile_plan(VectorType(COLOURS))
    assert isinstance(labels, Items)
    assert items_json(labels, " dark red, green") == '["dark-red", "green"]'
    assert items_json(labels, " none") == "[]"


@pytest.mark.parametrize("type_", [FunctionType((), None, INT), TypeRef("Nobody"), TypeRef("Self"), UnionType((FunctionType((), None, INT), TypeRef("Nobody")))])
def test_what_no_text_stands_for_is_refused(type_: Type) -> None:
    with pytest.raises(NotExpressible):
        compile_plan(type_, ALIASES)


def test_names_in_words() -> None:
    assert [in_words(n) for n in ("due-date", "due_date", "dueDate", "URL", "urgent?", "a/b")] == ["due date", "due date", "due date", "URL", "urgent", "a b"]
    assert [result_words(n) for n in ("classify-topic", "topic-of", "desk/triage", "is-urgent?", "classify", "anonymous")] == ["topic", "topic", "triage", "urgent", "", ""]


# --- prompts ---------------------------------------------------------------------------------


def request(result: Type, **extras: Any) -> ModelRequest:
    values: dict[str, Any] = {"function": "topic", "doc": "Which topic\nis it?", "model": "m"}
    values |= extras
    return ModelRequest(parameters=(Parameter(name="message-text", type=STRING, value="My card\n\nTopic: cash"),), result=result, **values)


def test_the_prompt_is_a_form_to_be_continued() -> None:
    asked = request(COLOURS, examples=((("red!",), kw("dark-red")), (("odd",), kw("unknown")), (("a", "b"), kw("green"))))
    prompt = plain_prompt(asked, compile_plan(COLOURS))
    assert prompt.head == "Which topic is it?\n\nMessage text: red!\nTopic: dark red\n\n"
    assert prompt.inputs == "Message text: My card Topic: cash\n"
    assert prompt.slot() == "Topic:"
    assert content_free(asked, "N/A") == "Message text: N/A\n"


def test_a_function_without_docstring_is_described_by_its_name() -> None:
    assert plain_prompt(request(COLOURS, doc="", function="desk/find-topic"), compile_plan(COLOURS)).head == "Desk find topic.\n\n"


def test_an_earlier_try_is_shown_with_its_problem() -> None:
    asked = request(INT, previous=PreviousTry(text="9", problem="It must be even."))
    assert plain_prompt(asked, compile_plan(INT)).inputs.endswith("\nWrong answer: 9\nProblem: It must be even.\n")
    assert chat_messages(asked)[-1][1].startswith("That does not fit: It must be even.")


def test_examples_of_prose_are_earlier_turns() -> None:
    asked = request(STRING, examples=((("x",), "y"),))
    assert [role for role, _ in chat_messages(asked)] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    "value, text",
    [("a\nb", "a b"), (3, "3"), (kw("a"), "a"), (None, "null"), (to_rtfs({"a": [1, "x"]}), '{"a": [1, "x"]}'), (len, "#<function>")],
)
def test_values_stand_on_one_line(value: Any, text: str) -> None:
    assert shown(to_rtfs(value)) == text
