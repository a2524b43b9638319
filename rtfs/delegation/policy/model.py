"""A policy as it is used: rules, limits on targets, tenants. Immutable; `reading` makes it from a file."""

from __future__ import annotations

from types import MappingProxyType

from rtfs.delegation.context import DelegationMetadata
from rtfs.delegation.policy.globs import is_match
from rtfs.delegation.settings import DEFAULTS, CallSettings
from rtfs.delegation.tags import PRIVATE, private_to_remote
from rtfs.delegation.targets import ExecTarget, LocalPure, ModelTarget, RemoteModel
from rtfs.source import Span
from rtfs.values.scalars import Keyword
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rtfs.delegation.context import CallContext
    from rtfs.errors import ConfigError

#: Name -> limit, as in `CallSettings.budget`.
Budget = tuple[tuple[str, float], ...]


def written(target: ExecTarget) -> str:
    """A target as policies write it: `local`, `local:smollm2`, `remote:kimi-k2`, `code:` and a hash."""
    if isinstance(target, ModelTarget):
        return f"{'remote' if isinstance(target, RemoteModel) else 'local'}:{target.model}"
    return "local" if isinstance(target, LocalPure) else target.printed


class MetadataCondition(Struct):
    """What a rule wants of the planner's metadata; see `fields.METADATA`."""

    source: tuple[str, ...] = ()
    confidence_below: float | None = None
    confidence_at_least: float | None = None
    context: tuple[tuple[str, Any], ...] = ()

    def misses(self, metadata: DelegationMetadata | None) -> str | None:
        """Why it does not hold; None when it does."""
        if metadata is None:
            return "nobody gave metadata for the call"
        if self.source and not any(is_match(metadata.source or "", glob) for glob in self.source):
            return f"planned by {metadata.source or 'nobody'}, not {_or(self.source)}"
        confidence = metadata.confidence
        if self.confidence_below is not None and not (confidence is not None and confidence < self.confidence_below):
            return f"the planner's confidence is {confidence}, not below {self.confidence_below:g}"
        if self.confidence_at_least is not None and not (confidence is not None and confidence >= self.confidence_at_least):
            return f"the planner's confidence is {confidence}, not {self.confidence_at_least:g} or more"
        known = dict(metadata.context)
        for name, wanted in self.context:
            if name not in known or not _same(known[name], wanted):
                return f"the planner's `{name}` is not {wanted!r}"
        return None


def _same(value: Any, wanted: Any) -> bool:
    plain = value.name if type(value) is Keyword else value
    return isinstance(plain, bool) == isinstance(wanted, bool) and bool(plain == wanted)


class Conditions(Struct):
    """Which calls a rule is for: all of what is given. None, or nothing: any.

    Attributes:
        symbols, modules, tenants: patterns, one of which has to fit.
        args: the kinds of the operands, as `context.shape_of` writes them.
        fingerprint: of `args`.
        min_chars, max_chars: how long the operands are as text.
    """

    symbols: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    args: tuple[str, ...] | None = None
    fingerprint: int | None = None
    tags: tuple[str, ...] = ()
    without_tags: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    min_chars: int | None = None
    max_chars: int | None = None
    metadata: MetadataCondition | None = None

    @property
    def loose(self) -> bool:
        """Whether it depends on more than what makes two calls equal: length and metadata."""
        return self.metadata is not None or self.min_chars is not None or self.max_chars is not None

    @property
    def bound(self) -> bool:
        """Whether it depends on more than the symbol."""
        return bool(self.loose or self.fingerprint is not None or self.tags or self.without_tags or self.tenants)

    def misses(self, context: CallContext) -> str | None:
        """Why a call does not fit; None when it does. For people: `RuleIndex` finds the rule that fits."""
        symbol, tenant = context.symbol, context.tenant
        if self.symbols and not any(is_match(symbol, glob) for glob in self.symbols):
            return f"`{symbol}` is not {_or(self.symbols)}"
        if self.modules and not any(is_match(module_of(symbol), glob) for glob in self.modules):
            return f"module `{module_of(symbol)}` is not {_or(self.modules)}"
        if self.tenants and not any(is_match(tenant, glob) for glob in self.tenants):
            return f"the tenant is `{tenant}` and not {_or(self.tenants)}"
        if self.fingerprint is not None and context.fingerprint != self.fingerprint:
            return f"the operands are not [{', '.join(self.args or ())}]"
        for tag in self.tags:
            if tag not in context.tags:
                return f"the call is not tagged `{tag}`"
        for tag in self.without_tags:
            if tag in context.tags:
                return f"the call is tagged `{tag}`"
        return self.misses_loosely(context)

    def misses_loosely(self, context: CallContext) -> str | None:
        """The part of `misses` that depends on length and metadata."""
        chars = context.prompt_chars
        if self.min_chars is not None and chars < self.min_chars:
            return f"the operands have {chars} characters, fewer than {self.min_chars}"
        if self.max_chars is not None and chars > self.max_chars:
            return f"the operands have {chars} characters, more than {self.max_chars}"
        return None if self.metadata is None else self.metadata.misses(context.metadata)


def module_of(symbol: str) -> str:
    """The module of a qualified name; empty for the program itself."""
    return symbol.rpartition("/")[0] if symbol != "/" else ""


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(f"`{name}`" for name in names)


class Option(Struct):
    """One of the ways in which a rule's calls may go.

    Attributes:
        chain: who is asked, one after the other; never empty.
        weight: its share, among those of the other options.
    """

    chain: tuple[ExecTarget, ...]
    weight: float = 1.0


class Rule(Struct):
    """What happens with the calls that fit.

    Attributes:
        label: its name, or its number: `rule 3`.
        options: one, or several with weights; empty when an engine decides.
        fallbacks: who is asked after the chain of an option.
        engine: the name of an engine of the policy.
        chosen: the settings that the rule itself names; they win over those of an engine.
    """

    label: str
    conditions: Conditions
    options: tuple[Option, ...] = ()
    fallbacks: tuple[ExecTarget, ...] = ()
    engine: str | None = None
    settings: CallSettings = DEFAULTS
    chosen: tuple[str, ...] = ()
    span: Span | None = None


class Limits(Struct):
    """Which targets may be used.

    Attributes:
        allow: lists of patterns; a target has to fit one of each list.
        deny: patterns of those that may not.
        budget: what all calls may use up.
        whose: for messages: `the policy`, `tenant acme`.
    """

    whose: str
    allow: tuple[tuple[str, ...], ...] = ()
    deny: tuple[str, ...] = ()
    budget: Budget = ()

    def refusal(self, target: ExecTarget) -> str | None:
        """Why a target may not be used; None when it may. What is no model always may: the function's own body, published code."""
        if not isinstance(target, ModelTarget) or not self.any:
            return None
        text = written(target)
        for pattern in self.deny:
            if is_match(text, pattern):
                return f"{self.whose} denies `{pattern}`"
        for patterns in self.allow:
            if not any(is_match(text, pattern) for pattern in patterns):
                return f"{self.whose} allows only {_or(patterns)}" if patterns else f"{self.whose} allows no target"
        return None


    @property
    def any(self) -> bool:
        """Whether it limits anything."""
        return bool(self.allow or self.deny)


class InFlight(Struct):
    """How many requests may be under way at once, of all that fit together.

    Attributes:
        name: as it is written, for people.
        patterns: names of providers, and patterns of targets, which have a colon.
    """

    name: str
    most: int
    patterns: tuple[str, ...]

    def fits(self, provider: str, target: str) -> bool:
        """
        Args:
            target: as policies write it.
        """
        return any(is_match(target, pattern) if ":" in pattern else pattern == provider for pattern in self.patterns)


class Engine(Struct):
    """An engine that rules may hand over to: its entry point, and what it takes."""

    use: str
    options: tuple[tuple[str, Any], ...] = ()
    span: Span | None = None


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Policy(Struct):
    """What a file says, for one environment.

    Attributes:
        source: the name of the file without its folder, for records and messages.
        environment: whose overlay is in it; empty for none.
        rules: the environment's own before the others; the first that fits decides.
        settings: of calls that no rule fits, and of functions with a hint.
        budget: of a whole run.
        max_in_flight: how many requests may be under way at once.
        limits: which targets are used at all.
        private_tags: of calls whose data never leaves the machine; `private` is one of them.
        tenants: name -> limits.
        engines: name -> engine.
        targets: name -> chain, as the file names them.
        environments: the names of all overlays of the file.
        warnings: what is doubtful, in the order of the text.
    """

    source: str = "<none>"
    environment: str = ""
    rules: tuple[Rule, ...] = ()
    settings: CallSettings = DEFAULTS
    budget: Budget = ()
    max_in_flight: tuple[InFlight, ...] = ()
    limits: Limits = Limits("the policy")
    private_tags: frozenset[str] = frozenset({PRIVATE})
    tenants: Mapping[str, Limits] = _NOTHING
    engines: Mapping[str, Engine] = _NOTHING
    targets: Mapping[str, tuple[ExecTarget, ...]] = _NOTHING
    environments: tuple[str, ...] = ()
    warnings: tuple[ConfigError, ...] = ()

    def refusal(self, target: ExecTarget, context: CallContext) -> str | None:
        """Why a target may not be used for a call, whoever asks for it: a rule, an engine, a fallback, or the function's own hint.

        None when it may.
        """
        reason = private_to_remote(context.tags, target, self.private_tags) or self.limits.refusal(target)
        tenant = self.tenants.get(context.tenant)
        return tenant.refusal(target) if reason is None and tenant is not None else reason
