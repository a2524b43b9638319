"""LLVM assembly as text: what the code of one function is written in.

Text, and not `llvmlite.ir`: making it costs a tenth of the time, and it can be read.
"""

from __future__ import annotations

import struct

from rtfs.eval.native.kinds import BOOL, FLOAT, INT, MIXED, NEVER, NIL, NUM, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: The types of the registers that hold a value; a `num` is a tag, true for an integer, and the bits.
TYPES = {INT: ("i64",), FLOAT: ("double",), BOOL: ("i1",), NUM: ("i1", "i64")}

_RARE = ", !prof !0"


class Value:
    """A value in registers.

    Attributes:
        parts: registers or constants, one for each of `TYPES[kind]`; none for a kind that has no bits.
    """

    __slots__ = ("kind", "parts")

    def __init__(self, kind: str, *parts: str) -> None:
        self.kind = kind
        self.parts = parts

    @property
    def only(self) -> str:
        """The register of a value that has one."""
        (part,) = self.parts
        return part


NOTHING = Value(NIL)
NO_VALUE = Value(NEVER)
TRUE, FALSE = Value(BOOL, "true"), Value(BOOL, "false")


def integer(value: int) -> Value:
    return Value(INT, str(value))


def double(value: float) -> Value:
    return Value(FLOAT, double_text(value))


def double_text(value: float) -> str:
    """A literal double by its bits: no rounding, and NaN and infinity are nothing special."""
    return f"0x{struct.unpack('>Q', struct.pack('>d', value))[0]:016X}"


class Builder:
    """The instructions of one function.

    Attributes:
        label: of the block that is being written.
        done: it ends with a jump; what follows cannot be reached until the next label.
        bails: something jumps to `%bail`, where the call is given up.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.slots: list[str] = []
        self.label = "start"
        self.done = False
        self.bails = False
        self._count = 0

    # --- instructions ---

    def fresh(self) -> str:
        self._count += 1
        return f"%t{self._count}"

    def do(self, text: str) -> None:
        """An instruction without a result."""
        if self.done:
            self.begin(self.block())
        self.lines.append(f"  {text}")

    def op(self, text: str) -> str:
        """An instruction; gives the register of its result."""
        name = self.fresh()
        self.do(f"{name} = {text}")
        return name

    def slot(self, type_: str) -> str:
        """Memory of the function's frame, which LLVM turns into registers."""
        name = self.fresh()
        self.slots.append(f"  {name} = alloca {type_}")
        return name

    # --- blocks ---

    def block(self) -> str:
        """A new label."""
        self._count += 1
        return f"b{self._count}"

    def begin(self, label: str) -> None:
        """Write the block `label` from here on; it is reached from the one before unless that has ended."""
        if not self.done:
            self.lines.append(f"  br label %{label}")
        self.lines.append(f"{label}:")
        self.label = label
        self.done = False

    def end(self, text: str) -> None:
        """The last instruction of a block."""
        self.do(text)
        self.done = True

    def jump(self, label: str) -> None:
        self.end(f"br label %{label}")

    def branch(self, test: str, then: str, otherwise: str) -> None:
        self.end(f"br i1 {test}, label %{then}, label %{otherwise}")

    def bail_if(self, test: str) -> None:
        """Give the call up where the test holds."""
        if test == "false":
            return
        self.bails = True
        going_on = self.block()
        self.end(f"br i1 {test}, label %bail, label %{going_on}{_RARE}")
        self.begin(going_on)

    def bail(self) -> Value:
        """Give the call up."""
        self.bails = True
        self.jump("bail")
        return NO_VALUE

    # --- values ---

    def convert(self, value: Value, kind: str) -> Value:
        """The same value as one of a kind that includes its own."""
        if value.kind == kind or kind == MIXED:
            return value if kind != MIXED else Value(MIXED)
        if value.kind == NEVER:
            return Value(kind, *["undef" for _ in TYPES.get(kind, ())])
        if kind == NUM and value.kind == INT:
            return Value(NUM, "true", value.only)
        if kind == NUM and value.kind == FLOAT:
            return Value(NUM, "false", self.op(f"bitcast double {value.only} to i64"))
        raise Unsupported(f"{value.kind} as {kind}")

    def choose(self, test: str, then: Callable[[], Value], otherwise: Callable[[], Value], kind: str) -> Value:
        """One of two values, each worked out only where it is wanted."""
        if test in ("true", "false"):
            return self.convert(then() if test == "true" else otherwise(), kind)
        labels = (self.block(), self.block())
        after = self.block()
        self.branch(test, *labels)
        arms: list[tuple[Value, str]] = []
        for label, work in zip(labels, (then, otherwise), strict=True):
            self.begin(label)
            value = work()
            if not self.done:
                value = self.convert(value, kind)
                arms.append((value, self.label))
                self.jump(after)
        if not arms:
            return NO_VALUE
        self.begin(after)
        if len(arms) == 1:
            return arms[0][0]
        types = TYPES.get(kind, ())
        return Value(kind, *[self._phi(t, [(value.parts[i], label) for value, label in arms]) for i, t in enumerate(types)])

    def _phi(self, type_: str, arms: list[tuple[str, str]]) -> str:
        if arms[0][0] == arms[1][0]:
            return arms[0][0]
        return self.op(f"phi {type_} " + ", ".join(f"[ {register}, %{label} ]" for register, label in arms))

    def store(self, value: Value, slots: list[str]) -> None:
        for type_, part, slot in zip(TYPES[value.kind], value.parts, slots, strict=True):
            self.do(f"store {type_} {part}, ptr {slot}")

    def load(self, kind: str, slots: list[str]) -> Value:
        return Value(kind, *[self.op(f"load {t}, ptr {slot}") for t, slot in zip(TYPES[kind], slots, strict=True)])

    def split(self, value: Value, work: Callable[[Value], Value], kind: str) -> Value:
        """Go on separately for an integer and a float where a value is only known to be one of them."""
        if value.kind != NUM:
            return work(value)
        tag, bits = value.parts
        return self.choose(tag, lambda: work(Value(INT, bits)), lambda: work(self.as_double(bits)), kind)

    def as_double(self, bits: str) -> Value:
        return Value(FLOAT, self.op(f"bitcast i64 {bits} to double"))

    def to_float(self, value: Value) -> str:
        """A number as a double, rounded as Python rounds an integer."""
        if value.kind == FLOAT:
            return value.only
        if value.kind == INT:
            return self.op(f"sitofp i64 {value.only} to double")
        tag, bits = value.parts
        whole, real = self.op(f"sitofp i64 {bits} to double"), self.as_double(bits).only
        return self.op(f"select i1 {tag}, double {whole}, double {real}")
