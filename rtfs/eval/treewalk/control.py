"""Forms that choose: `if`, `do`, `and`, `or`, `match`, `try`."""

from __future__ import annotations

from rtfs.errors import EvalError, LimitExceeded, RtfsError
from rtfs.eval.treewalk.walker import Env, Layout, Run, TreeWalker, compiles, within
from rtfs.semantics.machine import error_value
from rtfs.semantics.patterns import no_match
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@compiles(ast.If)
def _if(w: TreeWalker, node: ast.If, layout: Layout | None) -> Run:
    test, then, otherwise = w.compile(node.test, layout), w.compile(node.then, layout), w.compile(node.otherwise, layout)

    def run_if(env: Env) -> Any:
        value = test(env)
        if value is None or value is False:
            return otherwise(env)
        return then(env)

    return run_if


@compiles(ast.Do)
def _do(w: TreeWalker, node: ast.Do, layout: Layout | None) -> Run:
    *first, last = w.compile_all(node.body, layout)

    def run_do(env: Env) -> Any:
        for run in first:
            run(env)
        return last(env)

    return run_do


@compiles(ast.And)
def _and(w: TreeWalker, node: ast.And, layout: Layout | None) -> Run:
    *first, last = w.compile_all(node.items, layout)

    def run_and(env: Env) -> Any:
        for run in first:
            value = run(env)
            if value is None or value is False:
                return value
        return last(env)

    return run_and


@compiles(ast.Or)
def _or(w: TreeWalker, node: ast.Or, layout: Layout | None) -> Run:
    *first, last = w.compile_all(node.items, layout)

    def run_or(env: Env) -> Any:
        for run in first:
            value = run(env)
            if value is not None and value is not False:
                return value
        return last(env)

    return run_or


@compiles(ast.Match)
def _match(w: TreeWalker, node: ast.Match, layout: Layout | None) -> Run:
    subject = w.compile(node.value, layout)
    clauses: list[tuple[Any, Run | None, Run, list[Any] | None]] = []
    for clause in node.clauses:
        inner = within(layout, clause.scope.bindings) if clause.scope.bindings else layout
        match = w.patterns(inner).matcher(clause.pattern)
        guard = w.compile(clause.guard, inner) if clause.guard is not None else None
        blank = inner.blank if inner is not None and inner is not layout else None
        clauses.append((match, guard, w.compile(clause.body, inner), blank))
    span = node.span

    def run_match(env: Env) -> Any:
        value = subject(env)
        for match, guard, body, blank in clauses:
            frame = env if blank is None else [env, *blank]
            if match(value, frame):
                if guard is not None:
                    held = guard(frame)
                    if held is None or held is False:
                        continue
                return body(frame)
        error = no_match(value)
        error.span = span
        raise error

    return run_match


@compiles(ast.Try)
def _try(w: TreeWalker, node: ast.Try, layout: Layout | None) -> Run:
    body = w.compile(node.body, layout)
    catches: list[tuple[Any, Run, int | None, list[Any] | None]] = []
    for clause in node.catches:
        inner = within(layout, clause.scope.bindings) if clause.scope.bindings else layout
        slot = inner.slots[clause.binding] if clause.binding is not None and inner is not None else None
        blank = inner.blank if inner is not None and inner is not layout else None
        catches.append((_selector(w, clause.selector), w.compile(clause.body, inner), slot, blank))
    final = w.compile(node.final, layout) if node.final is not None else None
    machine = w.machine

    def handle(error: EvalError, env: Env) -> Any:
        for selects, run, slot, blank in catches:
            if selects is None or selects(error):
                frame = env if blank is None else [env, *blank]
                if slot is not None:
                    frame[slot] = error_value(error)
                return run(frame)
        raise error

    def run_try(env: Env) -> Any:
        depth = machine.depth
        try:
            return body(env)
        except LimitExceeded:
            raise
        except EvalError as error:
            machine.depth = depth
            error.detach()
            return handle(error, env)

    if final is None:
        return run_try

    def run_finally(env: Env) -> Any:
        try:
            result = run_try(env) if catches else body(env)
        except (LimitExceeded, RecursionError, KeyboardInterrupt):
            machine.clean_up(lambda: final(env))
            raise
        except BaseException as error:
            if isinstance(error, RtfsError):
                error.detach()
            final(env)
            raise
        final(env)
        return result

    return run_finally


def _selector(w: TreeWalker, selector: Any) -> Any:
    """Whether an error is selected, None for every error."""
    if selector is None:
        return None
    if isinstance(selector, str):
        from rtfs.syntax.analyse.matching import matches_kind

        return lambda error: matches_kind(selector, error.kind)
    check = w.check(selector)
    return lambda error: check is None or check(error.data) is None
