"""The capabilities that come with RTFS: printing, files, clock, environment, key-value store, HTTP.

Streams, clock, environment and folders are passed in; nothing here reads the process's own.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping

from rtfs.capabilities.registry import Capability, CapabilityRegistry
from rtfs.errors import HostError
from rtfs.semantics.faults import type_error
from rtfs.values.printing import to_readable, to_text
from rtfs.values.scalars import Keyword, ResourceHandle, Timestamp
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

MAX_FILE_BYTES = 256 * 2**20
#: The process has few handles for files, and the host needs some too.
MAX_OPEN_FILES = 256
MAX_HTTP_BYTES = 16 * 2**20


class FileAccess:
    """Which files may be read and written: those under the given folders, after links are resolved.

    Args:
        kept: files that may not be written wherever they lie: what a program may do is in them.
    """

    def __init__(self, read: tuple[str, ...] = (), write: tuple[str, ...] = (), kept: tuple[str, ...] = ()) -> None:
        self.read = tuple(os.path.realpath(folder) for folder in read)
        self.write = tuple(os.path.realpath(folder) for folder in write)
        self.kept = tuple(os.path.realpath(file) for file in kept)

    def check(self, path: Any, operation: str, folders: tuple[str, ...], how: str) -> str:
        """The path, if it lies under one of the folders.

        Raises:
            EvalError: not a string; HostError: `security-violation`.
        """
        if type(path) is not str:
            raise type_error(operation, "string (a path)", path, 1)
        if "\0" in path:
            raise HostError(f"{operation}: a path cannot contain a NUL character", kind="io-error")
        real = os.path.realpath(path)
        if how == "write" and real in self.kept:
            raise HostError(f"{operation}: {path} says what this program may do", kind="security-violation")
        for folder in folders:
            if real == folder or real.startswith(folder.rstrip(os.sep) + os.sep):
                return path
        raise HostError(
            f"{operation}: {path} lies outside of the folders this program may {how}",
            kind="security-violation",
            hint=f"allow it: rtfs run --allow-{how} FOLDER, or Runtime({how}=[FOLDER])",
        )


def io_error(operation: str, path: str, error: Exception) -> HostError:
    """An operating-system error in RTFS words."""
    reason = getattr(error, "strerror", None) or str(error)
    hint = "check the path; relative ones start at the current folder" if isinstance(error, FileNotFoundError) else None
    return HostError(f"{operation}: {path}: {reason}", kind="io-error", hint=hint)


def _open_regular(path: str, operation: str, mode: str, newline: str | None = None) -> Any:
    """Open a file of text; a device or a pipe, which may wait for ever or never end, is refused before it is opened.

    Raises:
        HostError: it is no regular file; OSError, UnicodeEncodeError (the path).
    """

    def open_checked(name: str, flags: int) -> int:
        # without O_NONBLOCK, to open a pipe would wait for its other end
        number = os.open(name, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
        kind = os.fstat(number).st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):  # a directory is refused by Python, in better words
            os.close(number)
            raise HostError(f"{operation}: {path} is not a regular file", kind="io-error")
        return number

    return open(path, mode, encoding="utf-8", newline=newline, opener=open_checked)


def _read_at_most(file: TextIO, what: str, line: bool = False) -> str:
    """The rest of a file or its next line.

    Raises:
        HostError: more than MAX_FILE_BYTES characters.
    """
    text = file.readline(MAX_FILE_BYTES + 1) if line else file.read(MAX_FILE_BYTES + 1)
    if len(text) > MAX_FILE_BYTES:
        raise HostError(f"{what} is larger than {MAX_FILE_BYTES:,} bytes", kind="io-error")
    return text


def _read_text(path: str, operation: str) -> str:
    try:
        with _open_regular(path, operation, "r", newline="") as file:
            return _read_at_most(file, f"{operation}: {path}").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise HostError(
            f"{operation}: {path} is not UTF-8 text (byte {error.start})", kind="io-error", hint="convert it to UTF-8 first"
        ) from error
    except (OSError, UnicodeEncodeError) as error:
        raise io_error(operation, path, error) from error


def standard_capabilities(
    registry: CapabilityRegistry,
    *,
    stdout: Callable[[], TextIO],
    stderr: Callable[[], TextIO],
    files: FileAccess,
    environ: Mapping[str, str],
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
    away: Callable[[Callable[[], Any]], Any] = lambda work: work(),
) -> None:
    """Register them all. `stdout` and `stderr` are asked at each use, so that redirection works; `away` does what waits for the
    network, while other parts of the program go on."""

    def add(name: str, function: Callable[..., Any], low: int, high: int | None, effects: str, doc: str, type: str = "") -> None:
        registry.register(Capability(name, function, low, high, (effects,), doc, type))

    def write(stream: TextIO, text: str) -> None:
        try:
            stream.write(text)
        except UnicodeEncodeError:  # a terminal that cannot show a character, or a lone surrogate
            encoding = stream.encoding or "ascii"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except BrokenPipeError:  # nobody reads any more, which is no failure of the program
            raise
        except OSError as error:
            message, hint = f"cannot write the output: {error.strerror or error}", "is there room where it goes to?"
            raise HostError(message, kind="io-error", hint=hint) from error

    def println(*values: Any) -> None:
        write(stdout(), " ".join([to_text(v) for v in values]) + "\n")

    def print_(*values: Any) -> None:
        write(stdout(), " ".join([to_text(v) for v in values]))

    def log(*values: Any) -> None:
        level = "info"
        if len(values) > 1 and isinstance(values[0], Keyword):
            level, values = values[0].name, values[1:]
        write(stderr(), f"[{level}] " + " ".join([to_text(v) for v in values]) + "\n")

    add("io.println", println, 0, None, "compute", "Prints the operands and a line end on standard output.")
    add("io.print", print_, 0, None, "compute", "Prints the operands on standard output.")
    add("io.log", log, 0, None, "compute", "Logs the operands on standard error; a keyword in front is the level.")
    add("io.log-error", lambda *v: log(Keyword("error"), *v), 0, None, "compute", "Logs at level error.")
    _files(add, files, registry.closers)
    _system(add, environ, clock, sleep)
    _store(add)
    add(
        "agents.discover",
        lambda criteria, options=None: Vector(),
        1,
        2,
        "agent",
        "Agents that fit the criteria: none, without a registry.",
    )

    def fetch(url: Any) -> str:
        text: str = away(lambda: http_fetch(url))
        return text

    words = "The body of an http or https address, by GET, as text."
    add("network.http-fetch", fetch, 1, 1, "network", words, "[:fn [string] string]")


def _files(add: Any, files: FileAccess, closers: list[Callable[[], None]]) -> None:
    def read_file(path: Any) -> str:
        return _read_text(files.check(path, "io.read-file", files.read, "read"), "io.read-file")

    def read_lines(path: Any) -> Vector:
        text = _read_text(files.check(path, "io.read-lines", files.read, "read"), "io.read-lines")
        lines = text.split("\n")
        return Vector.adopt(lines[:-1] if lines[-1] == "" else lines)

    def file_exists(path: Any) -> bool:
        return os.path.exists(files.check(path, "io.file-exists", files.read, "read"))

    def write_file(path: Any, content: Any) -> None:
        name = files.check(path, "io.write-file", files.write, "write")
        if type(content) is not str:
            raise type_error("io.write-file", "string", content, 2)
        try:
            encoded = content.encode("utf-8")  # before the file is emptied: a lone surrogate has no UTF-8
            with _open_regular(name, "io.write-file", "w", newline="") as file:
                file.buffer.write(encoded)
        except (OSError, UnicodeEncodeError) as error:
            raise io_error("io.write-file", name, error) from error

    add("io.read-file", read_file, 1, 1, "filesystem", "The text of a file (UTF-8).", "[:fn [string] string]")
    lines = "[:fn [string] [:vector string]]"
    add("io.read-lines", read_lines, 1, 1, "filesystem", "The lines of a file as a vector, without line ends.", lines)
    add("io.file-exists", file_exists, 1, 1, "filesystem", "Whether a path exists.", "[:fn [string] bool]")
    add("io.write-file", write_file, 2, 2, "filesystem", "Writes text to a file, replacing it.", "[:fn [string string] nil]")
    _open_files(add, files, closers)


_MODES = {"read": "r", "write": "w", "append": "a"}


def _open_files(add: Any, files: FileAccess, closers: list[Callable[[], None]]) -> None:
    """Files held open between calls, behind handles: what `with-resource` is for."""
    held: dict[str, TextIO] = {}
    opened = 0

    def open_file(path: Any, mode: Any = None) -> ResourceHandle:
        nonlocal opened
        way = "read" if mode is None else getattr(mode, "name", mode)
        if way not in _MODES:
            raise type_error("io.open", "one of :read, :write, :append", mode, 2)
        folders, how = (files.read, "read") if way == "read" else (files.write, "write")
        name = files.check(path, "io.open", folders, how)
        if len(held) >= MAX_OPEN_FILES:
            raise HostError(
                f"io.open: more than {MAX_OPEN_FILES} files are open", kind="io-error", hint="close them: with-resource does it"
            )
        try:
            file = _open_regular(name, "io.open", _MODES[way])
        except (OSError, UnicodeEncodeError) as error:
            raise io_error("io.open", name, error) from error
        opened += 1
        handle = ResourceHandle(f"resource://file/{opened}/{os.path.basename(name)}")
        held[handle.text] = file
        return handle

    def use(operation: str, handle: Any, work: Callable[[TextIO], Any]) -> Any:
        if type(handle) is not ResourceHandle or handle.text not in held:
            raise type_error(operation, "handle of an open file", handle, 1)
        try:
            return work(held[handle.text])
        except (OSError, ValueError) as error:  # UnicodeDecodeError, or a file opened the other way
            raise HostError(f"{operation}: {handle.text}: {error}", kind="io-error") from error

    def read(handle: Any) -> Any:
        return use("io.read", handle, lambda file: _read_at_most(file, "io.read: the text"))

    def read_line(handle: Any) -> Any:
        line = use("io.read-line", handle, lambda file: _read_at_most(file, "io.read-line: the line", line=True))
        return line.removesuffix("\n") if line else None

    def write_line(handle: Any, text: Any) -> None:
        if type(text) is not str:
            raise type_error("io.write-line", "string", text, 2)
        use("io.write-line", handle, lambda file: file.write(text + "\n"))

    def close_all() -> None:
        while held:
            held.popitem()[1].close()

    def close(handle: Any) -> None:
        file = held.pop(handle.text, None) if type(handle) is ResourceHandle else None
        if file is not None:
            file.close()

    closers.append(close_all)
    add("io.open", open_file, 1, 2, "filesystem", "A handle for a file: :read (default), :write or :append; for with-resource.")
    add("io.read", read, 1, 1, "filesystem", "The rest of the text behind a handle.")
    add("io.read-line", read_line, 1, 1, "filesystem", "The next line behind a handle, nil at the end.")
    add("io.write-line", write_line, 2, 2, "filesystem", "Writes a line to a handle opened for writing.")
    add("io.close", close, 1, 1, "compute", "Closes a handle; with-resource does it.")


def _system(add: Any, environ: Mapping[str, str], clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
    def get_env(name: Any) -> Any:
        if isinstance(name, Keyword):
            name = name.name
        if type(name) is not str:
            raise type_error("system.get-env", "string", name, 1)
        return environ.get(name)

    def sleep_ms(duration: Any) -> None:
        if type(duration) not in (int, float) or not duration >= 0:
            raise type_error("system.sleep-ms", "number of milliseconds, not negative", duration, 1)
        sleep(min(duration, 86_400_000) / 1000)

    def current_time() -> Timestamp:
        now = time.gmtime(clock())
        return Timestamp(time.strftime("%Y-%m-%dT%H:%M:%SZ", now))

    add("system.current-timestamp-ms", lambda: int(clock() * 1000), 0, 0, "system", "Milliseconds since 1970.", "[:fn [] int]")
    add("system.current-time", current_time, 0, 0, "system", "The time as a timestamp, to the second, UTC.", "[:fn [] timestamp]")
    add("system.get-env", get_env, 1, 1, "system", "An environment variable, or nil.", "[:fn [string] string?]")
    add("system.sleep-ms", sleep_ms, 1, 1, "system", "Waits.", "[:fn [number] nil]")


def _store(add: Any) -> None:
    table: dict[str, Any] = {}

    def put(key: Any, value: Any) -> None:
        table[to_readable(key)] = value

    add("state.kv.get", lambda key: table.get(to_readable(key)), 1, 1, "state", "A value of the run's store, or nil.")
    add("state.kv.put", put, 2, 2, "state", "Puts a value into the run's store.")


def http_fetch(url: Any) -> str:
    """GET an address with the standard library; no redirect to another scheme, at most MAX_HTTP_BYTES."""
    if type(url) is not str:
        raise type_error("network.http-fetch", "string", url, 1)
    if not url.startswith(("http://", "https://")):
        raise HostError("network.http-fetch: only http:// and https:// addresses", kind="network-error")
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            body: bytes = response.read(MAX_HTTP_BYTES + 1)
            charset = response.headers.get_content_charset() or "utf-8"
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise HostError(f"network.http-fetch: {url}: {getattr(error, 'reason', error)}", kind="network-error") from error
    if len(body) > MAX_HTTP_BYTES:
        raise HostError(f"network.http-fetch: {url}: more than {MAX_HTTP_BYTES:,} bytes", kind="network-error")
    return body.decode(charset if _known_codec(charset) else "utf-8", "replace")


def _known_codec(name: str) -> bool:
    import codecs

    try:
        codecs.lookup(name)
    except LookupError:
        return False
    return True
