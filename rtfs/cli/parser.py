"""argparse with near misses: an option that does not exist leads to the one that was meant."""

from __future__ import annotations

import argparse
import os

from rtfs.errors import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal; argparse makes one for every option, and would import `shutil` to ask for the width."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=_columns() - 2)


def _columns() -> int:
    try:
        return min(int(os.environ.get("COLUMNS", "")) or 100, 130)
    except ValueError:
        pass
    try:
        return min(os.get_terminal_size().columns or 100, 130)
    except (OSError, ValueError, AttributeError):
        return 100


class Parser(argparse.ArgumentParser):
    """The parser of one command."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=_Formatter, allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        hint = self._hint(message)
        super().error(message + (f"\n  hint: {hint}" if hint else ""))

    def _hint(self, message: str) -> str | None:
        start = "unrecognized arguments: "
        if not message.startswith(start):
            return None
        option = message[len(start) :].partition(" ")[0].partition("=")[0]
        close = nearest(option, self._option_string_actions)
        if close:
            return f"did you mean {close[0]}?"
        if option.startswith("-") and self.prog == "rtfs run":
            return f"what the program itself should get follows `--`: {self.prog} … -- {option}"
        return None

    @property
    def takes_words(self) -> bool:
        return any(action.dest == "words" for action in self._actions)

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """The options. Words and options may be mixed; what follows `--` joins the words as it stands.

        Raises:
            SystemExit: for --help, and for a misuse, which has been explained on standard error.
        """
        bare = {
            option: str(action.const) for action in self._actions if action.nargs == "?" for option in action.option_strings
        }  # `--check FILE`: the file is not its value, which only `=` gives it
        end = list(argv).index("--") if "--" in argv else len(argv)
        argv = [f"{word}={bare[word]}" if word in bare and i < end else word for i, word in enumerate(argv)]
        if not self.takes_words:
            return self.parse_args(argv)
        options = self.parse_intermixed_args(argv[:end])
        options.words += argv[end + 1 :]
        return options
