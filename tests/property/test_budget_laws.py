"""No order of reserving and settling, in however many threads, gets more out of a budget than is in it."""

from __future__ import annotations

import threading
from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

import rtfs
from rtfs.delegation.allowance import Allowance, Amounts
from rtfs.delegation.budget import Budget, Reservation
from rtfs.errors import LimitExceeded
from rtfs.models.echo import EchoProvider
from rtfs.models.registry import ModelRegistry

UNITS = ("nano_usd", "tokens", "calls")
amounts = st.builds(Amounts, st.integers(0, 40), st.integers(0, 40), st.integers(0, 2))
limits = st.builds(
    lambda usd, tokens, calls: Allowance(nano_usd=usd, tokens=tokens, calls=calls),
    *[st.none() | st.integers(0, 100) for _ in UNITS],
)


def plus(a: Amounts, b: Amounts) -> Amounts:
    return Amounts(*[getattr(a, unit) + getattr(b, unit) for unit in UNITS])


def tree(allowances: list[Allowance], random: Random) -> list[Budget]:
    """Budgets inside one another at random, some of them charged to a second one too."""
    budgets = [Budget("0", allowances[0])]
    for i, allowance in enumerate(allowances[1:], 1):
        also = (random.choice(budgets),) if random.random() < 0.3 else ()
        budgets.append(Budget(str(i), allowance, parent=random.choice(budgets), also=also))
    return budgets


@given(
    allowances=st.lists(limits, min_size=1, max_size=6),
    steps=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["reserve", "settle", "release"]), amounts), max_size=60),
    seed=st.integers(0, 2**32),
)
def test_books_agree_with_a_model_and_nothing_is_overdrawn_by_more_than_was_underestimated(
    allowances: list[Allowance], steps: list[tuple[int, str, Amounts]], seed: int
):
    random = Random(seed)
    budgets = tree(allowances, random)
    spent = [Amounts() for _ in budgets]
    under = Counter()  # (budget, unit) -> what calls used beyond their estimates
    open_: list[tuple[Reservation, Budget]] = []
    for pick, action, amount in steps:
        if action == "reserve":
            budget = budgets[pick % len(budgets)]
            held = [sum([getattr(r.amounts, unit) for r, b in open_ if other in b.lineage]) for other in budgets for unit in UNITS]
            fits = all(
                limit is None
                or not getattr(amount, unit)
                or getattr(spent[i], unit) + held[i * 3 + u] + getattr(amount, unit) <= limit
                for i, other in enumerate(budgets)
                if other in budget.lineage
                for u, (unit, limit) in enumerate([(unit, getattr(other.allowance, unit)) for unit in UNITS])
            )
            try:
                open_.append((budget.reserve(amount), budget))
                assert fits
            except LimitExceeded:
                assert not fits
        elif open_:
            reservation, budget = open_.pop(pick % len(open_))
            used = amount if action == "settle" else Amounts()
            if action == "settle":
                reservation.settle(used)
            else:
                reservation.release()
            for i, other in enumerate(budgets):
                if other in budget.lineage:
                    spent[i] = plus(spent[i], used)
                    for unit in UNITS:
                        under[i, unit] += max(0, getattr(used, unit) - getattr(reservation.amounts, unit))
        assert [budget.spent for budget in budgets] == spent
        for i, budget in enumerate(budgets):
            for unit in UNITS:
                limit = getattr(budget.allowance, unit)
                assert limit is None or getattr(spent[i], unit) <= limit + under[i, unit]
    for reservation, _ in open_:
        reservation.release()
    assert all(budget.reserved == Amounts() for budget in budgets)


@settings(max_examples=25)
@given(
    allowances=st.lists(limits, min_size=1, max_size=5),
    seed=st.integers(0, 2**32),
    patient=st.booleans(),
    honest=st.booleans(),
)
def test_threads_together_never_get_more_than_there_is(allowances: list[Allowance], seed: int, patient: bool, honest: bool):
    """With estimates that hold, no limit is ever passed. With others, by no more than what the calls under way then got wrong."""
    budgets = tree(allowances, Random(seed))
    totals = Counter()
    under = Counter()
    lock = threading.Lock()
    passed: list[str] = []

    def work(number: int) -> None:
        random = Random(seed + number)
        for _ in range(30):
            i = random.randrange(len(budgets))
            estimate = Amounts(random.randint(0, 30), random.randint(0, 30), random.randint(0, 1))
            most = 1.0 if honest else 1.5
            used = Amounts(*[int(getattr(estimate, unit) * random.uniform(0, most)) for unit in UNITS])
            try:
                reservation = budgets[i].reserve(estimate, patience_s=0.01 if patient else 0.0)
            except LimitExceeded:
                continue
            if not honest:  # noted before it can be used up
                with lock:
                    for other in budgets[i].lineage:
                        for unit in UNITS:
                            under[other.label, unit] += max(0, getattr(used, unit) - getattr(estimate, unit))
            ending = random.random()
            if ending < 0.1:
                reservation.release()
                used = Amounts()
            elif ending < 0.2:
                with reservation:
                    pass
                used = estimate
            else:
                reservation.settle(used)
            with lock:
                for other in budgets[i].lineage:
                    for unit in UNITS:
                        totals[other.label, unit] += getattr(used, unit)
            for other in budgets:
                now = other.spent
                for unit in UNITS:
                    limit = getattr(other.allowance, unit)
                    if limit is not None and getattr(now, unit) > limit + under[other.label, unit]:
                        passed.append(f"{other.label}: {getattr(now, unit)} {unit} of {limit}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert passed == []
    for budget in budgets:
        assert budget.reserved == Amounts()
        assert budget.spent == Amounts(*[totals[budget.label, unit] for unit in UNITS])


@settings(max_examples=30)
@given(
    shape=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=4),
    outer=st.integers(0, 8),
    strategy=st.sampled_from(["ir", "tree"]),
)
def test_programs_make_no_more_requests_than_their_budgets_allow(shape: list[tuple[int, int]], outer: int, strategy: str):
    """Scopes of `limit` calls, one after the other, that each want `wanted`, in one of `outer` calls."""
    asked = []

    class Counting(EchoProvider):
        def complete(self, request):  # type: ignore[no-untyped-def]
            asked.append(1)
            return super().complete(request)

    models = ModelRegistry()
    models.register("echo", Counting())
    scopes = " ".join(f"(with-budget {{:calls {limit}}} (dotimes [i {wanted}] (try (ask i) (catch _ e 0))))" for limit, wanted in shape)
    text = f'(defn ask ^:delegation :local-model "echo" [n : int] : int n) (with-budget {{:calls {outer}}} {scopes} :done)'
    expected, stopped = 0, False
    for limit, wanted in shape:
        got = min(wanted, limit, outer - expected)
        expected += got
        if got < wanted:
            stopped = True
            break
    with rtfs.Runtime(models=models, strategy=strategy) as runtime:
        try:
            runtime.run(text)
            assert not stopped
        except LimitExceeded:
            assert stopped
        assert len(asked) == expected == runtime.budget.spent.calls
        assert runtime.budget.reserved == Amounts()
