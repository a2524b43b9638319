"""Say what an error code means: what happened, a program that makes it happen, and what usually helps.

CODE is a code (RTFS-R003, r003), a kind (division-by-zero) or the name that `catch` takes (DivisionByZero). Without it, all of
them are listed.
"""

from __future__ import annotations

from rtfs.cli.explanations import EXPLANATIONS
from rtfs.cli.options import add_output
from rtfs.cli.terminal import json_line
from rtfs.errors import KINDS, nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.terminal import Terminal

_WIDTH = 88  # columns


def arguments(parser: Any) -> None:
    parser.usage = "rtfs explain [CODE…]"
    parser.add_argument("words", nargs="*", metavar="CODE", help="an error code, a kind of error or its name in `catch`")
    add_output(parser)


def execute(options: Any, terminal: Terminal) -> int:
    if not options.words:
        for known_kind, (_, code) in KINDS.items():
            line = f"{code}  {known_kind:<22} {EXPLANATIONS[known_kind].meaning}"
            terminal.result(json_line(record_of(known_kind)) if options.json else line)
        return 0
    for i, word in enumerate(options.words):
        kind = kind_named(word)
        if kind is None:
            known = [code for _, code in KINDS.values()] + list(KINDS) + [name for name, _ in KINDS.values()]
            close = nearest(word.upper() if word.upper().startswith("RTFS") else word, known)
            options.misuse(f"there is no error `{word}`; " + (f"did you mean {close[0]}?" if close else "rtfs explain lists them"))
            return 2
        if options.json:
            terminal.result(json_line(record_of(kind)))
        else:
            terminal.result(("\n" if i else "") + explanation_text(kind))
    return 0


def kind_named(word: str) -> str | None:
    """The kind of error that a code, a kind or a catch selector names."""
    plain = word.lstrip(":").lower()
    code = plain.upper() if plain.startswith("rtfs-") else f"RTFS-{plain.upper()}"
    for kind, (selector, kind_code) in KINDS.items():
        if code == kind_code or plain == kind or plain == selector.lower():
            return kind
    return None


def record_of(kind: str) -> dict[str, Any]:
    selector, code = KINDS[kind]
    text = EXPLANATIONS[kind]
    return {
        "code": code,
        "kind": kind,
        "selector": selector,
        "meaning": text.meaning,
        "example": text.example,
        "fix": text.fix,
    }


def explanation_text(kind: str) -> str:
    from textwrap import wrap

    selector, code = KINDS[kind]
    text = EXPLANATIONS[kind]
    lines = [f"{code}  {kind}", "", *wrap(text.meaning, _WIDTH)]
    if text.example:
        lines += ["", *[f"    {line}" for line in text.example.split("\n")]]
    lines += ["", *wrap(text.fix, _WIDTH)]
    if code.startswith(("RTFS-R", "RTFS-H", "RTFS-D")):
        lines += ["", f"A program catches it with (catch {selector} e …) or (catch :{kind} e …)."]
    elif code.startswith("RTFS-L"):
        lines += ["", "A program cannot catch it."]
    return "\n".join(lines)
