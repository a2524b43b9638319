"""Frozen dataclasses with a quicker `__init__` are as the others, but for the time."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from rtfs.values.quick import quick_init, quick_struct
from rtfs.values.struct import Struct


@quick_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    name: str
    size: int = 3
    parts: dict[str, int] = field(default_factory=dict)


def test_fields_have_what_was_given_or_their_defaults() -> None:
    one, two = Thing(name="a"), Thing(name="a", size=4, parts={"x": 1})
    assert (one.name, one.size, one.parts) == ("a", 3, {})
    assert (two.size, two.parts) == (4, {"x": 1})
    assert Thing(name="a").parts is not one.parts
    assert repr(one) == "Thing(name='a', size=3, parts={})"
    assert replace(two, size=3, parts={}) == one
    assert copy.deepcopy(two) == pickle.loads(pickle.dumps(two)) == two


def test_it_stays_frozen_and_takes_what_it_took() -> None:
    with pytest.raises(FrozenInstanceError):
        Thing(name="a").size = 5  # type: ignore[misc]
    with pytest.raises(TypeError, match="name"):
        Thing()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="colour"):
        Thing(name="a", colour="red")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Thing("a")  # type: ignore[misc]


@quick_init
@dataclass(frozen=True, slots=True)
class Pair:
    left: int = 1
    right: int = 2


def test_fields_may_come_by_position() -> None:
    assert (Pair(3), Pair(3, 4), Pair(right=5)) == (Pair(left=3, right=2), Pair(left=3, right=4), Pair(1, 5))
    assert len({Pair(), Pair(1, 2)}) == 1
    with pytest.raises(FrozenInstanceError):
        Pair().left = 5  # type: ignore[misc]
    with pytest.raises(TypeError):
        Pair(1, 2, 3)  # type: ignore[call-arg]


@quick_struct
class Point(Struct):
    x: int
    y: int = 2
    about: str = "here"


def test_a_struct_has_what_was_given_or_its_defaults_and_is_as_the_others() -> None:
    one = Point(1)
    assert (one.x, one.y, one.about) == (1, 2, "here")
    assert Point(1, about="there", y=3) == Point(1, 3, "there") == one.replace(y=3, about="there")
    assert hash(Point(1, 2)) == hash(one)
    assert repr(one) == "Point(x=1, y=2, about='here')"
    with pytest.raises(AttributeError, match="immutable"):
        one.x = 5  # type: ignore[misc]
    for wrong in (lambda: Point(), lambda: Point(1, 2, "a", 4), lambda: Point(1, x=1), lambda: Point(1, z=1)):  # type: ignore[call-arg, misc]
        with pytest.raises(TypeError):
            wrong()
