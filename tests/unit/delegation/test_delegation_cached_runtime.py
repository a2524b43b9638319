"""A runtime whose answers are kept: what its settings say, and what of them is refused."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

import rtfs
from rtfs.caching.manager import CacheManager
from rtfs.caching.replies import ReplyCache
from rtfs.caching.stores.memory import MemoryStore
from rtfs.errors import ConfigError, DelegationError, LimitExceeded
from rtfs.models.protocol import Availability, ModelReply, ModelRequest, Usage
from rtfs.models.registry import ModelRegistry

PROGRAM = '(defn f ^:delegation :local-model "echo" "Say it." [x :string] :-> :string "body") (f "a")'


def test_a_runtime_keeps_answers_when_it_is_told_to(tmp_path: Path) -> None:
    for caches, by_cache in ((None, 0), (True, 1), (str(tmp_path / "answers"), 1), (str(tmp_path / "answers"), 2)):
        with rtfs.Runtime(caches=caches) as rt:
            rt.run(PROGRAM)
            rt.run('(f "a")')
            assert rt.records.totals.by_cache == by_cache


def test_a_function_may_ask_for_the_layer_of_meaning(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    program = '(defn f ^:delegation :local-model "echo" ^{:cache :semantic} "Say it." [x :string] :-> :string "body")'
    with rtfs.Runtime(caches=tmp_path, environ={"RTFS_DATA_DIR": str(tmp_path)}) as rt:
        rt.run(program + '(f "How do I open an account?") (f "How do I close an account?") (f "How do I open an account?")')
        assert [record.cache for record in rt.records.calls] == [None, None, "L2"]
        layers = {stats.layer: stats for stats in rt.delegation.caches.stats()}
        assert (layers["L3"].puts, layers["L3"].hits) == (2, 0), "nothing is served before it is shown to be safe"
    assert (tmp_path / "semantic.sqlite").exists()
    with rtfs.Runtime(caches={"off": ["semantic"]}) as rt:
        rt.run(program + '(f "x")')
        assert [stats.layer for stats in rt.delegation.caches.stats()] == ["L2"]


def test_a_given_manager_stays_open() -> None:
    caches = CacheManager(ReplyCache(MemoryStore()))
    for number in range(2):
        with rtfs.Runtime(caches=caches) as rt:
            rt.run(PROGRAM)
            assert rt.records.totals.by_cache == number


class Timed:
    """The first request takes all of its time, and fails; those after it are answered at once."""

    name = "timed"

    def __init__(self) -> None:
        self.requests: list[ModelRequest] = []
        self.begun = threading.Event()

    def complete(self, request: ModelRequest) -> ModelReply:
        self.requests.append(request)
        if len(self.requests) > 1:
            return ModelReply(text='"answered"', usage=Usage(prompt_tokens=10, completion_tokens=2))
        self.begun.set()
        time.sleep(request.timeout_s)
        raise DelegationError("no answer in time", kind="model-unavailable", retryable=True)

    def availability(self, model: str) -> Availability:
        return Availability(usable=True, detail="here")

    def close(self) -> None:
        pass


def test_who_waits_for_another_runtime_keeps_its_own_time() -> None:
    """The one that asks runs out of its own time; the one that waits has more, and asks itself, within what it has left."""
    caches, model = CacheManager(ReplyCache(MemoryStore())), Timed()

    def runtime(**options: Any) -> rtfs.Runtime:
        registry = ModelRegistry()
        registry.register("m", model)
        made = rtfs.Runtime(caches=caches, models=registry, on_warning=lambda message, span: None, **options)
        made.run('(defn ask ^:delegation :remote "m" ^{:timeout-s 20} "?" [x :string] :-> :string (str "body of " x))')
        return made

    ended: list[Any] = []

    def hurried() -> None:
        with runtime(limits=rtfs.Limits(timeout_s=0.5)) as first:
            try:
                ended.append(first.run('(ask "x")'))
            except LimitExceeded as limit:
                ended.append(limit.kind)

    thread = threading.Thread(target=hurried, daemon=True)
    thread.start()
    assert model.begun.wait(20)
    with runtime() as second:
        assert second.run('(ask "x")') == "answered"
    thread.join(20)
    assert ended in (["body of x"], ["time-exhausted"])
    assert [request.timeout_s < 0.6 for request in model.requests] == [True, False]
    assert 10 < model.requests[1].timeout_s < 20, "it has waited"


@pytest.mark.parametrize(
    "wrong",
    [
        {"stor": "memory"}, {"off": ["replies"]}, {"default": "always"}, {"policy": "mru"}, "ftp://there", 3, {"store": None}, {"store": ""},
        {"max_entries": "a"}, {"max_bytes": 1.5}, {"ttl_s": "day"}, {"min_confidence": None}, {"off": 3}, {"samples": "a"},
        {"samples": 0}, {"shared": "folder"}, {"shared": 3}, {"semantic": 3}, {"write_behind": "x"},
    ],
)  # fmt: skip
def test_wrong_settings_are_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError), rtfs.Runtime(caches=wrong) as rt:
        rt.run(PROGRAM)


@pytest.mark.parametrize(
    "address", ["http://me:hush@there", "redis://me:hush@127.0.0.1:1/0", "redis://127.0.0.1:1/0?password=hush", "s3://me:hush@bucket/x"]
)
def test_passwords_in_addresses_are_not_shown(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip(address.partition(":")[0].replace("s3", "obstore").replace("http", "rtfs"))
    said = ""
    try:
        with rtfs.Runtime(caches={"shared": address}) as rt:
            rt.run(PROGRAM)
    except ConfigError as error:
        said = f"{error.message} {error.hint}"
    said += capsys.readouterr().err
    assert said
    assert "hush" not in said


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    import sqlite3

    folder = tmp_path / "answers"
    with rtfs.Runtime(caches=folder) as rt:
        rt.run(PROGRAM)
    with sqlite3.connect(folder / "replies.sqlite") as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    told: list[str] = []
    with rtfs.Runtime(caches=folder, on_warning=lambda message, span: told.append(message)) as rt:
        rt.run(PROGRAM)
        rt.run('(f "a")')
        assert rt.records.totals.by_cache == 1, "in memory"
    assert len(told) == 1
    assert "later RTFS" in told[0]
