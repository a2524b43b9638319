"""The capability behind `(llm-execute model prompt)` (reference 2.13): one prompt, text back, no type and no fallback."""

from __future__ import annotations

from dataclasses import replace

from rtfs.delegation.asking import in_time
from rtfs.delegation.budget import Budget
from rtfs.delegation.spending import Spending
from rtfs.errors import DelegationError, HostError
from rtfs.models.protocol import ModelRequest, Parameter
from rtfs.models.registry import ModelRegistry
from rtfs.semantics.faults import invalid_argument
from rtfs.types.nodes import STRING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.semantics.stopping import Stop

ECHO = "echo-model"


def llm_execute(
    registry: ModelRegistry,
    spending: Spending,
    budget: Budget,
    model: Any,
    prompt: Any,
    system: Any = None,
    *,
    stop: Stop | None = None,
    remaining_s: float | None = None,
) -> str:
    """The text that a model gives for a prompt.

    Args:
        budget: pays for it.
        stop: set when nobody wants it any more.
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
    request = ModelRequest(
        model=registry.served_id(model),
        function="llm-execute",
        doc=system or "",
        parameters=(Parameter(name="prompt", type=STRING, value=prompt),),
        result=STRING,
        stop=stop,
    )
    if remaining_s is not None:
        request = replace(request, timeout_s=min(request.timeout_s, max(remaining_s, 0.001)))
    try:
        with spending.reserve(provider, request, budget, local=target == "local-model") as charge:
            reply = provider.complete(in_time(request, budget))
            charge.answered(reply)
    except DelegationError:
        budget.check_time()  # it may have failed because its time was over
        raise
    return reply.text
