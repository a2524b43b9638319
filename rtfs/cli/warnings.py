"""Warnings of the analysis: each place once, and not again what the error says anyway."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.errors import AnalysisError, RtfsError


class Warnings:
    """Takes warnings and shows them when it is flushed: once the program has ended, or begins to wait for models.

    They are held so that a name which then turns out to be undefined is not reported twice.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._waiting: list[AnalysisError] = []
        self._seen: set[Any] = set()

    def take(self, warning: AnalysisError) -> None:
        span = warning.span
        key = (warning.message, span and (span.source.name, span.start, span.end))
        if key not in self._seen:
            self._seen.add(key)
            self._waiting.append(warning)

    def flush(self, error: RtfsError | None = None) -> None:
        """Show what is held, apart from what `error` says about the same place."""
        for warning in self._waiting:
            if error is None or error.span is None or warning.span != error.span:
                self._terminal.warning(warning)
        self._waiting.clear()
