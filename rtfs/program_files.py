"""Reads the files that programs are in: texts and compiled ones."""

from __future__ import annotations

import os

from rtfs.errors import ConfigError, ParseError, nearest
from rtfs.source import ARTEFACT_MAGIC, Artefact, Source, Span

MAX_SOURCE_BYTES = 64 * 2**20
MAX_ARTEFACT_BYTES = 2 * MAX_SOURCE_BYTES


def read_source(path: str | os.PathLike[str]) -> Source:
    """The text of a program file.

    Raises:
        ConfigError: it cannot be opened, is too large, or is a compiled program; ParseError: it is not UTF-8 text.
    """
    return text_of(read_file(path))


def text_of(program: Source | Artefact) -> Source:
    """
    Raises:
        ConfigError: it is a compiled program.
    """
    if isinstance(program, Artefact):
        raise ConfigError(f"{program.name} is a compiled program, not a text", hint="give the file that it was compiled from")
    return program


def read_file(path: str | os.PathLike[str]) -> Source | Artefact:
    """The program in a file, a text or a compiled one; its first bytes tell which.

    Raises:
        ConfigError: it cannot be opened or is too large; ParseError: it is neither compiled nor UTF-8 text.
    """
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            data = file.read(MAX_ARTEFACT_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {name or repr(name)}: {error.strerror}", hint=_next_step(name, error)) from error
    return program_of(name, data, is_file=True)


def _next_step(name: str, error: OSError) -> str:
    """What somebody may do who named a file that cannot be read."""
    folder, base = os.path.split(name)
    try:
        if isinstance(error, IsADirectoryError):
            folder, programs = name, [found for found in sorted(os.listdir(name)) if found.endswith(".rtfs")]
            return f"name a program in it, such as {os.path.join(folder, programs[0])}" if programs else "name a program"
        if isinstance(error, FileNotFoundError):
            close = nearest(base, os.listdir(folder or "."))
            return f"did you mean {os.path.join(folder, close[0])}?" if close else "check the path"
    except OSError:  # there is no such folder, or nobody may look into it
        pass
    return "check the path"


def program_of(name: str, data: bytes, *, is_file: bool = False) -> Source | Artefact:
    """The program that bytes are, all of a file or not; see `read_file`."""
    compiled = data.startswith(ARTEFACT_MAGIC)
    most = MAX_ARTEFACT_BYTES if compiled else MAX_SOURCE_BYTES
    if len(data) > most:
        raise ConfigError(f"{name} is larger than {most:,} bytes")
    if compiled:
        return Artefact(name, data)
    try:
        return Source(name, data.decode("utf-8"), is_file=is_file)
    except UnicodeDecodeError as error:
        text = data[: error.start].decode("utf-8")
        source = Source(name, text + "\ufffd")
        raise ParseError(
            f"byte {error.start} (0x{data[error.start]:02x}) is not UTF-8 text",
            kind="invalid-encoding",
            span=Span(source, len(text), len(text) + 1),
            hint="this does not look like an RTFS program; save it as UTF-8",
        ) from None
