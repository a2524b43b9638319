"""Hashes of definitions by those of what they refer to; definitions that refer to each other as a group.

A definition can be hashed once what it refers to is, so definitions are hashed in the order of their dependencies.  The members of
a group are told apart by what they do, never by name: each begins with the same hash, and is hashed anew with those of the others
until no more of them differ (colour refinement; Weisfeiler and Lehman, 1968).
"""

from __future__ import annotations

from rtfs.ir.artefact import schema
from rtfs.ir.artefact.hashing import digest, hash_node, outside
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import TypeRef
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rtfs.ir.artefact.program import Prepared

_UNKNOWN = b"\0" * 32


class Hashes:
    """The hashes of one program.

    Args:
        files: module -> the forms of its file.
    """

    def __init__(self, files: Mapping[str, tuple[Prepared, ...]]) -> None:
        self._files = files
        self._modules: dict[str, dict[str, bytes]] = {}  # module -> its definitions
        self._spaces: dict[int, _Space] = {}  # id of the forms of a text -> what is known of them

    def program(self, forms: tuple[Prepared, ...]) -> bytes:
        """The hash of forms in order, with the names that each defines and the macros that it makes."""
        space = self._space(forms)
        parts = []
        for i, form in enumerate(forms):
            names = [name.encode("utf-8", "surrogatepass") for name in space.defined[i]]
            macros = [part for name, fn in form.macros for part in (name.encode(), hash_node(fn, space.look_up))]
            parts.append(digest(b"form", *names, space.form(i), *macros))
        return digest(b"forms", *parts)

    def definitions(self, forms: tuple[Prepared, ...]) -> dict[str, bytes]:
        return self._space(forms).hashes

    def _space(self, forms: tuple[Prepared, ...]) -> _Space:
        found = self._spaces.get(id(forms))
        if found is None:
            found = self._spaces[id(forms)] = _Space(self, forms)
        return found

    def module(self, name: str) -> dict[str, bytes]:
        """The definitions of a module; none while it is being worked out, where modules import each other in a circle."""
        found = self._modules.get(name)
        if found is None:
            found = self._modules[name] = {}
            for form in self._files.get(name, ()):
                self.inside(form)
        return self._modules[name]

    def inside(self, form: Prepared) -> dict[int, bytes]:
        """The hashes of the modules in a form, by id of their nodes; from then on their definitions are known."""
        hashes = {}
        for node, inner in form.inner():
            self._modules[node.name] = {}
            self._modules[node.name] = self.definitions(inner)
            hashes[id(node)] = self.program(inner)
        return hashes


class _Space:
    """The definitions of one text, which share a namespace.

    Attributes:
        defined: of each form, what it defines: global names, and `type NAME`.
        hashes: what is defined -> hash.
    """

    def __init__(self, owner: Hashes, forms: tuple[Prepared, ...]) -> None:
        self._owner = owner
        self._forms = forms  # kept, as they are known by their identity
        self._nodes = [form.node for form in forms]
        self._aliases: dict[str, str] = {}
        self._imported: dict[str, bytes] = {}
        self._inner: list[dict[int, bytes]] = []
        self.defined: list[list[str]] = []
        self._sites: dict[str, list[tuple[int, int]]] = {}  # name -> (form, which of the names that it defines)
        self.hashes: dict[str, bytes] = {}
        self._references: list[list[str]] = []  # of each form: names of the same kinds
        self._known: dict[int, bytes] = {}  # form -> hash, where all that it refers to is hashed
        for i, form in enumerate(forms):
            self._look_into(form)
            for at, name in enumerate(self.defined[i]):
                self._sites.setdefault(name, []).append((i, at))
        for group in groups(list(self._sites), self._neighbours):
            self._hash_group(group)

    def _look_into(self, form: Prepared) -> None:
        """Take note of what a form defines, refers to and imports."""
        self._inner.append(self._owner.inside(form))
        names: dict[str, None] = {}
        references: dict[str, None] = {}
        for node in walk(form.node):
            if isinstance(node, ast.Global):
                references[node.name] = None
            elif isinstance(node, TypeRef):
                references[f"type {node.name}"] = None
            elif isinstance(node, ast.Def):
                names[node.name] = None
            elif isinstance(node, ast.SetGlobal):
                names[node.name] = references[node.name] = None
            elif isinstance(node, ast.DefType):
                names[f"type {node.name}"] = None
            elif isinstance(node, ast.DefStruct):
                names.update(dict.fromkeys([f"type {node.name}", node.name, f"{node.name}?"]))
            elif isinstance(node, ast.Import):
                self._aliases[node.alias or node.module] = node.module
                known = self._owner.module(node.module)
                for name in node.only or ():
                    self._imported.update({n: known[n] for n in (name, f"type {name}") if n in known})
        self.defined.append(list(names))
        self._references.append(list(references))

    def look_up(self, name: str) -> bytes:
        """The hash of what a name refers to."""
        found = self.hashes.get(name) or self._imported.get(name)
        if found is not None:
            return found
        kind, blank, plain = name.rpartition(" ")
        module, slash, symbol = plain.rpartition("/")
        if slash and module:
            found = self._owner.module(self._aliases.get(module, module)).get(f"{kind}{blank}{symbol}")
        return found or outside(name)

    def form(self, i: int) -> bytes:
        """The hash of a form; all names are hashed."""
        found = self._known.get(i)
        if found is None:
            found = self._known[i] = self._form_now(i)
        return found

    def _form_now(self, i: int) -> bytes:
        """The same, for what is known of names by now."""
        return hash_node(self._nodes[i], self.look_up, self._inner[i])

    def _neighbours(self, name: str) -> list[str]:
        """What the definitions of a name refer to, of the names of this text."""
        return [other for i, _ in self._sites[name] for other in self._references[i] if other in self._sites]

    def _hash_group(self, group: list[str]) -> None:
        if len(group) == 1 and group[0] not in self._neighbours(group[0]):
            for i, _ in self._sites[group[0]]:
                if all(name in self.hashes or name not in self._sites for name in self._references[i]):
                    self.form(i)
            self.hashes[group[0]] = self._hash_name(group[0])
            return
        self.hashes.update(dict.fromkeys(group, _UNKNOWN))
        different = 1
        while True:
            self.hashes.update({name: self._hash_name(name) for name in group})
            before, different = different, len({self.hashes[name] for name in group})
            if different == before:
                break
        whole = digest(b"group", *sorted(self.hashes[name] for name in group))
        self.hashes.update({name: digest(b"member", whole, self.hashes[name]) for name in group})

    def _hash_name(self, name: str) -> bytes:
        """The hash of a name: that of its definition, or of all of them and where in each it is defined."""
        parts = [digest(self._known.get(i) or self._form_now(i), at.to_bytes(4, "big")) for i, at in self._sites[name]]
        return digest(b"definition", *parts)


def groups(names: list[str], references: Any) -> list[list[str]]:
    """Names in an order in which what one refers to comes before it, those that refer to each other together (Tarjan, 1972)."""
    found: list[list[str]] = []
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    for root in names:
        if root in number:
            continue
        work = [(root, iter(references(root)))]
        number[root] = lowest[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        while work:
            name, following = work[-1]
            for other in following:
                if other not in number:
                    number[other] = lowest[other] = len(number)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(references(other))))
                    break
                if other in on_stack:
                    lowest[name] = min(lowest[name], number[other])
            else:
                work.pop()
                if work:
                    lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[name])
                if lowest[name] == number[name]:
                    group = [stack.pop()]
                    while group[-1] != name:
                        group.append(stack.pop())
                    on_stack.difference_update(group)
                    found.append(group)
    return found


def walk(node: ast.Node) -> list[Struct]:
    """All nodes, patterns and types in a node, in order."""
    found: list[Struct] = []
    waiting: list[Any] = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Struct):
            found.append(item)
            waiting += reversed(schema.children(item))
    return found
