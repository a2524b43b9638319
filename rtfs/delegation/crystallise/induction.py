"""A function that asks a model, turned into code: candidates from its recorded answers, one of which is verified and made an entry.

    samples ─┬─ training ──▶ candidates: table, phrases, points, a model's proposal ──▶ the one that is expected to answer most
             └─ held out ─────────────────────────────────────────────────────────────▶ verified once, in the sandbox

Which examples are held out depends on their operands alone: the same ones each time, and none that training has seen.  For a
table, which knows nothing but questions that were asked before, it is the last part of the recorded calls.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from hashlib import blake2b

from rtfs.caching.code.publishing import Example
from rtfs.delegation.crystallise.choosing import Choice, choose, will_do
from rtfs.delegation.crystallise.learners import Labelled, PhraseLearner, Phrases, PointLearner, Points
from rtfs.delegation.crystallise.samples import Sample, Samples
from rtfs.delegation.crystallise.texts import features_of, text_of
from rtfs.delegation.crystallise.writing import Frame, phrases_program, points_program, table_program
from rtfs.ir.artefact.definitions import Definition
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import EnumType, Primitive, Type, TypeRef
from rtfs.values.equality import equal
from rtfs.values.printing import to_readable
from rtfs.values.struct import Struct

#: Part of the examples that is held out.
HELD_OUT = 0.3
#: Questions that a learner wants at least, and rows of a table at most.
LEAST, MOST_ROWS = 40, 2_000
#: A table is for questions that come again: each of its rows was answered so often, always in the same way.
_LEAST_TIMES = 2


class Candidate(Struct):
    """Code that might do.

    Attributes:
        kind: `table`, `phrases`, `points`, or `model ID`.
        text: an RTFS program.
        coverage, agreement: what training examples let expect, 0 to 1.
        held_out: what it is verified on.
    """

    kind: str
    text: str
    coverage: float
    agreement: float
    held_out: tuple[Example, ...]


class Aim(Struct):
    """What is wanted of the code.

    Attributes:
        agreement: with the model, 0 to 1; the lower bound has to reach it.
        confidence: of the bound.
    """

    agreement: float
    confidence: float


def split(samples: Samples) -> tuple[list[Sample], list[Sample]]:
    """(training, held out), in an order that says nothing about the examples."""
    ranks = {one.key: blake2b(one.key.encode("utf-8", "surrogatepass"), digest_size=8).digest() for one in samples.distinct}
    ranked = sorted(samples.distinct, key=lambda one: ranks[one.key][1:])  # not the byte that decides who is held out
    held_out = [one for one in ranked if ranks[one.key][0] < HELD_OUT * 256]
    return [one for one in ranked if ranks[one.key][0] >= HELD_OUT * 256], held_out


def induce(
    function: Definition, types: Sequence[str], look_up: Callable[[str], Type | None], samples: Samples, aim: Aim
) -> list[Candidate]:
    """The candidates that are expected to agree often enough, the one that answers most first.

    Args:
        types: texts of the definitions of types that the function needs.
        look_up: what names of types mean.
    """
    fn = function.function
    assert fn is not None
    found = [_table(fn, types, samples, aim), _classifier(fn, types, look_up, samples, aim)]
    return sorted([one for one in found if one is not None], key=lambda one: -one.coverage)


# --- a table ---


def _table(fn: ast.Fn, types: Sequence[str], samples: Samples, aim: Aim) -> Candidate | None:
    """Rows for the questions that come again and again, if they make up much of what is asked."""
    cut = round(len(samples.traffic) * (1 - HELD_OUT))
    before, after = samples.traffic[:cut], samples.traffic[cut:]
    inner = round(len(before) * (1 - HELD_OUT))
    known = _rows(before[:inner])
    later = before[inner:]
    asked = [(known[key], example) for key, example in later if key in known]
    right = sum(equal(row.value, example.value) for row, example in asked)
    expected = round(len(asked) / len(later) * len(after)) if later else 0
    if fn.rest is not None or not will_do(right, len(asked), expected, aim.agreement, aim.confidence):
        return None
    rows = list(_rows(before).values())[:MOST_ROWS]
    note = f"A table of {len(rows)} questions with the answers that a model gave to them, always the same."
    text = table_program(Frame(fn, types, note), rows)
    return Candidate("table", text, len(asked) / len(later), right / len(asked), tuple([example for _, example in after]))


def _rows(traffic: Sequence[tuple[str, Example]]) -> dict[str, Example]:
    """The questions that were asked often enough and always answered in the same way, the most frequent first."""
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    examples: dict[str, Example] = {}
    for key, example in traffic:
        answers[key][to_readable(example.value)] += 1
        examples[key] = example
    often = [(key, found) for key, found in answers.items() if len(found) == 1 and found.total() >= _LEAST_TIMES]
    return {key: examples[key] for key, found in sorted(often, key=lambda pair: -pair[1].total())}


# --- a classifier of texts ---


def _classifier(
    fn: ast.Fn, types: Sequence[str], look_up: Callable[[str], Type | None], samples: Samples, aim: Aim
) -> Candidate | None:
    if not is_classifier(fn, look_up):
        return None
    training, held_out = split(samples)
    if len(training) < LEAST or not held_out:
        return None
    labelled = [_labelled(one.example) for one in training]
    choice: Choice | None = choose(
        labelled, (PhraseLearner(), PointLearner()), wanted=aim.agreement, confidence=aim.confidence, held_out=len(held_out)
    )
    if choice is None:
        return None
    model = choice.learner.learn(labelled)
    size = model.size(choice.least)
    if isinstance(model, Phrases):
        note = f"{size} phrases from {len(training)} answers of a model."
        text = phrases_program(Frame(fn, types, note), model, choice.least)
    else:
        assert isinstance(model, Points)
        note = f"Points of {size} words and pairs of words from {len(training)} answers of a model."
        text = points_program(Frame(fn, types, note), model, choice.least)
    examples = tuple([one.example for one in held_out])
    return Candidate(choice.learner.name, text, choice.coverage, choice.agreement, examples)


def is_classifier(fn: ast.Fn, look_up: Callable[[str], Type | None]) -> bool:
    """Whether a function chooses one of some values by texts."""
    if fn.rest is not None or not fn.params:
        return False
    texts = [_meaning(param.type, look_up) for param in fn.params]
    result = _meaning(fn.result, look_up)
    return all(type_ == Primitive("string") for type_ in texts) and (isinstance(result, EnumType) or result == Primitive("bool"))


def _meaning(type_: Type | None, look_up: Callable[[str], Type | None]) -> Type | None:
    for _ in range(20):  # names of names
        if not isinstance(type_, TypeRef):
            break
        type_ = look_up(type_.name)
    return type_


def _labelled(example: Example) -> Labelled:
    return features_of(text_of(example.args)), to_readable(example.value)
