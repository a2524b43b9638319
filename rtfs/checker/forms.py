"""The other special forms: what each gives, and what is known inside it."""

from __future__ import annotations

from rtfs.checker.flow import Flow
from rtfs.checker.globals import outline
from rtfs.checker.infer import Inference, infers
from rtfs.checker.patterns import bind, bindable
from rtfs.checker.shapes import MOST_ITEMS, all_of, plain
from rtfs.checker.wanting import Want, described, step, words
from rtfs.syntax import nodes as ast
from rtfs.types.lattice import widened
from rtfs.types.nodes import (
    ANY,
    NEVER,
    NIL,
    Entry,
    Primitive,
    RecordType,
    TupleType,
    Type,
    VectorType,
)
from rtfs.types.subtyping import overlap
from rtfs.values.equality import equal
from rtfs.values.printing import to_readable

# --- collections -----------------------------------------------------------------------------


@infers(ast.MakeVector, passes_on=True)
def _make_vector(c: Inference, node: ast.MakeVector, flow: Flow, want: Want | None) -> Type:
    wanted = None if want is None else plain(want.type, c.lookup)
    if isinstance(wanted, VectorType):
        inner = [want.inside(wanted.item, f"[{i}]") for i in range(len(node.items))]  # type: ignore[union-attr]
        return _vector([c.infer(item, flow, inner[i]) for i, item in enumerate(node.items)], c)
    if isinstance(wanted, TupleType) and len(wanted.items) == len(node.items):
        pairs = zip(node.items, wanted.items, strict=True)
        return TupleType(tuple([c.infer(item, flow, want.inside(t, f"[{i}]")) for i, (item, t) in enumerate(pairs)]))  # type: ignore[union-attr]
    found = _vector([c.infer(item, flow) for item in node.items], c)
    if want is not None:
        c.compare(found, want, node, flow)
    return found


def _vector(types: list[Type], c: Inference) -> Type:
    if not types:
        return VectorType(NEVER)
    if len(types) <= MOST_ITEMS:
        return TupleType(tuple(types))
    return VectorType(all_of([widened(type) for type in types], c.lookup))


@infers(ast.MakeMap, passes_on=True)
def _make_map(c: Inference, node: ast.MakeMap, flow: Flow, want: Want | None) -> Type:
    wanted = None if want is None else plain(want.type, c.lookup)
    record = wanted if isinstance(wanted, RecordType) else None
    entries = []
    for key, value in zip(node.keys, node.values, strict=True):
        inner = None
        if record is not None:
            entry = next((e for e in record.entries if equal(e.key, key)), None)
            type = entry.type if entry is not None else record.rest
            if type is not None:
                inner = want.inside(type, step(key))  # type: ignore[union-attr]
        entries.append(Entry(key, c.infer(value, flow, inner)))
    found = RecordType(tuple(entries), NEVER)
    if want is not None and not (record is not None and _has_all(c, node, record, want)):
        c.compare(found, want, node, flow)
    return found


def _has_all(c: Inference, node: ast.MakeMap, record: RecordType, want: Want) -> bool:
    """Report the keys that a record wants and a literal has not. True: the literal need not be compared as a whole."""
    names = {to_readable(key).lstrip(":").strip('"') for key in node.keys}  # a string key will do for a keyword
    missing = [e for e in record.entries if not e.optional and to_readable(e.key).lstrip(":").strip('"') not in names]
    if missing:
        keys = ", ".join([to_readable(entry.key) for entry in missing])
        at = f" at {want.path}" if want.path else ""
        message = f"{want.where}: missing required key{'s' if len(missing) > 1 else ''} {keys}{at}"
        c.problems.report("type-mismatch", message, node.span, f"the type is {words(record)}" if record.name is None else None)
    return True


# --- binding ---------------------------------------------------------------------------------


@infers(ast.Let, passes_on=True)
def _let(c: Inference, node: ast.Let, flow: Flow, want: Want | None) -> Type:
    inner = flow.branch()
    for binding in node.bindings:  # functions see each other
        if isinstance(binding.value, ast.Fn) and isinstance(binding.pattern, ast.BindPattern):
            inner.know(binding.pattern.binding, outline(binding.value))
    for binding in node.bindings:
        bind_value(c, binding, inner)
    found = c.infer(node.body, inner, want)
    _leave(flow, inner)
    return found


def _leave(flow: Flow, inner: Flow) -> None:
    """What was learnt inside about names outside holds outside, too."""
    flow.ended |= inner.ended
    for binding in flow.types:
        flow.types[binding] = inner.types[binding]


def bind_value(c: Inference, binding: ast.LetBinding, flow: Flow) -> None:
    pattern = binding.pattern
    name = f"`{pattern.binding.name}`" if isinstance(pattern, ast.BindPattern) else "the pattern"
    want = None if binding.type is None else Want(binding.type, name)
    found = c.infer(binding.value, flow, want)
    if binding.type is None and not isinstance(pattern, ast.BindPattern) and not overlap(found, bindable(pattern), c.lookup):
        kind = (
            "map"
            if isinstance(pattern, ast.MapPattern)
            else "vector of that length"
            if isinstance(pattern, ast.VectorPattern)
            else "value"
        )
        c.problems.report(
            "type-mismatch",
            f"this cannot be taken apart: the pattern wants a {kind}, and it is {described(found)}",
            binding.value.span,
        )
    type = binding.type or found
    if isinstance(binding.value, ast.Fn) and isinstance(pattern, ast.BindPattern):
        flow.know(pattern.binding, type)
        return
    if (
        isinstance(binding.value, (ast.Call, ast.And, ast.Or))
        and isinstance(pattern, ast.BindPattern)
        and not pattern.binding.assigned
    ):
        c.tests[pattern.binding] = binding.value
    declared = binding.type is not None or c.is_declared(binding.value, flow)
    bind(pattern, type, flow, c.lookup, lambda part: c.infer(part, flow), declared=declared)


@infers(ast.DefLocal)
def _def_local(c: Inference, node: ast.DefLocal, flow: Flow, want: Want | None) -> Type:
    wanted = None if node.type is None else Want(node.type, f"`{node.binding.name}`")
    found = c.infer(node.value, flow, wanted)
    if node.binding not in c.redefined:
        flow.know(node.binding, node.type or widened(found))
    return ANY


@infers(ast.SetLocal)
def _set_local(c: Inference, node: ast.SetLocal, flow: Flow, want: Want | None) -> Type:
    c.infer(node.value, flow)
    return ANY


# --- errors ----------------------------------------------------------------------------------

#: Selectors of `catch` that say: I expect a mistake in the types here.
_EXPECTS_MISTAKES = frozenset(
    {"type-error", "type-validation-error", "arity-mismatch", "not-callable", "validation-error", "error/validation", "match-error"}
)


@infers(ast.Try, passes_on=True)
def _try(c: Inference, node: ast.Try, flow: Flow, want: Want | None) -> Type:
    expected = any(clause.selector in _EXPECTS_MISTAKES for clause in node.catches)
    inner = flow.branch()
    c.problems.muted += expected
    result = c.infer(node.body, inner)
    c.problems.muted -= expected
    if want is not None and not overlap(result, want.type, c.lookup):
        inside, want = want, None  # the body may be there for its error: only together with the handlers it is a mistake
    else:
        inside = None
    for clause in node.catches:
        handler = flow.branch()
        if clause.binding is not None:
            handler.bind(clause.binding, ANY)
        result = c.both(result, c.infer(clause.body, handler, want))
    if node.final is not None:
        c.infer(node.final, flow.branch())
    if inside is not None:
        c.compare(result, inside, node, flow)
    return result


# --- the world outside -----------------------------------------------------------------------


@infers(ast.ContextRef, ast.ContextGet, ast.ResourceRef, ast.DefStruct, ast.DefType, ast.Import, ast.Module)
def _unknown(c: Inference, node: ast.Node, flow: Flow, want: Want | None) -> Type:
    return ANY


@infers(ast.HostForm)
def _host_form(c: Inference, node: ast.HostForm, flow: Flow, want: Want | None) -> Type:
    for arg in node.args:
        c.infer(arg, flow)
    return ANY


@infers(ast.LogStep)
def _log_step(c: Inference, node: ast.LogStep, flow: Flow, want: Want | None) -> Type:
    for item in node.items:
        c.infer(item, flow)
    return NIL


def _step_options(c: Inference, made: ast.StepOptions, flow: Flow) -> Flow:
    for part in (made.expose_context, made.context_keys, *made.param_values):
        if part is not None:
            c.infer(part, flow)
    inner = flow.branch()
    if made.params_binding is not None:
        inner.bind(made.params_binding, Primitive("map"))
    return inner


@infers(ast.Step, passes_on=True)
def _step(c: Inference, node: ast.Step, flow: Flow, want: Want | None) -> Type:
    return c.infer(node.body, _step_options(c, node.options, flow), want)


@infers(ast.StepLoop)
def _step_loop(c: Inference, node: ast.StepLoop, flow: Flow, want: Want | None) -> Type:
    inner = _step_options(c, node.options, flow)
    c.infer(node.test, inner)
    c.infer(node.body, inner)
    return ANY


@infers(ast.Parallel)
def _parallel(c: Inference, node: ast.Parallel, flow: Flow, want: Want | None) -> Type:
    found = []
    for i, branch in enumerate(node.branches):
        declared = node.types[i] if i < len(node.types) else None
        name = node.names[i] if node.names else f"branch {i + 1}"
        value = branch.body if isinstance(branch, ast.Fn) else branch
        found.append(declared or c.infer(value, flow.branch(), None))
        if declared is not None:
            c.infer(value, flow.branch(), Want(declared, f"`{name}`"))
    return Primitive("map") if node.names is not None else TupleType(tuple(found)) if found else VectorType(NEVER)


@infers(ast.WithResource, passes_on=True)
def _with_resource(c: Inference, node: ast.WithResource, flow: Flow, want: Want | None) -> Type:
    c.infer(node.value, flow)
    inner = flow.branch()
    inner.bind(node.binding, ANY)
    return c.infer(node.body, inner, want)


@infers(ast.WithHints, passes_on=True)
def _with_hints(c: Inference, node: ast.WithHints, flow: Flow, want: Want | None) -> Type:
    for value in node.values:
        c.infer(value, flow)
    return c.infer(node.body, flow, want)


@infers(ast.Template)
def _template(c: Inference, node: ast.Template, flow: Flow, want: Want | None) -> Type:
    for part in node.parts:
        c.infer(part.node, flow)
    return ANY


@infers(ast.FreshNames)
def _fresh_names(c: Inference, node: ast.FreshNames, flow: Flow, want: Want | None) -> Type:
    return c.infer(node.body, flow)
