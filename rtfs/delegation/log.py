"""The log of delegated calls: every record goes to a file, and the call does not wait for it.

    add ─▶ queue ─▶ writer, a few moments later ─▶ SQLite, one transaction for all that has come

A call pays for a place in the queue; a thread writes.  What has been added is in the file at the end of the process, or once
`flush` or `close` is back; a process that is killed loses at most what came in the last moment (`PAUSE_S`).  A log that cannot be
written is reported once, and harms nothing else.  Values are kept as hashes and arguments not at all, unless the log is a full one.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any

from rtfs.delegation.log_file import MAX_BYTES, LogFile, Row, encoded, row_of
from rtfs.delegation.log_text import usual_row
from rtfs.delegation.record import CallRecord
from rtfs.delegation.requests import readable, value_hash
from rtfs.errors import ConfigError
from rtfs.late_writer import LateWriter
from rtfs.values.struct import Struct

#: Seconds for which records are collected before they are written.
PAUSE_S = 0.05
#: Records that wait at most; then calls wait for the disk.
MOST_WAITING = 10_000
_BATCH = 500
#: Records, the last ones, whose outcome can still be noted by themselves.
MOST_REMEMBERED = 10_000
#: Characters of a text in a record; what is longer is cut.
LONGEST_TEXT = 20_000
_SHORTEST_SECRET = 8  # as in `capabilities.redaction`


class Outcome(Struct):
    """Whether the answer of a call was right."""

    record: CallRecord
    right: bool
    expected_hash: str | None


class CallLog(LateWriter):
    """Writes records to a file. Safe to use from several threads; several logs and processes may have the same file.

    Args:
        path: of the file.
        full: keep arguments and values, and not only the hashes of them.
        max_bytes: the oldest records are deleted beyond it.
        redact: takes secrets out of texts.
        report: takes one line about a log that cannot be written; called from `add`, `flush` or `close`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        full: bool = False,
        max_bytes: int = MAX_BYTES,
        redact: Callable[[str], str] = str,
        report: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.path = os.path.abspath(os.fspath(path))
        #: Tells the calls of this run from others.
        self.run = os.urandom(4).hex()
        self.full = full
        self._max_bytes = max_bytes
        self._redact = redact
        self._report = report
        self._waiting: deque[CallRecord | Outcome] = deque()
        #: identity of a record -> (the record, its id in the file); of the last that were written
        self._written_as: dict[int, tuple[CallRecord, int]] = {}
        self._closed = False
        super().__init__("rtfs-log", PAUSE_S)

    def _begin(self) -> None:
        super()._begin()
        self._file: LogFile | None = None
        self._hopeless = False
        self._notices: deque[str] = deque()
        self._told = False

    # --- for calls ---

    def add(self, record: CallRecord) -> None:
        """Take a record; see `RecordSink`."""
        if self._closed or self._hopeless:
            self._tell()
            return
        self._take(record)

    def judge(self, record: CallRecord, right: bool, expected_hash: str | None = None) -> None:
        """Note whether the answer of a call was right, of one of the last `MOST_REMEMBERED` that were added here; see `outcomes`.

        Args:
            expected_hash: of what would have been right.
        """
        if not (self._closed or self._hopeless):
            self._take(Outcome(record, right, expected_hash))

    def _take(self, item: CallRecord | Outcome) -> None:
        self._waiting.append(item)
        if not self._wake.is_set():
            self._rouse()
        if self._notices:
            self._tell()
        if len(self._waiting) > MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Come back when all that was added is in the file."""
        self._write()
        self._tell()

    def close(self) -> None:
        """Write what waits, and close the file. May be called twice; what is added later is lost."""
        self._closed = True
        with self._writing:
            self._write()
            self._close_file()
        self._stop()
        self._tell()

    def _tell(self) -> None:
        while self._notices:
            try:
                text = self._notices.popleft()
            except IndexError:  # another thread was quicker
                return
            self._report(f"rtfs: {text}")

    def _write(self) -> None:
        with self._writing:
            self._drain()

    def _rest(self) -> None:
        with self._writing:
            self._close_file()

    # --- the file; `_writing` is held ---

    def _drain(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _BATCH))]
            if self._hopeless:
                continue
            if self._file is None:
                try:
                    self._file = LogFile(self.path, max_bytes=self._max_bytes, notice=self._notices.append)
                except ConfigError as problem:
                    self._hopeless = True
                    self._failed(problem.message)
                    continue
            try:
                self._put(self._file, batch)
            except ConfigError as problem:
                self._failed(problem.message)

    def _put(self, file: LogFile, batch: list[CallRecord | Outcome]) -> None:
        records, rows, outcomes = [], [], []
        for item in batch:
            if isinstance(item, Outcome):
                outcomes.append(item)
            elif (row := self._row(item)) is not None:
                records.append(item)
                rows.append(row)
        if rows:
            remembered = self._written_as
            for number, record in enumerate(records, file.append(rows)):
                remembered[id(record)] = (record, number)
            for old in list(islice(remembered, max(0, len(remembered) - MOST_REMEMBERED))):
                del remembered[old]
        known = [(self._written_as.get(id(one.record)), one) for one in outcomes]
        file.note([(found[1], one.right, one.expected_hash) for found, one in known if found is not None])

    def _row(self, record: CallRecord) -> Row | None:
        try:
            text = None if record.source == "none" or record.body_error is not None else readable(record.value)
            hash_of_value = None if text is None else value_hash(text)
            row = None if self.full else usual_row(self.run, record, hash_of_value)
            if row is not None and self._is_clean(row[-1]):
                return row
            document = record.facts()
            document["value_hash"] = hash_of_value
            if self.full:
                document["value"] = text
            else:
                del document["arguments"]
                if document["cache_note"] is not None:  # the text of the other call is what that was asked about
                    document["cache_note"] = {name: said for name, said in document["cache_note"].items() if name != "matched"}
            written = self._written(document)
            if written is None:
                document = self._clean(document)
                written = encoded(document)
            return row_of(self.run, document, written)
        except Exception as error:  # a value of the host's that cannot be printed; the others are still written
            self._failed(f"the record of a call of {record.function} cannot be written: {type(error).__name__}")
            return None

    def _written(self, document: dict[str, Any]) -> str | None:
        """A record as JSON, where nothing in it has to be cleaned, which is most often so; else None."""
        try:
            written = encoded(document)
        except ValueError:  # a number that JSON does not have
            return None
        return written if self._is_clean(written) else None

    def _is_clean(self, written: str) -> bool:
        """Whether a record as JSON can be stored and shown as it is.

        Without a backslash every text in it stands there as it is, so that one look finds a secret in any of them.
        """
        return len(written) <= LONGEST_TEXT and "\\" not in written and self._redact(written) == written

    def _clean(self, item: Any) -> Any:
        """What can be stored and shown: without secrets, endless texts, and numbers that JSON does not have."""
        kind = type(item)
        if kind is str:
            if len(item) < _SHORTEST_SECRET:
                return item
            item = self._redact(item)
            return item if len(item) <= LONGEST_TEXT else item[:LONGEST_TEXT] + "…"
        if kind is dict:
            return {key: self._clean(value) for key, value in item.items()}
        if kind is list:
            return [self._clean(value) for value in item]
        if kind is float and (item != item or item in (_INFINITY, -_INFINITY)):
            return None
        return item

    def _failed(self, what: str) -> None:
        if not self._told:
            self._told = True
            self._notices.append(f"calls are not logged: {what}; nothing else is affected (RTFS_LOG=off: no log)")

    def _close_file(self) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except ConfigError as problem:
                self._failed(problem.message)
            self._file = None

    # --- forks: SQLite must not see one, neither with a connection nor with a lock ---

    def _before_fork(self) -> None:
        self._close_file()

    def _forked(self) -> None:
        self._waiting.clear()
        self._written_as.clear()


_INFINITY = float("inf")
