"""`^{:allow [:untrusted-prompt]}` on a function: warnings of these kinds are meant inside it, and not shown."""

from __future__ import annotations

from rtfs.checker.problems import WARNINGS, Problems
from rtfs.errors import AnalysisError, nearest
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.values.printing import preview
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Sequence
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ALLOW = Keyword("allow")
_UNKNOWN = "unknown-warning"


class Allowed:
    """What the functions of a program allow."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._places: list[tuple[Span, frozenset[str]]] = []

    def add(self, parts: list[Struct]) -> None:
        """Take note of the functions among the parts of a form; kinds that do not exist are reported."""
        for part in parts:
            if isinstance(part, ast.Fn) and part.meta is not None and part.span is not None:
                given = part.meta.get(_ALLOW)
                if given is not None:
                    kinds = given.items() if isinstance(given, Sequence) else [given]
                    self._places.append((part.span, frozenset([name for kind in kinds if (name := self._name(kind, part.span))])))

    def _name(self, kind: Any, span: Span) -> str | None:
        name = kind.name if type(kind) is Keyword else None
        if name in WARNINGS and name != _UNKNOWN:
            return name
        close = nearest(name, sorted(WARNINGS)) if name else ()
        hint = f"did you mean :{close[0]}?" if close else "only warnings can be allowed: `rtfs explain` lists them"
        self._problems.report(_UNKNOWN, f":allow names no kind of warning: {preview(kind, 40)}", _head(span), hint)
        return None

    def without(self, found: list[AnalysisError]) -> list[AnalysisError]:
        """The problems that no function allows."""
        if not self._places:
            return found
        return [problem for problem in found if not self._holds(problem)]

    def _holds(self, problem: AnalysisError) -> bool:
        span = problem.span
        if span is None or problem.kind not in WARNINGS:
            return False
        for place, kinds in self._places:
            if problem.kind in kinds and place.source is span.source and place.start <= span.start and span.end <= place.end:
                return True
        return False


def _head(span: Span) -> Span:
    end = span.source.text.find("\n", span.start, span.end)
    return span if end < 0 else Span(span.source, span.start, end)
