"""The cache of compiled programs.

rtfs cache [path]     the folder where it is
rtfs cache clear      remove everything in it

A file that was run before and has not changed since is neither read nor compiled again. Nothing is lost with the cache but time.
"""

from __future__ import annotations

from rtfs.errors import ConfigError
from rtfs.folders import compile_cache_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.terminal import Terminal


def arguments(parser: Any) -> None:
    parser.usage = "rtfs cache [path]\n       rtfs cache clear"
    parser.add_argument("words", nargs="*", metavar="path|clear", help="what to do; path when left out")


def execute(options: Any, terminal: Terminal) -> int:
    folder = compile_cache_folder(terminal.environ)
    if options.words not in ([], ["path"], ["clear"]):
        options.misuse(f"there is no `rtfs cache {' '.join(options.words)}`; choose from: path, clear")
    if options.words != ["clear"]:
        terminal.result(folder)
        return 0
    from rtfs.eval.cached.store import Store

    try:
        count = Store(folder).clear()
    except FileNotFoundError:
        count = 0
    except OSError as error:
        raise ConfigError(f"cannot clear {folder}: {error.strerror}", hint="remove the folder") from error
    terminal.note(f"rtfs: {count} compiled {'program' if count == 1 else 'programs'} removed")
    return 0
