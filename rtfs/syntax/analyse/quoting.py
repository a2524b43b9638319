"""`quote`, quasiquote and `defmacro` (reference 2.17, 5)."""

from __future__ import annotations

from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.syntax.analyse.core import SPECIAL_FORMS, Analyser, Form, Place, special_form
from rtfs.syntax.analyse.functions import function
from rtfs.values.forms import MetaForm, head_name
from rtfs.values.maps import EMPTY_MAP, Map
from rtfs.values.scalars import Symbol
from rtfs.values.sequences import List, Sequence, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KINDS = {List: "list", Vector: "vector", Map: "map"}


@special_form("quote")
def quote_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(quote x)`, `'x`: the form as data."""
    if len(form) != 2:
        a.usage(form, "(quote form)")
    return ast.Const(form.span, form.items[1])


@special_form("unquote", "unquote-splicing")
def stray_unquote(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`~x` outside a quasiquote."""
    a.fail("unquote outside of a quasiquote", form.span, hint="~x and ~@x belong inside a quasiquote, which starts with `")


@special_form("quasiquote")
def quasiquote_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`` `x ``: a template in which `~x` is evaluated, `~@xs` spliced, and `x#` is a fresh symbol per evaluation."""
    if len(form) != 2:
        a.usage(form, "`form")
    around, fresh = place.nontail().scope()
    inner, scope = around.scope()
    body = _Template(a, inner, around).build(form.items[1], form.spans[1], 1)
    if scope.bindings:  # `def` in what is unquoted
        body = ast.Let(form.span, scope, (), body)
    return ast.FreshNames(form.span, fresh, body) if fresh.bindings else body


class _Template:
    """Builds the nodes of one quasiquote: `place` is that of what is unquoted, `fresh` the one that fresh names are bound in."""

    def __init__(self, a: Analyser, place: Place, fresh: Place) -> None:
        self.a = a
        self.place = place
        self.fresh = fresh

    def build(self, form: Any, span: Span | None, level: int) -> ast.Node:
        """The node that makes `form`; `level` counts quasiquotes around minus unquotes."""
        if type(form) is Symbol:
            return self.symbol(form, span)
        if type(form) is MetaForm:
            return self.metadata(form, self.a.span(form, span), level)
        if not isinstance(form, (Sequence, Map)):
            return ast.Const(span, form)
        span = self.a.span(form, span)
        name = head_name(form)
        if name == "unquote" and len(form) == 2:
            _, (inner, inner_span) = self.a.children(form, span)
            if level == 1:
                return self.a.analyse(inner, self.place, inner_span)
            return self.nested(form, span, level - 1)
        if name == "quasiquote" and len(form) == 2:
            return self.nested(form, span, level + 1)
        if name == "unquote-splicing" and level == 1:
            self.a.fail("`~@` must stand inside a list, vector or map", span)
        return self.collection(form, span, level)

    def metadata(self, form: MetaForm, span: Span | None, level: int) -> ast.Node:
        meta, inner = self.build(form.meta, span, level), self.build(form.form, span, level)
        if isinstance(meta, ast.Const) and isinstance(inner, ast.Const) and meta.value is form.meta and inner.value is form.form:
            return ast.Const(span, form)
        return ast.Template(span, "metadata", (ast.TemplatePart(meta), ast.TemplatePart(inner)))

    def nested(self, form: Any, span: Span | None, level: int) -> ast.Node:
        head, (inner, inner_span) = self.a.children(form, span)
        parts = (ast.TemplatePart(ast.Const(head[1], head[0])), self.part(inner, inner_span, level))
        return ast.Template(span, "list", parts)

    def collection(self, form: Any, span: Span | None, level: int) -> ast.Node:
        parts: list[ast.TemplatePart] = []
        children = self.a.children(form, span)
        for child, child_span in children:
            parts.append(self.part(child, child_span, level))
        # as it stands, if nothing in it is unquoted; `~2` also gives a constant, but another one than the form `~2`
        same = (
            isinstance(p.node, ast.Const) and not p.splice and p.node.value is c for p, (c, _) in zip(parts, children, strict=True)
        )
        if all(same):
            return ast.Const(span, form)
        return ast.Template(span, _KINDS[type(form)], tuple(parts))

    def part(self, child: Any, span: Span | None, level: int) -> ast.TemplatePart:
        if head_name(child) == "unquote-splicing" and len(child) == 2:
            _, (inner, inner_span) = self.a.children(child, span)
            if level == 1:
                return ast.TemplatePart(self.a.analyse(inner, self.place, inner_span), True)
            return ast.TemplatePart(self.nested(child, span, level - 1))
        return ast.TemplatePart(self.build(child, span, level))

    def symbol(self, symbol: Symbol, span: Span | None) -> ast.Node:
        name = symbol.name
        if name.endswith("#") and len(name) > 1:
            binding = self.fresh.names.get(name) or self.fresh.bind(name, span)
            binding.uses += 1
            return ast.Local(span, binding)
        return ast.Const(span, symbol)


@special_form("defmacro")
def defmacro_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(defmacro name "docstring"? [params] body+)`: usable from the next form on; its value is nil."""
    shape = "(defmacro name [params] body…)"
    if len(form) < 4:
        a.usage(form, shape)
    name = a.bindable(a.symbol(form.items[1], form.spans[1], "the name of a macro"), form.spans[1])
    # a macro runs while its callers are analysed: it sees globals, never the names around its definition
    expander = function(a, form, Place(), EMPTY_MAP, shape, name=name, start=2)
    if name in SPECIAL_FORMS:  # a word of the language may be given another meaning (reference 2.0)
        a.environment.declare(name)
    a.environment.define_macro(name, expander)
    return ast.Const(form.span, None)
