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
    `_PASSWORD` or `_CREDENTIALS`, and every stored key.  Longer secrets go first, so that one which contains another leaves nothing
    behind.  One with quotes or several lines is found too where it stands inside a text that is written with quotes.
    """
    from rtfs.keys import handed_out, kept_in_file

    found = {(name, value) for name, value in environ.items() if name.upper().endswith(_SECRET_ENDINGS)}
    found |= set(kept_in_file(environ).items())
    # a keyring is asked for a key only when it is used, and then it is known here as well
    known: tuple[int, list[tuple[str, str]]] = (0, _longest_first(found))

    def redact(text: str) -> str:
        nonlocal known
        count, secrets = known
        if len(handed_out) != count:
            count = len(handed_out)
            known = count, secrets = count, _longest_first(found | set(handed_out))
        for secret, name in secrets:
            text = text.replace(secret, f"[{name}]")
        return text

    return redact


def _longest_first(found: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """(secret, name), in the order in which they are to be replaced; each as it is, and as it stands within quotes."""
    return sorted(
        {
            (form, name)
            for name, value in found
            if len(value.strip()) >= _SHORTEST_SECRET
            for form in (value.strip(), value.strip().translate(_ESCAPES))
        },
        key=lambda pair: (-len(pair[0]), pair[1]),
    )
