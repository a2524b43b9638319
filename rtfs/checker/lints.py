"""Delegated calls that may cost more, or tell more, than was meant."""

from __future__ import annotations

from rtfs.checker.effects import CallGraph
from rtfs.checker.globals import Globals
from rtfs.checker.problems import Problems
from rtfs.checker.repeating import repeated
from rtfs.checker.shapes import gives_up
from rtfs.checker.taint import FOREIGN, SECRET, UNTRUSTED, Labels, Taint, is_closed
from rtfs.checker.walking import descend
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import NIL
from rtfs.types.subtyping import overlap
from rtfs.values.scalars import Keyword
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rtfs.errors import RtfsError

_BUDGET = "put it into (with-budget {:calls …} …), or count the turns and stop: `dotimes`, `take`"


def delegated(spec: ast.Fn) -> bool:
    return spec.hint is not None and spec.hint.target != "local"


def is_budget(part: Struct) -> bool:
    """Whether it is a `with-budget`. A loop inside one has a bound; one around it has none: each turn may spend it anew."""
    return isinstance(part, ast.Call) and isinstance(part.function, ast.Global) and part.function.name == "with-budget"


def _has_budget(spec: ast.Fn) -> bool:
    """Whether all calls of a delegated function together have a budget."""
    return delegated(spec) and spec.meta is not None and Keyword("budget") in spec.meta


class Lints:
    """Looks at the forms of a program, one after the other.

    Args:
        options: what is wrong with the options of a delegated function; None for nothing.
    """

    def __init__(self, graph: CallGraph, problems: Problems, options: Callable[[ast.Fn], RtfsError | None]) -> None:
        self.graph = graph
        self._options = options
        self.problems = problems
        self.taint = Taint(self._reaches_prompt)

    def look(self, node: ast.Node, parts: list[Struct], names: Globals) -> None:
        self.names = names
        covered = {id(inner) for part in parts if is_budget(part) for inner in descend(part)}
        for part in parts:
            if isinstance(part, ast.Fn):
                self._function(part)
                if id(part) in covered or is_budget(_last(part.body)):  # budgets inside one another count as the outermost
                    continue
                if not delegated(part) and self.graph.of(part, names).targets and self.graph.reaches(part, names):
                    why = f"`{part.name}` calls itself" if part.name else "the function calls itself"
                    self._spends(repeated(part.body, part), why, within=part)
            elif id(part) in covered:
                continue
            elif isinstance(part, ast.Loop):
                self._spends(repeated(part.body, part), "the loop has no bound")
            elif isinstance(part, ast.StepLoop):
                self._spends(descend(part), "the loop may take 10,000 turns")
        self.taint.follow(node, names)

    # --- one function ---

    def _function(self, spec: ast.Fn) -> None:
        if not delegated(spec):
            return
        assert spec.hint is not None
        name = f"`{spec.name}`" if spec.name else "the function"
        wrong = self._options(spec)
        if wrong is not None:
            self.problems.report(wrong.kind, wrong.message, _head(spec), wrong.hint)
        if spec.result is None:
            message = f"{name} is delegated and its result has no type: whatever the model writes is taken"
            hint = 'say what it gives: [text :string] :-> [:enum "yes" "no"]'
            self.problems.report("untyped-delegation", message, _head(spec), hint)
        if spec.hint.target == "remote" and gives_up(spec.body) and not self._is_meant(spec):
            message = f"{name} has no answer of its own when {spec.hint.model} cannot be reached"
            self.problems.report("missing-fallback", message, _head(spec), "let the body give a value that callers can live with")

        foreign = sorted([c for c in self.graph.read_by_tools(spec, self.names, is_closed) if FOREIGN.search(c)])
        if foreign and not is_closed(spec.result):
            what = ", ".join([f":{capability}" for capability in foreign])
            message = f"the model of {name} may have {what} called, and its answer is free text: it may obey what the text says"
            hint = "give the function a closed result type, such as [:enum …], or tools that give no free text"
            self.problems.report("untrusted-prompt", message, _head(spec), hint)

    def _is_meant(self, spec: ast.Fn) -> bool:
        """Whether an error was asked for, or nil is among the results that were declared."""
        if spec.meta is not None and spec.meta.get(Keyword("strict")) is True:
            return True
        return isinstance(spec.body, ast.Const) and spec.result is not None and overlap(NIL, spec.result, self.names.lookup)

    def _spends(self, parts: Iterable[Struct], why: str, within: ast.Fn | None = None) -> None:
        """Warn of delegated calls among parts that are evaluated again and again."""
        for node in parts:
            if isinstance(node, ast.Call) and isinstance(node.function, ast.Global):
                known = self.names.function(node.function.name)
                if known is None or known.spec is within or _has_budget(known.spec):
                    continue
                targets = self.graph.of(known.spec, self.names).targets
                if targets and not (
                    within is not None and self.graph.reaches(known.spec, self.names) and not delegated(known.spec)
                ):
                    message = f"`{node.function.name}` delegates to {', '.join(sorted(targets))}, and {why}"
                    self.problems.report("unbounded-spend", message, node.span, _BUDGET)

    # --- what reaches a prompt ---

    def _reaches_prompt(self, place: Span | None, spec: ast.Fn | None, labels: Labels) -> None:
        name = f"`{spec.name}`" if spec is not None and spec.name else "a model"
        for label in sorted(labels):
            if label.startswith(SECRET):
                message = f"`{label.removeprefix(SECRET)}` looks like a secret, and goes into the prompt of {name}"
                self.problems.report("secret-in-prompt", message, place, "prompts are sent, logged and cached: leave it out")
            elif label.startswith(UNTRUSTED) and (spec is None or not is_closed(spec.result)):
                message = f"{label} goes into the prompt of {name}, whose answer is free text: it may obey what the text says"
                who = "hand it to a delegated function with" if spec is None else "give the function"
                hint = f"{who} a closed result type, such as [:enum …]"
                self.problems.report("untrusted-prompt", message, place, hint)


def _head(spec: ast.Fn) -> Span | None:
    """The first line of a function, for messages about its head."""
    span = spec.span
    if span is None:
        return None
    end = span.source.text.find("\n", span.start, span.end)
    return span if end < 0 else Span(span.source, span.start, end)


def _last(body: ast.Node) -> ast.Node:
    while isinstance(body, ast.Do):
        body = body.body[-1]
    return body
