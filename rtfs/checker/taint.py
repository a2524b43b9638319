"""Where text comes from: what a tool returned, and what looks like a secret, followed to the prompts that it reaches.

An instruction hidden in a fetched page is carried out by a model that reads it, and a key that is in a prompt is in somebody's
log.  So labels are put on values at their sources and travel with them through bindings, collections, built-ins and functions of
the program.  Numbers, truth values and members of an enumeration carry no text and lose them.
"""

from __future__ import annotations

import re

from rtfs.checker.globals import Globals
from rtfs.checker.walking import descend
from rtfs.semantics.builtins.effects import PRELUDE
from rtfs.semantics.signatures import signature
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import BOOL, FLOAT, INT, NIL, EnumType, RefinedType, Type, UnionType
from rtfs.values.functions import Builtin
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    #: Told of the place of an operand, of the delegated function (None: `llm-execute`) that gets it, and of what it carries.
    Sink = Callable[[Span | None, ast.Fn | None, "Labels"], None]

Labels = frozenset[str]
NONE: Labels = frozenset()
SECRET, UNTRUSTED, PARAM = "secret ", "text from ", "parameter "

#: Capabilities whose answers are text that others wrote.
FOREIGN = re.compile(r"network\.|mcp\.|web\.|http|fetch|search|browser|mail")
#: Names of environment variables and context values that hold secrets.
_SECRET_NAME = re.compile(r"(?i)(^|[-_.])(api[-_]?key|key|token|secret|password|passwd|credential)s?$")
#: Names of parameters that do; a mere `key` or `token` may be that of a map or of a parser.
_SECRET_PARAM = re.compile(
    r"(?i)(^|[-_.])((api|access|private|secret)[-_]?key|(access|auth|bearer|api)[-_]token|secret|password|passwd|credential)s?$"
)
#: Built-ins whose result holds what the function that they are given returns.
_GIVE_BACK = frozenset(
    ("map", "pmap", "delegate-async", "mapcat", "map-indexed", "keep", "reduce", "apply", "map-vals", "update", "update-in")
)
#: The form that asks a model directly.
_ASK = "ai.llm-execute"
#: Literals that look like secrets: keys of well-known services, private keys.
_SECRET_TEXT = re.compile(
    r"sk-[A-Za-z0-9_-]{16,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_CLOSED = (INT, FLOAT, BOOL, NIL)


def is_closed(type: Type | None) -> bool:
    """Whether values of a type hold no free text."""
    if isinstance(type, UnionType):
        return all(is_closed(option) for option in type.options)
    if isinstance(type, RefinedType):
        return is_closed(type.base)
    return isinstance(type, EnumType) or type in _CLOSED


class Taint:
    """Follows labels through the functions of a program.

    Args:
        sink: told of each call of a delegated function.
    """

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.names: Any = None
        self._summaries: dict[int, Labels] = {}
        self._reached: dict[int, dict[int, ast.Fn | None]] = {}
        self._frames: list[dict[int, ast.Fn | None]] = []
        self._kept: list[ast.Fn] = []
        self._globals: dict[tuple[int, str], Labels] = {}

    def follow(self, node: ast.Node, names: Globals) -> None:
        """Look at a top-level form."""
        self.names = names
        found = self.of(node.value if isinstance(node, ast.Def) else node, {})
        if isinstance(node, ast.Def) and not isinstance(node.value, ast.Fn):
            self._globals[(id(names), node.name)] = found

    def of(self, node: Any, env: dict[ast.Binding, Labels]) -> Labels:
        """The labels of an expression's value."""
        kind = type(node)
        if kind is ast.Const:
            return _of_literal(node.value)
        if kind is ast.Local:
            return env.get(node.binding, NONE)
        if kind is ast.Global:
            return self._globals.get((id(self.names), node.name), NONE)
        if kind in (ast.ContextRef, ast.ContextGet):
            return frozenset({f"{SECRET}@{node.name}"}) if _SECRET_NAME.search(node.name) else NONE
        if kind is ast.Call or kind is ast.SelfCall:
            return self._call(node, env)
        if kind is ast.Fn:
            return self._body(node, env, [NONE] * len(node.params))
        if kind in (ast.Let, ast.Loop):
            return self._let(node, env)
        if kind is ast.Match:
            value = self.of(node.value, env)
            found = NONE
            for clause in node.clauses:
                inner = dict(env)
                self._bind(clause.pattern, value, inner)
                found |= self.of(clause.body, inner)
            return found
        if kind is ast.For:
            return self._for(node, env)
        if kind in (ast.DefLocal, ast.SetLocal):
            env[node.binding] = env.get(node.binding, NONE) | self.of(node.value, env)
            return NONE
        if kind is ast.If:
            self.of(node.test, env)
            return self.of(node.then, env) | self.of(node.otherwise, env)
        if kind is ast.Do:
            found = NONE
            for part in node.body:
                found = self.of(part, env)
            return found
        if kind is ast.HostForm:
            return self._host_form(node, env)
        if kind is ast.WithResource:
            inner = {**env, node.binding: self.of(node.value, env)}
            return self.of(node.body, inner)
        found = NONE
        for part in _children(node):
            found |= self.of(part, env)
        return found

    def _let(self, node: ast.Let | ast.Loop, env: dict[ast.Binding, Labels]) -> Labels:
        inner = dict(env)
        for binding in node.bindings:
            self._bind(binding.pattern, self.of(binding.value, inner), inner)
        return self.of(node.body, inner)

    def _for(self, node: ast.For, env: dict[ast.Binding, Labels]) -> Labels:
        inner = dict(env)
        for clause in node.clauses:
            for binding in clause.bindings:
                self._bind(binding.pattern, self.of(binding.value, inner), inner)
            if clause.value is not None:
                value = self.of(clause.value, inner)
                if clause.pattern is not None:
                    self._bind(clause.pattern, value, inner)
        return self.of(node.body, inner)

    def _bind(self, pattern: Any, labels: Labels, env: dict[ast.Binding, Labels]) -> None:
        for part in descend(pattern):
            for field in ("binding", "whole", "rest"):
                name = getattr(part, field, None)
                if isinstance(name, ast.Binding):
                    env[name] = labels

    # --- calls ---

    def _call(self, node: ast.Call, env: dict[ast.Binding, Labels]) -> Labels:
        head = node.function
        given = [self.of(arg, env) for arg in node.args]
        whole = frozenset().union(*given)
        if isinstance(head, ast.Fn):
            return self._body(head, env, given)
        if not isinstance(head, ast.Global):
            return whole | self.of(head, env)
        known = self.names.function(head.name)
        if known is not None:
            return self._call_known(node, known.spec, given, whole)
        builtin = self.names.builtin(head.name)
        if builtin is None:
            return whole
        if builtin.name == "call" or builtin.name in PRELUDE:
            return self._call_capability(node, builtin)
        for arg in node.args:
            whole |= self._handed_over(node, arg, whole, builtin)
        shapes = signature(builtin)
        return NONE if shapes and all(is_closed(shape.result) for shape in shapes) else whole

    def _call_known(self, node: ast.Call, spec: ast.Fn, given: list[Labels], whole: Labels) -> Labels:
        if spec.hint is not None and spec.hint.target != "local":
            for i, labels in enumerate(given):
                self._tell(_place(node, i), spec, labels)
            return NONE  # what a model wrote is not what it was told
        flows = self._summary(spec)
        for i, target in self._reached.get(id(spec), {}).items():
            for place, labels in enumerate(given):
                if min(place, len(spec.params)) == i:
                    self._tell(_place(node, place), target, labels)
        found: Labels = frozenset([label for label in flows if not label.startswith(PARAM)])
        if not is_closed(spec.result):
            for i, labels in enumerate(given):
                if f"{PARAM}{min(i, len(spec.params))}" in flows:
                    found |= labels
        return found

    def _tell(self, place: Span | None, spec: ast.Fn | None, labels: Labels) -> None:
        """A value with these labels goes into a prompt; a parameter's is told where the function is called."""
        if self._frames:
            for label in labels:
                if label.startswith(PARAM):
                    self._frames[-1].setdefault(int(label.removeprefix(PARAM)), spec)
        self.sink(place, spec, labels)

    def _handed_over(self, node: ast.Call, arg: ast.Node, whole: Labels, builtin: Builtin) -> Labels:
        """`(map classify pages)`: a function that a built-in calls with what is in its other operands; what its results carry."""
        if not isinstance(arg, ast.Global):
            return NONE
        known = self.names.function(arg.name)
        if known is None:
            given = self.names.builtin(arg.name)
            name = PRELUDE[given.name][0] if given is not None and given.name in PRELUDE else ""
            return frozenset({f"{UNTRUSTED}:{name}"}) if FOREIGN.search(name) else NONE
        if known.spec.hint is not None and known.spec.hint.target != "local":
            self._tell(node.span, known.spec, whole)
            return NONE
        flows = self._summary(known.spec)
        for target in self._reached.get(id(known.spec), {}).values():
            self._tell(node.span, target, whole)
        own = frozenset([label for label in flows if not label.startswith(PARAM)])
        return own if builtin.name in _GIVE_BACK else NONE

    def _host_form(self, node: ast.HostForm, env: dict[ast.Binding, Labels]) -> Labels:
        for arg in node.args:
            labels = self.of(arg, env)
            if node.capability.endswith(_ASK):
                self._tell(arg.span, None, labels)
        return NONE

    def _call_capability(self, node: ast.Call, builtin: Builtin) -> Labels:
        args = node.args
        name = PRELUDE[builtin.name][0] if builtin.name in PRELUDE else ""
        if not name:
            first = args[0].value if args and isinstance(args[0], ast.Const) else None
            name = first.name if isinstance(first, Keyword) else first if isinstance(first, str) else ""
            args = args[1:]
        if name.endswith("get-env"):
            wanted = args[0].value if args and isinstance(args[0], ast.Const) else ""
            return frozenset({f"{SECRET}{wanted}"}) if isinstance(wanted, str) and _SECRET_NAME.search(wanted) else NONE
        return frozenset({f"{UNTRUSTED}:{name}"}) if FOREIGN.search(name) else NONE

    def _summary(self, spec: ast.Fn) -> Labels:
        """The labels of a function's result; `parameter N` for what its operands carry."""
        made = self._summaries.get(id(spec))
        if made is None:
            self._kept.append(spec)
            self._summaries[id(spec)] = frozenset(f"{PARAM}{i}" for i in range(len(spec.params) + 1))  # while it calls itself
            given = [frozenset({f"{PARAM}{i}"}) for i in range(len(spec.params))]
            self._frames.append({})
            made = self._summaries[id(spec)] = self._body(spec, {}, given)
            self._reached[id(spec)] = self._frames.pop()
        return made

    def _body(self, spec: ast.Fn, env: dict[ast.Binding, Labels], given: list[Labels]) -> Labels:
        inner = dict(env)
        for param, labels in zip(spec.params, given, strict=False):
            secret = frozenset({f"{SECRET}{param.name}"}) if _SECRET_PARAM.search(param.name) and spec.hint is None else NONE
            self._bind(param.pattern, labels | secret, inner)
        if spec.rest is not None:
            rest = frozenset({f"{PARAM}{len(spec.params)}"}) if given and any(given) else NONE
            self._bind(spec.rest.pattern, rest.union(*given[len(spec.params) :]), inner)
        found = self.of(spec.body, inner)
        return NONE if is_closed(spec.result) else found


def _place(node: ast.Call, index: int) -> Span | None:
    return node.args[index].span if index < len(node.args) else node.span


def _children(node: Any) -> list[Any]:
    found: list[Any] = []
    waiting = [getattr(node, field) for field in node._fields if field not in ("span", "scope", "meta", "hint", "key", "keys")]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.Node):
            found.append(part)
        elif isinstance(part, tuple):
            waiting += part
        elif hasattr(part, "_fields") and not isinstance(part, (Type, ast.Pattern)):
            waiting += [getattr(part, field) for field in part._fields]
    return found


def _of_literal(value: Any) -> Labels:
    if type(value) is str and _SECRET_TEXT.search(value):
        return frozenset({f"{SECRET}{value[:6]}…"})
    return NONE
