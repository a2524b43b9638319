"""`for`, `doseq`, `dotimes`, `loop` and `recur` (reference 2.12)."""

from __future__ import annotations

from rtfs.syntax import nodes as ast
from rtfs.syntax.analyse.bindings import binding_vector, split_bindings
from rtfs.syntax.analyse.core import Analyser, Form, Place, TailTarget, special_form
from rtfs.syntax.analyse.patterns import Names, destructure
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Vector


@special_form("for", "doseq")
def for_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(for [pattern coll :when e :while e :let [..] …] body)`; later collections see earlier variables."""
    collect = form.name == "for"
    shape = "(for [x coll …] body)" if collect else "(doseq [x coll …] body…)"
    if len(form) < 3 or type(form.items[1]) is not Vector or (collect and len(form) != 3):
        a.usage(form, shape)
    children = a.children(form.items[1], form.spans[1])
    if len(children) % 2:
        a.fail(f"the vector of `{form.name}` needs a collection for every name", form.spans[1], hint=f"write {shape}")
    clauses: list[ast.ForClause] = []
    inner = place.nontail()
    for i in range(0, len(children), 2):
        (left, left_span), (right, right_span) = children[i], children[i + 1]
        if type(left) is Keyword:
            if left.name in ("when", "while"):
                test = a.analyse(right, inner, right_span)
                clauses.append(ast.ForClause(left.name, ast.Scope([]), None, test))
            elif left.name == "let":
                inner, clause = _let_clause(a, right, right_span, inner, form)
                clauses.append(clause)
            else:
                a.fail(f":{left.name} is not a modifier of `{form.name}`", left_span, hint="use :when, :while or :let")
            continue
        value = a.analyse(right, inner, right_span)
        inner, scope = inner.scope()
        pattern = destructure(a, left, Names(a, inner), left_span)
        clauses.append(ast.ForClause("each", scope, pattern, value))
    if clauses and clauses[0].kind != "each":
        a.fail(f"`{form.name}` must start with a name and a collection", form.spans[1], hint=f"write {shape}")
    return ast.For(form.span, tuple(clauses), a.body(form, 2, inner), collect)


def _let_clause(a: Analyser, vector: object, span: object, place: Place, form: Form) -> tuple[Place, ast.ForClause]:
    if type(vector) is not Vector:
        a.fail(":let needs a vector of bindings", span, hint="write :let [name value]")  # type: ignore[arg-type]
    children = a.children(vector, span)  # type: ignore[arg-type]
    items, spans = [f for f, _ in children], [s for _, s in children]
    triples = split_bindings(items)
    if triples is None:
        a.fail("the bindings of :let do not come in pairs", span)  # type: ignore[arg-type]
    inner, scope = place.scope()
    bindings = []
    for at, type_at, value_at in triples:
        value = a.analyse(items[value_at], inner, spans[value_at])
        type_ = a.type(items[type_at], spans[type_at]) if type_at is not None else None
        bindings.append(ast.LetBinding(destructure(a, items[at], Names(a, inner), spans[at]), type_, value))
    return inner, ast.ForClause("let", scope, None, None, tuple(bindings))


@special_form("dotimes")
def dotimes_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(dotimes [i n] body+)`: the value of the last turn, nil if there is none."""
    shape = "(dotimes [i n] body…)"
    if len(form) < 3 or type(form.items[1]) is not Vector or len(form.items[1]) != 2:
        a.usage(form, shape)
    (name, name_span), (count, count_span) = a.children(form.items[1], form.spans[1])
    count_node = a.analyse(count, place.nontail(), count_span)
    inner, scope = place.nontail().scope()
    binding = inner.bind(a.bindable(a.symbol(name, name_span, "the counter"), name_span), name_span)
    return ast.Dotimes(form.span, scope, binding, count_node, a.body(form, 2, inner))


@special_form("loop")
def loop_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(loop [name value …] body+)`; `recur` in tail position starts it again with new values."""
    items, spans, triples = binding_vector(a, form, "(loop [name value …] body…)")
    if len(form) < 3:
        a.fail("`loop` needs at least one body expression", form.span)
    inner, scope = place.scope()
    values_place = Place(inner, inner.owner)
    values_place.names = inner.names
    bindings: list[ast.LetBinding] = []
    for at, type_at, value_at in triples:
        value = a.analyse(items[value_at], values_place, spans[value_at])
        type_ = a.type(items[type_at], spans[type_at]) if type_at is not None else None
        bindings.append(ast.LetBinding(destructure(a, items[at], Names(a, inner), spans[at]), type_, value))
    body_place, body_scope = inner.scope()
    body_place.tail = TailTarget(len(bindings), in_loop=True)
    body = a.body(form, 2, body_place)
    if body_scope.bindings:
        body = ast.Let(form.span, body_scope, (), body)
    return ast.Loop(form.span, scope, tuple(bindings), body)


@special_form("recur")
def recur_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(recur value…)`, in tail position of a `loop` or a function."""
    target = place.tail
    if target is None:
        a.fail(
            "`recur` is not in tail position of a loop or function",
            form.span,
            kind="misplaced-recur",
            hint="the value of recur must be the value of the whole loop or function body",
        )
    inner = place.nontail()
    args = tuple([a.analyse(form.items[i], inner, form.spans[i]) for i in range(1, len(form))])
    if len(args) != target.count:
        what = "loop" if target.in_loop else "function"
        a.fail(f"`recur` gives {_values(len(args))} and the {what} takes {target.count}", form.span, kind="static-arity")
    return ast.Recur(form.span, args, target.in_loop)


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"
