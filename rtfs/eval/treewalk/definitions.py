"""Structs, types, modules, and quasiquoted forms."""

from __future__ import annotations

from rtfs.eval.treewalk.effects import placed
from rtfs.eval.treewalk.walker import Env, Layout, Run, TreeWalker, compiles, storer
from rtfs.semantics.templates import add_part, make_template
from rtfs.semantics.typecheck import struct_constructor
from rtfs.syntax import nodes as ast
from rtfs.values.functions import Builtin
from rtfs.values.scalars import Symbol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@compiles(ast.DefStruct)
def _def_struct(w: TreeWalker, node: ast.DefStruct, layout: Layout | None) -> Run:
    namespace, name = w.namespace, node.name
    stores = [storer(layout, b) if b is not None else None for b in (node.binding, node.predicate_binding)]

    def run_struct(env: Env) -> Any:
        namespace.define_type(name, node.type)
        check = w.check(node.type)
        constructor = Builtin(name, struct_constructor(name, check), 1, 1, f"Constructor of struct {name}.")
        predicate = Builtin(f"{name}?", lambda value: check(value) is None, 1, 1, f"Whether a value is a {name}.")
        for store, label, value in zip(stores, (name, f"{name}?"), (constructor, predicate), strict=True):
            if store is not None:
                store(env, value)
            else:
                namespace.define(label, value)
        return constructor

    return run_struct


@compiles(ast.DefType)
def _def_type(w: TreeWalker, node: ast.DefType, layout: Layout | None) -> Run:
    def run_type(env: Env) -> None:
        w.namespace.define_type(node.name, node.type)

    return run_type


@compiles(ast.Import)
def _import(w: TreeWalker, node: ast.Import, layout: Layout | None) -> Run:
    def run_import(env: Env) -> None:
        with placed(node.span):
            w.machine.modules.import_into(w.namespace, node)

    return run_import


@compiles(ast.Module)
def _module(w: TreeWalker, node: ast.Module, layout: Layout | None) -> Run:
    def run_module(env: Env) -> Any:
        with placed(node.span):
            return w.machine.modules.define(node)

    return run_module


@compiles(ast.Template)
def _template(w: TreeWalker, node: ast.Template, layout: Layout | None) -> Run:
    parts = [(w.compile(part.node, layout), part.splice, part.node.span) for part in node.parts]
    kind, span = node.kind, node.span

    def run_template(env: Env) -> Any:
        out: list[Any] = []
        for run, splice, where in parts:
            add_part(out, run(env), splice, where)
        return make_template(kind, out, span)

    return run_template


@compiles(ast.FreshNames)
def _fresh_names(w: TreeWalker, node: ast.FreshNames, layout: Layout | None) -> Run:
    inner = Layout(layout, node.scope.bindings, len(node.scope.bindings))
    body, blank = w.compile(node.body, inner), inner.blank
    names, fresh = [b.name for b in node.scope.bindings], w.machine.fresh_name
    return lambda env: body([env, *[Symbol(fresh(name)) for name in names], *blank])
