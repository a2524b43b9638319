"""Patterns: what stands on the left of a binding and in front of a `match` clause (reference 2.4, 2.6, 2.10).

Destructuring and matching share the nodes and differ in what is accepted: `match` also takes literals, guards, alternatives and
types, and its names are bound in the clause's own scope.
"""

from __future__ import annotations

from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.syntax.analyse.core import Analyser, Place
from rtfs.values.forms import child_spans, is_symbol
from rtfs.values.maps import Map
from rtfs.values.printing import preview
from rtfs.values.scalars import Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SCALARS = (type(None), bool, int, float, str, Keyword, Timestamp, Uuid, ResourceHandle)


class Names:
    """Binds the names of one pattern (or of one parameter list) and refuses repeats."""

    def __init__(self, a: Analyser, place: Place) -> None:
        self.a = a
        self.place = place
        self.seen: set[str] = set()

    def bind(self, symbol: Symbol, span: Span | None) -> ast.Binding:
        name = self.a.bindable(symbol, span)
        if name in self.seen:
            self.a.fail(
                f"`{name}` is bound twice", span, kind="duplicate-parameter", hint="give one of them another name, or use _"
            )
        self.seen.add(name)
        return self.place.bind(name, span)


def destructure(a: Analyser, form: Any, names: Names, span: Span | None) -> ast.Pattern:
    """The pattern of a `let` binding, a parameter or a `for` variable."""
    span = a.span(form, span)
    if type(form) is Symbol:
        return ast.WildcardPattern(span) if form.name == "_" else ast.BindPattern(span, names.bind(form, span))
    if type(form) is Vector:
        return _vector(a, form, names, span, destructure)
    if type(form) is Map:
        return _map(a, form, names, span, destructure)
    if type(form) is List and len(form) == 3 and is_symbol(form[0], ":"):  # {name:string :name}
        return ast.TypedPattern(span, destructure(a, form[1], names, span), a.type(form[2], span))
    a.fail(f"{preview(form, 40)} cannot be bound", span, kind="invalid-pattern", hint="bind a name, _, [a b] or {:keys [a b]}")


def match_pattern(a: Analyser, form: Any, names: Names, span: Span | None) -> ast.Pattern:
    """The pattern of a `match` clause."""
    from rtfs.types.parse import is_type_form

    span = a.span(form, span)
    if isinstance(form, _SCALARS):
        return ast.LiteralPattern(span, form)
    if type(form) is Symbol:
        return ast.WildcardPattern(span) if form.name == "_" else ast.BindPattern(span, names.bind(form, span))
    if type(form) is Vector:
        if is_type_form(form):
            return ast.TypedPattern(span, ast.WildcardPattern(span), a.type(form, span))
        return _vector(a, form, names, span, match_pattern)
    if type(form) is Map:
        return _map(a, form, names, span, match_pattern)
    if type(form) is List and len(form):
        return _list(a, form, names, span)
    a.fail(f"{preview(form, 40)} is not a pattern", span, kind="invalid-pattern")


def _list(a: Analyser, form: List, names: Names, span: Span | None) -> ast.Pattern:
    items = form.items()
    spans = child_spans(form, span)
    head = items[0]
    if is_symbol(head, "quote") and len(items) == 2:
        return ast.LiteralPattern(span, items[1])
    if is_symbol(head, ":") and len(items) == 3:  # {name:string :name}
        return ast.TypedPattern(span, match_pattern(a, items[1], names, spans[1]), a.type(items[2], spans[2]))
    if type(head) is Keyword and head.name == "as" and len(items) == 3:  # (:as name p)
        symbol = a.symbol(items[1], spans[1], "the name of an as-pattern")
        return ast.AsPattern(span, names.bind(symbol, spans[1]), match_pattern(a, items[2], names, spans[2]))
    if type(head) is Keyword and head.name == "or" and len(items) > 1:  # (:or p q)
        return _alternatives(a, items[1:], spans[1:], names, span)
    if len(items) == 3 and is_symbol(items[1], "@"):  # (name @ p)
        symbol = a.symbol(head, spans[0], "the name of an as-pattern")
        return ast.AsPattern(span, names.bind(symbol, spans[0]), match_pattern(a, items[2], names, spans[2]))
    if len(items) == 3 and type(items[1]) is Keyword and items[1].name == "when":  # (name :when guard)
        pattern = match_pattern(a, head, names, spans[0])
        return ast.GuardPattern(span, pattern, a.analyse(items[2], names.place.nontail(), spans[2]))
    if len(items) > 2 and all(is_symbol(items[i], "|") for i in range(1, len(items), 2)) and len(items) % 2:  # (1 | 2)
        return _alternatives(a, items[::2], spans[::2], names, span)
    a.fail(
        f"{preview(form, 40)} is not a pattern",
        span,
        kind="invalid-pattern",
        hint="lists in patterns: (a | b), (:or a b), (name @ p), (:as name p), (name :when guard)",
    )


def _alternatives(a: Analyser, items: list[Any], spans: list[Span | None], names: Names, span: Span | None) -> ast.Pattern:
    # every alternative binds the same names, to the same bindings
    options: list[ast.Pattern] = []
    shared: dict[str, ast.Binding] = {}
    outer_seen = set(names.seen)
    for i in range(len(items)):
        for name in shared:  # the guards of an alternative see the names that it has bound itself
            names.place.names.pop(name, None)
        branch = _Shared(names, shared, first=i == 0)
        options.append(match_pattern(a, items[i], branch, spans[i]))
        if i and branch.seen != set(shared):
            missing = ", ".join(sorted(set(shared) ^ branch.seen))
            a.fail(f"the alternatives do not bind the same names: {missing}", spans[i], kind="invalid-pattern")
        if i == 0:
            names.seen = outer_seen | branch.seen
    return ast.OrPattern(span, tuple(options))


class _Shared(Names):
    """Names of one alternative: the first makes the bindings, the others use them again."""

    def __init__(self, outer: Names, shared: dict[str, ast.Binding], *, first: bool) -> None:
        super().__init__(outer.a, outer.place)
        self.outer = outer
        self.shared = shared
        self.first = first

    def bind(self, symbol: Symbol, span: Span | None) -> ast.Binding:
        name = symbol.name
        if name in self.seen or (self.first and name in self.outer.seen):
            self.a.fail(f"`{name}` is bound twice", span, kind="duplicate-parameter")
        self.seen.add(name)
        if self.first:
            self.a.bindable(symbol, span)
            self.shared[name] = self.place.bind(name, span)
        elif name not in self.shared:
            self.a.fail(
                f"only this alternative binds `{name}`",
                span,
                kind="invalid-pattern",
                hint="all alternatives must bind the same names",
            )
        self.place.names[name] = self.shared[name]
        return self.shared[name]


def _vector(a: Analyser, form: Vector, names: Names, span: Span | None, inner: Any) -> ast.Pattern:
    items = form.items()
    spans = [s for _, s in a.children(form, span)]
    patterns: list[ast.Pattern] = []
    rest: ast.Pattern | None = None
    whole: ast.Binding | None = None
    i = 0
    while i < len(items):
        item = items[i]
        if is_symbol(item, "&"):
            if i + 1 >= len(items):
                a.fail("`&` must be followed by a name", spans[i], kind="invalid-pattern")
            symbol = items[i + 1]
            if type(symbol) is not Symbol:
                a.fail(
                    "after `&` only a name is allowed",
                    spans[i + 1],
                    kind="invalid-pattern",
                    hint="take the rest apart in a let",
                )
            rest = (
                ast.WildcardPattern(spans[i + 1])
                if symbol.name == "_"
                else ast.BindPattern(spans[i + 1], names.bind(symbol, spans[i + 1]))
            )
            i += 2
        elif type(item) is Keyword and item.name == "as" and (inner is destructure or i == len(items) - 2):
            if i + 1 >= len(items):
                a.fail("`:as` must be followed by a name", spans[i], kind="invalid-pattern")
            whole = names.bind(a.symbol(items[i + 1], spans[i + 1], "the name after :as"), spans[i + 1])
            i += 2
        elif rest is not None or whole is not None:
            a.fail("nothing may follow the rest name and :as", spans[i], kind="invalid-pattern")
        else:
            pattern = inner(a, item, names, spans[i])
            i += 1
            used, typed = annotation(a, items, spans, i)
            if used and inner is destructure:
                pattern = ast.TypedPattern(spans[i - 1], pattern, typed)
                i += used
            patterns.append(pattern)
    return ast.VectorPattern(span, tuple(patterns), rest, whole)


def annotation(a: Analyser, items: list[Any], spans: list[Span | None], i: int) -> tuple[int, Any]:
    """A type annotation at `items[i]`: how many forms it takes (0 when there is none) and the type."""
    if i < len(items) and is_symbol(items[i], ":"):
        if i + 1 >= len(items):
            a.fail("a type must follow `:`", spans[i], kind="invalid-type")
        return 2, a.type(items[i + 1], spans[i + 1])
    if i < len(items) and type(items[i]) is Keyword and items[i].name != "as":
        return 1, a.type(items[i], spans[i])
    return 0, None


def _map(a: Analyser, form: Map, names: Names, span: Span | None, inner: Any) -> ast.Pattern:
    children = a.children(form, span)
    entries: list[ast.MapEntryPattern] = []
    rest: tuple[Symbol, Span | None] | None = None  # both are bound at the end: no default sees them
    whole: tuple[Symbol, Span | None] | None = None
    defaults = _defaults(a, form)
    matching = inner is match_pattern
    for i in range(0, len(children), 2):
        (key, key_span), (value, value_span) = children[i], children[i + 1]
        if is_symbol(key, "&"):
            rest = (a.symbol(value, value_span, "the name after &"), value_span)
        elif type(key) is Keyword and key.name == "as" and type(value) is Symbol and (not matching or i == len(children) - 2):
            whole = (value, value_span)
        elif type(key) is Keyword and key.name == "or" and type(value) is Map:
            continue
        elif type(key) is Keyword and key.name in ("keys", "strs") and type(value) is Vector:
            for name, name_span in a.children(value, value_span):
                symbol = a.symbol(name, name_span, f"a name in :{key.name}")
                looked_up: Any = Keyword(symbol.name) if key.name == "keys" else symbol.name
                default = _default(a, defaults, symbol, names.place)
                pattern = ast.BindPattern(name_span, names.bind(symbol, name_span))
                entries.append(ast.MapEntryPattern(looked_up, pattern, default))
        elif isinstance(key, _SCALARS):
            default = _default(a, defaults, value, names.place)
            entries.append(ast.MapEntryPattern(key, inner(a, value, names, value_span), default))
        elif isinstance(value, _SCALARS) and not matching:  # Clojure's order: {name :key}
            default = _default(a, defaults, key, names.place)
            entries.append(ast.MapEntryPattern(value, inner(a, key, names, key_span), default))
        else:
            a.fail(
                f"{preview(key, 40)} is not a key of a map pattern",
                key_span,
                kind="invalid-pattern",
                hint="write {:key name}, {name :key}, {:keys [a b]}, {… & rest} or {… :as whole}",
            )
    bound = [names.bind(*name) if name is not None else None for name in (rest, whole)]
    return ast.MapPattern(span, tuple(entries), *bound)


def _defaults(a: Analyser, form: Map) -> dict[str, Any]:
    found = form.get(Keyword("or"))
    if type(found) is not Map:
        return {}
    return {k.name: v for k, v in found.items() if type(k) is Symbol}


def _default(a: Analyser, defaults: dict[str, Any], form: Any, place: Place) -> ast.Node | None:
    """The default of a name that is about to be bound: it sees the names before it, and not that one, which has no value yet."""
    if type(form) is not Symbol or form.name == "_" or form.name not in defaults:
        return None
    return a.analyse(defaults[form.name], place.nontail(), None)
