"""The passes over the IR, in order, and what they report.

A pass is a function `run(unit, facts) -> Counts` in a module of `rtfs.ir.passes`: it rewrites the unit in place and tells what it
did, `{"what": how often}`.  After each pass that did something, what follows from where nodes stand is worked out again
(`standing.refresh`), and in debug runs the IR is verified.

What a pass takes for granted about global names it asks of `Facts`, which remembers the answers: code that relies on them is
made anew when they change (`eval.compiled.rebinding`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module

from rtfs.config import OPTIMIZATION_LEVELS as LEVELS
from rtfs.errors import InternalError
from rtfs.ir import nodes as ir
from rtfs.ir.standing import refresh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from rtfs.ir.passes.kinds import Version
    from rtfs.syntax import nodes as ast

    class Facts(Protocol):
        """What is known about the global names of a namespace while a unit is compiled."""

        def is_builtin(self, name: str) -> bool:
            """Whether a name means what it means in the library; from then on the unit relies on it."""
            ...

        def builtin(self, name: str) -> Any:
            """The library's own value of such a name."""
            ...

        def function(self, name: str) -> ast.Fn | None:
            """The definition of a global function that may be taken for granted: one that nothing is about to rebind and nobody
            else carries out. From then on the unit relies on it."""
            ...

        def keeps(self, name: str) -> bool:
            """Whether the name that the unit defines keeps that meaning while code runs that relies on it; from then on it does."""
            ...

        def version(self, name: str) -> Version | None:
            """Its second body, on the same terms."""
            ...


Counts = dict[str, int]

#: Check the IR after each pass, and let what goes wrong in a pass be seen.
DEBUG = os.environ.get("RTFS_DEBUG") == "1"

#: The passes and the lowest level at which each runs.
PASSES: tuple[tuple[str, str], ...] = (
    ("arithmetic", "basic"),
    ("recursion", "aggressive"),
    ("pipelines", "basic"),
    ("updates", "basic"),
    ("inlining", "basic"),
    ("arithmetic", "basic"),  # of what was inlined
    ("updates", "basic"),
    ("constants", "basic"),
    ("scalars", "aggressive"),
    ("cases", "basic"),
    ("kinds", "basic"),
    ("dead_code", "basic"),
    ("ownership", "basic"),
)

#: Passes after which nothing has to be worked out again: they only put marks on nodes and variables, or have done it themselves.
_SETTLED = frozenset(("pipelines", "kinds", "ownership"))


class Report:
    """What passes did: pass -> what -> how often; and how long each took, in seconds of CPU time."""

    def __init__(self) -> None:
        self.counts: dict[str, Counts] = {}
        self.seconds: dict[str, float] = {}

    def add(self, name: str, counts: Counts, seconds: float = 0.0) -> None:
        mine = self.counts.setdefault(name, {})
        for what, count in counts.items():
            mine[what] = mine.get(what, 0) + count
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds


def optimise(
    unit: ir.Unit,
    facts: Facts,
    level: str,
    report: Report | None = None,
    after: Callable[[str, ir.Unit], None] | None = None,
    *,
    without: tuple[str, ...] = (),
) -> None:
    """Run the passes of a level over a unit.

    Args:
        after: told of each pass that ran, with the unit as it left it.
        without: names of passes that are left out.
    Raises:
        InternalError: a pass broke the IR; it names the pass. The unit is of no use then.
    """
    enabled = LEVELS.index(level)
    for name, lowest in PASSES:
        if LEVELS.index(lowest) > enabled or name in without:
            continue
        run: Callable[[ir.Unit, Facts], Counts] = import_module(f"rtfs.ir.passes.{name}").run
        if report is not None:
            from time import process_time

            begun = process_time()
        try:
            counts = run(unit, facts)
            if any(counts.values()) and name not in _SETTLED:
                refresh(unit)
        except (RecursionError, InternalError):
            raise
        except Exception as error:
            raise InternalError(f"the pass {name} failed: {type(error).__name__}: {error}", span=unit.top.span) from error
        if DEBUG:
            from rtfs.ir.verify import verify

            verify(unit, name)
        if report is not None:
            report.add(name, counts, process_time() - begun)
        if after is not None:
            after(name, unit)
