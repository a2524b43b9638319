"""Type variables of built-ins: what they stand for in one call (`map : [:fn [a] b], [:seq a] -> [:vector b]`)."""

from __future__ import annotations

from rtfs.checker.shapes import item_type, options, plain
from rtfs.types.lattice import join, widened
from rtfs.types.nodes import (
    ANY,
    NEVER,
    AnyType,
    FunctionType,
    Lookup,
    MapOfType,
    NeverType,
    Primitive,
    RecordType,
    SequenceType,
    TupleType,
    Type,
    TypeVariable,
    UnionType,
    VectorType,
)
from rtfs.types.rewriting import parts_of, rewrite

Found = dict[str, Type]


def variables(type: Type) -> set[str]:
    """The names of the type variables in a type."""
    known = _VARIABLES.get(id(type))
    if known is not None and known[0] is type:
        return known[1]
    found = {type.name} if isinstance(type, TypeVariable) else set().union(*[variables(part) for part in parts_of(type)])
    if found:  # only declared types of built-ins have any, and they are kept anyway
        _VARIABLES[id(type)] = (type, found)
    return found


_VARIABLES: dict[int, tuple[Type, set[str]]] = {}


def filled(type: Type, found: Found, unknown: Type = ANY) -> Type:
    """The type with each variable replaced by what it stands for."""
    if not variables(type):
        return type
    return rewrite(type, lambda part: found.get(part.name, unknown) if isinstance(part, TypeVariable) else part)


def match(param: Type, actual: Type, found: Found, lookup: Lookup) -> None:
    """Find out what the variables of a parameter's type stand for, given what is handed over."""
    if isinstance(param, TypeVariable):
        found[param.name] = join(found[param.name], actual, lookup) if param.name in found else actual
    elif isinstance(actual, (AnyType, NeverType)):
        for name in variables(param):
            if not isinstance(param, FunctionType):
                match(TypeVariable(name), actual, found, lookup)
    elif isinstance(param, SequenceType):
        match(param.item, item_type(actual, lookup), found, lookup)
    elif isinstance(param, VectorType):
        items = [item_type(o, lookup) for o in options(actual, lookup) if _is_vector(o)]
        for item in items:
            match(param.item, item, found, lookup)
    elif isinstance(param, TupleType):
        _match_tuple(param, actual, found, lookup)
    elif isinstance(param, MapOfType):
        for option in options(actual, lookup):
            key, value = _entries(option)
            match(param.key, key, found, lookup)
            match(param.value, value, found, lookup)
    elif isinstance(param, UnionType):
        _match_union(param, actual, found, lookup)
    elif isinstance(param, FunctionType):
        got = plain(actual, lookup)
        if isinstance(got, FunctionType):
            match(param.result, got.result, found, lookup)
        else:
            match(param.result, ANY, found, lookup)


def _match_union(param: UnionType, actual: Type, found: Found, lookup: Lookup) -> None:
    from rtfs.types.subtyping import overlap

    bare = [option for option in param.options if isinstance(option, TypeVariable)]
    rest = [option for option in param.options if not isinstance(option, TypeVariable)]
    for option in options(actual, lookup):
        chosen = [part for part in rest if overlap(option, filled(part, {}), lookup)]
        for part in chosen or bare:
            match(part, option, found, lookup)


def _match_tuple(param: TupleType, actual: Type, found: Found, lookup: Lookup) -> None:
    for option in options(actual, lookup):
        if isinstance(option, TupleType) and len(option.items) == len(param.items):
            for part, item in zip(param.items, option.items, strict=True):
                match(part, item, found, lookup)
        else:
            for part in param.items:
                match(part, item_type(option, lookup), found, lookup)


def _is_vector(type: Type) -> bool:
    return isinstance(type, (VectorType, TupleType, SequenceType)) or (
        isinstance(type, Primitive) and type.name in ("list", "vector")
    )


def _entries(type: Type) -> tuple[Type, Type]:
    if isinstance(type, MapOfType):
        return type.key, type.value
    if isinstance(type, RecordType) and type.rest is None:
        return ANY, ANY  # a record is open: other keys may be there
    return (NEVER, NEVER) if isinstance(type, Primitive) and type.name == "nil" else (ANY, ANY)


def wanted(param: FunctionType, found: Found) -> FunctionType:
    """What is known of the operands of a function that is handed over.

    A variable that the function also gives back (the total of `reduce`) is not known before the function is.
    """
    given = variables(param.result)
    params = tuple([ANY if given & variables(part) else filled(part, found) for part in param.params])
    rest = None if param.rest is None else ANY if given & variables(param.rest) else filled(param.rest, found)
    return FunctionType(params, rest, filled(param.result, {}))


def broad(type: Type) -> Type:
    """The type of a name that other values of the same kind may follow."""
    return widened(type)
