"""What the person at the terminal hears of calls that no model answered: one line the first time, and a count at the end."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from rtfs.delegation.asking import one_line
from rtfs.errors import DelegationError


class Fallbacks:
    """Safe to use from several threads at once.

    Args:
        report: takes one line, without its end.
        redact: takes secrets out of texts.
    """

    def __init__(self, report: Callable[[str], None], redact: Callable[[str], str]) -> None:
        self._report = report
        self._redact = redact
        self._lock = threading.Lock()
        #: (function, model, kind of error) -> how often the body answered for it
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._warned: set[str] = set()

    def note(self, function: str, model: str, error: DelegationError, outcome: str, who: Callable[[], str]) -> None:
        """One line for the first time that this model fails this function in this way; later ones are counted.

        Args:
            outcome: what the function's own body did: `answered`.
            who: whom the call asked first.
        """
        key = (function, model, error.kind)
        with self._lock:
            self._counts[key] += 1
            if self._counts[key] > 1:
                return
        what = one_line(error.message)
        if error.kind != "reply-mismatch":
            what = f"no answer from {who()} ({what})"
        hint = f" hint: {one_line(error.hint)}" if error.hint else ""
        self._report(self._redact(f"rtfs: {function}: {what}; the function's own body {outcome}.{hint}"))

    def warn(self, warnings: tuple[str, ...]) -> None:
        """Each once."""
        for warning in warnings:
            with self._lock:
                if warning in self._warned:
                    continue
                self._warned.add(warning)
            self._report(f"rtfs: {warning}")

    def summary(self) -> list[str]:
        """One line for each way in which models failed a function more than once: what the single lines left out."""
        with self._lock:
            counts = sorted(self._counts.items())
        return [
            f"rtfs: {name}: its own body ran {count} times instead of model {one_line(model)} ({kind})"
            for (name, model, kind), count in counts
            if count > 1
        ]

    def close(self) -> None:
        """Report the summary, and begin to count anew."""
        lines = self.summary()
        with self._lock:
            self._counts.clear()
        for line in lines:
            self._report(line)
