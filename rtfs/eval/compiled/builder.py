"""Python `ast` nodes with positions: what the code generator is written in."""

from __future__ import annotations

import ast as py
from collections.abc import Callable

from rtfs.eval.compiled.places import Place, Places
from rtfs.eval.compiled.support import COMPARED, NAMES
from rtfs.source import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

_LOAD, _STORE = py.Load(), py.Store()
_CODE_TYPE = type((lambda: None).__code__)
#: What the name of a constant begins with, in code that is not finished.
SENTINEL = "\0rtfs "

Position = tuple[int, int, int, int]


def is_const(value: Any) -> bool:
    """Whether an expression is a constant; those that Python has no literals for are formatted strings of one part."""
    if isinstance(value, py.JoinedStr):
        return len(value.values) == 1 and isinstance(value.values[0], py.Constant)
    return isinstance(value, py.Constant)


class Builder:
    """Makes nodes at the position `at`, and keeps the constants and places of one unit."""

    def __init__(self) -> None:
        self.at: Position = (1, 0, 1, 0)
        self.block: list[py.stmt] = []
        self.places: dict[Position, Place] = {}
        self.constants: list[Any] = []
        self._names: dict[int, str] = {}
        self._temps = 0
        self.inlined: Place | None = None  # where the function is called whose body is being put in place
        self.functions: dict[str, tuple[str, Any]] = {}  # co_name -> RTFS name and `fn` of a function

    # --- positions ---

    def position(self, span: Span | None) -> Position:
        if self.inlined is not None:
            return self.place(None, (), "", self._corners(span))
        return self._corners(span)

    def _corners(self, span: Span | None) -> Position:
        if span is None:
            return self.at
        line, column = span.source.position(span.start)
        end_line, end_column = span.source.position(span.end)
        return (line, column - 1, end_line, end_column - 1)

    def place(self, span: Span | None, args: tuple[Span | None, ...], name: str, position: Position | None = None) -> Position:
        """A position that stands for a call; made different from others where two calls have the same span."""
        if position is None:
            position = self._corners(span) if span is not None else (1, 0, 1, 0)
        while True:
            found = self.places.get(position)
            if found is None:
                self.places[position] = Place(span, args, name, self.inlined)
                return position
            if found.span is span and found.args == args and found.inlined is self.inlined:
                return position
            position = (*position[:3], position[3] + 1000)

    def put(self, node: Any) -> Any:
        node.lineno, node.col_offset, node.end_lineno, node.end_col_offset = self.at
        return node

    # --- expressions ---

    def load(self, name: str) -> Any:
        return self.put(py.Name(name, _LOAD))

    def store(self, name: str) -> Any:
        return self.put(py.Name(name, _STORE))

    def call(self, name: str, *args: Any) -> Any:
        """A call of a helper."""
        return self.put(py.Call(self.load(name), list(args), []))

    def apply(self, function: Any, args: list[Any]) -> Any:
        return self.put(py.Call(function, args, []))

    def const(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind is bool or kind is int or kind is float:
            return self.put(py.Constant(value))
        if kind is str and not value.startswith(SENTINEL):
            return self.put(py.Constant(value))
        name = self._names.get(id(value))
        if name is None:
            name = self._names[id(value)] = f"{SENTINEL}{len(self.constants)}"
            self.constants.append(value)
        # as a formatted string of one part: compiled to a plain constant, and left alone by Python's own folding and warnings
        return self.put(py.JoinedStr([self.put(py.Constant(name))]))

    def attribute(self, value: Any, name: str) -> Any:
        return self.put(py.Attribute(value, name, _LOAD))

    def item(self, value: Any, index: Any) -> Any:
        return self.put(py.Subscript(value, index, _LOAD))

    def list_of(self, items: list[Any]) -> Any:
        return self.put(py.List(items, _LOAD))

    def walrus(self, name: str, value: Any) -> Any:
        return self.put(py.NamedExpr(self.store(name), value))

    def compare(self, a: Any, op: py.cmpop, b: Any) -> Any:
        return self.put(py.Compare(a, [op], [b]))

    def is_(self, a: Any, b: Any) -> Any:
        return self.compare(self._unfolded(a), py.Is(), self._compared(b))

    def is_not(self, a: Any, b: Any) -> Any:
        return self.compare(self._unfolded(a), py.IsNot(), self._compared(b))

    def _compared(self, value: Any) -> Any:
        """A name of `support` that things are compared with as a constant, which takes no look-up."""
        return self.const(NAMES[value.id]) if type(value) is py.Name and value.id in COMPARED else value

    def _unfolded(self, value: Any) -> Any:
        """Python warns of `is` with a number, also with one that it has worked out itself."""
        return self.call(" same", value) if isinstance(value, (py.BinOp, py.UnaryOp, py.Constant)) else value

    def both(self, *items: Any) -> Any:
        flat: list[Any] = []
        for item in items:
            flat += item.values if isinstance(item, py.BoolOp) and isinstance(item.op, py.And) else [item]
        return flat[0] if len(flat) == 1 else self.put(py.BoolOp(py.And(), flat))

    def either(self, *items: Any) -> Any:
        return items[0] if len(items) == 1 else self.put(py.BoolOp(py.Or(), list(items)))

    def negated(self, item: Any) -> Any:
        return self.put(py.UnaryOp(py.Not(), item))

    def choose(self, test: Any, then: Any, otherwise: Any) -> Any:
        return self.put(py.IfExp(test, then, otherwise))

    def binary(self, a: Any, op: py.operator, b: Any) -> Any:
        return self.put(py.BinOp(a, op, b))

    def of_type(self, value: Any, name: str) -> Any:
        """`type(value) is name`, for a value that nearly always has the same type at this place.

        Every value of a program says its true class.  Where its type stays the same, Python (from 3.11 on) reads `__class__` as it
        reads a slot: 3 ns, and 6 for `type(…)`; with another type at each turn 10.
        """
        return self.is_(self.attribute(value, "__class__"), self.load(name))

    def not_of_type(self, value: Any, name: str) -> Any:
        return self.is_not(self.attribute(value, "__class__"), self.load(name))

    # --- statements ---

    def add(self, statement: Any) -> None:
        self.block.append(self.put(statement))

    def assign(self, name: str, value: Any) -> None:
        self.add(py.Assign([self.store(name)], value))

    def do(self, value: Any) -> None:
        """Evaluate for effect."""
        if isinstance(value, py.Name) and not value.id.endswith(" ="):
            return
        if not is_const(value):
            self.add(py.Expr(value))

    def inside(self, work: Any) -> list[py.stmt]:
        """The statements that `work` adds."""
        outer, self.block = self.block, []
        try:
            work()
            return self.block
        finally:
            self.block = outer

    def when(self, test: Any, then: list[Any], otherwise: list[Any] | None = None) -> None:
        if not then and not otherwise:
            self.do(test)
            return
        self.add(py.If(test, then or [self.put(py.Pass())], otherwise or []))

    def temp(self) -> str:
        self._temps += 1
        return f"t {self._temps}"

    def one_of(self, first: Callable[[], None], second: Callable[[], None]) -> tuple[list[Any], list[Any]]:
        """The statements that two functions add, of which only one will be run: both use the same temporary variables.

        A call of a function takes time for each of its variables.
        """
        begun = self._temps
        made = self.inside(first)
        self._temps, ended = begun, self._temps
        other = self.inside(second)
        self._temps = max(self._temps, ended)
        return made, other

    # --- the end ---

    def finish(self, code: CodeType) -> CodeType:
        """The code with its constants and places in it."""
        constants = [self._constant(constant) for constant in code.co_consts]
        label, spec = self.functions.get(code.co_name, (None, None))
        places = self.places
        constants.append(Places(lambda: places, label, spec))
        return code.replace(co_consts=tuple(constants))

    def _constant(self, constant: Any) -> Any:
        if type(constant) is str and constant.startswith(SENTINEL):
            return self.constants[int(constant[len(SENTINEL) :])]
        if type(constant) is tuple:  # Python folds tuples of constants
            return tuple([self._constant(item) for item in constant])
        return self.finish(constant) if type(constant) is _CODE_TYPE else constant
