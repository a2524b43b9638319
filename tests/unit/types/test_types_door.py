"""`rtfs.types`: what programs in Python see, and what it costs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import rtfs

ROOT = Path(__file__).parents[3]


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_the_list_is_sorted_and_whole() -> None:
    assert rtfs.types.__all__ == sorted(set(rtfs.types.__all__))
    for name in rtfs.types.__all__:
        assert callable(getattr(rtfs.types, name))
        assert getattr(rtfs.types, name).__doc__


def test_the_line_of_the_issue() -> None:
    printed = run_python(
        """import rtfs; print(rtfs.types.json_schema('[:map [:topic [:enum "a" "b"]] [:score [:and :float [:>= 0] [:<= 1]]]]'))"""
    )
    assert eval(printed) == {
        "type": "object",
        "properties": {"topic": {"enum": ["a", "b"]}, "score": {"type": "number", "minimum": 0, "maximum": 1}},
        "required": ["topic", "score"],
        "additionalProperties": False,
    }


def test_a_module_of_the_same_name_does_not_hide_a_function() -> None:
    code = "import rtfs.types.parse, rtfs.types.json_schema, rtfs.types.from_python, rtfs.types.to_pydantic, rtfs; "
    assert run_python(code + "print(rtfs.types.parse('int?'), rtfs.types.json_schema('int'))") == "int? {'type': 'integer'}\n"


def test_importing_the_door_imports_nothing_else() -> None:
    code = "import sys, rtfs; rtfs.types; print(*sorted(name for name in sys.modules if name.startswith(('rtfs', 'pydantic', 'typing'))))"
    assert run_python(code).split() == ["rtfs", "rtfs.types"]


def test_relations_on_text() -> None:
    names = {"Id": "int"}
    assert rtfs.types.is_subtype("Id", "number", names=names)
    assert not rtfs.types.is_subtype("Id", "number")
    assert rtfs.types.is_consistent("[:vector any]", "[:vector int]")
    assert not rtfs.types.overlap("int", "string")
    assert str(rtfs.types.join("int", "nil")) == "int?"
    assert str(rtfs.types.meet("[:vector number]", "[:vector int?]")) == "[:vector int]"
    assert str(rtfs.types.subtract("bool", "[:val true]")) == "[:val false]"
    assert rtfs.types.type_text(rtfs.types.parse("[:or int string]")) == "[:union int string]"


def test_values_are_python_values() -> None:
    assert rtfs.types.matches({"a": [1, 2]}, "[:map [:a [:vector int]]]")
    assert rtfs.types.mismatch({"items": [{"price": "3"}]}, "[:map [:items [:vector [:map [:price float]]]]]") == (
        "Type mismatch at .items[0].price: expected float, got string"
    )
    assert str(rtfs.types.type_of([1, 2])) == "[:tuple int int]"
    assert str(rtfs.types.type_of({"a": None}, exact=True)) == '[:map ["a" [:val nil]] [:* never]]'


@pytest.mark.parametrize("text", ["int string", "", "[:vectr int]", "[:vector"])
def test_text_that_is_no_type(text: str) -> None:
    with pytest.raises(rtfs.RtfsError):
        rtfs.types.parse(text)


def test_replies_of_models_are_read() -> None:
    found = rtfs.types.coerce('Sure! {"id": 3,}', "[:map [:id Id]]", names={"Id": "int"})
    assert found.value == rtfs.to_rtfs({rtfs.kw("id"): 3})
    assert found.report.cost > 0
