"""Laws of values: equality, hashing and order agree; collections are persistent; conversion goes there and back."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from rtfs.values.convert import to_python, to_rtfs
from rtfs.values.equality import compare, equal, hash_value
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import List, Vector
from tests.property.strategies import scalars, values

# --- equality, hash, order ---------------------------------------------------------------------

#: Values that are alike but not the same, so that pairs of them say something.
_alike = st.sampled_from([0, 0.0, -0.0, False, "", None, 1, 1.0, True, Vector(), List(), Map(), Vector([1]), List([1]), Vector([1.0])])
mixed = st.one_of(values, _alike, st.lists(_alike, max_size=3).map(Vector), st.lists(st.tuples(_alike, _alike), max_size=3).map(Map))


@given(mixed)
def test_equality_is_reflexive(value: Any) -> None:
    assert equal(value, value)
    assert compare(value, value) == 0


@given(mixed, mixed)
@example(1, 1.0)
@example(True, 1)
@example(Vector([1]), List([1]))
@example(Map([(1, "a"), (2, "b")]), Map([(2, "b"), (1, "a")]))
@example(Map([(0, False), (0.0, 0)]), Map([(0.0, 0), (0, False)]))
def test_equality_is_symmetric_and_agrees_with_hash_and_order(a: Any, b: Any) -> None:
    assert equal(a, b) == equal(b, a)
    assert compare(a, b) == -compare(b, a)
    if equal(a, b):
        assert hash_value(a) == hash_value(b)
        if type(a) is type(b) and not _holds_lists(a) and not _holds_lists(b):  # a vector sorts before an equal list
            assert compare(a, b) == 0


def _holds_lists(value: Any) -> bool:
    if isinstance(value, List):
        return True
    if isinstance(value, Vector):
        return any(_holds_lists(item) for item in value.items())
    return isinstance(value, Map) and any(_holds_lists(x) for entry in value.items() for x in entry)


@given(st.lists(mixed, min_size=3, max_size=3))
def test_order_is_transitive(items: list[Any]) -> None:
    a, b, c = items
    if compare(a, b) <= 0 and compare(b, c) <= 0:
        assert compare(a, c) <= 0


@given(mixed, mixed)
def test_a_map_finds_a_key_exactly_by_equality(key: Any, other: Any) -> None:
    assert (other in Map([(key, 1)])) == equal(key, other)


# --- persistent vectors against lists ------------------------------------------------------------

_vector_ops = st.one_of(
    st.tuples(st.just("append"), st.integers()),
    st.tuples(st.just("appends"), st.integers(1, 70)),
    st.tuples(st.just("replaces"), st.integers(1, 300)),
    st.tuples(st.just("prepend"), st.integers()),
    st.tuples(st.just("replace"), st.integers(0, 5000), st.integers()),
    st.tuples(st.just("slice"), st.integers(0, 5000), st.integers(0, 5000)),
    st.tuples(st.just("extend"), st.lists(st.integers(), max_size=5)),
    st.tuples(st.just("back"), st.integers(0, 100)),
)


@given(st.sampled_from([0, 1, 3, 31, 127, 128, 129, 160, 1023, 1024, 1025, 1300, 33_000]), st.lists(_vector_ops, max_size=25))
def test_a_vector_is_a_list_that_never_changes(size: int, ops: list[Any]) -> None:
    versions: list[tuple[Vector, list[Any]]] = [(Vector(range(size)), list(range(size)))]
    for op, *args in ops:
        vector, model = versions[-1]
        if op == "append":
            vector, model = vector.append(args[0]), [*model, args[0]]
        elif op == "appends":
            for i in range(args[0]):
                vector = vector.append(i)
            model = [*model, *range(args[0])]
        elif op == "replaces":
            model = list(model)
            for i in range(0, len(model), args[0]):
                vector = vector.replace(i, -i)
                model[i] = -i
        elif op == "prepend":
            vector, model = vector.prepend(args[0]), [args[0], *model]
        elif op == "extend":
            vector, model = vector.extend(args[0]), [*model, *args[0]]
        elif op == "replace" and model:
            at = args[0] % len(model)
            vector, model = vector.replace(at, args[1]), [*model[:at], args[1], *model[at + 1 :]]
        elif op == "slice":
            start, stop = sorted(x % (len(model) + 1) for x in args)
            vector, model = vector.slice(start, stop), model[start:stop]
        elif op == "back":  # an older version goes on: it must not see, nor disturb, what came after
            vector, model = versions[args[0] % len(versions)]
        versions.append((vector, model))
    for vector, model in versions:
        assert vector.items() == model
        assert len(vector) == len(model)
        assert not model or (vector[0], vector[len(model) - 1]) == (model[0], model[-1])


# --- persistent maps against dicts ---------------------------------------------------------------

_keys = st.one_of(st.integers(0, 200), st.sampled_from([1.0, True, False, None, "1", Keyword("k"), Vector([1]), List([1])]))
_map_ops = st.one_of(
    st.tuples(st.just("assoc"), _keys, st.integers()),
    st.tuples(st.just("dissoc"), _keys),
    st.tuples(st.just("assoc-range"), st.integers(0, 400), st.integers(0, 400), st.sampled_from([1, 16, 2**20])),
    st.tuples(st.just("dissoc-range"), st.integers(0, 400), st.integers(0, 400)),
    st.tuples(st.just("look")),
    st.tuples(st.just("merge"), st.lists(st.tuples(_keys, st.integers()), max_size=12)),
    st.tuples(st.just("back"), st.integers(0, 100)),
)


def _tagged(key: Any) -> Any:
    """A key under which a Python dict tells apart what RTFS tells apart."""
    return ("seq", tuple(key.items())) if isinstance(key, (Vector, List)) else (type(key).__name__, key)


@given(st.sampled_from([0, 1, 7, 63, 64, 65, 66, 130, 300]), st.lists(_map_ops, max_size=25))
def test_a_map_is_an_ordered_dict_that_never_changes(size: int, ops: list[Any]) -> None:
    versions: list[tuple[Map, dict[Any, Any]]] = [(Map([(i, -i) for i in range(size)]), {_tagged(i): (i, -i) for i in range(size)})]
    for op, *args in ops:
        table, model = versions[-1]
        model = dict(model)
        if op == "assoc":
            table = table.assoc(*args)
            _put(model, *args)
        elif op == "dissoc":
            table = table.dissoc(args[0])
            model.pop(_tagged(args[0]), None)
        elif op == "assoc-range":
            low, high, stride = args
            for key in range(low * stride, high * stride, stride):
                table = table.assoc(key, low)
                _put(model, key, low)
        elif op == "look":
            table.items()
        elif op == "dissoc-range":
            for key in range(min(args), max(args)):
                table = table.dissoc(key)
                model.pop(_tagged(key), None)
        elif op == "merge":
            table = table.merge(Map(args[0]))
            for key, value in Map(args[0]).items():
                _put(model, key, value)
        else:
            table, model = versions[args[0] % len(versions)]
        versions.append((table, model))
    for table, model in versions:
        assert [(_tagged(k), v) for k, v in table.items()] == [(_tagged(k), v) for k, v in model.values()]
        assert len(table) == len(model)
        for tag, (key, value) in model.items():
            assert tag in model
            assert table.get(key) == value
            assert key in table
        assert equal(table, Map(reversed(table.items())))
        assert hash_value(table) == hash_value(Map(reversed(table.items())))


def _put(model: dict[Any, Any], key: Any, value: Any) -> None:
    tag = _tagged(key)
    model[tag] = (model[tag][0] if tag in model else key, value)


# --- the embedding boundary ------------------------------------------------------------------------

_python = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5), st.uuids()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=10,
)


@given(_python)
def test_python_values_go_there_and_back(value: Any) -> None:
    assert to_python(to_rtfs(value)) == value


@given(scalars)
def test_rtfs_scalars_survive_the_way_out(value: Any) -> None:
    out = to_python(value)
    back = to_rtfs(out)
    if isinstance(value, (str, int, float, bool, type(None))):
        assert back == value
        assert type(back) is type(value)
