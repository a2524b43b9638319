"""Functions: binding arguments, checking types, starting again on `recur`, delegation."""

from __future__ import annotations

from rtfs.errors import RtfsError
from rtfs.eval.tails import Again, TailCall
from rtfs.eval.treewalk.walker import Env, Layout, Run, TreeWalker, compiles, finish
from rtfs.semantics.builtins.operands import rest_list
from rtfs.semantics.faults import arity_error, locate
from rtfs.semantics.machine import Machine
from rtfs.semantics.typecheck import validation_error
from rtfs.syntax import nodes as ast
from rtfs.values.functions import Function
from rtfs.values.sequences import List

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@compiles(ast.Fn)
def _fn(w: TreeWalker, node: ast.Fn, layout: Layout | None) -> Run:
    machine = w.machine
    if node.self_binding is not None:
        layout = Layout(layout, [node.self_binding])
    enter, entries = _body(w, node, layout)
    if node.hint is not None and node.hint.target != "local":
        enter, entries = _delegated(w, node, enter, entries)
    if machine.metered:
        enter = _metered(machine, enter)
    code = entries.pop("code", w.invoke)
    name, meta, module = node.name, node.meta, w.namespace.name

    if node.self_binding is not None:

        def make_named(env: Env) -> Function:
            frame = [env, None]
            frame[1] = function = Function(name, node, code, enter, frame, meta, module, **entries)
            return function

        return make_named
    return lambda env: Function(name, node, code, enter, env, meta, module, **entries)


def _metered(machine: Machine, enter: Any) -> Any:
    tick = machine.tick

    def enter_metered(function: Function, args: list[Any]) -> Any:
        tick()
        return enter(function, args)

    return enter_metered


def _label(node: ast.Fn) -> str:
    return node.name or "<fn>"


def _body(w: TreeWalker, node: ast.Fn, layout: Layout | None) -> tuple[Any, dict[str, Any]]:
    """`enter(function, args)`: binds arguments, checks types, runs the body, and starts again on `recur`; and the faster ones of
    the functions that make a whole call, by their names in `Function`."""
    count, variadic = len(node.params), node.rest is not None
    bindings = node.scope.bindings
    inner = Layout(layout, bindings, count + variadic)
    label = _label(node)
    checks = [
        (i, check, f"{label}, parameter {i + 1 if p.name == '_' else p.name}")
        for i, p in enumerate(node.params)
        if (check := w.check(p.type)) is not None
    ]
    rest_check = w.check(node.rest.type) if node.rest is not None else None
    compiler = w.patterns(inner)
    binders = [
        (i + 1, compiler.binder(p.pattern, label))
        for i, p in enumerate(node.params)
        if not isinstance(p.pattern, (ast.BindPattern, ast.WildcardPattern))
    ]
    result_check = w.check(node.result)
    plain = not (variadic or checks or binders or result_check)
    # the variables of a function that starts again are the old ones, unless somebody could tell the difference
    same = plain and not any(b.captured or b.late for b in bindings)
    outer, w.in_place = w.in_place, (inner, 1) if same else None
    body, blank = w.compile(node.body, inner), inner.blank
    w.in_place = outer
    machine = w.machine
    max_depth, tick = machine.max_depth, machine.tick if machine.metered else None
    body_span = node.body.span
    expected, invoke = node.arity_text, w.invoke

    def prepare(frame: list[Any]) -> None:
        """Type checks and destructuring of the arguments in a new frame."""
        for i, check, what in checks:
            if (mismatch := check(frame[i + 1])) is not None:
                raise validation_error(what, mismatch, i)
        if rest_check is not None:
            items = frame[count + 1].items()
            for j in range(len(items)):
                if (mismatch := rest_check(items[j])) is not None:
                    raise validation_error(f"{label}, variadic argument {j}", mismatch, count + j)
        for i, bind in binders:
            bind(frame[i], frame)

    needs_preparing = bool(checks or rest_check or binders)

    def enter(function: Function, args: list[Any]) -> Any:
        if variadic:
            if len(args) < count:
                raise arity_error(label, expected, len(args), hint=node.arity_hint)
            args = [*args[:count], List.adopt(args[count:])]
        elif len(args) != count:
            raise arity_error(label, expected, len(args), hint=node.arity_hint)
        place: Any = None
        while True:
            frame = [function.env, *args, *blank]
            if needs_preparing:
                try:
                    prepare(frame)
                except RtfsError as error:
                    if place is not None:
                        locate(error, *place)
                    raise
            result = body(frame)
            if type(result) is Again:
                assert result.args is not None  # only what is not checked is in the variables already
                args, place = result.args, result.place
                if variadic:
                    try:
                        args[count] = rest_list(args[count], count)
                    except RtfsError as error:
                        locate(error, *place)
                        raise
            elif result_check is not None and type(result) is TailCall:
                # of a body whose value is checked only calls of the function itself are tail calls
                if result.function is not function:
                    result = invoke(result.function, result.args)
                    break
                args, place = result.args, result.place
            else:
                break
            if tick is not None:
                tick()
        if result_check is not None and (mismatch := result_check(result)) is not None:
            failure = validation_error(f"{label}, result", mismatch)
            failure.span = body_span
            raise failure
        return result

    if not plain:
        return enter, {}

    def start(function: Function, args: list[Any]) -> list[Any]:
        """The environment of a call."""
        if len(args) != count:
            raise arity_error(label, expected, len(args), hint=node.arity_hint)
        return [function.env, *args, *blank]

    def enter_plain(function: Function, args: list[Any]) -> Any:
        """The same where there is nothing to check."""
        frame = start(function, args)
        result = body(frame)
        return again(function, frame, result) if type(result) is Again else result

    def again(function: Function, frame: list[Any], result: Any) -> Any:
        """What the body gives in the end, after it has answered with `recur` once."""
        while type(result) is Again:
            if tick is not None:
                tick()
            if result.args is not None:  # else they are in the frame
                frame = [function.env, *result.args, *blank]
            result = body(frame)
        return result

    # `invoke` and `enter_plain` in one, for any list of operands, for one operand, for two: a Python call less for each call, and
    # without a list of operands half a call more

    def code(function: Function, args: list[Any]) -> Any:
        depth = machine.depth
        if depth >= max_depth:
            raise machine.too_deep()
        machine.depth = depth + 1
        try:
            if tick is not None:
                tick()
            frame = [function.env, *args, *blank] if len(args) == count else start(function, args)
            result = body(frame)
            kind = type(result)
            if kind is Again:
                result = again(function, frame, result)
            return finish(result) if kind is Again or kind is TailCall else result
        finally:
            machine.depth = depth

    def one(function: Function, a: Any) -> Any:
        depth = machine.depth
        if depth >= max_depth:
            raise machine.too_deep()
        machine.depth = depth + 1
        try:
            if tick is not None:
                tick()
            frame = [function.env, a, *blank]
            result = body(frame)
            kind = type(result)
            if kind is Again:
                result = again(function, frame, result)
            return finish(result) if kind is Again or kind is TailCall else result
        finally:
            machine.depth = depth

    def two(function: Function, a: Any, b: Any) -> Any:
        depth = machine.depth
        if depth >= max_depth:
            raise machine.too_deep()
        machine.depth = depth + 1
        try:
            if tick is not None:
                tick()
            frame = [function.env, a, b, *blank]
            result = body(frame)
            kind = type(result)
            if kind is Again:
                result = again(function, frame, result)
            return finish(result) if kind is Again or kind is TailCall else result
        finally:
            machine.depth = depth

    return enter_plain, {"code": code} | ({"one": one} if count == 1 else {"two": two} if count == 2 else {})


def _delegated(w: TreeWalker, node: ast.Fn, local: Any, entries: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """`enter` of a function whose calls go to a model: arguments are checked first, the result after; and the faster ones of a
    function whose calls are decided one by one, for those of which it is known that its body runs."""
    from rtfs.semantics.delegated import delegated_enter
    from rtfs.semantics.shortcuts import LONG_WAY, Shortcut, by_shortcut

    hint = node.hint
    assert hint is not None
    if hint.target != "engine" or hint.plan is not None or w.machine.metered:
        return delegated_enter(w.machine, w.namespace, node, local, w.invoke), {}
    shortcut = Shortcut()
    enter = by_shortcut(shortcut, local, delegated_enter(w.machine, w.namespace, node, local, w.invoke, shortcut))
    known, take, forget, invoke = shortcut.local.get, shortcut.take, shortcut.local.clear, w.invoke
    local_one: Any = entries.get("one")
    local_two: Any = entries.get("two")

    def one(function: Function, a: Any) -> Any:
        if known(type(a)):
            if take() & LONG_WAY:
                return local_one(function, a)
            forget()
        return invoke(function, [a])

    def two(function: Function, a: Any, b: Any) -> Any:
        if known((type(a), type(b))):
            if take() & LONG_WAY:
                return local_two(function, a, b)
            forget()
        return invoke(function, [a, b])

    return enter, ({} if local_one is None else {"one": one}) | ({} if local_two is None else {"two": two})
