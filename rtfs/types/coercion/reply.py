"""A reply as a value: every place in which the value may stand is read, led by the type, and the cheapest reading wins.

    text ─▶ without reasoning ─▶ parts (whole, fences, tags, brackets in prose) ─▶ trees ─▶ Reader ─▶ cheapest

A reading that is announced as the answer ("Final answer: …") counts two points less.  Of several equally cheap readings that
say the same the first is taken; of those that say different things, the last one that is announced; and when none is, the
reply is refused as contradictory.
"""

from __future__ import annotations

from collections.abc import Iterator

from rtfs.types.coercion.costs import ANNOUNCED_BONUS, default_limit
from rtfs.types.coercion.labels import find_label, strip_marks
from rtfs.types.coercion.places import FENCE, Places, Reading
from rtfs.types.coercion.prose import blocks, without_thinking
from rtfs.types.coercion.reader import Reader
from rtfs.types.coercion.report import Coerced, Note, cost_of, report_of
from rtfs.types.coercion.strict import JsonProblem, load
from rtfs.types.coercion.tree import Whole
from rtfs.types.coercion.wording import CoercionError, describe, json_text
from rtfs.types.matching import matches
from rtfs.types.mismatch import shorten
from rtfs.types.nodes import (
    AnyType,
    EnumType,
    IntersectionType,
    Lookup,
    Primitive,
    RefinedType,
    Type,
    UnionType,
    resolve,
)
from rtfs.values.equality import equal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SCALARS = ("int", "float", "bool", "nil", "keyword", "symbol", "timestamp", "uuid", "string")


class _Fit:
    """A value, the notes on it, and its rank: what it cost, less a bonus when it is announced as the answer."""

    __slots__ = ("announced", "notes", "rank", "value")

    def __init__(self, value: Any, notes: list[Note], announced: bool) -> None:
        self.value = value
        self.notes = notes
        self.rank = cost_of(notes) - (ANNOUNCED_BONUS if announced else 0)
        self.announced = announced


def leaves_of(type: Type, lookup: Lookup) -> list[Type]:
    """The kinds of value among which a reply may choose: options of unions, bases of refinements, names followed."""
    out: list[Type] = []
    seen: set[int] = set()
    waiting = [type]
    while waiting:
        target = resolve(waiting.pop(0), lookup)
        if target is None or id(target) in seen:
            continue
        seen.add(id(target))
        if isinstance(target, UnionType):
            waiting = [*target.options, *waiting]
        elif isinstance(target, RefinedType):
            waiting.insert(0, target.base)
        elif isinstance(target, IntersectionType):
            waiting.insert(0, target.parts[0])
        else:
            out.append(target)
    return out


def _is(type: Type, *names: str) -> bool:
    return isinstance(type, Primitive) and type.name in names


class Wanted:
    """What every reply that is read as a type needs to know of the type.

    Attributes:
        names: the names that were looked up for it, with what they stood for; it holds as long as they do.
        limit: see `default_limit`.
    """

    __slots__ = ("leaves", "limit", "names", "takes_structure", "takes_text", "type")

    def __init__(self, type: Type, lookup: Lookup) -> None:
        names: dict[str, Type | None] = {}

        def noting(name: str) -> Type | None:
            names[name] = found = lookup(name)
            return found

        self.type = type
        self.limit = default_limit(type, noting)
        self.leaves = leaves_of(type, noting)
        self.takes_text = bool([leaf for leaf in self.leaves if isinstance(leaf, AnyType) or _is(leaf, "string")])
        self.takes_structure = bool(
            [leaf for leaf in self.leaves if not isinstance(leaf, (AnyType, EnumType)) and not _is(leaf, *_SCALARS)]
        )
        self.names = tuple(names.items())


#: identity of a type -> what it wants; the type in it stays, so that no other one gets its identity.
_wanted: dict[int, Wanted] = {}
_MOST_WANTED = 1_000


def wanted_by(type: Type, lookup: Lookup) -> Wanted:
    """What replies of a type are read by: worked out once for a type, and again when a name in it means something else."""
    known = _wanted.get(id(type))
    if known is not None and known.type is type:
        for name, target in known.names:
            if lookup(name) is not target:
                break
        else:
            return known
    if len(_wanted) >= _MOST_WANTED:
        _wanted.clear()
    found = _wanted[id(type)] = Wanted(type, lookup)
    return found


class Reply:
    """One reply that is read as one type."""

    def __init__(self, text: str, type: Type, lookup: Lookup, limit: int | None) -> None:
        self.type = type
        self.lookup = lookup
        wanted = wanted_by(type, lookup)
        self.limit = wanted.limit if limit is None else limit
        self.leaves = wanted.leaves
        self.takes_text = wanted.takes_text
        self.takes_structure = wanted.takes_structure
        self.base: list[Note] = []
        text = text.lstrip("\ufeff \t\r\n")
        answer = without_thinking(text)
        self.unfinished = answer is None and not self.takes_text
        if answer is not None and answer is not text and answer != text:
            self.base = [("thinking", None, "left out the reasoning before the answer")]
            text = answer
        self.text = text.strip()
        self.places = Places(text, self.takes_structure)
        #: The first reason why something that was nearly right was not taken.
        self.problem: CoercionError | None = None

    def read(self) -> Coerced:
        """The value and its report; CoercionError when there is none, or too much would have to be repaired."""
        if self.unfinished:
            raise self.refused("ends inside the reasoning", "")
        if not self.text and not self.takes_text:
            raise self.refused("is empty", "")
        fit = self.text_fit() if self.takes_text else self.fit()
        if fit is None:
            raise self.refusal()
        report = report_of(fit.notes, self.limit)
        if report.cost > self.limit:
            dearest = sorted(report.repairs, key=lambda repair: -repair.cost)[:3]
            raise CoercionError(
                f"the reply must be {self.wanted()}, but would need too many repairs "
                f"({report.cost} points, at most {self.limit}): {'; '.join(map(str, dearest))}",
                wanted=self.wanted(),
                found=json_text(self.text),
            )
        return Coerced(fit.value, report)

    # --- choosing ---

    def take(self, reading: Reading, *, exact: bool = False) -> _Fit | None:
        notes = [*self.base, *reading.notes]
        reader = Reader(self.lookup, None if exact else notes, closed=reading.closed)
        if reading.inner:
            reader.adapting = reading.data
        try:
            return _Fit(reader.read(reading.data, self.type, None, 0), notes, reading.announced)
        except CoercionError as error:
            if not reading.closed:  # what is wrong with the JSON itself is the better news
                if self.problem is None or (_is_plain(self.problem) and not _is_plain(error)):
                    self.problem = error
        except RecursionError:
            self.problem = self.problem or CoercionError("the value is nested too deep")
        return None

    def best(self, readings: Iterator[Reading]) -> _Fit | None:
        """The cheapest fit; among equals that differ the last announced one."""
        fits: list[_Fit] = []
        for reading in readings:
            fit = self.take(reading)
            if fit is not None and (not fits or fit.rank <= fits[0].rank):
                if fits and fit.rank < fits[0].rank:
                    fits = []
                if not [other for other in fits if other.announced >= fit.announced and equal(other.value, fit.value)]:
                    fits.append(fit)
        if len(fits) > 1 and [fit for fit in fits[1:] if not equal(fit.value, fits[0].value)]:
            announced = [fit for fit in fits if fit.announced]
            if not announced:
                raise CoercionError(
                    f"the reply must be {self.wanted()}, but holds {len(fits)} different ones; give only one",
                    wanted=self.wanted(),
                    found=f"{len(fits)} different ones",
                )
            return announced[-1]
        return fits[0] if fits else None

    def fit(self) -> _Fit | None:
        """For types that no plain text belongs to."""
        try:
            fit = self.take(Reading(load(self.text), []), exact=True)
            if fit is not None:
                return fit
        except JsonProblem as problem:
            self.places.problem = str(problem)
        fit = self.take(Reading(Whole(self.text), []), exact=True)
        self.problem = None
        return fit or self.best(self.places.readings()) or self.best(self.places.mended())

    def text_fit(self) -> _Fit | None:
        """For `string`, `any` and unions with them: nearly every reply is a value as it stands."""
        others = [leaf for leaf in self.leaves if not isinstance(leaf, AnyType) and not _is(leaf, "string")]
        fit = self.other_fit(others) if others else None
        if fit is None and self.text[:1] == '"' == self.text[-1:]:
            try:
                data = load(self.text)
            except JsonProblem:
                data = None
            if isinstance(data, str):
                fit = self.take(Reading(data, [("decoded", None, "decoded the JSON string")]))
        structured = self.takes_structure and self.text[:1] in ("{", "[")
        if fit is None and not structured:
            fit = self.take(Reading(Whole(self.text), []), exact=True)
        if fit is None and not structured:
            words = "removed quotes or punctuation around the text"
            fit = self.take(Reading(Whole(strip_marks(self.text)), [("marks", None, words)]))
        if fit is None and self.takes_structure:
            trees = (reading for reading in self.places.readings() if not isinstance(reading.data, str))
            fit = self.best(trees) or self.best(self.places.mended()) or self.take(Reading(Whole(self.text), []))
        return fit

    def other_fit(self, others: list[Type]) -> _Fit | None:
        """A reply that is unmistakably one of the other options of a union with `string`."""
        try:
            data = load(self.text)
        except JsonProblem:
            data = ""
        if not isinstance(data, str):
            fit = self.take(Reading(data, []), exact=True)
            if fit is not None:
                return fit
        for leaf in others:
            if _is(leaf, "symbol") or (_is(leaf, "keyword") and self.text[:1] != ":"):
                continue  # any word would do
            if _is(leaf, "nil"):
                found = find_label(self.text, (None,))
                if found is not None and "null-word" not in found[1]:
                    notes: list[Note] = [(kind, None, f"took {json_text(self.text)} as null") for kind in found[1]]
                    return _Fit(None, [*self.base, *notes], False)
                continue
            try:
                value = Reader(self.lookup).read(Whole(self.text), leaf, None, 0)
            except CoercionError:
                continue
            if matches(self.type, value, self.lookup):
                return _Fit(value, list(self.base), False)
        if self.takes_structure:
            for part in blocks(self.text):
                try:
                    data = load(part.text)
                except JsonProblem:
                    continue
                fit = None if isinstance(data, str) else self.take(Reading(data, [FENCE]), exact=True)
                if fit is not None:
                    return fit
        return None

    # --- refusing ---

    def wanted(self) -> str:
        return shorten(describe(self.type, self.lookup), 400)

    def refused(self, what: str, found: str) -> CoercionError:
        return CoercionError(f"the reply must be {self.wanted()}, but {what}", wanted=self.wanted(), found=found)

    def refusal(self) -> CoercionError:
        problem = self.problem
        if problem is not None and not (self.takes_structure and _is_plain(problem)):
            return problem.for_reply()
        shown = json_text(self.text)
        if self.takes_structure and ("{" in self.text or "[" in self.text):
            if self.places.problem is not None:
                return self.refused(f"is not valid JSON: {self.places.problem}", shown)
        elif self.takes_structure:
            words = f"the reply must be {self.wanted()}, written as JSON, but is {shown}"
            return CoercionError(words, wanted=self.wanted(), found=shown)
        if problem is not None:
            return problem.for_reply()
        return self.refused(f"is {shown}", shown)


def _is_plain(error: CoercionError) -> bool:
    """Whether an error only says that the whole is something else than was wanted."""
    return error.problem.startswith("the value must be")
