"""Whole programs: definitions, redefinitions and expressions, in one piece or several."""

from __future__ import annotations

from tests.support.programs.aimed import AIMS, caught
from tests.support.programs.choices import Choices
from tests.support.programs.expressions import FUNCTION_NAMES, KINDS, NAMES, Maker

_PREAMBLE = "(def a 1) (def b [1 2 3]) (def c {:k 1}) (def x 2.5)"
_GLOBALS = [("a", "int"), ("b", "vec"), ("c", "map"), ("x", "float")]


def general(c: Choices) -> list[str]:
    """A program of every form: pieces that run one after the other in one runtime."""
    m = Maker(c, c.between(10, 70))
    m.scope += _GLOBALS
    forms = [_PREAMBLE, *[_form(m) for _ in range(c.between(1, 6))]]
    if c.chance(15):
        m.fuel = 30
        forms += c.weighted(AIMS)(m)
    return _pieces(c, forms)


def aimed(c: Choices) -> list[str]:
    """A program aimed at one optimisation."""
    m = Maker(c, c.between(6, 40))
    forms = c.weighted(AIMS)(m)
    if c.chance(10):
        m.scope += _GLOBALS
        forms = [_PREAMBLE, *forms, m.expr("any", 3)]
    return _pieces(c, forms)


def program(c: Choices) -> list[str]:
    """One or the other."""
    return aimed(c) if c.chance(55) else general(c)


def _pieces(c: Choices, forms: list[str]) -> list[str]:
    """The forms in one piece, or cut in two."""
    if len(forms) > 1 and c.chance(35):
        at = c.between(1, len(forms) - 1)
        return ["\n".join(forms[:at]), "\n".join(forms[at:])]
    return ["\n".join(forms)]


def _form(m: Maker) -> str:
    """A top-level form."""
    c = m.c
    how = c.below(20)
    if how < 6:
        return _function(m)
    if how == 6:
        name, kind = m.name(), c.pick(KINDS)
        text = f"(def {name} {m.expr(kind, 3)})"
        m.scope.append((name, kind))
        return text
    if how == 7:
        template = c.pick(("`[~p ~q]", "`(let [v# ~p] (if v# ~q v#))", "`(do ~q ~p)", "(if (vector? p) p `(list ~p ~q))"))
        name = c.pick(("m1", "m2"))
        m.macros.append((name, 2))
        return f"(defmacro {name} [p q] {template})"
    if how == 8:
        name = c.pick(("Point", "Pair"))
        m.structs.append(name)
        return f"(defstruct {name} :k {c.pick(('int', 'any', 'string'))} :n int)"
    if how == 9:
        return f"(deftype Few {c.pick(('[:vector int]', '[:and int [:< 5]]'))}) (defn few [v : Few] v) {caught(f'(few {m.leaf(c.pick(KINDS))})')}"
    if how == 10 and m.scope:
        name, kind = c.pick(m.scope)
        return f"(set! {name} {m.expr(kind, 2)})"
    if how < 14:
        return caught(m.expr(c.pick(KINDS), 4))
    return m.expr(c.pick(KINDS), 4)


def _function(m: Maker) -> str:
    """A definition of a global function, a redefinition at times; it calls itself at times."""
    c = m.c
    name = c.pick(FUNCTION_NAMES)
    kinds = tuple([c.pick(KINDS) for _ in range(c.between(0, 3))])
    result = c.pick(KINDS)
    shown: list[str] = []
    bound: list[tuple[str, str]] = []
    for parameter, kind in zip(c.pick((NAMES[:4], NAMES[3:])), kinds, strict=False):
        text, more = m.parameter(parameter, kind)
        shown.append(text)
        bound += more
    rest = ""
    if c.chance(10):
        rest = " & r"
        bound.append(("r", "vec"))
    if kinds and kinds[0] == "int" and shown[0] in NAMES and not rest and c.chance(50):
        again = f"({name} (- {shown[0]} 1){''.join([f' {m.bound(bound, lambda k=k: m.expr(k, 1))}' for k in kinds[1:]])})"
        around = c.pick(("{}", "(+ 1 {})", "(str {})", "[{}]", "(do (println 1) {})", f"(+ {{}} {shown[0]})"))
        base = m.bound(bound, lambda: m.expr(result, 2))
        body = f"(if (<= {shown[0]} 0) {base} {around.format(again)})"
    else:
        body = m.bound(bound, lambda: m.body(result, 3))
    m.functions.append((name, kinds, result))
    head = f"(defn {name}" if c.chance(80) else f"(def {name} (fn"
    return f"{head} [{' '.join(shown)}{rest}] {body}{')' if head.startswith('(defn') else '))'}"
