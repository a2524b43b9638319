"""What the compiler takes for granted of the values of built-ins is true of every value that they give."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import settings

from rtfs.errors import RtfsError
from rtfs.ir import nodes as ir
from rtfs.ir.lattice import NUM, UNKNOWN, is_within_floats
from rtfs.ir.nodes import ANY, Known
from rtfs.ir.passes.kinds import constant
from rtfs.ir.results import result
from rtfs.semantics.calls import call
from rtfs.semantics.signatures import signature
from rtfs.values.functions import Builtin
from rtfs.values.maps import Map
from rtfs.values.sequences import Sequence
from tests.support.signatures import POOL, PURE, counts, distinct, instantiate, make, parameters

#: 50 calls of each shape in CI, 2,500 in the nightly profile.
ROUNDS = settings.default.max_examples // 4

_CLASSES = {"int": int, "float": float, "bool": bool, "str": str, "vec": Sequence, "map": Map}


def holds(known: Known, value: Any) -> bool:
    """Whether what is known is so of a value."""
    if known.kind is None:
        return True
    if known.kind == "num":
        if type(value) not in (int, float):
            return False
        return not is_within_floats(known) or type(value) is float or abs(value) <= 2**1024
    expected = _CLASSES[known.kind]
    if not (type(value) is expected if expected in (int, float, bool) else isinstance(value, expected)):
        return False
    return (known.bits is None or abs(value).bit_length() <= known.bits) and (not known.natural or value >= 0)


def check(name: str, operands: list[Any], random: Random) -> None:
    args: list[ir.Node] = []
    for operand in operands:
        node = ir.Const(None, operand)
        exact = constant(operand)
        node.known = random.choice([exact, ANY, Known(exact.kind), NUM if type(operand) in (int, float) else exact])
        args.append(node)
    try:
        value = call(PURE[name], list(operands))
    except RtfsError:
        return
    promised = result(name, args)
    assert promised is not UNKNOWN
    assert holds(promised, value), f"({name} {operands}) with {[arg.known for arg in args]}: {promised}, but {value!r}"


@pytest.mark.parametrize("entry", distinct(PURE), ids=lambda entry: entry.name)
def test_of_operands_that_fit(entry: Builtin) -> None:
    for at, shape in enumerate(signature(entry)):
        for turn in range(ROUNDS):
            random = Random(f"{entry.name} {at} {turn}")
            count = random.choice(sorted(counts(shape, len(shape.params) + (3 if shape.rest is not None else 0))))
            operands = [make(type, random) for type in parameters(instantiate(shape, random), count)]
            check(entry.name, operands, random)


@pytest.mark.parametrize("entry", distinct(PURE), ids=lambda entry: entry.name)
def test_of_operands_of_all_kinds(entry: Builtin) -> None:
    high = entry.low + 2 if entry.high is None else entry.high
    for turn in range(4 * ROUNDS):
        random = Random(f"{entry.name} {turn}")
        check(entry.name, random.choices(POOL, k=random.randint(entry.low, high)), random)
