"""Which functions are pure, which have effects, and which hand calls to a model: inferred through the call graph.

A function has the effects of everything it mentions: what it calls, what it hands over, the functions written in it.  That a
function which only makes another one counts as having its effects is on the safe side.
"""

from __future__ import annotations

from rtfs.checker.globals import Globals
from rtfs.checker.walking import descend
from rtfs.semantics.builtins.effects import PRELUDE
from rtfs.semantics.builtins.index import CELLS, EFFECTS
from rtfs.semantics.library import find_builtin
from rtfs.semantics.signatures import signature
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import FunctionType, Primitive
from rtfs.values.functions import Builtin, Function
from rtfs.values.scalars import Keyword, Symbol, kw
from rtfs.values.sequences import Vector
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Stands for a capability whose id is worked out while the program runs.
ANY_CAPABILITY = "*"
_GATEWAY = "call"
_TOOLS = kw("tools")
_FUNCTION = Primitive("function")
_EFFECTFUL = EFFECTS | CELLS
#: Effectful built-ins that touch only the program itself.
_WITHIN = frozenset(
    {
        "macroexpand",
        "macroexpand-1",
        "meta",
        "deref",
        "atom",
        "context/get",
        "read-file",
        "with-budget",
        "gensym",
        "task-context/get",
        "pmap",
        "delegate-async",
        "await",
        "await-all",
        "race",
        "cancel",
        "ticket?",
        "ticket-done?",
    }
)
#: Effectful built-ins that call one of their operands, and which.
_CALLING = {"pmap": 0, "delegate-async": 0, "with-budget": 1}


class Effects(Struct):
    """What a function may do, itself or through others.

    Attributes:
        capabilities: ids of capabilities; `*` is any.
        targets: where calls are delegated, as in the record: `local_model:smollm2`.
        changes: whether it changes atoms or the context of the program.
        operands: names of its own parameters that it calls, whose effects come on top.
    """

    capabilities: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()
    changes: bool = False
    operands: tuple[str, ...] = ()

    @property
    def is_pure(self) -> bool:
        return not (self.capabilities or self.targets or self.changes)

    def joined(self, other: Effects) -> Effects:
        return Effects(
            self.capabilities | other.capabilities, self.targets | other.targets, self.changes or other.changes, self.operands
        )

    def __str__(self) -> str:
        parts = []
        if self.targets:
            parts.append("delegates to " + ", ".join(sorted(self.targets)))
        if self.capabilities:
            names = sorted(name for name in self.capabilities if name != ANY_CAPABILITY)
            words = [f":{name}" for name in names] + (["any capability"] if ANY_CAPABILITY in self.capabilities else [])
            parts.append("calls " + ", ".join(words))
        if self.changes:
            parts.append("changes state")
        text = "; ".join(parts) or "pure"
        return f"{text}; and what {', '.join(f'`{name}`' for name in self.operands)} does" if self.operands else text


class FunctionEffects(Struct):
    """The effects of one function of a program."""

    name: str
    effects: Effects
    span: Span | None

    def to_dict(self) -> dict[str, Any]:
        """For machines: `capabilities` holds ids, `*` for any; `calls` the parameters whose effects come on top."""
        effects = self.effects
        return {
            "function": self.name,
            "pure": effects.is_pure and not effects.operands,
            "capabilities": sorted(effects.capabilities),
            "delegates": sorted(effects.targets),
            "changes_state": effects.changes,
            "calls": list(effects.operands),
            "at": None if self.span is None else str(self.span),
        }


NONE = Effects()


class CallGraph:
    """The effects of the functions of a program, and of any part of it."""

    def __init__(self) -> None:
        self._direct: dict[int, Effects] = {}
        self._calls: dict[int, list[ast.Fn]] = {}
        self._total: dict[int, Effects] = {}
        self._passes: dict[int, list[tuple[ast.Fn, int, str]]] = {}
        self._home: dict[int, Globals] = {}
        self._kept: list[ast.Fn] = []

    def add(self, spec: ast.Fn, names: Globals) -> None:
        self._home[id(spec)] = names

    def of(self, spec: ast.Fn, names: Globals) -> Effects:
        """The effects of a call of a function."""
        if id(spec) not in self._total:
            self._settle(spec, names)
        return self._total[id(spec)]

    def of_part(self, part: Struct, names: Globals) -> Effects:
        """The effects of an expression of `names`."""
        direct, calls = self._look(part, names)
        for spec in calls:
            direct = direct.joined(self.of(spec, names))
        return direct

    def read_by_tools(self, spec: ast.Fn, names: Globals, is_closed: Callable[[Any], bool]) -> frozenset[str]:
        """Capabilities whose text may come to the model of a delegated function through its tools, unless a closed result is
        between them."""
        direct, called = _of_tools(spec, names)
        found = direct.capabilities
        for tool in called:
            if not is_closed(tool.result):
                found |= self.of(tool, names).capabilities
        return found

    def reaches(self, spec: ast.Fn, names: Globals) -> bool:
        """Whether a function may come to call itself."""
        self.of(spec, names)
        waiting, seen = list(self._calls[id(spec)]), set()
        while waiting:
            called = waiting.pop()
            if called is spec:
                return True
            if id(called) not in seen:
                seen.add(id(called))
                waiting += self._calls.get(id(called), [])
        return False

    def _settle(self, spec: ast.Fn, names: Globals) -> None:
        """Work out a function and all that it calls: effects only grow, so going round until nothing changes comes to an end."""
        waiting, group = [(spec, names)], []
        while waiting:
            one, home = waiting.pop()
            if id(one) in self._direct:
                continue
            home = self._home.get(id(one), home)
            self._kept.append(one)
            self._direct[id(one)], self._calls[id(one)] = self._look(one.body, home)
            also, tools = _of_tools(one, home)
            self._calls[id(one)] = self._calls[id(one)] + tools
            self._direct[id(one)] = _of_head(one).joined(self._direct[id(one)]).joined(also)
            self._passes[id(one)] = self._handed_on(one, home)
            group.append(one)
            waiting += [(called, home) for called in self._calls[id(one)]]
        changed = True
        for one in group:
            self._total[id(one)] = self._direct[id(one)]
        while changed:
            changed = False
            for one in group:
                total = self._total[id(one)]
                for called in self._calls[id(one)]:
                    total = total.joined(self._total[id(called)])
                for called, index, name in self._passes[id(one)]:
                    if called.params[index].name in self._total[id(called)].operands and name not in total.operands:
                        total = Effects(total.capabilities, total.targets, total.changes, (*total.operands, name))
                if total != self._total[id(one)]:
                    self._total[id(one)] = total
                    changed = True

    def _handed_on(self, spec: ast.Fn, names: Globals) -> list[tuple[ast.Fn, int, str]]:
        """(function, index of its parameter, name of the parameter of `spec` that is handed to it)"""
        own = _own_names(spec)
        found = []
        for node in descend(spec.body) if own else ():
            if isinstance(node, ast.Call) and isinstance(node.function, ast.Global):
                called = _spec(names.value(node.function.name))
                for i, arg in enumerate(node.args if called is not None else ()):
                    if isinstance(arg, ast.Local) and arg.binding in own and i < len(called.params):  # type: ignore[union-attr]
                        found.append((called, i, arg.binding.name))
        return found  # type: ignore[return-value]

    def _look(self, part: Struct, names: Globals) -> tuple[Effects, list[ast.Fn]]:
        found, calls = NONE, []
        for node in descend(part):
            if isinstance(node, ast.Call) and isinstance(node.function, ast.Global) and node.function.name == _GATEWAY:
                found = found.joined(_of_gateway(node))
            elif isinstance(node, ast.Global) and node.name != _GATEWAY:
                spec = _spec(names.value(node.name))
                if spec is not None:
                    calls.append(spec)
                else:
                    found = found.joined(of_builtin(node.name, names))
            elif isinstance(node, ast.Fn):
                found = found.joined(_of_hint(node))
                also, tools = _of_tools(node, names)
                found, calls = found.joined(also), calls + tools
            elif isinstance(node, ast.HostForm):
                found = found.joined(Effects(frozenset({node.capability.removeprefix("ccos.")})))
            elif isinstance(node, ast.SetGlobal) or (isinstance(node, ast.SetLocal) and node.binding.captured):
                found = found.joined(Effects(changes=True))
            elif isinstance(node, ast.LogStep):
                found = found.joined(Effects(frozenset({"io.log"})))
        return found, calls


def _spec(value: Any) -> ast.Fn | None:
    return value.spec if type(value) is Function and isinstance(value.spec, ast.Fn) else None


def _of_hint(node: ast.Fn) -> Effects:
    if node.hint is None or node.hint.target == "local":
        return NONE
    return Effects(targets=frozenset({node.hint.printed}))


def _of_tools(node: ast.Fn, names: Globals) -> tuple[Effects, list[ast.Fn]]:
    """What the tools of a delegated function do, as the model may call any of them: directly, and functions of the program."""
    found: Effects = NONE
    called: list[ast.Fn] = []
    if node.hint is None or node.hint.target == "local" or node.meta is None:
        return found, called
    given = node.meta.get(_TOOLS)
    for name in given.items() if type(given) is Vector else ():
        if isinstance(name, Keyword):
            found = found.joined(Effects(frozenset({name.name.removeprefix("ccos.")})))
        elif isinstance(name, Symbol):
            spec = _spec(names.value(name.name))
            if spec is not None:
                called.append(spec)
            else:
                found = found.joined(of_builtin(name.name, names))
    return found, called


def _of_head(spec: ast.Fn) -> Effects:
    """What a function's head says: its hint, and which of its parameters its body calls."""
    own = _own_names(spec)
    called: dict[str, None] = {}
    for node in descend(spec.body):
        for function in _called(node) if isinstance(node, ast.Call) and own else ():
            if isinstance(function, ast.Local) and function.binding in own:
                called[function.binding.name] = None
    hinted = _of_hint(spec)
    return Effects(hinted.capabilities, hinted.targets, False, tuple(called))


def _own_names(spec: ast.Fn) -> set[ast.Binding]:
    return {param.pattern.binding for param in spec.params if isinstance(param.pattern, ast.BindPattern)}


def _called(node: ast.Call) -> list[ast.Node]:
    """What a call calls: its function, and what it hands to a built-in that wants a function."""
    found = [node.function]
    if isinstance(node.function, ast.Global):
        at = _CALLING.get(node.function.name)
        if at is not None:
            found += node.args[at : at + 1]
        builtin = find_builtin(node.function.name)
        for shape in signature(builtin) if builtin is not None else ():
            found += [
                arg
                for arg, param in zip(node.args, shape.params, strict=False)
                if isinstance(param, FunctionType) or param == _FUNCTION
            ]
    return found


def _of_gateway(node: ast.Call) -> Effects:
    first = node.args[0] if node.args else None
    if isinstance(first, ast.Const) and isinstance(first.value, (Keyword, str)):
        name = first.value.name if isinstance(first.value, Keyword) else first.value
        return Effects(frozenset({name.removeprefix("ccos.")}))
    return Effects(frozenset({ANY_CAPABILITY}))


def of_builtin(name: str, names: Globals) -> Effects:
    """The effects of a built-in that a program mentions."""
    found = names.value(name)
    if type(found) is not Builtin or name not in _EFFECTFUL:
        return NONE
    if found.name in PRELUDE:
        return Effects(frozenset({PRELUDE[found.name][0]}))
    if name in CELLS or found.name.endswith("context/set"):
        return NONE if found.name in _WITHIN else Effects(changes=True)
    if found.name.startswith("kv/"):
        return Effects(frozenset({"state.kv.get", "state.kv.put"}))
    if found.name == "load-capability":
        return Effects(frozenset({"io.read-file"}))
    return NONE if found.name in _WITHIN else Effects(frozenset({ANY_CAPABILITY}))
