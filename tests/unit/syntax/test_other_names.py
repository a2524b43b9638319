"""Names of other languages lead to what stands here for them."""

from __future__ import annotations

import pytest

from rtfs.errors import RtfsError
from rtfs.runtime import Runtime
from rtfs.syntax.analyse import HARD_CORE, SPECIAL_FORMS
from rtfs.syntax.other_names import OTHER_NAMES


def test_each_is_none_here_and_leads_to_what_is() -> None:
    runtime = Runtime(models=None)
    known = {*runtime.machine.library.names(), *HARD_CORE, *SPECIAL_FORMS, "nil", "true", "false"}
    assert {ours for ours in OTHER_NAMES.values() if ours not in known and runtime.namespace.macro(ours) is None} == set()
    assert {other for other in OTHER_NAMES if other in known or runtime.namespace.macro(other) is not None} == set()


@pytest.mark.parametrize("strategy", ["ir", "tree"])
@pytest.mark.parametrize(
    ("program", "ours"),
    [("(subs \"abc\" 1)", "substring"), ("(define x 1)", "def"), ("(car [1])", "first"), ("null", "nil"), ("(len [1])", "count")],
)
def test_errors_name_it(strategy: str, program: str, ours: str) -> None:
    runtime = Runtime(strategy=strategy, models=None, on_warning=lambda message, span: None)
    with pytest.raises(RtfsError) as caught:
        runtime.run(program)
    assert caught.value.hint == f"did you mean `{ours}`?"


def test_names_of_the_program_come_first() -> None:
    runtime = Runtime(models=None, on_warning=lambda message, span: None)
    with pytest.raises(RtfsError) as caught:
        runtime.run("(let [append1 1] appends)")
    assert caught.value.hint == "did you mean `append1`?"
