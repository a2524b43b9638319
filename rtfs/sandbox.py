"""Where code of strangers runs, published or written by a model: a runtime that reaches nothing, with little time and memory."""

from __future__ import annotations

from collections.abc import Callable

from rtfs.config import Limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    #: A function that takes and gives RTFS values.
    Run = Callable[[tuple[Any, ...]], Any]

#: What such code may use up in one call.
SANDBOX = Limits(max_depth=2_000, max_steps=2_000_000, timeout_s=1.0, max_memory_bytes=2**28)
#: What it may take to analyse a program of strangers.
READING = Limits(timeout_s=5.0, max_memory_bytes=2**29)
#: Calls of a function after which it is compiled.
WALKED = 20


def with_nothing(limits: Limits) -> dict[str, Any]:
    """Settings of a `runtime.Runtime`: no capabilities, no models, no files, no environment."""
    from io import StringIO

    from rtfs.errors import ConfigError
    from rtfs.semantics.memory import resident_reader

    try:
        resident_reader()
    except ConfigError:  # memory cannot be limited on this platform
        limits = limits.replace(max_memory_bytes=None)
    nowhere = StringIO()
    return {
        "native": False,
        "deny": ("*",),
        "limits": limits,
        "models": None,
        "module_path": (),
        "stdout": nowhere,
        "stderr": nowhere,
        "environ": {},
        "on_warning": lambda message, span: None,
        "profile": "strict",
    }


def walked_first(prepare: Callable[[str], Run], strategy: str) -> Run:
    """A function whose first calls walk the program, since to compile it takes longer than they do.

    Args:
        prepare: makes the function for a strategy.
    """
    run = prepare("tree")
    calls = 0

    def call(args: tuple[Any, ...]) -> Any:
        nonlocal run, calls
        calls += 1
        if calls == WALKED and strategy != "tree":
            run = prepare(strategy)
        return run(args)

    return call
