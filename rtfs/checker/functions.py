"""Functions: `fn`, and calls of all kinds."""

from __future__ import annotations

from rtfs.checker.flow import Flow
from rtfs.checker.globals import outline
from rtfs.checker.infer import Inference, Turns, infers
from rtfs.checker.patterns import bind
from rtfs.checker.shapes import all_of, gives_up, key_type, options
from rtfs.checker.special import SPECIAL
from rtfs.checker.unify import Found, filled, match, variables, wanted
from rtfs.checker.wanting import CALLABLE, Want, described, words
from rtfs.semantics.signatures import signature
from rtfs.syntax import nodes as ast
from rtfs.types.lattice import widened
from rtfs.types.nodes import (
    ANY,
    NEVER,
    NIL,
    AnyType,
    EnumType,
    FunctionType,
    NeverType,
    Primitive,
    Type,
    TypeRef,
    TypeVariable,
    UnionType,
    VectorType,
    union,
)
from rtfs.types.subtyping import is_subtype, overlap
from rtfs.values.functions import Builtin
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_FUNCTION = Primitive("function")
_LOOKED_INTO = union(Primitive("map"), NIL)


# --- fn --------------------------------------------------------------------------------------


@infers(ast.Fn)
def _fn(c: Inference, node: ast.Fn, flow: Flow, want: Want | None) -> Type:
    return function(c, node, flow, None)


def function(c: Inference, node: ast.Fn, flow: Flow, given: FunctionType | None) -> FunctionType:
    """The type of a function; its body is checked.

    Args:
        given: what is known of its operands where it stands, for parameters without a type.
    """
    inner = flow.branch()
    inner.ended = False
    known = outline(node)
    if node.self_binding is not None:
        inner.bind(node.self_binding, known, declared=node.result is not None)
    params = []
    for i, param in enumerate(node.params):
        type = param.type or (ANY if given is None or node_repeats(node) else _given(given, i))
        params.append(type)
        bind(param.pattern, type, inner, c.lookup, lambda part: c.infer(part, inner), declared=param.type is not None)
    if node.rest is not None:
        bind(node.rest.pattern, VectorType(node.rest.type or ANY), inner, c.lookup, lambda part: c.infer(part, inner))
    is_delegated = node.hint is not None and node.hint.target != "local"
    c.turns.append(Turns(len(node.params)))
    try:
        name = f"`{node.name}`" if node.name else "the function"
        want = None if node.result is None or (is_delegated and gives_up(node.body)) else Want(node.result, f"the result of {name}")
        found = c.infer(node.body, inner, want)
    finally:
        c.turns.pop()
    result = node.result or (ANY if is_delegated else widened(found))
    return FunctionType(tuple(param.type or ANY for param in node.params), known.rest, result)


def _given(given: FunctionType, index: int) -> Type:
    return given.params[index] if index < len(given.params) else given.rest or ANY


def node_repeats(node: ast.Fn) -> bool:
    """Whether a function may start again with other operands than those that it was given."""
    waiting: list[object] = [node.body]
    while waiting:
        part = waiting.pop()
        if isinstance(part, (ast.Recur, ast.SelfCall)):
            return True
        if isinstance(part, tuple):
            waiting += part
        elif isinstance(part, (ast.Node, ast.LetBinding, ast.MatchClause, ast.CatchClause)) and not isinstance(part, ast.Fn):
            waiting += [getattr(part, field) for field in part._fields]
    return False


# --- calls -----------------------------------------------------------------------------------


@infers(ast.SelfCall)
def _self_call(c: Inference, node: ast.SelfCall, flow: Flow, want: Want | None) -> Type:
    return _call(c, ast.Call(node.span, node.function, node.args), flow, want)


@infers(ast.Call)
def _call(c: Inference, node: ast.Call, flow: Flow, want: Want | None) -> Type:
    head = node.function
    if isinstance(head, ast.Global):
        builtin = c.names.builtin(head.name)
        if builtin is not None:
            return _call_builtin(c, node, builtin, flow)
        struct = c.names.struct(head.name)
        if struct is not None and len(node.args) == 1:
            c.infer(node.args[0], flow, Want(struct, f"struct `{head.name}`"))
            return TypeRef(head.name)
        known = c.names.function(head.name)
        if known is not None:
            return _call_known(c, node, f"`{head.name}`", known.type, known.spec, flow)
    elif isinstance(head, ast.Const) and isinstance(head.value, Keyword):
        return _look_up(c, node, head.value, flow)
    elif isinstance(head, ast.Fn) and len(head.params) == len(node.args) and head.rest is None:
        types = [
            c.infer(arg, flow, None if p.type is None else Want(p.type, _parameter("the function", head, i)))
            for i, (arg, p) in enumerate(zip(node.args, head.params, strict=True))
        ]
        return function(c, head, flow, FunctionType(tuple(types), None, ANY)).result
    called = c.infer(head, flow)
    name = (
        f"`{head.binding.name}`"
        if isinstance(head, ast.Local)
        else f"`{head.name}`"
        if isinstance(head, ast.Global)
        else "the function"
    )
    if isinstance(called, FunctionType) and not variables(called):
        return _call_known(c, node, name, called, head if isinstance(head, ast.Fn) else None, flow)
    if not overlap(called, CALLABLE, c.lookup) and not isinstance(called, NeverType):
        c.problems.report(
            "not-a-function",
            f"{name if name != 'the function' else 'this'} is called, and is {described(called)}",
            head.span or node.span,
            "the first form in parentheses is the function",
        )
    for arg in node.args:
        c.infer(arg, flow)
    return ANY


def _parameter(name: str, spec: ast.Fn | None, index: int) -> str:
    if spec is not None:
        if index < len(spec.params) and spec.params[index].name != "_":
            return f"{name}, parameter `{spec.params[index].name}`"
        if index >= len(spec.params) and spec.rest is not None and spec.rest.name != "_":
            return f"{name}, parameter `{spec.rest.name}`"
    return f"{name}, operand {index + 1}"


def _count(number: int) -> str:
    return "1 operand" if number == 1 else f"{number} operands"


def _call_known(c: Inference, node: ast.Call, name: str, type: FunctionType, spec: ast.Fn | None, flow: Flow) -> Type:
    """A call of a function whose type is known."""
    got, low = len(node.args), len(type.params)
    if got < low or (got > low and type.rest is None):
        takes = f"at least {_count(low)}" if type.rest is not None else _count(low)
        c.problems.report(
            "static-arity",
            f"{name} takes {takes}, and is given {got}",
            node.span,
            spec.arity_hint if spec is not None else None,
        )
    for i, arg in enumerate(node.args):
        wants = type.params[i] if i < low else type.rest
        if isinstance(arg, ast.Fn) and isinstance(wants, FunctionType):
            _hand_over(c, arg, wants, flow, _parameter(name, spec, i), "possible-mismatch")  # no more than its arity is checked
        else:
            c.infer(arg, flow, None if wants is None or isinstance(wants, AnyType) else Want(wants, _parameter(name, spec, i)))
    return type.result


def _look_up(c: Inference, node: ast.Call, key: Keyword, flow: Flow) -> Type:
    """`(:key m)`, `(:key m default)`"""
    if not 1 <= len(node.args) <= 2:
        c.problems.report(
            "static-arity", f"`:{key.name}` takes a map and a default, and is given {_count(len(node.args))}", node.span
        )
    types = [c.infer(arg, flow, Want(_LOOKED_INTO, f"`:{key.name}`") if i == 0 else None) for i, arg in enumerate(node.args)]
    return value_under(c, types[0], key, types[1] if len(types) > 1 else NIL) if types else ANY


def value_under(c: Inference, type: Type, key: object, default: Type) -> Type:
    """The type of the value under a literal key, or of the default where it may be absent."""
    found: Type = NEVER
    for option in options(type, c.lookup):
        if option == NIL or option == EnumType((None,)):
            found = c.both(found, default)
            continue
        value = key_type(option, key, c.lookup, default)
        if value is None:
            return ANY
        found = c.both(found, value)
    return found


# --- built-ins -------------------------------------------------------------------------------


def _call_builtin(c: Inference, node: ast.Call, builtin: Builtin, flow: Flow) -> Type:
    got = len(node.args)
    if got < builtin.low or (builtin.high is not None and got > builtin.high):
        c.problems.report("static-arity", f"`{builtin.name}` takes {_range(builtin)}, and is given {got}", node.span)
        for arg in node.args:
            c.infer(arg, flow)
        return ANY
    shapes = [
        shape for shape in signature(builtin) if got == len(shape.params) or (shape.rest is not None and got >= len(shape.params))
    ]
    types = [None if isinstance(arg, ast.Fn) else c.infer(arg, flow) for arg in node.args]
    special = SPECIAL.get(builtin.name)
    if special is not None and None not in types:
        result = special(c, node, types)
        if result is not None:
            return result
    if not shapes:
        for arg in node.args:
            if isinstance(arg, ast.Fn):
                c.infer(arg, flow)
        return ANY
    return _apply(c, node, builtin.name, shapes, types, flow)


def _range(builtin: Builtin) -> str:
    low, high = builtin.low, builtin.high
    if high is None:
        return f"at least {_count(low)}"
    return _count(low) if low == high else f"{low} to {high} operands"


def param_at(shape: FunctionType, index: int) -> Type:
    return shape.params[index] if index < len(shape.params) else shape.rest or ANY


def _apply(c: Inference, node: ast.Call, name: str, shapes: Sequence[FunctionType], types: list[Type | None], flow: Flow) -> Type:
    """A call of a function with several shapes."""
    fitting = _fitting(c, shapes, types)
    if not fitting:
        _blame(c, node, name, shapes, types)
        for arg in node.args:
            if isinstance(arg, ast.Fn):
                c.infer(arg, flow)
        return NEVER if c.trying else ANY
    results = []
    for shape in fitting:
        c.problems.muted += len(fitting) > 1
        results.append(_result(c, node, name, shape, types, flow))
        c.problems.muted -= len(fitting) > 1
    if len(fitting) > 1:
        _possible(c, node, name, shapes, types, flow)
        for arg in node.args:
            if isinstance(arg, ast.Fn):
                c.infer(arg, flow)
    else:
        _possible(c, node, name, shapes, types, flow)
    return all_of(results, c.lookup)


def _fitting(c: Inference, shapes: Sequence[FunctionType], types: Sequence[Type | None]) -> list[FunctionType]:
    """The shapes of which one gives the result: those that may fit, up to the first that fits for certain."""
    fitting = []
    for shape in shapes:
        if _fits(c, shape, types, certainly=False):
            fitting.append(shape)
            if _fits(c, shape, types, certainly=True):
                break
    return fitting


def _found(c: Inference, shape: FunctionType, types: Sequence[Type | None]) -> Found:
    """What the variables of a shape stand for, as far as the operands that are no functions tell."""
    found: Found = {}
    for i, type in enumerate(types):
        param = param_at(shape, i)
        if type is not None and not isinstance(param, FunctionType):
            match(param, type, found, c.lookup)
    return found


def taken(param: Type) -> Type:
    """What a parameter of a built-in takes, whatever its variables stand for: as a function, a keyword will do."""
    known = _TAKEN.get(id(param))
    if known is None:
        known = _TAKEN[id(param)] = (param, _taken(param))
    return known[1]


#: By identity: declared types are read once and kept, and hashing a type walks all of it.
_TAKEN: dict[int, tuple[Type, Type]] = {}


def _taken(param: Type) -> Type:
    bare = filled(param, {})
    if isinstance(bare, FunctionType) or bare == _FUNCTION:
        return CALLABLE
    if isinstance(bare, UnionType):
        return union(*[_taken(option) for option in bare.options])
    return bare


def _fits(c: Inference, shape: FunctionType, types: Sequence[Type | None], *, certainly: bool) -> bool:
    for i, type in enumerate(types):
        if not accepts(c, param_at(shape, i), type, certainly):
            return False
    return True


def accepts(c: Inference, param: Type, type: Type | None, certainly: bool = False) -> bool:
    """Whether an operand of a type may be (`certainly`: is) what a parameter takes."""
    bare = taken(param)
    if type is None:  # a function that is written there
        return overlap(bare, _FUNCTION, c.lookup) or isinstance(param, TypeVariable)
    if isinstance(type, NeverType):
        return True
    return is_subtype(type, bare, c.lookup) if certainly else overlap(type, bare, c.lookup)


def _blame(c: Inference, node: ast.Call, name: str, shapes: Sequence[FunctionType], types: list[Type | None]) -> None:
    """Report the operand because of which no shape fits."""
    for i, type in enumerate(types):
        params = [param_at(shape, i) for shape in shapes]
        if any(accepts(c, param, type) for param in params) and i < len(types) - 1:
            continue
        if type is None or any(accepts(c, param, type) for param in params):
            break
        want = Want(union(*[taken(p) for p in params]), f"`{name}`, operand {i + 1}")
        c.problems.report(
            "type-mismatch", want.missing(type, c.lookup), node.args[i].span or node.span, _order_hint(c, params, types)
        )
        return
    kinds = " and ".join([described(type) if type is not None else "a function" for type in types])
    c.problems.report("type-mismatch", f"`{name}` cannot take {kinds} together", node.span)


def _order_hint(c: Inference, params: list[Type], types: list[Type | None]) -> str | None:
    if any(isinstance(p, FunctionType) for p in params) and any(t is None or _is_function(t) for t in types[1:]):
        return "the function comes first"
    return None


def _is_function(type: Type) -> bool:
    return isinstance(type, FunctionType) or type == _FUNCTION


def _possible(
    c: Inference, node: ast.Call, name: str, shapes: Sequence[FunctionType], types: list[Type | None], flow: Flow
) -> None:
    """Warn of operands that may be something else, where somebody wrote their type down."""
    for i, (arg, type) in enumerate(zip(node.args, types, strict=True)):
        if type is not None and not isinstance(type, AnyType) and c.is_declared(arg, flow):
            params = [param_at(shape, i) for shape in shapes]
            wants = union(*[taken(p) for p in params])
            c.compare(type, Want(wants, f"`{name}`, operand {i + 1}"), arg, flow)


def _result(c: Inference, node: ast.Call, name: str, shape: FunctionType, types: list[Type | None], flow: Flow) -> Type:
    found = _found(c, shape, types)
    for i, arg in enumerate(node.args):
        param = param_at(shape, i)
        if not isinstance(param, FunctionType):
            if isinstance(arg, ast.Fn):
                match(param, c.infer(arg, flow), found, c.lookup)
            continue
        type = types[i]
        if isinstance(arg, ast.Fn):
            got: Type = _hand_over(c, arg, wanted(param, found), flow, f"`{name}`").result
        else:
            got = _result_of(c, arg, type or ANY, wanted(param, found), name, flow)
        match(param.result, widened(got), found, c.lookup)
    return filled(shape.result, found)


def _hand_over(c: Inference, arg: ast.Fn, wants: FunctionType, flow: Flow, who: str, kind: str = "type-mismatch") -> FunctionType:
    """A function that is written where it is handed over: its operands are known from there."""
    _accepts_count(c, arg, len(arg.params), arg.rest is not None, wants, who)
    if _never_called(wants):
        function(c, arg, flow, None)
        return FunctionType(wants.params, wants.rest, NEVER)
    made = function(c, arg, flow, wants)
    if not overlap(made.result, wants.result, c.lookup) and not isinstance(made.result, NeverType):
        message = f"the function given to {who}: expected {words(wants.result)} as its result, got {words(made.result)}"
        c.problems.report(kind, message, arg.body.span or arg.span)
    return made


def _never_called(wants: FunctionType) -> bool:
    """Whether there is nothing that a function could be called with: the items of an empty vector."""
    return any(isinstance(param, NeverType) for param in wants.params)


def _accepts_count(c: Inference, arg: ast.Node, low: int, more: bool, wants: FunctionType, who: str) -> None:
    count = len(wants.params)
    if wants.rest is None and (count < low or (count > low and not more)):
        takes = f"at least {low}" if more else str(low)
        c.problems.report("static-arity", f"{who} calls its function with {_count(count)}, and this one takes {takes}", arg.span)


def _result_of(c: Inference, arg: ast.Node, type: Type, wants: FunctionType, name: str, flow: Flow) -> Type:
    """What a function that is handed over by name gives for such operands."""
    if _never_called(wants):
        return NEVER
    if isinstance(arg, ast.Const) and isinstance(arg.value, Keyword):
        if wants.params:
            first = wants.params[0]
            if not isinstance(first, (AnyType, NeverType)) and not overlap(first, _LOOKED_INTO, c.lookup):
                message = f"`{name}` looks up {words(type)} in each item, and they are {described(first)}"
                c.problems.report("type-mismatch", message, arg.span)
                return ANY
            return value_under(c, first, arg.value, NIL)
        return ANY
    builtin = c.names.builtin(arg.name) if isinstance(arg, ast.Global) else None
    if builtin is not None:
        count = len(wants.params)
        if wants.rest is not None:
            return ANY
        if count < builtin.low or (builtin.high is not None and count > builtin.high):
            message = f"`{name}` calls its function with {_count(count)}, and `{builtin.name}` takes {_range(builtin)}"
            c.problems.report("static-arity", message, arg.span)
            return ANY
        shapes = [s for s in signature(builtin) if count == len(s.params) or (s.rest is not None and count >= len(s.params))]
        return _of_builtin(c, arg, builtin.name, shapes, wants, name)
    if isinstance(type, FunctionType):
        _accepts_count(c, arg, len(type.params), type.rest is not None, wants, f"`{name}`")
        for i, given in enumerate(wants.params):
            param = param_at(type, i)
            if not isinstance(given, (AnyType, NeverType)) and not overlap(given, filled(param, {}), c.lookup):
                message = f"`{name}` calls this function with {described(given)}, and it takes {words(param)}"
                c.problems.report("type-mismatch", message, arg.span)
        return filled(type.result, {})
    return ANY


def _of_builtin(c: Inference, arg: ast.Node, called: str, shapes: Sequence[FunctionType], wants: FunctionType, name: str) -> Type:
    given: list[Type | None] = list(wants.params)
    fitting = _fitting(c, shapes, given)
    if not fitting:
        if shapes:
            kinds = " and ".join([described(type) for type in wants.params])
            c.problems.report("type-mismatch", f"`{name}` calls `{called}` with {kinds}, which it cannot take", arg.span)
        return ANY
    return all_of([filled(shape.result, _found(c, shape, given)) for shape in fitting], c.lookup)
