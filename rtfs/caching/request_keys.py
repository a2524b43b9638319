"""The keys of L2: over everything about a request that can change the reply to it; see `caching.replies`."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter

from rtfs.caching import keys
from rtfs.models.protocol import ModelRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.models.rules import Rules, RuleSet

NAME = "L2"
#: Of how a request becomes a prompt: replies to what another RTFS made of it are not used.
FORM = 1
#: Fields of a request that are no part of the key: how long to wait, and the reply before that did not fit.
WITHOUT_SAY = frozenset(("timeout_s", "previous", "stop"))
_FIXED = ("model", "function", "doc", "parameters", "result", "aliases", "max_tokens", "temperature", "seed")
_OTHERS = tuple([field.name for field in fields(ModelRequest) if field.name not in {*_FIXED, *WITHOUT_SAY, "examples", "rules"}])
_others_of = attrgetter(*_OTHERS)
_MOST_BEGINNINGS = 1_000


class RequestKeys:
    """Makes the keys; what the requests of a function share is hashed once. Safe to use from several threads."""

    def __init__(self) -> None:
        #: what is fixed -> (the objects that it names by identity, the beginning)
        self._begun: dict[tuple[Any, ...], tuple[Any, keys.Beginning]] = {}

    def key(self, request: ModelRequest, provider: str, version: str, tenant: str) -> bytes:
        """
        Raises:
            NoKey: an operand has none.
        """
        parameters = request.parameters
        fixed = (
            request.function,
            request.doc,
            request.model,
            provider,
            version,
            tenant,
            request.max_tokens,
            request.temperature,
            request.seed,
            id(request.result),
            id(request.aliases),
            *[parameter.name for parameter in parameters],
            *[id(parameter.type) for parameter in parameters],
        )
        begun = self._begun.get(fixed)
        if begun is None:
            begun = self._begin(fixed, request, provider, version, tenant)
        values = tuple([parameter.value for parameter in parameters])
        more: tuple[Any, ...] = ()
        if request.examples:
            more = ("examples", request.examples)
        if request.rules is not None:
            more = (*more, "rules", rules_key(request.rules))
        others = _others_of(request)
        if any(others):
            for name, value in zip(_OTHERS, others, strict=True):
                if value:
                    more = (*more, name, value)
        return begun[1].key(*values, more) if more else begun[1].key(*values)

    def _begin(self, fixed: tuple[Any, ...], request: ModelRequest, provider: str, version: str, tenant: str) -> Any:
        named = [(name, str(type_)) for name, type_ in sorted(request.aliases.items())]
        beginning = keys.begin(
            NAME,
            FORM,
            *fixed[:6],
            request.max_tokens,
            float(request.temperature),
            request.seed,
            [(parameter.name, str(parameter.type)) for parameter in request.parameters],
            str(request.result),
            named,
        )
        if len(self._begun) >= _MOST_BEGINNINGS:
            self._begun.clear()
        # the objects stay as long as their identities are in the table
        held = (request.result, request.aliases, [parameter.type for parameter in request.parameters])
        self._begun[fixed] = found = (held, beginning)
        return found


def rules_key(rules: RuleSet) -> bytes:
    """A key for the patterns and tables that the provider `rules` goes by.

    Raises:
        NoKey.
    """
    known = _RULES.get(id(rules))
    if known is not None and known[0] is rules:
        return known[1]
    parts = [(name, _rules_parts(of_field)) for name, of_field in (("", rules.whole), *rules.fields)]
    made = keys.key("rules", parts)
    if len(_RULES) >= _MOST_BEGINNINGS:
        _RULES.clear()
    _RULES[id(rules)] = (rules, made)
    return made


def _rules_parts(rules: Rules | None) -> Any:
    if rules is None:
        return None
    return [
        None if rule is None else (None if rule.pattern is None else rule.pattern.pattern, rule.key, rule.written, rule.score)
        for rule in (*rules.rules, rules.fallback)
    ]


#: identity of rules -> (they themselves, so that they stay; their key)
_RULES: dict[int, tuple[Any, bytes]] = {}
