"""Forms that the analyser cannot have made are refused, each for its own reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rtfs.errors import ConfigError, LimitExceeded
from rtfs.ir.artefact.container import decode, encode
from rtfs.ir.artefact.program import Prepared, Program
from rtfs.runtime import Runtime
from rtfs.source import Artefact, Source
from rtfs.syntax import nodes as ast
from rtfs.types import nodes as types
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import Vector
from tests.support.artefacts import parts

SOURCE = Source("<made>", "")
NIL = ast.Const(None, None)


def prepared(text: str) -> Prepared:
    """The last form of a text, as it comes out of an artefact."""
    runtime = Runtime(models=None, on_warning=lambda message, span: None)
    return decode(runtime.compile(Source("<text>", text)), "<text>").forms[-1]


def reason(node: ast.Node, **changes: Any) -> str:
    """Why an artefact with this node is refused."""
    data = encode(Program((Prepared(node).replace(**changes),), {}, (SOURCE,)))
    with pytest.raises(ConfigError) as caught:
        decode(data, "made.rtfc")
    assert caught.value.kind == "artefact-corrupt"
    return caught.value.message.removeprefix("made.rtfc is not a valid compiled program: ").removeprefix("a form in it cannot be so: ")


def changed(text: str, cls: type, **fields: Any) -> ast.Node:
    """The node of a text with some fields of its first part of a class changed; callables get the old value."""
    form = prepared(text)
    target = next(part for part in parts(form.node) if type(part) is cls)
    for field, value in fields.items():
        object.__setattr__(target, field, value(getattr(target, field)) if callable(value) else value)
    return form.node


def local(name: str = "x", *, late: bool = False) -> ast.Local:
    return ast.Local(None, ast.Binding(name, None, late))


def last(items: tuple[Any, ...]) -> tuple[Any, ...]:
    return items[:-1]


def twice(items: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*items, items[-1])


def flipped(value: bool) -> bool:
    return not value


@pytest.mark.parametrize(
    ("node", "why"),
    [
        # names
        (lambda: local(), "the use of a name"),
        (lambda: ast.Let(None, ast.Scope([]), (), local()), "the use of a name"),
        (lambda: ast.SetLocal(None, local().binding, NIL), "the use of a name"),
        (lambda: changed("(let [x 1] x)", ast.Let, bindings=()), "the use of a name"),
        (lambda: changed("(let [x 1] x)", ast.Scope, bindings=lambda b: []), "a binding"),
        (lambda: changed("(let [x 1] x)", ast.Scope, bindings=lambda b: b * 2), "a scope"),
        (lambda: changed("(let [x 1] x)", ast.Let, bindings=twice), "a binding"),
        (lambda: changed("(let [x 1 y x] y)", ast.Let, bindings=lambda b: b[::-1]), "the use of a name"),
        (lambda: changed("(let [f (fn [] 1) x (f)] x)", ast.Let, bindings=lambda b: b[::-1]), "the use of a name"),
        (lambda: changed("(let [{:keys [a b] :or {b a}} {}] b)", ast.MapPattern, entries=lambda e: e[::-1]), "the use of a name"),
        (lambda: changed("(match 1 (x | x) x)", ast.OrPattern, options=lambda o: (o[0], ast.WildcardPattern(None))), "an alternative"),
        (lambda: changed("(match 1 (x | x) x)", ast.OrPattern, options=()), "an alternative"),
        (lambda: changed("(fn [x y] y)", ast.Fn, params=lambda p: p[::-1]), "a parameter"),
        (lambda: changed("(fn [x y] y)", ast.Scope, bindings=lambda b: b[:1]), "the parameters of a function"),
        (lambda: changed("(dotimes [i 3] i)", ast.Scope, bindings=lambda b: [ast.Binding("j", None), *b]), "a scope"),
        (lambda: changed("(loop [x 1 y 2] [x y])", ast.Loop, bindings=lambda b: b[::-1]), "a loop"),
        (lambda: changed("(fn [] (def x 1) x)", ast.DefLocal, binding=lambda b: ast.Binding("y", None, True)), "a binding"),
        # where things may stand
        (lambda: ast.Let(None, ast.Scope([]), (), ast.Def(None, "x", None, NIL)), "a definition"),
        (lambda: ast.Let(None, ast.Scope([]), (), ast.Import(None, "m", None, None)), "an import"),
        (lambda: ast.Recur(None, (), True), "a recur"),
        (lambda: changed("(loop [x 1] (recur 2))", ast.Recur, args=twice), "a recur"),
        (lambda: changed("(loop [x 1] (recur 2))", ast.Recur, in_loop=False), "a recur"),
        (lambda: changed("(fn [] (loop [x 1] x))", ast.Loop, body=lambda b: ast.Call(None, b, (ast.Recur(None, (NIL,), True),))), "a recur"),
        (lambda: changed("(fn [f] (f))", ast.Fn, result=types.INT), "a tail call"),
        (lambda: ast.Call(None, NIL, (), True), "a tail call"),
        (lambda: ast.SelfCall(None, ast.Global(None, "f"), ()), "a tail call"),
        (lambda: changed("(defn f [x] (f x))", ast.SelfCall, args=twice), "a tail call"),
        (lambda: changed("(defn f [x] (f x))", ast.SelfCall, function=ast.Global(None, "g")), "a tail call"),
        (lambda: changed("(defn f [x] (f x))", ast.Fn, hint=ast.Hint("remote", "m")), "a tail call"),
        # parts that must be there, and fit
        (lambda: ast.Do(None, ()), "a sequence"),
        (lambda: ast.Or(None, ()), "a sequence"),
        (lambda: ast.Match(None, NIL, ()), "a match"),
        (lambda: ast.Try(None, NIL, (), None), "a try"),
        (lambda: changed("(for [x [1] :when x] x)", ast.For, clauses=lambda c: c[::-1]), "a loop"),
        (lambda: changed("(for [x [1]] x)", ast.ForClause, pattern=None), "a loop"),
        (lambda: changed("(let [x 1] {:a x})", ast.MakeMap, keys=()), "a map"),
        (lambda: changed("(let [x 1] {:a x})", ast.MakeMap, keys=(Vector([1]),)), "a map"),
        (lambda: changed("(let [[x] [1]] x)", ast.LetBinding, pattern=ast.LiteralPattern(None, 1)), "a pattern"),
        (lambda: changed("(fn [x] x)", ast.Fn, hint=ast.Hint("remote", None)), "a delegation hint"),
        (lambda: changed("(fn [x] x)", ast.Fn, hint=ast.Hint("local", "m")), "a delegation hint"),
        (lambda: changed("(fn [x] x)", ast.Fn, meta=5), "metadata"),
        (lambda: changed("(parallel [a 1] [b 2])", ast.Parallel, names=("a", "a")), "branches"),
        (lambda: changed("(parallel [a 1] [b 2])", ast.Parallel, branches=last), "branches"),
        (lambda: changed('(step "s" :params {"a" 1} %params)', ast.StepOptions, param_keys=()), "the parameters of a step"),
        (lambda: changed("^{:runtime.timeout 1} (f)", ast.WithHints, keys=("other",)), "hints"),
        (lambda: changed("(defstruct P :x int)", ast.DefStruct, name="Q"), "a struct"),
        (lambda: ast.Template(None, "metadata", ()), "a template"),
        (lambda: ast.ContextGet(None, "x", NIL), "a look-up"),
        (lambda: ast.ResourceRef(None, "a b"), "the id of a resource"),
        (lambda: ast.Global(None, "a b"), "'a b' is not a name"),
        (lambda: ast.Global(None, ""), "'' is not a name"),
        (lambda: ast.Const(None, Keyword("a\nb")), "'a\\nb' is not a name"),
        (lambda: ast.Const(None, Symbol("(")), "'(' is not a name"),
    ],
)  # fmt: skip
def test_forms(node: Callable[[], ast.Node], why: str) -> None:
    assert reason(node()) == why


INT, UNION = types.INT, types.UnionType((types.INT, types.STRING))


@pytest.mark.parametrize(
    ("type_", "why"),
    [
        (types.TupleType(()), "a tuple of nothing"),
        (types.UnionType((INT,)), "a union of one"),
        (types.UnionType((UNION, INT)), "a union in a union"),
        (types.IntersectionType((INT,)), "an intersection of one"),
        (types.IntersectionType((types.IntersectionType((INT, INT)), INT)), "a nested intersection"),
        (types.RefinedType(INT, ()), "a refinement of nothing"),
        (types.RefinedType(INT, (types.Predicate(">", ("a",)),)), "the operands of >"),
        (types.RefinedType(INT, (types.Predicate("matches-regex", ("(",)),)), "the operands of matches-regex"),
        (types.RefinedType(INT, (types.Predicate("in-range", (2, 1)),)), "the operands of in-range"),
        (types.EnumType(()), "an enumeration of nothing"),
        (types.EnumType((Vector([]),)), "a value of an enumeration"),
        (types.EnumType((float("nan"),)), "a value of an enumeration"),
        (types.RecordType((types.Entry(Keyword("a"), INT), types.Entry(Keyword("a"), INT))), "keys of a record"),
        (types.RecordType((types.Entry(2.5, INT),)), "keys of a record"),
        (types.ResourceType(""), "a resource without a name"),
        (types.VectorType(types.TupleType(())), "a tuple of nothing"),
    ],
)  # fmt: skip
def test_types(type_: types.Type, why: str) -> None:
    assert reason(ast.DefType(None, "T", type_)) == f"a type in it cannot be so: {why}"


def test_a_type_that_is_nested_too_deeply() -> None:
    type_: types.Type = INT
    for _ in range(1_001):
        type_ = types.VectorType(type_)
    assert reason(ast.DefType(None, "T", type_)) == "a type is nested too deeply"


def test_a_map_with_a_key_that_is_nested_too_deeply() -> None:
    key: Any = 1
    for _ in range(102):
        key = Vector([key])
    assert reason(ast.Const(None, Map([(key, 1)]))) == "the key of a map is nested too deeply"


def test_macros_are_looked_at_too() -> None:
    function = prepared("(fn [x] x)").node
    assert isinstance(function, ast.Fn)
    object.__setattr__(function, "body", local())
    assert reason(NIL, macros=(("m", function),)) == "the use of a name"


def test_forms_of_modules_are_looked_at_too() -> None:
    node = ast.Module(None, "m", None, "", None, ())
    assert reason(node, modules=((node, (Prepared(local()),)),)) == "the use of a name"


def test_deep_nesting_is_an_error_and_no_crash() -> None:
    node: ast.Node = NIL
    for _ in range(300_000):
        node = ast.If(None, NIL, node, NIL)
    data = encode(Program((Prepared(node),), {}, (SOURCE,)))
    with pytest.raises(LimitExceeded, match="nested too deeply"):
        Runtime(strategy="ir", models=None).run_source(Artefact("deep.rtfc", data))
    assert Runtime(strategy="tree", models=None).run_source(Artefact("deep.rtfc", data)) is None, "it has more room"
