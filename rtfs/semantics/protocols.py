"""What the evaluators need from the world above them.

The evaluators sit below capabilities, models and delegation; they name here what they call out to, and `runtime.py`
passes the implementations in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from rtfs.semantics.stopping import Stop
from rtfs.semantics.tags import PRIVATE_TAGS, tags_of
from rtfs.source import Span
from rtfs.types.nodes import FunctionType, Type
from rtfs.values.quick import quick_init


@quick_init
@dataclass(frozen=True, slots=True, kw_only=True)
class DelegatedCall:
    """A call of a function with a `:local-model` or `:remote` hint. Arguments have passed their type checks."""

    target: str
    """`local-model`, `remote`, or `engine`: then it has a `plan`."""
    model: str
    name: str
    """Qualified: `module/f`, `f`, or `anonymous`."""
    doc: str
    parameters: tuple[tuple[str, Type], ...]
    args: tuple[Any, ...]
    """One per parameter; the rest parameter's is a list."""
    result: Type
    strict: bool
    """`:strict true` in the metadata: an error instead of the body."""
    options: dict[str, Any]
    """The function's further metadata, keyed by keyword name (`max-tokens`, `temperature`, `examples` …)."""
    aliases: dict[str, Type]
    span: Span | None
    remaining_s: float | None = None
    """Seconds until the run's time is over; None when it has no limit."""
    plan: Any = None
    """An engine's decision (`delegation.engine.Decision`); None: the hint decides."""
    refusal: Callable[[Any], str | None] | None = None
    """Why a target may not be used for this call; asked again just before one is."""
    private_tags: frozenset[str] = PRIVATE_TAGS
    """Tags of calls whose data never leaves the machine: `private`, and those that a policy adds."""
    budget: Any = None
    """The innermost budget that the call is made in (a `delegation.budget.Budget`); None: none at all."""
    body: Callable[[], Any]
    """Runs the function's own body on these arguments: the fallback."""
    tools: tuple[Any, ...] = ()
    """What the model may have called before it answers (`semantics.tools.Tool`)."""
    watcher: Any = None
    """Told of the reply while it is written (`delegation.watching.Watcher`); None when nobody watches."""
    branch: Any = None
    """The part of the program that makes the call (a `semantics.branches.Branch`); None where nothing else goes on."""

    def away(self, work: Callable[[], Any]) -> Any:
        """The value of `work()`, which asks the outside: other parts of the program go on meanwhile. What is part of the
        program, as the body, is run outside of it. How many requests there are at once is the business of who sends them.

        Raises:
            Stopped: nobody wants the call any more.
        """
        return work() if self.branch is None else self.branch.away(work, asks=True)

    @property
    def is_private(self) -> bool:
        """Whether what is asked, and answered, has to stay on this machine."""
        return not self.private_tags.isdisjoint(tags_of(self.options))

    @property
    def stop(self) -> Stop | None:
        """Set when nobody wants the call any more; None when that cannot be."""
        return None if self.branch is None else self.branch.stop


@dataclass(frozen=True, slots=True)
class CapabilityShape:
    """What a capability takes and gives, for models that may have it called."""

    names: tuple[str, ...]
    """Of its parameters, as far as they have any."""
    types: FunctionType | None
    low: int
    high: int | None
    """How many operands it takes; no upper limit when None."""
    doc: str


class Delegate(Protocol):
    """Carries out delegated calls. Safe to call from several threads at once."""

    def delegate(self, call: DelegatedCall) -> Any:
        """The value of the call, not yet checked against `call.result`.

        Raises:
            DelegationError: no model answered usably and the call is strict.
            LimitExceeded: a budget does not allow it.
            EvalError: whatever the body raises when it ran as the fallback.
        """
        ...


class Host(Protocol):
    """The effects of a program: everything that `call`, `step` and their kin reach (reference 9.3).

    `execute_capability` raises HostError for unknown, forbidden and failed capabilities, `describe_capability` for the first two;
    the rest never raise.
    """

    def execute_capability(self, capability: str, args: list[Any], hints: dict[str, Any]) -> Any: ...

    def describe_capability(self, capability: str) -> CapabilityShape:
        """What a capability takes.

        Raises:
            HostError: it is unknown or forbidden.
        """
        ...

    def step_started(self, name: str) -> Any:
        """A step began; the result is passed to the two below."""
        ...

    def step_completed(self, step: Any, value: Any) -> None: ...

    def step_failed(self, step: Any, message: str) -> None: ...

    def context_value(self, key: str) -> tuple[bool, Any]:
        """(found, value) of the execution context: task context, plan parameters, step results."""
        ...

    def set_context_value(self, key: str, value: Any) -> None: ...

    def warn(self, message: str, span: Span | None = None) -> None:
        """Something the author of the program should know; goes to stderr, never to the program."""
        ...
