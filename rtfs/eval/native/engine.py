"""LLVM, loaded when it is first needed: from the text of a module to a Python callable."""

from __future__ import annotations

import ctypes
import sys

from rtfs.eval.native.module import FLOAT_OFFSET, TYPE_OFFSET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_METH_FASTCALL = 0x0080

#: What LLVM does before it writes machine code.  Its own list for -O2 takes three times as long, and what it gives is no faster:
#: measured on fib, tak, mandelbrot and loops of integers and floats.
_PASSES = (
    *("always_inliner", "sroa", "simplify_cfg", "instruction_combine"),
    *("ipsccp", "jump_threading", "simplify_cfg", "instruction_combine", "simplify_cfg"),
    *("loop_rotate", "instruction_combine", "simplify_cfg"),
)


class _MethodDef(ctypes.Structure):
    """`PyMethodDef`"""

    _fields_ = (
        ("ml_name", ctypes.c_char_p),
        ("ml_meth", ctypes.c_void_p),
        ("ml_flags", ctypes.c_int),
        ("ml_doc", ctypes.c_char_p),
    )


class Code:
    """Machine code in memory; it is kept as long as the Python callable that runs it."""

    __slots__ = ("_engine", "_method", "calls")

    def __init__(self, engine: Any, name: str) -> None:
        self._engine = engine
        self._method = _MethodDef(name.encode(), engine.get_function_address("entry"), _METH_FASTCALL, None)
        #: how often it was called
        self.calls = ctypes.c_int64.from_address(engine.get_global_value_address("calls"))

    def callable(self) -> Any:
        """The C function as a Python function; it holds on to the code."""
        make = ctypes.pythonapi.PyCFunction_NewEx
        make.argtypes, make.restype = (ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p), ctypes.py_object
        return make(ctypes.addressof(self._method), self, None)


class Engine:
    """LLVM for the processor of this machine.

    Raises:
        ImportError: there is no llvmlite; OSError, RuntimeError: it cannot be used here.
    """

    def __init__(self) -> None:
        import llvmlite.binding as llvm

        self._llvm = llvm
        try:
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
        except RuntimeError:
            raise OSError("LLVM does not know this processor") from None
        self._target = llvm.Target.from_default_triple()
        self._cpu = llvm.get_host_cpu_name()
        try:
            self._features = llvm.get_host_cpu_features().flatten()
        except RuntimeError:
            self._features = ""

    def compile(self, text: str, name: str) -> Code:
        """
        Args:
            text: of a module (`module.module_text`).
            name: what the function is called in messages of Python's.
        """
        module, machine = self._optimised(text)
        engine = self._llvm.create_mcjit_compiler(module, machine)
        engine.finalize_object()
        return Code(engine, name)

    def assembly(self, text: str) -> str:
        """The machine code of a module as text, to be looked at."""
        module, machine = self._optimised(text)
        assembly: str = machine.emit_assembly(module)
        return assembly

    def _optimised(self, text: str) -> tuple[Any, Any]:
        """A module as LLVM has it, and the processor that it is for."""
        llvm = self._llvm
        module = llvm.parse_assembly(text)
        module.verify()
        machine = self._target.create_target_machine(cpu=self._cpu, features=self._features, opt=2)
        passes = llvm.create_new_module_pass_manager()
        for name in _PASSES:
            getattr(passes, f"add_{name}_pass")()
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        passes.run(module, llvm.create_pass_builder(machine, options))
        return module, machine


def layout_is_known() -> bool:
    """Whether objects lie in memory as the machine code takes them to."""
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    # sizes first: nothing is read that is not there
    if sys.getsizeof(1.5) < FLOAT_OFFSET + 8:
        return False
    types = all(ctypes.c_void_p.from_address(id(v) + TYPE_OFFSET).value == id(type(v)) for v in (1, 2**70, 1.5, True))
    return types and ctypes.c_double.from_address(id(1.5) + FLOAT_OFFSET).value == 1.5
