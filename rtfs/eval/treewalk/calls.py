"""Calls, tail calls, `recur`."""

from __future__ import annotations

from collections.abc import Callable

from rtfs.errors import Frame, LimitExceeded, RtfsError
from rtfs.eval.tails import Again, TailCall
from rtfs.eval.treewalk.walker import Env, Layout, Run, TreeWalker, compiles
from rtfs.semantics.calls import call
from rtfs.semantics.faults import locate
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.values.functions import Builtin, Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Gather = Callable[[Env], list[Any]]

MAX_TRACE = 200
_NO_OPERANDS: Any = [(None, 0)] * 3


@compiles(ast.Call, ast.SelfCall)
def _call(w: TreeWalker, node: ast.Call | ast.SelfCall, layout: Layout | None) -> Run:
    tail = isinstance(node, ast.SelfCall) or node.tail  # the frame is given up for it
    head = w.compile(node.function, layout)
    span = node.span
    arg_spans = tuple([arg.span for arg in node.args])
    place = span, arg_spans
    name = _call_name(node.function)

    def fail(error: RtfsError, function: Any) -> None:
        """Called on the way of an error through this call."""
        if type(error) is LimitExceeded:
            error.release()
        locate(error, span, arg_spans)
        if type(function) is Function and len(error.trace) < MAX_TRACE:
            error.trace.append(Frame(function.name or name, span))

    runs, slots, gather = _operands(w, node.args, layout)

    def call_any(env: Env) -> Any:
        function = head(env)
        args = gather(env)
        try:
            if type(function) is Function:
                return TailCall(function, args, place) if tail else function.code(function, args)
            return call(function, args)
        except RtfsError as error:
            fail(error, function)
            raise

    # Most calls are of a global with one or two operands. It is looked up in place, and called directly if it is the built-in that
    # it was when the closure was made, or a function: half the time of `call_any`.
    count = len(runs)
    if not isinstance(node.function, ast.Global) or not 0 < count < 3:
        return call_any
    get, label = w.namespace.values.get, node.function.name
    known: Any = get(label)
    is_known = type(known) is Builtin and known.takes & (1 << count)
    if tail and not is_known:
        return call_any
    first, i = runs[0], slots[0]
    if count == 1:
        if not is_known:

            def call_one(env: Env) -> Any:
                function = get(label)
                if type(function) is not Function:
                    return call_any(env)
                a = env[i] if i else first(env)
                try:
                    code = function.one
                    return code(function, a)
                except RtfsError as error:
                    fail(error, function)
                    raise

            return call_one
        one = known.call

        def call_builtin_one(env: Env) -> Any:
            if get(label) is not known:
                return call_any(env)
            a = env[i] if i else first(env)
            try:
                return one(a)
            except RtfsError as error:
                fail(error, known)
                raise

        return call_builtin_one
    second, j = runs[1], slots[1]
    if not is_known:

        def call_two(env: Env) -> Any:
            function = get(label)
            if type(function) is not Function:
                return call_any(env)
            a = env[i] if i else first(env)
            b = env[j] if j else second(env)
            try:
                code = function.two
                return code(function, a, b)
            except RtfsError as error:
                fail(error, function)
                raise

        return call_two
    two = known.two

    def call_builtin_two(env: Env) -> Any:
        if get(label) is not known:
            return call_any(env)
        a = env[i] if i else first(env)
        b = env[j] if j else second(env)
        try:
            return two(a, b)
        except RtfsError as error:
            fail(error, known)
            raise

    return call_builtin_two


def _operands(w: TreeWalker, nodes: tuple[ast.Node, ...], layout: Layout | None) -> tuple[list[Run], list[int], Gather]:
    """The operands of a call: their closures; the slots where their values are, or 0; and all values in a new list.

    About every second operand is in a slot, which is a Python call less; and a list display of few items takes half the time of a
    comprehension.
    """
    runs = w.compile_all(nodes, layout)
    if not 0 < len(runs) < 4:
        return runs, [], lambda env: [run(env) for run in runs]
    slots = [_slot(node, layout) for node in nodes]
    (first, i), (second, j), (third, k) = [*zip(runs, slots, strict=True), *_NO_OPERANDS][:3]
    if len(runs) == 1:
        return runs, slots, lambda env: [env[i] if i else first(env)]
    if len(runs) == 2:
        return runs, slots, lambda env: [env[i] if i else first(env), env[j] if j else second(env)]
    return runs, slots, lambda env: [env[i] if i else first(env), env[j] if j else second(env), env[k] if k else third(env)]


def _slot(node: ast.Node, layout: Layout | None) -> int:
    """The slot of this environment that holds the value of a variable, or of a constant, which gets one; 0 for anything else."""
    if layout is None:
        return 0
    if isinstance(node, ast.Local) and not node.binding.late:
        return layout.slots.get(node.binding, 0)
    if isinstance(node, ast.Const):
        layout.blank.append(node.value)
        return layout.given + len(layout.blank)
    return 0


def _call_name(node: ast.Node) -> str:
    if isinstance(node, ast.Global):
        return node.name
    if isinstance(node, ast.Local):
        return node.binding.name
    return "<fn>"


@compiles(ast.Recur)
def _recur(w: TreeWalker, node: ast.Recur, layout: Layout | None) -> Run:
    runs, slots, gather = _operands(w, node.args, layout)
    place: tuple[Span | None, tuple[Span | None, ...]] = node.span, tuple([arg.span for arg in node.args])
    if w.in_place is None or w.in_place[0] is not layout:
        return lambda env: Again(gather(env), place)
    start = w.in_place[1]
    stop = start + len(runs)
    again = Again(None, place)
    if len(runs) == 2:  # as in most loops, and a tenth of their time
        (first, second), (i, j) = runs, slots

        def recur_two(env: Env) -> Any:
            a = env[i] if i else first(env)
            env[start + 1] = env[j] if j else second(env)
            env[start] = a
            return again

        return recur_two

    def recur_in_place(env: Env) -> Any:
        env[start:stop] = gather(env)
        return again

    return recur_in_place
