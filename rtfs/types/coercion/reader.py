"""The one reader of data as values of a type: replies of models, results of tools, arguments of a host.

Without notes it is exact: it changes how a value is represented (an object becomes a map with keyword keys, the string of an
enumeration becomes its keyword, 3.0 becomes 3 where an integer is wanted) and never what it says.  With notes it is lenient
as well, led by the type, and writes down everything that it overlooked.
"""

from __future__ import annotations

import math

from rtfs.types.coercion import leaves
from rtfs.types.coercion.adapting import adapted
from rtfs.types.coercion.keys import keyword_or_text, matched_keys, refuse_lost
from rtfs.types.coercion.report import Note, cost_of
from rtfs.types.coercion.tree import MAX_DEPTH, Bare, CutDict, CutList, CutText, MapKey, plain
from rtfs.types.coercion.unions import has_tag_of, is_natural
from rtfs.types.coercion.wording import CoercionError, Path, describe, duty, json_text, must, place
from rtfs.types.json_schema import json_key, json_literal
from rtfs.types.matching import matches
from rtfs.types.mismatch import shorten
from rtfs.types.nodes import (
    ANY,
    FLOAT,
    STRING,
    AnyType,
    ArrayType,
    EnumType,
    IntersectionType,
    Lookup,
    MapOfType,
    Primitive,
    RecordType,
    RefinedType,
    TupleType,
    Type,
    TypeRef,
    UnionType,
    VectorType,
    is_circular,
    merge_records,
    resolve,
)
from rtfs.types.predicates import predicate_test
from rtfs.values.functions import Builtin, Function
from rtfs.values.maps import Map
from rtfs.values.scalars import ErrorValue, Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_VALUES = (Keyword, Symbol, Timestamp, Uuid, ResourceHandle, ErrorValue, Vector, List, Map, Function, Builtin)

#: Classes of JSON, which most data is of: told from values of ours with one look.
_PLAIN = frozenset({dict, list, tuple, str, int, bool, float, type(None)})

_NOTHING: Any = object()
#: What a name may stand for that could lead back to it for the same value.
_TRANSPARENT = frozenset({TypeRef, UnionType, IntersectionType, RefinedType})


class Reader:
    """Reads data as values of types.

    Attributes:
        notes: None for exact reading; otherwise what was overlooked so far.
        closed: refuse keys that a record does not have even when lenient.
        adapting: the data that is just being read as something of another shape; that is not done twice over.
    """

    def __init__(self, lookup: Lookup, notes: list[Note] | None = None, *, closed: bool = False) -> None:
        self.lookup = lookup
        self.notes = notes
        self.closed = closed
        self.adapting: Any = _NOTHING
        # (id of a union, id of a container) -> ((value, its notes) or the error, union, container): see `read_union`
        self.memo: dict[tuple[int, int], Any] = {}
        self.exact: Reader | None = None

    def note(self, kind: str, path: Path, words: str) -> None:
        assert self.notes is not None
        self.notes.append((kind, path, words))

    def read(self, data: Any, type: Type, path: Path, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise CoercionError(f"the value is nested more than {MAX_DEPTH} deep")
        if data.__class__ not in _PLAIN and isinstance(data, _VALUES):
            if matches(type, data, self.lookup):
                return data
            raise must(path, type, data, self.lookup)
        if isinstance(data, float) and not math.isfinite(data):
            raise CoercionError(f"{place(path)} must be an ordinary number, but is {data}", path, wanted="an ordinary number")
        method = _READERS.get(type.__class__)
        if method is None:
            words = describe(type, self.lookup)
            raise CoercionError(f"{place(path)} cannot be given as JSON: it must be {words}", path, wanted=words)
        return method(self, data, type, path, depth)

    def _cut(self, data: Any, path: Path) -> None:
        """Refuses a container that the end of the reply left open: what else was to come?"""
        if data.__class__ is CutList or data.__class__ is CutDict:
            error = CoercionError(f"the reply ends inside {place(path)}", path, wanted="the rest of it")
            error.is_cut = True
            raise error

    def other_shape(self, data: Any, type: Type, path: Path, depth: int, error: CoercionError | None = None) -> Any:
        """Data of another shape than the type has: an item for an array, a text that holds JSON …; refused when exact."""
        error = error or must(path, type, data, self.lookup)
        if self.notes is None or self.adapting is data:
            raise error
        before, kept = len(self.notes), self.adapting
        self.adapting = data
        try:
            return adapted(self, data, type, path, depth)
        except CoercionError as inner:
            del self.notes[before:]
            raise (inner if inner.is_cut else error) from None
        finally:
            self.adapting = kept

    # --- scalars ---

    def read_any(self, data: Any, type: AnyType, path: Path, depth: int) -> Any:
        self._cut(data, path)
        if isinstance(data, str):
            if data.__class__ is Bare:
                return leaves.unquoted(self, data, STRING, path)
            if data.__class__ is CutText:
                return leaves.read_primitive(self, data, STRING, path)
            return str(data)
        if data is None or isinstance(data, (bool, int, float)):
            return data
        if isinstance(data, (list, tuple)):
            return Vector.adopt([self.read(item, ANY, (path, i), depth + 1) for i, item in enumerate(data)])
        if isinstance(data, dict):
            pairs = []
            for key, item in data.items():
                if not isinstance(key, str):
                    raise CoercionError(f"a key of {place(path)} is not a string: {key!r}", path)
                pairs.append((str(key), self.read(item, ANY, (path, MapKey(key)), depth + 1)))
            return Map(pairs)
        raise CoercionError(f"{place(path)} is not JSON: a Python {data.__class__.__name__}", path)

    def read_primitive(self, data: Any, type: Primitive, path: Path, depth: int) -> Any:
        name = type.name
        if name == "vector" or name == "list":
            if not isinstance(data, (list, tuple)):
                return self.other_shape(data, type, path, depth)
            items = self.read_any(data, ANY, path, depth)
            return items if name == "vector" else List.adopt(items.items())
        if name == "map":
            return self.read_any(data, ANY, path, depth) if isinstance(data, dict) else self.other_shape(data, type, path, depth)
        if isinstance(data, (list, tuple, dict)):
            return self.other_shape(data, type, path, depth)
        return leaves.read_primitive(self, data, type, path)

    def read_enum(self, data: Any, type: EnumType, path: Path, depth: int) -> Any:
        if isinstance(data, (list, tuple, dict)):
            return self.other_shape(data, type, path, depth)
        return leaves.read_enum(self, data, type, path)

    # --- arrays ---

    def read_vector(self, data: Any, type: VectorType, path: Path, depth: int) -> Any:
        if not isinstance(data, (list, tuple)):
            return self.other_shape(data, type, path, depth)
        self._cut(data, path)
        return Vector.adopt([self.read(item, type.item, (path, i), depth + 1) for i, item in enumerate(data)])

    def read_tuple(self, data: Any, type: TupleType, path: Path, depth: int) -> Any:
        if not isinstance(data, (list, tuple)):
            return self.other_shape(data, type, path, depth)
        if len(data) != len(type.items):
            error = _wrong_length(path, describe(type), len(data))
            error.is_cut = data.__class__ is CutList
            raise error
        return Vector.adopt([self.read(data[i], type.items[i], (path, i), depth + 1) for i in range(len(data))])

    def read_array(self, data: Any, type: ArrayType, path: Path, depth: int) -> Any:
        return self.read_dimension(data, type, type.shape or (None,), path, depth)

    def read_dimension(self, data: Any, type: ArrayType, shape: tuple[int | None, ...], path: Path, depth: int) -> Any:
        if not shape:
            return self.read(data, type.item, path, depth + 1)
        if not isinstance(data, (list, tuple)):
            raise must(path, type, data, self.lookup)
        self._cut(data, path)
        if shape[0] is not None and len(data) != shape[0]:
            raise _wrong_length(path, f"an array of exactly {shape[0]} items", len(data))
        return Vector.adopt([self.read_dimension(item, type, shape[1:], (path, i), depth + 1) for i, item in enumerate(data)])

    # --- objects ---

    def read_record(self, data: Any, type: RecordType, path: Path, depth: int) -> Any:
        if not isinstance(data, dict):
            return self.other_shape(data, type, path, depth)
        keys = matched_keys(self, data, type, path)
        pairs: list[tuple[Any, Any]] = []
        used: set[Any] = set()
        for entry in type.entries:
            key = keys.get(entry.key)
            if key is None:
                continue
            used.add(key)
            step = (path, entry.key)
            is_null = self.notes is not None and entry.optional and plain(data[key]) is None
            if is_null and not matches(entry.type, None, self.lookup):
                self.note("null-absent", step, f"left out the key {json_text(key)}, which was null")
                continue
            before = len(self.notes or ())
            try:
                pairs.append((entry.key, self.read(data[key], entry.type, step, depth + 1)))
            except CoercionError as error:
                if not error.is_cut or not entry.optional or self.notes is None:
                    raise
                del self.notes[before:]
                self.note("cut-entry", step, f"left out the key {json_text(key)}, inside which the reply ends")
        extras = [key for key in data if key not in used]
        if extras and type.rest is None:
            if self.notes is None or self.closed:
                known = ", ".join([json_text(json_key(entry.key)) for entry in type.entries])
                raise CoercionError(
                    f"{place(path)} must not have the key {json_text(extras[0])}; the keys are: {shorten(known, 400) or 'none'}",
                    path,
                    found=json_text(extras[0]),
                )
            refuse_lost(data, type, keys, extras, path)
            for key in extras:
                self.note("extra-key", (path, key), f"left out the key {json_text(key)}, which was not asked for")
        elif extras and type.rest is not None:
            as_strings = bool(type.entries) and not [e for e in type.entries if e.key.__class__ is Keyword]
            for text in extras:
                name: Any = text if as_strings else keyword_or_text(text)
                pairs.append((name, self.read(data[text], type.rest, (path, name), depth + 1)))
        return Map(pairs)

    def read_map_of(self, data: Any, type: MapOfType, path: Path, depth: int) -> Any:
        if not isinstance(data, dict):
            return self.other_shape(data, type, path, depth)
        self._cut(data, path)
        pairs = []
        for text, item in data.items():
            key = self.read_key(text, type.key, path, depth)
            pairs.append((key, self.read(item, type.value, (path, MapKey(text)), depth + 1)))
        result = Map(pairs)
        if len(result) != len(pairs):
            raise CoercionError(f"two keys of {place(path)} mean the same", path)
        return result

    def read_key(self, text: Any, type: Type, path: Path, depth: int) -> Any:
        """A key of an object as a key of a map: JSON keys are strings, so numbers come as digits."""
        import re

        target = resolve(type, self.lookup)
        base = target.base if isinstance(target, RefinedType) else target
        try:
            if isinstance(base, Primitive) and base.name == "int" and re.fullmatch(r"-?[0-9]{1,300}", text):
                return self.read(int(text), type, None, depth + 1)
            if isinstance(base, EnumType):
                for value in base.values:
                    if str(json_literal(value)) == text:
                        return self.read(value if isinstance(value, _VALUES) else json_literal(value), type, None, depth + 1)
            return self.read(text, type, None, depth + 1)
        except CoercionError:
            words = shorten(describe(type, self.lookup), 200)
            raise CoercionError(f"the key {json_text(text)} of {place(path)} must be {words}", path, wanted=words) from None

    # --- types made of types ---

    def read_refined(self, data: Any, type: RefinedType, path: Path, depth: int) -> Any:
        value = self.read(data, type.base, path, depth)
        for predicate in type.predicates:
            if not predicate_test(predicate)(value):
                shown, wanted = json_text(data), duty(predicate)
                raise CoercionError(f"{place(path)} must {wanted}, but is {shown}", path, wanted=wanted, found=shown)
        return value

    def read_intersection(self, data: Any, type: IntersectionType, path: Path, depth: int) -> Any:
        targets = [resolve(part, self.lookup) for part in type.parts]
        records = [target for target in targets if isinstance(target, RecordType)]
        if records:  # a record refuses keys that it does not know, so the records are read as one
            value = self.read(data, merge_records(records), path, depth + 1)
        else:
            value = self.read(data, type.parts[0], path, depth + 1)
        for part in type.parts:
            if not matches(part, value, self.lookup):
                raise must(path, part, data, self.lookup)
        return value

    def read_reference(self, data: Any, type: TypeRef, path: Path, depth: int) -> Any:
        target = self.lookup(type.name)
        if target is None or (target.__class__ in _TRANSPARENT and is_circular(type.name, self.lookup)):
            raise CoercionError(f"{place(path)} has the type {type.name}, which is not a known type", path, wanted=type.name)
        return self.read(data, target, path, depth)

    def read_union(self, data: Any, type: UnionType, path: Path, depth: int) -> Any:
        if not isinstance(data, (dict, list)):
            return self.choice(data, type, path, depth)
        # In a recursive type each level would try every option on everything below it, and the work would double from level
        # to level: the outcome of every (union, container) is noted.
        key = (id(type), id(data))
        known = self.memo.get(key, _NOTHING)
        if known is _NOTHING:
            before = len(self.notes or ())
            try:
                value = self.choice(data, type, path, depth)
                known = (value, list(self.notes[before:]) if self.notes else [])
            except CoercionError as error:
                known = error
            self.memo[key] = (known, type, data)  # held, so that no other object gets their ids
        else:
            known = known[0]
            if isinstance(known, tuple) and self.notes is not None:
                self.notes += known[1]
        if isinstance(known, CoercionError):
            raise known.with_traceback(None)
        return known[0]

    def choice(self, data: Any, type: UnionType, path: Path, depth: int) -> Any:
        """The option that data fits as it is; else the one that it fits at the lowest cost; of equal ones the first, those
        of the data's own shape before the others."""
        natural = [option for option in type.options if is_natural(data, option, self.lookup)]
        options = [*natural, *[option for option in type.options if option not in natural]]
        problems: list[CoercionError] = []
        exact = self
        if self.notes is not None:
            exact = self.exact = self.exact or Reader(self.lookup)
        for option in options:
            try:
                return exact.read(data, option, path, depth + 1)
            except CoercionError as error:
                if option in natural:
                    problems.append(error)
        if self.notes is not None:
            problems = []
            best = self.cheapest(data, options, natural, problems, path, depth)
            if best is not None:
                self.notes += best[1]
                return best[0]
        cut = [problem for problem in problems if problem.is_cut]
        if cut or len(natural) == 1:
            raise cut[0] if cut else problems[0]
        if len(natural) > 1 and isinstance(data, dict):
            tagged = [i for i, option in enumerate(natural) if has_tag_of(data, option, self.lookup)]
            if len(tagged) == 1:
                raise problems[tagged[0]]
        raise must(path, type, data, self.lookup)

    def cheapest(
        self, data: Any, options: list[Type], natural: list[Type], problems: list[CoercionError], path: Path, depth: int
    ) -> tuple[Any, list[Note]] | None:
        assert self.notes is not None
        best: tuple[Any, list[Note]] | None = None
        lowest = 0
        before = len(self.notes)
        for option in options:
            try:
                value = self.read(data, option, path, depth + 1)
            except CoercionError as error:
                del self.notes[before:]
                if option in natural:
                    problems.append(error)
                continue
            notes = self.notes[before:]
            del self.notes[before:]
            if value.__class__ is int and FLOAT in options and [note for note in notes if note[0] == "percent"]:
                continue  # 12% of what? see `leaves`
            cost = cost_of(notes)
            if best is None or cost < lowest:
                best, lowest = (value, notes), cost
        return best


def _wrong_length(path: Path, wanted: str, length: int) -> CoercionError:
    words = f"{place(path)} must be {wanted}, but has {length}"
    return CoercionError(words, path, wanted=wanted, found=f"{length} items")


_READERS: dict[Any, Any] = {
    AnyType: Reader.read_any,
    Primitive: Reader.read_primitive,
    EnumType: Reader.read_enum,
    VectorType: Reader.read_vector,
    TupleType: Reader.read_tuple,
    ArrayType: Reader.read_array,
    RecordType: Reader.read_record,
    MapOfType: Reader.read_map_of,
    RefinedType: Reader.read_refined,
    IntersectionType: Reader.read_intersection,
    TypeRef: Reader.read_reference,
    UnionType: Reader.read_union,
}
