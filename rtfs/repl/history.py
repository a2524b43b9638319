"""Where inputs are remembered from one session to the next."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def history_path(environ: Mapping[str, str], name: str) -> str:
    """A file in the user's data folder, made if missing and readable by the user only; the null device when it cannot be made."""
    from rtfs.models.weights import default_data_dir

    folder = default_data_dir(environ)
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError:
        return os.devnull
    return str(path)
