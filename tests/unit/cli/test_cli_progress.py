"""Progress of delegated calls, and the terminal's status line."""

from __future__ import annotations

import io

from rtfs.cli.progress import Progress, progress_text
from rtfs.cli.terminal import Terminal, WipingStream
from rtfs.delegation.record import CallRecord, Records


class Screen(io.StringIO):
    def isatty(self):
        return True


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def record(source="model"):
    return CallRecord(function="f", target="local-model", model="m", started=0.0, latency_s=0.5, source=source)


def calls(terminal, clock, times):
    """Calls that end at these times; the first took half a second."""
    records = Records()
    progress = None
    for i, moment in enumerate(times):
        clock.now = moment
        records.add(record("body" if i == 1 else "model"))
        if progress is None:
            progress = Progress(terminal, records, None, clock)
        progress.called()


def test_a_screen_gets_one_line_that_is_replaced_after_two_seconds():
    err = Screen()
    calls(Terminal({}, stderr=err), Clock(), [100, 101, 101.6, 101.65, 103])
    assert err.getvalue().count("\r") == 2
    assert "\n" not in err.getvalue()
    assert "rtfs: 5 delegated calls in 4 s" in err.getvalue()
    assert "1 answered by the function's own body" in err.getvalue()


def test_elsewhere_a_line_every_ten_seconds():
    err = io.StringIO()
    calls(Terminal({}, stderr=err), Clock(), [100, 105, 110, 115, 121])
    lines = err.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("rtfs: 3 delegated calls in 1")


def test_earlier_calls_of_a_session_do_not_count():
    records = Records()
    records.add(record())
    before = records.totals
    records.add(record())
    assert progress_text(records.totals, before, 2.0) == "rtfs: 1 delegated calls in 2 s, 0.5/s"


def test_output_wipes_the_status_line_away():
    out, err = Screen(), Screen()
    terminal = Terminal({}, stdout=out, stderr=err)
    terminal.status("working")
    WipingStream(terminal).write("printed")
    assert err.getvalue().endswith("\r\x1b[K")
    length = len(err.getvalue())
    terminal.result("more")
    assert len(err.getvalue()) == length, "nothing to wipe any more"
    assert out.getvalue() == "printedmore\n"


def test_calls_that_are_under_way_are_counted():
    records = Records()
    records.add(record())
    assert progress_text(records.totals, None, 2.0, 16) == "rtfs: 1 delegated calls in 2 s, 0.5/s; 16 under way"
    err = Screen()
    clock = Clock()
    progress = Progress(Terminal({}, stderr=err), records, None, clock, under_way=lambda: 3)
    clock.now = 110
    progress.called()
    assert "; 3 under way" in err.getvalue()
