"""Text: reference 8.3. A string is a sequence of Unicode characters; positions count characters from 0.

Regular expressions are in `regex`, the way between text and numbers in `numerals`.
"""

from __future__ import annotations

import re

from rtfs.semantics.builtins.operands import MISSING, integer, sequence, string
from rtfs.semantics.faults import invalid_argument, out_of_bounds, type_error
from rtfs.semantics.library import builtin
from rtfs.semantics.limits import check_size
from rtfs.values.printing import to_text
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What `keyword` and `symbol` accept, wider than the reader: nothing that would print as more than one form.
_NAME = re.compile(r"""[^\s,;"'`~^@#\\()\[\]{}]+""")

_LINE_END = re.compile(r"\r\n|\n|\r")


def _text_of_one(value: Any) -> str:
    return value if type(value) is str else _joined("str", "", [to_text(value)])


def _text_of_two(a: Any, b: Any) -> str:
    return _joined("str", "", [a if type(a) is str else to_text(a), b if type(b) is str else to_text(b)])


@builtin("str", 0, None, fixed={1: _text_of_one, 2: _text_of_two}, type="[:fn [& any] string]")
def make_string(*operands: Any) -> str:
    """`(str a b …)`: the operands as text, one after the other; nil is "nil"."""
    return _joined("str", "", [value if type(value) is str else to_text(value) for value in operands])


@builtin("join", 2, aliases=("string-join",), type="[:fn [string [:union vector map nil]] string]")
def join(separator: Any, coll: Any) -> str:
    """`(join sep coll)`: the items as text, with `sep` between them."""
    if type(separator) is Vector or type(separator) is List:
        raise type_error("join", "string", separator, 0, hint='the separator comes first: (join ", " coll)')
    string("join", separator, 0)
    found = sequence("join", coll, 1)
    if found and type(found[0]) is str:  # they may all be
        try:
            return _joined("join", separator, found)
        except TypeError:
            pass
    return _joined("join", separator, [item if type(item) is str else to_text(item) for item in found])


def _joined(operation: str, separator: str, texts: list[str]) -> str:
    check_size(operation, len(separator) * max(0, len(texts) - 1) + sum(map(len, texts)))
    return separator.join(texts)


@builtin("string-length", 1, type="[:fn [string] int]")
def string_length(text: Any) -> int:
    """`(string-length s)`: how many characters."""
    return len(string("string-length", text, 0))


@builtin("substring", 2, 3, type="[:and [:fn [string int] string] [:fn [string int int] string]]")
def substring(text: Any, start: Any, end: Any = MISSING) -> str:
    """`(substring s start end?)`: the characters from `start` up to, not including, `end`."""
    length = len(string("substring", text, 0))
    integer("substring", start, 1)
    if end is MISSING:
        end = length
    elif integer("substring", end, 2) > length or end < 0:
        raise out_of_bounds("substring", end, length, 2)
    if not 0 <= start <= end:
        raise out_of_bounds("substring", start, length, 1)
    return str(text[start:end])


@builtin("split", 2, type="[:fn [string? string] [:vector string]]")
def split(text: Any, separator: Any) -> Vector:
    """`(split s sep)`: the parts between occurrences of `sep`; the characters when `sep` is empty."""
    string("split", separator, 1)
    if text is None:
        return Vector.adopt([""])
    string("split", text, 0)
    return Vector.adopt(text.split(separator) if separator else list(text))


@builtin("string-split-lines", 1, type="[:fn [string] [:vector string]]")
def split_lines(text: Any) -> Vector:
    """`(string-split-lines s)`: the lines, without their ends; a last empty line does not count."""
    lines = _LINE_END.split(string("string-split-lines", text, 0))
    if not lines[-1]:
        lines.pop()
    return Vector.adopt(lines)


@builtin("string-upper", 1, type="[:fn [string] string]")
def upper(text: Any) -> str:
    """`(string-upper s)`: in capitals."""
    return string("string-upper", text, 0).upper()


@builtin("string-lower", 1, type="[:fn [string] string]")
def lower(text: Any) -> str:
    """`(string-lower s)`: in small letters."""
    return string("string-lower", text, 0).lower()


@builtin("string-trim", 1, type="[:fn [string] string]")
def trim(text: Any) -> str:
    """`(string-trim s)`: without blanks at both ends."""
    return string("string-trim", text, 0).strip()


@builtin("trim-start", 1, type="[:fn [string] string]")
def trim_start(text: Any) -> str:
    """`(trim-start s)`: without blanks at the start."""
    return string("trim-start", text, 0).lstrip()


@builtin("trim-end", 1, type="[:fn [string] string]")
def trim_end(text: Any) -> str:
    """`(trim-end s)`: without blanks at the end."""
    return string("trim-end", text, 0).rstrip()


@builtin("string-contains", 2, aliases=("string-contains?",), type="[:fn [string string] bool]")
def contains_text(text: Any, part: Any) -> bool:
    """`(string-contains s part)`: whether `part` occurs in `s`."""
    string("string-contains", text, 0)
    return string("string-contains", part, 1) in text


@builtin("starts-with?", 2, type="[:fn [string? string] bool]")
def starts_with(text: Any, prefix: Any) -> bool:
    """`(starts-with? s prefix)`: whether `s` begins so; false for nil."""
    string("starts-with?", prefix, 1)
    return text is not None and string("starts-with?", text, 0).startswith(prefix)


@builtin("ends-with?", 2, type="[:fn [string? string] bool]")
def ends_with(text: Any, suffix: Any) -> bool:
    """`(ends-with? s suffix)`: whether `s` ends so; false for nil."""
    string("ends-with?", suffix, 1)
    return text is not None and string("ends-with?", text, 0).endswith(suffix)


@builtin("string-replace", 3, type="[:fn [string string string] string]")
def replace_text(text: Any, old: Any, new: Any) -> str:
    """`(string-replace s old new)`: with every occurrence of the text `old` replaced."""
    string("string-replace", text, 0)
    string("string-replace", old, 1)
    string("string-replace", new, 2)
    check_size("string-replace", len(text) + text.count(old) * (len(new) - len(old)))
    return str(text.replace(old, new))


@builtin("string-index-of", 2, type="[:fn [string string] int?]")
def index_of(text: Any, part: Any) -> int | None:
    """`(string-index-of s part)`: where `part` first occurs, nil if it does not."""
    string("string-index-of", text, 0)
    at = text.find(string("string-index-of", part, 1))
    return None if at < 0 else at


def _padding(operation: str, text: Any, width: Any, pad: Any) -> str:
    """What is missing to `width` characters."""
    missing = integer(operation, width, 1) - len(string(operation, text, 0))
    if len(string(operation, pad, 2)) != 1:
        raise invalid_argument(operation, "the text to pad with must be one character", 2)
    check_size(operation, missing * (1 if pad.isascii() else 4))
    return str(pad * missing)


@builtin("pad-left", 2, 3, type="[:and [:fn [string int] string] [:fn [string int string] string]]")
def pad_left(text: Any, width: Any, pad: Any = " ") -> str:
    """`(pad-left s width pad?)`: at least `width` characters, filled up in front with blanks or `pad`."""
    return _padding("pad-left", text, width, pad) + str(text)


@builtin("pad-right", 2, 3, type="[:and [:fn [string int] string] [:fn [string int string] string]]")
def pad_right(text: Any, width: Any, pad: Any = " ") -> str:
    """`(pad-right s width pad?)`: at least `width` characters, filled up behind with blanks or `pad`."""
    return str(text) + _padding("pad-right", text, width, pad)


# --- names -----------------------------------------------------------------------------------


def is_name(text: str) -> bool:
    """Whether a keyword or symbol of this name prints as one form."""
    return _NAME.fullmatch(text) is not None


def _name_text(operation: str, value: Any, index: int) -> str:
    kind = type(value)
    if kind is str or kind is Keyword or kind is Symbol:
        return value if kind is str else str(value.name)
    raise type_error(operation, "string, keyword or symbol", value, index)


def _made_name(operation: str, a: Any, b: Any) -> str:
    text = _name_text(operation, a, 0)
    if b is not MISSING:
        text = f"{text}/{_name_text(operation, b, 1)}"
    if not is_name(text):
        raise invalid_argument(operation, "a name has no blanks, quotes, commas or brackets, and at least one character", 0)
    return text


@builtin(
    "keyword",
    1,
    2,
    type="[:and [:fn [[:union string keyword symbol]] keyword] "
    "[:fn [[:union string keyword symbol] [:union string keyword symbol]] keyword]]",
)
def make_keyword(a: Any, b: Any = MISSING) -> Keyword:
    """`(keyword name)`, `(keyword namespace name)`: the keyword of that name."""
    return a if type(a) is Keyword and b is MISSING else Keyword(_made_name("keyword", a, b))


@builtin(
    "symbol",
    1,
    2,
    type="[:and [:fn [[:union string keyword symbol]] symbol] "
    "[:fn [[:union string keyword symbol] [:union string keyword symbol]] symbol]]",
)
def make_symbol(a: Any, b: Any = MISSING) -> Symbol:
    """`(symbol name)`, `(symbol namespace name)`: the symbol of that name."""
    return Symbol(_made_name("symbol", a, b))


@builtin("name", 1, type="[:fn [[:union string keyword symbol]] string]")
def name_of(value: Any) -> str:
    """`(name k)`: the name of a keyword or symbol without its namespace; a string is its own name."""
    text = _name_text("name", value, 0)
    return text if type(value) is str else _parts(text)[1]


@builtin("namespace", 1, type="[:fn [[:union keyword symbol]] string?]")
def namespace_of(value: Any) -> str | None:
    """`(namespace k)`: the part before the slash, nil if there is none."""
    if type(value) is not Keyword and type(value) is not Symbol:
        raise type_error("namespace", "keyword or symbol", value, 0)
    return _parts(value.name)[0]


def _parts(text: str) -> tuple[str | None, str]:
    space, slash, name = text.partition("/")
    return (space, name) if space and slash and name else (None, text)  # the symbol `/` is division
