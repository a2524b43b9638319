"""IR as text, for people.

    def fib =
      fn fib(%n)
        if (< %n 2):bool
          %n
          else
          (+ (fib (- %n 1)) (fib (- %n 2))):num

A node that fits into a line stands on one with everything in it, any other has its parts below it, further in.  `%n` is a
local variable and `%n'2` another one of that name, everything else that looks like a name is global; what is known of a value
follows a colon; `tail` marks a call that takes the place of the function around it.  Loops that run as one are an `each` whose
items come `fused` from the loop below it.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.ir import nodes as ir
from rtfs.ir.scopes import used
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.values.printing import preview

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WIDTH = 100  # characters of a line, without its indentation
SHOWN = 40  # characters of a constant
_DEEPEST = 60  # levels that are indented; deeper ones have their number

_FLAT: dict[type, Callable[[Printer, Any], None]] = {}
_OPEN: dict[type, Callable[[Printer, Any, int], None]] = {}


def print_ir(unit: ir.Unit, *, spans: bool = False) -> str:
    """The unit's IR as readable text; `spans`: every line begins with the place, `line:column`, of the node it shows."""
    import rtfs.ir.case_texts
    import rtfs.ir.node_texts  # noqa: F401 - both register kinds of nodes

    printer = Printer(unit)
    printer.block(unit.top.body, 0)
    return printer.text(spans)


class TooLong(Exception):
    """What is being written does not fit, or needs lines of its own."""


def flat(kind: type) -> Callable[[Any], Any]:
    """Register how a node is written inside a line."""

    def register(function: Any) -> Any:
        _FLAT[kind] = function
        return function

    return register


def opened(kind: type) -> Callable[[Any], Any]:
    """Register how a node is written over several lines."""

    def register(function: Any) -> Any:
        _OPEN[kind] = function
        return function

    return register


class Printer:
    """One text. Lines are (depth, text, span)."""

    def __init__(self, unit: ir.Unit) -> None:
        self.unit = unit
        self.lines: list[tuple[int, str, Span | None]] = []
        self._names: dict[ir.Var, str] = {}
        self._taken: dict[str, int] = {}
        self._pieces: list[str] = []
        self._room = 0
        self._nested = False

    # --- lines ---

    def line(self, depth: int, text: str, span: Span | None = None) -> None:
        self.lines.append((depth, text, span))

    def block(self, node: ir.Node, depth: int) -> None:
        """A node on one line if it fits, else with its parts below it."""
        text = None if isinstance(node, ir.If) else self.short(node)
        if text is not None:
            self.line(depth, text, node.span)
        else:
            _OPEN.get(type(node), _open_any)(self, node, depth)

    def blocks(self, nodes: list[ir.Node], depth: int) -> None:
        for node in nodes:
            self.block(node, depth)

    def under(self, depth: int, head: str, value: ir.Node, span: Span | None) -> None:
        """`head value` on a line, or the value below the head."""
        text = self.short(value, nested=True)
        if text is not None:
            self.line(depth, f"{head} {text}", span)
        else:
            self.line(depth, head, span)
            self.block(value, depth + 1)

    def text(self, spans: bool) -> str:
        places = [_place(span) if spans else "" for _, _, span in self.lines]
        width = max([len(place) for place in places], default=0)
        out = []
        for (depth, text, _), place in zip(self.lines, places, strict=True):
            indent = "  " * depth if depth <= _DEEPEST else f"{'  ' * _DEEPEST}[{depth}] "
            out.append(f"{place:>{width}}  {indent}{text}" if spans else f"{indent}{text}")
        return "\n".join(out) + "\n"

    # --- inside a line ---

    def short(self, node: ir.Node, nested: bool = False) -> str | None:
        """A node on one line; None when it does not fit. `nested`: something stands around it, so it needs brackets."""
        outer = self._pieces, self._room, self._nested
        self._pieces, self._room, self._nested = [], _WIDTH, nested
        try:
            self.flat(node)
            return "".join(self._pieces)
        except TooLong:
            return None
        finally:
            self._pieces, self._room, self._nested = outer

    def put(self, text: str) -> None:
        self._room -= len(text)
        if self._room < 0:
            raise TooLong
        self._pieces.append(text)

    def flat(self, node: ir.Node) -> None:
        write = _FLAT.get(type(node))
        if write is None:
            raise TooLong
        write(self, node)

    def row(self, nodes: list[ir.Node], before: str = " ") -> None:
        """Operands, each with a blank before it."""
        for node in nodes:
            self.put(before)
            self.operand(node)
            before = " "

    def operand(self, node: ir.Node) -> None:
        outer, self._nested = self._nested, True
        self.flat(node)
        self._nested = outer

    def phrase(self, start: str, *nodes: ir.Node) -> None:
        """Words and operands, in brackets where something stands around them."""
        nested = self._nested
        self.put(f"({start}" if nested else start)
        self.row(list(nodes))
        if nested:
            self.put(")")

    # --- names ---

    def name(self, var: ir.Var) -> str:
        """`%x`, or `%x'2` when another variable of the unit is called so too."""
        found = self._names.get(var)
        if found is None:
            count = self._taken[var.name] = self._taken.get(var.name, 0) + 1
            found = self._names[var] = f"%{var.name}" if count == 1 else f"%{var.name}'{count}"
        return found

    def typed(self, var: ir.Var) -> str:
        """The name of a variable with what is known of its values."""
        return f"{self.name(var)}:{var.kind}" if var.kind else self.name(var)

    def names(self, variables: Any) -> str:
        return "".join(f" {self.name(var)}" for var in variables)

    # --- patterns ---

    def pattern(self, pattern: ast.Pattern) -> str:
        """A pattern as a program writes it, with variables for names."""
        if isinstance(pattern, ast.BindPattern):
            return self.bound(pattern.binding)
        if isinstance(pattern, ast.WildcardPattern):
            return "_"
        if isinstance(pattern, ast.LiteralPattern):
            return preview(pattern.value, SHOWN)
        if isinstance(pattern, ast.VectorPattern):
            parts = [self.pattern(item) for item in pattern.items]
            if pattern.rest is not None:
                parts += ["&", self.pattern(pattern.rest)]
            if pattern.whole is not None:
                parts += [":as", self.bound(pattern.whole)]
            return f"[{' '.join(parts)}]"
        if isinstance(pattern, ast.MapPattern):
            parts = [self._entry(entry) for entry in pattern.entries]
            if pattern.rest is not None:
                parts.append(f"& {self.bound(pattern.rest)}")
            if pattern.whole is not None:
                parts.append(f":as {self.bound(pattern.whole)}")
            return f"{{{' '.join(parts)}}}"
        if isinstance(pattern, ast.TypedPattern):
            inner = self.pattern(pattern.pattern)
            return str(pattern.type) if inner == "_" else f"(: {inner} {pattern.type})"
        if isinstance(pattern, ast.OrPattern):
            return f"({' | '.join([self.pattern(option) for option in pattern.options])})"
        if isinstance(pattern, ast.AsPattern):
            return f"({self.bound(pattern.binding)} @ {self.pattern(pattern.pattern)})"
        assert isinstance(pattern, ast.GuardPattern)
        return f"({self.pattern(pattern.pattern)} :when {self._inner(pattern.guard)})"

    def _entry(self, entry: ast.MapEntryPattern) -> str:
        text = f"{preview(entry.key, SHOWN)} {self.pattern(entry.pattern)}"
        return text if entry.default is None else f"{text} (or {self._inner(entry.default)})"

    def bound(self, binding: ast.Binding | ir.Var) -> str:
        """The variable of a binding."""
        return self.name(binding if isinstance(binding, ir.Var) else self.unit.vars[binding])

    def _inner(self, node: ast.Node) -> str:
        """What a node inside a pattern became."""
        return self.short(self.unit.nodes[id(node)], nested=True) or "…"


def _place(span: Span | None) -> str:
    return "" if span is None else "{}:{}".format(*span.source.position(span.start))


def _open_any(p: Printer, node: ir.Node, depth: int) -> None:
    """A node of a kind that nobody has thought of a text for."""
    p.line(depth, f"{type(node).__name__.lower()}{p.names(used(node))}", node.span)
    p.blocks(list(node.children()), depth + 1)
