"""The IR of small programs, before and after passes."""

from __future__ import annotations

from importlib import import_module

from rtfs.eval.compiled import CompiledEvaluator
from rtfs.ir import nodes as ir
from rtfs.ir.lower import lower
from rtfs.ir.optimise import Counts
from rtfs.ir.printing import print_ir
from rtfs.ir.standing import refresh
from rtfs.ir.verify import verify
from rtfs.runtime import Runtime
from rtfs.source import Source
from rtfs.syntax.analyse import Analyser
from rtfs.syntax.reader import read_forms


def optimised(text: str, *passes: str, level: str = "aggressive") -> tuple[ir.Unit, dict[str, Counts]]:
    """The IR of the last form of a text, whose other forms are run, after some passes of `rtfs.ir.passes` (none: all of a level).

    Returns:
        The unit, verified, and what each pass did.
    """
    runtime = Runtime(strategy="ir", models=None)
    evaluator = CompiledEvaluator(runtime.machine, runtime.namespace, level)
    analyser = Analyser(runtime.namespace)
    forms = read_forms(Source("<ir>", text))
    for form in forms[:-1]:
        evaluator.evaluate(analyser.top_level(form))
    node = analyser.top_level(forms[-1])
    counts: dict[str, Counts] = {}
    if passes == ("lowering",):
        unit = lower(node)
    elif passes:
        unit = lower(node)
        facts = evaluator.facts(unit)
        for name in passes:
            counts[name] = import_module(f"rtfs.ir.passes.{name}").run(unit, facts)
            refresh(unit)
            verify(unit, name)
    else:
        from rtfs.ir.optimise import Report

        evaluator.report = Report()
        found = evaluator.lower(node)
        assert found is not None
        unit, counts = found, evaluator.report.counts
    verify(unit, "the passes")
    return unit, counts


def shown(text: str, *passes: str) -> str:
    """The IR after some passes as text."""
    return print_ir(optimised(text, *passes)[0])
