"""Functions and calls: binding arguments, checking types, tail calls, `recur`, delegation."""

from __future__ import annotations

from rtfs.errors import Frame, LimitExceeded, RtfsError
from rtfs.eval.tails import Again, TailCall
from rtfs.eval.treewalk.walker import UNBOUND, Env, Layout, Run, TreeWalker, compiles, locate
from rtfs.semantics.calls import call
from rtfs.semantics.faults import arity_error, type_error
from rtfs.semantics.machine import Machine
from rtfs.semantics.typecheck import validation_error
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.values.functions import Builtin, Function
from rtfs.values.sequences import List, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_TRACE = 200


@compiles(ast.Fn)
def _fn(w: TreeWalker, node: ast.Fn, layout: Layout | None) -> Run:
    machine, invoke = w.machine, w.invoke
    if node.self_binding is not None:
        layout = Layout(layout, [node.self_binding])
    enter = _body(w, node, layout)
    if node.hint is not None and node.hint.target != "local":
        enter = _delegated(w, node, enter)
    if machine.metered:
        enter = _metered(machine, enter)
    name, meta, module = node.name, node.meta, w.namespace.name

    if node.self_binding is not None:

        def make_named(env: Env) -> Function:
            frame = [env, None]
            frame[1] = function = Function(name, node, invoke, enter, frame, meta, module)
            return function

        return make_named
    return lambda env: Function(name, node, invoke, enter, env, meta, module)


def _metered(machine: Machine, enter: Any) -> Any:
    tick = machine.tick

    def enter_metered(function: Function, args: list[Any]) -> Any:
        tick()
        return enter(function, args)

    return enter_metered


def _label(node: ast.Fn) -> str:
    return node.name or "<fn>"


def _body(w: TreeWalker, node: ast.Fn, layout: Layout | None) -> Any:
    """`enter(function, args)`: binds arguments, checks types, runs the body, and starts again on `recur`."""
    inner = Layout(layout, node.scope.bindings)
    count, variadic = len(node.params), node.rest is not None
    blank = [UNBOUND] * (len(node.scope.bindings) - count - variadic)
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
    body = w.compile(node.body, inner)
    tick = w.machine.tick if w.machine.metered else None
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
                args, place = result.args, result.place
                if variadic:
                    args[count] = _rest_list(args[count], count, place)
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

    def enter_plain(function: Function, args: list[Any]) -> Any:
        """The same where there is nothing to check."""
        if len(args) != count:
            raise arity_error(label, expected, len(args), hint=node.arity_hint)
        result = body([function.env, *args, *blank])
        while type(result) is Again:
            if tick is not None:
                tick()
            result = body([function.env, *result.args, *blank])
        return result

    if variadic or needs_preparing or result_check is not None:
        return enter
    return enter_plain


def _rest_list(value: Any, index: int, place: Any) -> List:
    """What `recur` gives for a rest parameter, as the list that a call would make."""
    if value is None:
        return List()
    if not isinstance(value, Sequence):
        error = type_error("recur", "list for the rest parameter", value, index)
        locate(error, *place)
        raise error
    return value if type(value) is List else List.adopt(value.items())


def _delegated(w: TreeWalker, node: ast.Fn, local: Any) -> Any:
    """`enter` of a function whose calls go to a model: arguments are checked first, the result after."""
    from rtfs.semantics.delegated import delegated_enter

    return delegated_enter(w.machine, w.namespace, node, local, w.invoke)


@compiles(ast.Call)
def _call(w: TreeWalker, node: ast.Call, layout: Layout | None) -> Run:
    if node.tail:
        tail: Run = _tail_call(w, node, layout)
        return tail
    head = w.compile(node.function, layout)
    span = node.span
    arg_spans = tuple([arg.span for arg in node.args])
    name = _call_name(node.function)
    runs = w.compile_all(node.args, layout)

    def fail(error: Exception, function: Any) -> None:
        """Called on the way of an error through this call."""
        if isinstance(error, RtfsError):
            if type(error) is LimitExceeded:
                error.release()
            locate(error, span, arg_spans)
            if type(function) is Function and len(error.trace) < MAX_TRACE:
                error.trace.append(Frame(function.name or name, span))

    # calls of globals with one or two operands are most calls: for them the look-up of the name is done in place
    get, label = w.namespace.values.get, node.function.name if isinstance(node.function, ast.Global) else None
    if label is not None and len(runs) == 1:
        first = runs[0]

        def call_one(env: Env) -> Any:
            function = get(label) or head(env)
            a = first(env)
            try:
                kind = type(function)
                if kind is Builtin and function.takes & 2:
                    return function.call(a)
                if kind is Function:
                    return function.code(function, [a])
                return call(function, [a])
            except RtfsError as error:
                fail(error, function)
                raise

        return call_one
    if label is not None and len(runs) == 2:
        first, second = runs

        def call_two(env: Env) -> Any:
            function = get(label) or head(env)
            a = first(env)
            b = second(env)
            try:
                kind = type(function)
                if kind is Builtin and function.takes & 4:
                    return function.call(a, b)
                if kind is Function:
                    return function.code(function, [a, b])
                return call(function, [a, b])
            except RtfsError as error:
                fail(error, function)
                raise

        return call_two

    def call_any(env: Env) -> Any:
        function = head(env)
        args = [run(env) for run in runs]
        try:
            if type(function) is Function:
                return function.code(function, args)
            return call(function, args)
        except RtfsError as error:
            fail(error, function)
            raise

    return call_any


def _call_name(node: ast.Node) -> str:
    if isinstance(node, ast.Global):
        return node.name
    if isinstance(node, ast.Local):
        return node.binding.name
    return "<fn>"


@compiles(ast.SelfCall)
def _tail_call(w: TreeWalker, node: ast.Call | ast.SelfCall, layout: Layout | None) -> Run:
    """A call whose value is the value of the function around it: the frame is given up for it."""
    head = w.compile(node.function, layout)
    runs = w.compile_all(node.args, layout)
    place = _place(node)
    two = len(runs) == 2

    def tail_call(env: Env) -> Any:
        function = head(env)
        args = [run(env) for run in runs]
        kind = type(function)
        if kind is Function:
            return TailCall(function, args, place)
        try:
            if kind is Builtin and two and function.takes & 4:
                return function.call(args[0], args[1])
            return call(function, args)
        except RtfsError as error:
            locate(error, *place)
            raise

    return tail_call


@compiles(ast.Recur)
def _recur(w: TreeWalker, node: ast.Recur, layout: Layout | None) -> Run:
    runs = w.compile_all(node.args, layout)
    place = _place(node)
    return lambda env: Again([run(env) for run in runs], place)


def _place(node: ast.Call | ast.SelfCall | ast.Recur) -> tuple[Span | None, tuple[Span | None, ...]]:
    """Span of a call and of its operands, for `locate`."""
    return node.span, tuple([arg.span for arg in node.args])
