"""The benchmark suite works: every program gives its expected value everywhere, and the figures come out as tables.

Nothing here looks at a time.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benches import __main__ as command
from benches import (
    caches,
    concurrency,
    delegation,
    large,
    local_models,
    measuring,
    policies,
    printing,
    sections,
    sentiment_quality,
    suite,
)
from benches.bars import Bar, bars
from rtfs.runtime import Runtime
from rtfs.source import Source

SYSTEMS = suite.available()
ONCE = measuring.Plan(passes=1, batch_s=0.0)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("program", suite.programs(), ids=lambda program: program.name)
def test_a_program_gives_its_expected_value(program: suite.Program, system: str):
    assert program.main(system) is not None


@pytest.mark.parametrize("strategy", ["ir", "tree"])
@pytest.mark.parametrize("program", suite.TYPED, ids=lambda program: program.name)
def test_a_program_with_types_is_the_one_without(program: suite.Program, strategy: str):
    program.main(strategy)
    assert program.expected == suite.Program(program.name).expected


@pytest.mark.parametrize("program", suite.MUTABLE, ids=lambda program: program.name)
def test_python_that_forgets_gives_the_same(program: suite.Program):
    program.check(suite.python_main(program.folder / "mutable" / f"{program.name}.py")(), "mutable")


def test_the_table_has_every_program_of_the_folder_in_every_language():
    for suffix in (".rtfs", ".py", ".hy"):
        assert sorted(path.stem for path in suite.FOLDER.glob(f"*{suffix}")) == sorted(suite.NAMES)


def test_a_wrong_answer_is_not_timed(tmp_path: Path):
    (tmp_path / "one.rtfs").write_text(";; One.\n(defn main [] 1)\n\n(main) ;=> 2\n", encoding="utf-8")
    with pytest.raises(suite.WrongAnswer, match="one on ir: expected 2, got 1"):
        suite.Program("one", tmp_path).main("ir")


@pytest.mark.parametrize("name", policies.POLICIES)
def test_a_policy_of_a_thousand_rules_decides_as_its_rules_say(name: str):
    found = policies.measure(name, 1, policies.calls()[:60])
    assert found.keys() == {"read_ms", "new function", "new call", "same again"}


def test_calls_at_once_are_all_answered():
    pytest.importorskip("httpx2")
    assert concurrency.measure(40, 20, 1).keys() == {"pmap", "bare", "ratio"}


# --- measuring ---


def test_what_is_compared_takes_turns():
    order = []
    clocks = {name: lambda name=name: order.append(name) or float(len(order)) for name in "ab"}
    assert measuring.interleave(clocks, 3) == {"a": [1.0, 3.0, 5.0], "b": [2.0, 4.0, 6.0]}


def test_a_timing_is_the_median_with_its_range():
    assert measuring.Timing.of([5.0, 1.0, 2.0]) == measuring.Timing(2.0, 1.0, 5.0)


def test_a_slower_function_takes_longer():
    timings = measuring.measure({"short": lambda: sum(range(10)), "long": lambda: sum(range(100_000))}, measuring.Plan(3, 0.001))
    assert timings["long"].median_s > timings["short"].median_s


def test_the_geometric_mean_of_a_ratio_and_its_inverse_is_one():
    assert measuring.geometric_mean([4.0, 0.25]) == pytest.approx(1.0)


# --- sections ---


def test_the_large_program_runs_and_is_read_alike_by_hand():
    text = large.large_program(100)
    assert 100 <= text.count("\n") < 130
    assert Runtime(models=None).run(text) == {"label": "region-0", "ada": 80}
    assert [(node.start, node.end) for node in large.read_in_python(text)] == [
        (node.span.start, node.span.end) for node in Runtime(models=None).analyse(Source("large", text))
    ]


@pytest.mark.parametrize("text", ["(", ")", "(]", "[(])"])
def test_the_reader_by_hand_wants_brackets_that_match(text: str):
    with pytest.raises(ValueError):
        large.read_in_python(text)


@pytest.mark.parametrize("name", ["typed", "mutable", "calls", "start-up"])
def test_a_section_has_positive_figures_and_its_base(name: str):
    section = sections.run(name, ONCE)
    assert section["rows"]
    assert all(row["value"] > 0 and row["ratio"] > 0 for row in section["rows"])
    assert 1.0 in [row["ratio"] for row in section["rows"]]


def test_the_section_on_reading_finds_the_same_forms(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sections, "READ_CHARACTERS", 20_000)
    names = [row["name"] for row in sections.run("reading", ONCE)["rows"]]
    assert names[:2] == [sections.BY_HAND, "rtfs"]


def test_what_a_delegated_call_costs_beyond_its_provider(tmp_path: Path):
    timings = delegation.measure(measuring.Plan(passes=1, batch_s=0.0), tmp_path)
    assert all(timing.median_s > 0 for timing in timings.values())
    assert timings["a typed call"].median_s > timings[delegation.BARE].median_s


# --- command ---


def test_the_command_prints_the_table_and_writes_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "figures.json"
    assert command.main(["--quick", "--only", "shapes", "--only", "strings", "--systems", "ir,tree", "--json", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["program", "cpython", "ms", "ir", "tree"]
    assert [line.split()[0] for line in lines[1:4]] == ["strings", "shapes", "geometric"]
    figures = json.loads(file.read_text(encoding="utf-8"))
    for row in figures["suite"]:
        assert row["ratio"] == {system: row["ms"][system] / row["ms"]["cpython"] for system in ("ir", "tree")}
    assert figures["geomean"]["ir"] ** 2 == pytest.approx(figures["suite"][0]["ratio"]["ir"] * figures["suite"][1]["ratio"]["ir"])


@pytest.mark.parametrize("argv", [["--only", "nothing"], ["--systems", "lua"], ["--docs", "--quick"]])
def test_misuse_is_refused(argv: list[str]):
    with pytest.raises(SystemExit) as exit_:
        command.main(argv)
    assert exit_.value.code == 2


def test_a_bar_is_met_from_the_right_side():
    assert Bar("time", 1.5, 1.5).is_met
    assert not Bar("time", 1.5, 1.51).is_met
    assert Bar("speed", 4.0, 5.0, at_least=True).is_met
    assert not Bar("speed", 4.0, 3.0, at_least=True).is_met


def test_the_figures_of_the_documentation_are_a_whole_run():
    results = json.loads(command.RESULTS.read_text(encoding="utf-8"))
    assert [row["name"] for row in results["suite"]] == list(suite.NAMES)
    assert results["systems"] == list(suite.SYSTEMS)
    assert list(results["sections"]) == list(sections.SECTIONS)
    assert len(bars(results)) == 11
    page = printing.page(results)
    for program in suite.programs():
        assert f"| {program.name} | {program.about} |" in page


# --- local models ---


def test_goals_are_met_or_missed_as_their_figures_say():
    goals = [
        local_models.Goal.at_most("quick", 50, 49.99, "ms"),
        local_models.Goal.at_most("slow", 50, 51, "ms", " (9 ms of CPU)"),
        local_models.Goal.at_least("often", 1.8, 1.8, "times"),
        local_models.Goal.at_least("rare", 1.8, 1.79, "times"),
    ]
    assert [goal.met for goal in goals] == [True, False, True, False]
    lines = local_models.table(goals).splitlines()
    assert lines[0].split() == ["goal", "measured", "met"]
    assert lines[2].split() == ["slow", "<=", "50", "ms", "51", "ms", "(9", "ms", "of", "CPU)", "NO"]


def test_what_would_end_the_process_is_a_missed_goal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(local_models, "stress", lambda what, count: {"problem": "ended with code -6: GGML_ASSERT"})
    bench = local_models.Bench(local_models.QUICK, tmp_path)
    goals = [*bench.schemas(), *bench.threads()]
    assert [goal.met for goal in goals] == [False, False]
    assert all("-6" in goal.shown for goal in goals)


def test_the_bench_of_reviews_measures_what_it_says(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sentiment_quality, "PROGRAM", sentiment_quality.BY_RULES)  # no model is asked here
    assert sentiment_quality.main(["--rows", "120"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("120 sentences, ")
    shares = {line.split()[0]: float(line.split()[1]) for line in lines[2:]}
    assert shares.keys() == {"model", "rules", "escalation"}
    assert shares["model"] == shares["rules"] == shares["escalation"]  # all of them are the rules
    assert 0.5 < shares["rules"] < 1


def test_intervals_of_shares():
    assert [round(bound, 3) for bound in sentiment_quality.interval(50, 100)] == [0.404, 0.596]
    low, high = sentiment_quality.interval(10, 10)
    assert low == pytest.approx(0.722, abs=0.001)
    assert high == pytest.approx(1)


def test_hits_are_what_they_are_timed_as(tmp_path: Path):
    timings, tails, calls = caches.measure(ONCE, tmp_path)
    assert {"plan", "reply, memory", "reply, sqlite", "reply, read"} <= set(timings)
    assert set(tails) <= set(timings)
    assert calls == 1
