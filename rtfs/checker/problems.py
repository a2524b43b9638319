"""What the checker has found."""

from __future__ import annotations

from rtfs.errors import AnalysisError
from rtfs.source import Span

#: Kinds of problems that do not stop a program from running.
WARNINGS = frozenset(
    {
        "unbound-name",
        "shadowed-builtin",
        "possible-mismatch",
        "unused-binding",
        "unreachable-code",
        "unreachable-clause",
        "missing-case",
        "unbounded-spend",
        "untyped-delegation",
        "missing-fallback",
        "untrusted-prompt",
        "secret-in-prompt",
        "unknown-warning",
    }
)


class Problems:
    """Collects problems, each place and kind once.

    A part of a program may be looked at several times (a loop, until the types of its variables are known): `muted` holds while
    what is found is not certain yet.
    """

    def __init__(self) -> None:
        self.found: list[AnalysisError] = []
        self.muted = 0
        self._seen: set[object] = set()

    def report(self, kind: str, message: str, span: Span | None, hint: str | None = None) -> None:
        if self.muted or span is None:
            return
        key = (kind, span.source.name, span.start, span.end)
        if key not in self._seen:
            self._seen.add(key)
            self.found.append(AnalysisError(message, kind=kind, span=span, hint=hint))
