"""IR to LLVM: the machine code of one instance of a function.

A function takes its operands, the least address its stack may reach, and its *fuel*: how many calls and turns of loops until the
next poll.  It gives its value and the fuel that is left; a negative fuel says that the call is given up (`GIVEN_UP`), or that
Python has an exception for us (`RAISED`), and the caller passes that on.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.eval.native import arithmetic
from rtfs.eval.native.builder import FALSE, NO_VALUE, TRUE, TYPES, Builder, Value, integer
from rtfs.eval.native.infer import Inference, truth_of
from rtfs.eval.native.instances import Instance, parameter_kinds
from rtfs.eval.native.kinds import BOOL, INT, NEVER, NUM, annotation
from rtfs.eval.native.operators import operator
from rtfs.ir import nodes as ir
from rtfs.semantics.limits import MAX_RESULT_BYTES, RANGE_ITEM_BYTES
from rtfs.types.nodes import INT as INTEGER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What the code of a node is written by.
VALUES: dict[type, Callable[[Generator, Any], Value]] = {}

GIVEN_UP, RAISED = -1, -2
#: Calls and turns between two polls: a millisecond or so.
FUEL = 1 << 18
#: A longer range is an error, which the ordinary tier finds before the first turn.
_MAX_TURNS = MAX_RESULT_BYTES // RANGE_ITEM_BYTES

_RARE = ", !prof !0"
#: A function that calls itself is put inside itself once, if it is not larger than this: half the calls.
_SMALL = 80
#: One that calls nothing is put where it is called, if it is not larger than this.
_TINY = 40


def result_type(kind: str) -> str:
    """The type of what a function gives: value and fuel."""
    return "{" + ", ".join((*TYPES[kind], "i64")) + "}"


class Generator(Builder):
    """Generates one instance.

    Args:
        recursive: the instances that can call themselves, directly or not.
        inside: this is the copy that is put inside the function itself.
    """

    def __init__(self, inference: Inference, instance: Instance, recursive: set[Instance], inside: bool = False) -> None:
        super().__init__()
        self.inference = inference
        self.names = inference.names
        self.here = instance
        self.recursive = recursive
        self.inside = inside
        self.vars: dict[ir.Var, list[str]] = {}
        self.bound: dict[ir.Var, str] = {}  # of late variables: whether they have a value
        self.loops: dict[ir.Loop | ir.Fn, str] = {}
        self.fuel = ""

    def text(self) -> str:
        """The whole function."""
        instance = self.here
        self.fuel = self.slot("i64")
        self.do(f"store i64 %fuel, ptr {self.fuel}")
        if instance in self.recursive and not self.inside:
            self._look_around()
        operands = []
        for i, kind in enumerate(instance.kinds):
            operands.append([f"{t} %p{i}.{j}" for j, t in enumerate(TYPES[kind])])
        for i, var in enumerate(instance.fn.params):
            kind = instance.kinds[i]
            self.store_var(var, Value(kind, *[f"%p{i}.{j}" for j in range(len(TYPES[kind]))]))
        self.loops[instance.fn] = self.block()
        self.begin(self.loops[instance.fn])
        self.prepare(instance.fn)
        value = self.checked_result(instance.fn, self.value(instance.fn.body))
        if not self.done:
            self.leave(self.convert(value, instance.result))
        return self._function(", ".join([text for parts in operands for text in parts]))

    def _function(self, operands: str) -> str:
        type_ = result_type(self.here.result)
        name = self.symbol(self.here, self.inside)
        attributes = "#1" if self.inside or is_put_in_place(self.here) else "#0"
        head = f"define internal fastcc {type_} {name}({operands}{', ' if operands else ''}ptr %limit, i64 %fuel) {attributes} {{"
        ends = ["bail:", f"  store i64 {GIVEN_UP}, ptr {self.fuel}", "  br label %leave"] if self.bails else []
        count = len(TYPES[self.here.result])
        ends += [
            "leave:",
            f"  %left = load i64, ptr {self.fuel}",
            f"  %nothing = insertvalue {type_} undef, i64 %left, {count}",
            f"  ret {type_} %nothing",
        ]
        return "\n".join([head, "start:", *self.slots, *self.lines, *ends, "}"]) + "\n"

    def symbol(self, instance: Instance, inside: bool) -> str:
        return f'@"{_plain(instance.symbol)}{".inside" if inside else ""}"'

    def leave(self, value: Value) -> None:
        """The end of the function."""
        type_ = result_type(value.kind)
        made = "undef"
        for i, (t, part) in enumerate(zip(TYPES[value.kind], value.parts, strict=True)):
            made = self.op(f"insertvalue {type_} {made}, {t} {part}, {i}")
        fuel = self.op(f"load i64, ptr {self.fuel}")
        made = self.op(f"insertvalue {type_} {made}, i64 {fuel}, {len(value.parts)}")
        self.end(f"ret {type_} {made}")

    # --- interruptions ---

    def _look_around(self) -> None:
        """At the beginning of a call that can nest: is there stack, and is it time for a poll?"""
        stack = self.op("call ptr @llvm.stacksave.p0()")
        self.bail_if(self.op(f"icmp ult ptr {stack}, %limit"))
        self.burn()

    def burn(self) -> None:
        """Count one call or turn; poll when the fuel is used up."""
        left = self.op(f"sub i64 {self.op(f'load i64, ptr {self.fuel}')}, 1")
        self.do(f"store i64 {left}, ptr {self.fuel}")
        poll, on = self.block(), self.block()
        self.end(f"br i1 {self.op(f'icmp eq i64 {left}, 0')}, label %{poll}, label %{on}{_RARE}")
        self.begin(poll)
        self.do(f"store i64 {self.op('call i64 @poll()')}, ptr {self.fuel}")
        self._unless_given_up()
        self.begin(on)

    def _unless_given_up(self) -> None:
        on = self.block()
        left = self.op(f"load i64, ptr {self.fuel}")
        self.end(f"br i1 {self.op(f'icmp slt i64 {left}, 0')}, label %leave, label %{on}{_RARE}")
        self.begin(on)

    # --- variables ---

    def _slots(self, var: ir.Var) -> list[str]:
        found = self.vars.get(var)
        if found is None:
            kind = self.here.vars.get(var, NEVER)
            found = self.vars[var] = [self.slot(t) for t in TYPES.get(kind, ())]
        return found

    def store_var(self, var: ir.Var, value: Value) -> None:
        if value.kind == NEVER:
            return
        kind = self.here.vars[var]
        if kind in TYPES:
            self.store(self.convert(value, kind), self._slots(var))
        if var.late:
            self.do(f"store i1 true, ptr {self._bound(var)}")

    def load_var(self, var: ir.Var) -> Value:
        kind = self.here.vars.get(var, NEVER)
        if kind == NEVER:  # read before anything was stored
            return self.bail()
        return self.load(kind, self._slots(var)) if kind in TYPES else Value(kind)

    def unbind(self, var: ir.Var) -> None:
        """The beginning of a scope: a variable that is read late has no value yet."""
        if var.late:
            self.do(f"store i1 false, ptr {self._bound(var)}")

    def unless_bound(self, var: ir.Var) -> None:
        """Out where the variable has no value yet."""
        self.bail_if(self.op(f"xor i1 {self.op(f'load i1, ptr {self._bound(var)}')}, true"))

    def _bound(self, var: ir.Var) -> str:
        found = self.bound.get(var)
        if found is None:
            found = self.bound[var] = self.slot("i1")
            self.slots.append(f"  store i1 false, ptr {found}")
        return found

    # --- nodes ---

    def value(self, node: ir.Node) -> Value:
        """The code of a node; gives its value."""
        return VALUES[type(node)](self, node)

    def values(self, nodes: list[ir.Node]) -> list[Value]:
        return [self.value(node) for node in nodes]

    def truth(self, node: ir.Node) -> str:
        """Whether a node's value is neither nil nor false."""
        known = truth_of(node)
        if known is not None:
            return "true" if known else "false"
        if isinstance(node, ir.Logic):
            return self._all(node.items) if node.conjunction else self._any(node.items)
        held = arithmetic.truth(self, self.value(node))
        return held.only if held.parts else "false"

    def _all(self, items: list[ir.Node]) -> str:
        first = self.truth(items[0])
        if len(items) == 1:
            return first
        return self.choose(first, lambda: Value(BOOL, self._all(items[1:])), lambda: FALSE, BOOL).only

    def _any(self, items: list[ir.Node]) -> str:
        first = self.truth(items[0])
        if len(items) == 1:
            return first
        return self.choose(first, lambda: TRUE, lambda: Value(BOOL, self._any(items[1:])), BOOL).only

    def check(self, value: Value, type_: Any) -> Value:
        """A value after the check of an annotation."""
        if annotation(type_) == INT and value.kind == NUM:
            tag, bits = value.parts
            self.bail_if(self.op(f"xor i1 {tag}, true"))
            return Value(INT, bits)
        return value

    def check_integer(self, value: Value) -> Value:
        return self.check(value, INTEGER)

    def prepare(self, fn: ir.Fn) -> None:
        """The beginning of a body; the checks of parameters were made by whoever gave the operands."""
        for node in fn.prepare:
            if isinstance(node, ir.Blank):
                self.value(node)

    def checked_result(self, fn: ir.Fn, value: Value) -> Value:
        assert fn.ast is not None
        return value if fn.ast.result is None else self.check(value, fn.ast.result)

    def checked_operands(self, fn: ir.Fn, values: list[Value]) -> list[Value]:
        assert fn.ast is not None
        return [self.check(value, p.type) for value, p in zip(values, fn.ast.params, strict=True)]

    def restart(self, fn: ir.Fn, values: list[Value]) -> Value:
        """Start the function around again."""
        if any(value.kind == NEVER for value in values):
            return NO_VALUE
        for var, value in zip(fn.params, self.checked_operands(fn, values), strict=True):
            self.store_var(var, value)
        self.burn()
        self.jump(self.loops[fn])
        return NO_VALUE

    def applied(self, function: ir.Node, values: list[Value]) -> Value:
        """A call with operands that are worked out already."""
        if any(value.kind == NEVER for value in values):
            return NO_VALUE
        if isinstance(function, ir.Fn):
            for var, value in zip(function.params, self.checked_operands(function, values), strict=True):
                self.store_var(var, value)
            self.prepare(function)
            return self.checked_result(function, self.value(function.body))
        assert isinstance(function, ir.GlobalGet)
        builtin = self.names.builtin(function.name)
        if builtin is not None:
            return operator(builtin, len(values)).apply(self, values)
        unit, fn = self.names.function(function.name)
        kinds = parameter_kinds(fn, [value.kind for value in values])
        return self._call(self.inference.instance(unit, fn, kinds), self.checked_operands(fn, values))

    def _call(self, instance: Instance, values: list[Value]) -> Value:
        operands = [f"{t} {part}" for value in values for t, part in zip(TYPES[value.kind], value.parts, strict=True)]
        fuel = self.op(f"load i64, ptr {self.fuel}")
        inside = not self.inside and instance is self.here and puts_inside(instance)
        type_ = result_type(instance.result)
        target = self.symbol(instance, inside)
        made = self.op(f"call fastcc {type_} {target}({', '.join([*operands, 'ptr %limit', f'i64 {fuel}'])})")
        parts = TYPES[instance.result]
        self.do(f"store i64 {self.op(f'extractvalue {type_} {made}, {len(parts)}')}, ptr {self.fuel}")
        self._unless_given_up()
        return Value(instance.result, *[self.op(f"extractvalue {type_} {made}, {i}") for i in range(len(parts))])

    # --- ranges ---

    def each_of_range(self, bounds: list[ir.Node], turn: Callable[[Value], None]) -> None:
        """Go through `(range …)`; `turn` writes the code for one integer."""
        operands = [self.check_integer(value) for value in self.values(bounds)]
        if any(value.kind == NEVER for value in operands):
            return
        start, end = (integer(0), operands[0]) if len(operands) == 1 else (operands[0], operands[1])
        step = operands[2] if len(operands) == 3 else integer(1)
        self.bail_if("false" if step.only == "1" else self.op(f"icmp eq i64 {step.only}, 0"))
        at, turns = self.slot("i64"), self.slot("i64")
        self.do(f"store i64 {start.only}, ptr {at}")
        self.do(f"store i64 0, ptr {turns}")
        test, body, after = self.block(), self.block(), self.block()
        self.begin(test)
        here = self.op(f"load i64, ptr {at}")
        more = self.op(f"icmp slt i64 {here}, {end.only}")
        if step.only != "1":
            down = self.op(f"icmp sgt i64 {here}, {end.only}")
            rises = self.op(f"icmp sgt i64 {step.only}, 0")
            more = self.op(f"select i1 {rises}, i1 {more}, i1 {down}")
        self.branch(more, body, after)
        self.begin(body)
        count = self.op(f"load i64, ptr {turns}")
        self.bail_if(self.op(f"icmp uge i64 {count}, {_MAX_TURNS}"))
        self.do(f"store i64 {self.op(f'add i64 {count}, 1')}, ptr {turns}")
        turn(Value(INT, here))
        if not self.done:
            self.burn()
            pair = self.op(f"call {{i64, i1}} @llvm.sadd.with.overflow.i64(i64 {here}, i64 {step.only})")
            self.do(f"store i64 {self.op(f'extractvalue {{i64, i1}} {pair}, 0')}, ptr {at}")
            self.branch(self.op(f"extractvalue {{i64, i1}} {pair}, 1"), after, test)  # nothing is beyond 64 bits but the end
        self.begin(after)


def puts_inside(instance: Instance) -> bool:
    """Whether a copy of a function is put where it calls itself."""
    return instance in instance.calls and instance.size <= _SMALL


def is_put_in_place(instance: Instance) -> bool:
    """Whether a copy of a function is put wherever it is called."""
    return not instance.calls and instance.size <= _TINY


def _plain(symbol: str) -> str:
    """A function's name as LLVM takes it between quotes."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-.?!*<>=+/") else "_" for c in symbol)
