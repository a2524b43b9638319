"""`fn`, `defn`, `def`, parameters, metadata and delegation hints (reference 2.1-2.4, 2.16, 3)."""

from __future__ import annotations

from rtfs.errors import AnalysisError
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.syntax.analyse.core import Analyser, Form, Place, TailTarget, special_form
from rtfs.syntax.analyse.patterns import Names, annotation, destructure
from rtfs.types.nodes import Type
from rtfs.values.forms import MetaForm, is_symbol
from rtfs.values.maps import EMPTY_MAP, Map
from rtfs.values.printing import preview
from rtfs.values.scalars import Keyword, Symbol, kw
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FN_SHAPE = "(fn name? [params] body…)"
_DEFN_SHAPE = '(defn name "docstring"? [params] : T? body…)'
_TARGETS = 'the target is :local, [:local-model "id"] or [:remote "id"]'


@special_form("fn", "λ", "lambda")
def fn_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(fn meta* name? meta* [params] ann? body+)`"""
    return function(a, form, place, EMPTY_MAP, _FN_SHAPE)


@special_form("defn")
def defn_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(defn meta* name meta* docstring? [params] ann? body+)`"""
    return definition(a, form, place, EMPTY_MAP)


@special_form("def")
def def_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(def name value)`, `(def name : T value)`, `(def name :T value)`"""
    shape = "(def name value) or (def name : T value)"
    if len(form) < 3:
        a.usage(form, shape)
    target, span = form.items[1], form.spans[1]
    meta = EMPTY_MAP
    while type(target) is MetaForm:
        meta, target = meta.merge(target.meta), target.form
    name = a.bindable(a.symbol(target, span, "what def defines"), span)
    type_, at = None, 2
    if len(form) > 3:
        used, type_ = annotation(a, form.items, form.spans, 2)
        at += used
    if len(form) != at + 1:
        a.usage(form, shape)
    binding = _declare(a, name, span, place)
    value_form = form.items[at]
    if type(value_form) is List and len(value_form) and _is_fn_head(value_form[0]):
        value: ast.Node = named_function(a, value_form, place, form.spans[at], binding or name, meta)
    else:
        if kw("delegation") in meta:
            a.fail("^:delegation belongs to a function", span, kind="invalid-delegation", hint=f"write (def {name} (fn …)) or defn")
        value = a.analyse(value_form, place.nontail(), form.spans[at])
    if binding is not None:
        return ast.DefLocal(form.span, binding, type_, value)
    return ast.Def(form.span, name, type_, value)


def _is_fn_head(head: Any) -> bool:
    return type(head) is Symbol and head.name in ("fn", "λ", "lambda")


def _declare(a: Analyser, name: str, span: Span | None, place: Place) -> ast.Binding | None:
    """The binding that a definition at this place sets, or None when it defines a global."""
    if place.is_top:
        if a.environment.is_builtin(name) and not a.environment.defines(name):
            a.warn(
                f"`{name}` hides the built-in of that name",
                span,
                kind="shadowed-builtin",
                hint="choose another name, unless this is meant; the library itself keeps using its own",
            )
        a.environment.declare(name)
        return None
    scope: Place | None = place
    while scope is not None and scope.owner is None:
        scope = scope.parent
    assert scope is not None
    found = place.names.get(name)
    if found is not None and found.late:
        return found
    return place.bind(name, span, late=True)


def definition(a: Analyser, form: Form, place: Place, meta: Map) -> ast.Node:
    """The node of a `defn` form; `meta` is metadata from around it."""
    at = 1
    if at >= len(form):
        a.usage(form, _DEFN_SHAPE)
    target, span = form.items[at], form.spans[at]
    while type(target) is MetaForm:
        meta, target = meta.merge(target.meta), target.form
    span = a.span(target, span)
    name = a.bindable(a.symbol(target, span, "the name of a function"), span)
    binding = _declare(a, name, span, place)
    value = function(a, form, place, meta, _DEFN_SHAPE, name=name, start=2, itself=binding or name)
    if binding is not None:
        return ast.DefLocal(form.span, binding, None, value)
    return ast.Def(form.span, name, None, value)


def named_function(
    a: Analyser, form: List, place: Place, span: Span | None, itself: ast.Binding | str, meta: Map = EMPTY_MAP
) -> ast.Node:
    """A `fn` literal bound to a name by `def`, `let` or `letrec`: it knows its name and calls itself without growing."""
    span = a.span(form, span)
    try:
        name = itself if isinstance(itself, str) else itself.name
        return function(a, a.form(form, span), place, meta, _FN_SHAPE, itself=itself, default_name=name)
    except AnalysisError as error:
        if error.span is None:
            error.span = span
        a.problem(error)
        return ast.Const(span, None)


def function(
    a: Analyser,
    form: Form,
    place: Place,
    meta: Map,
    shape: str,
    *,
    name: str | None = None,
    start: int = 1,
    itself: ast.Binding | str | None = None,
    default_name: str | None = None,
) -> ast.Fn:
    """The `Fn` node of a function form whose parameters come at or after `items[start]`.

    Args:
        name: the defined name of a `defn`.
        itself: the binding or global by which the body calls the function itself.
        default_name: what to call an unnamed `fn` that is bound to a name.
    """
    items, spans = form.items, form.spans
    at = start
    doc = ""
    own_name: Symbol | None = None
    params_form: Any = None
    params_span = form.span
    while at < len(items):
        item, span = items[at], spans[at]
        while type(item) is MetaForm:
            meta, item = meta.merge(item.meta), item.form
            span = a.span(item, span)
        at += 1
        if type(item) is Vector:
            params_form, params_span = item, span
            break
        if type(item) is Symbol and own_name is None and name is None and not doc:
            own_name = item
        elif type(item) is str and not doc:
            doc = item
        else:
            a.fail(
                f"malformed `{form.name}`: {preview(item, 40)} stands where the parameters belong",
                span,
                hint=f"write {shape}",
            )
    if params_form is None:
        a.fail(f"malformed `{form.name}`: the parameter vector is missing", form.span, hint=f"write {shape}")

    hint, options = delegation(a, meta, form.span)
    if hint is not None and hint.target != "local":
        _check_tools(a, options, place, form.span)
    owner: list[ast.Binding] = []
    outer = place.nontail()
    self_binding: ast.Binding | None = None
    if own_name is not None:
        outer = Place(outer, [])  # a scope that holds the function's own name
        self_binding = outer.bind(a.bindable(own_name, form.spans[1]), form.spans[1])

    inner = Place(outer, owner)
    inner.function = inner
    params, rest = parameters(a, params_form, params_span, inner, plain_only=form.name == "lambda")
    used, result = _return_type(a, form, at)
    at += used
    if at >= len(items):
        a.fail(f"`{form.name}` needs at least one body expression", form.span, hint=f"write {shape}")

    delegated = hint is not None and hint.target != "local"
    selves = () if delegated else tuple(x for x in (itself, self_binding) if x is not None)
    count = len(params) + (rest is not None)
    inner.tail = TailTarget(count, in_loop=False, self_names=selves, variadic=rest is not None)
    inner.function_tail = True
    inner.free_tail = result is None
    body = a.body(form, at, inner)
    label = name or (own_name.name if own_name is not None else default_name)
    return ast.Fn(
        form.span,
        label,
        ast.Scope(owner),
        params,
        rest,
        result,
        body,
        self_binding,
        doc,
        hint,
        options if len(options) else None,
    )


def _return_type(a: Analyser, form: Form, at: int) -> tuple[int, Type | None]:
    from rtfs.types.parse import is_type_keyword

    items, spans = form.items, form.spans
    if at < len(items) and (is_symbol(items[at], ":") or (type(items[at]) is Keyword and items[at].name == "->")):
        if at + 1 >= len(items):
            a.fail("a type must follow `:`", spans[at], kind="invalid-type")
        return 2, a.type(items[at + 1], spans[at + 1])
    # a bare keyword is a type only when a body remains after it
    if at + 1 < len(items) and type(items[at]) is Keyword and (is_type_keyword(items[at]) or items[at].name[:1].isupper()):
        return 1, a.type(items[at], spans[at])
    return 0, None


def parameters(
    a: Analyser, form: Vector, span: Span | None, place: Place, *, plain_only: bool = False
) -> tuple[tuple[ast.Param, ...], ast.Param | None]:
    """Parameters of a vector, bound in `place`: first one binding per parameter in order, then the names inside patterns."""
    children = a.children(form, span)
    items = [f for f, _ in children]
    spans = [s for _, s in children]
    names = Names(a, place)
    waiting: list[tuple[int, Any]] = []  # (index, pattern form) of destructuring parameters
    params: list[ast.Param] = []
    rest: ast.Param | None = None
    i = 0
    while i < len(items):
        item, here = items[i], spans[i]
        if is_symbol(item, "&"):
            if i + 1 >= len(items) or type(items[i + 1]) is not Symbol:
                where = spans[i + 1] if i + 1 < len(items) else here
                a.fail("variadic parameter must be a symbol", where, kind="invalid-pattern", hint="take it apart in a let")
            pattern: ast.Pattern = ast.BindPattern(spans[i + 1], names.bind(items[i + 1], spans[i + 1]))
            used, type_ = annotation(a, items, spans, i + 2)
            rest = ast.Param(pattern, type_, spans[i + 1])
            if i + 2 + used < len(items):
                a.fail("nothing may follow the variadic parameter", spans[i + 2 + used], kind="invalid-pattern")
            break
        if type(item) is Symbol and item.name != "_":
            pattern = ast.BindPattern(here, names.bind(item, here))
        else:
            if plain_only and type(item) is not Symbol:
                a.fail("parameters of lambda must be symbols", here, kind="invalid-pattern", hint="use fn to destructure")
            place.bind(f"%arg{len(params)}", here)
            pattern = ast.WildcardPattern(here)
            if type(item) is not Symbol:
                waiting.append((len(params), item))
        used, type_ = annotation(a, items, spans, i + 1)
        params.append(ast.Param(pattern, type_, here))
        i += 1 + used
    for index, pattern_form in waiting:
        param = params[index]
        params[index] = ast.Param(destructure(a, pattern_form, names, param.span), param.type, param.span)
    return tuple(params), rest


def delegation(a: Analyser, meta: Map, span: Span | None) -> tuple[ast.Hint | None, Map]:
    """The delegation hint in metadata, validated, and the other entries."""
    key = kw("delegation")
    if key not in meta:
        return None, meta
    value, options = meta[key], meta.dissoc(key)
    if value is kw("local"):
        return ast.Hint("local"), options
    if isinstance(value, Vector) and len(value) == 2 and value[0] in (kw("local-model"), kw("remote")) and type(value[1]) is str:
        if not value[1].strip():
            a.fail(f"the model id of :{value[0].name} is empty", span, kind="invalid-delegation", hint=_TARGETS)
        strict = options.get(kw("strict"), False)
        if type(strict) is not bool:
            a.fail(":strict must be true or false", span, kind="invalid-delegation")
        return ast.Hint(value[0].name, value[1]), options
    if value in (kw("local-model"), kw("remote")):
        a.fail(f":{value.name} requires a string argument", span, kind="invalid-delegation", hint=_TARGETS)
    a.fail(f"unknown delegation target {preview(value, 40)}", span, kind="invalid-delegation", hint=_TARGETS)


def _check_tools(a: Analyser, options: Map, place: Place, span: Span | None) -> None:
    """`:tools [:io.read-lines lookup-order]`: capabilities, and functions whose names mean the same everywhere."""
    given = options.get(kw("tools"))
    if given is None:
        return
    hint = "write ^{:tools [:io.read-lines lookup-order]}"
    if type(given) is not Vector:
        a.fail(f":tools lists capabilities and functions; got {preview(given, 40)}", span, kind="invalid-delegation", hint=hint)
    for name, at in a.children(given, a.span(given, span)):
        if type(name) is Symbol:
            if place.lookup(name.name) is not None:
                words = f"`{name.name}` has its meaning only here, and a tool is a function that has it everywhere"
                a.fail(words, at, kind="invalid-delegation", hint="define it by defn")
            a.check_known(name.name, at, place)
        elif type(name) is not Keyword:
            a.fail(f"a tool is a capability or a function, not {preview(name, 40)}", at, kind="invalid-delegation", hint=hint)


def with_metadata(a: Analyser, form: MetaForm, place: Place, span: Span | None) -> ast.Node:
    """`^{…} e` and `^:delegation … (fn …)`: metadata of a function, or hints for the host while `e` runs."""
    meta, target = form.meta, form.form
    while type(target) is MetaForm:
        meta, target = meta.merge(target.meta), target.form
    target_span = a.span(target, span)
    if type(target) is List and len(target) and type(target[0]) is Symbol:
        head = target[0].name
        if head == "defn":
            return definition(a, a.form(target, target_span), place, meta)
        if head in ("fn", "λ", "lambda"):
            return function(a, a.form(target, target_span), place, meta, _FN_SHAPE)
    if kw("delegation") in meta:
        a.fail("^:delegation belongs to a function", span, kind="invalid-delegation", hint="put it before (fn …) or (defn …)")
    hints = [(k, v) for k, v in meta.items() if type(k) is Keyword and k.name.startswith("runtime.")]
    if not hints:
        return a.analyse(target, place, target_span)
    inner = place.nontail()
    values = tuple([a.analyse(v, inner, a.span(v, span)) for _, v in hints])
    return ast.WithHints(span, tuple(k.name for k, _ in hints), values, a.analyse(target, inner, target_span))
