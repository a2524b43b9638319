"""Built-ins as Python operators: inline where the operands' types are known, or guarded by a test of them.

What the operators do differs from the built-ins for booleans, strings and mixed numbers beyond the floats, so the guard admits two
integers or what is known to be harmless, and everything else goes to the built-in's own function, which also raises the errors.
"""

from __future__ import annotations

import ast as py

from rtfs.eval.compiled import access, floats
from rtfs.eval.compiled.builder import is_const
from rtfs.eval.compiled.generate import Generator
from rtfs.eval.compiled.known import fallback, kind_of, known_of, reusable, tested
from rtfs.eval.compiled.offsets import compared, offset
from rtfs.eval.compiled.offsets import value as value_of
from rtfs.ir import nodes as ir
from rtfs.ir.lattice import MANY_BITS, is_within_floats
from rtfs.ir.nodes import Known
from rtfs.values.meter import ANNOUNCED_FROM
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ARITHMETIC = {"+": py.Add, "-": py.Sub, "*": py.Mult}
_COMPARE = {"<": py.Lt, ">": py.Gt, "<=": py.LtE, ">=": py.GtE}
_SMALL = 2**62
_DIGIT = 2**30

#: Integers up to so many bits are floats exactly.
_EXACT_BITS = 53
#: Integers up to so many bits are formatted by Python without its limit on digits.
_TEXT_BITS = 2_000


def condition(g: Generator, node: ir.Call) -> Any:
    """`(not x)`, and a comparison of an integer with zero, as a Python condition."""
    head = node.function
    if not isinstance(head, ir.GlobalGet):
        return None
    if head.name == "not" and len(node.args) == 1 and g.is_builtin("not"):
        return g.negated(g.truth(node.args[0]))
    if head.name in ("=", "not=", "zero?", "even?", "odd?"):
        tested = _against_zero(node, head.name)
        if tested is not None and kind_of(tested) == "int" and g.is_builtin(head.name):
            value = g.expr(tested)
            if head.name in ("even?", "odd?"):
                value = g.binary(value, py.BitAnd(), g.const(1))
            if isinstance(value, py.Constant):  # of an operand with effects, whose statements are there already
                return g.const((value.value == 0) is not (head.name in ("not=", "odd?")))
            return value if head.name in ("not=", "odd?") else g.negated(value)
    return None


def _against_zero(node: ir.Call, name: str) -> ir.Node | None:
    """What is compared with zero."""
    if len(node.args) == 1:
        return node.args[0] if name in ("zero?", "even?", "odd?") else None
    if len(node.args) == 2 and name in ("=", "not="):
        for i in (0, 1):
            arg = node.args[i]
            if isinstance(arg, ir.Const) and type(arg.value) is int and arg.value == 0:
                return node.args[1 - i]
    return None


def inline(g: Generator, node: ir.Call) -> Any:
    """The call of a built-in as an operator, None when it is to be called: then no operand has been generated yet."""
    head = node.function
    if not isinstance(head, ir.GlobalGet):
        return None
    if g.cursors and node.args:
        from rtfs.eval.compiled.cursors import read

        found = read(g, node)
        if found is not None:
            return found
    count = len(node.args)
    maker = INLINE.get((head.name, count))
    if maker is None or not g.is_builtin(head.name):
        return None
    return maker(g, node, head.name)


def _arithmetic(g: Generator, node: ir.Call, name: str) -> Any:
    moved = offset(g, node) if g.offsets else None
    if moved is not None:
        return value_of(g, moved)
    known = [known_of(arg) for arg in node.args]
    kinds = [k.kind for k in known]
    op = _ARITHMETIC[name]()
    if _is_safe(name, known):
        a, b = _beside_floats(g, node, kinds)
        return g.binary(a, op, b)
    if any(k in ("str", "bool", "vec", "map", "fn") for k in kinds):
        return None
    a, b, tests = tested(g, node, kinds)
    if name == "*" and "float" not in kinds:
        temp = g.temp()
        product = g.walrus(temp, g.binary(a, op, b))
        small = _is_small(g, product, g.load(temp), all(k.natural for k in known))
        return g.choose(g.both(*tests, small), g.load(temp), fallback(g, name, [a, b]))
    return g.choose(g.both(*tests), g.binary(a, op, b), fallback(g, name, [a, b])) if tests else g.binary(a, op, b)


def _is_small(g: Generator, value: Any, again: Any, natural: bool) -> Any:
    """Whether an integer is well within the limit of size; `again` is the value once more.

    Python compares integers of one digit (30 bits) several times as fast as longer ones, so these are looked at first.
    """

    def within(item: Any, bound: int) -> Any:
        if natural:
            return g.compare(item, py.Lt(), g.const(bound))
        return g.put(py.Compare(g.const(-bound), [py.Lt(), py.Lt()], [item, g.const(bound)]))

    return g.either(within(value, _DIGIT), within(again, _SMALL))


def _is_safe(name: str, known: list[Known]) -> bool:
    """Whether Python's operator does the same for all operands of which so much is known."""
    kinds = [k.kind for k in known]
    if all(kind == "int" for kind in kinds):
        return name != "*" or (None not in [k.bits for k in known] and sum(k.bits or 0 for k in known) <= MANY_BITS)
    # beside a float an integer must not be beyond the floats
    return "float" in kinds and all(is_within_floats(k) for k in known)


def _beside_floats(g: Generator, node: ir.Call, kinds: list[str | None]) -> list[Any]:
    """The operands; an integer that is written out beside a float as the float that it is, with which Python is faster."""
    values = g.exprs(node.args)
    for i in (0, 1):
        value = values[i]
        if kinds[1 - i] == "float" and isinstance(value, py.Constant) and type(value.value) is int:
            if value.value.bit_length() <= _EXACT_BITS:
                values[i] = g.const(float(value.value))
    return values


def _compare(g: Generator, node: ir.Call, name: str) -> Any:
    kinds = [kind_of(arg) for arg in node.args]
    op = _COMPARE[name]()
    moved = compared(g, node) if g.offsets else None
    if moved is not None:
        return g.compare(moved[0], op, moved[1])
    if all(k in ("int", "float", "num") for k in kinds):
        a, b = _beside_floats(g, node, kinds)
        return g.compare(a, op, b)
    if any(k in ("str", "bool", "vec", "map", "fn") for k in kinds):
        return None
    a, b, tests = tested(g, node, kinds)
    return g.choose(g.both(*tests), g.compare(a, op, b), fallback(g, name, [a, b])) if tests else g.compare(a, op, b)


def _equal(g: Generator, node: ir.Call, name: str) -> Any:
    kinds = [kind_of(arg) for arg in node.args]
    same = name == "="
    moved = compared(g, node) if g.offsets else None
    if moved is not None:
        return g.compare(moved[0], py.Eq() if same else py.NotEq(), moved[1])
    if kinds[0] == kinds[1] and kinds[0] in ("int", "str", "bool"):
        a, b = g.exprs(node.args)
        return g.compare(a, py.Eq() if same else py.NotEq(), b)
    for i in (0, 1):
        arg = node.args[i]
        literal = arg.value if isinstance(arg, ir.Const) else ...
        other = node.args[1 - i]
        if literal is None or type(literal) is bool or type(literal) is Keyword:
            value = g.expr(other)
            if is_const(value):
                return fallback(g, name, [value, g.const(literal)])
            return (g.is_ if same else g.is_not)(value, g.const(literal))
        if type(literal) is int or type(literal) is str:
            value = g.named(g.expr(other))
            if is_const(value):
                return fallback(g, name, [value, g.const(literal)])
            test = g.both(g.of_type(value, f" {type(literal).__name__}"), g.compare(value, py.Eq(), g.const(literal)))
            return test if same else g.negated(test)
    a, b, tests = tested(g, node, [k if k == "int" else None for k in kinds])
    plain = g.compare(a, py.Eq() if same else py.NotEq(), b)
    return g.choose(g.both(*tests), plain, fallback(g, name, [a, b])) if tests else plain


def _step(g: Generator, node: ir.Call, name: str) -> Any:
    moved = offset(g, node) if g.offsets else None
    if moved is not None:
        return value_of(g, moved)
    kind = kind_of(node.args[0])
    op = py.Add() if name == "inc" else py.Sub()
    value = g.expr(node.args[0])
    if kind in ("int", "float", "num"):
        return g.binary(value, op, g.const(1))
    value = g.named(value)
    return g.choose(g.of_type(value, " int"), g.binary(value, op, g.const(1)), fallback(g, name, [value]))


def _negate(g: Generator, node: ir.Call, name: str) -> Any:
    return g.negated(g.truth(node.args[0]))


def _is_nil(g: Generator, node: ir.Call, name: str) -> Any:
    value = g.expr(node.args[0])
    return fallback(g, name, [value]) if is_const(value) else g.is_(value, g.const(None))


def _divide(g: Generator, node: ir.Call, name: str) -> Any:
    """`mod`, `rem` and `quot`: the same as Python's where the first is not negative and the second positive."""
    known = [known_of(arg) for arg in node.args]
    if any(k.kind not in (None, "int", "num") for k in known):
        return None
    literal = node.args[1].value if isinstance(node.args[1], ir.Const) else ...
    if literal is not ... and (type(literal) is not int or literal <= 0):
        return None
    op = py.FloorDiv() if name == "quot" else py.Mod()
    if literal is not ... and known[0].kind == "int" and known[0].natural:
        a, b = g.exprs(node.args)
        return g.binary(a, op, b)
    a, b = reusable(g, node)
    tests = [g.of_type(v, " int") for v, k in ((a, known[0]), (b, known[1])) if k.kind != "int"]
    if literal is ... and known[0].bits is None:  # division of long integers is the built-in's: it takes time, and says so
        tests.append(g.put(py.Compare(g.const(0), [py.LtE(), py.Lt()], [a, g.const(_SMALL)])))
    elif not known[0].natural:
        tests.append(g.compare(a, py.GtE(), g.const(0)))
    if literal is ... and not (g.fusing and known[1].natural):  # an error there makes the loops run again, one after the other
        tests.append(b if known[1].natural else g.compare(b, py.Gt(), g.const(0)))
    done = g.binary(a, op, b)
    return g.choose(g.both(*tests), done, fallback(g, name, [a, b])) if tests else done


def _absolute(g: Generator, node: ir.Call, name: str) -> Any:
    kind = kind_of(node.args[0])
    if kind in ("int", "float", "num"):
        return g.call(" abs", g.expr(node.args[0]))
    if kind is not None:
        return None
    value = g.named(g.expr(node.args[0]))
    return g.choose(g.of_type(value, " int"), g.call(" abs", value), fallback(g, name, [value]))


def _extreme(g: Generator, node: ir.Call, name: str) -> Any:
    """`max` and `min` of integers; floats may be NaN."""
    kinds = [kind_of(arg) for arg in node.args]
    if any(kind not in (None, "int", "num") for kind in kinds):
        return None
    a, b, tests = tested(g, node, kinds)
    beats = g.compare(b, py.Gt() if name == "max" else py.Lt(), a)
    chosen = g.choose(beats, b, a)
    return g.choose(g.both(*tests), chosen, fallback(g, name, [a, b])) if tests else chosen


def _sign(g: Generator, node: ir.Call, name: str) -> Any:
    op = {"zero?": py.Eq(), "pos?": py.Gt(), "neg?": py.Lt()}[name]
    kind = kind_of(node.args[0])
    if kind in ("int", "float", "num"):
        return g.compare(g.expr(node.args[0]), op, g.const(0.0 if kind == "float" else 0))
    if kind is not None:
        return None
    value = g.named(g.expr(node.args[0]))
    if is_const(value):
        return fallback(g, name, [value])
    return g.choose(g.of_type(value, " int"), g.compare(value, op, g.const(0)), fallback(g, name, [value]))


def _parity(g: Generator, node: ir.Call, name: str) -> Any:
    value = g.named(g.expr(node.args[0]))
    if is_const(value):
        return fallback(g, name, [value])
    bit = g.binary(value, py.BitAnd(), g.const(1))
    test = g.compare(bit, py.Eq(), g.const(0 if name == "even?" else 1))
    if kind_of(node.args[0]) == "int":
        return test
    return g.choose(g.of_type(value, " int"), test, fallback(g, name, [value]))


def _text(g: Generator, node: ir.Call, name: str) -> Any:
    """`str` of strings that are written out and of integers, which Python formats alike up to a length."""
    tests: list[Any] = []
    parts: list[Any] = []
    if len(node.args) > 1 and all(_formats_alike(arg) for arg in node.args):
        texts = any(not isinstance(arg, ir.Const) and known_of(arg).kind == "str" for arg in node.args)
        values = reusable(g, node) if texts else g.exprs(node.args)
        for arg, value in zip(node.args, values, strict=True):
            is_text = isinstance(value, py.Constant) and type(value.value) is str
            parts.append(value if is_text else g.put(py.FormattedValue(value, -1)))
            if known_of(arg).kind == "str" and not is_const(value):  # a long one is the built-in's, which keeps the limits
                tests.append(g.compare(g.call(" len", value), py.Lt(), g.const(ANNOUNCED_FROM)))
        made = g.put(py.JoinedStr(parts))
        return g.choose(g.both(*tests), made, fallback(g, name, values)) if tests else made
    values = reusable(g, node)
    for arg, value in zip(node.args, values, strict=True):
        if isinstance(arg, ir.Const) and type(arg.value) is str:
            parts.append(value if isinstance(value, py.Constant) else None)
        elif isinstance(value, py.Name) and kind_of(arg) in ("int", None):
            if kind_of(arg) is None:
                tests.append(g.of_type(value, " int"))
            tests.append(_is_small(g, value, value, natural=False))
            parts.append(g.put(py.FormattedValue(value, -1)))
        else:
            parts.append(None)
    if None in parts or not tests:
        return fallback(g, name, values)
    return g.choose(g.both(*tests), g.put(py.JoinedStr(parts)), fallback(g, name, values))


def _formats_alike(node: ir.Node) -> bool:
    """Whether Python's formatting gives the same text for whatever the value is."""
    known = known_of(node)
    return known.kind == "str" or (known.kind == "int" and known.bits is not None and known.bits <= _TEXT_BITS)


#: (name, number of operands) -> `maker(g, node, name)`, which gives the expression, or None where the built-in is to be called.
INLINE: dict[tuple[str, int], Any] = {
    **{("str", count): _text for count in (1, 2, 3, 4)},
    **access.INLINE,
    **{(name, 2): _arithmetic for name in _ARITHMETIC},
    **{(name, 2): _compare for name in _COMPARE},
    ("=", 2): _equal,
    ("not=", 2): _equal,
    ("inc", 1): _step,
    ("dec", 1): _step,
    ("not", 1): _negate,
    ("nil?", 1): _is_nil,
    ("mod", 2): _divide,
    ("quot", 2): _divide,
    ("rem", 2): _divide,
    ("abs", 1): _absolute,
    ("max", 2): _extreme,
    ("min", 2): _extreme,
    ("zero?", 1): _sign,
    ("pos?", 1): _sign,
    ("neg?", 1): _sign,
    ("sqrt", 1): floats.root,
    ("/", 2): floats.quotient,
    ("even?", 1): _parity,
    ("odd?", 1): _parity,
}
