"""The algebra of keys, and the form of values."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtfs.caching.encoding import Malformed, decode, encode
from rtfs.caching.keys import KEY_BYTES, NoKey, begin, key, text_of
from rtfs.caching.question import Kept
from rtfs.values.functions import Builtin
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import List, Vector

atoms = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary(), st.text().map(Keyword),
    st.text().map(Symbol),
)
parts = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(Vector),
        st.lists(inner, max_size=4).map(List),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text().map(Keyword), inner, max_size=4).map(lambda d: Map(d.items())),
    ),
    max_leaves=10,
)


def shown(part: Any) -> Any:
    """A part so that Python tells kinds apart: 1 from 1.0 and True, 0.0 from -0.0; maps by their entries."""
    if type(part) is Map:
        return "Map", frozenset((shown(k), shown(v)) for k, v in part.items())
    if isinstance(part, (Vector, List)):
        return type(part).__name__, tuple(shown(item) for item in part.items())
    if type(part) is tuple:
        return "tuple", tuple(map(shown, part))
    return type(part).__name__, repr(part)


@given(st.lists(parts, max_size=4), st.lists(parts, max_size=4))
def test_different_parts_have_different_texts(a: list[Any], b: list[Any]) -> None:
    assert (text_of(tuple(a)) == text_of(tuple(b))) == (tuple(map(shown, a)) == tuple(map(shown, b)))


@given(st.lists(parts, max_size=3), st.lists(parts, max_size=3))
def test_what_keys_begin_with_can_be_hashed_first(a: list[Any], b: list[Any]) -> None:
    assert begin("L2", *a).key(*b) == begin("L2").then(*a).key(*b) == key("L2", *a, *b)
    assert len(key("L2", *a)) == KEY_BYTES


def test_layers_have_keys_of_their_own() -> None:
    assert len({key(layer, "x") for layer in ("L1", "L2", "L3", "L4")}) == 4


@pytest.mark.parametrize(
    "one, other",
    [(("ab", "c"), ("a", "bc")), (("",), ()), ((1,), (1.0,)), ((1,), (True,)), ((1,), ("1",)), ((0.0,), (-0.0,)), (((),), ()),
     ((12, 3), (1, 23)), ((Vector([1]),), (List([1]),)), ((None,), (False,))],
)
def test_texts_that_look_alike_are_not(one: Any, other: Any) -> None:
    assert key("L2", *one) != key("L2", *other)


def test_a_map_has_one_key_in_whatever_order_it_was_made() -> None:
    one = Map([(Keyword("a"), 1), (Keyword("b"), Map([(1, 2), ("x", 3)]))])
    other = Map([(Keyword("b"), Map([("x", 3), (1, 2)])), (Keyword("a"), 1)])
    assert key("L2", one) == key("L2", other)


def test_keys_are_the_same_everywhere() -> None:
    assert key("L2", "f", 1, 2.5, None, Vector([Keyword("a")])).hex() == EXPECTED


EXPECTED = "bd821a5e1cd3fc2454d8e5992a0ae868962f1474f8a1db57c1b5e29cef57e993"


def test_what_cannot_be_written_has_no_key() -> None:
    deep = Vector([])
    for _ in range(300):
        deep = Vector([deep])
    wide = Vector([1, 2])
    for _ in range(60):
        wide = Vector([wide, wide])  # 2**60 leaves
    for part in (deep, wide, Builtin("f", lambda: None, 0, 0), object()):
        with pytest.raises(NoKey):
            key("L2", part)


@given(st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)), max_leaves=10,
))
def test_plain_data_comes_back(value: Any) -> None:
    assert decode(encode(value)) == value
    assert encode(decode(encode(value))) == encode(value)


@pytest.mark.parametrize("value", [object(), {1: 2}, [{"a": [set()]}], "\ud800"])
def test_what_is_no_plain_data_is_refused(value: Any) -> None:
    with pytest.raises(Malformed):
        encode(value)


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x83\x01\x02", bytes.fromhex("d82364612e2a61"), bytes.fromhex("c11a514b67b0"), b"\x81" * 5000 + b"\x01"])
def test_bytes_that_are_no_plain_data_are_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(data)


def test_replies_come_back() -> None:
    kept = Kept("praise", 12, 1, 0.93, 0.8, "stop", "smollm2", 0.25, 0.001, 1000.0, {"tries": 2})
    assert Kept.from_data(decode(encode(kept.to_data()))) == kept
    for wrong in ([], [2, *kept.to_data()[1:]], [1, 5, *kept.to_data()[2:]], "text"):
        with pytest.raises(Malformed):
            Kept.from_data(wrong)
    for figures in ({"created": 1e300}, {"created": -1.0}, {"latency_s": math.nan}, {"cost_usd": -1.0}, {"score": math.inf}, {"prompt_tokens": -1}):
        with pytest.raises(Malformed):
            Kept.from_data(decode(encode(kept.replace(**figures).to_data())))
