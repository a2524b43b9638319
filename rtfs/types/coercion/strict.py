"""JSON by the two libraries: the standard one, and `json_repair` where a quote stands inside a text.

Nothing here guesses: `load` is strict JSON and refuses what has two meanings, and what `mend` gives has exactly the words and
numbers that the text has, or is thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator

from rtfs.types.coercion.quotes import unescape
from rtfs.types.coercion.tree import MAX_DEPTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Characters that are mended; the library may take quadratic time.
MAX_MENDED = 20_000


class JsonProblem(ValueError):
    """Why a text is not the JSON of one value, as words that stand after "is not valid JSON: "."""


def load(text: str) -> Any:
    """Strict JSON.

    Raises:
        JsonProblem: syntax, NaN and infinities, a key that stands twice, nesting.
    """
    # where there are fewer brackets than levels, nobody needs to know which of them stand in strings
    if text.count("{") + text.count("[") > MAX_DEPTH and depth(text) > MAX_DEPTH:
        raise JsonProblem(f"it is nested more than {MAX_DEPTH} deep")
    decode = _decode or _decoder()
    try:
        return decode(text)
    except JsonProblem:
        raise
    except ValueError as error:
        if not hasattr(error, "lineno"):  # more digits than Python converts
            raise JsonProblem("a number is too long") from None
        raise JsonProblem(f"{error.msg[:1].lower()}{error.msg[1:]} at line {error.lineno}, column {error.colno}") from None  # type: ignore[attr-defined]


#: Strict JSON to data, once it was needed.
_decode: Callable[[str], Any] | None = None


def _decoder() -> Callable[[str], Any]:
    global _decode
    from json import JSONDecoder

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(items)
        if len(out) < len(items):
            raise JsonProblem("a key stands twice")
        return out

    def constant(name: str) -> Any:
        raise JsonProblem(f"{name} is not a JSON number")

    decode = _decode = JSONDecoder(object_pairs_hook=pairs, parse_constant=constant).decode
    return decode


def depth(text: str) -> int:
    """The deepest nesting of brackets outside of strings."""
    deepest = level = 0
    for bracket in _brackets(text, 0):
        if bracket[1] in "{[":
            level += 1
            deepest = max(deepest, level)
        elif level:
            level -= 1
    return deepest


def _brackets(text: str, start: int) -> Iterator[tuple[int, str]]:
    """(offset, bracket) of every bracket outside of strings; at the end (length, '"') when a string is not closed."""
    import re

    for match in re.compile(r'[{}\[\]]|"(?:[^"\\]|\\.)*(?P<close>"?)', re.DOTALL).finditer(text, start):
        if match[0][0] != '"':
            yield match.start(), match[0]
        elif not match["close"]:
            yield len(text), '"'


def mend(text: str) -> Any:
    """Malformed JSON as data, by the `json_repair` library; None when it cannot be mended without guessing.

    The library guesses: it completes strings that were cut off, drops what it does not understand, and takes the last of two
    objects.  So a text that was cut off is refused beforehand, and afterwards the words and numbers of
    the result must be those of the text, no more and no fewer, and every string must stand there as it is.
    """
    try:
        import json_repair
    except ImportError:  # the extra `remote` is not installed
        return None
    if text[:1] not in ("{", "[") or len(text) > MAX_MENDED or depth(text.replace('"', "")) > MAX_DEPTH:
        return None
    body = text.rstrip()
    if _is_cut_off(body):
        return None
    try:
        data = json_repair.loads(body, skip_json_loads=True)
    except (ValueError, RecursionError, IndexError, KeyError, TypeError):
        return None
    if not isinstance(data, (dict, list)) or _words_of_text(body) != _words_of_data(data) or _adds_nothings(body, data):
        return None
    plain = unescape(body)[0]
    texts = _texts(data)
    if [text for text in texts if (text not in plain and text not in body) or text.count('"') % 2]:
        return None  # quotes inside a text come in pairs
    return data


def _texts(data: Any) -> list[str]:
    """All keys and strings in JSON data."""
    out: list[str] = []
    waiting = [data]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            out += item.keys()
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str):
            out.append(item)
    return out


def _is_cut_off(text: str) -> bool:
    """Whether more may have been meant to follow: inside a string, a number or an array. A forgotten `}` hides no data that
    a record would not miss."""
    still_open: list[str] = []
    for _, bracket in _brackets(text, 0):
        if bracket == '"':
            return True
        if bracket in "{[":
            still_open.append(bracket)
        elif still_open:
            still_open.pop()
    return "[" in still_open or not (text[-1:] in "}]\"'" or text.endswith(("true", "false", "null")))


def _adds_nothings(text: str, data: Any) -> bool:
    """Whether data has more empty strings, or more objects and arrays, than the text it was mended from."""
    import re

    strings = containers = 0
    waiting = [data]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            containers += 1
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            containers += 1
            waiting += item
        elif item == "":
            strings += 1
    return strings > len(re.findall(r"""["'“”]["'“”]""", text)) or containers > text.count("{") + text.count("[")


def _words_of_text(text: str) -> list[str]:
    import re

    text = re.sub(r"/\*.*?\*/|(?<![:\w])//[^\n]*|(?<=\s)#[^\n]*", " ", text, flags=re.DOTALL)  # comments carry no data
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return _words(re.sub(r"\\(.)", lambda found: " " if found[1] in "nrtbf" else found[1], text))


def _words_of_data(data: Any) -> list[str]:
    out: list[str] = []
    waiting = [data]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item
        elif item is None:
            out.append("null")
        elif isinstance(item, float):
            out.append(repr(item))
        else:
            out += _words(str(item))
    return sorted(out)


def _words(text: str) -> list[str]:
    """Words in small letters and numbers by value, sorted: what a text says, apart from how."""
    import re

    out = []
    for token in re.findall(r"-?\d+\.\d+(?:[eE][-+]?\d+)?|-?\d+[eE][-+]?\d+|\w+", text):
        if re.fullmatch(r"\d+", token):
            out.append(token.lstrip("0") or "0")
        elif re.fullmatch(r"-?\d[\d.eE+-]*", token):
            out.append(repr(float(token)))
        else:
            word = token.lower()
            out.append("null" if word == "none" else word)
    return sorted(out)
