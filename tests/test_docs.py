"""The documentation is true: its programs give what it says, its tables are fresh, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from rtfs.config import STRATEGIES
from rtfs.delegation.policy.reading import read_all
from rtfs.delegation.prices import read_prices
from rtfs.ir.optimise import PASSES
from rtfs.models.registry import default_registry
from rtfs.runtime import Runtime
from rtfs.source import Source
from tests.support import golden
from tests.support.ir import shown
from tests.test_checks import announced

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
BLOCK = re.compile(r"(?:<!-- (?P<label>[\w-]+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```", re.DOTALL)


def blocks(page: Path, language: str) -> list[tuple[int, str, str]]:
    """(line, label in the comment before it, text) of the code blocks of a language."""
    text = page.read_text(encoding="utf-8")
    found = BLOCK.finditer(text)
    return [(text.count("\n", 0, b.start("text")) + 1, b["label"] or "", b["text"]) for b in found if b["language"] == language]


def labelled(page: Path, label: str) -> str:
    (text,) = [b["text"] for b in BLOCK.finditer(page.read_text(encoding="utf-8")) if b["label"] == label]
    return text


def cases(language: str) -> list:
    return [
        pytest.param(page, text, id=f"{page.relative_to(ROOT)}:{line}")
        for page in PAGES
        for line, label, text in blocks(page, language)
        if not label
    ]


class WithoutWeights(golden.Program):
    """A golden program in a runtime as it comes, on a machine on which no model is installed."""

    def __init__(self, flags: list[str], strategy: str, folder: Path) -> None:
        super().__init__(flags, strategy, folder)
        self.runtime = Runtime(
            strategy=strategy,
            stdout=self.output,
            environ={"RTFS_DATA_DIR": str(folder), "RTFS_CACHE_DIR": str(folder)},
            on_warning=lambda message, span: None,
        )


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("page, text", cases("clojure"))
def test_rtfs_blocks_give_what_they_say(page: Path, text: str, strategy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(golden, "Program", WithoutWeights)
    path = tmp_path / f"{page.stem}.rtfs"
    path.write_text(text, encoding="utf-8")
    chunks = golden.split_file(path)
    assert chunks
    for chunk in chunks:
        golden.check_chunk(chunk, strategy)


IR = re.compile(
    r"<!-- ir-(?P<passes>[\w-]+) -->\n```clojure\n(?P<program>.*?)```\n```text\n(?P<ir>.*?)```", re.DOTALL
)  # what passes make of a program
COMPILER = (ROOT / "docs" / "compiler.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("example", [pytest.param(found, id=found["passes"]) for found in IR.finditer(COMPILER)])
def test_passes_make_the_ir_that_is_shown(example: re.Match[str]):
    assert shown(example["program"], *example["passes"].split("-")) == example["ir"]


def test_every_pass_is_described_in_the_order_in_which_they_run():
    described = [line[3:].lower().replace(" ", "_") for line in COMPILER.splitlines() if line.startswith("## ")]
    assert described == ["levels", *dict.fromkeys([name for name, _ in PASSES])]


@pytest.mark.parametrize("page, text", cases("python"))
def test_python_blocks_run(page: Path, text: str, tmp_path: Path):
    subprocess.run([sys.executable, "-c", text], cwd=tmp_path, env=clean_environment(tmp_path), check=True, timeout=60)


@pytest.mark.parametrize("page, text", cases("toml"))
def test_settings_are_right(page: Path, text: str, tmp_path: Path):
    if "[[price]]" in text:
        (tmp_path / "prices.toml").write_text(text, encoding="utf-8")
        assert read_prices(tmp_path / "prices.toml")
        return
    assert all("is used by nothing" not in warning.message for policy in read_all(text, page.name).values() for warning in policy.warnings)


def test_the_explanation_of_a_policy_is_what_the_command_prints(tmp_path: Path):
    page = ROOT / "docs" / "policy.md"
    (tmp_path / "delegation.toml").write_text(blocks(page, "toml")[0][2], encoding="utf-8")
    command, _, expected = labelled(page, "policy-explain").partition("\n")
    done = rtfs(*shlex.split(command.removeprefix("$ rtfs ")), folder=tmp_path)
    assert (done.stdout, done.stderr) == (expected, "")


def clean_environment(folder: Path) -> dict[str, str]:
    """An environment without models and keys."""
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "RTFS_DATA_DIR": str(folder), "RTFS_CACHE_DIR": str(folder)}


def rtfs(*argv: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rtfs", *argv],
        cwd=folder,
        env=clean_environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_error_in_the_readme_looks_like_that(tmp_path: Path):
    readme = ROOT / "README.md"
    (tmp_path / "orders.rtfs").write_text(labelled(readme, "error-program"), encoding="utf-8")
    done = rtfs("run", "orders.rtfs", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr == labelled(readme, "error-output")


def test_the_command_lines_of_the_readme_are_right(tmp_path: Path):
    (line,) = labelled_lines("rtfs eval ")
    program, _, expected = line.partition("#")
    done = rtfs(*shlex.split(program)[1:], folder=tmp_path)
    assert done.stdout.strip() == expected.strip()


def labelled_lines(start: str) -> list[str]:
    return [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith(start)]


@pytest.mark.parametrize("label, must_have", [("quick-start", "run examples/triage.rtfs"), ("test", "-m pytest")])
def test_each_quick_start_is_one_command_line(label: str, must_have: str):
    text = labelled(ROOT / "README.md", label).strip()
    assert "\n" not in text
    assert must_have in text
    assert text.split(" && ")[0] == "python3 -m venv .venv"


def test_the_ir_in_the_page_on_compiling_looks_like_that(tmp_path: Path):
    page = ROOT / "docs" / "compiling.md"
    (tmp_path / "squares.rtfs").write_text(labelled(page, "ir-program"), encoding="utf-8")
    assert rtfs("ir", "squares.rtfs", folder=tmp_path).stdout == labelled(page, "ir-output")


# --- the tables ---


def test_the_generated_pages_are_fresh():
    done = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr


# --- links and names ---


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://", "#")):
            continue
        assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"


def test_the_folders_of_the_readme_exist():
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Layout")[2].partition("##")[0]
    for name in re.findall(r"`([\w./]+/)`", table):
        assert (ROOT / name).is_dir() or (ROOT / "rtfs" / name).is_dir(), name


def test_every_variable_that_the_code_reads_is_documented():
    code = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "rtfs").rglob("*.py"))
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [v for v in sorted(set(re.findall(r"\bRTFS_[A-Z_]+[A-Z]\b", code))) if v not in page] == []


def test_options_of_delegation_are_all_documented():
    from rtfs.delegation.options import _NAMES

    page = (ROOT / "docs" / "delegation.md").read_text(encoding="utf-8")
    assert [name for name in (*_NAMES, "strict") if f"`:{name}`" not in page] == []


def test_the_models_that_are_always_there_are_those_of_the_page():
    registry = default_registry({}, ROOT / "none", ROOT / "none")
    assert registry.names("local-model") == ["echo", "rules", "smollm2"]


@pytest.mark.parametrize("line, text", [(line, text) for line, _, text in blocks(ROOT / "docs" / "checking.md", "lisp")])
def test_the_problems_in_the_page_on_checking_are_found(line: int, text: str):
    source = Source("checking.md", text)
    found = [(source.position(p.span.start)[0], p.kind, p.message) for p in Runtime(strategy="tree", models=None).check(source)]
    wanted = announced(text)
    assert [(place, kind) for place, kind, _ in found] == [(place, kind) for place, kind, _ in wanted], found
    for (_, _, message), (_, _, part) in zip(found, wanted, strict=True):
        assert part in message
