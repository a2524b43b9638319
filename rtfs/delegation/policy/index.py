"""Which rule decides a call: sets of rules as the bits of integers, one for each thing that is known of the call.

The rules that fit are those in the set of the symbol, and in that of the tenant, of the operands' kinds and of the tags; the lowest
bit is the first rule.  So a call that nobody has seen costs four look-ups and three `&` instead of a walk through a thousand
rules, and one like it after that costs one look-up.
"""

from __future__ import annotations

from rtfs.delegation.policy.globs import Globs
from rtfs.delegation.policy.model import Policy, module_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from rtfs.delegation.context import CallContext

#: So many symbols, tenants and sets of tags are kept; beyond them, everything is forgotten and found again.
_MOST = 50_000


class RuleIndex:
    """Finds rules. Safe to ask from several threads: what it remembers is the same, whoever found it."""

    def __init__(self, policy: Policy) -> None:
        rules = policy.rules
        self.rules = rules
        self._by_symbol, self._any_symbol = _globs(rule.conditions.symbols for rule in rules)
        self._by_module, self._any_module = _globs(rule.conditions.modules for rule in rules)
        self._by_tenant, self._any_tenant = _globs(rule.conditions.tenants for rule in rules)
        self._by_fingerprint: dict[int, int] = {}
        self._any_fingerprint = 0
        #: by tag: the rules that want it and no other, those that want others too, those that forbid it
        self._wants: dict[str, int] = {}
        self._wants_all: dict[str, int] = {}
        self._forbids: dict[str, int] = {}
        self._untagged = 0
        self.loose = 0
        """The rules that depend on length or metadata."""
        self.varying = 0
        """Those that depend on the operands: on their kinds, too."""
        self.bound = 0
        """Those that depend on more than the symbol."""
        for i, rule in enumerate(rules):
            bit, conditions = 1 << i, rule.conditions
            if conditions.fingerprint is None:
                self._any_fingerprint |= bit
            else:
                self._by_fingerprint[conditions.fingerprint] = self._by_fingerprint.get(conditions.fingerprint, 0) | bit
            wanting = self._wants if len(conditions.tags) == 1 else self._wants_all
            for tag in conditions.tags:
                wanting[tag] = wanting.get(tag, 0) | bit
            if not conditions.tags:
                self._untagged |= bit
            for tag in conditions.without_tags:
                self._forbids[tag] = self._forbids.get(tag, 0) | bit
            if conditions.loose:
                self.loose |= bit
            if conditions.loose or conditions.fingerprint is not None:
                self.varying |= bit
            if conditions.bound:
                self.bound |= bit
        self._tenants: dict[str, int] = {}
        self._tags: dict[frozenset[str], int] = {}

    def of_symbol(self, symbol: str) -> int:
        """The rules whose patterns fit a symbol; not remembered here."""
        return (self._by_symbol.rules(symbol) | self._any_symbol) & (self._by_module.rules(module_of(symbol)) | self._any_module)

    def of_call(self, mask: int, context: CallContext) -> int:
        """Those of `mask`, the set of the symbol, that fit a call but for its length and metadata."""
        known = self._by_fingerprint.get(context.fingerprint, 0) | self._any_fingerprint
        return self.of_program(mask, context.tags, context.tenant) & known

    def of_program(self, mask: int, tags: frozenset[str], tenant: str) -> int:
        """Those of `mask` that fit calls with these tags, whatever their operands are."""
        by_tenant, by_tags = self._tenants.get(tenant), self._tags.get(tags)
        if by_tenant is None:
            by_tenant = self._of_tenant(tenant)
        if by_tags is None:
            by_tags = self._of_tags(tags)
        return mask & by_tenant & by_tags

    def _of_tenant(self, tenant: str) -> int:
        found = self._by_tenant.rules(tenant) | self._any_tenant
        remember(self._tenants, tenant, found)
        return found

    def _of_tags(self, tags: frozenset[str]) -> int:
        found, several, forbidden = self._untagged, 0, 0
        for tag in tags:
            found |= self._wants.get(tag, 0)
            several |= self._wants_all.get(tag, 0)
            forbidden |= self._forbids.get(tag, 0)
        while several:
            lowest = several & -several
            if tags.issuperset(self.rules[lowest.bit_length() - 1].conditions.tags):
                found |= lowest
            several ^= lowest
        found &= ~forbidden
        remember(self._tags, tags, found)
        return found

    def first(self, mask: int) -> list[int]:
        """The rules of a set that may decide, by number: the loose ones up to the first that is not, and that one."""
        found = []
        while mask:
            lowest = mask & -mask
            found.append(lowest.bit_length() - 1)
            if not lowest & self.loose:
                break
            mask ^= lowest
        return found


def remember(table: dict[Any, Any], key: Any, value: Any, most: int = _MOST) -> None:
    """Put into a table that must not grow for ever."""
    if len(table) >= most:
        table.clear()
    table[key] = value


def _globs(patterns: Iterable[tuple[str, ...]]) -> tuple[Globs, int]:
    """The patterns of each rule, and the set of those that have none."""
    entries, free = [], 0
    for i, globs in enumerate(patterns):
        entries += [(glob, 1 << i) for glob in globs]
        if not globs:
            free |= 1 << i
    return Globs(entries), free
