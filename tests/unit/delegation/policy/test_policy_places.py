"""The places of keys in TOML: the scanner finds the keys that tomllib finds, each where it stands."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtfs.delegation.policy.places import Places, Scanner
from rtfs.source import Source
from tests.support.toml_text import document


def places(text: str) -> Places:
    found = Places(Source("x.toml", text))
    again = Places(Source("x.toml", ""))
    Scanner(text, again).scan()  # raises where `Places` would make do
    assert (again.keys, again.values) == (found.keys, found.values)
    return found


def paths(data: Any, path: tuple = ()) -> set[tuple]:
    """The paths of all keys and items."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return {place for key, value in pairs for place in ({(*path, key)} | paths(value, (*path, key)))}


TEXT = '''\
version = 1   # a comment with = and [brackets]
title = "quotes \\" and = # signs"
a.b."c.d".'e f' = 'literal \\'
long = """
[not.a.header]
x = "1" \\
"""""
other = \'\'\'it\'s\'\'\'\'
when = 1979-05-27 07:32:00 # a date with a blank
numbers = [ 1, 2.5, # one
  -inf, 0xff, [ [], ["]", '}'], ], ]
inline = { x = 1, "y z" = { p = [1] }, q.r = true }

[ table . "sub table" ]
key = true

[[rules]]
name = "first"
[rules.metadata]
source = "planner"
[[rules.targets]]
weight = 1
[[rules.targets]]
weight = 2
[[rules]]
name = "second"
metadata.source = "user"
'''


def test_every_key_of_every_kind_of_line_is_found():
    found = places(TEXT)
    wanted = paths(tomllib.loads(TEXT))
    assert wanted == set(found.keys) | set(found.values)


@pytest.mark.parametrize(
    "path, line, key, value",
    [
        (("version",), 1, "version", "1"),
        (("a", "b", "c.d"), 3, '"c.d"', '"c.d"'),
        (("a", "b", "c.d", "e f"), 3, "'e f'", "'literal \\'"),
        (("when",), 9, "when", "1979-05-27 07:32:00"),
        (("numbers", 3), 11, "0xff", "0xff"),
        (("inline", "y z", "p", 0), 12, "1", "1"),
        (("table", "sub table", "key"), 15, "key", "true"),
        (("rules", 0, "metadata", "source"), 20, "source", '"planner"'),
        (("rules", 0, "targets", 1, "weight"), 24, "weight", "2"),
        (("rules", 1), 25, "[[rules]]", "[[rules]]"),
        (("rules", 1, "metadata", "source"), 27, "source", '"user"'),
        (("rules", 1, "no", "such"), 25, "[[rules]]", "[[rules]]"),
    ],
)
def test_places_of_keys_and_values(path, line, key, value):
    found = places(TEXT)
    assert (found.key(path).line, found.key(path).text, found.value(path).text) == (line, key, value)


def test_nesting_beyond_the_stack_loses_no_place_before_it():
    deep = "a = 1\nb = " + "[" * 5000 + "]" * 5000
    found = Places(Source("x.toml", deep))
    assert found.key(("a",)).line == 1
    assert found.key(("b", 0, 0)).line == 2


# --- generated texts ---

CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\x7f")
KEYS = st.one_of(st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True), st.text(CHARACTERS, max_size=5))
SCALARS = st.one_of(
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False),
    st.booleans(),
    st.text(CHARACTERS, max_size=12),
    st.datetimes(),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=5)


@given(DOCUMENTS)
def test_generated_documents(data):
    text = document(data)
    assert tomllib.loads(text) == data
    found = places(text)
    assert paths(data) == set(found.keys) | set(found.values)
    for path, (low, high) in found.values.items():
        value: Any = data
        for part in path:
            value = value[part]
        assert tomllib.loads(f"x = {text[low:high]}")["x"] == value


def quoted(text: str, how: str) -> str:
    return f"'{text}'" if how == "'" else f"'''{text}'''" if how == "'''" else f'{how}{text}{how}'


@given(st.lists(st.tuples(st.sampled_from(["'", "'''", '"', '"""']), st.text("ab\"'\\n[]{}=,#.\n", max_size=12)), max_size=4))
def test_strings_of_all_kinds(strings):
    text = "".join(f"k{i} = {quoted(body, how)} # end\n" for i, (how, body) in enumerate(strings))
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert {path: tomllib.loads("x = " + text[low:high])["x"] for path, (low, high) in places(text).values.items()} == {
        (key,): value for key, value in data.items()
    }
