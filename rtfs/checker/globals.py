"""What the global names of a program mean to the checker: types, the types that predicates test, what a definition declares."""

from __future__ import annotations

from collections.abc import Callable

from rtfs.checker.flow import Flow
from rtfs.semantics.namespace import Namespace
from rtfs.semantics.signatures import predicate_type, signature
from rtfs.syntax import nodes as ast
from rtfs.types.lattice import type_of, widened
from rtfs.types.nodes import ANY, FunctionType, Lookup, Primitive, RecordType, Type, TypeRef
from rtfs.types.rewriting import names_in, rewrite
from rtfs.values.functions import Builtin, Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.checker.infer import Inference

_FUNCTION = Primitive("function")


class Signature:
    """What is known of a function of the program: its type, and whether its result was written down."""

    __slots__ = ("declares_result", "spec", "type")

    def __init__(self, spec: ast.Fn, type: FunctionType) -> None:
        self.spec = spec
        self.type = type
        self.declares_result = spec.result is not None


class Globals:
    """The global names of one namespace.

    Args:
        namespace: what the definitions that were carried out gave: functions, macros, types, imports.
        own: whether its text is being checked, so that mistakes in its functions are reported.
    """

    def __init__(self, namespace: Namespace, own: bool, shared: Signatures) -> None:
        self.namespace = namespace
        self.own = own
        self.lookup: Lookup = self._lookup
        self.shared = shared
        self._abroad: dict[int, tuple[Signature, Signature]] = {}
        self._types: dict[str, Type] = {}
        self._declared: set[str] = set()
        self._structs: dict[str, Type] = {}
        self._changed: set[str] = set()

    # --- definitions ---

    def changes(self, name: str) -> None:
        """The program defines the name more than once, or sets it: nothing is known about it."""
        self._changed.add(name)

    def begin(self, name: str) -> None:
        self._types.setdefault(name, ANY)

    def define(self, name: str, type: Type, *, declared: bool) -> None:
        self._types[name] = type
        if declared:
            self._declared.add(name)

    def define_struct(self, name: str, type: Type) -> None:
        self._structs[name] = type
        self._types[name] = FunctionType((type,), None, TypeRef(name))
        self._types[f"{name}?"] = FunctionType((ANY,), None, Primitive("bool"))

    def define_function(self, node: ast.Def) -> Type:
        """Check a function where it is defined."""
        assert isinstance(node.value, ast.Fn)
        self.shared.of(node.value, self)
        return ANY

    # --- questions ---

    def value(self, name: str) -> Any:
        self.namespace.find(name)
        return self.namespace.values.get(name)

    def builtin(self, name: str) -> Builtin | None:
        """The built-in that a name means here."""
        found = self.value(name)
        return found if type(found) is Builtin and name not in self._changed and self.struct(name) is None else None

    def function(self, name: str) -> Signature | None:
        """The function of the program that a name means here."""
        found = self.value(name)
        if name in self._changed or type(found) is not Function or not isinstance(found.spec, ast.Fn):
            return None
        known = self.shared.of(found.spec, self)
        home = self.shared.home(found.spec)
        if home is None or home is self or home.namespace.name is None or not names_in(known.type):
            return known
        kept = self._abroad.get(id(known))
        if kept is None or kept[0].type is not known.type:
            abroad = Signature(known.spec, home.abroad(known.type))  # type: ignore[arg-type]
            kept = self._abroad[id(known)] = (Signature(known.spec, known.type), abroad)
        return kept[1]

    def _lookup(self, name: str) -> Type | None:
        """What a type's name stands for; `module/Name` is that of a module, imported or not."""
        module, slash, own = name.rpartition("/")
        home = self.shared.modules.get(module) if slash else None
        if home is not None:
            found = home.namespace.lookup_type(own)
            return None if found is None else home.abroad(found)
        found = self.namespace.lookup_type(name)
        if slash and found is not None:  # imported: its names are those of its module
            for other in self.shared.modules.values():
                if other.namespace.lookup_type(own) is found:
                    return other.abroad(found)
        return found

    def abroad(self, type: Type) -> Type:
        """A type of this module as others see it: with the names of its types in full."""
        module, own = self.namespace.name, self.namespace.types

        def full(part: Type) -> Type:
            return TypeRef(f"{module}/{part.name}") if isinstance(part, TypeRef) and part.name in own else part

        return rewrite(type, full) if module is not None and names_in(type) else type

    def type_of(self, name: str) -> Type:
        if name in self._changed:
            return ANY
        if name in self._types:
            return self._types[name]
        found = self.value(name)
        if type(found) is Function:
            known = self.function(name)
            return known.type if known is not None else ANY
        if type(found) is Builtin:
            shapes = signature(found)
            return shapes[0] if len(shapes) == 1 else _FUNCTION
        return widened(type_of(found)) if found is not None and name in self.namespace.own else ANY

    def tested(self, name: str) -> Type | None:
        """The type whose values, and only those, a predicate is true for."""
        if name.endswith("?") and self.struct(name[:-1]) is not None:
            return TypeRef(name[:-1])
        found = self.builtin(name)
        return predicate_type(found) if found is not None else None

    def struct(self, name: str) -> RecordType | None:
        """The fields of a struct; of another module's, too."""
        found = self._structs.get(name) or self._lookup(name)
        return found if isinstance(found, RecordType) and found.name is not None and name not in self._changed else None

    def declares(self, name: str) -> bool:
        return name in self._declared

    def declares_result(self, name: str) -> bool:
        known = self.function(name)
        return known is not None and known.declares_result


class Signatures:
    """The functions of all namespaces, each looked at once: when it is first called, or where it is defined."""

    def __init__(self, inference: Callable[[], Inference]) -> None:
        self._inference = inference
        self._made: dict[int, Signature] = {}
        self._home: dict[int, Globals] = {}
        self._kept: list[ast.Fn] = []
        self.modules: dict[str, Globals] = {}

    def home(self, spec: ast.Fn) -> Globals | None:
        return self._home.get(id(spec))

    def belongs(self, spec: ast.Fn, names: Globals) -> None:
        """A function is of that namespace, wherever it is called."""
        self._home[id(spec)] = names

    def of(self, spec: ast.Fn, names: Globals) -> Signature:
        made = self._made.get(id(spec))
        if made is None:
            self._kept.append(spec)
            home = self._home.get(id(spec))
            made = self._made[id(spec)] = Signature(spec, outline(spec))
            c = self._inference()
            outside = c.names, c.problems.muted, c.turns, c.trying
            c.names, c.turns, c.trying = home or names, [], 0
            c.problems.muted = 0 if home is not None and home.own else 1
            try:
                type = c.infer(spec, Flow())
            finally:
                c.names, c.problems.muted, c.turns, c.trying = outside
            assert isinstance(type, FunctionType)
            made.type = type
        return made


def outline(spec: ast.Fn) -> FunctionType:
    """The type of a function as far as it is written down."""
    params = tuple([param.type or ANY for param in spec.params])
    rest = None if spec.rest is None else spec.rest.type or ANY
    return FunctionType(params, rest, spec.result or ANY)
