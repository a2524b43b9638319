"""The programs of the suite and the systems that run them.

`benches/programs/NAME.rtfs` defines a function `main` without parameters; its last line calls it and gives the expected value
after `;=>`.  `NAME.py` is what a good Python programmer writes for the same algorithm and the same work; `NAME.hy` is that
Python program in Hy.  Where a program changes a collection, the Python version keeps the older value too, through the library
that does so fastest: `immutables` for maps and `pyrsistent` for vectors (`rpds` and `pyrsistent` take five times as long for
maps).

What is timed is a call of `main`.  Reading, macro expansion and compilation have happened by then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from rtfs.runtime import Runtime
from rtfs.values.printing import to_readable

FOLDER = Path(__file__).parent / "programs"

#: The programs in the order of the table.
NAMES = (
    "fib",
    "tak",
    "recur",
    "reduce",
    "pipeline",
    "strings",
    "map-build",
    "map-update",
    "map-history",
    "vector-build",
    "vector-update",
    "nested",
    "sort-by",
    "match",
    "shapes",
    "queens",
    "mandelbrot",
    "nbody",
    "macros",
)

Main = Callable[[], Any]


class WrongAnswer(Exception):
    """A program does not give its expected value."""


@dataclass(frozen=True)
class Program:
    """A program of the suite."""

    name: str
    path: Path
    """The RTFS version; the others lie beside it."""

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def about(self) -> str:
        """The comment in the first line."""
        return self.text.partition("\n")[0].lstrip("; ")

    @property
    def expected(self) -> str:
        """The value of `main` as it is printed."""
        return self.text.rpartition(";=>")[2].strip()

    def main(self, system: str) -> Main:
        """The function to time in a system, after its answer has been checked.

        Raises:
            WrongAnswer
        """
        main = LOADERS[system](self)
        answer = to_readable(to_rtfs_value(main()))
        if answer != self.expected:
            raise WrongAnswer(f"{self.name} on {system}: expected {self.expected}, got {answer}")
        return main


def to_rtfs_value(value: Any) -> Any:
    """A Python answer as an RTFS value; an RTFS value as it is."""
    from rtfs.values.convert import to_rtfs

    return to_rtfs(value) if type(value) in (list, tuple) else value


def programs(only: list[str] | None = None) -> list[Program]:
    return [Program(name, FOLDER / f"{name}.rtfs") for name in NAMES if only is None or name in only]


def _rtfs(strategy: str) -> Callable[[Program], Main]:
    def load(program: Program) -> Main:
        runtime = Runtime(strategy=strategy, models=None)
        runtime.run(program.text, raw=True, name=str(program.path))
        return runtime.function("main", raw=True)

    return load


def _cpython(program: Program) -> Main:
    path = program.path.with_suffix(".py")
    module = ModuleType(program.name)
    exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    return module.main


def _hy(program: Program) -> Main:
    import hy

    path = program.path.with_suffix(".hy")
    module = ModuleType(f"{program.name}-hy")
    module.__dict__["hy"] = hy
    hy.eval(hy.read_many(path.read_text(encoding="utf-8"), filename=str(path)), module=module)
    return module.main


#: system -> how a program is loaded in it; the first is the one that the others are compared with
LOADERS: dict[str, Callable[[Program], Main]] = {
    "cpython": _cpython,
    "ir": _rtfs("ir"),
    "tree": _rtfs("tree"),
    "hy": _hy,
}


def available() -> list[str]:
    """The systems that are installed."""
    return [system for system in LOADERS if system != "hy" or find_spec("hy") is not None]
