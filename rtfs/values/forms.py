"""Forms: programs as data.

A form is an RTFS value: lists, vectors, maps, symbols and literals.  The one kind of form that is not an ordinary value is
a form with metadata in front of it, `^{…} form`.

A form that was read knows its place: collections and symbols carry `where`, and a collection also carries the offsets of its
children, since a literal child (`1`, `"a"`, `:k`) is a bare Python value and cannot.
"""

from __future__ import annotations

from rtfs.source import Span
from rtfs.values.maps import Map
from rtfs.values.scalars import Symbol, Where
from rtfs.values.sequences import List, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class MetaForm:
    """`^{…} form`: `meta` is a map with keyword keys; `^:delegation :remote "id"` is `{:delegation [:remote "id"]}`."""

    __slots__ = ("form", "meta", "where")

    kind_name = "metadata"

    def __init__(self, meta: Map, form: Any, where: Where | None = None) -> None:
        self.meta = meta
        self.form = form
        self.where = where

    def __eq__(self, other: object) -> bool:
        from rtfs.values.equality import equal_keys

        return isinstance(other, MetaForm) and equal_keys(self, other)

    def __hash__(self) -> int:
        from rtfs.values.equality import hash_value

        return hash_value(self)


def span_of(form: Any, fallback: Span | None = None) -> Span | None:
    """Where a form stood, or `fallback` for literals and for forms that a macro built."""
    where = getattr(form, "where", None)
    if where is None:
        return fallback
    return Span(where[0], where[1], where[2])


def child_spans(form: Any, fallback: Span | None = None) -> list[Span | None]:
    """The span of every child of a collection, in order (keys and values alternate in a map)."""
    if type(form) is Map:
        children: list[Any] = [x for entry in form.items() for x in entry]
    elif isinstance(form, Sequence):
        children = form.items()
    else:
        return []
    where = form.where
    if where is not None and where[3] is not None and len(where[3]) == 2 * len(children):
        source, _, _, offsets = where
        return [Span(source, offsets[2 * i], offsets[2 * i + 1]) for i in range(len(children))]
    here = span_of(form, fallback)
    return [span_of(child, here) for child in children]


def list_form(*items: Any) -> List:
    """A list built by the compiler, without a place of its own."""
    return List.adopt(list(items))


def is_symbol(form: Any, name: str) -> bool:
    return type(form) is Symbol and form.name == name


def head_name(form: Any) -> str | None:
    """The name in front of a list form, if it is one: `(let …)` -> `let`."""
    if type(form) is List and len(form):
        head = form[0]
        if type(head) is Symbol:
            return head.name
    return None
