"""Which values a pattern matches, and the types of the names that it binds (reference 2.6, 2.7)."""

from __future__ import annotations

from rtfs.checker.flow import Flow
from rtfs.checker.shapes import all_of, item_type, key_type, options, over_options
from rtfs.syntax import nodes as ast
from rtfs.types.lattice import meet
from rtfs.types.nodes import (
    ANY,
    BOOL,
    NEVER,
    NIL,
    AnyType,
    Entry,
    EnumType,
    Lookup,
    NeverType,
    Primitive,
    RecordType,
    TupleType,
    Type,
    VectorType,
    intersection,
    union,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Visit = Callable[[ast.Node], Type]

_EMPTY = VectorType(NEVER)
_MAP = Primitive("map")


def matching(pattern: ast.Pattern) -> tuple[Type, Type]:
    """(upper, lower): every value that matches belongs to `upper`, every value of `lower` matches."""
    if isinstance(pattern, ast.LiteralPattern):
        exactly = EnumType((pattern.value,))
        return exactly, exactly
    if isinstance(pattern, ast.VectorPattern):
        return _vector(pattern)
    if isinstance(pattern, ast.MapPattern):
        return _map(pattern)
    if isinstance(pattern, ast.TypedPattern):
        upper, lower = matching(pattern.pattern)
        return intersection(upper, pattern.type), pattern.type if isinstance(lower, AnyType) else NEVER
    if isinstance(pattern, ast.OrPattern):
        both = [matching(option) for option in pattern.options]
        return union(*[upper for upper, _ in both]), union(*[lower for _, lower in both])
    if isinstance(pattern, ast.AsPattern):
        return matching(pattern.pattern)
    if isinstance(pattern, ast.GuardPattern):
        return matching(pattern.pattern)[0], NEVER
    return ANY, ANY


def _vector(pattern: ast.VectorPattern) -> tuple[Type, Type]:
    both = [matching(item) for item in pattern.items]
    if pattern.rest is not None:
        return VectorType(ANY), NEVER if both else VectorType(ANY)
    if not both:
        return _EMPTY, _EMPTY
    lower = tuple([low for _, low in both])
    certain = NEVER if any(isinstance(low, NeverType) for low in lower) else TupleType(lower)
    return TupleType(tuple([up for up, _ in both])), certain


def _map(pattern: ast.MapPattern) -> tuple[Type, Type]:
    upper, lower = [], []
    for entry in pattern.entries:
        up, low = matching(entry.pattern)
        upper.append(Entry(entry.key, up, entry.default is not None))
        lower.append(Entry(entry.key, low, entry.default is not None))
    certain = NEVER if any(isinstance(e.type, NeverType) for e in lower) else RecordType(tuple(lower))
    return RecordType(tuple(upper)), certain


def is_closed(type: Type, patterns: Sequence[ast.Pattern], lookup: Lookup) -> bool:
    """Whether the cases of a type are so few that one expects them to be listed: single values, true, false, nil, records.

    A record, or a tuple, is closed only where the patterns tell its values apart by keys whose types are: `{:state :ok}` of
    `[:map [:state keyword]]` is one of many.
    """
    if isinstance(type, (NeverType, AnyType)):
        return False
    for option in options(type, lookup):
        if isinstance(option, RecordType):
            types: dict[object, Type] = {entry.key: entry.type for entry in option.entries}
        elif isinstance(option, TupleType):
            types = {(len(option.items), i): item for i, item in enumerate(option.items)}
        elif isinstance(option, EnumType) or option in (BOOL, NIL):
            continue
        else:
            return False
        for place, inner in _tested(patterns).items():
            if place in types and not is_closed(types[place], inner, lookup):
                return False
    return True


def _tested(patterns: Sequence[ast.Pattern]) -> dict[object, list[ast.Pattern]]:
    """Key of a map, or (length, index) -> the patterns for the value there that do not match everything."""
    found: dict[object, list[ast.Pattern]] = {}
    waiting = list(patterns)
    while waiting:
        pattern = waiting.pop()
        if isinstance(pattern, ast.OrPattern):
            waiting += pattern.options
        elif isinstance(pattern, (ast.AsPattern, ast.TypedPattern, ast.GuardPattern)):
            waiting.append(pattern.pattern)
        elif isinstance(pattern, ast.VectorPattern) and pattern.rest is None:
            for i, item in enumerate(pattern.items):
                if not isinstance(matching(item)[1], AnyType):
                    found.setdefault((len(pattern.items), i), []).append(item)
        elif isinstance(pattern, ast.MapPattern):
            for entry in pattern.entries:
                if not isinstance(matching(entry.pattern)[1], AnyType):
                    found.setdefault(entry.key, []).append(entry.pattern)
    return found


def bindable(pattern: ast.Pattern) -> Type:
    """What `let` can take apart with a pattern: there, keys that are absent bind nil."""
    if isinstance(pattern, ast.VectorPattern):
        if pattern.rest is not None:
            return VectorType(ANY)
        return TupleType(tuple([bindable(item) for item in pattern.items])) if pattern.items else ANY
    if isinstance(pattern, ast.MapPattern):
        return _MAP
    if isinstance(pattern, (ast.TypedPattern, ast.AsPattern)):
        return bindable(pattern.pattern)
    return ANY


def bind(pattern: ast.Pattern, type: Type, flow: Flow, lookup: Lookup, visit: Visit, *, declared: bool = False) -> None:
    """Make the names of a pattern known, for a value of `type`.

    Args:
        visit: the type of an expression inside the pattern: a default, a guard.
        declared: whether somebody wrote `type` down.
    """
    if isinstance(pattern, ast.BindPattern):
        flow.bind(pattern.binding, type, declared=declared)
    elif isinstance(pattern, ast.VectorPattern):
        _bind_vector(pattern, type, flow, lookup, visit, declared)
    elif isinstance(pattern, ast.MapPattern):
        _bind_map(pattern, type, flow, lookup, visit, declared)
    elif isinstance(pattern, ast.TypedPattern):
        bind(pattern.pattern, meet(type, pattern.type, lookup), flow, lookup, visit, declared=True)
    elif isinstance(pattern, ast.OrPattern):
        for option in pattern.options:  # all bind the same names: what they are is known only where all agree
            bind(option, ANY if len(pattern.options) > 1 else type, flow, lookup, visit)
    elif isinstance(pattern, ast.AsPattern):
        flow.bind(pattern.binding, type, declared=declared)
        bind(pattern.pattern, type, flow, lookup, visit, declared=declared)
    elif isinstance(pattern, ast.GuardPattern):
        bind(pattern.pattern, type, flow, lookup, visit, declared=declared)
        visit(pattern.guard)


def _bind_vector(pattern: ast.VectorPattern, type: Type, flow: Flow, lookup: Lookup, visit: Visit, declared: bool) -> None:
    if pattern.whole is not None:
        flow.bind(pattern.whole, type, declared=declared)
    for i, item in enumerate(pattern.items):
        bind(item, over_options(type, lookup, lambda o, i=i: _at(o, i, lookup)), flow, lookup, visit, declared=declared)  # type: ignore[misc]
    if pattern.rest is not None:
        bind(pattern.rest, VectorType(item_type(type, lookup)), flow, lookup, visit, declared=declared)


def _at(type: Type, index: int, lookup: Lookup) -> Type:
    if isinstance(type, TupleType):
        return type.items[index] if index < len(type.items) else NEVER
    return item_type(type, lookup)


def _bind_map(pattern: ast.MapPattern, type: Type, flow: Flow, lookup: Lookup, visit: Visit, declared: bool) -> None:
    for name in (pattern.whole, pattern.rest):
        if name is not None:
            flow.bind(name, type if name is pattern.whole else _MAP, declared=declared and name is pattern.whole)
    for entry in pattern.entries:
        default = NIL if entry.default is None else visit(entry.default)
        parts = [key_type(option, entry.key, lookup, default) for option in options(type, lookup)]
        value = ANY if None in parts else all_of(parts, lookup)
        bind(entry.pattern, value, flow, lookup, visit, declared=declared)
