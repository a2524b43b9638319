"""The capability behind `(llm-execute model prompt)` (reference 2.13): one prompt, text back, no type and no fallback."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from rtfs.delegation.asking import in_time
from rtfs.delegation.budget import Budget
from rtfs.delegation.spending import Spending
from rtfs.delegation.targets import LocalModel, RemoteModel
from rtfs.errors import DelegationError, HostError
from rtfs.models.protocol import ModelRequest, Parameter
from rtfs.models.registry import ModelRegistry
from rtfs.semantics.faults import invalid_argument
from rtfs.types.nodes import STRING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.delegation.places import Places

ECHO = "echo-model"


def llm_execute(
    registry: ModelRegistry,
    spending: Spending,
    budget: Budget,
    model: Any,
    prompt: Any,
    system: Any = None,
    *,
    places: Places | None = None,
    branch: Any = None,
    remaining_s: float | None = None,
) -> str:
    """The text that a model gives for a prompt.

    Args:
        budget: pays for it.
        places: how many requests are under way at once.
        branch: the part of the program that asks (a `semantics.branches.Branch`).
        remaining_s: seconds until the run's time is over; None when it has no limit.
        model: `echo-model` gives the prompt back; any other id is looked for among local, then remote models.
        system: put in front as `System:` and `User:` sections.
    Raises:
        EvalError: an operand is not a string.
        HostError: `unknown-capability`, no such model; DelegationError: it did not answer; LimitExceeded: the budget does
            not allow it.
    """
    for name, operand in (("model", model), ("prompt", prompt)):
        if type(operand) is not str:
            raise invalid_argument("llm-execute", f"the {name} must be a string")
    if system is not None and type(system) is not str:
        raise invalid_argument("llm-execute", "the system text must be a string")
    text = prompt if system is None else f"System:\n{system}\n\nUser:\n{prompt}"
    if model == ECHO:
        return str(text)
    provider = None
    hint = None
    target = ""
    for target in ("local-model", "remote"):
        try:
            provider = registry.resolve(target, model)
            break
        except DelegationError as error:
            if error.kind != "unknown-model":
                raise
            hint = error.hint
    if provider is None:
        raise HostError(f"llm-execute: no model is called {model!r}", kind="unknown-capability", hint=hint)
    stop = None if branch is None else branch.stop
    request = ModelRequest(
        model=registry.served_id(model),
        function="llm-execute",
        doc=system or "",
        parameters=(Parameter(name="prompt", type=STRING, value=prompt),),
        result=STRING,
        stop=stop,
    )
    until = None if remaining_s is None else time.monotonic() + remaining_s

    def left_s() -> float | None:
        return None if until is None else max(0.0, until - time.monotonic())

    asked = (LocalModel if target == "local-model" else RemoteModel)(model)
    stops = () if stop is None else (stop,)
    place: AbstractContextManager[Any] = nullcontext()
    if places is not None:
        place = places.enter(provider, asked, request.model, budget, left_s=left_s, stops=stops, branch=branch)
    if until is not None:
        request = replace(request, timeout_s=min(request.timeout_s, max(left_s() or 0.0, 0.001)))
    try:
        with place, spending.reserve(provider, request, budget, local=target == "local-model") as charge:
            reply = provider.complete(in_time(request, budget))
            charge.answered(reply)
    except DelegationError:
        budget.check_time()  # it may have failed because its time was over
        raise
    return reply.text
