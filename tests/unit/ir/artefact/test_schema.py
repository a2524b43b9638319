"""The table of what artefacts hold agrees with the classes: nothing is forgotten, nothing given twice."""

from __future__ import annotations

import inspect

import pytest

from rtfs.ir.artefact import schema
from rtfs.syntax import nodes as ast
from rtfs.syntax.analyse.effects import _POLICIES
from rtfs.types import nodes as types
from rtfs.types.parse import NAMED
from rtfs.types.predicates import PREDICATES
from rtfs.values.struct import Struct

#: The last two stand only in the declared types of built-ins, and no program can write them.
ABSTRACT = {ast.Node, ast.Pattern, types.Type, ast.Scope, Struct, types.SequenceType, types.TypeVariable}
CLASSES = [
    cls
    for module in (ast, types)
    for _, cls in inspect.getmembers(module, inspect.isclass)
    if issubclass(cls, Struct) and cls not in ABSTRACT
]


def test_every_class_has_a_number_of_its_own() -> None:
    assert set(schema.NUMBERS) == set(CLASSES)
    assert len(schema.NUMBERS) == len(schema.NODES)
    values = range(schema.NIL, schema.METADATA + 1)
    assert not set(values) & set(schema.NODES)
    assert schema.END not in schema.NODES


#: Fields that a run gives a value to.
FOUND_OUT = {(ast.Hint, "plan")}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_field_is_in_the_table(cls: type[Struct]) -> None:
    fields = schema.NODES[schema.NUMBERS[cls]][1]
    assert [name for name, _ in fields] == [name for name in cls._fields if (cls, name) not in FOUND_OUT]
    for name, kind in fields:
        if kind.rstrip("?") in ("part", "parts"):
            assert (cls, name) in schema.PARTS
        if kind.rstrip("?") == "choice":
            assert (cls, name) in schema.CHOICES


def test_choices_are_those_of_the_language() -> None:
    assert set(schema.CHOICES[types.Predicate, "name"]) == set(PREDICATES)
    assert {t.name for t in NAMED.values() if isinstance(t, types.Primitive)} == set(schema.CHOICES[types.Primitive, "name"])
    assert schema.CHOICES[ast.StepOptions, "merge_policy"] == _POLICIES


def test_numbers_stay_what_they_are() -> None:
    """A number that changes its meaning is another format: raise FORMAT, then change what this test expects."""
    listed = ",".join(f"{number}:{cls.__name__}({' '.join(f'{n}={k}' for n, k in fields)})" for number, (cls, fields) in sorted(schema.NODES.items()))
    from hashlib import blake2b

    assert (schema.FORMAT, blake2b(listed.encode(), digest_size=8).hexdigest()) == (1, "37be5befd446ae56")
