"""Expressions of a wanted kind, of every form of the language, in which most names are bound and most operands fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.support.programs.choices import Choices

KINDS = ("int", "float", "str", "bool", "vec", "map", "any")

NAMES = ("a", "b", "c", "n", "x", "y", "xs", "acc")
FUNCTION_NAMES = ("f", "g", "h", "k")
#: Global names that functions with a name of their own have; calls of them are as frequent as those of what was defined.
KEYWORDS = (":k", ":j", ":i")

INTEGERS = (
    *["0", "1", "2", "3", "-1", "5", "7", "10", "-3"] * 3,
    "4611686018427387903", "4611686018427387904", "-4611686018427387904", "9223372036854775807", "-4611686018427387905",
    "2147483648", "3037000500", "100000000000000000000", "-12345678901234567890123",
)  # fmt: skip
FLOATS = (*["0.5", "1.5", "2.0", "-2.25"] * 3, "0.0", "-0.0", "1e308", "-1e-300", "##Inf", "##-Inf", "##NaN")
STRINGS = ('""', '"a"', '"ab"', '"é"', '"12"', '"x y"')

#: Types for annotations, by kind.
TYPES = {"int": "int", "float": "float", "str": "string", "bool": "bool", "vec": "[:vector any]", "map": "map", "any": "any"}


class Maker:
    """Makes forms as text.

    Args:
        fuel: how many forms a program may have, about.
    """

    def __init__(self, choices: Choices, fuel: int = 60) -> None:
        self.c = choices
        self.fuel = fuel
        self.scope: list[tuple[str, str]] = []  # local and global names with the kinds of their values, innermost last
        self.functions: list[tuple[str, tuple[str, ...], str]] = []  # global functions: name, parameters, result
        self.macros: list[tuple[str, int]] = []
        self.structs: list[str] = []
        self.recur: tuple[str, ...] | None = None  # kinds of what `recur` takes here

    # --- names ---

    def bound(self, names: Sequence[tuple[str, str]], make: Callable[[], str]) -> str:
        """What `make` makes while some names are bound."""
        count = len(self.scope)
        self.scope += names
        made = make()
        del self.scope[count:]
        return made

    def name(self) -> str:
        return self.c.pick(NAMES)

    def variable(self, kind: str) -> str | None:
        """A name in scope, of the kind if there is one."""
        seen: dict[str, str] = {}
        for name, found in self.scope:
            seen[name] = found
        fitting = [name for name, found in seen.items() if found == kind or kind == "any"]
        return self.c.pick(fitting) if fitting else None

    # --- leaves ---

    def leaf(self, kind: str) -> str:
        c = self.c
        if c.chance(60):
            name = self.variable(kind)
            if name is not None:
                return name
        if kind == "int":
            return c.pick(INTEGERS)
        if kind == "float":
            return c.pick(FLOATS)
        if kind == "str":
            return c.pick(STRINGS)
        if kind == "bool":
            return c.pick(("true", "false"))
        if kind == "vec":
            return c.pick(
                (
                    "[1 2 3]",
                    "[]",
                    "[4]",
                    "(range 4)",
                    "(list 3 1 2)",
                    "[1 2.5]",
                    '["a" 1]',
                    "nil",
                    "(rest [9 8 7])",
                    "(range 5 0 -2)",
                )
            )
        if kind == "map":
            return c.pick(("{:k 1 :j 2}", "{}", "{:k 1.5}", '{"s" 1 2 3}', "{:k [1 2] :j {:i 1}}"))
        return c.pick((*KEYWORDS, "nil", "true", "1", "2.5", '"s"', "[1]", "{:k 1}", "inc", "+", "'sym", "'(1 2)", "str"))

    # --- expressions ---

    def expr(self, kind: str, depth: int = 3) -> str:
        """An expression whose value is probably of the kind."""
        c = self.c
        self.fuel -= 1
        if depth <= 0 or self.fuel <= 0:
            return self.leaf(kind)
        if c.chance(4):
            kind = c.pick(KINDS)
        if c.chance(25):
            return self.leaf(kind)
        if kind == "any" and c.chance(70):
            return self.expr(c.pick(KINDS[:-1]), depth)
        if c.chance(45):
            return c.weighted(ANYWHERE)(self, kind, depth - 1)
        return c.weighted(BY_KIND[kind])(self, depth - 1)

    def num(self, depth: int) -> str:
        return self.expr("float" if self.c.chance(20) else "int", depth)

    def body(self, kind: str, depth: int) -> str:
        """One expression, or several of which the first has an effect."""
        if self.c.chance(15):
            return f"{self.effect(depth)} {self.expr(kind, depth)}"
        return self.expr(kind, depth)

    def effect(self, depth: int) -> str:
        c = self.c
        how = c.below(4)
        if how == 0 and self.scope:
            name, kind = c.pick(self.scope)
            return f"(set! {name} {self.expr(kind, depth)})"
        if how == 1:
            return f"(def {self.name()} {self.expr(c.pick(KINDS), depth)})"
        return f"(println {self.expr('any', depth)})"

    def function(self, parameters: Sequence[str], result: str, depth: int) -> str:
        """A function literal, or the name of one."""
        c = self.c
        if c.chance(12) and len(parameters) == 1:
            return c.pick(("inc", "str", "first", "even?", ":k", "count", "identity", "nil?", "dec", "abs"))
        if c.chance(12) and len(parameters) == 2:
            return c.pick(("+", "conj", "str", "max", "-", "*", "min", "vector", "list"))
        fitting = [name for name, found, _ in self.functions if len(found) == len(parameters)]
        if fitting and c.chance(25):
            return c.pick(fitting)
        if c.chance(6) and len(parameters) <= 2:
            inner = ("%1", "%2")[: len(parameters)]
            return f"#({self._short(inner, parameters)})"
        names = c.pick((NAMES[:4], NAMES[4:], NAMES[1:5]))[: len(parameters)]
        shown = []
        bound: list[tuple[str, str]] = []
        for name, kind in zip(names, parameters, strict=True):
            text, more = self.parameter(name, kind)
            shown.append(text)
            bound += more
        outer, self.recur = self.recur, None
        label = f"{c.pick(FUNCTION_NAMES)} " if c.chance(8) else ""
        made = self.bound(bound, lambda: self.body(result, depth))
        self.recur = outer
        note = f" : {TYPES[result]}" if c.chance(5) else ""
        return f"({c.pick(('fn', 'fn', 'fn', 'λ'))} {label}[{' '.join(shown)}]{note} {made})"

    def _short(self, names: Sequence[str], kinds: Sequence[str]) -> str:
        def inside() -> str:
            return f"{self.c.pick(('+', 'str', 'vector', '=', 'conj'))} {' '.join(names)} {self.leaf('int')}"

        return self.bound(list(zip(names, kinds, strict=True)), inside)

    def parameter(self, name: str, kind: str) -> tuple[str, list[tuple[str, str]]]:
        """A parameter, or a pattern of one, with what it binds."""
        c = self.c
        if c.chance(7):
            return f"{name} : {TYPES[kind]}", [(name, kind)]
        if kind in ("vec", "map", "any") and c.chance(35):
            return self.pattern(name, kind)
        return name, [(name, kind)]

    def pattern(self, name: str, kind: str) -> tuple[str, list[tuple[str, str]]]:
        """A pattern that takes a value apart, with what it binds."""
        c = self.c
        if kind == "map" or (kind == "any" and c.chance(30)):
            shapes = (
                (f"{{:keys [k {name}]}}", [("k", "any"), (name, "any")]),
                (f"{{:k {name}}}", [(name, "any")]),
                (f"{{:k {name} & m}}", [(name, "any"), ("m", "map")]),
                (f"{{:keys [{name}] :or {{{name} {self.leaf('int')}}} :as m}}", [(name, "int"), ("m", "map")]),
                (f"{{:k [{name} y]}}", [(name, "int"), ("y", "int")]),
            )
        else:
            shapes = (
                (f"[{name} & r]", [(name, "int"), ("r", "vec")]),
                (f"[{name} _ z]", [(name, "int"), ("z", "int")]),
                (f"[{name} z]", [(name, "int"), ("z", "int")]),
                (f"[& {name}]", [(name, "vec")]),
                (f"[{name} & r :as v]", [(name, "int"), ("r", "vec"), ("v", "vec")]),
                (f"[[{name} z] & r]", [(name, "int"), ("z", "int"), ("r", "vec")]),
            )
        text, bound = c.pick(shapes)
        return text, [(n, k) for n, k in bound if n != "_"]


Production = Callable[[Maker, Any], str]
#: kind -> (weight, production): filled by `forms`.
BY_KIND: dict[str, list[tuple[int, Callable[[Maker, int], str]]]] = {kind: [] for kind in KINDS}
#: (weight, production) for whatever kind is wanted.
ANYWHERE: list[tuple[int, Callable[[Maker, str, int], str]]] = []


def gives(weight: int, *kinds: str) -> Callable[[Any], Any]:
    """Register a production for kinds."""

    def register(function: Any) -> Any:
        for kind in kinds:
            BY_KIND[kind].append((weight, function))
        return function

    return register


def anywhere(weight: int) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        ANYWHERE.append((weight, function))
        return function

    return register


import tests.support.programs.calls  # noqa: E402
import tests.support.programs.forms  # noqa: E402, F401
