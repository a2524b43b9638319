"""The error budget is kept, whatever the traffic; intervals are exact."""

from __future__ import annotations

import math
import random

import pytest

from rtfs.caching.semantic.budget import GRID, LEARNING, MOST_CHECKS, NEVER, SERVING, Budget, BudgetSettings, precision
from rtfs.caching.semantic.budgets import Budgets, recorded
from rtfs.caching.stores.memory import MemoryStore

FUNCTION = bytes(32)


def fed(budget: Budget, score: float, right: int, wrong: int = 0) -> Budget:
    for agreed in [True] * right + [False] * wrong:
        budget.observe(score, agreed)
    return budget


def test_nothing_is_served_before_enough_checks() -> None:
    budget = Budget()
    needed = next(n for n in range(1, 1000) if fed(budget, 0.95, 1).state == SERVING)
    # (1 - 0.02) ** n has to be as unlikely as 0.05, divided by the steps of the grid
    assert math.log(len(GRID) / 0.05) / -math.log(0.98) < needed < 300
    assert budget.decide(0.99, random.Random(0))[0]


def test_the_lowest_threshold_that_the_checks_allow() -> None:
    budget = fed(Budget(), 0.35, 0, 40)
    fed(budget, 0.65, 600)
    assert budget.state == SERVING
    assert budget.standing().threshold == 0.4
    assert budget.decide(0.45, random.Random(0))[0]
    assert budget.decide(0.35, random.Random(0)) == (False, True)


def test_a_lower_threshold_has_to_show_its_merit_by_itself() -> None:
    budget = fed(fed(Budget(), 0.35, 0, 60), 0.95, 400)
    assert budget.standing().threshold == 0.4
    fed(budget, 0.35, 200)
    assert budget.standing().threshold == 0.4  # 60 wrong ones among 260 do not become fewer by 400 right ones elsewhere


def test_never() -> None:
    assert fed(Budget(), 0.95, 0, 20).state == NEVER
    assert fed(Budget(), 0.35, 0, 40).state == LEARNING  # stricter thresholds may still be good enough
    budget = Budget()
    rng = random.Random(1)
    for _ in range(MOST_CHECKS):
        budget.observe(0.5, rng.random() > 0.02)
    assert budget.state == NEVER
    assert budget.decide(0.99, rng) == (False, False)


def test_a_change_for_the_worse_ends_serving() -> None:
    budget = fed(Budget(), 0.8, 300)
    assert budget.state == SERVING
    rng = random.Random(2)
    for _ in range(120):
        budget.observe(0.8, rng.random() > 0.3)
        if budget.state == LEARNING:
            break
    assert budget.state == LEARNING
    assert budget.standing().checks < 60


@pytest.mark.parametrize("drift", [0.0, 0.5])
def test_the_budget_is_kept_in_at_least_95_percent_of_trials(drift: float) -> None:
    """Random functions, some of which deserve serving and some not; what is served is held against what is really true of it."""
    kept = served = 0
    trials = 200
    for seed in range(trials):
        rng = random.Random(seed)
        budget = Budget(BudgetSettings(check_share=0.05))
        worst = rng.choice([0.5, 0.2, 0.1, 0.03])
        best = rng.choice([0.0, 0.002, 0.01, 0.02, 0.03])
        broke = False
        total = false = 0
        for _ in range(3000):
            score = rng.random()
            wrong = rng.random() < best + (worst - best) * (1 - score) ** 4 * (1 + drift)
            serve, check = budget.decide(score, rng)
            if serve and not check:
                total += 1
                false += wrong
            if check:
                budget.observe(score, not wrong)
        if total >= 100:
            # more false hits than the budget allows, beyond what chance does to a stream that just keeps it
            served += 1
            broke = precision(total - false, false)[2] < 0.98
        kept += not broke
    assert kept >= 0.95 * trials
    assert served > 20  # the test means something


def test_precision_has_an_exact_interval() -> None:
    assert precision(0, 0) == (0.0, 0.0, 1.0)
    share, low, high = precision(98, 2)
    assert share == 0.98
    assert (round(low, 4), round(high, 4)) == (0.9296, 0.9976)  # Clopper and Pearson's, of R's binom.test
    assert round(precision(0, 10)[2], 4) == 0.3085
    assert precision(10, 0)[2] == 1.0
    assert round(precision(149, 0)[1], 4) == 0.9755
    assert precision(20_000, 100)[1] < 0.99502 < precision(20_000, 100)[2]


def test_budgets_survive_and_add_up() -> None:
    store = MemoryStore()
    one, two = Budgets(store, BudgetSettings()), Budgets(store, BudgetSettings())
    for _ in range(150):
        one.observe(FUNCTION, "f", 0.9, True)
        two.observe(FUNCTION, "f", 0.9, True)
    three = Budgets(store, BudgetSettings())
    [(name, key, standing)] = three.standings()
    assert (name, key, standing.state, standing.checks, standing.false) == ("f", FUNCTION, SERVING, 300, 0)
    assert three.threshold(FUNCTION) == GRID[0]
    three.restart(FUNCTION)
    assert Budgets(store, BudgetSettings()).state(FUNCTION) == LEARNING
    assert Budgets(store, BudgetSettings()).standings()[0][2].checks == 0


def test_another_limit_is_judged_by_the_same_checks() -> None:
    store = MemoryStore()
    loose = Budgets(store, BudgetSettings(limit=0.2))
    for _ in range(60):
        loose.observe(FUNCTION, "f", 0.9, True)
    assert loose.state(FUNCTION) == SERVING
    strict = Budgets(store, BudgetSettings(limit=0.02))
    assert strict.state(FUNCTION) == LEARNING
    for _ in range(250):
        strict.observe(FUNCTION, "f", 0.9, True)
    assert strict.state(FUNCTION) == SERVING


def test_a_damaged_record_is_a_fresh_start() -> None:
    settings = BudgetSettings()
    for data in (None, [], {"state": "serving", "at": len(GRID), "grid": list(GRID)}, {"state": "odd"}, {"grid": [1]}):
        assert Budget.from_data(data, settings).state == LEARNING
    store = MemoryStore()
    store.put("L3-budgets", FUNCTION, b"\xff\x00")
    assert Budgets(store, settings).state(FUNCTION) == LEARNING


def test_what_is_recorded_is_read_under_the_limit_it_was_judged_by() -> None:
    store = MemoryStore()
    loose = Budgets(store, BudgetSettings(limit=0.2))
    for _ in range(60):
        loose.observe(FUNCTION, "f", 0.9, True)
    store.put("L3-budgets", bytes(31) + b"x", b"\x01")
    [(name, limit, standing)] = recorded(store)
    assert (name, limit, standing.state, standing.checks) == ("f", 0.2, SERVING, 60)
