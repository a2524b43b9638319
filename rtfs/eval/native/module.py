"""The LLVM module of one function: all instances it needs, and the C function that Python calls.

That function is written against Python's C interface (`METH_FASTCALL`): it takes the operands out of their objects, calls the
machine code and makes an object of the result.  Measured: 6 ns a call, where `ctypes` takes 110 to 140.
"""

from __future__ import annotations

from _thread import stack_size

from rtfs.eval.native.arithmetic import DECLARATIONS
from rtfs.eval.native.builder import TYPES
from rtfs.eval.native.generate import FUEL, RAISED, Generator, puts_inside, result_type
from rtfs.eval.native.infer import Inference
from rtfs.eval.native.instances import Instance, reachable
from rtfs.eval.native.kinds import BOOL, FLOAT, INT
from rtfs.eval.native.signals import BAILED, UNFIT
from rtfs.eval.native.symbols import python_function, python_object

#: How much of the C stack machine code may use.  A thread has 8 MiB, or 512 KiB at the least, unless the host has asked for less;
#: what needs more than this is left to the ordinary tier, whose frames are on the heap.  At 16 bytes a call and more, no recursion
#: gets deeper here than the limit of depth under which this tier is used.
_STACK_BYTES = 256 * 1024

#: Where CPython keeps the type of an object, and the value of a float, on 64-bit platforms; `engine` checks that it is so.
TYPE_OFFSET, FLOAT_OFFSET = 8, 16


def module_text(inference: Inference, root: Instance) -> str:
    """The whole module; its function `entry` is the C function, its variable `calls` counts the calls of it."""
    import rtfs.eval.native.forms  # noqa: F401 - registers the code of nodes

    instances = reachable(root)
    recursive = {instance for instance in instances if any(instance in reachable(callee) for callee in instance.calls)}
    parts = [_HEAD.format(**_functions()), DECLARATIONS]
    for instance in instances:
        parts.append(Generator(inference, instance, recursive).text())
        if puts_inside(instance):
            parts.append(Generator(inference, instance, recursive, inside=True).text())
    parts += [_entry(root, Generator(inference, root, recursive).symbol(root, False)), _TAIL]
    return "\n".join(parts)


def _stack_bytes() -> int:
    size = stack_size()  # of new threads; 0 unless somebody has set it
    return min(_STACK_BYTES, size // 4) if size else _STACK_BYTES


def _pause() -> None:
    """At the beginning of a function CPython does what is due: handlers of signals, so that control-C raises KeyboardInterrupt,
    and a turn for a thread that has waited for the switch interval.

    To let go of the lock and take it again at each poll would be no turn for anybody: who waits is woken too late to get it, and
    waits anew, so that its time is never over.
    """


def _functions() -> dict[str, str]:
    names = ("PyObject_CallNoArgs", "Py_DecRef")
    return {**{name: python_function(name) for name in names}, "pause": python_object(_pause)}


_HEAD = f"""\
@calls = global i64 0
declare ptr @llvm.stacksave.p0()

define internal i64 @poll() #2 {{{{
  %none = call ptr {{PyObject_CallNoArgs}}(ptr {{pause}})
  %failed = icmp eq ptr %none, null
  br i1 %failed, label %raised, label %good
raised:
  ret i64 {RAISED}
good:
  call void {{Py_DecRef}}(ptr %none)
  ret i64 {FUEL}
}}}}
"""

# Tail calls, and recursion turned into loops, would allow a depth at which the ordinary tier reports its limit.
_TAIL = """\
attributes #0 = { nounwind "disable-tail-calls"="true" }
attributes #1 = { nounwind alwaysinline "disable-tail-calls"="true" }
attributes #2 = { nounwind noinline cold }
!0 = !{!"branch_weights", i32 1, i32 100000}
"""


class _Entry:
    """Writes the C function."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._count = 0

    def op(self, text: str) -> str:
        self._count += 1
        self.lines.append(f"  %e{self._count} = {text}")
        return f"%e{self._count}"

    def unless(self, test: str, where: str) -> None:
        """Go on only where the test holds."""
        self._count += 1
        self.lines += [f"  br i1 {test}, label %go{self._count}, label %{where}, !prof !1", f"go{self._count}:"]

    def take(self, i: int, kind: str) -> list[str]:
        """Operand `i` as registers; the call goes back to Python where it is no such value."""
        pointer = self.op(f"getelementptr ptr, ptr %args, i64 {i}")
        thing = self.op(f"load ptr, ptr {pointer}")
        if kind == BOOL:
            true = self.op(f"icmp eq ptr {thing}, {python_object(True)}")
            false = self.op(f"icmp eq ptr {thing}, {python_object(False)}")
            self.unless(self.op(f"or i1 {true}, {false}"), "unfit")
            return [f"i1 {true}"]
        type_ = self.op(f"load ptr, ptr {self.op(f'getelementptr i8, ptr {thing}, i64 {TYPE_OFFSET}')}")
        if kind == FLOAT:
            self.unless(self.op(f"icmp eq ptr {type_}, {python_object(float)}"), "unfit")
            return [f"double {self._float(thing)}"]
        if kind == INT:
            self.unless(self.op(f"icmp eq ptr {type_}, {python_object(int)}"), "unfit")
            return [f"i64 {self._integer(thing)}"]
        return self._number(thing, type_)

    def _number(self, thing: str, type_: str) -> list[str]:
        is_int = self.op(f"icmp eq ptr {type_}, {python_object(int)}")
        self._count += 1
        n = self._count
        self.lines += [f"  br i1 {is_int}, label %int{n}, label %other{n}", f"other{n}:"]
        self.unless(self.op(f"icmp eq ptr {type_}, {python_object(float)}"), "unfit")
        bits = self.op(f"bitcast double {self._float(thing)} to i64")
        from_float = f"from.float{n}"
        self.lines += [f"  br label %{from_float}", f"{from_float}:", f"  br label %both{n}", f"int{n}:"]
        whole = self._integer(thing)
        from_int = f"from.int{n}"
        self.lines += [f"  br label %{from_int}", f"{from_int}:", f"  br label %both{n}", f"both{n}:"]
        tag = self.op(f"phi i1 [ false, %{from_float} ], [ true, %{from_int} ]")
        return [f"i1 {tag}", f"i64 {self.op(f'phi i64 [ {bits}, %{from_float} ], [ {whole}, %{from_int} ]')}"]

    def _float(self, thing: str) -> str:
        return self.op(f"load double, ptr {self.op(f'getelementptr i8, ptr {thing}, i64 {FLOAT_OFFSET}')}")

    def _integer(self, thing: str) -> str:
        value = self.op(f"call i64 {python_function('PyLong_AsLongLongAndOverflow')}(ptr {thing}, ptr %over)")
        over = self.op("load i32, ptr %over")
        self.unless(self.op(f"icmp eq i32 {over}, 0"), "unfit")
        return value

    def give(self, kind: str, parts: list[str]) -> None:
        """Return a value as an object."""
        if kind == INT:
            made = self.op(f"call ptr {python_function('PyLong_FromLongLong')}(i64 {parts[0]})")
        elif kind == FLOAT:
            made = self.op(f"call ptr {python_function('PyFloat_FromDouble')}(double {parts[0]})")
        elif kind == BOOL:
            made = self.op(f"select i1 {parts[0]}, ptr {python_object(True)}, ptr {python_object(False)}")
            self.lines.append(f"  call void {python_function('Py_IncRef')}(ptr {made})")
        else:
            self.lines += [f"  br i1 {parts[0]}, label %give.int, label %give.float", "give.int:"]
            self.give(INT, [parts[1]])
            self.lines.append("give.float:")
            self.give(FLOAT, [self.op(f"bitcast i64 {parts[1]} to double")])
            return
        self.lines.append(f"  ret ptr {made}")


def _entry(root: Instance, symbol: str) -> str:
    e = _Entry()
    count = e.op("load i64, ptr @calls")
    e.lines.append(f"  store i64 {e.op(f'add i64 {count}, 1')}, ptr @calls")
    operands = [part for i, kind in enumerate(root.kinds) for part in e.take(i, kind)]
    limit = e.op(f"getelementptr i8, ptr {e.op('call ptr @llvm.stacksave.p0()')}, i64 {-_stack_bytes()}")
    type_ = result_type(root.result)
    made = e.op(f"call fastcc {type_} {symbol}({', '.join([*operands, f'ptr {limit}', f'i64 {FUEL}'])})")
    parts = TYPES[root.result]
    fuel = e.op(f"extractvalue {type_} {made}, {len(parts)}")
    e.unless(e.op(f"icmp sge i64 {fuel}, 0"), "ended")
    e.give(root.result, [e.op(f"extractvalue {type_} {made}, {i}") for i in range(len(parts))])
    return "\n".join([
        "define ptr @entry(ptr %self, ptr %args, i64 %count) #0 {",
        "start:",
        "  %over = alloca i32",
        *e.lines,
        "ended:",
        f"  %raised = icmp eq i64 {fuel}, {RAISED}",
        "  br i1 %raised, label %failed, label %bailed",
        "failed:",
        "  ret ptr null",
        "bailed:",
        f"  call void {python_function('Py_IncRef')}(ptr {python_object(BAILED)})",
        f"  ret ptr {python_object(BAILED)}",
        "unfit:",
        f"  call void {python_function('Py_IncRef')}(ptr {python_object(UNFIT)})",
        f"  ret ptr {python_object(UNFIT)}",
        "}",
        "!1 = !{!\"branch_weights\", i32 100000, i32 1}",
    ]) + "\n"  # fmt: skip
