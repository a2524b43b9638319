"""Loops: what their variables are over all turns, and what they give."""

from __future__ import annotations

from rtfs.checker.flow import Flow
from rtfs.checker.forms import bind_value
from rtfs.checker.infer import Inference, Turns, infers
from rtfs.checker.patterns import bind
from rtfs.checker.shapes import item_type
from rtfs.checker.wanting import Want
from rtfs.syntax import nodes as ast
from rtfs.types.lattice import join, widened
from rtfs.types.nodes import (
    ANY,
    INT,
    NEVER,
    NIL,
    AnyType,
    SequenceType,
    Type,
    VectorType,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_SEQUENCE = SequenceType(ANY)


@infers(ast.Loop, passes_on=True)
def _loop(c: Inference, node: ast.Loop, flow: Flow, want: Want | None) -> Type:
    """Looked at once with the types of the first turn, to see what the next turns get, then with the types of all turns."""
    starts = []
    inner = flow.branch()
    for binding in node.bindings:
        wanted = None if binding.type is None else Want(binding.type, "the loop's variable")
        found = c.infer(binding.value, inner, wanted)
        starts.append(binding.type or widened(found))
        bind(
            binding.pattern,
            binding.type or ANY,
            inner,
            c.lookup,
            lambda part: c.infer(part, inner),
            declared=binding.type is not None,
        )
    types = starts if len(c.turns) < 3 else [b.type or ANY for b in node.bindings]
    for _ in range(2):
        if all(b.type is not None or isinstance(t, AnyType) for b, t in zip(node.bindings, types, strict=True)):
            break
        c.problems.muted += 1
        c.trying += 1
        _, turns = _turn(c, node, types, flow.branch(), None)
        c.trying -= 1
        c.problems.muted -= 1
        more = [_over_turns(c, start, got) for start, got in zip(types, turns.types, strict=True)]
        more = [b.type or t for b, t in zip(node.bindings, more, strict=True)]
        if more == types:
            break
        types = more
    else:
        types = [b.type or ANY for b in node.bindings]
    found, _ = _turn(c, node, types, flow, want)
    return found


def _over_turns(c: Inference, start: Type, later: list[Type]) -> Type:
    found = start
    for type in later:
        found = join(found, widened(type), c.lookup)
    return found


def _turn(c: Inference, node: ast.Loop, types: Sequence[Type], flow: Flow, want: Want | None) -> tuple[Type, Turns]:
    inner = flow.branch()
    for binding, type in zip(node.bindings, types, strict=True):
        bind(binding.pattern, type, inner, c.lookup, lambda part: c.infer(part, inner), declared=binding.type is not None)
    turns = Turns(len(types))
    c.turns.append(turns)
    try:
        found = c.infer(node.body, inner, want)
    finally:
        c.turns.pop()
    flow.ended |= inner.ended and not turns.again
    return found, turns


@infers(ast.Recur)
def _recur(c: Inference, node: ast.Recur, flow: Flow, want: Want | None) -> Type:
    turns = c.turns[-1] if c.turns else None
    for i, arg in enumerate(node.args):
        found = c.infer(arg, flow)
        if turns is not None and i < len(turns.types):
            turns.types[i].append(found)
    if turns is not None:
        turns.again = True
    return NEVER


@infers(ast.For)
def _for(c: Inference, node: ast.For, flow: Flow, want: Want | None) -> Type:
    inner = flow.branch()
    for clause in node.clauses:
        inner = _for_clause(c, clause, inner, "`for`" if node.collect else "`doseq`")
    inner.ended = False
    found = c.infer(node.body, inner)
    return VectorType(widened(found)) if node.collect else NIL


def _for_clause(c: Inference, clause: ast.ForClause, flow: Flow, name: str) -> Flow:
    """What is known after one part of a `for` vector."""
    if clause.kind == "let":
        for binding in clause.bindings:
            bind_value(c, binding, flow)
        return flow
    assert clause.value is not None
    if clause.kind == "each":
        found = c.infer(clause.value, flow, Want(_SEQUENCE, name))
        assert clause.pattern is not None
        bind(clause.pattern, item_type(found, c.lookup), flow, c.lookup, lambda part: c.infer(part, flow))
        return flow
    c.infer(clause.value, flow)
    return c.split(clause.value, flow)[0]


@infers(ast.Dotimes)
def _dotimes(c: Inference, node: ast.Dotimes, flow: Flow, want: Want | None) -> Type:
    c.infer(node.count, flow, Want(INT, "`dotimes`"))
    inner = flow.branch()
    inner.bind(node.binding, INT)
    return c.both(NIL, widened(c.infer(node.body, inner)))  # the last turn's value
