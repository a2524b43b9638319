"""What a model is to RTFS: something that turns a typed request into text.

The provider decides how: a local model scores labels and decodes under a grammar, a remote one is given a JSON
Schema.  What comes back is text in the shape of `ModelRequest.result`; turning it into an RTFS value and
deciding what to do when that fails is not the provider's business (`models/coerce.py`, `delegation/`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from rtfs.semantics.stopping import Stop
from rtfs.types.nodes import Type

if TYPE_CHECKING:
    from rtfs.models.rules import RuleSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One argument of the delegated call."""

    name: str
    type: Type
    value: Any
    """The RTFS value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousTry:
    """A reply that did not fit, for the one re-ask."""

    text: str
    problem: str
    """Why it did not fit, in a sentence that the model can act on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """A delegated call as a question to a model."""

    model: str
    """The id in the hint: `(… :local-model "smollm2" …)`."""
    function: str
    """The function's name; `anonymous` when it has none."""
    doc: str
    """Its docstring; may be empty."""
    parameters: tuple[Parameter, ...]
    result: Type
    """What the reply must be; `ANY` when the function has no return type, then any text will do."""
    aliases: dict[str, Type] = field(default_factory=dict)
    """What the `TypeRef`s in `result` and `parameters` stand for."""
    examples: tuple[tuple[tuple[Any, ...], Any], ...] = ()
    """Worked examples from the function's metadata: (argument values, result value)."""
    rules: RuleSet | None = None
    """The patterns and tables in the function's metadata: what the provider `rules` goes by."""
    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0
    timeout_s: float = 60.0
    previous: PreviousTry | None = None
    stop: Stop | None = field(default=None, compare=False, repr=False)
    """Set when nobody wants the answer any more; a provider that can gives up then, with `Stopped`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one or several requests; None where the provider does not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    """Of the prompt's, those that the server had in its cache, and bills at a lower price."""


#: Of a request that no model has seen.
NO_USAGE = Usage(prompt_tokens=0, completion_tokens=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply:
    """A provider's answer."""

    text: str
    """JSON for structured results, bare text for `string` and `any` results."""
    usage: Usage = Usage()
    score: float | None = None
    """Probability of the chosen label among the labels, where labels were scored (uncalibrated); the least of several."""
    label_mass: float | None = None
    """How much of the model's probability the labels held: near 0 means that the prompt did not make it want to answer."""
    finish_reason: str = "stop"
    """`stop` or `length` (cut off by max_tokens)."""
    model: str = ""
    """The model that really answered, as exactly as the provider says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """Whether a model can be used here and now, without asking it anything."""

    usable: bool
    detail: str
    """Where it is (a path, an address), or why it cannot be used."""
    hint: str | None = None
    """What to do about it."""


class ModelProvider(Protocol):
    """Answers requests. Safe to call from several threads at once.

    `complete` raises DelegationError (kinds `model-unavailable`, `provider-error`, `prompt-too-long`; `retryable` set, and
    `usage` where it is known) and nothing else for whatever goes wrong outside RTFS.

    A provider that answers without waiting for anything is `instant = True`: other parts of a program do not go on meanwhile.

    For budgets, a provider may also have `count_tokens(request) -> int`, the tokens of a request's prompt; `server`, the host that
    bills; `free = True` when nobody does, and `uses_tokens = False` when it has none.
    """

    name: str

    def complete(self, request: ModelRequest) -> ModelReply: ...

    def availability(self, model: str) -> Availability: ...

    def close(self) -> None:
        """Release weights and connections; the provider is not used afterwards. May be called twice."""
        ...
