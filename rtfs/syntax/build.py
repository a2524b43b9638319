"""From pieces of text to forms: what the reader and the reference reader do alike.

Every function here takes a lexeme or finished children and gives the form, or raises a ParseError with its span.
"""

from __future__ import annotations

import math
import re

from rtfs.errors import ParseError
from rtfs.source import Source, Span
from rtfs.values.forms import MetaForm, head_name, list_form
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, Symbol, kw
from rtfs.values.sequences import List, Sequence, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Reader shorthand -> the special form it stands for.
PREFIXES = {"'": "quote", "`": "quasiquote", "~": "unquote", "~@": "unquote-splicing", "@": "context-ref"}

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "0": "\0", "b": "\b", "f": "\f", "/": "/"}
#: About as many as an integer may have while a program runs.
MAX_INTEGER_DIGITS = 300_000
_MAX_ANONYMOUS = 20
MAX_KEY_DEPTH = 100  # keys are hashed and compared while they are read, which takes Python's stack
_ARGUMENT = re.compile(r"%([0-9]*)\Z").match
_HEX4 = re.compile(r"[0-9a-fA-F]{4}").fullmatch

_SPECIAL_FLOATS = {"##Inf": math.inf, "##-Inf": -math.inf, "##NaN": math.nan}


def special_float(lexeme: str) -> float:
    """`##Inf` `##-Inf` `##NaN`."""
    return _SPECIAL_FLOATS[lexeme]


def integer_value(lexeme: str, source: Source, start: int) -> int:
    """The integer that a lexeme at `start` spells.

    Raises:
        ParseError: more than MAX_INTEGER_DIGITS digits, which would take minutes to read.
    """
    try:
        return int(lexeme)
    except ValueError:  # longer than the interpreter's limit, which guards against quadratic time
        if len(lexeme) > MAX_INTEGER_DIGITS:
            raise ParseError(
                f"an integer of more than {MAX_INTEGER_DIGITS:,} digits",
                kind="invalid-literal",
                span=Span(source, start, start + len(lexeme)),
            ) from None
        return _long_integer(lexeme)


def _long_integer(lexeme: str) -> int:
    sign = -1 if lexeme[0] == "-" else 1
    digits = lexeme.lstrip("+-")

    def convert(text: str) -> Any:
        if len(text) <= 4000:
            return int(text)
        middle = len(text) // 2
        return convert(text[:-middle]) * 10**middle + convert(text[-middle:])

    value: int = sign * convert(digits)
    return value


def float_value(lexeme: str) -> float:
    """A float; too large for one is infinity, as IEEE 754 rounds it."""
    return float(lexeme)


def string_value(source: Source, start: int, end: int) -> str:
    """The text of the string literal at `[start, end)`, quotes included in the range."""
    body = source.text[start + 1 : end - 1]
    if "\\" not in body:
        return body
    out: list[str] = []
    at = 0
    while True:
        slash = body.find("\\", at)
        if slash < 0:
            out.append(body[at:])
            break
        out.append(body[at:slash])
        letter = body[slash + 1]
        if letter == "u":
            digits = body[slash + 2 : slash + 6]
            if not _HEX4(digits):
                raise _bad_escape(source, start + 1 + slash, 2, "four hexadecimal digits must follow \\u")
            out.append(chr(int(digits, 16)))
            at = slash + 6
        elif letter in _ESCAPES:
            out.append(_ESCAPES[letter])
            at = slash + 2
        else:
            hint = 'a backslash is written \\\\; the other escapes are \\n \\t \\r \\" \\0 \\b \\f \\/ \\uXXXX'
            raise _bad_escape(source, start + 1 + slash, 2, hint)
    text = "".join(out)
    if any("\ud800" <= c <= "\udbff" for c in text):  # two escapes may make one character, as in JSON
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") if _paired(text) else text
    return text


def _paired(text: str) -> bool:
    try:
        text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return False
    return True


def _bad_escape(source: Source, at: int, length: int, hint: str) -> ParseError:
    shown = source.text[at : at + length].replace("\n", "↵")
    return ParseError(f"invalid escape `{shown}` in a string", kind="invalid-escape", span=Span(source, at, at + length), hint=hint)


def delegation_meta(target: str, model: str | None) -> Map:
    """`:local` -> `{:delegation :local}`; `:remote "id"` -> `{:delegation [:remote "id"]}`."""
    if model is None:
        return Map([(kw("delegation"), kw(target))])
    return Map([(kw("delegation"), Vector([kw(target), model]))])


def build_list(source: Source, start: int, end: int, items: list[Any], offsets: list[int]) -> List:
    """A list from its children.

    A colon in a name, `(tool:log x)`, `(resource:ref "id")`, `(module a.b:v1.0 …)`, reads as a symbol and a keyword without a
    blank between; here they become one symbol.
    """
    at = _COLON_AT.get(items[0].name) if items and type(items[0]) is Symbol else None
    if at is not None and len(items) > at + 1 and type(items[at]) is Symbol and type(items[at + 1]) is Keyword:
        begin, middle, other, stop = offsets[2 * at : 2 * at + 4]
        if middle == other:
            name = Symbol(f"{items[at].name}:{items[at + 1].name}", (source, begin, stop, None))
            items = [*items[:at], name, *items[at + 2 :]]
            offsets = [*offsets[: 2 * at], begin, stop, *offsets[2 * at + 4 :]]
    form = List.adopt(items)
    form.where = (source, start, end, offsets)
    return form


#: Head of a list -> which of its items may be a name with a colon.
_COLON_AT = {"tool": 0, "resource": 0, "module": 1, "import": 1}


def build_map(source: Source, start: int, end: int, items: list[Any], offsets: list[int]) -> Map:
    """A map literal or map pattern from its children.

    Typed names in patterns are written without a blank, `{name:string :name}`; they become `(: name :string)`. A clause
    `{item => body…}` becomes `{item (=> body…)}`.

    Raises:
        ParseError: an odd number of children.
    """
    if len(items) > 2 and type(items[1]) is Symbol and items[1].name == "=>":
        clause = list_form(items[1], *items[2:])
        clause.where = (source, offsets[2], offsets[-1], offsets[2:])
        items, offsets = [items[0], clause], [offsets[0], offsets[1], offsets[2], offsets[-1]]
    elif any(type(item) is Symbol for item in items):
        items, offsets = _join_typed_names(source, items, offsets)
    if len(items) % 2 and any(head_name(item) == "unquote-splicing" for item in items):
        # a splice may bring any number of forms; one that brings none makes the pairs come out, and the offsets no longer fit
        items = [*items, list_form(Symbol("unquote-splicing"), None)]
    if len(items) % 2:
        raise ParseError(
            "a map needs a value for every key, and this one has an odd number of forms",
            kind="odd-map",
            span=Span(source, offsets[-2], offsets[-1]),
            hint="this is the last form; look for a missing key or value before it",
        )
    for i in range(0, len(items), 2):
        if isinstance(items[i], (Sequence, Map, MetaForm)) and deeper_than(items[i], MAX_KEY_DEPTH):
            span = Span(source, offsets[2 * i], offsets[2 * i + 1])
            raise ParseError(f"the key of a map is nested more than {MAX_KEY_DEPTH} deep", kind="nesting-too-deep", span=span)
    built = Map([(items[i], items[i + 1]) for i in range(0, len(items), 2)])
    # with a repeated key the offsets no longer fit: the last value wins, in the first one's place
    built.where = (source, start, end, offsets if len(built) * 4 == len(offsets) else None)
    return built


def deeper_than(form: Any, limit: int) -> bool:
    """Whether collections are nested in a form more than `limit` deep; without recursion, as everything that reads."""
    level = [form]
    for _ in range(limit + 1):
        level = [child for item in level for child in _parts(item)]
        if not level:
            return False
    return True


def _parts(form: Any) -> list[Any]:
    if isinstance(form, Sequence):
        return form.items()
    if type(form) is Map:
        return [x for entry in form.items() for x in entry]
    return [form.meta, form.form] if type(form) is MetaForm else []


def _join_typed_names(source: Source, items: list[Any], offsets: list[int]) -> tuple[list[Any], list[int]]:
    out: list[Any] = []
    places: list[int] = []
    i = 0
    while i < len(items):
        item = items[i]
        begin, stop = offsets[2 * i], offsets[2 * i + 1]
        follower = items[i + 1] if i + 1 < len(items) else None
        if type(item) is Symbol and type(follower) is Keyword and offsets[2 * i + 2] == stop:
            joined = list_form(Symbol(":"), item, follower)
            stop = offsets[2 * i + 3]
            joined.where = (source, begin, stop, None)
            out.append(joined)
            i += 2
        else:
            out.append(item)
            i += 1
        places += (begin, stop)
    return out, places


def anonymous_function(source: Source, start: int, end: int, items: list[Any], offsets: list[int]) -> List:
    """`#(f % %2)` as `(fn [%1 %2] (f %1 %2))`: as many parameters as the highest index used."""
    body = build_list(source, start, end, items, offsets)
    highest = 0
    stack: list[Any] = [body]
    while stack:
        form = stack.pop()
        if isinstance(form, Sequence):
            stack.extend(form.items())
        elif type(form) is Map:
            stack.extend(x for entry in form.items() for x in entry)
        elif type(form) is Symbol and (found := _ARGUMENT(form.name)):
            index = int(found[1]) if found[1] else 1
            if not 1 <= index <= _MAX_ANONYMOUS:
                raise ParseError(
                    f"`{form.name}` in #(…): arguments are counted from %1 to %{_MAX_ANONYMOUS}",
                    kind="invalid-literal",
                    span=Span(source, *form.where[1:3]) if form.where else Span(source, start, end),
                    hint="use (fn [a b …] …) for anything larger",
                )
            highest = max(highest, index)
            form.name = f"%{index}"  # fresh from the reader: nobody else holds this symbol yet
    here = (source, start, start + 2, None)
    params = Vector([Symbol(f"%{i}", here) for i in range(1, highest + 1)], here)
    function = list_form(Symbol("fn", (source, start, start + 2, None)), params, body)
    function.where = (source, start, end, None)
    return function
