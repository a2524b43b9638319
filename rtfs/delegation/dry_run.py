"""What would be sent, and what it would cost: shown instead of sent.

    registry = DryRegistry(registry, spending, show)      resolves as the other one, to providers that show and answer nothing

A provider that sends something says what with `preview(request)`; one without it answers on this machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rtfs.delegation.allowance import NANO
from rtfs.delegation.estimates import generous_tokens
from rtfs.delegation.spending import Spending, server_of
from rtfs.errors import DelegationError
from rtfs.models.protocol import NO_USAGE, Availability, ModelProvider, ModelReply, ModelRequest
from rtfs.models.registry import ModelRegistry


def described(provider: ModelProvider, request: ModelRequest, spending: Spending, *, local: bool) -> dict[str, Any]:
    """A request as data: who is asked, what is sent, and what that may cost at most.

    Args:
        local: a model of this machine, which costs no money.
    Returns:
        `request` is None where nothing leaves the process; `usd` is None where the price is not known.
    Raises:
        ConfigError: the user's table of prices is wrong.
    """
    tokens = generous_tokens(request) if getattr(provider, "uses_tokens", True) else 0
    most = request.max_tokens if tokens else 0
    usd: float | None = 0.0
    if not local and not getattr(provider, "free", False):
        price = spending.prices.find(server_of(provider), request.model, tokens)
        usd = None if price is None else price.cost(tokens, most) / NANO
    preview = getattr(provider, "preview", None)
    found = provider.availability(request.model)
    return {
        "function": request.function,
        "model": request.model,
        "provider": provider.name,
        "request": None if preview is None else preview(request),
        "estimate": {"prompt_tokens": tokens, "completion_tokens": most, "usd": usd},
        "problem": None if found.usable else found.detail,
    }


class DryRegistry(ModelRegistry):
    """The models of another registry, none of which is asked. Built-in providers that send nothing and bill nobody answer.

    Args:
        show: takes each request that would have been made, as `described`.
    """

    def __init__(self, registry: ModelRegistry, spending: Spending, show: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._registry = registry
        self._spending = spending
        self._show = show

    def resolve(self, target: str, model: str) -> ModelProvider:
        provider = self._registry.resolve(target, model)
        if not getattr(provider, "uses_tokens", True):
            return provider
        return _DryProvider(provider, self._spending, self._show, local=target == "local-model")

    def served_id(self, model: str) -> str:
        return self._registry.served_id(model)

    def names(self, target: str) -> list[str]:
        return self._registry.names(target)

    def close(self) -> None:
        self._registry.close()


class _DryProvider:
    """Shows requests. It is free and counts no tokens, so that budgets hold nothing back."""

    free = True
    uses_tokens = False
    #: So requests are shown in the order of the program, each in one piece.
    instant = True

    def __init__(
        self, provider: ModelProvider, spending: Spending, show: Callable[[dict[str, Any]], None], *, local: bool
    ) -> None:
        self.name = provider.name
        self.calls_tools = getattr(provider, "calls_tools", False)
        self._provider = provider
        self._spending = spending
        self._show = show
        self._local = local

    def complete(self, request: ModelRequest) -> ModelReply:
        self._show(described(self._provider, request, self._spending, local=self._local))
        raise DelegationError("nothing is sent in a dry run", kind="model-unavailable", usage=NO_USAGE)

    def availability(self, model: str) -> Availability:
        return self._provider.availability(model)

    def close(self) -> None:
        pass


def lines(found: dict[str, Any]) -> list[str]:
    """A request for people."""
    import json

    estimate, sent = found["estimate"], found["request"]
    cost = "price not known" if estimate["usd"] is None else f"at most ${estimate['usd']:.6f}"
    out = [
        f"{found['function']}: {found['provider']} {found['model']}, about {estimate['prompt_tokens']:,} tokens and up to "
        f"{estimate['completion_tokens']:,} in the answer, {cost}"
    ]
    if found["problem"] is not None:
        out.append(f"  would fail: {found['problem']}")
    if sent is None:
        out.append("  nothing is sent: it is answered on this machine")
    else:
        out += [f"  {sent['method']} {sent['url']}", *[f"  {name}: {value}" for name, value in sent["headers"].items()]]
        out += ["  " + line for line in json.dumps(sent["body"], indent=2, ensure_ascii=False).split("\n")]
    return out
