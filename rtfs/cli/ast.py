"""Show how a program is understood: its syntax tree, macros expanded and names resolved.

With --forms, the forms as they were read, before any of that.
"""

from __future__ import annotations

from rtfs.cli.options import add_expressions, add_output, add_path, analysis_runtime, given_program
from rtfs.cli.tree import form_text, tree_json, tree_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.terminal import Terminal


def arguments(parser: Any) -> None:
    parser.usage = "rtfs ast [options] FILE|-"
    add_expressions(parser)
    parser.add_argument("--forms", action="store_true", help="the forms as read, a line each")
    parser.add_argument("--spans", action="store_true", help="where each node stands, line:column-line:column")
    add_output(parser)
    add_path(parser)


def execute(options: Any, terminal: Terminal) -> int:
    source, folder = given_program(options, terminal)
    if options.forms:
        from rtfs.syntax.reader import read_forms

        for form in read_forms(source):
            terminal.result(tree_json(form_text(form)) if options.json else form_text(form))
        return 0
    runtime = analysis_runtime(folder, options, terminal)
    for node in runtime.analyse(source):
        if options.json:
            terminal.result(tree_json(node, spans=options.spans))
        else:
            terminal.result("\n".join(tree_lines(node, spans=options.spans)))
    return 0
