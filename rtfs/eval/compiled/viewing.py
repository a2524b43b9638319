"""The IR of a program that is only looked at: what a run would make of each form, without running any.

What passes do to a form depends on what the names in it mean by then.  Definitions of functions are carried out, as in a check;
a form that could have an effect is not, and from then on nothing is taken for granted about the names that it defines.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.eval.compiled.evaluator import MAX_BLOCKS, MAX_DEPTH, CompiledEvaluator
from rtfs.eval.hybrid import is_worth_compiling
from rtfs.ir import nodes as ir
from rtfs.ir.artefact.preparing import Preparer
from rtfs.ir.lower import lower
from rtfs.ir.optimise import optimise
from rtfs.ir.scopes import definitions, inner_definitions
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.source import Source
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.ir.optimise import Facts, Report

#: Told of a form: its node, its IR as it was lowered, and why it is not compiled, if it is not. Answers whether to optimise it.
Begin = Callable[[ast.Node, ir.Unit, str], bool]
TOO_DEEP = "nested too deeply to be compiled, so it is walked"
ONCE = "runs once, so it is walked"

#: Told of each pass, with the IR as it left it; the IR of a form for which no pass runs is shown as it was lowered.
After = Callable[[str, ir.Unit], None]


def view(machine: Machine, source: Source, forms: list[Any], level: str, report: Report | None, begin: Begin, after: After) -> None:
    """Lower and optimise every top-level form, in order.

    Raises:
        AnalysisError, EvalError: as preparing a program does.
    """
    doubtful: dict[Namespace, set[str]] = {}

    def see(namespace: Namespace, node: ast.Node) -> None:
        evaluator = CompiledEvaluator(machine, namespace, level)
        unit = lower(node)
        too_deep = unit.depth > MAX_DEPTH or unit.blocks > MAX_BLOCKS
        note = TOO_DEEP if too_deep else "" if is_worth_compiling(node) else ONCE
        unknown = doubtful.setdefault(namespace, set())
        evaluator.linker.destabilise(inner_definitions(unit))
        if begin(node, unit, note) and not too_deep:
            optimise(unit, _Facts(evaluator.facts(unit), unknown), level, report, after)
        if not isinstance(node, ast.Def) or not isinstance(node.value, (ast.Fn, ast.Const)):
            unknown |= definitions(unit)

    Preparer(machine, lambda namespace: CompiledEvaluator(machine, namespace, level), see).program(source, forms)


class _Facts:
    """Facts without those about some names."""

    def __init__(self, facts: Facts, unknown: set[str]) -> None:
        self._facts = facts
        self._unknown = unknown

    def __getattr__(self, name: str) -> Any:
        return getattr(self._facts, name)

    def is_builtin(self, name: str) -> bool:
        return name not in self._unknown and self._facts.is_builtin(name)

    def builtin(self, name: str) -> Any:
        return self._facts.builtin(name)

    def function(self, name: str) -> ast.Fn | None:
        return None if name in self._unknown else self._facts.function(name)
