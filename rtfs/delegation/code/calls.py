"""Carries out calls by published code: operands and result are data of the function's types, the code runs in a sandbox.

Whatever goes wrong is an attempt in the record, and the call goes on to the next target: an answer that code cannot give is no
error.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rtfs.caching.code.entries import CodeRefused
from rtfs.caching.code.publishing import ABSTAIN
from rtfs.caching.code.retrieval import CodeLibrary, Found
from rtfs.delegation.record import Attempt
from rtfs.delegation.targets import ContentAddressed
from rtfs.delegation.trace import Answer, Trace
from rtfs.errors import RtfsError
from rtfs.models.protocol import NO_USAGE, ModelReply
from rtfs.semantics.protocols import DelegatedCall
from rtfs.semantics.typecheck import optional_check
from rtfs.values.equality import equal
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector

PROVIDER = "code"
_SCALARS = frozenset((str, int, float, bool, type(None), Keyword, Symbol, Timestamp, Uuid))


class CodeCalls:
    """See the module. Safe to use from several threads.

    Args:
        timer: seconds, monotonic.
    """

    def __init__(
        self, library: CodeLibrary, *, redact: Callable[[str], str], timer: Callable[[], float] = time.perf_counter
    ) -> None:
        self._library = library
        self._redact = redact
        self._timer = timer

    def answer(self, call: DelegatedCall, target: ContentAddressed, trace: Trace) -> Answer | None:
        """What code answers, None when it does not; either is an attempt in the trace."""
        begin = self._timer()
        outcome, problem, value = self._try(call, target)
        trace.provider = PROVIDER
        trace.attempts.append(
            Attempt(
                provider=PROVIDER,
                target=target.printed,
                outcome=outcome,
                problem=None if problem is None else self._redact(problem),
                latency_s=self._timer() - begin,
                cost_usd=0.0,
            )
        )
        if outcome != "answered":
            return None
        return Answer(value, target, PROVIDER, ModelReply(text="", model=target.printed, usage=NO_USAGE), ())

    def _try(self, call: DelegatedCall, target: ContentAddressed) -> tuple[str, str | None, Any]:
        """(outcome, problem, value)"""
        found: Found | None = target.found or self._library.by_content(target.content)
        if found is None:
            return "refused", "no active code of this hash is published here", None
        if not all(is_data(arg) for arg in call.args):
            return "refused", "an operand is no data", None
        try:
            value = self._library.run(found, call.args)
        except CodeRefused as refused:
            return "refused", f"{refused.reason}: {refused.message}", None
        except RtfsError as error:
            if error.kind == ABSTAIN:
                self._library.note(found, "abstained")
                return "abstained", error.message or None, None
            self._library.note(found, "failed")
            return "failed", error.message, None
        if not is_data(value):
            self._library.note(found, "failed")
            return "failed", "the result is no data", None
        check = optional_check(call.result, call.aliases.get)
        mismatch = None if check is None else check(value)
        if mismatch is not None:
            self._library.note(found, "failed")
            return "failed", f"the result does not fit: {mismatch.message}", None
        self._library.note(found, "used")
        return "answered", None, value

    def compare(self, target: ContentAddressed, mine: Any, other: Any) -> None:
        """Take note of what the model answered where code had answered."""
        if target.found is not None:
            self._library.checked(target.found, equal(mine, other))


def is_data(value: Any) -> bool:
    """Whether a value is data through and through: nothing that runs, changes, or stands for something outside."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if kind is Vector or kind is List:
            waiting += item.items()
        elif kind is Map:
            waiting += [part for entry in item.items() for part in entry]
        elif kind not in _SCALARS:
            return False
    return True
