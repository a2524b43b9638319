"""A large program for the measurements of reading and of start-up, and the hand-written reader it is read with in Python."""

from __future__ import annotations

import re
from typing import Any

_FUNCTION = """
;; Orders of region {n}: what is due, and to whom.
(defn orders-{n} [orders : [:vector :any] rate]
  "What the orders of region {n} come to, by customer."
  (let [due (filter (fn [order] (not= (:state order) :paid)) orders)
        {{:keys [floor label]}} {{:floor {n}.5 :label "region-{n}" :tags [:north :open "a \\"b\\""]}}]
    (reduce
      (fn [totals {{:keys [customer amount]}}]
        (match amount
          nil totals
          0 totals
          [whole cents] (update totals customer + (* rate (+ whole (/ cents 100))))
          _ (if (> amount floor) (assoc totals customer (* rate amount)) totals)))
      {{:label label}}
      due)))
"""
_CALL = """
(orders-0 [{:customer "ada" :amount 40 :state :open} {:customer "bob" :amount 0.25 :state :open}] 2)
"""


def large_program(lines: int) -> str:
    """A program of so many lines, or a few more: many functions, and a call of the first."""
    functions = -(-(lines - _CALL.count("\n")) // _FUNCTION.count("\n"))
    return "".join(_FUNCTION.format(n=n) for n in range(functions)) + _CALL


# --- the reader ---

_TOKEN = re.compile(
    r"""(?:[\s,]|;[^\n]*)*(?:(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<string>"(?:[^"\\]|\\.)*")|(?P<float>[+-]?\d+\.\d+)"""
    r"""|(?P<integer>[+-]?\d+(?![\w]))|:(?P<keyword>[^\s,;()\[\]{}"]+)|(?P<symbol>[^\s,;()\[\]{}"]+)|(?P<end>\Z))"""
)
_PARTNER = {"(": ")", "[": "]", "{": "}"}


class Node:
    """A form with the offsets of its text."""

    __slots__ = ("kind", "value", "start", "end")

    def __init__(self, kind: str, value: Any, start: int, end: int) -> None:
        self.kind = kind
        self.value = value
        self.start = start
        self.end = end


def read_in_python(text: str) -> list[Node]:
    """What a Python programmer writes to read these programs: one regular expression, nodes with offsets, no other service.

    Raises:
        ValueError: brackets do not match.
    """
    items: list[Node] = []
    outer: list[tuple[list[Node], str, int]] = []
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup or ""
        start, end = token.span(kind)
        if kind == "open":
            outer.append((items, text[start], start))
            items = []
        elif kind == "close":
            around, opening, begin = outer.pop() if outer else ([], "", 0)
            if _PARTNER.get(opening) != text[start]:
                raise ValueError(f"unexpected {text[start]} at {start}")
            around.append(Node(opening, items, begin, end))
            items = around
        elif kind == "symbol" or kind == "keyword":
            items.append(Node(kind, token[kind], start, end))
        elif kind == "integer":
            items.append(Node(kind, int(token[kind]), start, end))
        elif kind == "string":
            inside = text[start + 1 : end - 1]
            items.append(Node(kind, inside.replace('\\"', '"') if "\\" in inside else inside, start, end))
        elif kind == "float":
            items.append(Node(kind, float(token[kind]), start, end))
        else:
            break
    if outer:
        raise ValueError("brackets are left open")
    return items
