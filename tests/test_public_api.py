"""What `import rtfs` promises: a whole and sorted list of names, no cost, and runtimes that never meet."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import rtfs
from rtfs import errors

ROOT = Path(__file__).parents[1]


def run_python(code: str) -> Any:
    """What a fresh interpreter prints, as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return json.loads(done.stdout)


# --- the list ---


def test_the_list_is_sorted_and_without_doubles():
    assert rtfs.__all__ == sorted(set(rtfs.__all__))


def test_every_name_on_the_list_is_there():
    for name in rtfs.__all__:
        assert getattr(rtfs, name) is not None


def test_the_table_of_homes_and_the_list_agree():
    homes = {name for names in rtfs._HOMES.values() for name in names}
    assert homes | {"parse", "types", "__version__"} == set(rtfs.__all__)


def test_type_checkers_see_the_same_names():
    text = inspect.getsource(rtfs).partition("if TYPE_CHECKING:")[2].partition("__version__")[0]
    imported: set[str] = set()
    for line in text.replace("(\n", "(").splitlines():
        names = line.partition(" import ")[2] if " import " in line else line
        imported |= {word for word in names.replace("(", " ").replace(")", " ").replace(",", " ").split() if word.isidentifier()}
    assert imported == {name for names in rtfs._HOMES.values() for name in names} | {"types"}


def test_every_error_class_is_public():
    classes = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == "rtfs.errors"
    }
    assert classes <= set(rtfs.__all__)


def test_dir_shows_the_names_and_an_unknown_one_is_an_attribute_error():
    assert set(rtfs.__all__) <= set(dir(rtfs))
    with pytest.raises(AttributeError, match="has no attribute 'Runtme'"):
        _ = rtfs.Runtme


def test_the_version_is_said_once():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project.get("version", rtfs.__version__) == rtfs.__version__
    assert f"## {rtfs.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


# --- laziness ---


def test_importing_rtfs_imports_nothing_else():
    loaded = run_python(
        "import sys, json; before = set(sys.modules); import rtfs; print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    assert loaded == ["rtfs"]


def test_running_a_program_imports_no_model_library():
    heavy = ["llama_cpp", "numpy", "httpx2", "pydantic", "lark", "faiss", "prompt_toolkit", "rich"]
    loaded = run_python(
        f"import sys, json, rtfs; rtfs.Runtime().run('(map inc [1 2])'); print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    )
    assert loaded == []


# --- parse ---


def test_parse_gives_forms_as_values():
    (form,) = rtfs.parse("(+ 1 :a)")
    assert form[0] == rtfs.Symbol("+")
    assert form[2] is rtfs.kw("a")
    assert rtfs.parse("; only a comment") == []


def test_parse_says_what_is_wrong_and_whether_more_text_would_help():
    with pytest.raises(rtfs.IncompleteInput):
        rtfs.parse("(+ 1")
    with pytest.raises(rtfs.ParseError) as caught:
        rtfs.parse("(+ 1))", name="here.rtfs")
    assert not isinstance(caught.value, rtfs.IncompleteInput)
    assert caught.value.span.source.name == "here.rtfs"


# --- two runtimes ---


def test_definitions_stay_in_their_runtime():
    one, two = rtfs.Runtime(), rtfs.Runtime()
    one.run("(def answer 42) (defmacro twice [x] `(+ ~x ~x)) (defstruct Point :x :int)")
    one.define("shout", lambda text: text.upper())
    assert one.run('[answer (twice 2) (shout "hi")]') == [42, 4, "HI"]
    for text in ("answer", "(twice 2)", '(shout "hi")', "(Point {:x 1})"):
        with pytest.raises(rtfs.EvalError) as caught:
            two.run(text)
        assert caught.value.kind == "undefined-symbol"


def test_redefined_built_ins_stay_in_their_runtime():
    one, two = rtfs.Runtime(), rtfs.Runtime()
    one.run("(defn inc [x] :mine)")
    assert one.run("(inc 1)") == "mine"
    assert two.run("(inc 1)") == 2


def test_stores_models_and_permissions_stay_in_their_runtime():
    one, two = rtfs.Runtime(allow=["system.get-env"], environ={"NAME": "one"}), rtfs.Runtime()
    one.run('(call :state.kv.put "k" 1)')
    assert two.run('(call :state.kv.get "k")') is None
    assert one.run('(get-env "NAME")') == "one"
    with pytest.raises(rtfs.HostError):
        two.run('(get-env "NAME")')
    one.models.register("mine", one.models.resolve("local-model", "echo"))
    assert "mine" in one.models.names("local-model")
    assert "mine" not in two.models.names("local-model")


def test_limits_stay_in_their_runtime():
    program = "(loop [i 0] (if (< i 1000) (recur (inc i)) i))"
    with pytest.raises(rtfs.LimitExceeded):
        rtfs.Runtime(limits=rtfs.Limits(max_steps=100)).run(program)
    assert rtfs.Runtime().run(program) == 1000
