"""Content hashes: what a program means, in 32 bytes (architecture, section 5).

Hashed is what the analyser made of a text, macros expanded and names resolved.  Layout, comments and the names of locals play no
part, nor does the name or docstring of a function, which are seen in messages alone; those of a delegated function and of its
parameters do, as they make its request.  The name of a global stands for the hash of what it refers to, and a group of definitions
that refer to each other is hashed as a group, without their names.  A name that the program does not define stands for itself, as
the library of this `VERSION` or the host has it.
"""

from __future__ import annotations

from rtfs.ir.artefact import schema
from rtfs.ir.artefact.writing import PUT, Writer, float_bits
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import TypeRef
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from rtfs.ir.artefact.program import Prepared
    from rtfs.source import Span

HASH_BYTES = 32

#: Part of every hash. Raised when the hash of an unchanged program changes, or a built-in gets another meaning: what was kept under
#: hashes of before is not found any more.
VERSION = 1

#: Fields that nothing but messages shows. Names that a form defines are told apart by `groups`.
_SILENT = frozenset(((ast.Fn, "name"), (ast.Fn, "doc"), (ast.Def, "name"), (ast.DefType, "name")))


def digest(*parts: bytes) -> bytes:
    """The hash of several byte strings; where one ends and the next begins counts."""
    from hashlib import blake2b

    state = blake2b(digest_size=HASH_BYTES, person=b"rtfs-content-%d" % VERSION)
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.digest()


def outside(name: str) -> bytes:
    """The hash that stands for a name which nothing known defines: a built-in, a value of the context, an unknown name."""
    return digest(b"outside", name.encode("utf-8", "surrogatepass"))


def content_hash(node: ast.Node, dependencies: Mapping[str, bytes] | None = None) -> bytes:
    """The hash of a function (`Function.spec`) or of any other node.

    Args:
        dependencies: global name -> hash of what it refers to; for types, `type NAME`. Other names are `outside`.
    """
    known = dependencies or {}
    return hash_node(node, lambda name: known.get(name) or outside(name))


def hash_node(node: ast.Node, look_up: Callable[[str], bytes], modules: Mapping[int, bytes] | None = None) -> bytes:
    """The hash of a node.

    Args:
        look_up: a global name, or `type NAME` -> the hash of what it refers to.
        modules: id of a `module` node inside -> the hash of its forms.
    """
    writer = _Hashed(look_up, modules or {})
    writer.parts(node)
    writer.end()
    return digest(b"node", bytes(writer.out))


class _Hashed(Writer):
    """Writes a node as it is hashed: no places, no tables, locals by number."""

    def __init__(self, look_up: Callable[[str], bytes], modules: Mapping[int, bytes]) -> None:
        super().__init__(())
        self._look_up = look_up
        self._module_hashes = modules

    def text(self, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self.number(len(data))
        self.out += data

    def span(self, span: Span | None) -> None:
        return None

    def record(self, item: Any) -> None:
        if not isinstance(item, Struct):
            self.value(item)
            return
        number = schema.NUMBERS[type(item)]
        self.number(number)
        if isinstance(item, (ast.Global, TypeRef)):
            self.out += self._look_up(item.name if isinstance(item, ast.Global) else f"type {item.name}")
            return
        for field, kind in schema.NODES[number][1]:
            if isinstance(item, ast.SetGlobal) and field == "name":
                self.out += self._look_up(item.name)
            elif (type(item), field) not in _SILENT:
                PUT[kind](self, getattr(item, field), item, field)
        if isinstance(item, ast.Fn) and item.hint is not None and item.hint.target != "local":
            self.text(item.name or "")
            self.text(item.doc)
            self.names(tuple([param.name for param in (*item.params, *([item.rest] if item.rest is not None else []))]))
        elif isinstance(item, ast.FreshNames):
            self.names(tuple([binding.name for binding in item.scope.bindings]))

    def value(self, value: Any) -> None:
        kind = type(value)
        if kind is int:
            self.number(schema.INT)
            self.text(format(value, "x"))
        elif kind is float:
            self.number(schema.FLOAT)
            self.out += float_bits(value if value == value else float("nan"))
        else:
            super().value(value)

    def module(self, module: ast.Module) -> None:
        self.out += self._module_hashes.get(id(module), b"\0" * HASH_BYTES)

    def end(self) -> None:
        """Which of the bindings are late."""
        for binding in self.bindings:
            self.number(binding.late)


def program_hash(program: Any) -> bytes:
    """The hash of a `program.Program`: its forms in order with the names that they define, and its modules."""
    from rtfs.ir.artefact.groups import Hashes

    return Hashes(program.modules).program(program.forms)


def definition_hashes(forms: tuple[Prepared, ...], modules: Mapping[str, tuple[Prepared, ...]] | None = None) -> dict[str, bytes]:
    """The hash of everything that top-level forms define: global name, or `type NAME` -> hash.

    Args:
        modules: the forms of the files of modules that are imported.
    """
    from rtfs.ir.artefact.groups import Hashes

    return dict(Hashes(modules or {}).definitions(forms))
