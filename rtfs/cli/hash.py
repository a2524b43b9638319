"""Print the content hash of everything that a program defines.

A line is: content hash, the first 16 digits of the interface hash (- for what is no function), name. Layout, comments, docstrings
and the names of locals play no part, nor does the function's own name; what a definition refers to does, however far below. Of a
function with a delegation hint, names and docstring count too: they are what the model is asked. Nothing of the program runs except
its macros.
"""

from __future__ import annotations

from rtfs.cli.options import add_output, add_path, analysis_runtime, folder_of, read_program
from rtfs.cli.terminal import Terminal, json_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.ir.artefact.definitions import Definition

_SHORT = 16


def arguments(parser: Any) -> None:
    parser.usage = "rtfs hash [options] FILE|-"
    parser.add_argument("words", nargs="*", metavar="FILE", help="the program, or - for standard input")
    add_output(parser)
    add_path(parser)


def execute(options: Any, terminal: Terminal) -> int:
    if len(options.words) != 1:
        options.misuse("give one FILE")
    name = options.words[0]
    runtime = analysis_runtime(folder_of(name), options, terminal)
    definitions = runtime.definitions(read_program(name, terminal))
    for found in definitions:
        terminal.result(json_line(_document(found)) if options.json else _line(found))
    if not definitions and not options.json:
        terminal.note(f"rtfs: {name} defines nothing at its top level")
    return 0


def _line(found: Definition) -> str:
    interface = "-" * _SHORT if found.interface is None else found.interface.hex()[:_SHORT]
    return f"{found.content.hex()}  {interface}  {found.name}"


def _document(found: Definition) -> dict[str, Any]:
    return {
        "name": found.name,
        "kind": found.kind,
        "hash": found.content.hex(),
        "interface": None if found.interface is None else found.interface.hex(),
        "task": None if found.task is None else found.task.hex(),
    }
