"""What the collections promise beyond the laws: costs, sharing, and keys that Python would take for one another."""

from __future__ import annotations

import time

import pytest

from rtfs.values.equality import MAX_KEY_DEPTH, equal, hash_value
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import List, Vector


def test_appending_to_the_newest_version_shares_the_buffer() -> None:
    first = Vector([1])
    second = first.append(2)
    third = second.append(3)
    other = first.append(9)
    assert [v.items() for v in (first, second, third, other)] == [[1], [1, 2], [1, 2, 3], [1, 9]]


def test_a_slice_does_not_see_what_is_appended_to_the_whole() -> None:
    whole = Vector(range(10))
    part = whole.slice(8, 10)
    longer = whole.append(10)
    assert part.append("x").items() == [8, 9, "x"]
    assert longer.items() == [*range(11)]


@pytest.mark.parametrize("size", [10, 600, 5000])
def test_replacing_leaves_the_original(size: int) -> None:
    original = Vector(range(size))
    changed = original.replace(size - 1, "x").replace(0, "y")
    assert (changed[0], changed[size - 1], changed[1]) == ("y", "x", 1)
    assert original.items() == [*range(size)]
    assert changed.append("z").items() == ["y", *range(1, size - 1), "x", "z"]
    assert changed.slice(1, 4).replace(0, "w").items() == ["w", 2, 3]


def test_growing_is_quick() -> None:
    begun = time.process_time()
    vector, table = Vector(), Map()
    for i in range(100_000):
        vector = vector.append(i)
        table = table.assoc(i, i)
    for i in range(0, 100_000, 2):
        table = table.dissoc(i)
    assert (len(vector), len(table)) == (100_000, 50_000)
    assert time.process_time() - begun < 5


def test_keys_that_python_takes_for_one_another_are_different() -> None:
    table = Map([(1, "int"), (1.0, "float"), (True, "bool"), ("1", "str"), (Keyword("1"), "kw"), (Symbol("1"), "sym")])
    assert len(table) == 6
    assert [table.get(k) for k in (1, 1.0, True, False, 0, 0.0)] == ["int", "float", "bool", None, None, None]
    assert table.keys()[1:3] == [1.0, True]
    assert [type(k) for k in table.keys()[:3]] == [int, float, bool]


def test_a_vector_and_a_list_are_the_same_key() -> None:
    assert Map([(Vector([1]), "a")]).get(List([1])) == "a"
    assert hash_value(Vector([1, Vector([2])])) == hash_value(List([1, List([2])]))


def test_zero_and_minus_zero_are_one_key() -> None:
    assert Map([(0.0, "a")]).get(-0.0) == "a"


def test_hashes_of_maps_do_not_depend_on_order() -> None:
    a, b = Map([(1, 2), (3, 4), (5, Map([(6, 7), (8, 9)]))]), Map([(5, Map([(8, 9), (6, 7)])), (3, 4), (1, 2)])
    assert equal(a, b)
    assert hash_value(a) == hash_value(b)


def test_keys_inside_keys_are_limited_and_not_fatal() -> None:
    def nest(depth: int) -> Map:
        inner = Map()
        for _ in range(depth):
            inner = Map([(inner, 1)])
        return inner

    assert equal(nest(20), nest(20))
    with pytest.raises(RecursionError):
        equal(nest(MAX_KEY_DEPTH + 50), nest(MAX_KEY_DEPTH + 50))


def test_the_first_change_of_something_long_does_not_copy_it() -> None:
    def seconds(size: int) -> float:
        vector, table = Vector(range(size)), Map.adopt(dict.fromkeys(range(size)))
        begun = time.process_time()
        for i in range(300):  # each of them the first change of what was built in bulk
            vector.replace(i, "x")
            table.assoc(i, "x")
            table.dissoc(i)
        return time.process_time() - begun

    assert min(seconds(300_000) for _ in range(3)) < 20 * min(seconds(300) for _ in range(3))


def test_appending_to_an_older_version_of_something_long_does_not_copy_it() -> None:
    whole = Vector(range(300_000))
    longer = whole.append("first")
    begun = time.process_time()
    others = [whole.append(i) for i in range(1_000)]
    assert time.process_time() - begun < 0.3  # a copy takes a millisecond
    assert longer[300_000] == "first"
    assert [other[300_000] for other in others] == [*range(1_000)]
    assert others[7].append("x").items() == [*range(300_000), 7, "x"]


def test_keys_of_one_hash_are_kept_apart() -> None:
    keys = [i * (2**61 - 1) for i in range(60)]  # Python's hash of all of them is 0
    table = Map([(f"k{i}", i) for i in range(100)])
    for key in keys:
        table = table.assoc(key, str(key))
    for key in keys[::2]:
        table = table.dissoc(key)
    assert table.keys()[100:] == keys[1::2]
    assert [table.get(key) for key in keys] == [None if i % 2 == 0 else str(key) for i, key in enumerate(keys)]


def test_a_map_that_shrank_does_not_hold_on_to_what_it_was() -> None:
    table = Map([(i, i) for i in range(1_000)])
    for i in range(990):
        table = table.dissoc(i)
    assert type(table._table) is dict
    assert table.keys() == [*range(990, 1_000)]
