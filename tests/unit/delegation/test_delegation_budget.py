"""`Budget`: reserved before, settled after, in all budgets that a call is in; and limits as people write them."""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from typing import Any

import pytest

from rtfs.delegation.allowance import NANO, Allowance, Amounts, dollars, parse_allowance
from rtfs.delegation.budget import MAX_NESTING, Budget
from rtfs.errors import ConfigError, LimitExceeded

ONE = Amounts(0, 0, 1)


def budget(parent: Budget | None = None, label: str = "test", **limits: Any) -> Budget:
    return Budget(label, Allowance.of(limits), parent=parent)


# --- reserving and settling ---


def test_what_is_reserved_counts_until_it_is_settled():
    tokens = budget(tokens=100)
    reservation = tokens.reserve(Amounts(tokens=80))
    assert (tokens.reserved.tokens, tokens.spent.tokens) == (80, 0)
    with pytest.raises(LimitExceeded, match=r"0 of 100 tokens spent, 80 tokens reserved for calls under way, and this call may need 30"):
        tokens.reserve(Amounts(tokens=30))
    reservation.settle(Amounts(tokens=10))
    assert (tokens.reserved.tokens, tokens.spent.tokens) == (0, 10)
    tokens.reserve(Amounts(tokens=90)).release()
    assert tokens.spent.tokens == 10


def test_a_limit_can_be_used_up_to_the_last():
    calls = budget(calls=3)
    for _ in range(3):
        calls.reserve(ONE).settle(ONE)
    with pytest.raises(LimitExceeded, match="the budget of test is used up: 3 of 3 calls spent") as caught:
        calls.reserve(ONE)
    assert caught.value.kind == "budget-exhausted"
    facts = {key.name: value for key, value in caught.value.data.items()}
    assert facts["budget"] == "test"
    assert (facts["limit"], facts["spent"], facts["reserved"], facts["asked"]) == (3, 3, 0, 1)


def test_all_budgets_are_charged_or_none():
    outer = budget(calls=10, label="outer")
    inner = budget(outer, calls=1, label="inner")
    inner.reserve(ONE).settle(ONE)
    with pytest.raises(LimitExceeded, match="of inner"):
        inner.reserve(ONE)
    assert (outer.spent, outer.reserved) == (ONE, Amounts())
    assert budget(outer, calls=5).reserve(ONE).budget.parent is outer
    assert outer.reserved == ONE


def test_more_than_was_reserved_is_counted_and_stops_the_next():
    money = budget(usd=1)
    money.reserve(Amounts(NANO // 2)).settle(Amounts(3 * NANO))
    assert money.spent.nano_usd == 3 * NANO
    with pytest.raises(LimitExceeded, match=r"\$3\.00 of \$1\.00 spent"):
        money.reserve(Amounts(1))
    money.reserve(Amounts(0)).release()  # what is free is allowed still


def test_of_several_settlements_the_first_counts():
    calls = budget(calls=5)
    reservation = calls.reserve(ONE)
    reservation.settle(ONE)
    reservation.settle(ONE)
    reservation.release()
    assert (calls.spent, calls.reserved) == (ONE, Amounts())


def test_a_reservation_that_nobody_settles_is_used_up_at_the_end_of_its_block():
    tokens = budget(tokens=100)
    with pytest.raises(KeyboardInterrupt), tokens.reserve(Amounts(tokens=60)):
        raise KeyboardInterrupt
    assert (tokens.spent.tokens, tokens.reserved.tokens) == (60, 0)
    with tokens.reserve(Amounts(tokens=40)) as reservation:
        reservation.settle(Amounts(tokens=1))
    assert tokens.spent.tokens == 61


def test_a_budget_in_two_others_is_charged_to_each_once():
    run = budget(calls=10, label="run")
    scope, function = budget(run, label="scope"), budget(run, label="function")
    call = Budget("call", parent=scope, also=(function,))
    assert {b.label for b in call.lineage} == {"call", "scope", "function", "run"}
    assert len(call.lineage) == 4
    call.reserve(ONE).settle(ONE)
    assert run.spent == scope.spent == function.spent == ONE


def test_the_budget_of_a_function_lasts_as_long_as_the_run():
    runtime = budget()
    first, second = runtime.new_run(), runtime.new_run()
    limits = Allowance.of({"calls": 1})
    inner = first.child("with-budget", limits)
    assert first.of_function("f", "f", limits) is inner.of_function("f", "f", limits)
    assert first.of_function("f", "f", limits) is not second.of_function("f", "f", limits)
    assert first.of_function("f", "f", limits) is not first.of_function("g", "g", limits)


def test_budgets_inside_one_another_have_an_end():
    innermost = budget()
    for _ in range(MAX_NESTING - 1):
        innermost = innermost.child("inner", Allowance())
    with pytest.raises(LimitExceeded, match="nested more than 1,000 deep") as caught:
        innermost.child("inner", Allowance())
    assert caught.value.kind == "stack-overflow"


# --- time ---


def test_when_the_time_is_over_nothing_more_is_allowed():
    now = [100.0]
    outer = Budget("outer", Allowance.of({"seconds": 10}), clock=lambda: now[0])
    inner = outer.child("inner", Allowance.of({"seconds": 60}))
    assert inner.remaining_s() == 10.0
    inner.reserve(ONE).settle(ONE)
    now[0] = 110.0
    assert inner.remaining_s() == 0.0
    with pytest.raises(LimitExceeded, match="the budget of outer is used up: its 10 seconds are over"):
        inner.reserve(ONE)
    with pytest.raises(LimitExceeded, match="of outer"):
        inner.check_time()
    assert budget().remaining_s() is None


def test_a_clock_that_jumps_back_gives_no_time_away_and_breaks_nothing():
    now = [100.0]
    limited = Budget("t", Allowance.of({"seconds": 10}), clock=lambda: now[0])
    now[0] = 50.0
    limited.reserve(ONE).settle(ONE)
    now[0] = 1e9
    with pytest.raises(LimitExceeded):
        limited.reserve(ONE)


# --- waiting for others ---


def test_a_request_waits_for_what_others_turn_out_not_to_need():
    tokens = budget(tokens=100)
    taken, ready = [], threading.Event()

    def other() -> None:
        reservation = tokens.reserve(Amounts(tokens=90))
        taken.append(reservation)
        ready.set()
        time.sleep(0.05)
        reservation.settle(Amounts(tokens=5))

    thread = threading.Thread(target=other)
    thread.start()
    ready.wait()
    with pytest.raises(LimitExceeded):
        tokens.reserve(Amounts(tokens=50))  # without patience
    tokens.reserve(Amounts(tokens=50), patience_s=30).settle(Amounts(tokens=50))
    thread.join()
    assert tokens.spent.tokens == 55


def test_nobody_waits_for_what_cannot_come_or_for_himself():
    tokens = budget(tokens=100)
    begin = time.monotonic()
    with pytest.raises(LimitExceeded):
        tokens.reserve(Amounts(tokens=101), patience_s=30)
    mine = tokens.reserve(Amounts(tokens=90))
    with pytest.raises(LimitExceeded):
        tokens.reserve(Amounts(tokens=50), patience_s=30)
    mine.release()
    assert time.monotonic() - begin < 10


def test_patience_ends_and_so_does_the_time_of_a_budget():
    for limits, patience, message in (({}, 0.05, "tokens reserved"), ({"seconds": 0.05}, 30.0, "seconds are over")):
        tokens = budget(tokens=100, **limits)
        held = []
        thread = threading.Thread(target=lambda held=held, tokens=tokens: held.append(tokens.reserve(Amounts(tokens=90))))
        thread.start()
        thread.join()
        begin = time.monotonic()
        with pytest.raises(LimitExceeded, match=message):
            tokens.reserve(Amounts(tokens=50), patience_s=patience)
        assert time.monotonic() - begin < 10
        held[0].release()


# --- limits as they are written ---


@pytest.mark.parametrize(
    ("given", "allowance"),
    [
        ({}, Allowance()),
        ({"usd": 0.1}, Allowance(nano_usd=100_000_000)),
        ({"usd": 1}, Allowance(nano_usd=NANO)),
        ({"usd": Decimal("0.0000000019")}, Allowance(nano_usd=1)),  # rounded down: a limit is not raised
        ({"usd": 1e-12}, Allowance(nano_usd=0)),
        ({"tokens": 5, "calls": 0}, Allowance(tokens=5, calls=0)),
        ({"seconds": 2}, Allowance(seconds=2.0)),
    ],
)
def test_limits(given: dict[str, Any], allowance: Allowance):
    assert Allowance.of(given) == allowance


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dollars": 1}, "has no limit 'dollars'"),
        ({"usd": -0.1}, "from 0 to"),
        ({"usd": float("nan")}, "from 0 to"),
        ({"usd": float("inf")}, "from 0 to"),
        ({"usd": True}, "must be a number"),
        ({"usd": "1"}, "must be a number"),
        ({"usd": None}, "must be a number"),
        ({"calls": 1.0}, "must be a whole number"),
        ({"tokens": 10**5000}, "from 0 to"),
        ({"seconds": -1}, "from 0 to"),
    ],
)
def test_what_is_no_limit(given: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        Allowance.of(given)


def test_limits_on_the_command_line():
    assert parse_allowance("usd=0.50, calls=5") == Allowance(nano_usd=NANO // 2, calls=5)
    assert parse_allowance("tokens=2e4,seconds=1.5") == Allowance(tokens=20_000, seconds=1.5)
    for text in ("", "usd", "usd=", "usd=x", "calls=1.5", "calls=-1", "usd=1,usd=2", "usd=nan", "usd=inf", "cals=1"):
        with pytest.raises(ConfigError):
            parse_allowance(text)


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000000001"),
        (450, "$0.000000450"),
        (1_234_567, "$0.00123"),
        (12_345_678, "$0.0123"),
        (10_000_000, "$0.01"),
        (123_456_789, "$0.1235"),
        (NANO, "$1.00"),
        (1_234_567_890_123, "$1,234.57"),
    ],
)
def test_money_for_people(nano: int, text: str):
    assert dollars(nano) == text
