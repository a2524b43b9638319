"""The process: streams made safe, the command carried out, its exit code given. The only place that exits."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def run() -> NoReturn:
    """The console script `rtfs`."""
    # what is loaded stays: looking for garbage in it would take a tenth of the time that a small program takes
    gc.disable()
    from rtfs.cli.main import BROKEN_PIPE, main

    # a process started without standard streams (`>&-`, pythonw) has None in their place
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a lone surrogate, or a sign that the terminal lacks, must not end the program
            stream.reconfigure(errors="backslashreplace")
    code = main(sys.argv[1:], ready=_collect_garbage)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = BROKEN_PIPE
    except OSError as error:
        sys.stderr.write(f"rtfs: cannot write the output: {error.strerror}\n")
        code = code or 1
        _give_up_stdout()
    if code == BROKEN_PIPE:
        _give_up_stdout()
    gc.freeze()  # on its way out Python would look for garbage once more, in everything that is about to go
    sys.exit(code)


def _collect_garbage() -> None:
    gc.freeze()
    gc.enable()


def _give_up_stdout() -> None:
    """What is still in the buffer cannot be written; without this the interpreter would try again, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    run()
