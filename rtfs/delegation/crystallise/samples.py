"""Recorded answers of a model as examples: what was asked of a function as it is now, and what came of it.

Only answers of models count: not those of the function's own body or of published code, which would agree with themselves, nor
those that a cache gave to a question that only means the same.  What a cache, or an equal call at the same time, gives back to the
very same question counts once.  A record of the function as it was before (another docstring, other types or examples) is told by
its request hash and left out.
Where a model answered the same question in several ways, the answer of more than half of the records counts, or none.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from rtfs.caching.code.publishing import Example
from rtfs.delegation.requests import Requests
from rtfs.delegation.targets import model_target
from rtfs.errors import ParseError
from rtfs.ir.artefact.definitions import Definition
from rtfs.semantics.protocols import DelegatedCall
from rtfs.source import Source
from rtfs.syntax.reader import read_forms
from rtfs.types.nodes import ANY, Type, VectorType
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Vector
from rtfs.values.struct import Struct

#: The layer of cache that gives back what the model answered to the very same question.
_EXACT = "L2"


class Sample(Struct):
    """A question that was asked, as often as it was.

    Attributes:
        key: text of the operands.
        times: records with this answer; `others`: records with another one.
        tags: of the calls, of all its records together.
    """

    example: Example
    key: str
    times: int
    others: int
    tags: frozenset[str] = frozenset()


class Samples(Struct):
    """What a log has of a function.

    Attributes:
        traffic: each answered call in the order of the log: (key, example).
        distinct: each question once, in the order in which they were first asked; those without a clear answer are left out.
        records: of the function in the log.
        without_arguments, of_other_versions, not_by_models, unreadable, repeated: records that are no examples, and why.
        unclear: questions to which there is no clear answer.
    """

    traffic: tuple[tuple[str, Example], ...]
    distinct: tuple[Sample, ...]
    records: int
    without_arguments: int
    of_other_versions: int
    not_by_models: int
    unreadable: int
    repeated: int
    unclear: int

    @property
    def self_agreement(self) -> float | None:
        """How often the model gave its usual answer, over questions that were asked more than once; None where there are none."""
        repeated = [one for one in self.distinct if one.times + one.others > 1]
        total = sum(one.times + one.others for one in repeated)
        return sum(one.times for one in repeated) / total if total else None


def _is_shared(record: dict[str, Any]) -> bool:
    """Whether the answer is that of an equal call, which has a record of its own."""
    target = model_target(record.get("target", ""), record.get("model", ""))
    outcomes = [attempt["outcome"] for attempt in record.get("attempts", ()) if attempt["target"] == target]
    return outcomes[-1:] == ["shared"]


def samples_of(function: Definition, types: Callable[[str], Type | None], records: Iterable[dict[str, Any]]) -> Samples:
    """
    Args:
        function: as it is now.
        types: what names of types mean in its program.
        records: those of the function in the log (`log_queries.Entry.record`), oldest first.
    """
    requests, calls = Requests(), Calls(function, types)
    counts: Counter[str] = Counter()
    traffic: list[tuple[str, Example]] = []
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    first: dict[tuple[str, str], Example] = {}
    tags: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        counts["records"] += 1
        if record.get("source") != "model" or record.get("error") is not None or record.get("cache") not in (None, _EXACT):
            counts["not_by_models"] += 1
            continue
        if record.get("arguments") is None or record.get("value") is None:
            counts["without_arguments"] += 1
            continue
        args, value = _read(record["arguments"]), _read(record["value"])
        if args is None or value is None or not isinstance(args[0], Vector):
            counts["unreadable"] += 1
            continue
        example = Example(tuple(args[0].items()), value[0])
        call = calls.of(example.args)
        if call is None or requests.hash_of(call) != record.get("request_hash"):
            counts["of_other_versions"] += 1
            continue
        key, answer = record["arguments"], record["value"]
        tags[key].update([tag for tag in record.get("tags") or () if isinstance(tag, str)])
        if _is_shared(record) or (record.get("cache") is not None and key in answers):  # the same answer once more, not another one
            counts["repeated"] += 1
            continue
        traffic.append((key, example))
        answers[key][answer] += 1
        first.setdefault((key, answer), example)
    distinct = []
    unclear = 0
    for key, found in answers.items():
        answer, times = found.most_common(1)[0]
        others = found.total() - times
        if times > others:
            distinct.append(Sample(first[key, answer], key, times, others, frozenset(tags[key])))
        else:
            unclear += 1
    return Samples(
        tuple(traffic),
        tuple(distinct),
        counts["records"],
        counts["without_arguments"],
        counts["of_other_versions"],
        counts["not_by_models"],
        counts["unreadable"],
        counts["repeated"],
        unclear,
    )


def _read(text: str) -> list[Any] | None:
    """The one value that a text stands for, in a list; None where it is cut off or more than one. Nothing of it is evaluated."""
    try:
        forms = read_forms(Source("<log>", text))
    except ParseError:
        return None
    return list(forms) if len(forms) == 1 else None


class Calls:
    """Makes the calls of a function as its delegate would get them."""

    def __init__(self, function: Definition, types: Callable[[str], Type | None]) -> None:
        from rtfs.semantics.delegated import named_types

        fn = function.function
        assert fn is not None
        assert fn.hint is not None
        self._name, self._fn, self._hint = function.name, fn, fn.hint
        self._parameters = [(f"arg{i}" if p.name == "_" else p.name, p.type or ANY) for i, p in enumerate(fn.params)]
        if fn.rest is not None:
            self._parameters.append((fn.rest.name, VectorType(fn.rest.type or ANY)))
        self._options = {} if fn.meta is None else {key.name: value for key, value in fn.meta.items() if type(key) is Keyword}
        self._aliases = {name: type_ for name, type_ in named_types(fn, types).items() if type_ is not None}

    def of(self, args: tuple[Any, ...]) -> DelegatedCall | None:
        """None where the number of operands is another."""
        if len(args) != len(self._parameters):
            return None
        return DelegatedCall(
            target=self._hint.target,
            model=self._hint.model or "",
            name=self._name,
            doc=self._fn.doc,
            parameters=tuple(self._parameters),
            args=args,
            result=self._fn.result or ANY,
            strict=True,
            options=self._options,
            aliases=self._aliases,
            span=None,
            body=lambda: None,
        )
