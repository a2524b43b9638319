"""Whether a value belongs to a type, and where and why it does not (reference 4.3).

A type is compiled once to a *check*, a Python function from a value to None or a `Mismatch`.  A check that succeeds builds
nothing: the check of `int` is one comparison, that of `[:vector int]` one loop.  The path to the fault is put together only on
the way out of a check that failed.

Checks call each other as plain Python functions, with no generator or C function between them, so that a value nested a
hundred thousand deep costs Python frames and not C stack.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.types.kinds import accepts, exact_kinds, has_kind_of, is_function
from rtfs.types.mismatch import Mismatch, key_path, shown
from rtfs.types.nodes import (
    AnyType,
    ArrayType,
    Entry,
    EnumType,
    FunctionType,
    IntersectionType,
    Lookup,
    MapOfType,
    NeverType,
    Primitive,
    RecordType,
    RefinedType,
    StreamType,
    TupleType,
    Type,
    TypeRef,
    UnionType,
    VectorType,
    is_circular,
    no_names,
)
from rtfs.types.predicates import predicate_test
from rtfs.values.equality import kind_of
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, ResourceHandle
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ABSENT: Any = object()

Check = Callable[["Any"], "Mismatch | None"]


def checker(type: Type, lookup: Lookup = no_names) -> Check:
    """The check of a type.

    Args:
        lookup: asked at check time what a name stands for, so that types can be recursive and defined later; a name that it
            does not know matches nothing.
    Returns:
        A function that gives None for values of the type; safe to call from several threads.
    """
    return _Compiler(lookup).compile(type)


def matches(type: Type, value: Any, lookup: Lookup = no_names) -> bool:
    """Whether `value` belongs to `type`. For a type that is asked about often, keep its `checker`."""
    return checker(type, lookup)(value) is None


def _mismatch(expected: Type, value: Any) -> Mismatch:
    return Mismatch("type-mismatch", expected, value)


def _is_tag(type: Type) -> bool:
    """Whether a type is a single literal: the field of a record that tells variants apart."""
    return isinstance(type, EnumType) and len(type.values) == 1


class _Compiler:
    """Makes the checks of one type; they share the look-up and the notes of `_choice`."""

    def __init__(self, lookup: Lookup) -> None:
        self.lookup = lookup
        #: Name -> what it stands for and the check of that: one for all mentions of the name, so that recursion ends. Type and
        #: check are one tuple, so that threads see them change together.
        self.named: dict[str, tuple[Type, Check]] = {}
        self._notes: Any = None

    def notes(self) -> Any:
        """What is noted while a value is checked: apart for each thread, together for all unions and names of one checker."""
        if self._notes is None:
            from _thread import _local

            self._notes = _local()
        return self._notes

    def compile(self, type: Type) -> Check:
        kinds = exact_kinds(type)
        if kinds is not None:
            return _kind_check(type, kinds)
        make = _MAKERS.get(type.__class__)
        if make is None:
            raise TypeError(f"not a type: {type!r}")
        check: Check = make(self, type)
        return check

    def any_check(self, type: AnyType) -> Check:
        return lambda value: None

    def never_check(self, type: NeverType) -> Check:
        return lambda value: _mismatch(type, value)

    def primitive_check(self, type: Primitive) -> Check:
        if type.name != "function":
            raise TypeError(f"not a type: {type!r}")

        def check(value: Any) -> Mismatch | None:
            return None if is_function(value) else _mismatch(type, value)

        return check

    def vector_check(self, expected: VectorType) -> Check:
        kinds = exact_kinds(expected.item)
        item_check = self.compile(expected.item)

        def check_each(value: Any) -> Mismatch | None:
            if type(value) is not Vector and type(value) is not List:
                return _mismatch(expected, value)
            for i, item in enumerate(value.items()):
                found = item_check(item)
                if found is not None:
                    return found.within(i)
            return None

        if kinds is None:
            return check_each

        def check_kinds(value: Any) -> Mismatch | None:
            if type(value) is not Vector and type(value) is not List:
                return _mismatch(expected, value)
            for item in value.items():
                if type(item) not in kinds:
                    return check_each(value)
            return None

        return check_kinds

    def tuple_check(self, expected: TupleType) -> Check:
        checks = [self.compile(item) for item in expected.items]
        size = len(checks)

        def check(value: Any) -> Mismatch | None:
            if type(value) is not Vector and type(value) is not List:
                return _mismatch(expected, value)
            if len(value) != size:
                return Mismatch("shape-violation", expected, value, f"{_items(len(value))} where {size} belong")
            for i, item in enumerate(value.items()):
                found = checks[i](item)
                if found is not None:
                    return found.within(i)
            return None

        return check

    def array_check(self, expected: ArrayType) -> Check:
        shape = expected.shape or (None,)
        check = self.compile(expected.item)
        for size in reversed(shape):
            check = _dimension_check(expected, size, check)
        return check

    def record_check(self, expected: RecordType) -> Check:
        # tags first, then what is quick to decide: the wrong variant of a union is left before anything large is looked at
        def weight(entry: Entry) -> int:
            return 0 if _is_tag(entry.type) else 1 if exact_kinds(entry.type) is not None else 2

        entries: list[tuple[Any, str | None, bool, Check]] = []
        for entry in sorted(expected.entries, key=weight):
            other = entry.key.name if type(entry.key) is Keyword else None
            entries.append((entry.key, other, entry.optional, self.compile(entry.type)))
        rest_check = self.compile(expected.rest) if expected.rest is not None else None

        def check(value: Any) -> Mismatch | None:
            if type(value) is not Map:
                return _mismatch(expected, value)
            get = value.get
            for key, other, optional, field_check in entries:
                field = get(key, _ABSENT)
                if field is _ABSENT:
                    if other is not None:
                        field = get(other, _ABSENT)
                    if field is _ABSENT:
                        if optional:
                            continue
                        return Mismatch("missing-key", expected, value, key)
                found = field_check(field)
                if found is not None:
                    return found.within(key_path(key))
            if rest_check is not None:
                return _check_extras(value, expected, rest_check)
            return None

        return check

    def map_of_check(self, expected: MapOfType) -> Check:
        key_check, value_check = self.compile(expected.key), self.compile(expected.value)

        def check(value: Any) -> Mismatch | None:
            if type(value) is not Map:
                return _mismatch(expected, value)
            for key, item in value.items():
                found = key_check(key)
                if found is not None:
                    return found.within(f" key {shown(key)}")
                found = value_check(item)
                if found is not None:
                    return found.within(key_path(key))
            return None

        return check

    def function_check(self, expected: FunctionType) -> Check:
        count = len(expected.params)
        more = expected.rest is not None

        def check(value: Any) -> Mismatch | None:
            if not is_function(value):
                return _mismatch(expected, value)
            # a function with a fixed number of parameters takes either `count` or one more, never both
            if accepts(value, count) and (not more or accepts(value, count + 1)):
                return None
            wanted = f"{'at least ' if more else ''}{count} operand{'' if count == 1 else 's'}"
            return Mismatch("type-mismatch", expected, value, f"function that cannot take {wanted}")

        return check

    def stream_check(self, expected: StreamType) -> Check:
        def check(value: Any) -> Mismatch | None:
            if type(value) is ResourceHandle or kind_of(value).startswith("stream"):
                return None
            return _mismatch(expected, value)

        return check

    def enum_check(self, expected: EnumType) -> Check:
        options: dict[type, set[Any]] = {}
        for literal in expected.values:
            options.setdefault(type(literal), set()).add(literal)

        def check(value: Any) -> Mismatch | None:
            same_kind = options.get(type(value))
            if same_kind is not None and value in same_kind:
                return None
            return _mismatch(expected, value)

        return check

    def intersection_check(self, expected: IntersectionType) -> Check:
        checks = [self.compile(part) for part in expected.parts]

        def check(value: Any) -> Mismatch | None:
            for part_check in checks:
                found = part_check(value)
                if found is not None:
                    return found
            return None

        return check

    def refined_check(self, expected: RefinedType) -> Check:
        base_check = self.compile(expected.base)
        tests = [(predicate_test(p), p) for p in expected.predicates]

        def check(value: Any) -> Mismatch | None:
            found = base_check(value)
            if found is not None:
                return found
            for test, predicate in tests:
                if not test(value):
                    return Mismatch("predicate-violation", expected, value, predicate)
            return None

        return check

    def ref_check(self, expected: TypeRef) -> Check:
        name, lookup, named, notes = expected.name, self.lookup, self.named, self.notes()

        def check(value: Any) -> Mismatch | None:
            target = lookup(name)
            known = named.get(name)
            if known is None or known[0] is not target:
                if target is None:
                    return Mismatch("unknown-type", expected, value, "is not a known type")
                if is_circular(name, lookup):
                    return Mismatch("unknown-type", expected, value, "is defined by nothing but itself")
                known = named[name] = (target, self.compile(target))
            kind = type(value)
            if kind is not Vector and kind is not List and kind is not Map:
                return known[1](value)
            # A value may hold the same part many times, and the parts of that part: sixty vectors of two make 2**60 leaves. So what
            # has passed is noted, while the outermost value that holds it all is checked.
            passed = getattr(notes, "passed", None)
            if passed is None:
                notes.passed = set()
                try:
                    return known[1](value)
                finally:
                    notes.passed = None
            key = (name, id(value))
            if key in passed:
                return None
            found = known[1](value)
            if found is None:
                passed.add(key)
            return found

        return check

    def union_check(self, expected: UnionType) -> Check:
        kinds: frozenset[Any] = frozenset()
        options: list[tuple[Type, Check]] = []
        for option in expected.options:
            exact = exact_kinds(option)
            if exact is not None:
                kinds |= exact
            else:
                options.append((option, self.compile(option)))
        if len(options) > 1:
            return self._choice(expected, kinds, options)

        def check(value: Any) -> Mismatch | None:
            if type(value) in kinds:
                return None
            found = None
            for option, option_check in options:
                found = option_check(value)
                if found is None:
                    return None
                if has_kind_of(option, value, self.lookup):
                    return found
            return _mismatch(expected, value)

        return check

    def _choice(self, expected: UnionType, kinds: frozenset[Any], options: list[tuple[Type, Check]]) -> Check:
        """The check of a union of several structures.

        In a recursive type each level would try every option on everything below it, and the work would double from level to
        level.  So while the outermost such union is being decided, the verdict of every (union, value) is noted.
        """
        notes = self.notes() if _mentions_names(expected) else None

        def check(value: Any) -> Mismatch | None:
            if type(value) in kinds:
                return None
            if notes is None:
                return decide(value)
            noted = getattr(notes, "verdicts", None)
            if noted is None:
                notes.verdicts = {}
                try:
                    return decide(value)
                finally:
                    notes.verdicts = None
            key = (id(check), id(value))  # the value is held by the one that is being decided
            verdict = noted.get(key, _ABSENT)
            if verdict is _ABSENT:
                verdict = noted[key] = decide(value)
            return verdict  # type: ignore[no-any-return]

        def decide(value: Any) -> Mismatch | None:
            faults: list[Mismatch] = []
            for _, option_check in options:
                found = option_check(value)
                if found is None:
                    return None
                faults.append(found)
            near = [faults[i] for i in range(len(options)) if has_kind_of(options[i][0], value, self.lookup)]
            if len(near) > 1:  # of variants told apart by a tag, the one whose tag is right
                near = [found for found in near if not (found.is_shallow and _is_tag(found.expected))]
            return near[0] if len(near) == 1 else _mismatch(expected, value)

        return check


def _mentions_names(type: Type) -> bool:
    """Whether a name occurs in the parts of a type that a structure's check looks at."""
    waiting: list[Any] = [type]
    while waiting:
        part = waiting.pop()
        if isinstance(part, TypeRef):
            return True
        if isinstance(part, (Type, Entry)):
            waiting += [getattr(part, field) for field in part._fields]
        elif isinstance(part, tuple):
            waiting += part
    return False


def _kind_check(expected: Type, kinds: frozenset[type]) -> Check:
    """The check of a type that the value's Python type decides."""
    if len(kinds) == 1:
        (only,) = kinds

        def check_one(value: Any) -> Mismatch | None:
            return None if type(value) is only else _mismatch(expected, value)

        return check_one

    def check_some(value: Any) -> Mismatch | None:
        return None if type(value) in kinds else _mismatch(expected, value)

    return check_some


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


def _dimension_check(expected: ArrayType, size: int | None, inner: Check) -> Check:
    def check(value: Any) -> Mismatch | None:
        if type(value) is not Vector and type(value) is not List:
            return _mismatch(expected, value)
        if size is not None and len(value) != size:
            return Mismatch("shape-violation", expected, value, f"{_items(len(value))} where {size} belong")
        for i, item in enumerate(value.items()):
            found = inner(item)
            if found is not None:
                return found.within(i)
        return None

    return check


def _check_extras(value: Map, expected: RecordType, check: Check) -> Mismatch | None:
    used: set[Any] = set()
    for entry in expected.entries:
        by_name = type(entry.key) is Keyword and entry.key not in value
        used.add(entry.key.name if by_name else entry.key)
    for key, item in value.items():
        if type(key) is float or type(key) is bool or key not in used:
            found = check(item)
            if found is not None:
                return found.within(key_path(key))
    return None


_MAKERS: dict[Any, Any] = {
    AnyType: _Compiler.any_check,
    NeverType: _Compiler.never_check,
    Primitive: _Compiler.primitive_check,
    VectorType: _Compiler.vector_check,
    TupleType: _Compiler.tuple_check,
    ArrayType: _Compiler.array_check,
    RecordType: _Compiler.record_check,
    MapOfType: _Compiler.map_of_check,
    FunctionType: _Compiler.function_check,
    StreamType: _Compiler.stream_check,
    EnumType: _Compiler.enum_check,
    UnionType: _Compiler.union_check,
    IntersectionType: _Compiler.intersection_check,
    RefinedType: _Compiler.refined_check,
    TypeRef: _Compiler.ref_check,
}
