"""Texts between quotes of all kinds, and what the backslashes in them mean."""

from __future__ import annotations

import re

#: Characters that may open a text.
QUOTES = "\"'“”„«`‘’"
#: What opens a text -> the whole of it, with what is between the quotes as group 1.
STRINGS = {
    '"""': re.compile(r'"""(.*?)"""', re.DOTALL),
    "'''": re.compile(r"'''(.*?)'''", re.DOTALL),
    '"': re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL),
    # an apostrophe ends the text only where something can follow a text
    "'": re.compile(r"'((?:[^'\\]|\\.|'(?!\s{0,99}(?:[,}\]:)]|=>|$)))*+)'", re.DOTALL),
    "`": re.compile(r"`([^`\\]*+)`"),
    "“": re.compile(r"[“”„]([^“”„\"\\]*+)[“”\"]"),
    "«": re.compile(r"«([^«»]*+)»"),
    "‘": re.compile(r"[‘’]([^‘\\]*?)’(?=\s{0,99}(?:[,}\]:)]|$))"),
}
STRINGS["”"] = STRINGS["„"] = STRINGS["“"]
STRINGS["’"] = STRINGS["‘"]
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}(?:\\u[dD][c-fC-F][0-9a-fA-F]{2})?|.)", re.DOTALL)
_PLAIN_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def unescape(body: str) -> tuple[str, bool]:
    """The text between two quotes, and whether a backslash escaped nothing (such a backslash stays)."""
    if "\\" not in body:
        return body, False
    stray = False

    def decode(found: re.Match[str]) -> str:
        nonlocal stray
        escape = found[0]
        if escape[1] == "u" and len(escape) > 2:
            units = [int(part, 16) for part in escape[2:].split("\\u")]
            if len(units) == 2 and 0xD800 <= units[0] < 0xDC00:
                return chr(0x10000 + ((units[0] - 0xD800) << 10) + (units[1] - 0xDC00))
            return "".join(map(chr, units))
        plain = _PLAIN_ESCAPES.get(escape[1])
        if plain is not None:
            return plain
        stray = True
        return escape[1:] if escape[1] in "'`\n“”’" else escape

    return _ESCAPE.sub(decode, body), stray
