"""Machine code in tests: of one function at once, without waiting for it to get hot."""

from __future__ import annotations

import io
from typing import Any

from rtfs.eval.native.engine import Engine
from rtfs.eval.native.infer import Inference
from rtfs.eval.native.module import module_text
from rtfs.eval.native.names import Names
from rtfs.runtime import Runtime

_engines: list[Engine] = []


def engine() -> Engine:
    if not _engines:
        _engines.append(Engine())
    return _engines[0]


def runtime(**options: Any) -> Runtime:
    out = io.StringIO()
    return Runtime(strategy="ir", models=None, stdout=out, stderr=out, environ={}, module_path=[], **options)


def inferred(definitions: str, name: str, *kinds: str) -> Any:
    """The root instance of a function for operands of these kinds, and its inference."""
    program = runtime(native=False)
    program.run(definitions)
    names = Names(program.namespace)
    inference = Inference(names)
    spec = program.namespace.values[name].spec
    return inference.run(*names.lowered(spec), list(kinds)), inference


def machine_code(definitions: str, name: str, *kinds: str) -> Any:
    """The C function of a function: it gives a value, `signals.UNFIT` or `signals.BAILED`."""
    root, inference = inferred(definitions, name, *kinds)
    return engine().compile(module_text(inference, root), name).callable()


def candidate(program: Runtime, name: str) -> Any:
    """The tier's record of a function, None when it has none."""
    native = program.namespace.linker._native if program.namespace.linker is not None else None
    return native._candidates.get(name) if native is not None else None


def stage(program: Runtime, name: str) -> str:
    """`ordinary`, `cold`, `hot` or `dropped`."""
    found = candidate(program, name)
    if found is None:
        return "ordinary"
    return "dropped" if found.off else "hot" if found.code is not None else "cold"
