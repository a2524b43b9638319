"""What an entry of the compile cache depends on besides its text: this Python and this RTFS.

RTFS is known by its version, and by size and time of its own source files, as Python knows them: code made by a compiler that
was changed meanwhile is not used.
"""

from __future__ import annotations

import os
import sys

from rtfs.eval.cached.store import digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Of what an entry holds, and how.
FORMAT = 1
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
#: Parts of the package that have no say in how a program is compiled.
_WITHOUT_SAY = frozenset(("capabilities", "cli", "delegation", "models", "repl", "__pycache__"))


def stamp() -> bytes:
    """32 bytes that stand for this Python and this RTFS."""
    python = (sys.implementation.name, sys.hexversion, sys.byteorder, _magic_number(), sys.flags.optimize)
    version = getattr(sys.modules["rtfs"], "__version__", None)
    return digest(repr((FORMAT, version, python, _source_files())).encode())


def _magic_number() -> Any:
    """Which bytecode this Python runs."""
    return getattr(sys.modules.get("_frozen_importlib_external"), "MAGIC_NUMBER", None)


def _source_files() -> list[tuple[str, int, int]]:
    """Path, time and size of the package's own modules; empty where it is no folder of files."""
    found = []
    waiting = [_ROOT]
    try:
        while waiting:
            with os.scandir(waiting.pop()) as files:
                for file in files:
                    if file.name.endswith(".py"):
                        known = file.stat()
                        found.append((file.path, known.st_mtime_ns, known.st_size))
                    elif file.name not in _WITHOUT_SAY and file.is_dir():
                        waiting.append(file.path)
    except OSError:
        return []
    found.sort()
    return found
