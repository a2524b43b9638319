"""Which calls of a program's branches are one request."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rtfs.delegation.budget import Budget
from rtfs.delegation.options import CallOptions
from rtfs.delegation.requests import Requests
from rtfs.delegation.sharing import Sharing
from rtfs.delegation.targets import LocalModel
from rtfs.delegation.trace import Answer, Trace
from rtfs.models.protocol import ModelReply
from rtfs.semantics.stopping import Stop
from rtfs.values.sequences import Vector
from tests.support.cached_calls import call, options


@pytest.mark.parametrize(
    ("of_one", "of_other", "asked"),
    [
        ({}, {}, 1),
        ({"rules": Vector([Vector(["a", "b"])])}, {"rules": Vector([Vector(["a", "c"])])}, 2),
        ({"seed": 1}, {"seed": 2}, 2),
        ({"temperature": 1.0}, {"temperature": 1.0}, 2),
    ],
)
def test_calls_are_equal_by_what_they_ask_and_not_by_where_their_options_are_kept(
    of_one: dict[str, Any], of_other: dict[str, Any], asked: int
) -> None:
    sharing, made = Sharing(), []
    branch = SimpleNamespace(nesting=1, shared={}, stop=Stop())
    target = LocalModel("m")
    for given in (of_one, of_other):
        one = call(options=options(**given), branch=branch)
        trace = Trace(Budget("test"), Requests().function_hash(one))

        def ask(number: int = len(made)) -> Answer:
            made.append(number)
            return Answer(number, target, "p", ModelReply(text=""), ())

        sharing.answer(one, target, CallOptions.of(one), trace, ask)
    assert len(made) == asked
