"""Model files under names of the user's: a GGUF file from a path or an address, checked when it is added and when it has changed.

`models/NAME/model.json` in the data folder says which file it is, its SHA-256, and how the model is asked.  The file itself
lies beside it, or, when it is linked, where it was.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from rtfs.errors import ConfigError, DelegationError
from rtfs.models.gguf_file import NotGguf, read_shape
from rtfs.models.local_profile import Profile

RECORD = "model.json"
_CHUNK_BYTES = 1 << 20
_VERSION = 1
_HEX = frozenset("0123456789abcdef")

#: Opens an address at an offset: (stream, offset at which it begins, size of the whole or None).
Open = Callable[[str, int], tuple[IO[bytes], int, "int | None"]]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFile:
    """One `model.json`."""

    file: str
    """Its name in the same folder, or its whole path."""
    sha256: str
    size_bytes: int
    mtime_ns: int
    source: str
    """The path or address it came from, without user and password."""
    form: str = "auto"
    gpu_layers: int | None = None

    @property
    def profile(self) -> Profile:
        return Profile(form=self.form, gpu_layers=self.gpu_layers, sha256=self.sha256)

    def path(self, folder: Path) -> Path:
        return folder / self.file  # a whole path stays what it is


def read_record(folder: Path) -> NamedFile | None:
    """What is noted in a model's folder; None when nothing is.

    Raises:
        DelegationError: `model-unavailable`: the note cannot be used.
    """
    try:
        text = (folder / RECORD).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(folder, error.strerror or str(error)) from error
    try:
        noted = json.loads(text)
        if noted.pop("version") != _VERSION:
            raise ValueError("it is of another version")
        record = NamedFile(**noted)
        kinds = {"file": str, "sha256": str, "size_bytes": int, "mtime_ns": int, "source": str}
        if not all(isinstance(getattr(record, name), kind) for name, kind in kinds.items()):
            raise ValueError("an entry is of the wrong type")
        return record if record.profile else None
    except (ValueError, TypeError, KeyError, AttributeError, ConfigError) as error:
        raise _unusable(folder, str(error)) from error


def _unusable(folder: Path, why: str) -> DelegationError:
    hint = f"add the model again: rtfs models add {folder.name} PATH|URL"
    return DelegationError(f"{folder / RECORD} cannot be used: {why}", kind="model-unavailable", hint=hint)


def checked_path(folder: Path, record: NamedFile) -> Path:
    """The file of a record. When its size or time is not what was noted, its content is hashed before it is used again.

    Raises:
        DelegationError: `model-unavailable`: it is gone, or has another content.
    """
    path = record.path(folder)
    try:
        stat = path.stat()
        if (stat.st_size, stat.st_mtime_ns) == (record.size_bytes, record.mtime_ns):
            return path
        same = stat.st_size == record.size_bytes and _sha256(path) == record.sha256
    except OSError as error:
        raise DelegationError(
            f"the file of model `{folder.name}` cannot be read: {path}: {error.strerror or error}",
            kind="model-unavailable",
            hint=f"add it again: rtfs models add {folder.name} PATH|URL",
        ) from error
    if not same:
        raise DelegationError(
            f"{path} is not the file that was added as `{folder.name}`: its content has changed",
            kind="model-unavailable",
            hint=f"if that was meant, add it again: rtfs models add {folder.name} {path}",
        )
    with contextlib.suppress(OSError):  # a folder that cannot be written: it is hashed again the next time
        _write_record(folder, replace(record, mtime_ns=stat.st_mtime_ns))
    return path


def add_file(
    name: str,
    source: str,
    *,
    data_dir: Path,
    sha256: str | None = None,
    link: bool = False,
    profile: Profile | None = None,
    progress: Progress = lambda line: None,
    opened: Open | None = None,
) -> Path:
    """Put a GGUF file under a name; one that has the name gives way once the new one is complete.

    What an interrupted download has fetched is used by the next one.

    Args:
        name: a model id.
        source: a path, or an `https:` address; `http:` only with `sha256`.
        sha256: what the file must have; without it, what it has is noted, and said.
        link: leave a file of this machine where it is.
        profile: how the model is asked; what was noted before, or nothing in particular, when None.
        opened: replaces the opening of addresses.
    Returns:
        The file.
    Raises:
        ConfigError: no such file, no network, no GGUF file or not all of one, another checksum, no room.
    """
    wanted = _hash_text(sha256)
    folder = data_dir / "models" / name
    about = profile or _profile_so_far(folder)
    remote = urlsplit(source).scheme in ("http", "https")
    with _translated(folder), not_left_empty(folder):
        if not remote and not Path(source).is_file():
            raise ConfigError(f"there is no file {source}", hint="give the path of a GGUF file, or an https address")
        if link:
            if remote:
                raise ConfigError("only a file of this machine can be linked", hint="leave --link out: the file is downloaded")
            path = Path(source).resolve()
            digest = _checked(path, wanted, path.name)
            folder.mkdir(parents=True, exist_ok=True)
            return _noted(folder, path, str(path), digest, source, about, progress)
        if urlsplit(source).scheme == "http" and wanted is None:
            raise ConfigError("over http anybody on the way can change the file", hint="use https, or give --sha256")
        file = _file_name(source, name)
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".partial-{hashlib.sha256(source.encode()).hexdigest()[:16]}"
        if remote:
            _download(source, partial, opened or open_address, progress)
        else:
            _copy(Path(source), partial, progress)
        try:
            digest = _checked(partial, wanted, file)
        except ConfigError:
            partial.unlink(missing_ok=True)
            raise
        partial.chmod(0o644)
        partial.replace(folder / file)
        return _noted(folder, folder / file, file, digest, source, about, progress)


def _profile_so_far(folder: Path) -> Profile:
    try:
        record = read_record(folder)
    except DelegationError:
        record = None
    return record.profile if record is not None else Profile()


def _noted(folder: Path, path: Path, file: str, digest: str, source: str, about: Profile, progress: Progress) -> Path:
    before = None
    with contextlib.suppress(DelegationError):
        before = read_record(folder)
    stat = path.stat()
    record = NamedFile(
        file=file,
        sha256=digest,
        size_bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        source=_shown(source),
        form=about.form,
        gpu_layers=about.gpu_layers,
    )
    _write_record(folder, record)
    # the copy that had the name before; a linked file is the user's own
    if before is not None and before.file != file and not os.path.isabs(before.file):
        (folder / before.file).unlink(missing_ok=True)
    progress(f"added {folder.name}: {path} (SHA-256 {digest})")
    return path


def _write_record(folder: Path, record: NamedFile) -> None:
    handle, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump({"version": _VERSION, **asdict(record)}, out, indent=1)
            out.write("\n")
        Path(name).chmod(0o644)
        Path(name).replace(folder / RECORD)
    finally:
        Path(name).unlink(missing_ok=True)


def _hash_text(sha256: str | None) -> str | None:
    if sha256 is None:
        return None
    text = sha256.strip().lower().removeprefix("sha256:")
    if len(text) != 64 or not set(text) <= _HEX:
        raise ConfigError(f"{sha256!r} is no SHA-256", hint="it has 64 hexadecimal digits, as `sha256sum FILE` prints them")
    return text


def _file_name(source: str, name: str) -> str:
    last = unquote(urlsplit(source).path).rpartition("/")[2] if "://" in source else Path(source).name
    # what comes from an address is a name, whatever is in it
    last = "".join(c if c.isalnum() or c in "._-" else "-" for c in last).lstrip(".-")
    return last if last.lower().endswith(".gguf") else f"{last or name}.gguf"


def _shown(source: str) -> str:
    if "://" not in source:
        return str(Path(source).resolve())
    parts = urlsplit(source)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _checked(path: Path, wanted: str | None, name: str) -> str:
    """The SHA-256 of a file that is a whole model.

    Raises:
        ConfigError: it is none, or another one.
    """
    digest = _sha256(path)
    if wanted is not None and digest != wanted:
        raise ConfigError(
            f"{name} has the SHA-256 {digest}, and not {wanted}",
            hint="it is another file, or was damaged on the way; nothing was added",
        )
    try:
        read_shape(path)
    except NotGguf as error:
        raise ConfigError(f"this is no model file: {str(error).replace(path.name, name)}", hint="nothing was added") from error
    return digest


# --- fetching --------------------------------------------------------------------------------


def _copy(source: Path, partial: Path, progress: Progress) -> None:
    size = source.stat().st_size
    _check_room(partial.parent, size)
    progress(f"copying {source} ({size / 1e6:.0f} MB); with --link it would stay where it is")
    with source.open("rb") as stream, partial.open("wb") as out:
        shutil.copyfileobj(stream, out, _CHUNK_BYTES)
        out.flush()
        os.fsync(out.fileno())


def _download(address: str, partial: Path, opened: Open, progress: Progress) -> None:
    there = partial.stat().st_size if partial.is_file() else 0
    stream, begin, size = opened(address, there)
    with contextlib.closing(stream):
        if size is not None:
            _check_room(partial.parent, size - begin)
        about = f" ({size / 1e6:.0f} MB)" if size else ""
        progress(f"fetching {_shown(address)}{about}{', the rest of it' if begin else ''}")
        done, tenth = begin, 0
        with partial.open("r+b" if begin else "wb") as out:
            out.seek(begin)
            out.truncate()
            while chunk := stream.read(_CHUNK_BYTES):
                out.write(chunk)
                done += len(chunk)
                if size and done * 10 // size > tenth:
                    tenth = done * 10 // size
                    progress(f"{tenth * 10} %")
            out.flush()
            os.fsync(out.fileno())
    if size is not None and done != size:
        raise ConfigError(f"the download ended after {done:,} of {size:,} bytes", hint="run the same again: it goes on from there")


def open_address(address: str, offset: int) -> tuple[IO[bytes], int, int | None]:
    """Open an address at an offset, or at its beginning where the server cannot do better.

    Raises:
        ConfigError: it cannot be reached.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class HttpsOnly(HTTPRedirectHandler):
        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
                raise URLError("the server leads from https to another protocol")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    headers = {"User-Agent": "rtfs", **({"Range": f"bytes={offset}-"} if offset else {})}
    try:
        answer = build_opener(HttpsOnly).open(Request(address, headers=headers), timeout=60)
    except HTTPError as error:
        if error.code == 416 and offset:  # all of it is there already, or another file: begin anew
            return open_address(address, 0)
        raise ConfigError(f"{_shown(address)}: the server says {error.code} {error.reason}") from error
    except (URLError, HTTPException, OSError, ValueError) as error:
        why = getattr(error, "reason", None) or error
        raise ConfigError(f"{_shown(address)} cannot be fetched: {why}", hint="check the address and the network") from error
    length = answer.headers.get("Content-Length", "")
    begin = offset if answer.status == 206 else 0
    return answer, begin, begin + int(length) if length.isdecimal() else None


def _check_room(folder: Path, size: int) -> None:
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, "disk full")


@contextlib.contextmanager
def not_left_empty(*folders: Path) -> Iterator[None]:
    """Folders in which nothing came to be in the end go away again; part of a download is something."""
    try:
        yield
    except BaseException:
        for folder in folders:
            with contextlib.suppress(OSError):
                folder.rmdir()  # only one that is empty can be
        raise


@contextlib.contextmanager
def _translated(folder: Path) -> Iterator[None]:
    """Errors of the file system become ConfigErrors with a next step."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "free some space, use --link, or set RTFS_DATA_DIR to a folder on another disk"
            raise ConfigError(f"there is no room for the file in {folder}", hint=hint) from error
        where = error.filename or folder
        raise ConfigError(f"the model cannot be added: {where}: {error.strerror or error}") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
