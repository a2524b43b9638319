"""The budgets of one runtime, and the prices that its requests are charged by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rtfs.delegation.allowance import Allowance
from rtfs.delegation.budget import Budget
from rtfs.delegation.prices import PriceTable
from rtfs.delegation.spending import Spending
from rtfs.errors import ConfigError
from rtfs.semantics.faults import invalid_argument, type_error
from rtfs.values.maps import Map
from rtfs.values.printing import preview
from rtfs.values.scalars import Keyword


def _allowance(limits: Allowance | Mapping[str, Any] | None) -> Allowance:
    return limits if isinstance(limits, Allowance) else Allowance.of(limits or {})


class Accounts:
    """See the module. Safe to use from several threads.

    Args:
        total: limits for all runs together, or a budget that others may share; None for no limits.
        each: limits for each run.
        environ: where the user's table of prices is looked for.
    Raises:
        ConfigError: what is given are no limits.
    """

    def __init__(
        self,
        total: Budget | Allowance | Mapping[str, Any] | None,
        each: Allowance | Mapping[str, Any] | None,
        environ: Mapping[str, str],
    ) -> None:
        self.budget = total if isinstance(total, Budget) else Budget("the runtime", _allowance(total))
        self.spending = Spending(lambda: PriceTable.load(environ))
        self._each = _allowance(each)

    def open_run(self, further: Iterable[tuple[str, Iterable[tuple[str, float]]]] = ()) -> Budget:
        """The budget of a new run.

        Args:
            further: limits of an engine for it, with whose they are.
        """
        budget = self.budget.new_run(self._each)
        for whose, limits in further:
            budget = budget.child(whose, Allowance.of_pairs(limits))
        return budget

    def open_scope(self, outer: Budget, limits: Any) -> Budget:
        """The budget of `(with-budget limits …)`.

        Args:
            limits: a value of the program.
        Raises:
            EvalError: `type-error`, `invalid-argument`: it is no map of limits.
        """
        if type(limits) is not Map:
            raise type_error("with-budget", "map of limits", limits, 0)
        try:
            given = {key.name if type(key) is Keyword else preview(key, 40): value for key, value in limits.items()}
            return outer.child("with-budget", Allowance.of(given))
        except ConfigError as error:
            raise invalid_argument("with-budget", error.message, 0, hint=error.hint) from None
