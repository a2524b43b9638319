"""The programs of the suite and the systems that run them.

`benches/programs/NAME.rtfs` says in its first line what it is about, defines a function `main` without parameters, and calls it in
its last line, with the expected value after `;=>`.  `NAME.py` is what a good Python programmer writes for the same algorithm and
the same work; `NAME.hy` is that Python program in Hy.  Where a program changes a collection, the Python version keeps the
older value too, through the library that does so fastest: `immutables` for maps and `pyrsistent` for vectors (for maps, `rpds` and
`pyrsistent` take five times as long).  `typed/` has programs with annotations, `mutable/` Python that forgets the older value.

What is timed is a call of `main`.  Reading, macro expansion and compilation have happened by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from rtfs.config import DEFAULT_LIMITS, Limits
from rtfs.runtime import Runtime
from rtfs.values.convert import to_rtfs
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

#: Limits that no program of the suite comes near: what counting costs, not what stopping does.
FAR_LIMITS = Limits(max_steps=10**15, timeout_s=86_400.0)

Main = Callable[[], Any]


class WrongAnswer(Exception):
    """A program does not give its expected value."""


@dataclass(frozen=True)
class Program:
    name: str
    folder: Path = FOLDER

    def file(self, suffix: str) -> Path:
        return self.folder / f"{self.name}{suffix}"

    @property
    def text(self) -> str:
        """The RTFS version."""
        return self.file(".rtfs").read_text(encoding="utf-8")

    @property
    def about(self) -> str:
        """What it does: the comment in the first line."""
        return self.text.partition("\n")[0].lstrip("; ")

    @property
    def expected(self) -> str:
        """The value of `main` as RTFS prints it."""
        return self.text.rpartition(";=>")[2].strip()

    def main(self, system: str) -> Main:
        """The function to time, after one call whose answer is checked.

        Raises:
            WrongAnswer
        """
        main = SYSTEMS[system](self)
        self.check(main(), system)
        return main

    def check(self, value: Any, system: str) -> None:
        """
        Raises:
            WrongAnswer: `value`, of RTFS or of Python, is not the expected one.
        """
        answer = to_readable(to_rtfs(value) if type(value) is list else value)
        if answer != self.expected:
            raise WrongAnswer(f"{self.name} on {system}: expected {self.expected}, got {answer}")


def programs(names: Iterable[str] = NAMES) -> list[Program]:
    return [Program(name) for name in names]


TYPED = [Program(name, FOLDER / "typed") for name in ("fib", "mandelbrot")]
#: Programs whose Python version in `mutable/` changes a dict or list in place.
MUTABLE = [Program(name) for name in ("map-build", "map-update", "vector-build", "vector-update")]


def _rtfs(strategy: str, limits: Limits = DEFAULT_LIMITS) -> Callable[[Program], Main]:
    def load(program: Program) -> Main:
        runtime = Runtime(strategy=strategy, models=None, limits=limits)
        runtime.run(program.text, raw=True, name=program.file(".rtfs").name)
        return runtime.function("main", raw=True)

    return load


def python_main(path: Path) -> Main:
    """The `main` of a Python file."""
    module = ModuleType(path.stem)
    exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    main: Main = module.main
    return main


def _hy(program: Program) -> Main:
    import hy

    path = program.file(".hy")
    module = ModuleType(path.stem)
    module.__dict__["hy"] = hy
    hy.eval(hy.read_many(path.read_text(encoding="utf-8"), filename=str(path)), module=module)
    main: Main = module.main
    return main


#: system -> how a program is loaded in it; the others are compared with the first
SYSTEMS: dict[str, Callable[[Program], Main]] = {
    "cpython": lambda program: python_main(program.file(".py")),
    "ir": _rtfs("ir"),
    "metered": _rtfs("ir", FAR_LIMITS),
    "tree": _rtfs("tree"),
    "hy": _hy,
}


def missing() -> list[str]:
    """The libraries of the Python programs that are not installed."""
    return [name for name in ("immutables", "pyrsistent") if find_spec(name) is None]


def available() -> list[str]:
    """The systems that are installed."""
    return [system for system in SYSTEMS if system != "hy" or find_spec("hy") is not None]
