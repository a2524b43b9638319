"""`let`, `letrec` and `set!` (reference 2.5, 2.15)."""

from __future__ import annotations

from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.syntax.analyse.core import Analyser, Form, Place, special_form
from rtfs.syntax.analyse.functions import named_function
from rtfs.syntax.analyse.patterns import Names, destructure
from rtfs.values.forms import is_symbol
from rtfs.values.maps import Map
from rtfs.values.printing import preview
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# pattern, type form or None, value: indices into the binding vector
Triple = tuple[int, int | None, int]


def split_bindings(items: list[Any]) -> list[Triple] | None:
    """Cut a binding vector into pattern, type and value.

    A keyword after a name is its type if the vector then still comes out even, else it is the value (reference 2.4): the
    first reading, annotations preferred, that uses all forms.
    """
    from rtfs.types.parse import is_type_keyword

    # from the back: how items[i:] is best read, as (triple, where the rest starts)
    best: dict[int, tuple[Triple, int] | None] = {len(items): None}
    for i in range(len(items) - 2, -1, -1):
        if not _is_pattern(items[i]):
            continue
        follower = items[i + 1]
        readings: list[Triple] = []
        if is_symbol(follower, ":"):
            readings = [(i, i + 2, i + 3)]
        else:
            if type(follower) is Keyword and (is_type_keyword(follower) or follower.name[:1].isupper()):
                readings.append((i, i + 1, i + 2))
            readings.append((i, None, i + 1))
        for reading in readings:
            if reading[2] + 1 in best:
                best[i] = (reading, reading[2] + 1)
                break
    if 0 not in best:
        return None
    triples: list[Triple] = []
    step = best[0]
    while step is not None:
        triples.append(step[0])
        step = best[step[1]]
    return triples


def _is_pattern(form: Any) -> bool:
    return (type(form) is Symbol and form.name != ":") or isinstance(form, (Vector, Map))


def binding_vector(a: Analyser, form: Form, shape: str) -> tuple[list[Any], list[Span | None], list[Triple]]:
    """Items, spans and triples of the binding vector `items[1]`."""
    if len(form) < 2 or type(form.items[1]) is not Vector:
        a.usage(form, shape)
    children = a.children(form.items[1], form.spans[1])
    items, spans = [f for f, _ in children], [s for _, s in children]
    triples = split_bindings(items)
    if triples is None:
        for i in range(0, len(items) - len(items) % 2, 2):
            if not _is_pattern(items[i]):
                a.fail(f"{preview(items[i], 40)} cannot be bound", spans[i], kind="invalid-pattern", hint=f"write {shape}")
        if len(items) % 2 and not any(is_symbol(item, ":") for item in items):
            last = preview(items[-1], 40)
            a.fail(f"the bindings of `{form.name}` do not come in pairs: {last} has no value", spans[-1], hint=f"write {shape}")
        a.fail(
            f"the bindings of `{form.name}` do not come in pairs of pattern and value",
            form.spans[1],
            hint=f"write {shape}",
        )
    return items, spans, triples


@special_form("let", "letrec")
def let_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(let [pattern : T? value …] body+)`; a `fn` literal sees itself and the `fn` literals after it."""
    items, spans, triples = binding_vector(a, form, f"({form.name} [name value …] body…)")
    if len(form) < 3:
        shape = f"({form.name} [name value …] body…)"
        a.fail(f"`{form.name}` requires a binding vector and at least one body expression", form.span, hint=f"write {shape}")
    recursive = form.name == "letrec"
    inner, scope = place.scope()
    names = [items[p].name if type(items[p]) is Symbol and items[p].name != "_" else None for p, _, _ in triples]
    functions = [i for i, (_, _, v) in enumerate(triples) if names[i] is not None and (recursive or _is_fn(items[v]))]
    early: dict[int, ast.Binding] = {}
    for i in functions:
        span = spans[triples[i][0]]
        early[i] = ast.Binding(a.bindable(items[triples[i][0]], span), span, late=True)
        scope.bindings.append(early[i])
    if recursive:
        inner.names.update({b.name: b for b in early.values()})
    bindings: list[ast.LetBinding] = []
    for i, (at, type_at, value_at) in enumerate(triples):
        type_ = a.type(items[type_at], spans[type_at]) if type_at is not None else None
        # a value is in no tail position; a function literal also sees itself and the function literals after it
        values = Place(inner, inner.owner)
        values.names = inner.names
        if i in early and not recursive:
            values = Place(values, inner.owner)
            values.names = {early[j].name: early[j] for j in reversed(functions) if j >= i}
        if i in early and _is_fn(items[value_at]):
            value = named_function(a, items[value_at], values, spans[value_at], early[i])
        else:
            value = a.analyse(items[value_at], values, spans[value_at])
        if i in early:
            pattern: ast.Pattern = ast.BindPattern(spans[at], early[i])
            inner.names[early[i].name] = early[i]
        else:
            pattern = destructure(a, items[at], Names(a, inner), spans[at])
        bindings.append(ast.LetBinding(pattern, type_, value))
    body = a.body(form, 2, inner)
    return ast.Let(form.span, scope, tuple(bindings), body, recursive)


def _is_fn(form: Any) -> bool:
    return type(form) is List and len(form) > 0 and type(form[0]) is Symbol and form[0].name in ("fn", "λ", "lambda")


@special_form("set!")
def set_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(set! name value)`: rebinds the nearest binding of the name; its value is the new value."""
    if len(form) != 3:
        a.usage(form, "(set! name value)")
    symbol = a.symbol(form.items[1], form.spans[1], "what set! changes")
    value = a.analyse(form.items[2], place.nontail(), form.spans[2])
    binding = place.lookup(symbol.name)
    if binding is not None:
        binding.assigned = True
        return ast.SetLocal(form.span, binding, value)
    a.check_known(symbol.name, form.spans[1], place)
    return ast.SetGlobal(form.span, symbol.name, value)
