"""The import graph points one way; this test is the drawing of it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LAYERS = [
    "source forking",
    "errors",
    "values",
    "config folders program_files database late_writer",
    "keys types",
    "syntax",
    "semantics",
    "ir",
    "eval capabilities models checker",
    "caching",
    "delegation",
    "programs",
    "inspection callables sandbox",
    "runtime",
    "cli",
    "repl",
]
RANK = {name: i for i, row in enumerate(LAYERS) for name in row.split()}
ROOT = Path(__file__).parents[1] / "rtfs"
#: Run by hand to write a generated file, and imported by nothing: they may look at everything.
GENERATORS = {"rtfs.syntax.generate", "rtfs.semantics.builtins.generate"}
#: What users see of a package and RTFS itself does not: imported by nothing, so that it too may look further up.
DOORS = {"rtfs.types"}
FILES = sorted(ROOT.rglob("*.py"))


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


def part(dotted: str) -> str:  # "rtfs.syntax.nodes" -> "syntax"
    return (dotted.split(".") + [""])[1]


def imports(path: Path) -> Iterator[str]:
    """What a module imports, lazily or not, by absolute name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ([f"{node.module}.{a.name}" for a in node.names] if node.module == "rtfs" else [node.module])
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    here = path.relative_to(ROOT).with_suffix("").parts[0]
    if here.startswith("__") or module_name(path) in GENERATORS | DOORS:  # rtfs/__init__.py and __main__.py see everything
        return
    for name in imports(path):
        if (there := part(name)) in RANK and name.startswith("rtfs.") and there != here:
            assert RANK[there] < RANK[here], f"{here} may not import {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_import_each_other_by_absolute_name(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.ImportFrom) and node.level), "relative imports hide from the drawing"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_top_imports_the_package_root(path: Path) -> None:
    here = path.relative_to(ROOT).with_suffix("").parts[0]
    if here in RANK and RANK[here] < RANK["cli"]:
        assert "rtfs" not in list(imports(path)), "import the module you need, never the package root"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_generators_are_imported_by_nothing(path: Path) -> None:
    assert not GENERATORS & set(imports(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_doors_are_for_users(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in DOORS:
            modules = {file.stem for file in ROOT.joinpath(*node.module.split(".")[1:]).glob("*.py")}
            assert {alias.name for alias in node.names} <= modules, "import the module behind the door"


def test_every_package_has_a_layer() -> None:
    found = {path.relative_to(ROOT).with_suffix("").parts[0] for path in FILES}
    assert {name for name in found if not name.startswith("__")} == RANK.keys()
