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


class Operands(list["Any"]):
    """The operands of a macro call, with the `where` of the call, so that literals among them need not lose their places."""

    __slots__ = ("where",)

    def __init__(self, call: List) -> None:
        super().__init__(call.items()[1:])
        self.where = call.where if call.where is not None and len(call.where[3] or ()) == 2 * len(call) else None

    def place(self, index: int) -> tuple[int, int] | None:
        """Where an operand stands, as offsets."""
        offsets = None if self.where is None else self.where[3]
        return None if offsets is None else (offsets[2 * index + 2], offsets[2 * index + 3])


def placed_form(operands: list[Any], items: list[Any], indexes: list[int | None]) -> List:
    """A list that a macro makes of its operands.

    Args:
        items: of the list; taken over.
        indexes: for each item the index of the operand that it is, None where it is none: its place is that of the call.
    """
    made = List.adopt(items)
    where = getattr(operands, "where", None)
    if where is not None and where[3] is not None:
        source, start, end, offsets = where
        places: list[int] = []
        for index in indexes:
            places += (start, end) if index is None else offsets[2 * index + 2 : 2 * index + 4]
        made.where = (source, start, end, places)
    return made


def is_symbol(form: Any, name: str) -> bool:
    return type(form) is Symbol and form.name == name


def head_name(form: Any) -> str | None:
    """The name in front of a list form, if it is one: `(let …)` -> `let`."""
    if type(form) is List and len(form):
        head = form[0]
        if type(head) is Symbol:
            return head.name
    return None
