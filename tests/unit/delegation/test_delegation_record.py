"""Records of delegated calls, their totals, and what is kept out of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rtfs.capabilities.redaction import redactor
from rtfs.delegation.record import Attempt, CallRecord, Records
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from tests.support import call_log


def record(**changes: Any) -> CallRecord:
    attempt = Attempt(provider="p", outcome="answered", prompt_tokens=10, completion_tokens=None, latency_s=0.5)
    return call_log.record(**{"attempts": (attempt,), **changes})


def test_a_record_is_ready_for_json() -> None:
    value = Map([(Keyword("a"), 1.0), ("b", None)])
    data = json.loads(json.dumps(record(value=value, repairs=("x",), score=0.5).to_dict()))
    assert data["value"] == '{:a 1.0 "b" nil}'
    assert data["attempts"] == [
        {
            "provider": "p",
            "target": "",
            "outcome": "answered",
            "problem": None,
            "prompt_tokens": 10,
            "completion_tokens": None,
            "latency_s": 0.5,
            "score": None,
            "confidence": None,
            "cost_usd": None,
            "value_hash": None,
        }
    ]
    assert data["repairs"] == ["x"]


def test_totals_count_who_answered_and_what_it_took() -> None:
    records = Records()
    for one in (
        record(),
        record(source="code", attempts=()),
        record(source="body"),
        record(source="body", body_error="no"),
        record(source="none", attempts=()),
    ):
        records.add(one)
    assert records.totals.to_dict() == {
        "calls": 5,
        "by_model": 1,
        "by_cache": 0,
        "errors_by_cache": 0,
        "by_code": 1,
        "by_body": 1,
        "failed": 2,
        "attempts": 3,
        "prompt_tokens": 30,
        "completion_tokens": 0,
        "latency_s": 2.5,
        "saved": {"seconds": 0.0, "tokens": 0, "cost_usd": 0.0},
    }


def test_a_long_run_keeps_the_last_records_and_counts_all() -> None:
    records = Records(keep=3)
    for i in range(10):
        records.add(record(function=f"f{i}"))
    assert [r.function for r in records.calls] == ["f7", "f8", "f9"]
    assert records.totals.calls == 10
    assert records.to_dict()["calls_not_kept"] == 7
    records.clear()
    assert (records.calls, records.totals.calls) == ((), 0)


def test_secrets_are_replaced_by_the_names_of_their_variables() -> None:
    redact = redactor(
        {"A_API_KEY": "secret-123\n", "B_TOKEN": "secret-123-longer", "C_SECRET": "short", "PATH": "/usr/bin:/bin", "d_password": "pass-word-1"}
    )
    assert redact("secret-123 secret-123-longer short /usr/bin:/bin pass-word-1") == "[A_API_KEY] [B_TOKEN] short /usr/bin:/bin [d_password]"
    assert redactor({})("x") == "x"


@pytest.mark.parametrize(
    ("attempts", "cost"),
    [
        ([("answered", 0.5), ("unsure", None)], 0.5),
        ([("refused", None), ("skipped", None), ("shared", None)], 0.0),
        ([("answered", 0.5), ("left", None)], None),
        ([("provider-error", None), ("answered", 0.5)], None),
        ([("model-unavailable", 0.0), ("answered", 0.25)], 0.25),
    ],
)
def test_a_cost_is_known_when_that_of_each_request_is(attempts: list[tuple[str, float | None]], cost: float | None) -> None:
    made = tuple([Attempt(provider="p", outcome=outcome, cost_usd=usd) for outcome, usd in attempts])
    assert record(attempts=made).cost_usd == cost
