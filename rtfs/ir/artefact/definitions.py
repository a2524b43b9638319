"""What a program defines, each with its hashes: of what it does, of how it is called, and of what it asks.

    content    what it does, everything that it refers to included: two definitions of one content can stand for each other
    interface  the types of its parameters in order, and of its result
    task       of a function with a delegation hint: what its calls ask, whoever is asked and whatever the body does
"""

from __future__ import annotations

from rtfs.ir.artefact.groups import Hashes
from rtfs.ir.artefact.hashing import digest, hash_node, outside
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import ANY, Type
from rtfs.values.printing import to_readable
from rtfs.values.scalars import Keyword
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from rtfs.ir.artefact.program import Prepared, Program
    from rtfs.source import Span

    Lookup = Callable[[str], Type | None]

#: Of the metadata: what has a say in the answer that is wanted.
_ASKING = ("examples",)


class Definition(Struct):
    """Something that a program defines.

    Attributes:
        name: that of a module in the program stands before it: `fees/fee`.
        kind: `function`, `value` or `type`.
        interface: None for what is no function.
        task: None for what asks nobody.
    """

    name: str
    kind: str
    content: bytes
    interface: bytes | None
    task: bytes | None
    span: Span | None
    function: ast.Fn | None


def definitions_of(program: Program) -> list[Definition]:
    """The definitions of a program in the order of its text, those of its own modules too; of a name that is defined more than once
    the last, with the hash of all."""
    found: dict[str, Definition] = {}
    _collect(Hashes(program.modules), _Types(program), program.forms, "", found)
    return list(found.values())


def types_of(program: Program) -> Lookup:
    """What names of types mean at the top of a program."""
    types = _Types(program)
    types.modules.update({module.name: inner for form in program.forms for module, inner in form.inner()})
    return types.of(program.forms)


def _collect(hashes: Hashes, types: _Types, forms: tuple[Prepared, ...], prefix: str, found: dict[str, Definition]) -> None:
    contents = hashes.definitions(forms)
    types.modules.update({module.name: inner for form in forms for module, inner in form.inner()})
    look_up = types.of(forms)
    for form in forms:
        for module, inner in form.inner():
            _collect(hashes, types, inner, f"{prefix}{module.name}/", found)
        for node in _definitions(form.node):
            if isinstance(node, (ast.DefType, ast.DefStruct)):
                key, kind, fn = f"type {node.name}", "type", None
            else:
                fn = node.value if isinstance(node.value, ast.Fn) else None
                key, kind = node.name, "value" if fn is None else "function"
            name = f"{prefix}{node.name}"
            found.pop(name, None)
            found[name] = Definition(
                name,
                kind,
                contents[key],
                None if fn is None else interface_hash(fn, look_up),
                None if fn is None or fn.hint is None or fn.hint.target == "local" else task_hash(fn, look_up),
                node.span,
                fn,
            )


class _Types:
    """The named types of a program.

    Attributes:
        modules: name -> its forms.
    """

    def __init__(self, program: Program) -> None:
        self.modules: dict[str, tuple[Prepared, ...]] = {}
        for forms in program.modules.values():
            for form in forms:
                self.modules.update({module.name: inner for module, inner in form.inner()})

    def of(self, forms: tuple[Prepared, ...]) -> Lookup:
        """What a type's name means in some forms."""
        own: dict[str, Type] = {}
        aliases: dict[str, str] = {}
        for form in forms:
            for node in _definitions(form.node):
                if isinstance(node, (ast.DefType, ast.DefStruct)):
                    own[node.name] = node.type
            if isinstance(form.node, ast.Import):
                aliases[form.node.alias or form.node.module] = form.node.module
                if form.node.only is not None:
                    there = self._own(form.node.module)
                    own.update({name: there[name] for name in form.node.only if name in there})

        def look_up(name: str) -> Type | None:
            module, slash, plain = name.rpartition("/")
            return self._own(aliases.get(module, module)).get(plain) if slash and module else own.get(name)

        return look_up

    def _own(self, module: str) -> dict[str, Type]:
        found = [node for form in self.modules.get(module, ()) for node in _definitions(form.node)]
        return {node.name: node.type for node in found if isinstance(node, (ast.DefType, ast.DefStruct))}


def _definitions(node: ast.Node) -> list[ast.Def | ast.DefType | ast.DefStruct]:
    """Those of a top-level form: itself, or what stands in a `do`."""
    if isinstance(node, (ast.Def, ast.DefType, ast.DefStruct)):
        return [node]
    return [found for part in node.body for found in _definitions(part)] if isinstance(node, ast.Do) else []


def interface_hash(fn: ast.Fn, types: Lookup) -> bytes:
    """The hash of how a function is called: types of parameters in order, of what follows them, and of its result.

    Args:
        types: what the name of a type means, None for an unknown one. What has no type can be `any`.
    """
    parts = [_type_hash(param.type, types) for param in fn.params]
    rest = b"" if fn.rest is None else _type_hash(fn.rest.type, types)
    return digest(b"interface", len(parts).to_bytes(4, "big"), *parts, rest, _type_hash(fn.result, types))


def _type_hash(type_: Type | None, types: Lookup) -> bytes:
    """The hash of a type; the name of one stands for what it means, and inside of itself for how far out that is."""
    around: list[str] = []

    def look_up(key: str) -> bytes:
        name = key.removeprefix("type ")
        if name in around:
            return digest(b"around", (len(around) - around.index(name)).to_bytes(4, "big"))
        meaning = types(name)
        if meaning is None:
            return outside(key)
        around.append(name)
        found = hash_node(meaning, look_up)  # type: ignore[arg-type]
        around.pop()
        return found

    return hash_node(type_ or ANY, look_up)  # type: ignore[arg-type]


def task_hash(fn: ast.Fn, types: Lookup) -> bytes:
    """The hash of what the calls of a function ask: the docstring, how the parameters are called, the interface, the examples.

    Not the model, the body or other options.  The name of the function is part of it only where there is no docstring.
    """
    params = [param.name for param in (*fn.params, *([fn.rest] if fn.rest is not None else []))]
    options = [] if fn.meta is None else [(key, value) for key, value in fn.meta.items() if type(key) is Keyword]
    asking = [f"{key.name} {to_readable(value)}" for key, value in options if key.name in _ASKING]
    texts = [text.encode("utf-8", "surrogatepass") for text in (task_text(fn), "\0".join(params), *asking)]
    return digest(b"task", interface_hash(fn, types), *texts)


def task_text(fn: ast.Fn) -> str:
    """What a function asks, in words: its docstring, however it is laid out, else its name."""
    return " ".join(fn.doc.split()) or (fn.name or "").replace("-", " ")
