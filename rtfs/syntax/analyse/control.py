"""`if`, `do`, `and`, `or`: forms that choose and order (reference 2.7-2.9). The rest of the family are core macros."""

from __future__ import annotations

from rtfs.syntax import nodes as ast
from rtfs.syntax.analyse.core import Analyser, Form, Place, special_form


@special_form("if")
def if_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(if test then else?)`"""
    if len(form) not in (3, 4):
        several = ", with (do a b …) where a branch has several forms" if len(form) > 4 else ""
        a.usage(form, f"(if test then) or (if test then else){several}")
    test = a.analyse(form.items[1], place.nontail(), form.spans[1])
    then = a.analyse(form.items[2], place, form.spans[2])
    if len(form) == 4:
        otherwise = a.analyse(form.items[3], place, form.spans[3])
    else:
        otherwise = ast.Const(form.span, None)
    return ast.If(form.span, test, then, otherwise)


@special_form("do")
def do_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(do e*)`; definitions inside belong to the place around."""
    return a.body(form, 1, place)


@special_form("and", "or")
def and_or_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(and e*)` and `(or e*)`: short-circuit; `(and)` is true, `(or)` is false."""
    if len(form) == 1:
        return ast.Const(form.span, form.name == "and")
    if len(form) == 2:
        return a.analyse(form.items[1], place, form.spans[1])
    inner = place.nontail()
    last = len(form) - 1
    items = tuple([a.analyse(form.items[i], place if i == last else inner, form.spans[i]) for i in range(1, len(form))])
    return (ast.And if form.name == "and" else ast.Or)(form.span, items)
