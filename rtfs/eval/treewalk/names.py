"""Names, constants, literals of collections, and the forms that bind: `let`, `def`, `set!`."""

from __future__ import annotations

from collections.abc import Callable

from rtfs.errors import EvalError
from rtfs.eval.treewalk.walker import UNBOUND, Env, Layout, Run, TreeWalker, compiles, storer, within
from rtfs.semantics.typecheck import validation_error
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.values.maps import Map
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MISSING: Any = object()


@compiles(ast.Const)
def _const(w: TreeWalker, node: ast.Const, layout: Layout | None) -> Run:
    value = node.value
    return lambda env: value


@compiles(ast.Local)
def _local(w: TreeWalker, node: ast.Local, layout: Layout | None) -> Run:
    assert layout is not None
    hops, index = layout.find(node.binding)
    if node.binding.late:
        return _late_local(node, hops, index)
    if hops == 0:
        return lambda env: env[index]
    if hops == 1:
        return lambda env: env[0][index]
    if hops == 2:
        return lambda env: env[0][0][index]

    def outer(env: Env) -> Any:
        for _ in range(hops):
            env = env[0]
        return env[index]

    return outer


def _late_local(node: ast.Local, hops: int, index: int) -> Run:
    name, span = node.binding.name, node.span

    def late(env: Env) -> Any:
        for _ in range(hops):
            env = env[0]
        value = env[index]
        if value is UNBOUND:
            raise EvalError(
                f"Undefined symbol: {name}", kind="undefined-symbol", span=span, hint="it is used before its definition"
            )
        return value

    return late


@compiles(ast.Global)
def _global(w: TreeWalker, node: ast.Global, layout: Layout | None) -> Run:
    name, span = node.name, node.span
    machine, namespace = w.machine, w.namespace
    values = namespace.values

    def look_up(env: Env) -> Any:
        value = values.get(name, _MISSING)
        return value if value is not _MISSING else machine.missing(namespace, name, span)

    return look_up


@compiles(ast.MakeVector)
def _make_vector(w: TreeWalker, node: ast.MakeVector, layout: Layout | None) -> Run:
    runs = w.compile_all(node.items, layout)
    adopt = Vector.adopt
    return lambda env: adopt([run(env) for run in runs])


@compiles(ast.MakeMap)
def _make_map(w: TreeWalker, node: ast.MakeMap, layout: Layout | None) -> Run:
    keys = node.keys
    runs = w.compile_all(node.values, layout)
    if all(type(k) is not float and type(k) is not bool for k in keys):

        def make(env: Env) -> Map:
            table = {}
            for i in range(len(keys)):
                table[keys[i]] = runs[i](env)
            return Map.adopt(table)

        return make
    return lambda env: Map([(keys[i], runs[i](env)) for i in range(len(keys))])


def bind_all_of(w: TreeWalker, bindings: tuple[ast.LetBinding, ...], layout: Layout, form: str = "let") -> Callable[[Env], None]:
    """A function that evaluates and binds in order."""
    steps: list[tuple[Run, Any, Any, str, Span | None]] = []
    compiler = w.patterns(layout)
    for b in bindings:
        bind: Any
        if isinstance(b.pattern, ast.BindPattern):
            bind = layout.slots.get(b.pattern.binding) or compiler.binder(b.pattern)
            label = b.pattern.binding.name
        else:
            bind = compiler.binder(b.pattern)
            label = "pattern"
        steps.append((w.compile(b.value, layout), w.check(b.type), bind, f"{form} {label}", b.value.span))
    if all(check is None and type(bind) is int for _, check, bind, _, _ in steps):
        plain = [(run, slot) for run, _, slot, _, _ in steps]

        def bind_plain(env: Env) -> None:
            for run, slot in plain:
                env[slot] = run(env)

        return bind_plain

    def bind_all(env: Env) -> None:
        for run, check, bind, label, span in steps:
            value = run(env)
            if check is not None and (mismatch := check(value)) is not None:
                error = validation_error(label, mismatch)
                error.span = span
                raise error
            if type(bind) is int:
                env[bind] = value
            else:
                bind(value, env)

    return bind_all


@compiles(ast.Let)
def _let(w: TreeWalker, node: ast.Let, layout: Layout | None) -> Run:
    bindings = node.scope.bindings
    if not bindings and not node.bindings:
        return w.compile(node.body, layout)
    inner = within(layout, bindings)
    if inner is layout and len(node.bindings) == 1:
        first = node.bindings[0]
        if isinstance(first.pattern, ast.BindPattern) and first.type is None:
            return _let_one(w, first, node.body, inner, inner.slots[first.pattern.binding])
    bind_all = bind_all_of(w, node.bindings, inner)
    body = w.compile(node.body, inner)
    if inner is layout:

        def run_let(env: Env) -> Any:
            bind_all(env)
            return body(env)

        return run_let
    blank = inner.blank

    def run_let_apart(env: Env) -> Any:
        frame = [env, *blank]
        bind_all(frame)
        return body(frame)

    return run_let_apart


def _let_one(w: TreeWalker, binding: ast.LetBinding, rest: ast.Node, layout: Layout, slot: int) -> Run:
    """A `let` of one name, as macros make them: a fifth of the time of a program that is made of them."""
    value, body = w.compile(binding.value, layout), w.compile(rest, layout)

    def run_let_one(env: Env) -> Any:
        env[slot] = value(env)
        return body(env)

    return run_let_one


@compiles(ast.Def)
def _def(w: TreeWalker, node: ast.Def, layout: Layout | None) -> Run:
    value, name, define = _defined(w, node, node.name, layout), node.name, w.namespace.define

    def run_def(env: Env) -> Any:
        result = value(env)
        define(name, result)
        return result

    return run_def


@compiles(ast.DefLocal)
def _def_local(w: TreeWalker, node: ast.DefLocal, layout: Layout | None) -> Run:
    value, store = _defined(w, node, node.binding.name, layout), storer(layout, node.binding)

    def run_def(env: Env) -> Any:
        result = value(env)
        store(env, result)
        return result

    return run_def


def _defined(w: TreeWalker, node: ast.Def | ast.DefLocal, name: str, layout: Layout | None) -> Run:
    """The value of a definition, which belongs to its type."""
    value, check, span = w.compile(node.value, layout), w.check(node.type), node.value.span
    if check is None:
        return value

    def run_checked(env: Env) -> Any:
        result = value(env)
        mismatch = check(result)
        if mismatch is not None:
            error = validation_error(f"def {name}", mismatch)
            error.span = span
            raise error
        return result

    return run_checked


@compiles(ast.SetLocal)
def _set_local(w: TreeWalker, node: ast.SetLocal, layout: Layout | None) -> Run:
    value, store = w.compile(node.value, layout), storer(layout, node.binding)

    def run_set(env: Env) -> Any:
        result = value(env)
        store(env, result)
        return result

    return run_set


@compiles(ast.SetGlobal)
def _set_global(w: TreeWalker, node: ast.SetGlobal, layout: Layout | None) -> Run:
    value, name, span, namespace = w.compile(node.value, layout), node.name, node.span, w.namespace

    def run_set(env: Env) -> Any:
        result = value(env)
        if name not in namespace.values:
            raise EvalError(
                f"Undefined symbol: {name}", kind="undefined-symbol", span=span, hint=f"define it first: (def {name} …)"
            )
        namespace.define(name, result)
        return result

    return run_set
