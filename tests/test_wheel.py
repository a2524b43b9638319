"""The wheel: built from the checkout, installed into an environment of its own, used from another folder."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import rtfs

ROOT = Path(__file__).parents[1]


def run(*argv: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(a) for a in argv], cwd=cwd, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_has_the_package_and_the_grammar_and_nothing_else(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.name.startswith(f"rtfs_lang-{rtfs.__version__}-py3-none-any")
    assert {name.split("/")[0] for name in names} == {"rtfs", f"rtfs_lang-{rtfs.__version__}.dist-info"}
    assert {"rtfs/_grammar/rtfs.lark", "rtfs/runtime.py", "rtfs/py.typed"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]


def test_an_installed_wheel_works_from_another_folder(wheel: Path, tmp_path: Path):
    venv.create(tmp_path / "venv", system_site_packages=False, with_pip=False)
    python = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip())
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site, wheel, cwd=tmp_path)
    assert run(python, "-m", "rtfs", "eval", "(+ 1 2)", cwd=tmp_path) == "3\n"
    where = run(python, "-c", "import rtfs; print(rtfs.__file__)", cwd=tmp_path).strip()
    assert Path(where).is_relative_to(site)
    # the reference reader finds its grammar; Lark itself comes from the environment of the tests
    libraries = [path for path in sys.path if path and Path(path).is_dir() and Path(path) != ROOT]
    code = (
        f"import sys; sys.path += {libraries!r}\n"
        "from rtfs.syntax.reference import grammar_folder, read_with_lark\n"
        "from rtfs.source import Source\n"
        "assert grammar_folder().name == '_grammar'\n"
        "print(read_with_lark(Source('t', '(+ 1 2)')))"
    )
    assert run(python, "-c", code, cwd=tmp_path) == "[(+ 1 2)]\n"


def test_what_contract_tests_skip_without_comes_with_the_command_for_tests():
    """That of README.md, which `.ci/run` carries out: the tests are skipped on nobody's machine for want of an extra."""
    command = re.search(r"<!-- test -->\n```sh\n(.*)\n", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert command is not None
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    installed: set[str] = set()
    waiting = re.findall(r"\[([\w,]+)\]", command[1])
    while waiting:
        for name in waiting.pop().split(","):
            for line in extras[name]:
                found = re.match(r"([\w.-]+)(?:\[([\w,]+)\])?", line)
                assert found is not None
                if found[1] == "rtfs-lang":
                    waiting.append(found[2])
                installed.add(found[1].replace("-", "_"))
    # a distribution is called as its package here, or as this says
    called = {"llama_cpp": "llama_cpp_python", "tests": "gguf"}
    wanted: set[str] = set()
    for path in sorted((ROOT / "tests" / "contract").glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple):
                wanted |= {item.value for item in node.iter.elts if isinstance(item, ast.Constant)} if "importorskip" in ast.dump(node) else set()
            elif isinstance(node, ast.Call) and "importorskip" in ast.dump(node.func) and isinstance(node.args[0], ast.Constant):
                wanted.add(node.args[0].value)
    packages = {called.get(name.split(".")[0], name.split(".")[0]) for name in wanted}
    assert {"openai", "fastapi", "uvicorn", "llama_cpp_python", "httpx2"} <= packages
    assert packages <= installed
