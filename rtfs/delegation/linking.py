"""Binds functions without a hint to where an engine wants their calls (architecture section 3).

An engine that answers for a function ahead of any call costs nothing at a call: 'always local' leaves the function as it is,
'always this target' makes it one with that hint.  Of any other function every call is decided.  When the engine's decisions change,
functions are defined anew.
"""

from __future__ import annotations

from rtfs.delegation.context import CallContext, DelegationMetadata, fingerprint, hash_64, prompt_text, semantic_hash, text_length
from rtfs.delegation.engine import Decision, DelegationEngine
from rtfs.delegation.tags import PRIVATE_TAGS, tags_of
from rtfs.delegation.targets import ExecTarget, LocalPure, of_hint
from rtfs.semantics.shortcuts import Shortcut, kinds
from rtfs.syntax import nodes as ast
from rtfs.values.functions import Function
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from rtfs.delegation.cached_engine import CachedEngine
    from rtfs.semantics.namespace import Namespace

#: Types all of whose values are of one kind (`values.equality.kind_of`), and have nothing inside.
_OF_ONE_KIND = frozenset((str, int, float, bool, type(None), Keyword))


class Linker:
    """Asks one engine about the functions of one runtime.

    Args:
        tenant: on whose behalf its programs run.
        surroundings: what else is true of all its calls, such as permissions: hashed into their contexts.
        cached: keeps decisions (L1), of the engine or of the one behind it; None: it is asked each time.
        decider: what is asked about each call; the engine itself when None.
    """

    def __init__(
        self,
        engine: DelegationEngine,
        tenant: str = "",
        surroundings: Iterable[str] = (),
        cached: CachedEngine | None = None,
        decider: DelegationEngine | None = None,
    ) -> None:
        self.engine = engine
        self.cached = cached
        self.decider = decider or engine
        self._shortcuts: list[Shortcut] = []
        if cached is not None:
            cached.plans.also_hits.append(lambda: sum([shortcut.taken for shortcut in self._shortcuts]))
        self.tenant = tenant
        self.runtime = hash_64(tenant, *surroundings)
        self.stale = False
        #: (namespace, name) -> the definition as it was written, the hint it was given
        self._bound: dict[tuple[int, str], tuple[Namespace, ast.Def, ast.Hint | None]] = {}
        engine.listen(self._changed)

    def take_over(self, before: Linker) -> None:
        """Stand in the place of the linker of another engine; what it bound is bound anew with the next run."""
        before.retire()
        self._bound = before._bound
        self.stale = True

    def adopt(self, namespace: Namespace) -> None:
        """Take on the functions that were defined before there was an engine."""
        self.introduce(namespace)
        for name in namespace.own:
            value = namespace.values.get(name)
            if type(value) is Function and isinstance(value.spec, ast.Fn) and value.spec.hint is None:
                self._bound[id(namespace), name] = (namespace, ast.Def(value.spec.span, name, None, value.spec), None)
        self.stale = True

    def introduce(self, namespace: Namespace) -> None:
        """Tell an engine that wants to know of the functions that are there already."""
        defined = getattr(self.engine, "defined", None)
        if defined is None:
            return
        for name in namespace.own:
            value = namespace.values.get(name)
            if type(value) is Function and isinstance(value.spec, ast.Fn):
                defined(symbol_of(namespace, name), value.spec, namespace.lookup_type)

    def _changed(self) -> None:
        self.stale = True
        for shortcut in self._shortcuts:
            shortcut.local.clear()

    def forget(self) -> None:
        """Decide everything anew, as other models are there than before."""
        if self.cached is not None:
            self.cached.flush()
        self._changed()

    def retire(self) -> None:
        """Decide nothing any more: what calls know by heart is forgotten, and they ask the machine's linker, which is another."""
        for shortcut in self._shortcuts:
            shortcut.local.clear()
            shortcut.owner = None
        if self.cached is not None:
            self.cached.plans.clear()

    # --- definitions ---

    def link(self, namespace: Namespace, node: ast.Node) -> ast.Node:
        """The form with the functions that it defines bound to their targets; it is evaluated in its place."""
        if isinstance(node, ast.Do):
            return ast.Do(node.span, tuple([self.link(namespace, part) for part in node.body]))
        if not isinstance(node, ast.Def) or not isinstance(node.value, ast.Fn):
            return node
        symbol = symbol_of(namespace, node.name)
        defined = getattr(self.engine, "defined", None)
        if defined is not None:
            defined(symbol, node.value, namespace.lookup_type)
        if node.value.hint is not None:
            return node
        hint = self._hint(symbol, node.value)
        self._bound[id(namespace), node.name] = (namespace, node, hint)
        return node if hint is None else _hinted(node, hint)

    def _hint(self, symbol: str, fn: ast.Fn) -> ast.Hint | None:
        plan = self.engine.resolve(symbol, tags=tags_of(options_of(fn)), tenant=self.tenant)
        if plan is not None and _stays_here(plan):
            return None
        return ast.Hint("engine", None, plan)

    def relink(self) -> Iterator[tuple[Namespace, ast.Node]]:
        """The definitions that are to be evaluated again, since their target is another now."""
        self.stale = False
        try:
            for key, (namespace, node, before) in list(self._bound.items()):
                value = namespace.values.get(node.name)
                if type(value) is not Function or value.spec.body is not node.value.body:  # type: ignore[attr-defined]
                    del self._bound[key]  # the name means something else by now
                    continue
                assert isinstance(node.value, ast.Fn)
                hint = self._hint(symbol_of(namespace, node.name), node.value)
                if hint != before:
                    self._bound[key] = (namespace, node, hint)
                    yield namespace, node if hint is None else _hinted(node, hint)
        except BaseException:  # an engine of somebody's own; the next run tries again
            self.stale = True
            raise

    # --- calls ---

    def about(self, symbol: str, args: tuple[Any, ...], options: dict[str, Any]) -> Asked:
        """What the engine says of one call of a function."""
        return Asked(self, symbol, args, options)

    def shorten(self, shortcut: Shortcut, asked: Asked, args: list[Any]) -> None:
        """Note that a function's own body runs for operands like these, when it is the types alone that decide."""
        cached = self.cached
        if cached is None or asked.generation != cached.generation or not cached.depends_on_kinds_only(asked.symbol):
            return
        if "fingerprint" in cached.needs(asked.symbol) and not _OF_ONE_KIND.issuperset(map(type, args)):
            return  # what is in a collection plays a part
        if shortcut.owner is not self:
            shortcut.owner = self
            self._shortcuts.append(shortcut)
        shortcut.local[kinds(args)] = True
        if asked.generation != cached.generation:  # decisions changed just now
            shortcut.local.clear()

    def refresh(self) -> None:
        """Look whether what the engine goes by has changed, as a policy file may."""
        look = getattr(self.engine, "refresh", None)
        if look is not None:
            look()


class Asked:
    """One call, and the engine's answers about it."""

    __slots__ = ("_args", "_context", "_linker", "_options", "generation", "symbol")

    def __init__(self, linker: Linker, symbol: str, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self._linker = linker
        self.symbol = symbol
        self.generation = 0 if linker.cached is None else linker.cached.generation
        self._args = args
        self._options = options
        self._context: CallContext | None = None

    @property
    def context(self) -> CallContext:
        if self._context is None:
            args, options, linker = self._args, self._options, self._linker
            needs = getattr(linker.engine, "needs", None)
            needed = ("fingerprint",) if needs is None else needs(self.symbol)
            self._context = CallContext(
                symbol=self.symbol,
                fingerprint=fingerprint(args) if "fingerprint" in needed else 0,
                runtime=linker.runtime,
                semantic=semantic_hash(args) if "semantic" in needed else 0,
                tags=tags_of(options),
                tenant=linker.tenant,
                prompt_chars=text_length(args) if needs is None or "prompt_chars" in needed else 0,
                metadata=metadata_of(options),
                prompt=prompt_text(args) if "prompt" in needed else "",
            )
        return self._context

    def plan(self) -> Decision | None:
        """The decision; None: the body runs here."""
        decision = self._linker.decider.decide(self.context)
        return None if _stays_here(decision) else decision

    def hinted(self, hint: ast.Hint) -> Decision | None:
        """The decision for a function with a hint, from an engine that has limits and settings for those; else None."""
        for_hint = getattr(self._linker.engine, "for_hint", None)
        found: Decision | None = None if for_hint is None else for_hint(self.context, of_hint(hint))
        return found

    @property
    def private_tags(self) -> frozenset[str]:
        """Tags of calls whose data never leaves the machine."""
        return getattr(self._linker.engine, "private_tags", PRIVATE_TAGS)

    def refusal(self, target: ExecTarget) -> str | None:
        """Why a target may not be used for this call, looked at again just before it is."""
        refusal = getattr(self._linker.engine, "refusal", None)
        found: str | None = None if refusal is None else refusal(target, self.context)
        return found


def _stays_here(decision: Decision) -> bool:
    """Whether the body runs and nobody needs to be told: not where it runs only because targets were refused."""
    return isinstance(decision.target, LocalPure) and not any(one.rejected for one in decision.alternatives)


def symbol_of(namespace: Namespace, name: str) -> str:
    """The qualified name of a function: `module/f`."""
    return f"{namespace.name}/{name}" if namespace.name else name


def options_of(fn: ast.Fn) -> dict[str, Any]:
    """A function's metadata, keyed by keyword name."""
    return {} if fn.meta is None else {key.name: value for key, value in fn.meta.items() if type(key) is Keyword}


def _hinted(node: ast.Def, hint: ast.Hint) -> ast.Def:
    fn = node.value
    fields = {field: getattr(fn, field) for field in fn._fields} | {"hint": hint}
    return ast.Def(node.span, node.name, node.type, ast.Fn(**fields))


def metadata_of(options: dict[str, Any]) -> DelegationMetadata | None:
    """`^{:delegation-metadata {:confidence 0.8 :reasoning "…" :source :planner}}`: what whoever planned the call thinks of it."""
    found = options.get("delegation-metadata")
    if type(found) is not Map:
        return None
    named = {key.name: value for key, value in found.items() if type(key) is Keyword}
    confidence = named.pop("confidence", None)
    reasoning, source = named.pop("reasoning", None), named.pop("source", None)
    return DelegationMetadata(
        confidence=float(confidence) if isinstance(confidence, (int, float)) else None,
        reasoning=reasoning if isinstance(reasoning, str) else None,
        context=tuple(named.items()),
        source=source.name if type(source) is Keyword else source if isinstance(source, str) else None,
    )
