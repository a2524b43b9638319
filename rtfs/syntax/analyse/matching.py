"""`match` and `try` (reference 2.10, 2.11)."""

from __future__ import annotations

from rtfs.errors import CATCH_ALL, FAMILIES, KINDS, SELECTORS, nearest
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.syntax.analyse.core import Analyser, Form, Place, special_form
from rtfs.syntax.analyse.patterns import Names, match_pattern
from rtfs.types.nodes import Type
from rtfs.values.forms import head_name, is_symbol
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@special_form("match")
def match_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(match value pattern (when guard)? body …)`: the first clause whose pattern and guard succeed."""
    shape = "(match value pattern body …)"
    if len(form) < 4:
        a.usage(form, shape)
    items, spans = form.items, form.spans
    value = a.analyse(items[1], place.nontail(), spans[1])
    clauses: list[ast.MatchClause] = []
    i = 2
    while i < len(items):
        inner, scope = place.scope()
        pattern = match_pattern(a, items[i], Names(a, inner), spans[i])
        start = spans[i]
        i += 1
        guard: ast.Node | None = None
        if i + 1 < len(items) and is_symbol(items[i], "when"):
            guard = a.analyse(items[i + 1], inner.nontail(), spans[i + 1])
            i += 2
        elif i + 1 < len(items) and head_name(items[i]) == "when" and len(items[i]) == 2 and _guard_fits(items, i):
            guard_form = a.form(items[i], spans[i])
            guard = a.analyse(guard_form.items[1], inner.nontail(), guard_form.spans[1])
            i += 1
        if i >= len(items):
            a.fail("a pattern of `match` has no body", start, hint=f"write {shape}")
        body = a.sequence([items[i]], [spans[i]], inner, spans[i])
        clauses.append(ast.MatchClause(scope, pattern, guard, body, start))
        i += 1
    return ast.Match(form.span, value, tuple(clauses))


def _guard_fits(items: list[Any], i: int) -> bool:
    """Whether `(when e)` after a pattern is a guard: another form must follow as the body."""
    return i + 1 < len(items)


@special_form("try")
def try_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(try body* (catch selector? name? body+)* (finally body+)?)`"""
    shape = "(try body… (catch kind e body…) (finally body…))"
    inner = place.nontail()
    end = len(form)
    for i in range(1, len(form)):
        if head_name(form.items[i]) in ("catch", "finally"):
            end = i
            break
    catches: list[ast.CatchClause] = []
    final: ast.Node | None = None
    for i in range(end, len(form)):
        name = head_name(form.items[i])
        if final is not None or name not in ("catch", "finally"):
            a.fail("after catch only catch and finally may follow, and nothing after finally", form.spans[i], hint=f"write {shape}")
        clause = a.form(form.items[i], form.spans[i])
        if name == "catch":
            catches.append(_catch(a, clause, inner))
            continue
        if len(clause) < 2:
            a.usage(clause, "(finally body…)")
        final_place, scope = inner.scope()
        final = ast.Let(clause.span, scope, (), a.body(clause, 1, final_place))
    if not catches and final is None:
        a.fail("`try` needs at least one catch or a finally", form.span, hint=f"write {shape}")
    body_place, scope = inner.scope()
    body: ast.Node = a.sequence(form.items[1:end], form.spans[1:end], body_place, form.span)
    if scope.bindings:
        body = ast.Let(form.span, scope, (), body)
    return ast.Try(form.span, body, tuple(catches), final)


@special_form("catch", "finally")
def stray_clause(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(catch …)` and `(finally …)` anywhere else."""
    shape = "(try body… (catch kind e body…) (finally body…))"
    a.fail(f"`{form.name}` stands only at the end of a `try`", form.span, hint=f"write {shape}")


def _catch(a: Analyser, clause: Form, place: Place) -> ast.CatchClause:
    items, spans = clause.items, clause.spans
    if len(items) < 3:
        a.usage(clause, "(catch e body…) or (catch kind e body…)")
    head, head_span = items[1], spans[1]
    selector: str | Type | None = None
    binding_form: Any = None
    start = 3
    if type(head) is Symbol and (len(items) == 3 or type(items[2]) is not Symbol):
        binding_form, start = head, 2  # (catch e body…)
        if _is_selector(head.name) and len(items) == 3:
            # (catch TypeError body): a kind without a name
            binding_form, selector = None, _selector(a, head, head_span)
    else:
        if len(items) < 4 and type(items[2]) is Symbol:
            # (catch :kind body): the one symbol is the body
            binding_form, start = None, 2
        elif type(items[2]) is Symbol:
            binding_form = items[2]
        else:
            binding_form, start = None, 2
        selector = _selector(a, head, head_span)
    inner, scope = place.scope()
    binding = None
    if binding_form is not None and binding_form.name != "_":
        at = 1 if binding_form is head else 2
        binding = inner.bind(a.bindable(binding_form, spans[at]), spans[at])
    return ast.CatchClause(selector, scope, binding, a.body(clause, start, inner), clause.span)


def _is_selector(name: str) -> bool:
    return name in CATCH_ALL or name in SELECTORS


def _selector(a: Analyser, form: Any, span: Span | None) -> str | Type | None:
    if type(form) is Symbol:
        name = form.name.rstrip(".")
        if name == "_" or name in CATCH_ALL:
            return None
        if name in SELECTORS:
            return SELECTORS[name]
        if name[:1].isupper():
            # a struct or type name is tested against the error's data; a slip in a kind's name is more likely
            close = nearest(name, [*SELECTORS, *CATCH_ALL])
            if close:
                a.fail(f"`{name}` is not an error kind", span, hint=f"did you mean `{close[0]}`?")
            return a.type(form, span)
        a.fail(f"`{name}` is not an error kind", span, hint="write a kind such as DivisionByZero, a keyword, or Error for all")
    if type(form) is Keyword:
        if form.name in ("error", "exception"):
            return None
        return form.name
    if isinstance(form, (Vector, List)):
        return a.type(form, span)
    a.fail("the selector of catch is a kind, a keyword or a type", span)


def matches_kind(selector: str, kind: str) -> bool:
    """Whether an error of `kind` is selected: by its own keyword, or by one of the families."""
    return selector == kind or kind in FAMILIES.get(selector, ()) or KINDS.get(kind, ("",))[0] == selector
