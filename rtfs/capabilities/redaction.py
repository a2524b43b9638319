"""Secrets stay out of what is reported and recorded: audit entries, call records, lines on stderr."""

from __future__ import annotations

from collections.abc import Callable, Mapping

_SECRET_ENDINGS = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_CREDENTIALS")
_SHORTEST_SECRET = 8  # characters: a shorter value would blot out ordinary words
#: How texts with quotes are written, by RTFS and in JSON.
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def redactor(environ: Mapping[str, str]) -> Callable[[str], str]:
    """A function that replaces the secrets of an environment in a text by the names of their variables.

    A secret is the value, of 8 characters or more, of a variable whose name ends in `_KEY`, `_TOKEN`, `_SECRET`,
    `_PASSWORD` or `_CREDENTIALS`.  Longer secrets go first, so that one which contains another leaves nothing behind.  One with
    quotes or several lines is found too where it stands inside a text that is written with quotes.
    """
    secrets = sorted(
        {
            (form, name)
            for name, value in environ.items()
            if name.upper().endswith(_SECRET_ENDINGS) and len(value.strip()) >= _SHORTEST_SECRET
            for form in (value.strip(), value.strip().translate(_ESCAPES))
        },
        key=lambda pair: (-len(pair[0]), pair[1]),
    )

    def redact(text: str) -> str:
        for secret, name in secrets:
            text = text.replace(secret, f"[{name}]")
        return text

    return redact
