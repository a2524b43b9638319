"""Show the intermediate representation of a program, before and after the optimiser's passes.

Every top-level form is shown as a run would compile it, or as it would if it did not just walk it. Nothing runs: macros are
expanded, and functions, macros and types defined, as in `rtfs check`; of names that other forms define nothing is taken for
granted.
"""

from __future__ import annotations

from rtfs.cli.options import add_expressions, add_optimization, add_output, add_path, analysis_runtime, given_program
from rtfs.cli.report import show_report, want_report
from rtfs.cli.terminal import json_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.ir.nodes import Unit
    from rtfs.syntax.nodes import Node


def arguments(parser: Any) -> None:
    parser.usage = "rtfs ir [options] FILE|-"
    add_expressions(parser)
    parser.add_argument("--before", action="store_true", help="only as it was before the passes")
    parser.add_argument("--after", action="store_true", help="only as it is after the passes")
    parser.add_argument(
        "--pass", dest="passes", action="append", default=[], metavar="NAME", help="only after this pass; `all`: after each"
    )
    parser.add_argument("--form", dest="names", action="append", default=[], metavar="NAME", help="only the definition of a name")
    parser.add_argument("--spans", action="store_true", help="where each line comes from, line:column")
    add_optimization(parser)
    add_output(parser)
    add_path(parser)


def execute(options: Any, terminal: Terminal) -> int:
    from rtfs.ir.optimise import PASSES

    known = [name for name, _ in PASSES]
    for name in options.passes:
        if name not in known and name != "all":
            options.misuse(f"there is no pass `{name}`; choose from: {', '.join(known)}, all")
    if sum((options.before, options.after, bool(options.passes))) > 1:
        options.misuse("choose one of --before, --after and --pass")
    source, folder = given_program(options, terminal)
    runtime = analysis_runtime(folder, options, terminal, optimization=options.opt_level)
    if options.optimization_report:
        want_report(runtime)
    view = View(source.name, terminal, options)
    runtime.lower(source, view.begin, view.after)
    view.finish()
    if options.optimization_report:
        show_report(runtime, terminal)
    missing = [name for name in options.names if name not in view.seen]
    if missing:
        options.misuse(f"{source.name} does not define {', '.join(missing)}")
    return 0


class View:
    """Collects the stages of one form and shows those that are asked for.

    Args:
        name: of the source.
        options: `--before`, `--after`, `--pass`, `--form`, `--spans`, `--json`; by default, before and after.
    """

    def __init__(self, name: str, terminal: Terminal, options: Any = None) -> None:
        self.name = name
        self.terminal = terminal
        self.passes: list[str] = getattr(options, "passes", [])
        self.names: list[str] = getattr(options, "names", [])
        self.only = next((stage for stage in ("before", "after") if getattr(options, stage, False)), None)
        self.spans: bool = getattr(options, "spans", False)
        self.json: bool = getattr(options, "json", False)
        self.seen: set[str] = set()
        self._head: dict[str, Any] = {}
        self._stages: list[tuple[str, str]] = []
        self._first = True

    def begin(self, node: Node, unit: Unit, note: str) -> bool:
        self.finish()
        name = _name_of(node)
        if self.names and name not in self.names:
            return False
        if name is not None:
            self.seen.add(name)
        self._head = {"form": name, "at": str(node.span or self.name)}
        if note:
            self._head["note"] = note
        self._stages = [("before", self._text(unit))]
        return True

    def after(self, name: str, unit: Unit) -> None:
        self._stages.append((name, self._text(unit)))

    def _text(self, unit: Unit) -> str:
        from rtfs.ir.printing import print_ir

        return print_ir(unit, spans=self.spans).rstrip("\n")

    def finish(self) -> None:
        """Show the form whose stages are complete."""
        if not self._stages:
            return
        shown = self._wanted()
        if self.json:
            for stage, text in shown:
                self.terminal.result(json_line({**self._head, "stage": stage, "ir": text}))
        elif shown:
            title = f"{self._head['form']}, {self._head['at']}" if self._head["form"] else self._head["at"]
            lines = [] if self._first else [""]
            lines.append(f";; {title}: {self._head['note']}" if "note" in self._head else f";; {title}")
            for stage, text in shown:
                lines += [f";; {stage}", text]
            self.terminal.result("\n".join(lines))
            self._first = False
        self._stages = []

    def _wanted(self) -> list[tuple[str, str]]:
        before, after = self._stages[0][1], self._stages[-1][1]
        if self.only is not None:
            return [(self.only, before if self.only == "before" else after)]
        if "all" in self.passes:
            return [(stage if stage == "before" else f"after {stage}", text) for stage, text in self._stages]
        if self.passes:
            return [(f"after {stage}", text) for stage, text in self._stages if stage in self.passes]
        return [("before and after", after)] if before == after else [("before", before), ("after", after)]


def _name_of(node: Node) -> str | None:
    """The name that a top-level form defines."""
    from rtfs.syntax import nodes as ast

    return node.name if isinstance(node, (ast.Def, ast.DefStruct, ast.DefType)) else None
