"""What a beginning can become: names that are known here, commands and their arguments, files."""

from __future__ import annotations

import os

from rtfs.repl.commands import COMMANDS, find_command
from rtfs.repl.session import Session, is_command

_FORM = set(" \t\r\n,;()[]{}\"'`~^#")


def word_before(text: str) -> str:
    """The unfinished word at the end of a text."""
    at = len(text)
    while at and text[at - 1] not in _FORM:
        at -= 1
    return text[at:]


def completions(session: Session, text: str) -> list[str]:
    """The words that the one at the end of `text` can become, sorted; `text` is everything before the cursor."""
    if is_command(text):
        name, blank, rest = text.lstrip().partition(" ")
        if not blank:
            return sorted(n for command in COMMANDS for n in command.names if n.startswith(name))
        if name == ":load":
            return _files(rest.lstrip())
        if name == ":set":
            return sorted(s for s in session.settings if s.startswith(rest.lstrip()))
        if name in (":help", ":h"):
            return sorted(c.names[0] for c in COMMANDS if c.names[0].lstrip(":").startswith(rest.strip().lstrip(":")))
        command = find_command(name)
        if command is None or not (command.takes_forms or name in (":doc", ":d", ":env")):
            return []
        text = rest
    word = word_before(text)
    if not word:
        return []
    if word.startswith("@"):
        return sorted(f"@{name}" for name in session.runtime.host.context if f"@{name}".startswith(word))
    known = {name for name in session.runtime.namespace.known_names() if name.startswith(word) and not name.endswith("__auto")}
    return sorted(known)


def _files(beginning: str) -> list[str]:
    folder, _, name = beginning.rpartition("/")
    shown = f"{folder}/" if folder or beginning.startswith("/") else ""
    try:
        with os.scandir(os.path.expanduser(shown or ".")) as entries:
            found = [(e.name, e.is_dir()) for e in entries if e.name.startswith(name) and (name or not e.name.startswith("."))]
    except OSError:
        return []
    return sorted(f"{shown}{n}{'/' if folder_ else ''}" for n, folder_ in found if folder_ or n.endswith(".rtfs"))
