"""Built-ins as Python operators: inline where the operands' types are known, or guarded by a test of them.

What the operators do differs from the built-ins for booleans, strings and mixed numbers beyond the floats, so the guard admits two
integers or what is known to be harmless, and everything else goes to the built-in's own function, which also raises the errors.
"""

from __future__ import annotations

import ast as py

from rtfs.eval.compiled import access
from rtfs.eval.compiled.builder import is_const
from rtfs.eval.compiled.generate import Generator
from rtfs.ir import nodes as ir
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ARITHMETIC = {"+": py.Add, "-": py.Sub, "*": py.Mult}
_COMPARE = {"<": py.Lt, ">": py.Gt, "<=": py.LtE, ">=": py.GtE}
_SMALL = 2**62

#: Whose operands an integer parameter spares a test.
ARITHMETIC_NAMES = frozenset((*_ARITHMETIC, *_COMPARE, "=", "not=", "inc", "dec", "mod", "quot", "even?", "odd?"))


def condition(g: Generator, node: ir.Call) -> Any:
    """`(not x)` as a Python condition."""
    head = node.function
    if isinstance(head, ir.GlobalGet) and head.name == "not" and len(node.args) == 1 and g.is_builtin("not"):
        return g.negated(g.truth(node.args[0]))
    return None


def inline(g: Generator, node: ir.Call) -> Any:
    """The call of a built-in as an operator, None when it is to be called."""
    head = node.function
    if not isinstance(head, ir.GlobalGet):
        return None
    count = len(node.args)
    maker = _INLINE.get((head.name, count))
    if maker is None or not g.is_builtin(head.name):
        return None
    return maker(g, node, head.name)


def kind_of(node: ir.Node) -> str | None:
    if isinstance(node, ir.Const):
        return {int: "int", float: "float", str: "str", bool: "bool"}.get(type(node.value))
    return node.kind


def _fallback(g: Generator, name: str, args: list[Any]) -> Any:
    return g.apply(g.load(f"{name} {len(args)}"), args)


def _reusable(g: Generator, node: ir.Call) -> list[Any]:
    """The operands as names, so that guard and operation can both use them."""
    values = g.exprs(node.args)
    unstable = [i for i, v in enumerate(values) if not g.is_stable(v)]
    for i in unstable:
        temp = g.temp()
        g.assign(temp, values[i])
        values[i] = g.load(temp)
    return values


def _arithmetic(g: Generator, node: ir.Call, name: str) -> Any:
    kinds = [kind_of(arg) for arg in node.args]
    op = _ARITHMETIC[name]()
    if all(k == "float" for k in kinds) or (name != "*" and all(k == "int" for k in kinds)) or _literal_mix(node, kinds):
        a, b = g.exprs(node.args)
        return g.binary(a, op, b)
    if any(k in ("str", "bool", "fn") for k in kinds):
        return None
    a, b, tests = _tested(g, node, kinds)
    if name == "*" and "float" not in kinds:
        temp = g.temp()
        product = g.walrus(temp, g.binary(a, op, b))
        small = g.put(py.Compare(g.const(-_SMALL), [py.Lt(), py.Lt()], [product, g.const(_SMALL)]))
        return g.choose(g.both(*tests, small), g.load(temp), _fallback(g, name, [a, b]))
    return g.choose(g.both(*tests), g.binary(a, op, b), _fallback(g, name, [a, b])) if tests else g.binary(a, op, b)


def _literal_mix(node: ir.Call, kinds: list[str | None]) -> bool:
    """A float and a small integer literal: the integer cannot be beyond the floats."""
    small = [isinstance(a, ir.Const) and type(a.value) is int and abs(a.value) < _SMALL for a in node.args]
    return (kinds[0] == "float" and small[1]) or (kinds[1] == "float" and small[0])


def _tested(g: Generator, node: ir.Call, kinds: list[str | None]) -> tuple[Any, Any, list[Any]]:
    """Operands that can be used twice, and the tests that make the operation safe."""
    other = "float" if "float" in kinds else "int"
    a, b = _reusable(g, node)
    same = isinstance(a, py.Name) and isinstance(b, py.Name) and a.id == b.id
    operands = [(a, kinds[0])] if same else [(a, kinds[0]), (b, kinds[1])]
    return a, b, [g.of_type(v, f" {other}") for v, k in operands if k != other]


def _compare(g: Generator, node: ir.Call, name: str) -> Any:
    kinds = [kind_of(arg) for arg in node.args]
    op = _COMPARE[name]()
    if all(k in ("int", "float", "num") for k in kinds):
        a, b = g.exprs(node.args)
        return g.compare(a, op, b)
    if any(k in ("str", "bool", "fn") for k in kinds):
        return None
    a, b, tests = _tested(g, node, kinds)
    return g.choose(g.both(*tests), g.compare(a, op, b), _fallback(g, name, [a, b])) if tests else g.compare(a, op, b)


def _equal(g: Generator, node: ir.Call, name: str) -> Any:
    kinds = [kind_of(arg) for arg in node.args]
    same = name == "="
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
                return None
            return (g.is_ if same else g.is_not)(value, g.const(literal))
        if type(literal) is int or type(literal) is str:
            value = g.named(g.expr(other))
            if is_const(value):
                return None
            test = g.both(g.of_type(value, f" {type(literal).__name__}"), g.compare(value, py.Eq(), g.const(literal)))
            return test if same else g.negated(test)
    a, b, tests = _tested(g, node, [k if k == "int" else None for k in kinds])
    plain = g.compare(a, py.Eq() if same else py.NotEq(), b)
    return g.choose(g.both(*tests), plain, _fallback(g, name, [a, b])) if tests else plain


def _step(g: Generator, node: ir.Call, name: str) -> Any:
    kind = kind_of(node.args[0])
    op = py.Add() if name == "inc" else py.Sub()
    value = g.expr(node.args[0])
    if kind in ("int", "float", "num"):
        return g.binary(value, op, g.const(1))
    value = g.named(value)
    return g.choose(g.of_type(value, " int"), g.binary(value, op, g.const(1)), _fallback(g, name, [value]))


def _negate(g: Generator, node: ir.Call, name: str) -> Any:
    return g.negated(g.truth(node.args[0]))


def _is_nil(g: Generator, node: ir.Call, name: str) -> Any:
    value = g.expr(node.args[0])
    return None if is_const(value) else g.is_(value, g.const(None))


def _divide(g: Generator, node: ir.Call, name: str) -> Any:
    """`mod` and `quot` of a number that is not negative by a positive literal."""
    divisor = node.args[1]
    if not (isinstance(divisor, ir.Const) and type(divisor.value) is int and divisor.value > 0):
        return None
    value = g.named(g.expr(node.args[0]))
    tests = [] if kind_of(node.args[0]) == "int" else [g.of_type(value, " int")]
    tests.append(g.compare(value, py.GtE(), g.const(0)))
    op = py.FloorDiv() if name == "quot" else py.Mod()
    by = g.const(divisor.value)
    return g.choose(g.both(*tests), g.binary(value, op, by), _fallback(g, name, [value, by]))


def _parity(g: Generator, node: ir.Call, name: str) -> Any:
    value = g.named(g.expr(node.args[0]))
    if is_const(value):
        return None
    bit = g.binary(value, py.BitAnd(), g.const(1))
    test = g.compare(bit, py.Eq(), g.const(0 if name == "even?" else 1))
    if kind_of(node.args[0]) == "int":
        return test
    return g.choose(g.of_type(value, " int"), test, _fallback(g, name, [value]))


def _text(g: Generator, node: ir.Call, name: str) -> Any:
    """`str` of strings that are written out and of integers, which Python formats alike up to a length."""
    values = _reusable(g, node)
    tests: list[Any] = []
    parts: list[Any] = []
    for arg, value in zip(node.args, values, strict=True):
        if isinstance(arg, ir.Const) and type(arg.value) is str:
            parts.append(value if isinstance(value, py.Constant) else None)
        elif isinstance(value, py.Name) and kind_of(arg) in ("int", None):
            if kind_of(arg) is None:
                tests.append(g.of_type(value, " int"))
            tests.append(g.put(py.Compare(g.const(-_SMALL), [py.Lt(), py.Lt()], [value, g.const(_SMALL)])))
            parts.append(g.put(py.FormattedValue(value, -1)))
        else:
            parts.append(None)
    if None in parts or not tests:
        return _fallback(g, name, values)
    return g.choose(g.both(*tests), g.put(py.JoinedStr(parts)), _fallback(g, name, values))


_INLINE: dict[tuple[str, int], Any] = {
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
    ("even?", 1): _parity,
    ("odd?", 1): _parity,
}
