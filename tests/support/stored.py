"""Programs run three times: without a compile cache, with an empty one, and with what that left behind."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rtfs.errors import RtfsError, render
from rtfs.eval.cached import cache, program
from rtfs.program_files import read_source
from rtfs.runtime import Runtime
from rtfs.source import Source
from rtfs.values.printing import to_readable

Make = Callable[..., Runtime]


class Outcome:
    """What a run of a file gave, and the texts that ran after it in the same runtime.

    Attributes:
        results: for the file and each text: value or report of the error.
        output: what it printed, and its warnings.
        stored: whether the file was taken from the cache.
        why_not: why nothing was kept of it, if that was so.
    """

    def __init__(self) -> None:
        self.results: list[str] = []
        self.output = ""
        self.stored = False
        self.why_not: str | None = None

    @property
    def seen(self) -> tuple[list[str], str]:
        """What somebody who runs the program can see."""
        return self.results, self.output


def make_runtime(out: io.StringIO, **options: Any) -> Runtime:
    settings: dict[str, Any] = {"models": None, "environ": {}, "strategy": "ir"} | options
    return Runtime(stdout=out, stderr=out, on_warning=lambda message, span: print(f"warning: {message} {span}", file=out), **settings)


def run(path: Path, folder: Path | None, *then: str, make: Make = make_runtime, **options: Any) -> Outcome:
    """Run a file, then further texts."""
    outcome, out = Outcome(), io.StringIO()
    with _counted() as loaded, make(out, cache=folder, **options) as runtime:
        runtime.on_analysis_warning = lambda warning: print(render(warning, severity="warning"), file=out)
        outcome.results.append(_result(runtime, read_source(path)))
        for i, text in enumerate(then):
            outcome.results.append(_result(runtime, Source(f"<{i}>", text)))
        if runtime._programs.cache is not None:
            waiting = list(runtime._programs.cache._waiting)
            runtime.close()
            outcome.why_not = next((r.why_not for r in waiting if r.source.name == str(path)), None)
    outcome.stored = str(path) in loaded
    outcome.output = out.getvalue()
    return outcome


def _result(runtime: Runtime, source: Source) -> str:
    try:
        return to_readable(runtime.run_source(source))
    except RtfsError as error:
        return render(error)


@contextmanager
def _counted() -> Any:
    """The names of the files whose stored programs are used meanwhile."""
    names: list[str] = []
    run_forms = program.StoredForms.run

    def noted(self: Any, *args: Any) -> Any:
        names.append(self.program.source.name)
        return run_forms(self, *args)

    program.StoredForms.run = noted  # type: ignore[method-assign]
    try:
        yield names
    finally:
        program.StoredForms.run = run_forms  # type: ignore[method-assign]


def three_runs(path: Path, folder: Path, *then: str, kept: bool | None = True, **options: Any) -> Outcome:
    """Run a file without a cache, with an empty one and with a full one: all the same. Gives the last run.

    Args:
        kept: whether it must have been stored; None when that does not matter.
    """
    plain = run(path, None, *then, **options)
    cold = run(path, folder, *then, **options)
    warm = run(path, folder, *then, **options)
    assert not cold.stored
    assert cold.seen == plain.seen
    assert warm.seen == plain.seen
    if kept is not None:
        assert warm.stored == kept, cold.why_not
    return warm


@contextmanager
def everything_is_worth_keeping() -> Any:
    """Programs of any size are kept."""
    before = cache.WORTH_BYTES
    cache.WORTH_BYTES = 0
    try:
        yield
    finally:
        cache.WORTH_BYTES = before


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def reason(path: Path, folder: Path, *then: str, **options: Any) -> str | None:
    """Why a file is not kept, after checking that it runs in the same way all the same."""
    three_runs(path, folder, *then, kept=False, **options)
    return run(path, folder, *then, **options).why_not


