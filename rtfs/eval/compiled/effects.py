"""The run-time part of the rarer forms, for one namespace: what `specials` generates calls of."""

from __future__ import annotations

from rtfs.errors import EvalError, LimitExceeded, RtfsError
from rtfs.eval.compiled.places import settle
from rtfs.eval.compiled.support import Template, invoke, wrapper
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.semantics.templates import add_part, make_template
from rtfs.source import Span
from rtfs.values.functions import Builtin, Function
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, ResourceHandle, Symbol
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.syntax import nodes as ast
    from rtfs.types.nodes import Type


def wrap(count: int, raw: Any) -> Any:
    return wrapper(count)(raw)


def matches_kind(selector: str, kind: str) -> bool:
    from rtfs.syntax.analyse.matching import matches_kind as matches

    return matches(selector, kind)


def resource_ref(name: str) -> ResourceHandle:
    return ResourceHandle(name if name.startswith("resource://") else f"resource://{name}")


def parallel(names: tuple[str, ...] | None, results: list[Any]) -> Any:
    if names is None:
        return Vector.adopt(results)
    return Map([(Keyword(names[i]), results[i]) for i in range(len(names))])


def count_turn(turns: int, span: Span | None) -> int:
    if turns == 10_000:
        raise EvalError("step-loop went on for more than 10,000 turns", kind="runtime-error", span=span)
    return turns + 1


def effects(machine: Machine, namespace: Namespace) -> dict[str, Any]:
    """The helpers that need the machine or the namespace, by their names in generated code."""
    host = machine.host

    def define(name: str, value: Any, span: Span | None) -> None:
        namespace.define(name, value)

    def hold(name: str, value: Any, span: Span | None) -> None:
        """In the place of `define` in stored code: the name has its function already."""

    def assign(name: str, value: Any, span: Span | None) -> None:
        if name not in namespace.values:
            raise EvalError(
                f"Undefined symbol: {name}", kind="undefined-symbol", span=span, hint=f"define it first: (def {name} …)"
            )
        namespace.define(name, value)

    def context_ref(name: str) -> Any:
        return host.context_value(name)[1]

    def context_get(name: str) -> Any:
        return namespace.values[name] if name in namespace.values else host.context_value(name)[1]

    def expose(exposed: Any, keys: Any) -> None:
        host.set_context_value("step/exposure", Vector([exposed, keys]))

    def step_failed(step: Any, error: BaseException) -> None:
        if isinstance(error, RtfsError):
            settle(error)
        host.step_failed(step, getattr(error, "message", type(error).__name__))

    def add_hints(keys: tuple[str, ...], values: list[Any]) -> dict[str, Any]:
        outer = machine.hints
        machine.hints = outer | {keys[i]: values[i] for i in range(len(keys))}
        return outer

    def set_hints(hints: dict[str, Any]) -> None:
        machine.hints = hints

    def release(resource: Any) -> None:
        from rtfs.semantics.resources import release as let_go

        let_go(resource, host, machine.hints)

    def release_quietly(resource: Any, name: str, span: Span | None) -> None:
        try:
            release(resource)
        except LimitExceeded:
            raise
        except EvalError as failure:
            host.warn(f"releasing {name} failed: {failure.message}", span)

    def release_at_limit(resource: Any) -> None:
        machine.clean_up(lambda: release(resource))

    def log_step(level: str, span: Span | None, items: list[Any]) -> None:
        with_span(span, lambda: machine.perform("io.log", [Keyword(level), *(items or [""])]))

    def branches(names: tuple[str, ...] | None, types: list[Any], spans: list[Any], functions: list[Any]) -> list[Any]:
        from rtfs.semantics.together import values_of_branches

        return values_of_branches(machine, namespace, functions, names, types, spans)

    def overflow() -> None:
        raise machine.too_deep()

    def host_form(capability: str, span: Span | None, args: list[Any]) -> Any:
        return with_span(span, lambda: machine.perform(capability, args))

    def def_type(name: str, type_: Type) -> None:
        namespace.define_type(name, type_)

    def def_struct(name: str, type_: Type) -> tuple[Builtin, Builtin]:
        from rtfs.semantics.typecheck import optional_check, struct_constructor

        namespace.define_type(name, type_)
        check = optional_check(type_, namespace.lookup_type)
        assert check is not None
        constructor = Builtin(name, struct_constructor(name, check), 1, 1, f"Constructor of struct {name}.")
        predicate = Builtin(f"{name}?", lambda value: check(value) is None, 1, 1, f"Whether a value is a {name}.")
        return constructor, predicate

    def import_module(form: ast.Import) -> None:
        with_span(form.span, lambda: machine.modules.import_into(namespace, form))

    def define_module(form: ast.Module) -> Any:
        return with_span(form.span, lambda: machine.modules.define(form))

    def fresh(name: str) -> Symbol:
        return Symbol(machine.fresh_name(name))

    def delegated(made: Template, raw: Any, whole: Any) -> Function:
        from rtfs.semantics.delegated import delegated_enter
        from rtfs.semantics.shortcuts import Shortcut, by_shortcut

        by_call = made.spec.hint.target == "engine" and made.spec.hint.plan is None and made.arity >= 0 and not machine.metered
        shortcut = Shortcut() if by_call else None
        enter = delegated_enter(machine, namespace, made.spec, made.enter, invoke, shortcut)
        if shortcut is not None:
            enter = by_shortcut(shortcut, made.enter, enter)
        if machine.metered:
            enter = metered(enter)
        function = Function(made.name, made.spec, invoke, enter, raw, made.meta, made.module)
        if shortcut is not None:
            from rtfs.eval.compiled.deciding import shortened

            function.py = shortened(made.arity, shortcut, whole, lambda args: invoke(function, args))
            function.arity = made.arity
        return function

    def metered(enter: Any) -> Any:
        def enter_metered(function: Function, args: list[Any]) -> Any:
            machine.tick()
            return enter(function, args)

        return enter_metered

    found = {
        f" {function.__name__}": function
        for function in (
            *(
                define,
                hold,
                assign,
                context_ref,
                context_get,
                expose,
                step_failed,
                add_hints,
                set_hints,
                release,
                release_quietly,
                release_at_limit,
            ),
            *(branches, overflow, log_step, host_form, def_type, def_struct, import_module, define_module, fresh, delegated),
            *(wrap, matches_kind, resource_ref, parallel, count_turn, add_part, make_template),
        )
    }
    return found | {
        " machine": machine,
        " steps": machine.fuel.stream,
        " tick": machine.tick,
        " clean_up": machine.clean_up,
        " step_started": host.step_started,
        " step_completed": host.step_completed,
    }


def with_span(span: Span | None, work: Any) -> Any:
    """Errors raised by `work` without a place get this one."""
    try:
        return work()
    except RtfsError as error:
        if error.span is None:
            error.span = span
        raise
