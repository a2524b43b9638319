"""Calls of functions with a model hint: what every evaluator does around the delegate (reference section 3, RULING).

Arguments are checked before the model sees them, the result after; a hint that is written bypasses every engine.  Without a
delegate the call surfaces as the host call `model-call:ID`, and a function that an engine sent away runs here.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.semantics.faults import arity_error
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.semantics.tags import PRIVATE_TAGS
from rtfs.semantics.typecheck import optional_check, validation_error
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import ANY, Type, TypeRef, VectorType
from rtfs.values.functions import Function
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import List
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.semantics.shortcuts import Shortcut
    from rtfs.source import Span

Enter = Callable[[Function, list["Any"]], "Any"]


def delegated_enter(
    machine: Machine,
    namespace: Namespace,
    node: ast.Fn,
    local: Enter,
    invoke: Callable[[Function, list[Any]], Any],
    shortcut: Shortcut | None = None,
) -> Enter:
    """The `enter` of a function whose calls go to the delegate; `local` is the one that runs its body.

    Args:
        shortcut: knows which calls its body carries out; looked at by the caller, filled here.
    """
    assert node.hint is not None
    hint = node.hint
    label = node.name or "<fn>"
    count = len(node.params)
    lookup = namespace.lookup_type
    checks = [optional_check(p.type, lookup) for p in node.params]
    rest_check = optional_check(node.rest.type, lookup) if node.rest is not None else None
    result_check = optional_check(node.result, lookup)
    parameters = [(_parameter_name(p, i), p.type or ANY) for i, p in enumerate(node.params)]
    if node.rest is not None:
        parameters.append((node.rest.name, VectorType(node.rest.type or ANY)))
    options = {k.name: v for k, v in node.meta.items() if type(k) is Keyword} if node.meta is not None else {}
    strict = options.get("strict") is True
    has_tools = "tools" in options
    aliases = _Aliases(node, namespace)
    qualified = f"{namespace.name}/{node.name}" if namespace.name and node.name else node.name or "anonymous"

    def enter(function: Function, args: list[Any]) -> Any:
        if len(args) < count or (node.rest is None and len(args) != count):
            raise arity_error(label, node.arity_text, len(args), hint=node.arity_hint)
        for i in range(len(args)):
            check = checks[i] if i < count else rest_check
            if check is not None and (mismatch := check(args[i])) is not None:
                what = f"parameter {parameters[i][0]}" if i < count else f"variadic argument {i - count}"
                raise validation_error(f"{label}, {what}", mismatch, i)
        watcher = None
        if machine.watching is not None and machine.watching[0] is function:
            watcher, machine.watching = machine.watching[1], None
        plan = hint.plan
        asked = None if machine.engine is None else machine.engine.about(qualified, tuple(args), options)
        if hint.target == "engine":
            if machine.expanding or machine.delegate is None:
                return local(function, args)
            if plan is None:
                plan = asked.plan() if asked is not None else None
                if plan is None:
                    if shortcut is not None and asked is not None:
                        machine.engine.shorten(shortcut, asked, args)
                    return local(function, args)
        elif asked is not None:
            plan = asked.hinted(hint)
        if machine.delegate is None or machine.expanding:
            result = _ask_host(machine, f"model-call:{hint.model}", args)
        else:
            from rtfs.semantics.protocols import DelegatedCall

            bound = tuple(args) if node.rest is None else (*args[:count], List.adopt(args[count:]))
            result = machine.delegate.delegate(
                DelegatedCall(
                    target=hint.target,
                    model=hint.model or "",
                    name=qualified,
                    doc=node.doc,
                    parameters=tuple(parameters),
                    args=bound,
                    result=node.result or ANY,
                    strict=strict,
                    options=options,
                    aliases=aliases.now(),
                    span=node.span,
                    remaining_s=machine.remaining_s(),
                    plan=plan,
                    refusal=None if asked is None else asked.refusal,
                    private_tags=PRIVATE_TAGS if asked is None else asked.private_tags,
                    budget=machine.spending(),
                    body=lambda: invoke(_without_hint(function, local), args),
                    branch=machine.branch,
                    tools=_tools(options, machine, namespace, node.span) if has_tools else (),
                    watcher=watcher,
                )
            )
        if result_check is not None and (mismatch := result_check(result)) is not None:
            error = validation_error(f"{label}, result", mismatch)
            error.span = node.span
            raise error
        return result

    return enter


def _tools(options: dict[str, Any], machine: Machine, namespace: Namespace, span: Span | None) -> tuple[Any, ...]:
    from rtfs.semantics.tools import tools_of

    return tools_of(options, machine, namespace, span)


def _ask_host(machine: Machine, capability: str, args: list[Any]) -> Any:
    """Have the host carry out the call: one call of the budgets around it, whatever comes of it."""
    machine.refuse_in_macro(f"use the capability :{capability}")
    budget = machine.spending()
    if budget is None:
        return machine.perform(capability, args)
    with budget.reserve_unknown(capability):
        return machine.perform(capability, args)


def _parameter_name(param: ast.Param, index: int) -> str:
    return f"arg{index}" if param.name == "_" else param.name


def _without_hint(function: Function, local: Enter) -> Function:
    return Function(function.name, function.spec, function.code, local, function.env, function.meta, function.module)


class _Aliases:
    """The named types that a function's annotations lead to, by name; looked for anew when one of the names means another type."""

    def __init__(self, node: ast.Fn, namespace: Namespace) -> None:
        self._node, self._lookup = node, namespace.lookup_type
        self._looked_up: dict[str, Type | None] | None = None
        self._found: dict[str, Type] = {}

    def now(self) -> dict[str, Type]:
        known, lookup = self._looked_up, self._lookup
        if known is None or any(lookup(name) is not type_ for name, type_ in known.items()):
            known = named_types(self._node, lookup)
            self._found = {name: type_ for name, type_ in known.items() if type_ is not None}
            self._looked_up = known
        return self._found


def named_types(node: ast.Fn, lookup: Callable[[str], Type | None]) -> dict[str, Type | None]:
    """name -> what it means, None for one that means nothing."""
    found: dict[str, Type | None] = {}
    waiting: list[Any] = [*(p.type for p in node.params), node.rest.type if node.rest else None, node.result]
    while waiting:
        item = waiting.pop()
        if isinstance(item, TypeRef):
            if item.name not in found:
                found[item.name] = lookup(item.name)
                waiting.append(found[item.name])
        elif isinstance(item, Struct):
            waiting.extend(getattr(item, field) for field in item._fields)
        elif isinstance(item, tuple):
            waiting.extend(item)
    return found
