"""L4 in front of any engine: where code was published for what a function asks, its calls go to that code first.

    CodeEngine ── decides: published code ──▶ abstains, fails, is refused ──▶ what the engine behind it, or the hint, has decided
              └── no code for this task ────────────────────────────────────▶ the same

A hint that is written names the model whose answers the code was made from; that the code comes before it is what whoever published
it wanted.  `^{:cache :none}` on a function keeps all code away from it.
"""

from __future__ import annotations

from rtfs.caching.wish import CacheWish
from rtfs.delegation.engine import Decision, Listeners
from rtfs.delegation.tags import PRIVATE_TAGS
from rtfs.delegation.targets import ContentAddressed, LocalPure
from rtfs.errors import ConfigError
from rtfs.ir.artefact.definitions import interface_hash, task_hash, task_text
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rtfs.caching.code.retrieval import CodeLibrary, Found
    from rtfs.delegation.context import CallContext
    from rtfs.delegation.engine import DelegationEngine
    from rtfs.delegation.record import CallRecord
    from rtfs.delegation.targets import ExecTarget
    from rtfs.syntax import nodes as ast
    from rtfs.types.nodes import Type

LAYER = "L4"


def is_left_alone(fn: ast.Fn) -> bool:
    """Whether no code is to answer for a function: its author says so, or what a model would call for it does something."""
    if fn.meta is None:
        return False
    try:
        wish = CacheWish.of(fn.meta.get(Keyword("cache"), Keyword("exact")))
    except ConfigError:  # told where it is called
        return False
    return wish.mode == "none" or fn.meta.get(Keyword("tools")) is not None


class CodeEngine(Listeners):
    """An engine with published code in front of it; what it does not decide, the other one does.

    Args:
        engine: the other one.
        library: where code is found.
    """

    name = "code"

    def __init__(self, engine: DelegationEngine, library: CodeLibrary) -> None:
        super().__init__()
        self.inner = engine
        self._library = library
        #: symbol -> the function, and what names of types mean where it is
        self._functions: dict[str, tuple[ast.Fn, Callable[[str], Type | None]]] = {}
        self._asked: dict[str, tuple[bytes, bytes, str]] = {}
        engine.listen(self.tell)

    # --- functions ---

    def defined(self, symbol: str, fn: ast.Fn, types: Callable[[str], Type | None]) -> None:
        """Take note of a function, in the place of an older one of its name."""
        self._asked.pop(symbol, None)
        if is_left_alone(fn):
            self._functions.pop(symbol, None)
        else:
            self._functions[symbol] = (fn, types)

    def _found(self, symbol: str) -> Found | None:
        known = self._functions.get(symbol)
        if known is None:
            return None
        asked = self._asked.get(symbol)
        if asked is None:  # not when it is defined: its types may come later
            fn, types = known
            asked = self._asked[symbol] = (task_hash(fn, types), interface_hash(fn, types), task_text(fn))
        return self._library.find(*asked)

    # --- decisions ---

    def _before(self, symbol: str, decision: Decision) -> Decision:
        """A decision with code in front of it, where there is some."""
        found = None if isinstance(decision.target, (LocalPure, ContentAddressed)) else self._found(symbol)
        if found is None:
            return decision
        target = ContentAddressed(found.content, found, self._library.is_sampled(found))
        checked = "; the model is asked too, to see whether they still agree" if target.check else ""
        made: Decision = decision.replace(
            target=target,
            reasoning=f"code was published for this task, found by its {found.how}{checked}; else: {decision.reasoning}",
            fallbacks=(decision.target, *decision.fallbacks),
            engine=self.name,
        )
        return made

    def decide(self, context: CallContext) -> Decision:
        return self._before(context.symbol, self.inner.decide(context))

    def resolve(self, symbol: str, *, tags: frozenset[str] | None = None, tenant: str = "") -> Decision | None:
        found = self.inner.resolve(symbol, tags=tags, tenant=tenant)
        return found if found is not None and isinstance(found.target, LocalPure) else None  # code comes and goes: ask each time

    def for_hint(self, context: CallContext, hint: ExecTarget) -> Decision | None:
        of_inner = getattr(self.inner, "for_hint", None)
        decision: Decision | None = None if of_inner is None else of_inner(context, hint)
        plan = decision or Decision(hint, "the function's own hint", engine="hint")
        found = self._before(context.symbol, plan)
        return decision if found is plan else found

    # --- what only some engines have ---

    def knows(self, symbol: str) -> bool:
        knows = getattr(self.inner, "knows", None)
        return True if knows is None else bool(knows(symbol))

    def needs(self, symbol: str) -> frozenset[str]:
        needs = getattr(self.inner, "needs", None)
        found: frozenset[str] = frozenset({"fingerprint"}) if needs is None else needs(symbol)
        return found

    def refusal(self, target: ExecTarget, context: CallContext) -> str | None:
        """Code is local and has no capabilities: limits on models say nothing about it."""
        refusal = getattr(self.inner, "refusal", None)
        found: str | None = None if refusal is None or isinstance(target, ContentAddressed) else refusal(target, context)
        return found

    @property
    def private_tags(self) -> frozenset[str]:
        found: frozenset[str] = getattr(self.inner, "private_tags", PRIVATE_TAGS)
        return found

    def run_budgets(self, tenant: str) -> Any:
        of_inner = getattr(self.inner, "run_budgets", None)
        return () if of_inner is None else of_inner(tenant)

    @property
    def max_in_flight(self) -> tuple[Any, ...]:
        found: tuple[Any, ...] = getattr(self.inner, "max_in_flight", ())
        return found

    def refresh(self) -> bool:
        self._library.refresh()
        refresh = getattr(self.inner, "refresh", None)
        return refresh is not None and bool(refresh())

    def add(self, record: CallRecord) -> None:
        """Let the other engine learn from a call, unless code answered it."""
        learn = getattr(self.inner, "add", None)
        if learn is not None and record.cache != LAYER:
            learn(record)

    def judged(self, function: str, target: str, right: bool) -> None:
        judged = getattr(self.inner, "judged", None)
        if judged is not None:
            judged(function, target, right)

    def equip(self, *equipment: Any) -> None:
        equip = getattr(self.inner, "equip", None)
        if equip is not None:
            equip(*equipment)
