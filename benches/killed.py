"""`kill -9` at any moment of 10,000 writes: what was committed is there and right, nothing damaged is served, nothing needs repair.

    python -m benches.killed [--rounds 50] [--writes 10000] [--only NAME] [--seed N]

First it is measured how long the writes take, in processes that are let finish.  Then, round by round, a process writes to the same
files and is killed at a moment drawn from all of that time, which is divided among the rounds so that no part of it is left out.
What the time is is corrected by what the last rounds came to, as a machine with other work is slower at times; a process that has
finished all the same is killed too, and counted.

| what is written   | an entry is committed when                                                                    |
|-------------------|-----------------------------------------------------------------------------------------------|
| `sqlite`          | `put` is back: the store of layers in files                                                   |
| `bounded`         | the same, with room for a fifth of the writes: the newest of them, and the totals are right   |
| `batched`         | `flush` is back, here after each 100: the store of answers in files                           |
| `behind`          | `put` is back, as the journal has it: a file here, another store behind it that is written later |
| `behind-redis`    | the same before a Redis server, where one is installed                                        |
| `through`         | `put` is back: both stores have it                                                            |
| `log`             | `flush` is back, here after each 100: the log of calls, with arguments                        |

A process notes what is committed in a file of its own, a line for each, after the fact: an entry that is there and not noted is
right too, one that is noted and not there is lost.  Killed is the process and not the machine: what loss of power does is another
question (`rtfs.database`).
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).parents[1]
#: Writes after which those that collect are flushed.
TOGETHER = 100
_HUGE = 10**12


def value_of(number: int) -> bytes:
    """Between 2 bytes and some hundred, by the number: a wrong one is seen."""
    return (b"%d " % number) * (1 + number % 40)


def key_of(number: int) -> bytes:
    return number.to_bytes(32, "big")


class Subject(Protocol):
    """What is written to, open."""

    def put(self, number: int) -> None: ...

    def commit(self) -> None:
        """What was put is committed once this is back."""

    def found(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """What is served of these entries."""
        ...

    def problems(self) -> list[str]:
        """What is wrong with all of it, in sentences."""
        ...

    def close(self) -> None: ...


class _OfStore:
    """A store of caches."""

    def __init__(self, store: Any, files: Callable[[], list[Any]]) -> None:
        self.store, self._files = store, files

    def put(self, number: int) -> None:
        assert self.store.put("a", key_of(number), value_of(number), tags=(f"t{number % 7}",))

    def commit(self) -> None:
        pass

    def found(self, numbers: Iterable[int]) -> dict[int, bytes]:
        pairs = [(number, self.store.get("a", key_of(number))) for number in numbers]
        return {number: value for number, value in pairs if value is not None}

    def problems(self) -> list[str]:
        found = []
        for store in self._files():
            whole, wrong = store.verify()
            stats = store.stats()
            found += wrong
            if stats.entries != whole:
                found.append(f"{store.place}: {stats.entries} entries by its totals, {whole} by count")
            sizes = [(space, key, len(value)) for space in store.namespaces() for key, value in store.items(space)]
            if stats.size_bytes != sum([size for _, _, size in sizes]):
                found.append(f"{store.place}: its totals of bytes are not right")
            tagged = sum([space == "a" and int.from_bytes(key, "big") % 7 == 3 for space, key, _ in sizes])
            if len([1 for _ in store.known("a", tag="t3")]) != tagged:
                found.append(f"{store.place}: not all entries are found by their tag")
        return found

    def close(self) -> None:
        self.store.close()


class _Batched(_OfStore):
    def commit(self) -> None:
        self.store.flush()


class _Behind(_OfStore):
    """What is served comes from the store behind: all that was committed has to arrive there."""

    def found(self, numbers: Iterable[int]) -> dict[int, bytes]:
        numbers = list(numbers)
        self.store.flush()
        tiered = self.store.inner
        assert tiered.waiting == 0, "the journal is empty once all was delivered"
        cold = _OfStore(tiered.cold, list).found(numbers)
        here = super().found(numbers)
        assert here == cold
        return here


class _Log:
    """The log of calls."""

    def __init__(self, path: str, notices: list[str], run: int) -> None:
        from rtfs.delegation.log import CallLog

        self.path, self._run = path, run
        self._log = CallLog(path, full=True, max_bytes=_HUGE, report=notices.append)

    def put(self, number: int) -> None:
        from rtfs.delegation.record import Attempt, CallRecord

        attempt = Attempt(provider="p", outcome="answered", target="remote_model:m", prompt_tokens=10, completion_tokens=3)
        self._log.add(
            CallRecord(
                function=f"f{number}", target="remote", model="m", started=1.0, latency_s=0.5, source="model", attempts=(attempt,),
                arguments=value_of(number).decode(),
            )
        )  # fmt: skip

    def commit(self) -> None:
        self._log.flush()

    def found(self, numbers: Iterable[int]) -> dict[int, bytes]:
        from rtfs.delegation.log_file import read

        wanted = set(numbers)
        # a document takes longer to read than a row to pass over
        few = "WHERE CAST(substr(function, 2) AS INTEGER) IN (SELECT value FROM json_each(?)) ORDER BY id"
        records = [record for _, _, record in read(self.path, few, (str(sorted(wanted)),))]
        of_number = {int(record["function"][1:]): record["arguments"].encode() for record in records}
        assert len(of_number) == len(records), "a record is there twice"
        return of_number

    def problems(self) -> list[str]:
        import sqlite3

        with sqlite3.connect(self.path) as db:
            found = [text for (text,) in db.execute("PRAGMA integrity_check") if text != "ok"]
        db.close()
        return found

    def close(self) -> None:
        self._log.close()


def _store(layer: str, folder: str, notices: list[str], cold: str | None = None, **settings: Any) -> Any:
    from rtfs.caching.layer import CacheConfig
    from rtfs.caching.opening import layer_store

    config = CacheConfig(**{"max_entries": _HUGE, "max_bytes": _HUGE, **settings})
    return layer_store(layer, folder, cold, config, notices.append)


def _sqlite(folder: str, notices: list[str], writes: int, address: str) -> Subject:
    store = _store("L3", folder, notices)
    return _OfStore(store, lambda: [store.inner])


def _bounded(folder: str, notices: list[str], writes: int, address: str) -> Subject:
    store = _store("L3", folder, notices, max_entries=writes // 5, policy="fifo")
    return _OfStore(store, lambda: [store.inner])


def _batched(folder: str, notices: list[str], writes: int, address: str) -> Subject:
    store = _store("L2", folder, notices)
    return _Batched(store, lambda: [store.inner.inner])


def _hasty(folder: str, notices: list[str], writes: int, address: str) -> Subject:
    store = _store("L2", folder, notices)
    return _OfStore(store, lambda: [store.inner.inner])


def _tiered(folder: str, notices: list[str], behind: bool) -> Subject:
    """A file here and another one in the place of a server, which no address names."""
    from rtfs.caching.stores.guarded import GuardedStore
    from rtfs.caching.stores.sqlite import SQLiteStore
    from rtfs.caching.stores.tiered import TieredStore

    names = [os.path.join(folder, name) for name in ("replies.sqlite", "cold.sqlite")]
    files = [SQLiteStore(name, max_entries=_HUGE, max_bytes=_HUGE, notice=notices.append) for name in names]
    hot, cold = [GuardedStore(file, notice=notices.append) for file in files]
    store = GuardedStore(TieredStore(hot, cold, write_behind=behind), notice=notices.append)
    return (_Behind if behind else _OfStore)(store, lambda: files)


def _behind(folder: str, notices: list[str], writes: int, address: str) -> Subject:
    return _tiered(folder, notices, True)


def _through(folder: str, notices: list[str], writes: int, address: str) -> Subject:
    return _tiered(folder, notices, False)


def _behind_redis(folder: str, notices: list[str], writes: int, address: str) -> Subject:
    store = _store("L2", folder, notices, address)
    return _Behind(store, lambda: [store.inner.hot.inner])


def _log(folder: str, notices: list[str], writes: int, address: str) -> Subject:
    return _Log(os.path.join(folder, "calls.sqlite"), notices, writes)


@dataclass(frozen=True)
class Kind:
    open: Callable[[str, list[str], int, str], Subject]
    """(folder, takes notices, writes of a round, address of the cold store)"""
    together: int = 1
    """Writes that are committed at once."""
    keeps_all: bool = True


KINDS = {
    "sqlite": Kind(_sqlite),
    "bounded": Kind(_bounded, keeps_all=False),
    "batched": Kind(_batched, TOGETHER),
    "behind": Kind(_behind),
    "behind-redis": Kind(_behind_redis),
    "through": Kind(_through),
    "log": Kind(_log, TOGETHER),
}
#: Takes what waits for committed, which it is not: to see that what is lost is found out.
HASTY = "hasty"


# --- the process that is killed ---


def write(name: str, folder: str, first: int, count: int, noted: str, address: str) -> None:
    """Write entries, note each that is committed, and wait for the end."""
    kind = Kind(_hasty) if name == HASTY else KINDS[name]
    subject = kind.open(folder, [], count, address)
    notes = os.open(noted, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    print("begun", flush=True)
    for number in range(first, first + count):
        subject.put(number)
        if (number + 1) % kind.together == 0 or number + 1 == first + count:
            subject.commit()
            os.write(notes, b"%d\n" % number)
    print("done", flush=True)
    sys.stdin.read()


def _start(name: str, folder: Path, first: int, count: int, noted: Path, address: str) -> subprocess.Popen[bytes]:
    words = ["--write", name, str(folder), str(first), str(count), str(noted), address]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "benches.killed", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    return process


def _kill(process: subprocess.Popen[bytes]) -> bool:
    """Whether it had finished."""
    os.kill(process.pid, signal.SIGKILL)
    said = process.stdout.read() if process.stdout is not None else b""
    process.wait(60)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    assert process.returncode == -signal.SIGKILL
    return said == b"done\n"


# --- the rounds ---


@dataclass
class Round:
    """What a round came to."""

    kill_s: float
    """After the first write."""
    part: float
    """The same as a part of what all writes take, 0 to 1."""
    committed: int
    """Entries that were noted."""
    more: int
    """That were there besides: committed, and not noted yet, or written by themselves before they were flushed."""
    finished: bool
    lost: list[int]
    wrong: list[int]


@dataclass
class Report:
    name: str
    writes: int
    takes_s: float
    """All of them, in a process that is let finish; the median of some."""
    rounds: list[Round] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def line(self) -> str:
        def spread(values: list[float], digits: int) -> str:
            low, middle, high = min(values), statistics.median(values), max(values)
            return f"{low:,.{digits}f} / {middle:,.{digits}f} / {high:,.{digits}f}"

        moments = [one.kill_s for one in self.rounds]
        committed = [float(one.committed) for one in self.rounds]
        quarters = [sum([k <= 4 * count / self.writes < k + 1 for count in committed]) for k in range(4)]
        return (
            f"{self.name:<13} {self.takes_s:>6.2f} s  {spread(moments, 2):>20}  {spread(committed, 0):>22}  "
            f"{'+'.join(map(str, quarters)):>12}  {sum([one.finished for one in self.rounds]):>8}  "
            f"{sum([one.committed for one in self.rounds]):>9,}  {sum([one.more for one in self.rounds]):>5,}  "
            f"{sum([len(one.lost) for one in self.rounds]):>4}  {sum([len(one.wrong) for one in self.rounds]):>5}  "
            f"{len(self.problems):>8}"
        )


HEAD = (
    f"{'':<13} {'takes':>8}  {'killed after (s)':>20}  {'committed in a round':>22}  {'by quarters':>12}  {'finished':>8}  "
    f"{'committed':>9}  {'more':>5}  {'lost':>4}  {'wrong':>5}  {'problems':>8}"
)


def takes_s(name: str, writes: int, address: str, folder: Path, times: int) -> float:
    """Seconds that the writes take from the first to the last."""
    taken = []
    for time_ in range(times):
        place = folder / f"measured-{time_}"
        place.mkdir()
        process = _start(name, place, 10**9 + time_ * writes, writes, place / "noted", address)
        begin = time.monotonic()
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        taken.append(time.monotonic() - begin)
        _kill(process)
        shutil.rmtree(place)
    return statistics.median(taken)


def run(name: str, *, rounds: int, writes: int, seed: int, folder: Path, address: str = "", times: int = 3) -> Report:
    """Kill a process in each round, and look at what is there.

    Args:
        folder: an empty one.
        address: of the cold store, where it is a server.
        times: how often it is measured what the writes take.
    """
    kind = Kind(_hasty) if name == HASTY else KINDS[name]
    report = Report(name, writes, takes_s(name, writes, address, folder, times))
    place = folder / "kept"
    place.mkdir()
    rng = random.Random(seed)
    parts = [(i + rng.random()) / rounds for i in range(rounds)]
    rng.shuffle(parts)
    committed: list[int] = []
    for round_, part in enumerate(parts):
        moment = part * _now_s(report)
        first, noted = round_ * writes, folder / f"noted-{round_}"
        process = _start(name, place, first, writes, noted, address)
        time.sleep(moment)
        finished = _kill(process)
        lines = noted.read_bytes().split(b"\n")
        last = int(lines[-2]) if len(lines) > 1 else first - 1  # what follows the last line break was cut off
        mine = range(first, last + 1)
        notices: list[str] = []
        subject = kind.open(str(place), notices, writes, address)
        try:
            found = subject.found(range(first, first + writes))
            # some of what earlier rounds left: what was safe stays so
            sample = rng.sample(committed, min(500, len(committed)))
            found |= subject.found(sample)
            if round_ == rounds - 1:
                found |= subject.found(committed)
                sample = committed
                report.problems += subject.problems()
        finally:
            subject.close()
        report.problems += notices
        # what makes room takes a sixteenth more than it has to, and one entry may be there that is not noted
        has_to_be = [*sample, *mine] if kind.keeps_all else [*mine][-(writes // 5 * 15 // 16 - 1) :]
        report.rounds.append(
            Round(
                kill_s=moment,
                part=part,
                committed=len(mine),
                more=len([number for number in found if last < number < first + writes]),
                finished=finished,
                lost=[number for number in has_to_be if number not in found],
                wrong=[number for number, value in found.items() if value != value_of(number)],
            )
        )
        committed += mine
    report.problems += [f"{path.name}: a file that was set aside" for path in place.rglob("*damaged*")]
    return report


def _now_s(report: Report) -> float:
    """What all writes take, by the last rounds that got far enough to say; the measured time where there are none."""
    telling = [one for one in report.rounds if one.committed > report.writes / 10 and not one.finished]
    said = [one.kill_s * report.writes / one.committed for one in telling]
    return statistics.median(said[-5:]) if said else report.takes_s


def main(argv: list[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else argv
    if given[:1] == ["--write"]:
        name, folder, first, count, noted, address = given[1:]
        write(name, folder, int(first), int(count), noted, address)
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--writes", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=20261120)
    parser.add_argument("--only", default="", help="names, with commas")
    options = parser.parse_args(given)
    if sys.platform == "win32":
        print("there is no `kill -9` here")
        return 0
    names = options.only.split(",") if options.only else [name for name in KINDS if name != "behind-redis" or _has_redis()]
    print(f"{options.rounds} rounds of {options.writes:,} writes; least / median / most\n{HEAD}", flush=True)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            place = Path(folder, name)
            place.mkdir()
            with _Address(name, place) as address:
                report = run(
                    name, rounds=options.rounds, writes=options.writes, seed=options.seed, folder=place, address=address
                )
            print(report.line(), flush=True)
            for problem in report.problems:
                print(f"  {problem}")
            failed |= bool(report.problems) or any(one.lost or one.wrong for one in report.rounds)
            shutil.rmtree(place)
    return 1 if failed else 0


def _has_redis() -> bool:
    from importlib.util import find_spec

    return shutil.which("redis-server") is not None and find_spec("redis") is not None


class _Address:
    """A server for the kind that needs one."""

    def __init__(self, name: str, folder: Path) -> None:
        self._server: Any = None
        if name == "behind-redis":
            from tests.support.servers import Redis

            data = folder / "redis"
            data.mkdir()
            self._server = Redis(data)

    def __enter__(self) -> str:
        if self._server is None:
            return ""
        self._server.start()
        return str(self._server.address)

    def __exit__(self, *exc: object) -> None:
        if self._server is not None:
            self._server.stop()


if __name__ == "__main__":
    sys.exit(main())
