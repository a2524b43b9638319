"""The Python text of generated code."""

from __future__ import annotations

import ast
import re
from typing import Any
from unittest.mock import patch

from rtfs.eval.compiled.builder import SENTINEL
from rtfs.eval.compiled.generate import Generator
from rtfs.runtime import Runtime


def python_of(text: str, name: str) -> str:
    """The Python functions that are generated for the RTFS function of that name, the second body of it first.

    The names of generated code are no Python names: what is inside them apart from letters, digits and `_` is left out.
    """
    made: list[ast.Module] = []
    module = Generator.module

    def keeping(self: Generator, *args: Any) -> ast.Module:
        made.append(_Constants(self).visit(module(self, *args)))
        return made[-1]

    runtime = Runtime(strategy="ir", models=None)
    with patch.object(Generator, "module", keeping):
        runtime.run(text)
    found = [
        node
        for unit in made
        for node in ast.walk(unit)
        if isinstance(node, ast.FunctionDef) and (node.name == name or node.name.startswith(f"{name} fast"))
    ]
    return "\n".join([ast.unparse(_plain(node)) for node in found])


def _plain(node: Any) -> Any:
    def plain(name: str) -> str:
        return re.sub(r"\W", "", name.replace(" ", "_")).strip("_")

    for part in ast.walk(ast.fix_missing_locations(node)):
        if isinstance(part, ast.Name):
            part.id = plain(part.id)
        elif isinstance(part, ast.arg):
            part.arg = plain(part.arg)
        elif isinstance(part, ast.FunctionDef):
            part.name = plain(part.name)
        elif isinstance(part, ast.Constant) and not isinstance(part.value, (int, float, str, bool, type(None))):
            part.value = "constant"
    return node


class _Constants(ast.NodeTransformer):
    """Types that stand in the code as names."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Any:
        first = node.values[0]
        if len(node.values) == 1 and isinstance(first, ast.Constant) and str(first.value).startswith(SENTINEL):
            value = self.generator.constants[int(str(first.value)[len(SENTINEL) :])]
            return ast.copy_location(ast.Name(value.__name__, ast.Load()), node) if isinstance(value, type) else node
        return self.generic_visit(node)
