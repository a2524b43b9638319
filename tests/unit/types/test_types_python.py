"""Python annotations, classes and functions to types, and types to pydantic models."""

import datetime
import enum
import functools
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Optional, TypedDict, TypeVar, Union

import annotated_types as at
import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints, ValidationError, conint, field_validator

import rtfs
from rtfs.errors import ConfigError
from rtfs.types.from_python import from_python
from rtfs.types.matching import matches
from rtfs.values.convert import to_rtfs

t = rtfs.types.parse


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Point:
    x: int
    y: float = 0.0
    tags: list[str] = field(default_factory=list)


@dataclass
class Node:
    value: int
    next: "Node | None" = None


class Options(TypedDict):
    depth: int
    label: NotRequired[str]


class Loose(TypedDict, total=False):
    depth: int


class Pair(NamedTuple):
    left: int
    right: str


class Ticket(BaseModel):
    topic: Literal["a", "b"]
    score: float = Field(ge=0, le=1)
    count: conint(gt=0) | None = None  # type: ignore[valid-type]
    when: datetime.datetime
    children: list["Ticket"] = []


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, StringConstraints(min_length=1, pattern="^a")]


class Numbers(RootModel[list[int]]):
    pass


class Checked(BaseModel):
    age: int

    @field_validator("age")
    @classmethod
    def is_even(cls, value: int) -> int:
        return value


UserId = NewType("UserId", int)
Bound = TypeVar("Bound", bound=int)
Choice = TypeVar("Choice", int, str)


def answer(question: str, limit: int = 3, *more: float) -> bool: ...


def untyped(a, b): ...


class Callme:
    def __call__(self, point: Point) -> None: ...


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (int, "int"),
        (float, "float"),
        (str, "string"),
        (bool, "bool"),
        (None, "nil"),
        (Any, "any"),
        (object, "any"),
        (list, "[:vector any]"),
        (list[int], "[:vector int]"),
        (Sequence[str], "[:vector string]"),
        (tuple[int, ...], "[:vector int]"),
        (tuple[int, str], "[:tuple int string]"),
        (tuple[()], "[:vector never]"),
        (dict, "map"),
        (dict[str, int], "[:map-of string int]"),
        (Mapping[str, list[int]], "[:map-of string [:vector int]]"),
        (Optional[int], "int?"),  # noqa: UP045
        (Union[int, str], "[:union int string]"),  # noqa: UP007
        (int | str | None, "[:union int string nil]"),
        (Literal["a", 1, True, None], '[:enum "a" 1 true nil]'),
        (Literal[Color.RED], '[:val "red"]'),
        (Color, '[:enum "red" "green"]'),
        (Level, "[:enum 1 2]"),
        (Annotated[int, at.Gt(3), at.Le(5)], "[:and int [:> 3] [:<= 5]]"),
        (Annotated[float, at.Interval(ge=0, lt=1)], "[:and float [:>= 0] [:< 1]]"),
        (Annotated[list[int], at.Len(1, 3)], "[:and [:vector int] [:min-count 1] [:max-count 3]]"),
        (Annotated[str, Field(min_length=2, pattern="^a")], '[:and string [:min-length 2] [:matches-regex "^a"]]'),
        (Annotated[int, "only a remark"], "int"),
        (UserId, "int"),
        (Bound, "int"),
        (Choice, "[:union int string]"),
        (datetime.datetime, "timestamp"),
        (uuid.UUID, "uuid"),
        (rtfs.Keyword, "keyword"),
        (Point, "[:map [:x int] [:y float ?] [:tags [:vector string] ?]]"),
        (Options, "[:map [:depth int] [:label string ?]]"),
        (Loose, "[:map [:depth int ?]]"),
        (Pair, "[:tuple int string]"),
        (Closed, '[:map [:name [:and string [:min-length 1] [:matches-regex "^a"]]] [:* never]]'),
        (Numbers, "[:vector int]"),
        (Callable[[int, str], bool], "[:fn [int string] bool]"),
        (Callable[..., int], "[:fn [& any] int]"),
        (Callable, "function"),
        (answer, "[:and [:fn [string] bool] [:fn [string int & float] bool]]"),
        (functools.partial(answer, "q"), "[:and [:fn [] bool] [:fn [int & float] bool]]"),
        (untyped, "[:fn [any any] any]"),
        (lambda x: x, "[:fn [any] any]"),
        (Callme(), "[:fn [[:map [:x int] [:y float ?] [:tags [:vector string] ?]]] nil]"),
    ],
)
def test_what_an_annotation_becomes(thing: Any, text: str) -> None:
    assert str(from_python(thing)) == text


def test_a_class_that_mentions_itself_has_a_name() -> None:
    definitions: dict[str, Any] = {}
    assert str(from_python(list[Ticket], definitions=definitions)) == "[:vector Ticket]"
    assert str(definitions["Ticket"]) == (
        '[:map [:topic [:enum "a" "b"]] [:score [:and float [:>= 0] [:<= 1]]] '
        "[:count [:optional [:and int [:> 0]]] ?] [:when timestamp] [:children [:vector Ticket] ?]]"
    )
    assert str(from_python(Node, definitions=definitions)) == "Node"
    with pytest.raises(ConfigError, match="Node mentions itself"):
        from_python(Node)


@pytest.mark.parametrize(
    "value",
    [Point(1, 2.0, ["a"]), Node(1, Node(2)), Pair(1, "a"), Color.RED, Level.LOW, Closed(name="ab"), datetime.datetime(2025, 1, 2)],
    ids=str,
)
def test_values_belong_to_the_type_of_their_class(value: Any) -> None:
    definitions: dict[str, Any] = {}
    assert matches(from_python(type(value), definitions=definitions), to_rtfs(value), definitions.get)


def test_what_no_type_says_is_noted() -> None:
    notes: list[str] = []
    assert str(from_python(Annotated[int, at.MultipleOf(3)], notes=notes)) == "int"
    assert str(from_python(Checked, notes=notes)) == "[:map [:age int]]"
    assert [note.partition(" is left out")[0].partition(" are left out")[0] for note in notes] == [
        "MultipleOf(multiple_of=3)",
        "the validators of Checked",
    ]


class Keyworded:
    def __call__(self, *, needed: int) -> None: ...


@pytest.mark.parametrize("thing", [set[int], bytes, "int", complex, Keyworded(), 3, Literal[b"x"], range])
def test_what_has_no_counterpart_is_refused(thing: Any) -> None:
    with pytest.raises(ConfigError):
        from_python(thing)


def test_text_is_not_evaluated() -> None:
    with pytest.raises(ConfigError, match="text is not evaluated"):
        from_python(list["__import__('os').system('true')"])  # type: ignore[misc]


# --- pydantic ---

CONTRACT = (
    '[:map [:topic [:enum "a" "b"]] [:score [:and float [:>= 0] [:<= 1]]] [:tags [:vector string] ?] [:pair [:tuple int string]]]'
)


def test_a_record_becomes_a_model() -> None:
    Contract = rtfs.types.to_pydantic(CONTRACT, "Contract")
    made = Contract.model_validate({"topic": "a", "score": 1, "pair": [1, "x"], "more": True})
    assert (made.topic, made.score, made.tags, made.pair, made.more) == ("a", 1.0, None, (1, "x"), True)
    assert Contract.model_validate_json('{"topic": "b", "score": 0.5, "pair": [1, "x"], "tags": ["t"]}').tags == ["t"]
    schema = Contract.model_json_schema()
    assert Contract.__name__ == schema["title"] == "Contract"
    assert schema["properties"]["score"] == {"maximum": 1, "minimum": 0, "title": "Score", "type": "number"}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"topic": "c", "score": 1, "pair": [1, "x"]},
        {"topic": "a", "score": 2, "pair": [1, "x"]},
        {"topic": "a", "score": "1", "pair": [1, "x"]},
        {"topic": "a", "score": 1, "pair": [1]},
    ],
)
def test_a_model_refuses_what_the_type_refuses(data: Any) -> None:
    assert not rtfs.types.matches(data, CONTRACT)
    with pytest.raises(ValidationError):
        rtfs.types.to_pydantic(CONTRACT).model_validate(data)


def test_models_of_named_and_recursive_types() -> None:
    names = {"Tree": "[:map [:value int] [:kids [:vector Tree] ?]]", "Nest": "[:union int [:vector Nest]]"}
    Tree = rtfs.types.to_pydantic("Tree", "Tree", names=names)
    assert Tree.model_validate({"value": 1, "kids": [{"value": 2}]}).kids[0].value == 2
    with pytest.raises(ValidationError):
        Tree.model_validate({"value": 1, "kids": [{"value": "2"}]})
    assert rtfs.types.to_pydantic("Nest", names=names).model_validate([1, [2, [3]]]).model_dump() == [1, [2, [3]]]
    Forest = rtfs.types.to_pydantic("[:vector Tree]", "Forest", names=names)
    assert Forest.model_validate([{"value": 1}]).model_dump(exclude_unset=True) == [{"value": 1}]


def test_names_that_python_does_not_have() -> None:
    Odd = rtfs.types.to_pydantic('[:map [:class string] [:max-size int] [:model_config int ?] ["1st" nil]]')
    made = Odd.model_validate({"class": "c", "max-size": 3, "1st": None})
    assert made.model_dump(by_alias=True, exclude_unset=True) == {"class": "c", "max-size": 3, "1st": None}


def test_closed_records_and_typed_extras() -> None:
    with pytest.raises(ValidationError):
        rtfs.types.to_pydantic("[:map [:a int] [:* never]]").model_validate({"a": 1, "b": 2})
    typed = rtfs.types.to_pydantic("[:map [:a int] [:* string]]")
    assert typed.model_validate({"a": 1, "b": "x"}).b == "x"
    with pytest.raises(ValidationError):
        typed.model_validate({"a": 1, "b": 2})


@pytest.mark.parametrize("text", ["[:fn [int] int]", "resource", "[:stream int]", "Nobody", "[:and int string]"])
def test_types_without_a_model(text: str) -> None:
    with pytest.raises(ConfigError):
        rtfs.types.to_pydantic(text)


def test_a_model_and_its_type_go_round() -> None:
    again = from_python(rtfs.types.to_pydantic("[:map [:a [:and int [:> 0]]] [:b [:vector string] ?]]", "Round"))
    assert again == t("[:map [:a [:and int [:> 0]]] [:b [:vector string] ?]]")
