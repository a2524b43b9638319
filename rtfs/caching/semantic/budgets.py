"""The error budgets of all functions, kept beside the entries so that processes and runs share what was learnt.

Checks are added to the store's figures, which add up what many processes tell; where a function stands (and in which learning
period) is an entry.  Two processes that judge at the same moment may come to it twice, with the same result.
"""

from __future__ import annotations

from rtfs.caching.encoding import Malformed, decode, encode
from rtfs.caching.semantic.budget import GRID, Budget, BudgetSettings, Standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    import random

    from rtfs.caching.stores.protocol import Store

#: Of the store: names of functions, states and counts.
SPACE = "L3-budgets"
#: Checks of this process after which those of others are read again.
_READ_AFTER = 32


class Budgets:
    """Budgets by function. Not locked: its owner is."""

    def __init__(self, store: Store, settings: BudgetSettings) -> None:
        self._store = store
        self._settings = settings
        self._known: dict[bytes, Budget] = {}
        self._periods: dict[bytes, int] = {}
        self._names: dict[bytes, str] = {}
        self._since = 0

    def decide(self, function: bytes, score: float, rng: random.Random) -> tuple[bool, bool]:
        """(serve, check), as `Budget.decide`."""
        return self._of(function).decide(score, rng)

    def never(self, function: bytes) -> bool:
        """Whether matches of a function are not worth looking for."""
        return self._of(function).state == "never"

    def threshold(self, function: bytes) -> float | None:
        return self._of(function).threshold

    def state(self, function: bytes) -> str:
        return self._of(function).state

    def observe(self, function: bytes, name: str, score: float, agreed: bool) -> None:
        """A check of a function, which is called `name`."""
        budget = self._of(function)
        before = budget.state, budget.at
        self._names[function] = name
        step = max((i for i, least in enumerate(GRID) if score >= least), default=-1)
        if step < 0:
            return
        budget.observe(score, agreed)
        period = self._periods[function]
        if before[0] == "serving" and budget.state == "learning":
            self._periods[function] = period + 1  # what was counted until now counts no longer
        else:
            self._store.count(SPACE, {_figure(function, period, agreed, step): 1})
        if (budget.state, budget.at) != before or sum(budget.right) + sum(budget.wrong) == 1:
            self._write(function)
        self._since += 1
        if self._since >= _READ_AFTER:
            # what other processes have counted comes in with the next question
            self._since = 0
            self._known.clear()

    def restart(self, function: bytes) -> None:
        """Learn anew, after `never` too."""
        self._of(function).restart()
        self._periods[function] += 1
        self._write(function)

    def standings(self) -> list[tuple[str, bytes, Standing]]:
        """(name, key, standing) of all functions that were checked, by name."""
        found = []
        for key, data in self._store.items(SPACE):
            try:
                name = decode(data)["name"]
            except (Malformed, KeyError, TypeError):
                continue
            found.append((str(name), key, self._of(key).standing()))
        return sorted(found, key=lambda row: row[:2])

    def forget(self) -> None:
        """Drop what is in memory: it is read again when it is needed."""
        self._known.clear()

    def _of(self, function: bytes) -> Budget:
        budget = self._known.get(function)
        if budget is None:
            budget = self._known[function] = self._read(function)
        return budget

    def _read(self, function: bytes) -> Budget:
        data = self._store.get(SPACE, function)
        try:
            value = {} if data is None else decode(data)
            period = value.get("period", 0)
            if type(period) is not int or value.get("limit", self._settings.limit) != self._settings.limit:
                # what was learnt under another limit says nothing under this one, but the checks remain checks
                value = {"name": value.get("name", "")}
                period = period if type(period) is int else 0
        except (Malformed, AttributeError):
            value, period = {}, 0
        self._periods[function] = period
        self._names.setdefault(function, str(value.get("name", "")))
        counts = self._store.counts(SPACE)
        right = [int(counts.get(_figure(function, period, True, step), 0)) for step in range(len(GRID))]
        wrong = [int(counts.get(_figure(function, period, False, step), 0)) for step in range(len(GRID))]
        return Budget.from_data(
            {
                **value,
                "right": right,
                "wrong": wrong,
                "grid": list(GRID),
                "state": value.get("state", "learning"),
                "at": value.get("at", len(GRID)),
            },
            self._settings,
        )

    def _write(self, function: bytes) -> None:
        budget = self._known[function]
        value = {
            "name": self._names.get(function, ""),
            "state": budget.state,
            "at": budget.at,
            "period": self._periods[function],
            "limit": self._settings.limit,
        }
        self._store.put(SPACE, function, encode(value))


def recorded(store: Store) -> list[tuple[str, float, Standing]]:
    """(name, limit, standing) of the functions that a store knows of, each under the limit it was judged by last."""
    found = []
    for key, data in store.items(SPACE):
        try:
            value = decode(data)
            name, limit = str(value["name"]), float(value["limit"])
        except (Malformed, KeyError, TypeError, ValueError):
            continue
        found.append((name, limit, Budgets(store, BudgetSettings(limit=limit))._of(key).standing()))
    return sorted(found, key=lambda row: row[:2])


def _figure(function: bytes, period: int, agreed: bool, step: int) -> str:
    return f"{function.hex()[:24]}:{period}:{'right' if agreed else 'wrong'}:{step}"
