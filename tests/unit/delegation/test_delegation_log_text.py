"""Rows of the log that are written piece by piece are those that the general way gives."""

from __future__ import annotations

from typing import Any

import pytest

from rtfs.caching.layer import Saved
from rtfs.delegation.engine import Alternative, Decision
from rtfs.delegation.log_file import encoded, row_of
from rtfs.delegation.log_text import usual_row
from rtfs.delegation.record import Attempt, CallRecord, ToolUse
from rtfs.delegation.targets import LocalModel, RemoteModel
from tests.support.call_log import record


def general(one: CallRecord, value_hash: str | None) -> tuple[Any, ...]:
    document = one.facts()
    document["value_hash"] = value_hash
    del document["arguments"]
    return row_of("run", document, encoded(document))


def attempt(**changes: Any) -> Attempt:
    return Attempt(**{"provider": "p", "outcome": "answered", "target": "remote_model:m", **changes})


RECORDS = [
    record(),
    record(attempts=()),
    record(function="módulo/f", model='with "quotes" \\ and\nlines', provider=None, answered_by="ａ\ud800"),
    record(decision=Decision(RemoteModel("m"), "why", 0.5, (LocalModel("n"),), (Alternative(LocalModel("o"), 0.25, "no"),), propensity=0.1)),
    record(latency_s=1.23456789e-7, started=1e17, score=0.1 + 0.2, label_mass=1, confidence=1e-12, function_hash="ab", request_hash="cd"),
    record(latency_s=0, started=5, attempts=(attempt(latency_s=2, score=0, cost_usd=0, prompt_tokens=2**70, completion_tokens=0),)),
    record(attempts=(attempt(cost_usd=0.1), attempt(cost_usd=0.2, outcome="mismatch"), attempt(cost_usd=None, outcome="cached"))),
    record(attempts=(attempt(cost_usd=None), attempt(cost_usd=0.2))),
    record(attempts=(attempt(cost_usd=-0.0),)),
    record(attempts=(attempt(outcome="provider-error", problem="it said \u2028 no", value_hash="ef", confidence=0.5, completion_tokens=None),)),
    record(source="none", error="no", error_kind="model-refused", cache="L2", saved=Saved(0.5, 12, 0.25)),
    record(source="body", error="no", error_kind="provider-error", body_error="neither"),
    record(arguments="[1]"),
    record(tags=("private", 'of "us"')),
]  # fmt: skip


@pytest.mark.parametrize("one", RECORDS, ids=range(len(RECORDS)))
@pytest.mark.parametrize("value_hash", [None, "0" * 32])
def test_the_usual_row_is_the_row(one: CallRecord, value_hash: str | None) -> None:
    found, wanted = usual_row("run", one, value_hash), general(one, value_hash)
    assert found == wanted
    assert found is not None
    assert list(map(type, found)) == list(map(type, wanted))
    assert usual_row("run", one, value_hash) == wanted, "the second one has the same beginning"


def test_another_decision_has_another_beginning() -> None:
    for _ in range(600):
        for engine in ("one", "two"):
            decision = Decision(LocalModel("m"), "why", engine=engine)
            row = usual_row("run", record(decision=decision), None)
            assert row is not None
            assert f'"engine": "{engine}"' in row[-1]


@pytest.mark.parametrize(
    "one",
    [
        record(tools=(ToolUse(name="t", outcome="ok"),)),
        record(repairs=("removed a comma",)),
        record(cache_note={"score": 0.5}),
        record(planned={"confidence": 0.5}),
        record(score=float("nan")),
        record(attempts=(attempt(cost_usd=float("inf")),)),
        record(confidence=True),
    ],
    ids=range(7),
)
def test_what_is_not_usual_goes_the_general_way(one: CallRecord) -> None:
    assert usual_row("run", one, None) is None
