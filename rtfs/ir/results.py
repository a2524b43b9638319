"""What is known of the values of built-ins, from what is known of their operands."""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.lattice import BOOL, COUNT, FLOAT, FROM_FLOAT, INT, MANY_BITS, MAP, NUM, NUMBERS, STR, UNKNOWN, VEC
from rtfs.ir.nodes import ANY, Known
from rtfs.ir.passes.purity import PREDICATES

_PREDICATES = PREDICATES | {"every?"}
_RESULTS = {
    "count": COUNT,
    "str": STR,
    "join": STR,
    "sqrt": FLOAT,
    "floor": INT,
    "ceil": INT,
    "round": INT,
    "+": NUM,
    "-": NUM,
    "*": NUM,
    "/": NUM,
    "max": NUM,
    "min": NUM,
    **dict.fromkeys(("vector", "vec", "concat", "cons", "keys", "vals", "map", "filter", "remove", "range", "sort-by"), VEC),
    "map-indexed": VEC,
    **dict.fromkeys(("hash-map", "merge", "dissoc", "zipmap", "frequencies", "group-by", "select-keys"), MAP),
}

#: Built-ins that give items of a vector as a vector, and of a string as a string -> which operand that is.
_PARTS = {"rest": 0, "butlast": 0, "reverse": 0, "take": 1, "drop": 1, "sort": -1, "distinct": 0}


def result(name: str, args: list[ir.Node]) -> Known:
    """What is known of the value of a built-in."""
    if name in _PREDICATES:
        return BOOL
    known = [arg.known for arg in args]
    if name == "throw":
        return UNKNOWN
    if name in ("assoc", "conj", "assoc-in", "update", "update-in"):
        return changed(known[0]) if known else ANY
    if name in ("+", "-", "*", "inc", "dec", "mod", "rem", "quot", "abs", "max", "min", "/"):
        if any(k is UNKNOWN for k in known):
            return UNKNOWN
        return _arithmetic(name, known) if known else ANY  # too few operands: an error when it runs
    if name in _PARTS:
        which = _PARTS[name]
        return VEC if len(known) > max(which, 0) and known[which] == VEC else ANY
    return _RESULTS.get(name, ANY)


def changed(known: Known) -> Known:
    """What is known of a collection after a change."""
    return known if known.kind in ("vec", "map", "?") else ANY


def _arithmetic(name: str, known: list[Known]) -> Known:
    kinds = [k.kind for k in known]
    if all(kind == "int" for kind in kinds) and name != "/":
        return _integers(name, known)
    if name == "abs":
        return known[0] if kinds[0] in NUMBERS else NUM
    if name == "quot":
        return INT
    if name in ("+", "-", "*", "inc", "dec") and "float" in kinds and all(kind in NUMBERS for kind in kinds):
        return FLOAT
    if name in ("max", "min") and all(kind == "float" for kind in kinds):
        return FLOAT
    if name == "/" and "float" in kinds and all(kind in (None, *NUMBERS) for kind in kinds):
        return FROM_FLOAT  # or it raises
    return NUM


def _integers(name: str, known: list[Known]) -> Known:
    natural = all(k.natural for k in known)
    bits = [k.bits for k in known]
    least = [b for b in bits if b is not None]
    whole = least if len(least) == len(bits) else None
    if name in ("mod", "rem") and len(known) == 2:
        return Known("int", min(least) if least else None, known[0].natural)
    if name == "quot":
        return Known("int", bits[0], natural)
    if name == "abs":
        return Known("int", bits[0], True)
    if name in ("max", "min"):
        some = name == "max" and any(k.natural for k in known)
        return Known("int", max(whole) if whole else None, natural or some)
    if name == "*" and len(known) == 2:
        return Known("int", _kept(sum(whole)) if whole else None, natural)
    if name in ("inc", "dec"):
        return Known("int", _kept(max(bits[0], 1) + 1) if bits[0] is not None else None, natural and name == "inc")
    if name in ("+", "-") and len(known) == 2:
        return Known("int", _kept(max(whole) + 1) if whole else None, natural and name == "+")
    return INT


def _kept(bits: int) -> int | None:
    return bits if bits <= MANY_BITS else None
