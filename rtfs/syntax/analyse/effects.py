"""Forms that speak to the host: steps, parallel branches, resources, logging, context (reference 2.13, 2.14)."""

from __future__ import annotations

from rtfs.errors import nearest
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.syntax.analyse.core import Analyser, Form, Place, is_keyword, special_form
from rtfs.syntax.analyse.patterns import annotation
from rtfs.syntax.analyse.waiting import may_wait
from rtfs.types.nodes import Type
from rtfs.values.forms import is_symbol, list_form
from rtfs.values.maps import Map
from rtfs.values.printing import preview
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OPTIONS = ("expose-context", "context-keys", "params", "merge-policy")
_LIMITS = ("usd", "tokens", "calls", "seconds")
_POLICIES = ("keep-existing", "overwrite", "merge")


def _options(a: Analyser, form: Form, start: int, place: Place) -> tuple[ast.StepOptions, Place, int]:
    """The options of a step from `start` on: the options, the place for the body, and where the body starts."""
    inner = place.nontail()
    expose = keys = None
    param_keys: list[Any] = []
    param_values: list[ast.Node] = []
    policy: str | None = None
    binding: ast.Binding | None = None
    scope: ast.Scope | None = None
    at = start
    while at + 1 < len(form) and type(form.items[at]) is Keyword and form.items[at].name in _OPTIONS:
        name, value, span = form.items[at].name, form.items[at + 1], form.spans[at + 1]
        if name == "expose-context":
            expose = a.analyse(value, inner, span)
        elif name == "context-keys":
            keys = a.analyse(value, inner, span)
        elif name == "params":
            if type(value) is not Map:
                a.fail(":params must be a map of names to expressions", span, hint='write :params {"name" expression}')
            children = a.children(value, span)
            for i in range(0, len(children), 2):
                param_keys.append(children[i][0])
                param_values.append(a.analyse(children[i + 1][0], inner, children[i + 1][1]))
        else:
            if not isinstance(value, Keyword) or value.name not in _POLICIES:
                a.fail(":merge-policy must be :keep-existing, :overwrite or :merge", span)
            policy = value.name
        at += 2
    if param_keys:
        place, scope = place.scope()
        binding = place.bind("%params", form.span)
    options = ast.StepOptions(expose, keys, tuple(param_keys), tuple(param_values), policy, binding, scope)
    return options, place, at


@special_form("step")
def step_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(step "name" option* body*)`"""
    if len(form) < 2 or type(form.items[1]) is not str:
        span = form.spans[1] if len(form) > 1 else form.span
        a.fail("the name of a step must be a literal string", span, hint='write (step "name" body…)')
    options, inner, at = _options(a, form, 2, place.nontail())
    return ast.Step(form.span, form.items[1], options, a.body(form, at, inner))


@special_form("step-if")
def step_if_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(step-if option* cond then else?)`: a step that chooses, with ordinary truth."""
    options, inner, at = _options(a, form, 1, place.nontail())
    if len(form) - at not in (2, 3):
        a.usage(form, "(step-if cond then else)")
    parts = [a.analyse(form.items[i], inner, form.spans[i]) for i in range(at, len(form))]
    otherwise = parts[2] if len(parts) == 3 else ast.Const(form.span, None)
    return ast.Step(form.span, "step-if", options, ast.If(form.span, parts[0], parts[1], otherwise))


@special_form("step-loop")
def step_loop_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(step-loop option* cond body)`: repeats while the condition holds, at most 10,000 times."""
    options, inner, at = _options(a, form, 1, place.nontail())
    if len(form) - at < 2:
        a.usage(form, "(step-loop cond body…)")
    test = a.analyse(form.items[at], inner, form.spans[at])
    return ast.StepLoop(form.span, options, test, a.body(form, at + 1, inner))


@special_form("step-parallel")
def step_parallel_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(step-parallel option* e+)`: a vector of the results."""
    options, inner, at = _options(a, form, 1, place.nontail())
    if at >= len(form):
        a.usage(form, "(step-parallel expression…)")
    branches = _branches(a, form.items[at:], form.spans[at:], inner)
    body = ast.Parallel(form.span, None, (None,) * len(branches), branches)
    return ast.Step(form.span, "step-parallel", options, body)


@special_form("parallel")
def parallel_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(parallel [name : T? e] …)` gives a map, `(parallel e …)` a vector; branches do not see each other's changes, and while one
    waits for a model, others go on."""
    if len(form) < 2:
        a.usage(form, "(parallel [name expression] …) or (parallel expression …)")
    inner = place.nontail()
    bracketed = all(type(x) is Vector and len(x) >= 2 and type(x[0]) is Symbol for x in form.items[1:])
    if not bracketed:
        branches = _branches(a, form.items[1:], form.spans[1:], inner)
        return ast.Parallel(form.span, None, (None,) * len(branches), branches)
    names: list[str] = []
    types: list[Type | None] = []
    values: list[Any] = []
    places: list[Span | None] = []
    for i in range(1, len(form)):
        children = a.children(form.items[i], form.spans[i])
        items, spans = [f for f, _ in children], [s for _, s in children]
        used, type_ = annotation(a, items, spans, 1) if len(items) > 2 else (0, None)
        if len(items) != 2 + used:
            a.fail("a branch of `parallel` is [name expression] or [name : T expression]", form.spans[i])
        if items[0].name in names:
            a.fail(f"two branches are called `{items[0].name}`", spans[0], kind="duplicate-parameter")
        names.append(items[0].name)
        types.append(type_)
        values.append(items[-1])
        places.append(spans[-1])
    return ast.Parallel(form.span, tuple(names), tuple(types), _branches(a, values, places, inner))


def _branches(a: Analyser, forms: list[Any], spans: list[Span | None], place: Place) -> tuple[ast.Node, ...]:
    """The branches; as functions without parameters when one of several may have to wait for the outside."""
    if len(forms) > 1 and any(may_wait(form, a.environment) for form in forms):
        for form, span in zip(forms, spans, strict=True):
            _refuse_outer_changes(a, form, place, span)
        return tuple([_thunk_of(a, [form], [span], place, span) for form, span in zip(forms, spans, strict=True)])
    return tuple([_branch(a, form, span, place) for form, span in zip(forms, spans, strict=True)])


def _branch(a: Analyser, form: Any, span: Span | None, place: Place) -> ast.Node:
    """A branch has a scope of its own, so that definitions stay inside, and may not change outer names."""
    inner, scope = place.scope()
    node = a.analyse(form, inner, span)
    _refuse_outer_changes(a, form, place, span)
    return ast.Let(span, scope, (), node)


def _refuse_outer_changes(a: Analyser, form: Any, place: Place, span: Span | None) -> None:
    """`set!` of an outer name inside a branch is an error (reference 2.15)."""
    stack: list[tuple[Any, Span | None, frozenset[str]]] = [(form, span, frozenset())]
    while stack:
        item, here, bound = stack.pop()
        if type(item) is Map or type(item) is Vector:
            stack.extend((child, s, bound) for child, s in a.children(item, here))
        elif type(item) is List and len(item):
            if is_symbol(item[0], "quote"):
                continue
            if item is not form and (is_symbol(item[0], "parallel") or is_symbol(item[0], "step-parallel")):
                continue  # its own branches were looked at already, and what is outside of this one is outside of them
            if len(item) > 1 and type(item[1]) is Vector:  # a form that binds: be generous about which names
                bound = bound | {s.name for s in _symbols(item[1])}
            if is_symbol(item[0], "set!") and len(item) == 3 and type(item[1]) is Symbol and item[1].name not in bound:
                if place.lookup(item[1].name) is not None or a.environment.defines(item[1].name):
                    a.fail(f"`{item[1].name}` belongs to the outside: a parallel branch cannot set! it", a.span(item, here))
            stack.extend((child, s, bound) for child, s in a.children(item, here))


def _symbols(form: Any) -> list[Symbol]:
    if type(form) is Symbol:
        return [form]
    if isinstance(form, (Vector, List)):
        return [s for child in form.items() for s in _symbols(child)]
    if type(form) is Map:
        return [s for entry in form.items() for child in entry for s in _symbols(child)]
    return []


@special_form("with-resource")
def with_resource_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(with-resource [name T? init] body+)`: released on every way out; use afterwards is an error."""
    shape = "(with-resource [name init] body…)"
    if len(form) < 3 or type(form.items[1]) is not Vector or len(form.items[1]) < 2:
        a.usage(form, shape)
    children = a.children(form.items[1], form.spans[1])
    items, spans = [f for f, _ in children], [s for _, s in children]
    name = a.bindable(a.symbol(items[0], spans[0], "the name of a resource"), spans[0])
    type_: Type | None = None
    if len(items) == 3 and not is_symbol(items[1], ":"):
        type_, at = a.type(items[1], spans[1]), 2
    else:
        used, type_ = annotation(a, items, spans, 1) if len(items) > 2 else (0, None)
        at = 1 + used
    if at != len(items) - 1:
        a.usage(form, shape)
    value = a.analyse(items[at], place.nontail(), spans[at])
    inner, scope = place.nontail().scope()
    binding = inner.bind(name, spans[0])
    return ast.WithResource(form.span, scope, binding, type_, value, a.body(form, 2, inner))


@special_form("with-budget")
def with_budget_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(with-budget {:usd 1.0 :tokens 20000 :calls 50 :seconds 60} body+)`: what the body delegates may use up so much and not
    more; any of the limits may be left out."""
    if len(form) < 3:
        a.usage(form, "(with-budget {:usd 1.0 :tokens 20000 :calls 50 :seconds 60} body…)")
    _check_limits(a, form.items[1], form.spans[1])
    inner = place.nontail()
    limits = a.analyse(form.items[1], inner, form.spans[1])
    work = _thunk(a, form, 2, inner)
    return ast.Call(form.span, ast.Global(form.spans[0], "with-budget"), (limits, work), False)


@special_form("delegate-async")
def delegate_async_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(delegate-async e)`: a ticket for the value of the expression."""
    if len(form) != 2:
        a.usage(form, "(delegate-async (f x)): one expression")
    work = _thunk(a, form, 1, place.nontail())
    return ast.Call(form.span, ast.Global(form.spans[0], "delegate-async"), (work,), False)


def _thunk(a: Analyser, form: Form, first: int, place: Place) -> ast.Node:
    """A function without parameters whose body are the items of a form from `first` on."""
    return _thunk_of(a, form.items[first:], form.spans[first:], place, form.span)


def _thunk_of(a: Analyser, forms: list[Any], spans: list[Span | None], place: Place, span: Span | None) -> ast.Node:
    # not as the function's own body: `recur` would repeat that, and a keyword in front would be its result type
    value = Symbol(a.environment.fresh_name("value"))
    body = List([Symbol("do"), *forms])
    if span is not None:
        offsets = [offset for s in (None, *spans) for offset in ((s.start, s.end) if s is not None else (span.start, span.end))]
        body.where = (span.source, span.start, span.end, offsets)
    thunk = list_form(Symbol("fn"), Vector([]), list_form(Symbol("let"), Vector([value, body]), value))
    return a.analyse(thunk, place, span)


def _check_limits(a: Analyser, limits: Any, span: Span | None) -> None:
    """A limit that is written down must be one: a slip would be none."""
    if type(limits) is not Map:
        return
    children = a.children(limits, span)
    for i in range(0, len(children), 2):
        (key, key_span), (value, value_span) = children[i], children[i + 1]
        name = key.name if type(key) is Keyword else None
        if name not in _LIMITS:
            close = nearest(name, _LIMITS) if name is not None else []
            hint = f"did you mean :{close[0]}?" if close else "the limits are :usd :tokens :calls :seconds"
            a.fail(f"a budget has no limit {preview(key, 40)}", key_span, hint=hint)
        if type(value) not in (Symbol, List):  # a literal
            whole = name in ("tokens", "calls")
            if type(value) not in ((int,) if whole else (int, float)) or not value >= 0:
                a.fail(f"the limit :{name} must be {'a whole number' if whole else 'a number'} from 0 on", value_span)


@special_form("log-step")
def log_step_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(log-step :level? e*)`"""
    start = 2 if len(form) > 1 and type(form.items[1]) is Keyword else 1
    level = form.items[1].name if start == 2 else "info"
    inner = place.nontail()
    return ast.LogStep(form.span, level, tuple([a.analyse(form.items[i], inner, form.spans[i]) for i in range(start, len(form))]))


@special_form("discover-agents")
def discover_agents_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(discover-agents criteria options?)`"""
    if len(form) not in (2, 3):
        a.usage(form, "(discover-agents {:capabilities […]} {:limit 5})")
    inner = place.nontail()
    args = tuple([a.analyse(form.items[i], inner, form.spans[i]) for i in range(1, len(form))])
    return ast.HostForm(form.span, "agents.discover", args)


@special_form("llm-execute")
def llm_execute_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(llm-execute "model" "prompt")` or `(llm-execute :model m :prompt p :system s)`"""
    inner = place.nontail()
    if len(form) > 1 and type(form.items[1]) is Keyword:
        named: dict[str, ast.Node] = {}
        if len(form) % 2 == 0:
            a.usage(form, "(llm-execute :model m :prompt p :system s)")
        for i in range(1, len(form), 2):
            if not is_keyword(form.items[i]) or form.items[i].name not in ("model", "prompt", "system"):
                a.fail("operands of llm-execute are :model, :prompt and :system", form.spans[i])
            named[form.items[i].name] = a.analyse(form.items[i + 1], inner, form.spans[i + 1])
        if "prompt" not in named:
            a.fail("llm-execute needs a :prompt", form.span)
        empty = ast.Const(form.span, None)
        args = (named.get("model", ast.Const(form.span, "echo-model")), named["prompt"], named.get("system", empty))
        return ast.HostForm(form.span, "ccos.ai.llm-execute", args)
    if len(form) != 3:
        a.usage(form, '(llm-execute "model" "prompt")')
    operands = [a.analyse(form.items[i], inner, form.spans[i]) for i in (1, 2)]
    return ast.HostForm(form.span, "ccos.ai.llm-execute", (*operands, ast.Const(form.span, None)))


@special_form("context-ref")
def context_ref_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`@name`, `@:name`: a value of the task context."""
    target = form.items[1] if len(form) == 2 else None
    if not isinstance(target, (Symbol, Keyword)):
        a.fail("`@` must be followed by a name or keyword", form.span, hint="write @name or @:name")
    return ast.ContextRef(form.span, target.name)


@special_form("get")
def get_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(get :k)`, `(get name)`: environment, then context, then nil. With more operands `get` is the function."""
    if len(form) == 2 and isinstance(form.items[1], (Symbol, Keyword)):
        target = form.items[1]
        variable: ast.Node | None = None
        if place.lookup(target.name) is not None or a.environment.knows(target.name):
            variable = a.name(Symbol(target.name), place, form.spans[1])
        return ast.ContextGet(form.span, target.name, variable)
    return a.call(form, place)


@special_form("resource:ref")
def resource_ref_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(resource:ref "id")`"""
    if len(form) != 2 or type(form.items[1]) is not str:
        a.usage(form, '(resource:ref "id")')
    if any(c in ' \t\r\n,()[]{}";' for c in form.items[1]):
        a.fail("the id of a resource has no blanks, brackets or quotes", form.spans[1])
    return ast.ResourceRef(form.span, form.items[1])
