"""Server-sent events, in any pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtfs.models.sse import Event, events


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("data: a\n\n", [("", "a")]),
        ("data:a\r\n\r\ndata: b\r\rdata:  c\n\n", [("", "a"), ("", "b"), ("", " c")]),
        ("event: x\ndata: a\ndata: b\n\ndata: c\n\n", [("x", "a\nb"), ("", "c")]),
        (": a comment\n\n:\n\ndata: a\n\n", [("", "a")]),
        ("event: ping\n\ndata: a\n\n", [("", "a")]),
        ("id: 7\nretry: 10\ndata\ndata: a\nodd: b\n\n", [("", "\na")]),
        ("\ufeffdata: a\n\n", [("", "a")]),
        ("data: nobody ended this", [("", "nobody ended this")]),
        ("", []),
        ("data: one: two\n\n", [("", "one: two")]),
    ],
)
def test_what_is_an_event(text: str, found: list[tuple[str, str]]) -> None:
    assert [(e.name, e.data) for e in events([text.encode()])] == found


def test_bytes_that_are_no_text_do_not_stop_it() -> None:
    assert list(events([b"data: \xff\xfe\n\n"])) == [Event("", "\ufffd\ufffd")]


def test_an_event_is_there_as_soon_as_it_is_whole() -> None:
    seen = []

    def pieces():
        yield b"data: a\n\nda"
        seen.append("asked for more")
        yield b"ta: b\n\n"

    coming = events(pieces())
    assert next(coming).data == "a"
    assert seen == []
    assert next(coming).data == "b"


TEXT = st.text(alphabet="ab :\n\r\u00e9\u2028\U0001f600", max_size=40)


@example("a x\r\n\na y", [8, 9])
@given(TEXT, st.lists(st.integers(0, 60), max_size=8))
def test_where_the_pieces_end_does_not_matter(text: str, cuts: list[int]) -> None:
    data = text.replace("a", "data:").encode()
    places = sorted({0, len(data), *[min(cut, len(data)) for cut in cuts]})
    pieces = [data[a:b] for a, b in pairwise(places)]
    assert list(events(pieces)) == list(events([data]))
