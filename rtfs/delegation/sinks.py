"""Where the records of a runtime's calls go: its memory always, a log and metrics when they are wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rtfs.delegation.record import CallRecord, Records, RecordSink
from rtfs.delegation.requests import hash_of
from rtfs.delegation.targets import model_target
from rtfs.folders import log_path


class Sinks:
    """Gives each record to several sinks, in order.

    Args:
        records: of the run.
        log: None or False for none, True for the file in the state folder, the path of another one, or a sink such as a
            `log.CallLog`, which is not closed here.
        metrics: a `metrics.Metrics`, or None.
        engine: the engine that is in force; one that learns has a method `add`, as sinks have.
        environ: where the state folder is looked for.
        redact: takes secrets out of texts, for a log that is opened here.
        report: takes a line for whoever runs the program.
    """

    def __init__(
        self,
        records: Records,
        log: Any,
        metrics: Any,
        environ: Mapping[str, str],
        redact: Callable[[str], str],
        report: Callable[[str], None],
        engine: Callable[[], Any] = lambda: None,
    ) -> None:
        self._closing: list[Callable[[], None]] = []
        sinks: list[RecordSink] = [records]
        #: The log, None when there is none.
        self.log: Any = None
        if log is not None and log is not False:
            if hasattr(log, "add"):
                self.log = log
                self._closing.append(getattr(log, "flush", lambda: None))
            else:
                from rtfs.delegation.log import CallLog

                path = log_path(environ) if log is True else log
                self.log = CallLog(path, full=environ.get("RTFS_LOG") == "full", redact=redact, report=report)
                self._closing.append(self.log.close)
            sinks.append(self.log)
        if metrics is not None:
            sinks.append(metrics)
            self._closing.append(metrics.close)
        self._sinks = tuple(sinks)
        self._engine = engine
        records.judges.append(self._judge)

    @property
    def keeps_arguments(self) -> bool:
        return getattr(self.log, "full", False) is True

    def add(self, record: CallRecord) -> None:
        for sink in self._sinks:
            sink.add(record)
        learn = getattr(self._engine(), "add", None)
        if learn is not None:
            learn(record)

    def _judge(self, record: CallRecord, right: bool, expected: Any, known: bool) -> None:
        note = getattr(self.log, "judge", None)
        if note is not None:
            note(record, right, hash_of(expected) if known else None)
        learn = getattr(self._engine(), "judged", None)
        target = model_target(record.target, record.model)
        if learn is not None and target is not None:
            learn(record.function, target, right)

    def close(self) -> None:
        for close in self._closing:
            close()
