"""Stored programs do what the programs do: golden files, examples, generated programs."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtfs.errors import AnalysisError, ParseError, RtfsError, render
from rtfs.eval.cached import program as stored_program
from rtfs.eval.cached import recording
from rtfs.eval.hybrid import HybridEvaluator
from rtfs.program_files import read_source
from rtfs.runtime import Runtime
from rtfs.source import Source
from rtfs.values.printing import to_readable
from tests.support.golden import FOLDER, Chunk, Program, form_places, split_file
from tests.support.programs.choices import seeded
from tests.support.programs.programs import program
from tests.support.programs.running import reference
from tests.support.stored import everything_is_worth_keeping, three_runs, write

ROOT = Path(__file__).parents[4]
EXAMPLES = ROOT / "examples"
CHUNKS = [chunk for path in sorted(FOLDER.glob("*.rtfs")) for chunk in split_file(path)]


@pytest.fixture(autouse=True)
def _all_sizes() -> Iterator[None]:
    with everything_is_worth_keeping():
        yield


# --- golden files ---


class _Values:
    """The values of all forms, those of modules too, in order: as they are carried out, stored or not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: list[str] = []
        for cls, name in ((recording.Level, "evaluate"), (stored_program._Run, "form")):
            monkeypatch.setattr(cls, name, self._noting(getattr(cls, name)))

    def _noting(self, work: Any) -> Any:
        def noting(*args: Any) -> Any:
            value = work(*args)
            self.found.append(to_readable(value))
            return value

        return noting


def _runtime(chunk: Chunk, cache: Path | None) -> tuple[Runtime, io.StringIO]:
    made = Program(chunk.flags, "ir", chunk.path.parent, cache=cache)
    return made.runtime, made.output


def _without_failures(chunk: Chunk, path: Path) -> tuple[str, list[tuple[int, int]]]:
    """The text of a chunk with blanks in the place of the forms that fail, and where those were."""
    text = chunk.text
    evaluate = HybridEvaluator.evaluate
    places = form_places(text, chunk.path.name)
    failing: list[tuple[int, int]] = []
    while True:
        path.write_text(text, encoding="utf-8")
        runtime, _ = _runtime(chunk, None)
        done = 0

        def counting(self: Any, node: Any, own: Any = runtime.namespace) -> Any:
            nonlocal done
            value = evaluate(self, node)
            done += self.namespace is own
            return value

        HybridEvaluator.evaluate = counting  # type: ignore[method-assign]
        try:
            runtime.run_source(read_source(path))
            return text, failing
        except RtfsError:
            kept = [place for place in places if place not in failing]
            start, end = kept[done]
            failing.append((start, end))
            text = text[:start] + "".join(c if c == "\n" else " " for c in text[start:end]) + text[end:]
        finally:
            HybridEvaluator.evaluate = evaluate  # type: ignore[method-assign]


@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda chunk: chunk.id)
def test_golden_programs(chunk: Chunk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        text, failing = _without_failures(chunk, tmp_path / "golden.rtfs")
    except ParseError:
        return
    path = write(tmp_path, "golden.rtfs", text)
    seen: list[Any] = []
    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        runtime, output = _runtime(chunk, cache)
        warnings: list[str] = []
        runtime.on_analysis_warning = lambda warning, warnings=warnings: warnings.append(render(warning, severity="warning"))
        with monkeypatch.context() as patch, runtime:
            values = _Values(patch)
            value = to_readable(runtime.run_source(read_source(path)))
            noted = [] if cache is None else values.found
            errors = [_failure(runtime, chunk, text, *place) for place in failing]
        seen.append((value, output.getvalue(), warnings, errors, noted))
    plain, cold, warm = seen
    assert cold[:4] == plain[:4]
    assert warm[:4] == plain[:4]
    assert warm[4] == cold[4] or not warm[4], "values of forms"


def _failure(runtime: Runtime, chunk: Chunk, text: str, start: int, end: int) -> str:
    """The report of what a form that fails raises, called from a function of a later text."""
    line, column = Source("", chunk.text).position(start)
    source = Source("<later>", "\n" * (line - 1) + " " * (column - 1) + chunk.text[start:end])
    try:
        return to_readable(runtime.run_source(source))
    except RtfsError as error:
        return render(error)


def test_most_golden_programs_are_kept(tmp_path: Path) -> None:
    kept = 0
    readable = 0
    for i, chunk in enumerate(CHUNKS):
        path = tmp_path / f"golden{i}.rtfs"
        try:
            write(tmp_path, path.name, _without_failures(chunk, path)[0])
        except ParseError:
            continue
        readable += 1
        for _ in range(2):
            runtime, _ = _runtime(chunk, tmp_path / "cache")
            with runtime:
                runtime.run_source(read_source(path))
        kept += runtime._programs.cache is not None and not runtime._programs.cache._waiting and runtime.namespace.linker is not None
    assert kept > 0.8 * readable, (kept, readable)


# --- examples ---


def _rtfs(*argv: str, folder: Path) -> tuple[int, str, str]:
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "RTFS_DATA_DIR": str(folder), "RTFS_CACHE_DIR": str(folder)}
    done = subprocess.run([sys.executable, "-m", "rtfs", *argv], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", ["macros.rtfs", "recursion.rtfs", "tour.rtfs", "plan.rtfs", "modules/main.rtfs"])
def test_examples(name: str, tmp_path: Path) -> None:
    if not (EXAMPLES / name).exists():
        pytest.skip("there is no such example")
    argv = ("run", "--no-models", "--strategy", "ir", f"examples/{name}")
    plain = _rtfs(*argv, "--no-cache", folder=tmp_path)
    assert plain[0] == 0, plain
    assert not list(tmp_path.rglob("*.rtfsc"))
    cold = _rtfs(*argv, folder=tmp_path)
    entries = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.rtfsc")}
    warm = _rtfs(*argv, folder=tmp_path)
    assert entries
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.rtfsc")} == entries
    assert plain == cold == warm


# --- generated programs ---


@pytest.mark.parametrize("seed", range(150))
def test_generated_programs(seed: int, tmp_path: Path) -> None:
    pieces = program(seeded(seed))
    pieces = pieces[: len(reference(pieces))]
    if pieces:
        path = write(tmp_path, "program.rtfs", pieces[0])
        three_runs(path, tmp_path / "cache", *pieces[1:], kept=None, module_path=[])


def test_an_error_of_the_analysis_is_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, "a.rtfs", "(defn f [x] (inc x)) (f 1)")
    three_runs(path, tmp_path / "cache", "(let [x] x)", "(f 1 2)", '(f "a")', "(fn [")


def test_an_error_in_the_middle_is_the_same_and_nothing_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path, "a.rtfs", '(defn f [x] (inc x))\n(print "before")\n(f "a")\n(print "after")')
    three_runs(path, tmp_path / "cache", kept=False)


def test_an_error_that_comes_with_other_arguments_is_the_same(tmp_path: Path) -> None:
    text = "(defn third [xs] (nth xs 2))\n(defn main [xs]\n  (str (third xs)))\n(main @args)"
    path = write(tmp_path, "a.rtfs", text)
    three_runs(path, tmp_path / "cache", context={"args": [1, 2, 3]})
    seen = []
    for cache in (None, tmp_path / "cache"):
        out = io.StringIO()
        with Runtime(strategy="ir", models=None, stdout=out, environ={}, cache=cache, context={"args": [1]}) as runtime:
            with pytest.raises(RtfsError) as caught:
                runtime.run_file(path)
            seen.append(render(caught.value))
            assert caught.value.span is not None
            assert caught.value.span.text == "2"
            assert [frame.name for frame in caught.value.trace] == ["third", "main"]
    assert seen[0] == seen[1]


def test_warnings_are_given_again(tmp_path: Path) -> None:
    path = write(tmp_path, "a.rtfs", "(defn f [x] (if x (g-later x) nil))\n(defn inc [x] x)\n(f nil)")
    warm = three_runs(path, tmp_path / "cache")
    assert "g-later" in warm.output


def test_nothing_runs_when_a_later_part_cannot_be_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a.rtfs", '(print "x") (defn f [] 1)')
    three_runs(path, tmp_path / "cache")
    path.write_text('(print "x") (defn f [] 1', encoding="utf-8")
    warm = three_runs(path, tmp_path / "cache", kept=False)
    assert warm.output == ""


def test_analysis_errors_come_when_the_form_is_reached(tmp_path: Path) -> None:
    path = write(tmp_path, "a.rtfs", '(print "x")\n(let [y] y)')
    warm = three_runs(path, tmp_path / "cache", kept=False)
    assert warm.output == "x"
    assert AnalysisError.__name__ not in warm.results[0]
