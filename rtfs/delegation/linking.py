"""Binds functions without a hint to where an engine wants their calls (architecture section 3).

An engine that answers for a function ahead of any call costs nothing at a call: 'always local' leaves the function as it is,
'always this target' makes it one with that hint.  Of any other function every call is decided.  When the engine's decisions change,
functions are defined anew.
"""

from __future__ import annotations

from rtfs.delegation.context import CallContext, DelegationMetadata, fingerprint
from rtfs.delegation.engine import Decision, DelegationEngine
from rtfs.delegation.targets import LocalPure
from rtfs.syntax import nodes as ast
from rtfs.values.functions import Function
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from rtfs.semantics.namespace import Namespace



class Linker:
    """Asks one engine about the functions of one runtime.

    Args:
        tenant: on whose behalf its programs run.
    """

    def __init__(self, engine: DelegationEngine, tenant: str = "") -> None:
        self.engine = engine
        self.tenant = tenant
        self.stale = False
        #: (namespace, name) -> the definition as it was written, the hint it was given
        self._bound: dict[tuple[int, str], tuple[Namespace, ast.Def, ast.Hint | None]] = {}
        engine.listen(self._changed)

    def take_over(self, before: Linker) -> None:
        """Stand in the place of the linker of another engine; what it bound is bound anew with the next run."""
        self._bound = before._bound
        self.stale = True

    def adopt(self, namespace: Namespace) -> None:
        """Take on the functions that were defined before there was an engine."""
        for name in namespace.own:
            value = namespace.values.get(name)
            if type(value) is Function and isinstance(value.spec, ast.Fn) and value.spec.hint is None:
                self._bound[id(namespace), name] = (namespace, ast.Def(value.spec.span, name, None, value.spec), None)
        self.stale = True

    def _changed(self) -> None:
        self.stale = True

    # --- definitions ---

    def link(self, namespace: Namespace, node: ast.Node) -> ast.Node:
        """The form with the functions that it defines bound to their targets; it is evaluated in its place."""
        if isinstance(node, ast.Do):
            return ast.Do(node.span, tuple([self.link(namespace, part) for part in node.body]))
        if not isinstance(node, ast.Def) or not isinstance(node.value, ast.Fn) or node.value.hint is not None:
            return node
        hint = self._hint(symbol_of(namespace, node.name))
        self._bound[id(namespace), node.name] = (namespace, node, hint)
        return node if hint is None else _hinted(node, hint)

    def _hint(self, symbol: str) -> ast.Hint | None:
        plan = self.engine.resolve(symbol)
        if plan is not None and isinstance(plan.target, LocalPure):
            return None
        return ast.Hint("engine", None, plan)

    def relink(self) -> Iterator[tuple[Namespace, ast.Node]]:
        """The definitions that are to be evaluated again, since their target is another now."""
        self.stale = False
        for key, (namespace, node, before) in list(self._bound.items()):
            value = namespace.values.get(node.name)
            if type(value) is not Function or value.spec.body is not node.value.body:  # type: ignore[attr-defined]
                del self._bound[key]  # the name means something else by now
                continue
            hint = self._hint(symbol_of(namespace, node.name))
            if hint != before:
                self._bound[key] = (namespace, node, hint)
                yield namespace, node if hint is None else _hinted(node, hint)

    # --- calls ---

    def plan(self, symbol: str, args: tuple[Any, ...], options: dict[str, Any]) -> Decision | None:
        """The decision for one call; None: the body runs here."""
        context = CallContext(
            symbol=symbol,
            fingerprint=fingerprint(args),
            tags=tags_of(options),
            tenant=self.tenant,
            prompt_chars=sum([len(arg) for arg in args if type(arg) is str]),
            metadata=metadata_of(options),
        )
        decision = self.engine.decide(context)
        return None if isinstance(decision.target, LocalPure) else decision


def symbol_of(namespace: Namespace, name: str) -> str:
    """The qualified name of a function: `module/f`."""
    return f"{namespace.name}/{name}" if namespace.name else name


def _hinted(node: ast.Def, hint: ast.Hint) -> ast.Def:
    fn = node.value
    fields = {field: getattr(fn, field) for field in fn._fields} | {"hint": hint}
    return ast.Def(node.span, node.name, node.type, ast.Fn(**fields))


def tags_of(options: dict[str, Any]) -> frozenset[str]:
    """`^{:tags [:private :cheap]}`"""
    tags = options.get("tags")
    if not isinstance(tags, Sequence):
        return frozenset()
    return frozenset([tag.name if type(tag) is Keyword else str(tag) for tag in tags.items()])


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
