"""What `rtfs check` finds: programs in `tests/checks` whose comments say it, and programs that run well, in which it finds nothing.

    (inc "a")            ;! type-mismatch expected number, got the string "a"      a problem on this line: its kind, a part of the message
    (inc 1)                                                                        and none where nothing is announced

Errors and warnings are announced alike; several on one line stand in the order of the text, each after its own `;!`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rtfs.checker.problems import WARNINGS
from rtfs.errors import AnalysisError, ParseError
from rtfs.runtime import Runtime
from rtfs.source import Source
from tests.support.golden import FOLDER as GOLDEN
from tests.support.golden import Chunk, Program, form_places, line_comments, owned_markers, split_file

ROOT = Path(__file__).parents[1]
CHECKS = sorted((ROOT / "tests" / "checks").glob("*.rtfs"))
EXAMPLES = sorted((ROOT / "examples").glob("**/*.rtfs"))

#: What the golden programs do on purpose and what is a problem nevertheless: the kind, and files in which it is.
ON_PURPOSE = {
    "unbound-name": None,
    "shadowed-builtin": None,
    "unused-binding": None,
    "untyped-delegation": {"appendix_b", "delegation", "rulings"},
}
#: Functions of golden programs that can only fail, and are not called, or by a model, or whose calls show it a line further down.
MISTAKES = {("defn", "typed-end"), ("delegation", "typed"), ("budgets", "wrong"), ("budgets", "worse")}


def problems_of(source: Source, path: Path) -> list[AnalysisError]:
    runtime = Runtime(strategy="tree", models=None, module_path=[path.parent, GOLDEN / "modules"])
    return runtime.check(source)


def announced(text: str) -> list[tuple[int, str, str]]:
    """(line, kind, part of the message) of each problem that the comments announce."""
    found = []
    for offset, comment in line_comments(text):
        line = text.count("\n", 0, offset) + 1
        for part in comment.split(";!")[1:]:
            kind, _, message = part.strip().partition(" ")
            found.append((line, kind, message))
    return found


@pytest.mark.parametrize("path", CHECKS, ids=lambda path: path.stem)
def test_what_is_announced_is_found_and_nothing_else(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    source = Source(path.name, text)
    found = [(source.position(p.span.start)[0] if p.span else 0, p.kind, p.message) for p in problems_of(source, path)]
    wanted = announced(text)
    assert [(line, kind) for line, kind, _ in found] == [(line, kind) for line, kind, _ in wanted], _listed(found)
    for (line, _, message), (_, _, part) in zip(found, wanted, strict=True):
        assert part in message, f"{path.name}:{line}: {message}"


def _listed(found: list[tuple[int, str, str]]) -> str:
    return "\n".join(f"{line}: {kind}: {message}" for line, kind, message in found)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_nothing_is_found_in_the_examples(path: Path) -> None:
    found = problems_of(Source(path.name, path.read_text(encoding="utf-8")), path)
    assert not found, _listed([(0, p.kind, f"{p.message} ({p.span})") for p in found])


def _chunks() -> list[Chunk]:
    return [chunk for path in sorted(GOLDEN.glob("*.rtfs")) for chunk in split_file(path)]


@pytest.mark.parametrize("chunk", _chunks(), ids=lambda chunk: chunk.id)
def test_no_golden_program_that_runs_is_complained_about(chunk: Chunk) -> None:
    """A problem in a golden program stands in a form of which it shows that it fails."""
    try:
        places = form_places(chunk.text, chunk.path.name)
    except ParseError:
        return
    source = Source(chunk.path.name, chunk.text)
    if chunk.id == "hostile:36":  # its macros make too much
        return
    wrong = []
    owned = owned_markers(chunk, places)
    for problem in Program(chunk.flags, "tree", chunk.path.parent).runtime.check(source):
        assert problem.span is not None
        files = ON_PURPOSE.get(problem.kind, set())
        if files is None or chunk.path.stem in files or problem.span.source is not source:
            continue
        at = next(i for i, (start, end) in enumerate(places) if start <= problem.span.start < end)
        text = chunk.text[places[at][0] : places[at][1]]
        if any((chunk.path.stem, name) in MISTAKES for name in text.split()[1:2]):
            continue
        if not any(marker.sign == ";!!" for marker in owned[at]):
            wrong.append(f"{chunk.path.name}: {text}\n  {problem.kind}: {problem.message}")
    assert not wrong, "\n".join(wrong)


def test_ten_mistakes_are_ten_problems_in_order() -> None:
    text = (ROOT / "tests" / "checks" / "ten-mistakes.rtfs").read_text(encoding="utf-8")
    found = problems_of(Source("ten-mistakes.rtfs", text), ROOT / "tests" / "checks" / "ten-mistakes.rtfs")
    assert len(found) == 10
    starts = [problem.span.start for problem in found if problem.span is not None]
    assert starts == sorted(starts)
    assert {problem.kind for problem in found} - WARNINGS, "some of them are errors"
