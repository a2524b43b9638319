"""The log of delegated calls: what is in it, and that nothing is lost or broken by whatever happens around it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from rtfs.capabilities.redaction import redactor
from rtfs.config import Limits
from rtfs.delegation import log as logs
from rtfs.delegation import log_file
from rtfs.delegation.log import CallLog
from rtfs.delegation.log_file import LogFile, row_of
from rtfs.delegation.record import Attempt
from rtfs.errors import ConfigError, LimitExceeded
from rtfs.runtime import Runtime
from rtfs.values.sequences import Vector
from tests.support.call_log import PROGRAM, documents, python, record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "calls.sqlite"


# --- what is in it ---


def test_every_call_of_a_runtime_is_in_the_log(path: Path):
    with Runtime(environ={}, log=path) as runtime:
        runtime.run(PROGRAM)
        assert runtime.run('(say "hello")') == "text: hello"
        runtime.run('(label "x")')
    first, second = documents(path)
    assert first["function"] == "say"
    assert first["decision"]["reasoning"] == "the function's own hint"
    assert first["decision"]["propensity"] == 1.0
    assert first["attempts"][0]["outcome"] == "answered"
    assert (first["cost_usd"], first["score"], first["confidence"], first["cache"]) == (0.0, None, None, None)
    assert len(first["value_hash"]) == len(first["request_hash"]) == 32
    assert "value" not in first
    assert "arguments" not in first
    assert "hello" not in json.dumps(first)
    assert second["function"] == "label"


def test_a_call_that_no_model_answered_is_in_it_too(path: Path):
    with Runtime(environ={}, log=path, on_warning=lambda message, span: None) as runtime:
        runtime.run(PROGRAM + '(lost "x")')
    (one,) = documents(path)
    assert (one["source"], one["error_kind"]) == ("body", "model-unavailable")
    assert one["value_hash"] is not None


def test_hashes_tell_questions_and_values_apart(path: Path):
    with Runtime(environ={}, log=path) as runtime:
        runtime.run(PROGRAM + '(say "x") (say "x") (say "y") (label "x") (label "y")')
        runtime.run('(defn say ^:delegation :remote "echo" "Say it differently." [text :string] :-> :string text) (say "x")')
    x, again, y, label_x, label_y, other = documents(path)
    assert x["request_hash"] == again["request_hash"]
    assert x["value_hash"] == again["value_hash"]
    assert len({one["request_hash"] for one in (x, y, label_x, label_y, other)}) == 5
    assert label_x["value_hash"] == label_y["value_hash"] != x["value_hash"]


def test_a_type_that_is_defined_anew_makes_another_question(path: Path):
    define = "(deftype Answer [:enum {}])"
    with Runtime(environ={}, log=path) as runtime:
        runtime.run(define.format(":a") + '(defn ask ^:delegation :remote "echo" "?" [] :-> Answer :a) (ask)')
        runtime.run("(ask)")
        assert str(runtime.run(define.format(":b :a") + "(ask)", raw=True)) == ":b"
    one, same, other = documents(path)
    assert one["request_hash"] == same["request_hash"] != other["request_hash"]


def test_the_hash_of_a_request_does_not_depend_on_the_process(tmp_path: Path):
    code = f"""
from rtfs.runtime import Runtime
with Runtime(environ={{}}, log="LOG") as runtime:
    runtime.run({PROGRAM!r} + '(say "x")')
"""
    hashes = set()
    for seed in ("1", "2"):
        file = tmp_path / seed
        python(code.replace("LOG", file.as_posix()), PYTHONHASHSEED=seed)
        hashes.add(documents(file)[0]["request_hash"])
    assert len(hashes) == 1


def test_a_full_log_has_arguments_and_values(path: Path):
    environ = {"RTFS_LOG": "full", "MY_KEY": "sesame-open"}
    with Runtime(environ=environ, log=path) as runtime:
        runtime.run(PROGRAM + '(say "say sesame-open")')
    (one,) = documents(path)
    assert one["arguments"] == '["say [MY_KEY]"]'
    assert one["value"] == '"text: say [MY_KEY]"'


@pytest.mark.parametrize("full", [False, True])
def test_the_text_of_a_call_that_meant_the_same_is_an_argument(path: Path, full: bool):
    log = CallLog(path, full=full)
    log.add(record(cache="L3", cache_note={"matched": "my name is Ada", "score": 0.9, "entry": "00ff"}))
    log.close()
    (one,) = documents(path)
    assert one["cache_note"] == {"score": 0.9, "entry": "00ff"} | ({"matched": "my name is Ada"} if full else {})


@pytest.mark.parametrize("secret", ["open sesame", 'open-"sesame"', "öffne-dich-jetzt", "open\nsesame", "open\\sesame", '", "source": "'])
def test_secrets_are_in_no_field(path: Path, secret: str):
    log = CallLog(path, redact=redactor({"MY_KEY": secret}), full=True)
    log.add(record(error=f"the key {secret} is wrong", repairs=(secret,), value=secret, model=secret))
    log.close()
    raw = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"sesame" not in raw
    assert documents(path)[0]["error"] == "the key [MY_KEY] is wrong"


def test_what_cannot_be_stored_as_it_is(path: Path):
    said: list[str] = []
    log = CallLog(path, report=said.append)
    log.add(record(function="\ud800", score=float("nan"), confidence=float("inf"), error="x" * 100_000))
    log.add(record(attempts=(Attempt(provider="p", outcome="answered", prompt_tokens=2**70, completion_tokens=1, cost_usd=0.0),)))
    deep: Any = Vector(())
    for _ in range(100_000):
        deep = Vector((deep,))
    log.add(record(value=deep))
    log.add(record(function="last"))
    log.close()
    found = documents(path)
    assert (found[0]["function"], found[0]["score"], found[0]["confidence"]) == ("\ud800", None, None)
    assert len(found[0]["error"]) == logs.LONGEST_TEXT + 1
    assert found[1]["attempts"][0]["prompt_tokens"] == 2**70
    assert found[-1]["function"] == "last"
    assert len(found) == 4
    assert said == []


def test_a_small_value_with_an_endless_text(path: Path):
    said: list[str] = []
    with Runtime(environ={}, log=path, on_warning=lambda message, span: said.append(message)) as runtime:
        runtime.run(PROGRAM + '(defn grow ^:delegation :local-model "none" "?" [x :any] :-> :any [x x])')
        runtime.run("(def big (reduce (fn [x _] [x x]) 0 (range 60))) (count (grow big))")
    (one,) = documents(path)
    assert (one["request_hash"], one["value_hash"], one["function"]) == (None, None, "grow")
    assert not [text for text in said if "log" in text]


@pytest.mark.parametrize("strategy", ["ir", "tree"])
def test_a_log_does_not_change_where_a_limited_run_stops(tmp_path: Path, strategy: str):
    program = PROGRAM + '(def big (vec (range 30000))) (defn f ^:delegation :local-model "none" "?" [x :any] :-> :int 1) '
    rest = "(dotimes [i 3] (f [big big])) (loop [i 0] (recur (inc i)))"

    def steps(log: Any) -> int:
        with Runtime(environ={}, strategy=strategy, log=log, limits=Limits(max_steps=100_000), on_warning=lambda *_: None) as runtime:
            counted = []
            runtime.define("note", counted.append)
            with pytest.raises(LimitExceeded):
                runtime.run(program + rest.replace("(recur", "(note i) (recur"))
            return len(counted)

    assert steps(tmp_path / "calls.sqlite") == steps(None) > 1_000


def test_the_log_is_for_the_user_alone(path: Path):
    with Runtime(environ={}, log=path) as runtime:
        runtime.run(PROGRAM + '(say "x")')
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_without_a_log_nothing_is_written(tmp_path: Path):
    with Runtime(environ={"RTFS_STATE_DIR": str(tmp_path)}) as runtime:
        runtime.run(PROGRAM + '(say "x")')
        assert runtime.records.calls[0].request_hash is None
    assert list(tmp_path.iterdir()) == []


def test_log_true_is_the_file_of_the_state_folder(tmp_path: Path):
    with Runtime(environ={"RTFS_STATE_DIR": str(tmp_path)}, log=True) as runtime:
        runtime.run(PROGRAM + '(say "x")')
    assert len(documents(tmp_path / "calls.sqlite")) == 1


def test_a_log_that_is_given_stays_open(path: Path):
    log = CallLog(path)
    for _ in range(2):
        with Runtime(environ={}, log=log) as runtime:
            runtime.run(PROGRAM + '(say "x")')
        assert documents(path)
    log.close()
    log.close()
    log.add(record())
    assert len(documents(path)) == 2


def test_nonsense_is_no_log():
    with pytest.raises(ConfigError, match="log=3 is neither"):
        Runtime(environ={}, log=3)


# --- size ---


def test_the_oldest_go_first(path: Path):
    log = CallLog(path, max_bytes=300_000)
    for number in range(3_000):
        log.add(record(function=f"f{number}", error="x" * 100))
    log.close()
    kept = [int(one["function"][1:]) for one in documents(path)]
    assert kept == list(range(kept[0], 3_000))
    assert 100 < len(kept) < 1_000
    assert path.stat().st_size < 2_000_000


def test_one_record_stays_however_large(path: Path):
    log = CallLog(path, max_bytes=1)
    log.add(record(function="a"))
    log.add(record(function="b"))
    log.close()
    assert [one["function"] for one in documents(path)] == ["b"]


def test_clearing_removes_it_from_the_disk(path: Path):
    log = CallLog(path)
    log.add(record(error="to-be-forgotten"))
    log.close()
    file = LogFile(str(path))
    assert file.clear() == 1
    file.close()
    assert documents(path) == []
    assert b"to-be-forgotten" not in b"".join(one.read_bytes() for one in path.parent.iterdir())


def test_a_row_has_what_its_document_says():
    row = dict(zip([name for name, _ in log_file.COLUMNS], row_of("r", record(error="no").to_dict(), "{}"), strict=True))
    assert row.pop("record")
    assert row == {
        "run": "r",
        "started": 1.0,
        "function": "f",
        "target": "remote",
        "model": "m",
        "answered_by": None,
        "failed": True,
        "latency_s": 0.5,
        "prompt_tokens": 10,
        "completion_tokens": 3,
        "cost_usd": 0.25,
    }


def test_versions_of_a_function_are_told_apart(path: Path):
    with Runtime(environ={}, log=path) as runtime:
        ask = '(defn ask ^:delegation :local-model "rules" ^{:rules [["x" "a"] [:else "b"]]} "What?" [text :string] :-> :string text)'
        for text in (ask, ask, ask.replace("What?", "Which?"), ask.replace('"b"', '"c"'), ask.replace('"rules"', '"echo"')):
            runtime.run(text + '(ask "x")')
        runtime.run('(ask "another question")')
    first, again, doc, rules, model, other = [one["function_hash"] for one in documents(path)]
    assert first == again == model == other  # who is asked, and what, does not make another function
    assert len({first, doc, rules}) == 3
