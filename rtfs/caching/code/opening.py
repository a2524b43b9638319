"""The code of the user: where it is kept, and whose code may run."""

from __future__ import annotations

import os

from rtfs.caching.code.signing import trusted_keys
from rtfs.caching.code.store import CodeStore
from rtfs.folders import config_folder, data_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CODE_NAME = "code.sqlite"
#: Functions and bytes that are kept; published code is no cache that fills itself, so there is room.
_MOST, _MOST_BYTES = 100_000, 1024 * 2**20


def code_path(environ: Mapping[str, str]) -> str:
    """The file with the code that was published here."""
    return os.path.join(data_folder(environ), CODE_NAME)


def open_code(path: str, environ: Mapping[str, str], notice: Callable[[str], None] = lambda text: None) -> CodeStore:
    """The code in a file, which is made when there is none.

    Args:
        environ: says where the trusted keys are.
    Raises:
        ConfigError: the file cannot be opened, or is something else.
    """
    from rtfs.caching.stores.sqlite import SQLiteStore

    store = SQLiteStore(path, max_entries=_MOST, max_bytes=_MOST_BYTES, notice=notice)
    folder = config_folder(environ)
    return CodeStore(store, lambda: trusted_keys(folder))
