"""Second bodies of global functions, for operands of the kind that the body seems to be written for.

Where a body does arithmetic with its parameters, one test when it is entered takes the place of a test at each operation, and calls
from code that knows its operands go to the second body straight away, with what is known of its value.
"""

from __future__ import annotations

import ast as py

from rtfs.eval.compiled.generate import Generator
from rtfs.eval.compiled.speculation import OPERATIONS, Votes, is_closed
from rtfs.ir import nodes as ir
from rtfs.ir.lattice import UNKNOWN, fits, join
from rtfs.ir.nodes import ANY, Known
from rtfs.ir.passes.kinds import Inference, Version, checked_parameters
from rtfs.ir.scopes import used, walk_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.syntax import nodes as ast

_LARGEST = 500  # nodes
_FEWEST = 2  # uses in operations that pay for the test
_BITS = 62  # of integers that are multiplied: what a test of their range can promise
_MOST_ROUNDS = 12


def plan(g: Generator) -> Version | None:
    """The version of the unit's global function that is worth its code, with what is known of its value.

    What is known inside the function is then what the version takes for granted, until `forget`.
    """
    name, fn = g.unit.name, g.unit.function
    if fn is None:
        return None
    spec = fn.ast
    if spec is None or spec.rest is not None or fn.bounces or (spec.hint is not None and spec.hint.target != "local"):
        return None
    nodes = list(walk_function(g.unit, fn))
    if len(nodes) > _LARGEST or any(is_closed(node) for node in nodes):
        return None
    if not _may_pay(fn, nodes):
        return None
    found = _plan(g, fn, nodes, name, spec)
    if found is None:
        forget(g, fn, None)
    return found


def _may_pay(fn: ir.Fn, nodes: list[ir.Node]) -> bool:
    """Whether there is enough arithmetic in a function to look closer."""
    if checked_parameters(fn):
        return True
    calls = [node for node in nodes if isinstance(node, ir.Call) and isinstance(node.function, ir.GlobalGet)]
    return sum(call.function.name in OPERATIONS for call in calls) >= _FEWEST  # type: ignore[attr-defined]


def _plan(g: Generator, fn: ir.Fn, nodes: list[ir.Node], name: str, spec: ast.Fn) -> Version | None:
    variables = _variables(fn, nodes)
    params = _guess(g, fn, nodes, variables)
    if params is None:
        return None
    version = Version(spec, params, g.linker.version_key(name))
    inference = Inference(g.unit, g.facts, version)
    for _ in range(_MOST_ROUNDS):
        if not any(param.kind for param in params):
            return None
        _work_out(inference, fn, nodes, variables)
        if not _weaken(version, fn, nodes):
            return version if g.facts.keeps(name) else None
    return None


def forget(g: Generator, fn: ir.Fn, version: Version | None) -> None:
    """Set what is known inside a function, after it was planned, back to what is known for operands of any kind."""
    nodes = list(walk_function(g.unit, fn))
    Inference(g.unit, g.facts, version).infer(nodes, _variables(fn, nodes), checked_parameters(fn))


def guards(g: Generator, fn: ir.Fn, version: Version, names: list[str]) -> list[Any]:
    """Tests of whether the operands are such as the version takes."""
    checked = checked_parameters(fn)
    tests: list[Any] = []
    for var, name, param in zip(fn.params, names, version.params, strict=True):
        if param.kind is None:
            continue
        if not fits(Known(checked.get(var, ANY).kind), Known(param.kind)):
            if param.kind == "num":
                number = g.either(g.of_type(g.load(name), " int"), g.of_type(g.load(name), " float"))
                tests.append(number)
            else:
                tests.append(g.of_type(g.load(name), f" {param.kind}"))
        if param.bits is not None or param.natural:
            tests.append(in_range(g, g.load(name), param))
    return tests


def in_range(g: Generator, value: Any, known: Known) -> Any:
    """Test of whether an integer is as small, or not negative, as is known."""
    if known.bits is None:
        return g.compare(value, py.GtE(), g.const(0))
    bound = 2**known.bits
    low, op = (0, py.LtE()) if known.natural else (-bound, py.Lt())
    return g.put(py.Compare(g.const(low), [op, py.Lt()], [value, g.const(bound)]))


# --- planning --------------------------------------------------------------------------------


def _variables(fn: ir.Fn, nodes: list[ir.Node]) -> list[ir.Var]:
    found = dict.fromkeys(fn.params)
    for node in nodes:
        found.update(dict.fromkeys(used(node)))
    return list(found)


def _guess(g: Generator, fn: ir.Fn, nodes: list[ir.Node], variables: list[ir.Var]) -> list[Known] | None:
    """What the parameters are probably meant to be."""
    checked = checked_parameters(fn)
    candidates = {v: checked.get(v, UNKNOWN) for v in fn.params if not v.boxed and not v.assigned and v.stores == 1}
    Inference(g.unit, g.facts).infer(nodes, variables, candidates)
    # what is done with a variable that starts out with a parameter's value counts for the parameter
    stands_for = {v: v for v in candidates}
    for node in nodes:
        if isinstance(node, ir.Set) and isinstance(node.value, ir.Get) and node.value.var in candidates:
            stands_for.setdefault(node.var, node.value.var)
    votes = Votes(g, nodes, stands_for)
    if sum(votes.uses.values()) < _FEWEST and not checked:
        return None
    again = any(isinstance(node, ir.Call) and _head(node) == g.unit.name for node in nodes)
    params = []
    for var in fn.params:
        known = checked.get(var)
        if known is not None and known.kind == "num":
            known = Known("float")
        if known is None:
            known = ANY if var not in votes.uses else Known("float") if var in votes.floats else Known("int")
        if known.kind == "int" and not again:
            # tests of the range are made once, not for each call of itself, for which they might not hold
            known = Known("int", _BITS if votes.factors else None, var in votes.naturals)
        elif known.kind == "int" and var in votes.factors:
            known = Known("int", _BITS)
        params.append(known)
    return params


def _head(node: ir.Call) -> str:
    return node.function.name if isinstance(node.function, ir.GlobalGet) else ""


def _work_out(inference: Inference, fn: ir.Fn, nodes: list[ir.Node], variables: list[ir.Var]) -> None:
    """What is known of the value when the operands are as the version takes them, recursion included."""
    version = inference.version
    assert version is not None
    version.result = UNKNOWN
    assumed = dict(zip(fn.params, version.params, strict=True))
    for turn in range(_MOST_ROUNDS):
        inference.infer(nodes, variables, assumed)
        found = fn.body.known
        if turn > _MOST_ROUNDS // 2:
            found = Known(found.kind, None, found.natural)
        if found == version.result:
            return
        version.result = join(version.result, found) if turn else found
    version.result = ANY
    inference.infer(nodes, variables, assumed)


def _weaken(version: Version, fn: ir.Fn, nodes: list[ir.Node]) -> bool:
    """Take for granted only what still holds when the function starts itself again; whether that was less than before."""
    weaker = False
    for node in nodes:
        restarts = isinstance(node, ir.Recur) and node.target is fn
        if restarts or (isinstance(node, ir.Call) and node.tail and node.itself is fn):
            assert isinstance(node, (ir.Recur, ir.Call))
            for i, (arg, param) in enumerate(zip(node.args, version.params, strict=False)):
                if not fits(arg.known, param):
                    joined = join(param, arg.known)
                    version.params[i] = Known(joined.kind) if joined != param else ANY
                    weaker = True
    return weaker
