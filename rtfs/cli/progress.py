"""What the person at the terminal sees of delegated calls: progress while they go on, totals at the end.

No thread is needed: whoever delegates is told after each call, and looks at the clock.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.delegation.record import Records, Totals

FIRST_S = 2.0  # before that, nothing: most runs are over
SCREEN_EVERY_S = 0.1
LINE_EVERY_S = 10.0


class Progress:
    """Told after each delegated call of a run; made after the first one.

    Args:
        before: the totals when the run began; None when these are its first calls.
        clock: seconds, monotonic.
        under_way: how many calls wait for an answer now.
    """

    def __init__(
        self,
        terminal: Terminal,
        records: Records,
        before: Totals | None = None,
        clock: Callable[[], float] = time.monotonic,
        under_way: Callable[[], int] = int,
    ) -> None:
        self._terminal = terminal
        self._records = records
        self._before = before
        self._clock = clock
        self._under_way = under_way
        self._screen = terminal.is_screen(terminal.stderr)
        calls = records.calls
        self._begin = clock() - (calls[-1].latency_s if calls else 0.0)
        self._next = self._begin + (FIRST_S if self._screen else LINE_EVERY_S)

    def called(self) -> None:
        now = self._clock()
        if now < self._next:
            return
        text = progress_text(self._records.totals, self._before, now - self._begin, self._under_way())
        if self._screen:
            self._terminal.status(text)
            self._next = now + SCREEN_EVERY_S
        else:
            self._terminal.note(text)
            self._next = now + LINE_EVERY_S


def progress_text(totals: Totals, before: Totals | None, elapsed_s: float, under_way: int = 0) -> str:
    calls, by_body, failed = totals.calls, totals.by_body, totals.failed
    if before is not None:
        calls, by_body, failed = calls - before.calls, by_body - before.by_body, failed - before.failed
    rate = calls / elapsed_s if elapsed_s > 0 else 0.0
    text = f"rtfs: {calls:,} delegated calls in {elapsed_s:.0f} s, {rate:.3g}/s"
    if under_way:
        text += f"; {under_way:,} under way"
    if by_body:
        text += f"; {by_body:,} answered by the function's own body"
    if failed:
        text += f"; {failed:,} failed"
    return text


def show_summary(records: Records | None, terminal: Terminal) -> None:
    """`--summary`: totals of a run's delegated calls, on standard error."""
    from rtfs.cli.terminal import json_line, write

    if terminal.json:
        summary: dict[str, Any] = records.totals.to_dict() if records is not None else {"calls": 0}
        if records is not None:
            summary["by_model_name"] = models_of(records)
        write(terminal.stderr, json_line({"summary": summary}) + "\n")
        return
    if records is None:
        terminal.note("rtfs: no delegated calls")
        return
    totals = records.totals
    by_code = f"{totals.by_code:,} by code, " if totals.by_code else ""
    lines = [
        f"rtfs: {_count(totals.calls, 'delegated call')}: {totals.by_model:,} by model, {by_code}{totals.by_body:,} by own body, "
        f"{totals.failed:,} failed",
    ]
    lines += [f"  {name}: {count:,}" for name, count in models_of(records).items()]
    lines.append(
        f"  {_count(totals.attempts, 'request')}, {totals.prompt_tokens:,} prompt tokens and {totals.completion_tokens:,} "
        f"completion tokens, {totals.latency_s:.2f} s"
    )
    if totals.by_cache or totals.errors_by_cache:
        lines.append(f"  {saved_text(totals)}")
    terminal.note("\n".join(lines))


def saved_text(totals: Totals) -> str:
    """`38 of 40 answers from the cache, which saved 12.4 s, 4,810 tokens and $0.0012`; `and 2 errors`, where some were kept."""
    saved = totals.saved
    parts = [f"{saved.seconds:.3g} s" if saved.seconds < 100 else f"{saved.seconds:,.0f} s"]
    if saved.tokens:
        parts.append(f"{saved.tokens:,} tokens")
    if saved.cost_usd:
        parts.append(f"${saved.cost_usd:.4f}" if saved.cost_usd >= 0.0001 else f"${saved.cost_usd:.2g}")
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    answers = [f"{totals.by_cache:,} of {_count(totals.by_model, 'answer')}"] if totals.by_cache else []
    errors = [_count(totals.errors_by_cache, "error")] if totals.errors_by_cache else []
    return f"{' and '.join(answers + errors)} from the cache, which saved {listed}"


def models_of(records: Records) -> dict[str, int]:
    """Model that answered -> how many of the calls kept; most first."""
    counts: dict[str, int] = {}
    for call in records.calls:
        if call.source == "model":
            name = call.answered_by or call.model
            counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
