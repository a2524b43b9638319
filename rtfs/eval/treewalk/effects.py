"""Forms that speak to the host: context, steps, branches, resources, logging, hints."""

from __future__ import annotations

from rtfs.errors import EvalError, LimitExceeded, RtfsError
from rtfs.eval.treewalk.walker import Env, Layout, Run, TreeWalker, compiles
from rtfs.semantics.typecheck import validation_error
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, ResourceHandle
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@compiles(ast.ContextRef)
def _context_ref(w: TreeWalker, node: ast.ContextRef, layout: Layout | None) -> Run:
    host, name = w.machine.host, node.name
    return lambda env: host.context_value(name)[1]


@compiles(ast.ContextGet)
def _context_get(w: TreeWalker, node: ast.ContextGet, layout: Layout | None) -> Run:
    if node.variable is not None:
        return w.compile(node.variable, layout)
    host, name, values = w.machine.host, node.name, w.namespace.values

    def run_get(env: Env) -> Any:
        if name in values:
            return values[name]
        return host.context_value(name)[1]

    return run_get


@compiles(ast.ResourceRef)
def _resource_ref(w: TreeWalker, node: ast.ResourceRef, layout: Layout | None) -> Run:
    name = node.name
    return lambda env: ResourceHandle(name if name.startswith("resource://") else f"resource://{name}")


def _options(w: TreeWalker, options: ast.StepOptions, layout: Layout | None) -> tuple[Layout | None, Any]:
    """The layout of a step's body and the function that makes its frame and tells the host its options."""
    host = w.machine.host
    exposed = w.compile(options.expose_context, layout) if options.expose_context is not None else None
    keys = w.compile(options.context_keys, layout) if options.context_keys is not None else None
    runs = w.compile_all(options.param_values, layout)
    inner = layout
    blank: list[Any] = []
    if options.scope is not None:
        inner = Layout(layout, options.scope.bindings, 1)
        blank = inner.blank

    def open_step(env: Env) -> Env:
        if exposed is not None or keys is not None:
            host.set_context_value("step/exposure", Vector([exposed(env) if exposed else True, keys(env) if keys else None]))
        if options.scope is None:
            return env
        params = Map([(options.param_keys[i], runs[i](env)) for i in range(len(runs))])
        return [env, params, *blank]

    return inner, open_step


def _in_step(w: TreeWalker, name: str, run: Run) -> Run:
    host, machine = w.machine.host, w.machine

    def run_step(env: Env) -> Any:
        machine.refuse_in_macro("run a step")
        step = host.step_started(name)
        try:
            value = run(env)
        except BaseException as error:
            host.step_failed(step, getattr(error, "message", type(error).__name__))
            raise
        host.step_completed(step, value)
        return value

    return run_step


@compiles(ast.Step)
def _step(w: TreeWalker, node: ast.Step, layout: Layout | None) -> Run:
    inner, open_step = _options(w, node.options, layout)
    body = w.compile(node.body, inner)
    return _in_step(w, node.name, lambda env: body(open_step(env)))


@compiles(ast.StepLoop)
def _step_loop(w: TreeWalker, node: ast.StepLoop, layout: Layout | None) -> Run:
    inner, open_step = _options(w, node.options, layout)
    test, body = w.compile(node.test, inner), w.compile(node.body, inner)
    span = node.span
    tick = w.machine.tick if w.machine.metered else None

    def run_loop(env: Env) -> Any:
        frame = open_step(env)
        result = None
        for _ in range(10_000):
            if tick is not None:
                tick(span)
            held = test(frame)
            if held is None or held is False:
                return result
            result = body(frame)
        held = test(frame)
        if held is None or held is False:
            return result
        raise EvalError("step-loop went on for more than 10,000 turns", kind="runtime-error", span=span)

    return _in_step(w, "step-loop", run_loop)


@compiles(ast.Parallel)
def _parallel(w: TreeWalker, node: ast.Parallel, layout: Layout | None) -> Run:
    runs = w.compile_all(node.branches, layout)
    checks = [w.check(t) for t in node.types]
    names = node.names
    spans = [branch.span for branch in node.branches]

    def run_branches(env: Env) -> Any:
        from rtfs.semantics.together import values_of_branches

        results = values_of_branches(w.machine, w.namespace, [run(env) for run in runs], names, node.types, spans)
        return Vector.adopt(results) if names is None else Map([(Keyword(names[i]), results[i]) for i in range(len(names))])

    if node.may_wait:
        return run_branches

    def run_parallel(env: Env) -> Any:
        results = []
        for i in range(len(runs)):
            value = runs[i](env)
            check = checks[i]
            if check is not None and (mismatch := check(value)) is not None:
                error = validation_error(f"parallel {names[i] if names else i}", mismatch)
                error.span = node.branches[i].span
                raise error
            results.append(value)
        if names is None:
            return Vector.adopt(results)
        return Map([(Keyword(names[i]), results[i]) for i in range(len(names))])

    return run_parallel


@compiles(ast.WithResource)
def _with_resource(w: TreeWalker, node: ast.WithResource, layout: Layout | None) -> Run:
    value, check = w.compile(node.value, layout), w.check(node.type)
    inner = Layout(layout, node.scope.bindings, 1)
    body, blank = w.compile(node.body, inner), inner.blank
    name, span, host, machine = node.binding.name, node.value.span, w.machine.host, w.machine

    def run_with(env: Env) -> Any:
        from rtfs.semantics.resources import release

        resource = value(env)
        try:
            if check is not None and (mismatch := check(resource)) is not None:
                error = validation_error(f"with-resource {name}", mismatch)
                error.span = span
                raise error
            result = body([env, resource, *blank])
        except (LimitExceeded, RecursionError, KeyboardInterrupt):
            machine.clean_up(lambda: release(resource, host, machine.hints))
            raise
        except BaseException as failed:
            if isinstance(failed, RtfsError):
                failed.detach()
            try:
                release(resource, host, machine.hints)
            except LimitExceeded:
                raise
            except EvalError as failure:
                host.warn(f"releasing {name} failed: {failure.message}", span)
            raise
        release(resource, host, machine.hints)
        return result

    return run_with


@compiles(ast.LogStep)
def _log_step(w: TreeWalker, node: ast.LogStep, layout: Layout | None) -> Run:
    runs = w.compile_all(node.items, layout)
    level, machine, span = node.level, w.machine, node.span

    def run_log(env: Env) -> None:
        items = [run(env) for run in runs] or [""]  # a level alone would be logged as a value
        with placed(span):
            machine.perform("io.log", [Keyword(level), *items])

    return run_log


class placed:
    """Gives errors raised inside a span, if they have none."""

    __slots__ = ("span",)

    def __init__(self, span: Span | None) -> None:
        self.span = span

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, RtfsError) and error.span is None:
            error.span = self.span


@compiles(ast.HostForm)
def _host_form(w: TreeWalker, node: ast.HostForm, layout: Layout | None) -> Run:
    runs = w.compile_all(node.args, layout)
    capability, machine, span = node.capability, w.machine, node.span

    def run_form(env: Env) -> Any:
        args = [run(env) for run in runs]
        with placed(span):
            return machine.perform(capability, args)

    return run_form


@compiles(ast.WithHints)
def _with_hints(w: TreeWalker, node: ast.WithHints, layout: Layout | None) -> Run:
    keys, runs, body, machine = node.keys, w.compile_all(node.values, layout), w.compile(node.body, layout), w.machine

    def run_hints(env: Env) -> Any:
        outer = machine.hints
        machine.hints = outer | {keys[i]: runs[i](env) for i in range(len(keys))}
        try:
            return body(env)
        finally:
            machine.hints = outer

    return run_hints
