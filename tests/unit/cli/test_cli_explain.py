"""`rtfs explain`, and that its table tells the truth."""

from __future__ import annotations

import json

import pytest

from rtfs.cli.explain import kind_named
from rtfs.cli.explanations import EXPLANATIONS
from rtfs.cli.main import main
from rtfs.errors import KINDS, RtfsError
from rtfs.runtime import Runtime
from rtfs.source import Source


def test_every_kind_is_explained():
    assert EXPLANATIONS.keys() == KINDS.keys()
    for kind, text in EXPLANATIONS.items():
        assert text.meaning.endswith("."), kind
        assert text.fix.endswith((".", '".', "%")), kind
        assert text.example or text.shown_only, kind


@pytest.mark.parametrize("kind", [kind for kind, text in EXPLANATIONS.items() if not text.shown_only])
def test_the_example_fails_in_that_way(kind):
    warnings = []
    runtime = Runtime(environ={}, allow=["system.sleep-ms"])
    runtime.on_analysis_warning = warnings.append
    found = None
    try:
        runtime.run(EXPLANATIONS[kind].example, raw=True)
    except RtfsError as error:
        found = error.kind
    assert kind == found or kind in [warning.kind for warning in warnings] or kind in _found_by_check(EXPLANATIONS[kind].example)


def _found_by_check(text):
    return [problem.kind for problem in Runtime(strategy="tree", models=None).check(Source("<example>", text))]


@pytest.mark.parametrize("word", ["RTFS-R003", "rtfs-r003", "r003", "division-by-zero", ":division-by-zero", "DivisionByZero"])
def test_names_of_an_error(word):
    assert kind_named(word) == "division-by-zero"


def test_explain(capsys):
    assert main(["explain", "A001"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("RTFS-A001  unbound-name\n")
    assert EXPLANATIONS["unbound-name"].example.split("\n")[0] in out
    assert main(["explain", "RTFS-A0001"]) == 2
    assert "did you mean RTFS-A001?" in capsys.readouterr().err
    assert main(["explain"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(KINDS)
    assert main(["explain", "--json", "L001", "H001"]) == 0
    assert [json.loads(line)["code"] for line in capsys.readouterr().out.splitlines()] == ["RTFS-L001", "RTFS-H001"]
