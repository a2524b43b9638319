"""Code of tables: many tests of one value with literals, as a search."""

from __future__ import annotations

import ast as py
from collections.abc import Callable
from functools import partial

from rtfs.eval.compiled.generate import Generator
from rtfs.ir.decisions import Table
from rtfs.ir.steps import Step
from rtfs.values.scalars import Keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.eval.compiled.cases import Tree

#: So many tests one after the other are faster than a search: of integers, of identities, of strings.
LINEAR = {"int": 5, "is": 24, "str": 10}


def table(tree: Tree, item: Table) -> None:
    """Statements that find the case and carry it out; what comes after them is for values that have none."""
    g, part = tree.g, item.part
    values = tuple([value for found, _ in item.cases for value in found])
    if tree.known(Step(item.op, part, values)) is False:
        return
    after = tree.later
    name = tree.value(part, again=True).id
    kind = "is" if item.op == "is" else type(values[0]).__name__
    small = len(item.cases) <= LINEAR.get(kind, len(item.cases))
    if small or (kind == "is" and not all(isinstance(value, Keyword) for value in values)):
        for found, block in item.cases:
            tree.test([Step(item.op, part, found)], block, after)
    elif kind == "int" and len(values) == len(item.cases):
        order = sorted([(found[0], block) for found, block in item.cases], key=lambda case: case[0])
        _search(g, name, [(value, partial(_exactly, tree, name, value, block)) for value, block in order])
    else:
        _look_up(tree, item, name, kind)


def _exactly(tree: Tree, name: str, value: int, block: Any) -> None:
    g = tree.g
    g.when(g.compare(g.load(name), py.Eq(), g.const(value)), g.inside(lambda: tree.block(block)))


def _look_up(tree: Tree, item: Table, name: str, kind: str) -> None:
    """Find the number of the case in a dict, then the case."""
    g = tree.g
    numbers = {value: i for i, (values, _) in enumerate(item.cases) for value in values}
    number = g.temp()
    cases: list[tuple[int, Callable[[], Any]]] = [(i, partial(tree.block, block)) for i, (_, block) in enumerate(item.cases)]

    def search() -> None:
        g.assign(number, g.item(g.const(numbers), g.load(name)))
        _search(g, number, cases)

    known = g.compare(g.load(name), py.In(), g.const(numbers))
    if kind == "is":  # only a keyword has a cheap hash for sure
        known = g.both(g.is_(tree.type_of(item.part, False), g.load(" Keyword")), known)
    g.when(known, g.inside(search))


def _search(g: Generator, name: str, cases: list[tuple[int, Callable[[], Any]]]) -> None:
    """Halve the cases, which are in rising order, until one is left."""
    if len(cases) == 1:
        cases[0][1]()
        return
    middle = len(cases) // 2
    below = g.compare(g.load(name), py.Lt(), g.const(cases[middle][0]))
    g.when(below, g.inside(lambda: _search(g, name, cases[:middle])), g.inside(lambda: _search(g, name, cases[middle:])))
