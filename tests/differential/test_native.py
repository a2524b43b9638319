"""Generated functions of numbers and booleans as machine code: the same value, to the bit, or the same error at the same place."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtfs.errors import RtfsError
from rtfs.eval.native import tier
from rtfs.runtime import Runtime
from rtfs.values.printing import to_readable

pytest.importorskip("llvmlite")

#: Where integers stop fitting into 64 bits, products of them too, and where floats stop telling integers apart.
INTEGERS = [0, 1, -1, 2, 3, -7, 10, 2**31, 2**53, 2**53 + 1, -(2**53) - 1, 2**62, -(2**62), 2**63 - 1, -(2**63)]
#: Integers that machine code cannot take.
LARGE = [2**63, -(2**63) - 1, 2**64 + 1]
FLOATS = [0.0, -0.0, 0.5, -0.5, 1.0, -2.5, 3.7, 1e-300, 1e300, 2.0**53, 2.0**62, 2.0**63, -(2.0**63), math.inf, -math.inf, math.nan]
TYPES = ("int", "float", "bool")
#: How many turns a generated loop makes at most, and how deep a generated recursion is.
TURNS = 4


def shown(value: Any) -> str:
    """A value with its kind and the sign of a zero."""
    return f"{type(value).__name__} {hex(value) if type(value) is int else repr(value)}"


class Run:
    """A program in a runtime of its own."""

    def __init__(self, strategy: str, native: bool) -> None:
        out = io.StringIO()
        self.runtime = Runtime(strategy=strategy, models=None, stdout=out, stderr=out, environ={}, module_path=[])
        self.runtime.machine.native = native

    def outcome(self, text: str) -> tuple[Any, ...]:
        try:
            return "value", shown(self.runtime.run(text, raw=True))
        except RtfsError as error:
            place = (error.span.start, error.span.end) if error.span is not None else None
            return "error", error.kind, error.message, place, error.hint

    def trace(self, text: str) -> Any:
        try:
            self.runtime.run(text, raw=True)
        except RtfsError as error:
            return [(frame.name, str(frame.span)) for frame in error.trace]
        return None

    @property
    def compiled(self) -> int:
        """How many functions have machine code."""
        native = self.runtime.namespace.linker._native
        return sum(c.code is not None for c in native._candidates.values()) if native is not None else 0


def check(definitions: str, calls: list[str], heat: int) -> None:
    """The calls give the same in the tree evaluator, in the ordinary tier, and where the native tier takes part.

    Args:
        heat: when functions are compiled: 0 at their first call, else somewhere on the way.
    """
    runs = [Run("tree", False), Run("ir", False), Run("ir", True)]
    before, tier.HEAT = tier.HEAT, heat
    try:
        for run in runs:
            run.outcome(definitions)
        for call in calls:
            expected = runs[0].outcome(call)
            assert runs[1].outcome(call) == expected, (definitions, call)
            assert runs[2].outcome(call) == expected, (definitions, call)
            assert runs[2].trace(call) in (runs[0].trace(call), runs[1].trace(call)), (definitions, call)
    finally:
        tier.HEAT = before


# --- programs ----------------------------------------------------------------------------------


class Scope:
    """What an expression may mention: variables by type, and functions as (name, types of parameters, type of result)."""

    def __init__(self, variables: dict[str, str], functions: list[tuple[str, list[str], str]]) -> None:
        self.variables = variables
        self.functions = functions

    def with_variable(self, name: str, type_: str) -> Scope:
        return Scope({**self.variables, name: type_}, self.functions)


def value_of(random: Random, type_: str) -> Any:
    """A value for a parameter, often one where something ends."""
    if type_ == "bool":
        return random.random() < 0.5
    if type_ == "int" or random.random() < 0.1:
        kind = random.random()
        return random.choice(LARGE) if kind < 0.02 else random.choice(INTEGERS) if kind < 0.3 else random.randint(-4, 20)
    return random.choice(FLOATS) if random.random() < 0.5 else random.uniform(-50, 50)


class Growing:
    """Grows expressions of a type, of about `size` operations."""

    def __init__(self, random: Random, scope: Scope, size: float) -> None:
        self.random = random
        self.scope = scope
        self.size = size

    def __call__(self, type_: str, scope: Scope | None = None, part: float = 0.55) -> str:
        inner = Growing(self.random, scope or self.scope, self.size * part)
        return inner.leaf(type_) if inner.size < 1 else inner.grown(type_)

    def leaf(self, type_: str) -> str:
        names = [n for n, t in self.scope.variables.items() if t == type_ or (type_ == "float" and t == "int")]
        if names and self.random.random() < 0.7:
            return self.random.choice(names)
        return to_readable(value_of(self.random, type_))

    def one_of(self, *choices: str) -> str:
        return self.random.choice(choices)

    def number(self) -> str:
        return self(self.one_of("int", "float"))

    def new(self) -> str:
        return f"v{len(self.scope.variables)}"

    def grown(self, type_: str) -> str:
        shapes = [*SHAPES, *OPERATIONS[type_], *OPERATIONS[type_]]
        return self.random.choice(shapes)(self, type_)


def _call(e: Growing, t: str) -> str:
    fits = [f for f in e.scope.functions if f[2] == t]
    if not fits:
        return e.grown(t)
    name, parameters, _ = e.random.choice(fits)
    return f"({' '.join([name, *[e(p) for p in parameters]])})"


def _loop(e: Growing, t: str) -> str:
    counter, total = e.new(), e.new() + "t"
    inner = e.scope.with_variable(counter, "int").with_variable(total, t)
    going_on = f"(recur (inc {counter}) {e(t, inner)})"
    return f"(loop [{counter} 0 {total} {e(t)}] (if (< {counter} {e.random.randint(0, TURNS)}) {going_on} {total}))"


def _fold(e: Growing, t: str) -> str:
    item, total = e.new(), e.new() + "t"
    inner = e.scope.with_variable(item, "int").with_variable(total, t)
    bounds = e.one_of("3", "3", "2 5", "5 0 -2", "0 4 2", "(+ 1 2)", "4 -1 -1", e("int"))
    return f"(reduce (fn [{total} {item}] {e(t, inner)}) {e(t)} (range {bounds}))"


def _times(e: Growing, t: str) -> str:
    item, total = e.new(), e.new() + "t"
    inner = e.scope.with_variable(item, "int").with_variable(total, t)
    head = e.one_of(f"dotimes [{item} 3]", f"doseq [{item} (range 3)]")
    return f"(let [{total} {e(t)}] ({head} (set! {total} {e(t, inner)})) {total})"


def _let(e: Growing, t: str) -> str:
    name, given_ = e.new(), e.one_of("int", "float", "bool")
    annotation = e.one_of("", f" : {given_}")
    return f"(let [{name}{annotation} {e(given_)}] {e(t, e.scope.with_variable(name, given_))})"


def _match(e: Growing, t: str) -> str:
    name = e.new()
    typed = e.one_of("", f"(: n1 int) {e(t)}")
    last = e.one_of(f"_ {e(t)}", f"{name} {e(t, e.scope.with_variable(name, 'float'))}", "")
    return f"(match {e.number()} 1 {e(t)} (2 | 3 | 2.0) {e(t)} {typed} {last})"


SHAPES: list[Callable[[Growing, str], str]] = [
    lambda e, t: f"(if {e('bool')} {e(t)} {e(t)})",
    lambda e, t: f"(cond {e('bool')} {e(t)} {e('bool')} {e(t)} :else {e(t)})",
    lambda e, t: f"(do {e.number()} {e(t)})",
    lambda e, t: f"({e.one_of('and', 'or')} {e(t)} {e(t)})",
    lambda e, t: f"(do (def {e.new()}d {e(t)}) {e.new()}d)",
    *(_let, _call, _call, _loop, _fold, _times, _match),
]
OPERATIONS: dict[str, list[Callable[[Growing, str], str]]] = {
    "int": [
        lambda e, t: f"({e.one_of('+', '-', '*')} {e(t)} {e(t)})",
        lambda e, t: f"({e.one_of('+', '-', '*')} {e(t)} {e(t)})",
        lambda e, t: f"({e.one_of('+', '-', '*', 'max', 'min')} {e(t)} {e(t)} {e(t)})",
        lambda e, t: f"({e.one_of('mod', 'rem', 'quot', 'floor-mod', 'max', 'min', '%')} {e(t)} {e(t)})",
        lambda e, t: f"({e.one_of('inc', 'dec', 'abs', '-', '+')} {e(t)})",
        lambda e, t: f"({e.one_of('floor', 'ceil', 'round', 'trunc', 'int')} {e('float')})",
        lambda e, t: f"(int {e('bool')})",
        lambda e, t: f"(quot {e('float')} {e.number()})",
        lambda e, t: f"(pow {e(t)} {e.random.randint(0, 5)})",
    ],
    "float": [
        lambda e, t: f"({e.one_of('+', '-', '*', '/')} {e.number()} {e.number()})",
        lambda e, t: f"({e.one_of('+', '-', '*', '/')} {e.number()} {e.number()})",
        lambda e, t: f"({e.one_of('mod', 'rem', 'floor-mod', 'max', 'min', 'pow')} {e.number()} {e.number()})",
        lambda e, t: f"({e.one_of('+', '-', '*', '/', 'max', 'min')} {e.number()} {e.number()} {e.number()})",
        lambda e, t: f"({e.one_of('inc', 'dec', 'abs', '-', 'sqrt', 'float', 'max', '/')} {e.number()})",
        lambda e, t: e("int"),
    ],
    "bool": [
        lambda e, t: f"({e.one_of('<', '>', '<=', '>=', '=', 'not=')} {e.number()} {e.number()})",
        lambda e, t: f"({e.one_of('<', '>=', '=')} {e.number()} {e.number()} {e.number()})",
        lambda e, t: f"({e.one_of('=', 'not=')} {e(t)} {e(e.one_of('bool', 'int'))})",
        lambda e, t: f"(not {e(t)})",
        lambda e, t: f"({e.one_of('even?', 'odd?', 'zero?', 'pos?', 'neg?', 'int?', 'float?', 'nil?')} {e.number()})",
    ],
}


def program(random: Random) -> tuple[str, list[str]]:
    """Definitions of functions that call one another, the later the earlier, and calls of them."""
    functions: list[tuple[str, list[str], str]] = []
    texts = []
    for i in range(random.randint(1, 3)):
        types = [random.choice(TYPES) for _ in range(random.randint(1, 3))]
        result = random.choice(TYPES)
        names = [f"p{j}" for j in range(len(types))]
        signature = " ".join(f"{n} : {t}" for n, t in zip(names, types, strict=True))
        e = Growing(random, Scope(dict(zip(names, types, strict=True)), functions), random.choice((3, 6, 12)))
        recursion = random.choice(("", "", "self", "tail"))
        if not recursion:
            texts.append(f"(defn f{i} [{signature}] : {result} {e.grown(result)})")
        else:  # a parameter that counts down keeps it finite
            if recursion == "tail":
                again = " ".join([f"(f{i}n (- n 1)", *[e(t, part=0.3) for t in types]]) + ")"
            else:
                again = Growing(random, Scope(e.scope.variables, [*functions, (f"f{i}n (- n 1)", types, result)]), 6).grown(result)
            texts.append(f"(defn f{i}n [n : int {signature}] : {result} (if (<= n 0) {e.grown(result)} {again}))")
            texts.append(f"(defn f{i} [{signature}] : {result} (f{i}n 3 {' '.join(names)}))")
        functions.append((f"f{i}", types, result))
    calls = [f"({' '.join([name, *[to_readable(value_of(random, t)) for t in types]])})" for name, types, _ in functions * 3]
    return "\n".join(texts), calls


@given(st.integers(0, 2**32), st.sampled_from([0, 0, 100, 1_000, 10**9]))
def test_functions(seed: int, heat: int) -> None:
    check(*program(Random(seed)), heat)
