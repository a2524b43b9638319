"""What a model is to RTFS: something that turns a typed request into text.

The provider decides how: a local model scores labels and decodes under a grammar, a remote one is given a JSON
Schema.  What comes back is text in the shape of `ModelRequest.result`; turning it into an RTFS value and
deciding what to do when that fails is not the provider's business (`types/coercion`, `delegation`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from rtfs.errors import DelegationError
from rtfs.semantics.stopping import Stop
from rtfs.types.nodes import Type
from rtfs.values.quick import quick_init

if TYPE_CHECKING:
    from rtfs.models.rules import RuleSet


@quick_init
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
class ToolSpec:
    """A tool as a model is told of it."""

    name: str
    """What the model calls it by: letters, digits, `_` and `-`, at most 64."""
    doc: str
    schema: dict[str, Any]
    """JSON Schema of its operands; the root is a closed object."""
    operands: Type
    """The same as a record type."""
    aliases: dict[str, Type] = field(default_factory=dict)
    """What the `TypeRef`s in it stand for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """What a model wants to have called."""

    id: str
    """As the model or its server wrote it; goes back unchanged with the result."""
    name: str
    arguments: str
    """The operands, as the model wrote them: a JSON object, if it wrote well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What came of a call of a tool."""

    id: str
    name: str
    text: str
    """The value as JSON, bare text for a string; or what went wrong, in a sentence."""
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One reply that called tools, and what they gave."""

    calls: tuple[ToolCall, ...]
    results: tuple[ToolResult, ...]
    """One for each call, in order."""
    text: str = ""
    """What the model said beside the calls."""
    message: Any = None
    """The reply in its provider's own form, as `ModelReply.message`."""


@quick_init
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
    tools: tuple[ToolSpec, ...] = ()
    """What the model may have called before it answers. Only for a provider with `calls_tools`."""
    rounds: tuple[Round, ...] = ()
    """What it had called so far in this call."""
    answer_now: bool = False
    """It has called enough: this reply must be the answer."""
    stop: Stop | None = field(default=None, compare=False, repr=False)
    """Set when nobody wants the answer any more; a provider that can gives up then, with `Stopped`."""


@quick_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one or several requests; None where the provider does not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    """Of the prompt's, those that the server had in its cache, and bills at a lower price."""
    written_tokens: int | None = None
    """Of the prompt's, those that the server put into its cache, where it says so."""
    reasoning_tokens: int | None = None
    """Of the completion's, those that are no part of the answer, where the server says so."""


#: Of a request that no model has seen.
NO_USAGE = Usage(prompt_tokens=0, completion_tokens=0)


@quick_init
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
    """`stop`, `length` (cut off by max_tokens) or `tools` (it waits for what `calls` give; `text` is no answer)."""
    model: str = ""
    """The model that really answered, as exactly as the provider says."""
    calls: tuple[ToolCall, ...] = ()
    """What the model wants to have called first."""
    message: Any = None
    """With `calls`: the reply in the provider's own form, plain data, to be sent back with the results."""
    reasoning: str = ""
    """What the model thought before it answered, where the provider tells; no part of the answer."""


class ToolsRefused(DelegationError):
    """The server, or the model on it, takes no tools in the way of its protocol; calls can still be asked for as typed results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a reply that is still being written."""

    text: str = ""
    """Of the answer: all of them together are what `ModelReply.text` is made of. It may still have the object `{"value": …}` around
    it, as results travel that are no objects."""
    reasoning: str = ""
    """Of the thoughts before it."""


class ReplyStream(Protocol):
    """A reply that is being written: chunks, and last the whole `ModelReply`. `next` raises what `ModelProvider.complete` does,
    with `usage` where it is known what the part that was written has cost.

    `close` ends it early, and the connection with it. An iterator that has `cancel()` too can be stopped from another thread: the
    one that waits in `next` gets a DelegationError at once.
    """

    def __iter__(self) -> Iterator[Chunk | ModelReply]: ...

    def __next__(self) -> Chunk | ModelReply: ...

    def close(self) -> None: ...


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

    `complete` raises DelegationError (kinds `model-unavailable`, `provider-error`, `prompt-too-long`, `rate-limited`,
    `model-refused`, `reply-cut-off`; `retryable` set, and `usage` where it is known) and nothing else for whatever goes wrong
    outside RTFS.

    A provider that can tell of a reply while it is written has `stream(request) -> ReplyStream`; a generator does. One that hands
    `ModelRequest.tools` to its model in a way of its own has `calls_tools = True`; others are asked for calls as typed results.

    A provider that answers without waiting for anything is `instant = True`: other parts of a program do not go on meanwhile.

    For budgets, a provider may also have `count_tokens(request) -> int`, the tokens of a request's prompt; `server`, the host that
    bills; `free = True` when nobody does, and `uses_tokens = False` when it has none.

    One that answers only so many requests of a model at once says so by `at_once(model) -> int`; others wait before they reach it.

    For caches, `version(model) -> str | None`: what its replies depend on besides the request, such as the address of a server or a
    checksum of weights; None when that cannot be told now, and replies are not kept.
    """

    name: str

    def complete(self, request: ModelRequest) -> ModelReply: ...

    def availability(self, model: str) -> Availability: ...

    def close(self) -> None:
        """Release weights and connections; the provider is not used afterwards. May be called twice."""
        ...


def at_once(provider: ModelProvider, model: str) -> int | None:
    """How many requests of a model a provider answers at once, where it says so."""
    say = getattr(provider, "at_once", None)
    found: int | None = None if say is None else say(model)
    return found
