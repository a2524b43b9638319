"""Outcomes and confidences: from answers that were judged to escalation by what scores are worth."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rtfs.delegation.confidence import Confidences, Judged, confidence_path, cross_fitted, fit, fit_all
from rtfs.delegation.log import CallLog
from rtfs.delegation.log_file import LogFile
from rtfs.delegation.log_queries import Selection
from rtfs.delegation.outcomes import Noted, judged, note_outcomes
from rtfs.delegation.router.calibration import Platt, calibration_error
from rtfs.errors import ConfigError
from rtfs.models.protocol import ModelReply, Usage
from rtfs.models.registry import ModelRegistry
from rtfs.runtime import Runtime
from rtfs.values.scalars import Keyword
from tests.support.cached_calls import Scripted

LABEL = '(defn label ^:delegation :local-model "quick" "Which?" [text :string] :-> [:enum :a :b] :b)'
ESCALATES = '[[rules]]\nsymbol = "label"\ntarget = ["local:quick", "local:slow"]\naccept_above = 0.8\n'


def reply(text: str, score: float | None) -> ModelReply:
    return ModelReply(text=text, usage=Usage(prompt_tokens=1, completion_tokens=1), score=score)


def version_of(runtime: Runtime) -> str:
    """The hash of `label`."""
    runtime.run('(label "0")')
    return runtime.records.calls[-1].function_hash


def rows_of(worth: Callable[[float], float], count: int, seed: int = 0) -> list[Judged]:
    """Answers whose scores are worth something else than they say."""
    chance = random.Random(seed)
    scores = [chance.random() for _ in range(count)]
    return [Judged("f", "local_model:m", score, chance.random() < worth(score)) for score in scores]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "calls.sqlite")


@pytest.fixture
def make(tmp_path: Path, path: str) -> Callable[..., Runtime]:
    def made(quick: list[Any], slow: list[Any] | None = None, **options: Any) -> Runtime:
        registry = ModelRegistry()
        registry.register("quick", Scripted(*quick), kind="local")
        if slow is not None:
            registry.register("slow", Scripted(*slow), kind="local")
            (tmp_path / "delegation.toml").write_text(ESCALATES, encoding="utf-8")
            options["policy"] = tmp_path / "delegation.toml"
        environ = {"RTFS_STATE_DIR": str(tmp_path / "state")}
        runtime = Runtime(environ=environ, models=registry, log=path, **options)
        runtime.run(LABEL)
        return runtime

    return made


# --- fitting ---


def test_confidences_are_what_scores_are_worth():
    rows = rows_of(lambda score: 0.3 + 0.4 * score, 3_000)
    found = fit(rows)
    fresh = rows_of(lambda score: 0.3 + 0.4 * score, 3_000, seed=1)
    confidences = [found.calibrator(row.score) for row in fresh]
    assert calibration_error(confidences, [row.right for row in fresh]) < 0.03
    assert found.ece < 0.03
    assert found.score_ece is not None
    assert found.score_ece > 0.1
    assert (found.rows, found.right) == (3_000, sum(row.right for row in rows))


def test_a_curve_that_two_parameters_cannot_follow_is_fitted_by_steps():
    rows = rows_of(lambda score: 0.9 if score > 0.7 else 0.5, 2_000)
    assert fit(rows).calibrator.to_dict()["kind"] == "isotonic"
    assert fit(rows, method="platt").brier > fit(rows).brier
    assert fit(rows[:100]).calibrator.to_dict()["kind"] == "platt"
    with pytest.raises(ConfigError, match="no method"):
        fit(rows, method="guess")


def test_no_row_is_among_those_that_it_is_predicted_from():
    scores, right = [float(i) for i in range(20)], [i % 2 == 0 for i in range(20)]
    seen: list[tuple[float, ...]] = []

    def make(scores: list[float], right: list[bool]) -> Callable[[float], float]:
        seen.append(tuple(scores))
        return lambda score: float(score in seen[-1])

    assert cross_fitted(scores, right, make) == [0.0] * 20
    assert len(seen) == 5


def test_what_has_too_few_outcomes_is_left_out():
    rows = rows_of(lambda score: score, 40)
    always = [Judged("g", "local_model:m", 0.5, True)] * 40
    fits, left_out = fit_all([*rows, *rows_of(lambda score: score, 29)[:0], *always, Judged("h", "local_model:m", 0.5, True)])
    assert [one.function for one in fits] == ["f"]
    assert [(function, rows) for function, _, rows, _ in left_out] == [("g", 40), ("h", 1)]
    assert "all answers were right" in left_out[0][3]


def test_confidences_are_kept_as_data(tmp_path: Path):
    name = str(tmp_path / "state" / "confidence.json")
    assert Confidences.load(name).fits == Confidences.load(None).fits == ()
    found = fit(rows_of(lambda score: score * 0.5, 300))
    Confidences([found]).save(name)
    again = Confidences.load(name)
    for score in (0.0, 0.25, 0.9, 7.0):
        assert again.of("f", "local_model:m", score) == Confidences([found]).of("f", "local_model:m", score)
        assert 0 <= (again.of("f", "local_model:m", score) or 0) <= 1
    assert again.of("f", "local_model:other", 0.5) is None
    assert again.of("f", "local_model:m", None) is None
    other = found.replace(function="g")
    assert [one.function for one in again.with_fits([other]).fits] == ["f", "g"]
    assert json.loads(Path(name).read_text(encoding="utf-8"))["format"] == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 9}', '{"format": 1, "fits": [{}]}', '{"format": 1, "fits": 5}', "[" * 100_000, "\x00"])
def test_a_file_that_holds_no_confidences_is_told(tmp_path: Path, text: str):
    name = tmp_path / "confidence.json"
    name.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"confidence"):
        Confidences.load(str(name))


def test_where_they_are(tmp_path: Path):
    assert confidence_path({"RTFS_STATE_DIR": str(tmp_path)}) == str(tmp_path / "confidence.json")
    assert confidence_path({"RTFS_CONFIDENCE": "x.json"}) == "x.json"
    assert confidence_path({"RTFS_CONFIDENCE": ""}) is None


# --- outcomes ---


def test_outcomes_are_noted_for_records(make: Callable[..., Runtime], path: str):
    with make([reply("a", 0.9), reply("b", 0.6), reply("a", 0.7)]) as runtime:
        runtime.run('[(label "1") (label "2") (label "3")]')
        first, second, _ = runtime.records.calls
        assert runtime.records.judge(first, True)
        assert not runtime.records.judge(second, expected=Keyword("a"))
    entries = list(Selection().entries(path))
    assert [entry.record["outcome"] for entry in entries] == ["right", "wrong", None]
    assert entries[1].record["expected_hash"] == entries[0].record["value_hash"]
    version = first.function_hash
    expected = [("label", "local_model:quick", 0.9, True, version), ("label", "local_model:quick", 0.6, False, version)]
    assert list(judged(path)) == [Judged(*one) for one in expected]
    again = [Noted(entries[2].id, value=Keyword("a")), Noted(entries[0].id, False)]  # whoever thinks again is right
    assert note_outcomes(path, again) == [True, False]
    assert [entry.record["outcome"] for entry in Selection().entries(path)] == ["wrong", "wrong", "right"]


def test_what_cannot_be_judged(make: Callable[..., Runtime], path: str):
    said: list[str] = []
    with make([ModelReply(text="?", usage=Usage())], on_warning=lambda message, span: said.append(message)) as runtime:
        runtime.run('(label "1")')
        (body,) = runtime.records.calls
        with pytest.raises(ConfigError, match="only answers of models"):
            runtime.records.judge(body, True)
        with pytest.raises(ConfigError, match="only answers of models"):
            runtime.records.judge(body)
    with pytest.raises(ConfigError, match="no call 99"):
        note_outcomes(path, [Noted(1, True), Noted(99, True)])
    assert list(judged(path)) == []


def test_an_outcome_goes_with_its_call(path: str):
    file = LogFile(path, max_bytes=60_000)
    row = ("r", 1.0, "f", "remote", "m", None, False, 0.1, 1, 1, None, json.dumps({"attempts": [], "x": "y" * 2_000}))
    for _ in range(30):
        first = file.append([row])
        file.note([(first, True, None), (first + 1_000, True, None)])
    assert len(list(file._database._connection().execute("SELECT call FROM outcomes WHERE call NOT IN (SELECT id FROM calls)"))) == 0
    assert 0 < file._database._connection().execute("SELECT count(*) FROM outcomes").fetchone()[0] < 30
    file.clear()
    assert file._database._connection().execute("SELECT count(*) FROM outcomes").fetchone()[0] == 0
    file.close()


def test_a_log_of_schema_1_keeps_its_calls_and_takes_outcomes(make: Callable[..., Runtime], path: str):
    with make([reply("a", 0.9)]) as runtime:
        runtime.run('(label "1")')
    file = LogFile(path)
    file._database._connection().execute("DROP TABLE outcomes")
    file._database._connection().execute("PRAGMA user_version=1")
    file.close()
    assert note_outcomes(path, [Noted(1, True)]) == [True]
    assert [entry.record["outcome"] for entry in Selection().entries(path)] == ["right"]


def test_an_unsure_answer_is_judged_by_the_value_that_was_right(make: Callable[..., Runtime], path: str):
    with make([reply("a", 0.5)], [reply("b", 0.6)]) as runtime:
        runtime.run('[(label "1") (label "2") (label "3") (label "4")]')
        calls = runtime.records.calls
        assert [record.model for record in calls] == ["slow"] * 4
        assert [attempt.outcome for attempt in calls[0].attempts] == ["answered", "unsure", "answered"]
        runtime.records.judge(calls[0], expected=Keyword("a"))
        runtime.records.judge(calls[1], expected=Keyword("b"))
        runtime.records.judge(calls[2], True)
        runtime.records.judge(calls[3], False)  # who else was wrong is not known then
    quick = [row.right for row in judged(path) if row.target == "local_model:quick"]
    slow = [row.right for row in judged(path) if row.target == "local_model:slow"]
    assert (quick, slow) == ([True, False, False], [False, True, True, False])


# --- in calls ---


def test_calls_have_confidences_once_they_are_fitted(make: Callable[..., Runtime], tmp_path: Path, path: str):
    with make([reply("a", 0.9), reply("a", None)]) as runtime:
        runtime.run('(label "1")')
        assert (runtime.records.calls[0].score, runtime.records.calls[0].confidence) == (0.9, None)
        about = {"function": "label", "target": "local_model:quick", "version": version_of(runtime)}
    fits = [fit([row.replace(**about) for row in rows_of(lambda score: score * 0.5, 500)])]
    Confidences(fits).save(str(tmp_path / "state" / "confidence.json"))
    with make([reply("a", 0.9), reply("a", None)]) as runtime:
        runtime.run('[(label "1") (label "2")]')
        scored, unscored = runtime.records.calls
    assert scored.score == 0.9
    assert scored.confidence == scored.attempts[0].confidence == fits[0].calibrator(0.9)
    assert (unscored.score, unscored.confidence) == (None, None)
    with make([reply("a", 0.9)]) as runtime:
        runtime.run(LABEL.replace("Which?", "Which one?") + '(label "1")')
        assert runtime.records.calls[0].confidence is None  # another version of the function


@pytest.mark.parametrize(("worth", "answered_by", "what"), [(0.5, "slow", "confidence"), (1.0, "quick", ""), (None, "quick", "")])
def test_escalation_goes_by_confidences_where_there_are_some(
    make: Callable[..., Runtime], tmp_path: Path, worth: float | None, answered_by: str, what: str
):
    if worth is not None:
        with make([reply("a", 0.97)]) as runtime:
            version = version_of(runtime)
        found = rows_of(lambda score: score * worth, 2_000)
        rows = [Judged("label", "local_model:quick", row.score, row.right, version) for row in found]
        Confidences([fit(rows)]).save(str(tmp_path / "state" / "confidence.json"))
    with make([reply("a", 0.97)], [reply("b", 0.95)]) as runtime:
        runtime.run('(label "1")')
        (record,) = runtime.records.calls
    assert record.model == answered_by
    assert [a.problem for a in record.attempts if a.outcome == "unsure" and not a.problem.startswith(what)] == []


def test_a_broken_file_costs_a_line_and_the_confidences(make: Callable[..., Runtime], tmp_path: Path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "confidence.json").write_text("{", encoding="utf-8")
    said: list[str] = []
    with make([reply("a", 0.9)], on_warning=lambda message, span: said.append(message)) as runtime:
        assert runtime.run('[(label "1") (label "2")]') == ["a", "a"]
    assert len(said) == 1
    assert "holds no confidences" in said[0]
    assert said[0].endswith("scores are taken as they are")


def test_a_judgement_of_a_record_that_the_log_never_had_is_forgotten(path: str, make: Callable[..., Runtime]):
    with make([reply("a", 0.9)]) as runtime:
        runtime.run('(label "1")')
        record = runtime.records.calls[0]
    other = CallLog(path)
    other.judge(record, True)
    other.close()
    other.judge(record, True)
    assert list(judged(path)) == []


def test_platt_of_one_score_says_how_often_answers_were_right():
    found = fit([Judged("f", "t", 0.8, i % 4 != 0) for i in range(400)])
    assert found.calibrator(0.8) == pytest.approx(0.75, abs=0.01)
    assert isinstance(Platt.fit([0.8] * 4, [True, False, True, True]), Platt)
