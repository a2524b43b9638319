"""Destructuring and matching: patterns as functions of a value (reference 2.6, 2.10).

An evaluator brings how a name is stored (`store`) and how a node is evaluated (`evaluate`); what a pattern accepts is decided
here, once.  The environment is opaque.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.errors import EvalError
from rtfs.semantics.faults import type_error
from rtfs.semantics.typecheck import TypeLookup, compile_check, validation_error
from rtfs.syntax import nodes as ast
from rtfs.values.equality import equal, is_truthy
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Sequence, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Env = list["Any"]
Store = Callable[[Env, "Any"], None]
Binder = Callable[["Any", Env], None]
Matcher = Callable[["Any", Env], bool]

_ABSENT: Any = object()


class PatternCompiler:
    """Compiles patterns for one evaluator."""

    def __init__(
        self,
        store: Callable[[ast.Binding], Store],
        evaluate: Callable[[ast.Node], Callable[[Env], Any]],
        lookup_type: TypeLookup,
    ) -> None:
        self.store = store
        self.evaluate = evaluate
        self.lookup_type = lookup_type

    # --- destructuring: binds or raises ---

    def binder(self, pattern: ast.Pattern, place: str = "let") -> Binder:
        """A function that binds the names of a pattern to the parts of a value, or raises a type error."""
        if isinstance(pattern, ast.BindPattern):
            store = self.store(pattern.binding)
            return lambda value, env: store(env, value)
        if isinstance(pattern, ast.WildcardPattern):
            return lambda value, env: None
        if isinstance(pattern, ast.VectorPattern):
            return self._vector_binder(pattern, place)
        if isinstance(pattern, ast.MapPattern):
            return self._map_binder(pattern, place)
        if isinstance(pattern, ast.TypedPattern):
            inner = self.binder(pattern.pattern, place)
            check = compile_check(pattern.type, self.lookup_type)
            named = pattern.pattern
            what = f"{place} {named.binding.name}" if isinstance(named, ast.BindPattern) else place

            def bind_typed(value: Any, env: Env) -> None:
                if (mismatch := check(value)) is not None:
                    error = validation_error(what, mismatch)
                    error.span = pattern.span
                    raise error
                inner(value, env)

            return bind_typed
        raise TypeError(pattern)

    def _vector_binder(self, pattern: ast.VectorPattern, place: str) -> Binder:
        binders = [self.binder(p, place) for p in pattern.items]
        rest = self.binder(pattern.rest, place) if pattern.rest is not None else None
        whole = self.store(pattern.whole) if pattern.whole is not None else None
        count = len(binders)
        expected = f"vector with {'at least' if rest else 'exactly'} {count} element{'' if count == 1 else 's'}"
        span = pattern.span

        def bind_vector(value: Any, env: Env) -> None:
            if not isinstance(value, Sequence) or (len(value) != count if rest is None else len(value) < count):
                error = type_error(place, expected, value)
                if isinstance(value, Sequence):
                    error.message += f" with {len(value)}"
                error.span = span
                raise error
            for i in range(count):
                binders[i](value[i], env)
            if rest is not None:
                rest(Vector.adopt(value.items()[count:]), env)
            if whole is not None:
                whole(env, value)

        return bind_vector

    def _map_binder(self, pattern: ast.MapPattern, place: str) -> Binder:
        entries = [
            (e.key, self.binder(e.pattern, place), self.evaluate(e.default) if e.default is not None else None)
            for e in pattern.entries
        ]
        rest = self.store(pattern.rest) if pattern.rest is not None else None
        whole = self.store(pattern.whole) if pattern.whole is not None else None
        span = pattern.span

        def bind_map(value: Any, env: Env) -> None:
            if type(value) is not Map:
                hint = "nil has no keys: (or value {}) gives a default" if value is None else None
                error = type_error(place, "map", value, hint=hint)
                error.span = span
                raise error
            for key, bind, default in entries:
                part = value.get(key, _ABSENT)
                if part is _ABSENT:
                    part = default(env) if default is not None else None
                bind(part, env)
            if rest is not None:
                rest(env, _without(value, entries))
            if whole is not None:
                whole(env, value)

        return bind_map

    # --- matching: tells whether ---

    def matcher(self, pattern: ast.Pattern) -> Matcher:
        """A function that tells whether a value matches, binding names on the way."""
        if isinstance(pattern, ast.BindPattern):
            store = self.store(pattern.binding)

            def match_any(value: Any, env: Env) -> bool:
                store(env, value)
                return True

            return match_any
        if isinstance(pattern, ast.WildcardPattern):
            return lambda value, env: True
        if isinstance(pattern, ast.LiteralPattern):
            literal = pattern.value
            if isinstance(literal, Keyword) or literal is None or type(literal) is bool:
                return lambda value, env: value is literal
            return lambda value, env: equal(value, literal)
        if isinstance(pattern, ast.VectorPattern):
            return self._vector_matcher(pattern)
        if isinstance(pattern, ast.MapPattern):
            return self._map_matcher(pattern)
        if isinstance(pattern, ast.TypedPattern):
            inner = self.matcher(pattern.pattern)
            check = compile_check(pattern.type, self.lookup_type)
            return lambda value, env: check(value) is None and inner(value, env)
        if isinstance(pattern, ast.OrPattern):
            options = [self.matcher(p) for p in pattern.options]

            def match_or(value: Any, env: Env) -> bool:
                for option in options:
                    if option(value, env):
                        return True
                return False

            return match_or
        if isinstance(pattern, ast.AsPattern):
            inner = self.matcher(pattern.pattern)
            store = self.store(pattern.binding)

            def match_as(value: Any, env: Env) -> bool:
                store(env, value)
                return inner(value, env)

            return match_as
        if isinstance(pattern, ast.GuardPattern):
            inner = self.matcher(pattern.pattern)
            guard = self.evaluate(pattern.guard)
            return lambda value, env: inner(value, env) and is_truthy(guard(env))
        raise TypeError(pattern)

    def _vector_matcher(self, pattern: ast.VectorPattern) -> Matcher:
        matchers = [self.matcher(p) for p in pattern.items]
        rest = self.matcher(pattern.rest) if pattern.rest is not None else None
        whole = self.store(pattern.whole) if pattern.whole is not None else None
        count = len(matchers)

        def match_vector(value: Any, env: Env) -> bool:
            if not isinstance(value, Sequence) or (len(value) != count if rest is None else len(value) < count):
                return False
            for i in range(count):
                if not matchers[i](value[i], env):
                    return False
            if rest is not None:
                rest(Vector.adopt(value.items()[count:]), env)
            if whole is not None:
                whole(env, value)
            return True

        return match_vector

    def _map_matcher(self, pattern: ast.MapPattern) -> Matcher:
        entries = [
            (e.key, self.matcher(e.pattern), self.evaluate(e.default) if e.default is not None else None) for e in pattern.entries
        ]
        rest = self.store(pattern.rest) if pattern.rest is not None else None
        whole = self.store(pattern.whole) if pattern.whole is not None else None

        def match_map(value: Any, env: Env) -> bool:
            if type(value) is not Map:
                return False
            for key, match, default in entries:
                part = value.get(key, _ABSENT)
                if part is _ABSENT:
                    if default is None:
                        return False
                    part = default(env)
                if not match(part, env):
                    return False
            if rest is not None:
                rest(env, _without(value, entries))
            if whole is not None:
                whole(env, value)
            return True

        return match_map


def _without(value: Map, entries: list[Any]) -> Map:
    for key, _, _ in entries:
        value = value.dissoc(key)
    return value


def no_match(value: Any) -> EvalError:
    """The error when no clause of `match` succeeds."""
    from rtfs.values.printing import preview

    return EvalError(
        f"No matching clause for {preview(value, 60)}",
        kind="match-error",
        hint="add a clause `_ default`",
    )
