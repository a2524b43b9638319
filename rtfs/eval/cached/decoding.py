"""Reading definitions out of an entry of the compile cache: loaded when somebody asks for one."""

from __future__ import annotations

from collections.abc import Iterator

from rtfs.eval.cached.pending import PendingFn, settle_as
from rtfs.ir.artefact import schema
from rtfs.ir.artefact.reading import MAKERS, Reader
from rtfs.source import Source
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Tables = tuple[list[str], list[int], list[float]]
_FN = schema.NUMBERS[ast.Fn]


class _Definitions(Reader):
    """Reads one definition; its functions become those that are already about.

    What is read was signed, so it is believed: what names are used for is written down (see `encoding`), not found out.
    """

    def __init__(self, code: bytes, tables: Tables, source: Source, fns: Iterator[PendingFn]) -> None:
        super().__init__(code, *tables, [source])
        self.fns = fns
        self.makers = _MAKERS

    def name(self) -> str:
        return self.texts[self.number()]

    def root(self) -> ast.Node:
        made = super().root()
        for binding in self.bindings:
            binding.uses, flags = self.number(), self.number()
            binding.assigned, binding.captured = flags & 1 != 0, flags & 2 != 0
        return made


def _fn(r: Any) -> Any:
    made = MAKERS[_FN](r)
    pending = next(r.fns, None)
    return made if pending is None else settle_as(pending, made)


_MAKERS = MAKERS | {_FN: _fn}


def definition(code: bytes, tables: Tables, source: Source, fns: Iterator[PendingFn]) -> Any:
    """The node that bytes stand for.

    Args:
        fns: what the functions in it are to be, in the order in which they are written.
    """
    return _Definitions(code, tables, source, fns).root()
