"""JSON text to values and back: reference 8.7.

| JSON              | RTFS                                                      |
|-------------------|-----------------------------------------------------------|
| object            | map with string keys, or keywords with `{:keywordize true}` |
| array             | vector                                                    |
| `1`               | integer of any size                                       |
| `1.0`, `1e2`      | float, and written with a point or an exponent            |
| string, `true`, `false`, `null` | string, `true`, `false`, `nil`              |

Written as well: lists as arrays; keywords (without the colon), symbols, timestamps, uuids and handles as strings; map keys
of all these kinds and scalars as their text.
Functions, error values, infinite floats and NaN have no JSON; reading them is an error as well. All errors are `:json-error`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from json.encoder import encode_basestring, encode_basestring_ascii

from rtfs.errors import EvalError
from rtfs.semantics.builtins.numerals import integer_from
from rtfs.semantics.builtins.operands import mapping, string
from rtfs.semantics.builtins.strings import is_name
from rtfs.semantics.library import builtin
from rtfs.semantics.limits import check_size
from rtfs.values.equality import is_truthy, kind_of
from rtfs.values.maps import EMPTY_MAP, Map
from rtfs.values.meter import COUNTED_FROM, count_step
from rtfs.values.printing import to_text
from rtfs.values.scalars import Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

#: Levels of nesting, both ways: Python's scanner recurses in C and would meet the recursion limit.
MAX_NESTING = 500

#: A string, also one that does not end, or a bracket; always matches where it starts, hence linear time.
_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
#: What a piece of the text costs apart from its characters, while the text is put together.
_PIECE_BYTES = 48
_SURROGATE = re.compile("[\ud800-\udfff]")


def _error(message: str) -> EvalError:
    error = EvalError(message, kind="json-error")
    error.operand = 0
    return error


# --- reading ---------------------------------------------------------------------------------


@builtin(
    "parse-json",
    1,
    2,
    aliases=("tool/parse-json", "tool:parse-json"),
    type="[:and [:fn [string] any] [:fn [string map] any]]",
)
def parse_json(text: Any, options: Any = EMPTY_MAP) -> Any:
    """`(parse-json s options?)`: the value of JSON text; object keys are strings, keywords with `{:keywordize true}`."""
    string("parse-json", text, 0)
    keywordize = is_truthy(mapping("parse-json", options, 1).get(Keyword("keywordize")))
    _check_nesting(text)
    make_map = _keyword_map if keywordize else _string_map
    try:
        try:
            value = json.loads(text, object_pairs_hook=make_map, parse_constant=_constant, parse_float=_float)
        except json.JSONDecodeError:
            raise
        except ValueError:  # an integer of more than 4,300 digits, too rare to make the scanner call back for every integer
            value = json.loads(
                text, object_pairs_hook=make_map, parse_constant=_constant, parse_float=_float, parse_int=integer_from
            )
    except json.JSONDecodeError as error:
        raise _error(f"JSON parsing error: {error.msg} at line {error.lineno} column {error.colno}") from None
    return _vector(value) if type(value) is list else value


def _check_nesting(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_NESTING:
        return
    depth = 0
    for found in _BRACKET.finditer(text):
        bracket = found.group()
        if bracket == "[" or bracket == "{":
            depth += 1
            if depth > MAX_NESTING:
                raise _error(f"JSON parsing error: nested more than {MAX_NESTING} deep")
        elif bracket == "]" or bracket == "}":
            depth -= 1


def _constant(name: str) -> NoReturn:
    raise _error(f"JSON parsing error: {name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _error(f"JSON parsing error: number out of range: {text[:40]}")
    return value


def _string_map(pairs: list[tuple[str, Any]]) -> Map:
    return Map.adopt({key: _vector(value) if type(value) is list else value for key, value in pairs})


def _keyword_map(pairs: list[tuple[str, Any]]) -> Map:
    """Keys that no keyword can spell stay strings."""
    return Map.adopt(
        {Keyword(key) if is_name(key) else key: _vector(value) if type(value) is list else value for key, value in pairs}
    )


def _vector(items: list[Any]) -> Vector:
    """The scanner's lists, nested to any depth, as vectors over the same lists."""
    pending = [items]
    for current in pending:
        for at, item in enumerate(current):
            if type(item) is list:
                current[at] = Vector.adopt(item)
                pending.append(item)
    return Vector.adopt(items)


# --- writing ---------------------------------------------------------------------------------


@builtin("serialize-json", 1, aliases=("tool/serialize-json", "tool:serialize-json"), type="[:fn [any] string]")
def serialize_json(value: Any) -> str:
    """`(serialize-json x)`: the value as JSON text on one line."""
    return _text(value, None)


@builtin(
    "serialize-json-pretty",
    1,
    aliases=("tool/serialize-json-pretty", "tool:serialize-json-pretty"),
    type="[:fn [any] string]",
)
def serialize_json_pretty(value: Any) -> str:
    """`(serialize-json-pretty x)`: the value as JSON text, indented by two blanks a level."""
    return _text(value, "  ")


def _quoted(text: str) -> str:
    # a lone surrogate cannot be encoded in any file: write it as an escape
    encode = encode_basestring_ascii if not text.isascii() and _SURROGATE.search(text) else encode_basestring
    return str(encode(text))


def _text(value: Any, indent: str | None) -> str:
    """The value as JSON; with `indent`, an item a line. Watches the size: values share structure, text does not."""
    out: list[str] = []
    size = 0
    # an explicit stack of what is half written, (remaining items, closing bracket, keys so far), so that depth costs nothing
    stack: list[tuple[Iterator[Any], str, set[str]]] = []
    items: Iterator[Any] = iter((value,))
    closing, names, first = "", set[str](), True
    while True:
        for item in items:
            piece = "" if first else ","
            first = False
            if stack and indent is not None:
                piece += "\n" + indent * len(stack)
            if closing == "}":
                key, item = item
                piece += _member(key, names) + (":" if indent is None else ": ")
            kind = type(item)
            nested = kind is Map or kind is Vector or kind is List
            out.append(piece + (("{" if kind is Map else "[") if nested else _scalar(item)))
            size += len(out[-1]) + _PIECE_BYTES
            check_size("serialize-json", size)
            if nested:
                if len(out) > COUNTED_FROM:
                    count_step()
                if len(stack) == MAX_NESTING:
                    raise _error(f"Cannot serialize to JSON: nested more than {MAX_NESTING} deep")
                stack.append((items, closing, names))
                items, closing, names, first = iter(item.items()), "}" if kind is Map else "]", set(), True
                break
        else:
            if not stack:
                return "".join(out)
            if indent is not None and not first:
                out.append("\n" + indent * (len(stack) - 1))
            out.append(closing)
            items, closing, names = stack.pop()
            first = False


def _member(key: Any, names: set[str]) -> str:
    """A map key as a JSON string; two keys of one map must not become the same."""
    name = _key(key)
    if name in names:
        raise _error(f"Cannot serialize to JSON: two keys of the map become {_quoted(name)}")
    names.add(name)
    return _quoted(name)


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    kind = type(value)
    if kind is str:
        return _quoted(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return to_text(value)
    if kind is float:
        if math.isfinite(value):
            return repr(value)
        raise _error(f"Cannot serialize {to_text(value)} to JSON")
    if kind is Keyword or kind is Symbol:
        return _quoted(value.name)
    if kind is Timestamp or kind is Uuid or kind is ResourceHandle:
        return _quoted(value.text)
    raise _error(f"Cannot serialize {kind_of(value)} to JSON")


def _key(key: Any) -> str:
    kind = type(key)
    if kind is str:
        return str(key)
    if kind is Keyword or kind is Symbol:
        return str(key.name)
    if kind is Timestamp or kind is Uuid:
        return str(key.text)
    if key is None or kind is bool or kind is int or kind is float:
        return _scalar(key)
    raise _error(f"Cannot serialize a map with a {kind_of(key)} as key to JSON")
