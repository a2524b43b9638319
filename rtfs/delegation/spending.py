"""A request to a model as something that costs: estimated and reserved before it is sent, settled when it is over.

    with spending.reserve(provider, request, budget, local=False) as charge:     LimitExceeded: it is not sent
        reply = provider.complete(request)
        charge.answered(reply)

Every way out settles the charge, an error too.  What a provider says that it used is what counts; where it does not say (a server
that leaves `usage` out, a connection that broke off, an interrupt), all that was reserved counts as used: it may have been.  Of a
reply that came in pieces, what was received counts instead, by an estimate that is rather high.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rtfs.delegation.allowance import NANO, ONE_CALL, Allowance, Amounts
from rtfs.delegation.budget import Budget, Reservation
from rtfs.delegation.estimates import Estimates, estimated_tokens, generous_tokens
from rtfs.delegation.prices import Price, PriceTable
from rtfs.errors import ConfigError, DelegationError, LimitExceeded
from rtfs.models.protocol import NO_USAGE, Chunk, ModelProvider, ModelReply, ModelRequest, Usage

#: Errors after which nothing has been used: no model has seen the request.
_NEVER_SEEN = frozenset({"unknown-model", "model-unavailable", "prompt-too-long"})


class Spending:
    """Knows prices, and reserves what requests may cost.

    Args:
        prices: gives the table when it is first needed.
    """

    def __init__(self, prices: Callable[[], PriceTable]) -> None:
        self._load = prices
        self._table: PriceTable | None = None
        #: Told, once, that costs are not known since the user's table is wrong; where money is limited, that is an error instead.
        self.report: Callable[[str], None] = lambda text: None
        self._told = False
        self._estimates = Estimates()

    @property
    def prices(self) -> PriceTable:
        """
        Raises:
            ConfigError: the user's table is wrong.
        """
        if self._table is None:
            self._table = self._load()
        return self._table

    def reserve(
        self, provider: ModelProvider, request: ModelRequest, budget: Budget, *, local: bool, patient: bool = True
    ) -> Charge:
        """Reserve what a request may use.

        Args:
            local: a model of this machine, which costs no money; a provider that is `free` does not either.
            patient: wait, as long as the request may take, for others to give back what they turn out not to need.
        Raises:
            LimitExceeded: `budget-exhausted`; `unknown-price` where money is limited and the model has no price.
        """
        free = local or getattr(provider, "free", False)
        price: Price | None = None
        estimate = ONE_CALL
        if ((budget.limits_money and not free) or budget.limits_tokens) and getattr(provider, "uses_tokens", True):
            prompt = prompt_tokens(provider, request, self._estimates)
            if budget.limits_money and not free:
                price = self.prices.find(server_of(provider), request.model, prompt)
                if price is None:
                    raise unknown_price(provider, request.model, budget)
            money = price.cost(prompt, request.max_tokens) if price is not None else 0
            estimate = Amounts(money, prompt + request.max_tokens, 1)
        return Charge(self, provider, request, budget.reserve(estimate, patience_s=request.timeout_s if patient else 0.0), free)

    def tell(self, problem: ConfigError) -> None:
        """What is wrong with the table, once."""
        if not self._told:
            self._told = True
            place = f" ({problem.span})" if problem.span is not None else ""
            self.report(f"rtfs: {problem.message}{place}; what calls cost is not known")

    def cost(self, provider: ModelProvider, model: str, usage: Usage) -> int | None:
        """Billionths of a dollar that a request has cost; None where the price or the use is not known."""
        if usage.prompt_tokens is None or usage.completion_tokens is None:
            return None
        prompt, completion, cached = max(0, usage.prompt_tokens), max(0, usage.completion_tokens), max(0, usage.cached_tokens or 0)
        if not prompt and not completion:
            return 0
        price = self.prices.find(server_of(provider), model, prompt)
        return None if price is None else price.cost(prompt, completion, cached)


class Charge:
    """What one request costs. Settled once, at the latest at the end of a `with`; later words about it change nothing."""

    __slots__ = ("_free", "_pieces", "_provider", "_request", "_reservation", "_spending", "nano_usd", "usage")

    def __init__(
        self, spending: Spending, provider: ModelProvider, request: ModelRequest, reservation: Reservation, free: bool
    ) -> None:
        self._spending = spending
        self._provider = provider
        self._request = request
        self._reservation = reservation
        self._free = free
        self._pieces: list[str] = []
        #: What it used, as far as that is known.
        self.usage = Usage()
        #: What it has cost, once that is known; None where it is not.
        self.nano_usd: int | None = 0 if free else None

    def answered(self, reply: ModelReply) -> None:
        """The reply is there."""
        self._settle(self._known(reply.usage), reply.model)

    def received(self, chunk: Chunk) -> None:
        """A piece of a streamed reply is there."""
        self._pieces.append(chunk.text)
        self._pieces.append(chunk.reasoning)

    def failed(self, error: BaseException | None) -> None:
        """No reply comes: because of the provider's error, or of whatever stopped the request. Of one that broke off, what was
        received counts."""
        usage = error.usage if isinstance(error, DelegationError) else None
        if self._pieces:
            usage = self._known(usage or Usage())
        if usage is None and isinstance(error, DelegationError) and error.kind in _NEVER_SEEN:
            usage = NO_USAGE
        self._settle(usage if usage is not None else Usage(), "")

    def _known(self, usage: Usage) -> Usage:
        """What a reply used: what the provider says, and for what it leaves out, an estimate from what was received."""
        if not self._pieces or (usage.prompt_tokens is not None and usage.completion_tokens is not None):
            return usage
        prompt, completion = usage.prompt_tokens, usage.completion_tokens
        if prompt is None:
            prompt = prompt_tokens(self._provider, self._request)
        if completion is None:
            completion = min(estimated_tokens("".join(self._pieces)), self._request.max_tokens)
        return replace(usage, prompt_tokens=prompt, completion_tokens=completion)

    @property
    def cost_usd(self) -> float | None:
        """Dollars, once that is known."""
        return None if self.nano_usd is None else self.nano_usd / NANO

    def __enter__(self) -> Charge:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._reservation.is_open:
            try:
                self.failed(error)
            finally:  # an adapter that cannot count any more leaves nothing reserved
                self._reservation.settle(self._reservation.amounts)

    def never_sent(self) -> None:
        """The request was given up before it was sent: it is not even a call."""
        self._reservation.release()

    def _settle(self, usage: Usage, answered_by: str) -> None:
        self.usage = usage
        held = self._reservation.amounts
        money, tokens = held.nano_usd, held.tokens
        try:
            if usage.prompt_tokens is not None and usage.completion_tokens is not None:
                tokens = max(0, usage.prompt_tokens) + max(0, usage.completion_tokens)
                if not self._free:
                    self.nano_usd = self._cost(usage, answered_by)
                    if self.nano_usd is not None:
                        money = self.nano_usd
        finally:
            self._reservation.settle(Amounts(money, tokens, 1))

    def _cost(self, usage: Usage, answered_by: str) -> int | None:
        """By the price of the model that answered, where it has one: that is the one that bills."""
        try:
            cost = self._spending.cost(self._provider, answered_by, usage) if answered_by else None
            return cost if cost is not None else self._spending.cost(self._provider, self._request.model, usage)
        except ConfigError as problem:  # where money is limited it was read before
            self._spending.tell(problem)
            return None


def server_of(provider: ModelProvider) -> str:
    """Who bills: the provider's `server` (a host), else its name."""
    return getattr(provider, "server", "") or provider.name


def unknown_price(provider: ModelProvider, model: str, budget: Budget) -> LimitExceeded:
    """Not sending it is the only way to keep the limit: what costs nobody knows what cannot be counted."""
    limiting = next(b.label for b in budget.lineage if b.allowance.nano_usd is not None)
    server = server_of(provider)
    return LimitExceeded(
        f"what {model} costs at {server} is not known, and the budget of {limiting} limits money",
        kind="unknown-price",
        hint=f'put it into prices.toml in the configuration folder: [[price]] server = "{server}" model = "{model}" '
        "input = … output = … (dollars for a million tokens; 0 when it is free)",
    )


# --- budgets of functions and calls ----------------------------------------------------------


def budget_of_call(scope: Budget, key: Any, name: str, function: Allowance | None, *limits: Allowance | None) -> Budget:
    """What a call is charged to: its scope, all calls of its function in this run, and itself.

    Args:
        key: tells functions of one name apart.
        function: limits for all its calls.
        limits: for this one call.
    """
    own = [allowance for allowance in limits if allowance]
    also = (scope.of_function(key, name, function),) if function else ()
    if not own and not also:
        return scope
    budget = scope.child(f"one call of {name}", own[0] if own else Allowance(), also=also)
    for allowance in own[1:]:
        budget = budget.child(f"one call of {name}", allowance)
    return budget


# --- estimates -------------------------------------------------------------------------------


def prompt_tokens(provider: ModelProvider, request: ModelRequest, estimates: Estimates | None = None) -> int:
    """How many tokens the prompt of a request has: what the provider counts (`count_tokens`), else a high estimate."""
    count = getattr(provider, "count_tokens", None)
    if count is not None:
        return int(count(request))
    return generous_tokens(request) if estimates is None else estimates.tokens(request)
