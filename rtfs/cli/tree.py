"""Trees to text: AST nodes as an indented tree or as JSON, forms as RTFS source.

All three keep their own stack: a program nested as deep as the reader allows prints.
"""

from __future__ import annotations

from rtfs.source import Span
from rtfs.syntax.nodes import Binding, Node, Scope
from rtfs.types.nodes import Type
from rtfs.values.forms import MetaForm
from rtfs.values.maps import Map
from rtfs.values.printing import quote_string, to_readable
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import List, Vector
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_INDENT = "  "
_DEEPEST = 60  # levels that are indented; deeper ones have their number, or the blanks would be most of the output
_BRACKETS: dict[type, tuple[str, str]] = {List: ("(", ")"), Vector: ("[", "]"), Map: ("{", "}")}


class _Text(str):
    """Output that waits on a stack among the things still to be printed."""

    __slots__ = ()


# --- AST, for people -------------------------------------------------------------------------


def tree_lines(node: Any, *, spans: bool = False) -> list[str]:
    """A node as lines: its name and its plain fields, then its children, two blanks further in.

    Fields that have their default are left out.

    Args:
        spans: add `line:column-line:column` after the name of each node.
    """
    out: list[str] = []
    stack: list[tuple[str, Any, int]] = [("", node, 0)]
    while stack:
        label, item, depth = stack.pop()
        indent = _INDENT * depth if depth <= _DEEPEST else f"{_INDENT * _DEEPEST}[{depth}] "
        prefix = f"{indent}{label}: " if label else indent
        if not isinstance(item, Struct):  # a sequence of nodes
            out.append(f"{indent}{label}:")
            stack += [("", child, depth + 1) for child in reversed(item)]
            continue
        plain: list[str] = []
        children: list[tuple[str, Any, int]] = []
        for field in item._fields:
            value = getattr(item, field)
            if field == "span" or (field in item._defaults and value == item._defaults[field]):
                continue
            if _holds_nodes(value):
                children.append((field, value, depth + 1))
            else:
                plain.append(_plain(field, value))
        span = getattr(item, "span", None)
        where = f" @{span_text(span)}" if spans and span is not None else ""
        out.append(f"{prefix}{type(item).__name__}{where}{''.join(' ' + text for text in plain if text)}")
        if len(children) == 1 and not isinstance(children[0][1], Struct):  # (Vector items…): the label says nothing new
            stack += [("", child, depth + 1) for child in reversed(children[0][1])]
        else:
            stack += reversed(children)
    return out


def span_text(span: Span) -> str:
    """`3:1-4:12`: where it starts and where the character after it stands."""
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return f"{line}:{column}-{end_line}:{end_column}"


def _holds_nodes(value: Any) -> bool:
    if isinstance(value, Struct):
        return not isinstance(value, (Type, Scope)) and not _is_small(value)
    return type(value) is tuple and any(_holds_nodes(item) for item in value)


def _is_small(value: Struct) -> bool:
    """A record without a place, such as a delegation hint: shown in the line of its owner."""
    return not value._fields or not any(f == "span" or _holds_nodes(getattr(value, f)) for f in value._fields)


def _plain(field: str, value: Any) -> str:
    text = _value_text(value)
    if field == "name" and type(value) is str:
        return value
    if field == "value" or (field == "binding" and value is not None):
        return text
    return "" if value is None or text == "[]" else f"{field}={text}"


def _value_text(value: Any) -> str:
    if isinstance(value, Binding):
        return value.name
    if isinstance(value, Scope):
        return f"[{' '.join(b.name for b in value.bindings)}]"
    if isinstance(value, Type):
        return str(value)
    if isinstance(value, Struct):
        inner = " ".join(f"{f}={_value_text(getattr(value, f))}" for f in value._fields if getattr(value, f) is not None)
        return f"{type(value).__name__}({inner})"
    if type(value) is tuple:
        return f"[{' '.join(_value_text(v) for v in value)}]"
    if isinstance(value, Span):
        return span_text(value)
    return form_text(value)


# --- AST, for machines -----------------------------------------------------------------------


def tree_json(node: Any, *, spans: bool = False) -> str:
    """A node as one line of JSON: `{"node": "Call", field: …}`; literals as RTFS text, `span` as four numbers."""
    out: list[str] = []
    stack: list[Any] = [node]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is _Text:
            out.append(item)
        elif item is None or kind is bool:
            out.append({None: "null", True: "true", False: "false"}[item])
        elif kind is str:
            out.append(_json_string(item))
        elif isinstance(item, Span):
            out.append("[{}, {}, {}, {}]".format(*item.source.position(item.start), *item.source.position(item.end)))
        elif isinstance(item, Scope):
            stack.append([b.name for b in item.bindings])
        elif isinstance(item, Binding):
            out.append(_json_string(item.name))
        elif isinstance(item, Type):
            out.append(_json_string(str(item)))
        elif kind is tuple or kind is list:
            parts: list[Any] = [_Text("[")]
            for i, child in enumerate(item):
                parts += [_Text(", "), child] if i else [child]
            stack += reversed([*parts, _Text("]")])
        elif isinstance(item, Struct):
            parts = [_Text(f'{{"node": "{kind.__name__}"')]
            for field in item._fields:
                value = getattr(item, field)
                if field == "span" and not spans:
                    continue
                text = isinstance(item, Node) and field == "value" and not isinstance(value, (Struct, tuple))
                parts += [_Text(f', "{field}": '), form_text(value) if text else value]
            stack += reversed([*parts, _Text("}")])
        else:
            out.append(_json_string(form_text(item)))
    return "".join(out)


def _json_string(text: str) -> str:
    from json.encoder import encode_basestring, encode_basestring_ascii

    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate
        return str(encode_basestring_ascii(text))
    return str(encode_basestring(text))


# --- forms -----------------------------------------------------------------------------------


def form_text(form: Any) -> str:
    """A form as source that reads back to it, metadata included."""
    out: list[str] = []
    stack: list[Any] = [form]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is _Text:
            out.append(item)
        elif kind is List or kind is Vector or kind is Map:
            opening, closing = _BRACKETS[kind]
            children = [x for entry in item.items() for x in entry] if kind is Map else item.items()
            parts: list[Any] = [_Text(opening)]
            for i, child in enumerate(children):
                parts += [_Text(" "), child] if i else [child]
            stack += reversed([*parts, _Text(closing)])
        elif kind is MetaForm:
            stack += [item.form, _Text(_metadata_text(item.meta) + " ")]
        else:
            out.append(quote_string(item) if kind is str else to_readable(item))
    return "".join(out)


def _metadata_text(meta: Map) -> str:
    hint = meta.get(Keyword("delegation"))
    if len(meta) == 1 and hint is not None:
        words = hint.items() if isinstance(hint, Vector) else [hint]
        return "^:delegation " + " ".join([to_readable(word) for word in words])
    return "^" + form_text(meta)
