"""Commands whose first word says what to do: `rtfs cache clear`, `rtfs policy check`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn


def misused(options: Any, command: str, choices: str, words: Sequence[str] = ()) -> NoReturn:
    """Explain on standard error what a command can do, and end it.

    Args:
        choices: its actions.
        words: what was asked for, when there is no such action; none when something else is wrong with it.
    Raises:
        SystemExit: always.
    """
    what = f"there is no `rtfs {command} {' '.join(words)}`; " if words else ""
    options.misuse(f"{what}choose from: {choices}")
    raise AssertionError("misuse ends the command")
