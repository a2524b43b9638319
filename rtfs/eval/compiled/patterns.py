"""Code of patterns and checks: inline what `semantics.patterns` does with closures."""

from __future__ import annotations

import ast as py

from rtfs.eval.compiled import access
from rtfs.eval.compiled.builder import is_const
from rtfs.eval.compiled.generate import EFFECT, Destination, Generator, expression, statement
from rtfs.ir import nodes as ir
from rtfs.ir.proofs import proves_value
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import Primitive
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Names of a pattern from which on one statement that takes all is faster than one for each.
_AT_ONCE = 4
_PLAIN = {"int": " int", "string": " str", "bool": " bool"}


@expression(ir.Check)
def _check(g: Generator, node: ir.Check) -> Any:
    value = g.named(g.expr(node.value))
    if not proves_value(node.value, node.type):
        if node.place is not None:  # of a function whose body stands here, about an operand of its call
            from rtfs.eval.compiled.calls import place_of

            g.at = place_of(g, node.place)
        check(g, node, value)
    return value


def check(g: Generator, node: ir.Check, value: Any) -> None:
    """Statements that check a value against an annotation."""
    found = g.check_of(node.type)
    if found is None:
        return
    fail = g.call(" mismatch", g.const(found), value, g.const(node.what), g.const(node.at), g.const(node.operand))
    plain = _PLAIN.get(node.type.name) if type(node.type) is Primitive else None
    if plain is not None:
        g.when(g.not_of_type(value, plain), [g.put(py.Expr(fail))])
    else:
        g.do(fail)


@statement(ir.Bind)
def _bind(g: Generator, node: ir.Bind, to: Destination) -> None:
    if any(node is bind for rows in g.rows.values() for bind in rows.members.values()):
        return  # its names have got their values from the row
    value = g.named(g.expr(node.value))
    bind(g, node.pattern, value, node.place)
    if to is not EFFECT:
        g.deliver(value, to)


def bind(g: Generator, pattern: ast.Pattern, value: Any, place: str) -> None:
    """Statements that take a value (a name) apart, or raise."""
    outer, g.at = g.at, g.position(pattern.span)
    _BINDERS[type(pattern)](g, pattern, value, place)
    g.at = outer


def store(g: Generator, binding: ast.Binding, value: Any) -> None:
    """A statement that gives a name of a pattern its value, a part of another one; none where nothing looks at the name."""
    var = g.unit.vars[binding]
    if not (var.reads or var.assigned):
        return
    name = g.own(g.name_of(var))
    if var.boxed:
        g.assign(name, g.list_of([value]))
    elif not (isinstance(value, py.Name) and value.id == name):
        g.assign(name, value)


def _bind_name(g: Generator, pattern: ast.BindPattern, value: Any, place: str) -> None:
    store(g, pattern.binding, value)


def _bind_nothing(g: Generator, pattern: ast.WildcardPattern, value: Any, place: str) -> None:
    return None


def _length_test(g: Generator, value: Any, count: int, rest: bool) -> Any:
    op = py.GtE() if rest else py.Eq()
    return g.both(g.call(" isinstance", value, g.load(" Sequence")), g.compare(access.length(g, value), op, g.const(count)))


def _bind_vector(g: Generator, pattern: ast.VectorPattern, value: Any, place: str) -> None:
    count = len(pattern.items)
    rest = pattern.rest is not None
    expected = f"vector with {'at least' if rest else 'exactly'} {count} element{'' if count == 1 else 's'}"
    fail = g.call(" not_a_vector", g.const(place), g.const(expected), value, g.const(pattern.span))
    if is_const(value):  # of another kind than a sequence, or Python would look into it before it runs
        value = g.named(g.call(" same", value))
    refuse = [g.put(py.Expr(fail))]
    g.when(g.negated(g.either(g.of_type(value, " Vector"), g.of_type(value, " List"))), refuse)
    items, length = g.temp(), g.temp()
    access.window(g, value, items, length, count)
    g.when(g.compare(g.load(length), py.Lt() if rest else py.NotEq(), g.const(count)), refuse)
    _bind_items(g, pattern, items, place)
    if pattern.rest is not None and isinstance(pattern.rest, ast.BindPattern):
        store(g, pattern.rest.binding, access.rest(g, value, count))
    if pattern.whole is not None:
        store(g, pattern.whole, value)


def _bind_items(g: Generator, pattern: ast.VectorPattern, items: str, place: str) -> None:
    """Give the parts of a sequence that was opened to the patterns for them."""
    count = len(pattern.items)
    names = [_plain_name(g, item) for item in pattern.items]
    wanted = sum(name is not None for name in names)
    if pattern.rest is None and wanted == count and count >= _AT_ONCE:
        # all at once; a buffer can go on after the end of the sequence
        whole = g.compare(g.call(" len", g.load(items)), py.Eq(), g.const(count))
        cut = g.item(g.load(items), g.put(py.Slice(None, g.const(count), None)))
        targets = g.put(py.Tuple([g.store(str(name)) for name in names], py.Store()))
        g.add(py.Assign([targets], g.choose(whole, g.load(items), cut)))
        return
    for i, item in enumerate(pattern.items):
        if not isinstance(item, ast.WildcardPattern):
            part = g.item(g.load(items), g.const(i))
            bind(g, item, part if isinstance(item, ast.BindPattern) else g.named(part), place)


def _plain_name(g: Generator, pattern: ast.Pattern) -> str | None:
    """The Python variable of a pattern that is a name which is looked at."""
    if not isinstance(pattern, ast.BindPattern):
        return None
    var = g.unit.vars[pattern.binding]
    return g.own(g.name_of(var)) if (var.reads or var.assigned) and not var.boxed else None


def _bind_map(g: Generator, pattern: ast.MapPattern, value: Any, place: str) -> None:
    fail = g.call(" not_a_map", g.const(place), value, g.const(pattern.span))
    g.when(g.not_of_type(value, " Map"), [g.put(py.Expr(fail))])
    for entry in pattern.entries:
        if entry.default is None:
            part = access.entry(g, value, entry.key, g.const(None))
        else:
            temp = g.temp()
            g.assign(temp, access.entry(g, value, entry.key, g.load(" ABSENT")))
            node = g.unit.nodes[id(entry.default)]
            fill = g.inside(lambda n=node, t=temp: g.stmt(n, Destination(t)))
            g.when(g.is_(g.load(temp), g.load(" ABSENT")), fill)
            part = g.load(temp)
        bind(g, entry.pattern, part if isinstance(entry.pattern, ast.BindPattern) else g.named(part), place)
    if pattern.rest is not None:
        store(g, pattern.rest, g.call(" without", value, g.const(tuple([e.key for e in pattern.entries]))))
    if pattern.whole is not None:
        store(g, pattern.whole, value)


def _bind_typed(g: Generator, pattern: ast.TypedPattern, value: Any, place: str) -> None:
    value = g.named(value)
    inner = pattern.pattern
    what = f"{place} {inner.binding.name}" if isinstance(inner, ast.BindPattern) else place
    check(g, ir.Check(pattern.span, ir.Const(None, None), pattern.type, what, pattern.span), value)
    bind(g, inner, value, place)


_BINDERS: dict[type, Any] = {
    ast.BindPattern: _bind_name,
    ast.WildcardPattern: _bind_nothing,
    ast.VectorPattern: _bind_vector,
    ast.MapPattern: _bind_map,
    ast.TypedPattern: _bind_typed,
}


# --- matching --------------------------------------------------------------------------------


def match(g: Generator, pattern: ast.Pattern, value: Any) -> Any:
    """A condition that tells whether a value (a name) matches, and binds on the way."""
    outer, g.at = g.at, g.position(pattern.span)
    made = _MATCHERS[type(pattern)](g, pattern, value)
    g.at = outer
    return made


def _keep(g: Generator, binding: ast.Binding, value: Any) -> Any:
    """Bind a name in a condition that holds."""
    var = g.unit.vars[binding]
    name = g.own(g.name_of(var))
    if var.boxed:
        return g.walrus(name, g.list_of([value]))
    # a tuple of one item is true whatever the item is, and Python builds none for `(x := v,)[0:0]`; a list it is
    return g.put(py.List([g.walrus(name, value)], py.Load()))


def _match_name(g: Generator, pattern: ast.BindPattern, value: Any) -> Any:
    return _keep(g, pattern.binding, value)


def _match_any(g: Generator, pattern: ast.WildcardPattern, value: Any) -> Any:
    return g.const(True)


def _match_literal(g: Generator, pattern: ast.LiteralPattern, value: Any) -> Any:
    literal = pattern.value
    if isinstance(literal, Keyword) or literal is None or type(literal) is bool:
        return g.is_(value, g.const(literal))
    if type(literal) is int or type(literal) is str:
        return g.both(g.of_type(value, f" {type(literal).__name__}"), g.compare(value, py.Eq(), g.const(literal)))
    return g.call(" equal", value, g.const(literal))


def _part(g: Generator, pattern: ast.Pattern, part: Any) -> tuple[list[Any], Any]:
    """Conditions for a part of a value that is an expression."""
    if isinstance(pattern, ast.WildcardPattern):
        return [], part
    if isinstance(pattern, ast.BindPattern):
        return [_keep(g, pattern.binding, part)], part
    temp = g.temp()
    return [g.put(py.List([g.walrus(temp, part)], py.Load())), match(g, pattern, g.load(temp))], part


def _match_vector(g: Generator, pattern: ast.VectorPattern, value: Any) -> Any:
    tests = [_length_test(g, value, len(pattern.items), pattern.rest is not None)]
    for i, item in enumerate(pattern.items):
        part = access.item(g, value, g.const(i))
        literal = item.value if isinstance(item, ast.LiteralPattern) else ...
        if isinstance(literal, Keyword) or literal is None or type(literal) is bool:
            tests.append(g.is_(part, g.const(literal)))
        else:
            tests += _part(g, item, part)[0]
    if pattern.rest is not None and isinstance(pattern.rest, ast.BindPattern):
        tests.append(_keep(g, pattern.rest.binding, access.rest(g, value, len(pattern.items))))
    if pattern.whole is not None:
        tests.append(_keep(g, pattern.whole, value))
    return g.both(*tests)


def _match_map(g: Generator, pattern: ast.MapPattern, value: Any) -> Any:
    tests = [g.of_type(value, " Map")]
    for entry in pattern.entries:
        part = access.entry(g, value, entry.key, g.load(" ABSENT"))
        inner = entry.pattern
        if entry.default is None and isinstance(inner, ast.LiteralPattern) and isinstance(inner.value, Keyword):
            tests.append(g.is_(part, g.const(inner.value)))
            continue
        var = g.unit.vars[inner.binding] if isinstance(inner, ast.BindPattern) else None
        temp = g.own(g.name_of(var)) if var is not None and not var.boxed else g.temp()
        present = g.is_not(g.walrus(temp, part), g.load(" ABSENT"))
        if entry.default is not None:
            fill = g.simple(g.unit.nodes[id(entry.default)])
            present = g.either(present, g.put(py.List([g.walrus(temp, fill)], py.Load())))
        tests.append(present)
        if var is None or var.boxed:
            tests.append(match(g, inner, g.load(temp)))
    if pattern.rest is not None:
        keys = g.const(tuple([e.key for e in pattern.entries]))
        tests.append(_keep(g, pattern.rest, g.call(" without", value, keys)))
    if pattern.whole is not None:
        tests.append(_keep(g, pattern.whole, value))
    return g.both(*tests)


def _match_typed(g: Generator, pattern: ast.TypedPattern, value: Any) -> Any:
    plain = _PLAIN.get(pattern.type.name) if type(pattern.type) is Primitive else None
    if plain is not None:
        test = g.of_type(value, plain)
    else:
        found = g.check_of(pattern.type)
        test = g.call(" holds", g.const(found), value) if found is not None else g.const(True)
    return g.both(test, match(g, pattern.pattern, value))


def _match_or(g: Generator, pattern: ast.OrPattern, value: Any) -> Any:
    return g.either(*[match(g, option, value) for option in pattern.options])


def _match_as(g: Generator, pattern: ast.AsPattern, value: Any) -> Any:
    return g.both(_keep(g, pattern.binding, value), match(g, pattern.pattern, value))


def _match_guard(g: Generator, pattern: ast.GuardPattern, value: Any) -> Any:
    inner = match(g, pattern.pattern, value)
    guard = g.truth_of(g.simple(g.unit.nodes[id(pattern.guard)]), None)
    return g.both(inner, guard)


_MATCHERS: dict[type, Any] = {
    ast.BindPattern: _match_name,
    ast.WildcardPattern: _match_any,
    ast.LiteralPattern: _match_literal,
    ast.VectorPattern: _match_vector,
    ast.MapPattern: _match_map,
    ast.TypedPattern: _match_typed,
    ast.OrPattern: _match_or,
    ast.AsPattern: _match_as,
    ast.GuardPattern: _match_guard,
}
