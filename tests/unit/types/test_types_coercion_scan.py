"""The tolerant scanner: JSON is JSON to it, everything else is mended in one way or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtfs.types.coercion.labels import closest
from rtfs.types.coercion.scan import ScanProblem, scan
from rtfs.types.coercion.tree import Bare, CutDict, CutList, CutText, plain
from tests.property.type_strategies import json_data

containers = st.lists(json_data, max_size=4) | st.dictionaries(st.text(max_size=5), json_data, max_size=4)
#: Text that is nearly JSON, so that it gets past the first bracket.
nearly = st.lists(
    st.sampled_from(
        ["{", "}", "[", "]", ",", ":", '"', "'", "a", " ", "\n", "1", "-", "null", "True", "//", "/*", "*/", "\\", "“", "=", "."]
    ),
    max_size=25,
).map("".join)


def data_of(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: data_of(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [data_of(item) for item in tree]
    return plain(tree)


@given(containers, st.sampled_from([None, 2]), st.booleans())
def test_json_is_read_as_it_is(data: Any, indent: int | None, ascii: bool) -> None:
    text = json.dumps(data, indent=indent, ensure_ascii=ascii)
    found = scan(text)
    assert data_of(found.data) == data
    assert repr(data_of(found.data)) == repr(data)  # True is not 1 here
    assert found.notes == []
    assert found.end == len(text)


@given(st.sampled_from("{["), nearly | st.text(max_size=25), st.booleans(), st.booleans())
@example("{", '"a": "', True, True)
@example("[", "1,", False, False)
def test_any_text_is_read_or_refused(bracket: str, text: str, ended: bool, words: bool) -> None:
    try:
        found = scan(bracket + text, ended=ended, words=words)
    except ScanProblem:
        return
    assert 0 < found.end <= len(text) + 1
    assert len({kind for kind, _, _ in found.notes}) == len(found.notes)
    if ended:  # then nothing was cut off
        assert not cuts(found.data)


def cuts(tree: Any) -> bool:
    if isinstance(tree, (CutDict, CutList, CutText)):
        return True
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else []
    return any(cuts(item) for item in inner)


@given(containers, st.data())
def test_what_was_cut_off_is_marked(data: Any, draws: st.DataObject) -> None:
    text = json.dumps(data)
    end = draws.draw(st.integers(1, len(text)))
    try:
        found = scan(text[:end])
    except ScanProblem:  # cut off in a key that has brackets in it, or after a backslash
        assert end < len(text)
        return
    assert cuts(found.data) == (end < len(text))


@pytest.mark.parametrize(
    "text, tree",
    [
        ("{a: 1, b: [x y, 'it's']}", {"a": Bare("1"), "b": [Bare("x y"), "it's"]}),
        ("{'a': (1, 2), \"b\": None}", {"a": [Bare("1"), Bare("2")], "b": Bare("None")}),
        ('{"a": 1,234, "b": 2}', {"a": Bare("1,234"), "b": Bare("2")}),
        ("[1,234]", [Bare("1"), Bare("234")]),
        ('{"u": http://a.b/c, # the page\n "t": 10:30}', {"u": Bare("http://a.b/c"), "t": Bare("10:30")}),
        ('{:a 1 :b "x"}', {"a": Bare("1"), "b": "x"}),
        ('{"a": "\\ud83d\\ude00 \\q"}', {"a": "😀 \\q"}),
    ],
)
def test_trees(text: str, tree: Any) -> None:
    assert scan(text).data == tree


@pytest.mark.parametrize(
    "text, words",
    [
        ("[1,,2]", "a , where a value should be"),
        ('{"a" 1}', 'no colon after the key "a"'),
        ('{"a": }', 'the key "a" has no value'),
        ('{"a": 1, "a": 2}', "stands twice with different values"),
        ('{"a": "x" y}', "a quote inside a text"),
        ("[1}", "a } that closes nothing"),
        ("[1, ...]", "something is left out"),
        ("[1, // etc\n2]", "a comment says that something is left out"),
        ("[" * 501, "nested more than 500 deep"),
    ],
)
def test_problems_say_what_and_where(text: str, words: str) -> None:
    with pytest.raises(ScanProblem) as caught:
        scan(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "name, known, found",
    [
        ("complant", ["complaint", "praise"], "complaint"),
        ("compliant", ["complaint", "praise"], "complaint"),
        ("descripton", ["description", "name"], "description"),
        ("cards", ["card"], None),  # too short to tell a slip from another word
        ("illegal", ["legal"], None),
        ("version3", ["version1", "version2"], None),
        ("planed", ["planned", "planted"], None),
        ("description", ["description"], None),  # no slip at all
    ],
)
def test_slips(name: str, known: list[str], found: str | None) -> None:
    assert closest(name, known) == found
