"""Loops: `for`, `doseq`, `dotimes`, `loop`."""

from __future__ import annotations

from rtfs.errors import EvalError
from rtfs.eval.tails import Again
from rtfs.eval.treewalk.names import bind_all_of
from rtfs.eval.treewalk.walker import Env, Layout, Run, TreeWalker, compiles, within
from rtfs.semantics.builtins.operands import iterable
from rtfs.semantics.faults import type_error
from rtfs.semantics.typecheck import validation_error
from rtfs.syntax import nodes as ast
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The answer of a stage of `for` that ends the loop around it.
_STOP: Any = object()


@compiles(ast.For)
def _for(w: TreeWalker, node: ast.For, layout: Layout | None) -> Run:
    name = "for" if node.collect else "doseq"
    tick = w.machine.tick if w.machine.metered else None
    current = layout
    stages: list[tuple[Layout | None, Layout | None, ast.ForClause]] = []
    for clause in node.clauses:
        outer = current
        if clause.kind in ("each", "let"):
            current = within(current, clause.scope.bindings)
        stages.append((outer, current, clause))
    body = w.compile(node.body, current)

    def collect(env: Env, out: list[Any]) -> Any:
        out.append(body(env))
        return None

    def discard(env: Env, out: list[Any]) -> Any:
        body(env)
        return None

    step: Any = collect if node.collect else discard
    for outer, inner, clause in reversed(stages):
        step = _for_stage(w, clause, outer, inner, step, name, tick)

    def run_for(env: Env) -> Any:
        out: list[Any] = []
        step(env, out)
        return Vector.adopt(out) if node.collect else None

    return run_for


def _for_stage(
    w: TreeWalker, clause: ast.ForClause, outer: Layout | None, inner: Layout | None, step: Any, name: str, tick: Any
) -> Any:
    """One clause as a function of environment and output; the answer _STOP ends the loop around it."""
    if clause.kind == "when" or clause.kind == "while":
        assert clause.value is not None
        test = w.compile(clause.value, outer)
        otherwise = _STOP if clause.kind == "while" else None

        def guard(env: Env, out: list[Any]) -> Any:
            held = test(env)
            if held is None or held is False:
                return otherwise
            return step(env, out)

        return guard
    assert inner is not None
    blank = inner.blank if inner is not outer else None
    if clause.kind == "let":
        bind_all = bind_all_of(w, clause.bindings, inner)

        def bind(env: Env, out: list[Any]) -> Any:
            frame = env if blank is None else [env, *blank]
            bind_all(frame)
            return step(frame, out)

        return bind
    assert clause.value is not None
    assert clause.pattern is not None
    source, binder, span = w.compile(clause.value, outer), w.patterns(inner).binder(clause.pattern, name), clause.value.span

    def each(env: Env, out: list[Any]) -> Any:
        value = source(env)
        try:
            items = iterable(name, value)
        except EvalError as error:
            error.span = span
            raise
        for item in items:
            if tick is not None:
                tick(span)
            frame = env if blank is None else [env, *blank]
            binder(item, frame)
            if step(frame, out) is _STOP:
                break
        return None

    return each


@compiles(ast.Dotimes)
def _dotimes(w: TreeWalker, node: ast.Dotimes, layout: Layout | None) -> Run:
    count, inner = w.compile(node.count, layout), Layout(layout, node.scope.bindings, 1)
    body, blank = w.compile(node.body, inner), inner.blank
    span = node.count.span
    tick = w.machine.tick if w.machine.metered else None

    def run_dotimes(env: Env) -> Any:
        turns = count(env)
        if type(turns) is not int:
            error = type_error("dotimes", "integer", turns)
            error.span = span
            raise error
        result = None
        i = 0
        while i < turns:
            if tick is not None:
                tick(span)
            result = body([env, i, *blank])
            i += 1
        return result

    return run_dotimes


@compiles(ast.Loop)
def _loop(w: TreeWalker, node: ast.Loop, layout: Layout | None) -> Run:
    own = [b for b in node.scope.bindings if not b.late]
    defined = [b for b in node.scope.bindings if b.late]  # by the first values: once, not in each turn
    given = layout
    layout = within(layout, defined) if defined else layout
    around = layout.blank if layout is not None and layout is not given else None
    inner = within(layout, own)
    first = inner.slots[own[0]] if own else 1
    bind_all = bind_all_of(w, node.bindings, inner, "loop")
    compiler = w.patterns(inner)
    # what `recur` gives goes through the same checks and patterns as the first values
    again = [
        (compiler.binder(b.pattern), w.check(b.type), f"loop {getattr(getattr(b.pattern, 'binding', None), 'name', 'pattern')}")
        for b in node.bindings
    ]
    bare = all(isinstance(b.pattern, ast.BindPattern) and b.type is None for b in node.bindings)
    simple = bare and len(node.bindings) == len(own)
    outer, w.in_place = w.in_place, (inner, first) if simple and inner is layout else None
    body = w.compile(node.body, inner)
    w.in_place = outer
    blank = inner.blank if inner is not layout else None
    tick, span = w.machine.tick if w.machine.metered else None, node.span

    def run_loop(env: Env) -> Any:
        if around is not None:
            env = [env, *around]
        frame = env if blank is None else [env, *blank]
        bind_all(frame)
        while True:
            result = body(frame)
            if type(result) is not Again:
                return result
            if tick is not None:
                tick(span)
            values = result.args
            if values is None:  # written in place
                continue
            if blank is not None:
                frame = [env, *blank]
            for i in range(len(values)):
                bind, check, label = again[i]
                if check is not None and (mismatch := check(values[i])) is not None:
                    error = validation_error(label, mismatch)
                    error.span = result.place[1][i]
                    raise error
                bind(values[i], frame)

    return run_loop
