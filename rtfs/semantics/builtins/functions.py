"""Functions that make functions, and the function values of `and` and `or`.

What these make are `Builtin`s, so that they print, compare and are called like any other function.
"""

from __future__ import annotations

from rtfs.semantics.builtins.operands import function
from rtfs.semantics.calls import call_back
from rtfs.semantics.library import builtin
from rtfs.values.equality import is_truthy
from rtfs.values.functions import Builtin
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@builtin("identity", 1, aliases=("process-data",), type="[:fn [a] a]")
def identity(value: Any) -> Any:
    """`(identity x)`: `x`."""
    return value


@builtin("and", 0, None, type="[:and [:fn [] [:val true]] [:fn [a & a] a]]")
def every_operand(*operands: Any) -> Any:
    """`(and a b …)` as a function: the first falsy operand or the last one; true for none."""
    result: Any = True
    for result in operands:
        if not is_truthy(result):
            break
    return result


@builtin("or", 0, None, type="[:and [:fn [] [:val false]] [:fn [a & a] a]]")
def some_operand(*operands: Any) -> Any:
    """`(or a b …)` as a function: the first truthy operand or the last one; false for none."""
    result: Any = False
    for result in operands:
        if is_truthy(result):
            break
    return result


@builtin("constantly", 1, type="[:fn [a] [:fn [& any] a]]")
def constantly(value: Any) -> Builtin:
    """`(constantly x)`: a function of any operands that gives `x`."""

    def constant(*operands: Any) -> Any:
        return value

    return Builtin("constantly", constant, 0, None)


@builtin(
    "comp",
    0,
    None,
    type="[:and [:fn [] [:fn [any] any]] [:fn [fn] [:fn [& any] any]] [:fn [[:fn [any] a] fn & fn] [:fn [& any] a]]]",
)
def compose(*functions: Any) -> Any:
    """`(comp f g …)`: a function that applies the last to its operands and the others to the result, right to left."""
    for index in range(len(functions)):
        function("comp", functions[index], index)
    if not functions:
        return Builtin("identity", identity, 1, 1)
    outer = functions[-2::-1]

    def composed(*operands: Any) -> Any:
        result = call_back(functions[-1], list(operands))
        for f in outer:
            result = call_back(f, [result])
        return result

    return Builtin("comp", composed, 0, None)


@builtin("partial", 1, None, type="[:fn [fn & any] [:fn [& any] any]]")
def partial(f: Any, *given: Any) -> Builtin:
    """`(partial f a …)`: a function that calls `f` with `a …` in front of its operands."""
    function("partial", f, 0)

    def applied(*operands: Any) -> Any:
        return call_back(f, [*given, *operands])

    return Builtin("partial", applied, 0, None)


@builtin("complement", 1, type="[:fn [fn] [:fn [& any] bool]]")
def complement(f: Any) -> Builtin:
    """`(complement f)`: a function that is true where `f` is falsy."""
    function("complement", f, 0)

    def opposite(*operands: Any) -> bool:
        return not is_truthy(call_back(f, list(operands)))

    return Builtin("complement", opposite, 0, None)


@builtin("juxt", 1, None, type="[:fn [fn & fn] [:fn [& any] [:vector any]]]")
def juxtapose(*functions: Any) -> Builtin:
    """`(juxt f g …)`: a function that gives the vector of what each makes of its operands."""
    for index in range(len(functions)):
        function("juxt", functions[index], index)

    def side_by_side(*operands: Any) -> Vector:
        out = []
        for f in functions:
            out.append(call_back(f, list(operands)))
        return Vector.adopt(out)

    return Builtin("juxt", side_by_side, 0, None)
