"""The rarer forms in nodes that were read from an artefact; `wellformed` has the others and says what is looked at."""

from __future__ import annotations

from rtfs.ir.artefact.wellformed import Checker, Place, checks, need
from rtfs.ir.artefact.wellformed_types import check_type
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import RecordType


@checks(ast.ContextRef)
def _context_ref(c: Checker, node: ast.ContextRef, place: Place) -> None:
    return None


@checks(ast.ContextGet)
def _context_get(c: Checker, node: ast.ContextGet, place: Place) -> None:
    if node.variable is not None:
        need(isinstance(node.variable, (ast.Local, ast.Global)), "a look-up")
        c.node(node.variable, place)


@checks(ast.ResourceRef)
def _resource_ref(c: Checker, node: ast.ResourceRef, place: Place) -> None:
    need(not any(sign in ' \t\r\n,()[]{}";' for sign in node.name), "the id of a resource")


def _options(c: Checker, options: ast.StepOptions, place: Place) -> Place:
    """The place of a step's body."""
    apart = place.apart()
    for node in (options.expose_context, options.context_keys):
        if node is not None:
            c.node(node, apart)
    c.nodes(options.param_values, apart)
    need(len(options.param_keys) == len(options.param_values), "the parameters of a step")
    some = len(options.param_keys) > 0
    need((options.scope is not None) == some and (options.params_binding is not None) == some, "the parameters of a step")
    return c.enter(options.scope, apart, first=options.params_binding) if options.scope is not None else apart


def _close(c: Checker, options: ast.StepOptions) -> None:
    if options.scope is not None:
        c.leave(options.scope)


@checks(ast.Step)
def _step(c: Checker, node: ast.Step, place: Place) -> None:
    c.node(node.body, _options(c, node.options, place))
    _close(c, node.options)


@checks(ast.StepLoop)
def _step_loop(c: Checker, node: ast.StepLoop, place: Place) -> None:
    inner = _options(c, node.options, place)
    c.node(node.test, inner)
    c.node(node.body, inner)
    _close(c, node.options)


@checks(ast.Parallel)
def _parallel(c: Checker, node: ast.Parallel, place: Place) -> None:
    count = len(node.branches)
    need(count > 0 and len(node.types) == count, "branches")
    if node.names is None:
        need(not any(node.types), "branches")
    else:
        need(len(node.names) == count and len(set(node.names)) == count, "branches")
    thunks = [isinstance(branch, ast.Fn) and not branch.params and branch.rest is None for branch in node.branches]
    need(all(thunks) or not any(isinstance(branch, ast.Fn) for branch in node.branches), "branches")
    for type_ in node.types:
        c.type(type_)
    c.nodes(node.branches, place)


@checks(ast.WithResource)
def _with_resource(c: Checker, node: ast.WithResource, place: Place) -> None:
    c.type(node.type)
    c.node(node.value, place.apart())
    c.node(node.body, c.enter(node.scope, place.apart(), first=node.binding))
    c.leave(node.scope)


@checks(ast.LogStep)
def _log_step(c: Checker, node: ast.LogStep, place: Place) -> None:
    c.nodes(node.items, place)


@checks(ast.HostForm)
def _host_form(c: Checker, node: ast.HostForm, place: Place) -> None:
    c.nodes(node.args, place)


@checks(ast.WithHints)
def _with_hints(c: Checker, node: ast.WithHints, place: Place) -> None:
    need(len(node.keys) == len(node.values) and all(key.startswith("runtime.") for key in node.keys), "hints")
    c.nodes((*node.values, node.body), place)


@checks(ast.DefStruct)
def _def_struct(c: Checker, node: ast.DefStruct, place: Place) -> None:
    need(isinstance(node.type, RecordType) and node.type.name == node.name, "a struct")
    check_type(node.type)
    at_top = place.scope is None
    for binding in (node.binding, node.predicate_binding):
        need((binding is None) == at_top, "a struct")
        if binding is not None:
            c.define(binding, place)


@checks(ast.DefType)
def _def_type(c: Checker, node: ast.DefType, place: Place) -> None:
    check_type(node.type)


@checks(ast.Import)
def _import(c: Checker, node: ast.Import, place: Place) -> None:
    need(place.scope is None, "an import")


@checks(ast.Module)
def _module(c: Checker, node: ast.Module, place: Place) -> None:
    need(place.scope is None, "a module")
    c.inner += [form for form, _ in node.forms]


@checks(ast.Template)
def _template(c: Checker, node: ast.Template, place: Place) -> None:
    need(node.kind != "metadata" or (len(node.parts) == 2 and not any(part.splice for part in node.parts)), "a template")
    c.nodes([part.node for part in node.parts], place)


@checks(ast.FreshNames)
def _fresh_names(c: Checker, node: ast.FreshNames, place: Place) -> None:
    inner = c.enter(node.scope, place.apart())
    for binding in node.scope.bindings:
        c.bind(binding, inner)
    c.node(node.body, inner)
    c.leave(node.scope)
