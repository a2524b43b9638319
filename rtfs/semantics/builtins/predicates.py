"""Questions about the kind or sign of a value: reference 8.4 and 8.10."""

from __future__ import annotations

import math

from rtfs.semantics.builtins.operands import number
from rtfs.semantics.calls import is_function
from rtfs.semantics.faults import invalid_argument
from rtfs.semantics.library import builtin
from rtfs.values.equality import kind_of
from rtfs.values.maps import Map
from rtfs.values.scalars import ErrorValue, Keyword, Symbol
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@builtin("nil?", 1, type="[:fn [any] bool]", tests="nil")
def is_nil(value: Any) -> bool:
    """`(nil? x)`: whether `x` is nil."""
    return value is None


@builtin("bool?", 1, aliases=("boolean?",), type="[:fn [any] bool]", tests="bool")
def is_bool(value: Any) -> bool:
    """`(bool? x)`: whether `x` is true or false."""
    return type(value) is bool


@builtin("int?", 1, type="[:fn [any] bool]", tests="int")
def is_int(value: Any) -> bool:
    """`(int? x)`: whether `x` is an integer."""
    return type(value) is int


@builtin("float?", 1, type="[:fn [any] bool]")
def is_float(value: Any) -> bool:
    """`(float? x)`: whether `x` is a float."""
    return type(value) is float


@builtin("number?", 1, type="[:fn [any] bool]", tests="number")
def is_number(value: Any) -> bool:
    """`(number? x)`: whether `x` is an integer or a float."""
    return type(value) is int or type(value) is float


@builtin("string?", 1, aliases=("string-p",), type="[:fn [any] bool]", tests="string")
def is_string(value: Any) -> bool:
    """`(string? x)`: whether `x` is a string."""
    return type(value) is str


@builtin("symbol?", 1, type="[:fn [any] bool]", tests="symbol")
def is_symbol(value: Any) -> bool:
    """`(symbol? x)`: whether `x` is a symbol."""
    return type(value) is Symbol


@builtin("keyword?", 1, type="[:fn [any] bool]", tests="keyword")
def is_keyword(value: Any) -> bool:
    """`(keyword? x)`: whether `x` is a keyword."""
    return type(value) is Keyword


@builtin("vector?", 1, aliases=("vec?",), type="[:fn [any] bool]")
def is_vector(value: Any) -> bool:
    """`(vector? x)`: whether `x` is a vector; a list is not."""
    return type(value) is Vector


@builtin("list?", 1, type="[:fn [any] bool]")
def is_list(value: Any) -> bool:
    """`(list? x)`: whether `x` is a list; a vector is not."""
    return type(value) is List


@builtin("map?", 1, type="[:fn [any] bool]", tests="map")
def is_map(value: Any) -> bool:
    """`(map? x)`: whether `x` is a map."""
    return type(value) is Map


@builtin("seq?", 1, type="[:fn [any] bool]", tests="vector")
def is_seq(value: Any) -> bool:
    """`(seq? x)`: whether `x` is a vector or a list."""
    return type(value) is Vector or type(value) is List


@builtin("coll?", 1, type="[:fn [any] bool]", tests="[:union vector map]")
def is_coll(value: Any) -> bool:
    """`(coll? x)`: whether `x` is a vector, a list or a map."""
    return type(value) is Vector or type(value) is List or type(value) is Map


@builtin("fn?", 1, type="[:fn [any] bool]", tests="fn")
def is_fn(value: Any) -> bool:
    """`(fn? x)`: whether `x` is a function; a keyword is not."""
    return is_function(value)


@builtin("error?", 1, type="[:fn [any] bool]", tests="error")
def is_error(value: Any) -> bool:
    """`(error? x)`: whether `x` is an error value."""
    return type(value) is ErrorValue


@builtin("type-name", 1, type="[:fn [any] string]")
def type_name(value: Any) -> str:
    """`(type-name x)`: the kind as a word, such as "integer" or "vector"."""
    return kind_of(value)


@builtin("zero?", 1, type="[:fn [number] bool]")
def is_zero(value: Any) -> bool:
    """`(zero? n)`: whether `n` is 0 or 0.0."""
    return bool(number("zero?", value, 0) == 0)


@builtin("pos?", 1, aliases=("positive?",), type="[:fn [number] bool]")
def is_positive(value: Any) -> bool:
    """`(pos? n)`: whether `n` is above zero."""
    return bool(number("pos?", value, 0) > 0)


@builtin("neg?", 1, type="[:fn [number] bool]")
def is_negative(value: Any) -> bool:
    """`(neg? n)`: whether `n` is below zero."""
    return bool(number("neg?", value, 0) < 0)


def _is_odd(operation: str, value: Any) -> bool:
    if type(value) is float:
        if not math.isfinite(value):
            raise invalid_argument(operation, "infinity and NaN are neither even nor odd", 0)
        value = math.trunc(value)
    return bool(number(operation, value, 0) % 2)


@builtin("even?", 1, type="[:fn [number] bool]")
def is_even(value: Any) -> bool:
    """`(even? n)`: whether `n`, without its fraction, is a multiple of two."""
    return not (value % 2 if type(value) is int else _is_odd("even?", value))


@builtin("odd?", 1, type="[:fn [number] bool]")
def is_odd(value: Any) -> bool:
    """`(odd? n)`: whether `n`, without its fraction, is not a multiple of two."""
    return bool(value % 2) if type(value) is int else _is_odd("odd?", value)
