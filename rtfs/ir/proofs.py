"""Annotations that need no check at run time, as what is known of a value says that it fits (reference 4.4).

A check is left out only where no value could fail it, so which values are accepted is the same with and without.
"""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.lattice import BOOL, INT, NUM, STR, fits
from rtfs.ir.nodes import Known
from rtfs.types.nodes import ANY, NUMBER, Predicate, Primitive, RefinedType, Type, UnionType, VectorType
from rtfs.types.nodes import BOOL as BOOL_TYPE
from rtfs.types.nodes import FLOAT as FLOAT_TYPE
from rtfs.types.nodes import INT as INT_TYPE
from rtfs.types.nodes import STRING as STRING_TYPE

_PLAIN = {"int": INT, "float": NUM, "string": STR, "bool": BOOL}
_NATURAL = RefinedType(INT_TYPE, (Predicate(">=", (0,)),))
#: Kind -> the type of all its values.
_TYPES: dict[str | None, Type] = {
    "int": INT_TYPE,
    "float": FLOAT_TYPE,
    "num": NUMBER,
    "bool": BOOL_TYPE,
    "str": STRING_TYPE,
    "vec": VectorType(ANY),
    "map": Primitive("map"),
    "fn": Primitive("function"),
}


def proves(known: Known, type_: Type | None) -> bool:
    """Whether a value of which so much is known surely belongs to a type."""
    if type(type_) is Primitive and type_.name in _PLAIN:
        return fits(known, _PLAIN[type_.name])
    found = _TYPES.get(known.kind)
    if found is None or not isinstance(type_, (Primitive, RefinedType, UnionType, VectorType)):
        return False
    from rtfs.types.subtyping import is_subtype

    return is_subtype(_NATURAL if known.natural else found, type_)


def proves_value(node: ir.Node, type_: Type | None) -> bool:
    """Whether the value of an expression surely belongs to a type. Names of types are not followed: they may be defined anew."""
    if type(node) is not ir.Const or type_ is None:
        return proves(node.known, type_)
    from rtfs.types.matching import matches
    from rtfs.types.rewriting import names_in

    return not names_in(type_) and matches(type_, node.value)
