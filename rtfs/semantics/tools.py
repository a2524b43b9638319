"""Tools of a delegated function: what `^{:tools [:io.read-lines lookup-order]}` names, described, and ready to be called.

A keyword is a capability, called as `(call :io.read-lines …)` would; a symbol is a global function of the program, or one that the
host defined, called as the program would.  So permissions, limits, budgets and records are those of an ordinary call; nothing here
goes another way.  Names are looked up at each call of the delegated function, since definitions may change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rtfs.errors import ConfigError, EvalError
from rtfs.semantics.calls import call
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.semantics.tags import tags_of
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.types.nodes import ANY, Entry, FunctionType, IntersectionType, RecordType, Type, TypeRef, TypeVariable, VectorType
from rtfs.types.rewriting import rewrite
from rtfs.values.functions import Builtin, Function
from rtfs.values.maps import Map
from rtfs.values.printing import preview
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import List, Vector
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Of one function: more confuse models and cost tokens in every request.
MOST_TOOLS = 64
SHAPE = ":tools lists capabilities and functions: [:io.read-lines lookup-order]"


class Tool(Struct):
    """One tool.

    Attributes:
        name: as the program writes it, without the colon.
        operands: a record with an entry for each parameter, in order; the rest parameter's is a vector, and optional.
        rest: whether the last entry is that of a rest parameter.
        result: what it gives; `any` where nothing is declared.
        aliases: what names in these types stand for.
        tags: of the function; those of some mean that its results must not leave the machine.
        run: calls it with the operands, as the program would.
    """

    name: str
    doc: str
    operands: RecordType
    rest: bool
    result: Type
    aliases: dict[str, Type]
    tags: frozenset[str]
    run: Callable[[list[Any]], Any]

    def call(self, operands: Map) -> Any:
        """The value for operands that fit the record. Those that are left out at the end are not passed."""
        args: list[Any] = []
        for i, entry in enumerate(self.operands.entries):
            if entry.key not in operands:
                break
            value = operands[entry.key]
            args += value.items() if self.rest and i == len(self.operands.entries) - 1 else [value]
        return self.run(args)


def listed(options: dict[str, Any]) -> tuple[Any, ...]:
    """The names in `:tools`, keywords and symbols; none for a function without."""
    given = options.get("tools")
    return tuple(given.items()) if isinstance(given, (Vector, List)) else ()


def tools_of(options: dict[str, Any], machine: Machine, namespace: Namespace, span: Span | None) -> tuple[Tool, ...]:
    """The tools that the metadata of a function names.

    Args:
        span: of the function, for errors.
    Raises:
        EvalError: `invalid-delegation`, `undefined-symbol`; HostError: there is no such capability, or it is not allowed.
    """
    given = options.get("tools")
    if given is None:
        return ()
    names = listed(options)
    wrong = [name for name in names if not isinstance(name, (Keyword, Symbol))]
    if not isinstance(given, (Vector, List)) or wrong or len(names) > MOST_TOOLS:
        shown = preview(wrong[0] if wrong else given, 80)
        hint = f"at most {MOST_TOOLS} of them" if len(names) > MOST_TOOLS else None
        raise EvalError(f"{SHAPE}; got {shown}", kind="invalid-delegation", span=span, hint=hint)
    try:
        return tuple(
            [_capability(n.name, machine) if isinstance(n, Keyword) else _function(n.name, machine, namespace) for n in names]
        )
    except EvalError as error:
        error.span = error.span or span
        raise


# --- capabilities ----------------------------------------------------------------------------


def _capability(name: str, machine: Machine) -> Tool:
    found = machine.host.describe_capability(name)
    types = found.types
    entries, rest = _entries(found.names, types, found.low, found.high)
    return Tool(
        name=name.removeprefix("ccos."),
        doc=found.doc,
        operands=RecordType(entries),
        rest=rest,
        result=types.result if types is not None else ANY,
        aliases={},
        tags=frozenset(),
        run=lambda args: machine.perform(name, args),
    )


def _entries(names: Iterable[str], types: Any, low: int, high: int | None) -> tuple[tuple[Entry, ...], bool]:
    """Entries for `low` to `high` operands, those beyond `low` optional; and whether the last is for any number of further ones."""
    known = list(names)
    entries = []
    for i in range(low if high is None else high):
        name = known[i] if i < len(known) else f"arg{i}"
        type_ = types.params[i] if types is not None and i < len(types.params) else ANY
        entries.append(Entry(Keyword(name), _open(type_), i >= low))
    if high is None:
        name = known[-1] if len(known) > low else "more"
        entries.append(Entry(Keyword(name), VectorType(_open(types.rest or ANY) if types is not None else ANY), True))
    return tuple(entries), high is None


def _open(type: Type) -> Type:
    """A type with `any` for its variables."""
    return rewrite(type, lambda part: ANY if isinstance(part, TypeVariable) else part)


# --- functions -------------------------------------------------------------------------------


def _function(name: str, machine: Machine, namespace: Namespace) -> Tool:
    found = machine.missing(namespace, name, None)
    if isinstance(found, Function) and isinstance(found.spec, ast.Fn):
        return _of_program(name, found, namespace, machine)
    if isinstance(found, Builtin):
        return _of_host(name, found)
    raise EvalError(f"{name}, one of :tools, is no function", kind="invalid-delegation", hint=SHAPE)


def _of_program(name: str, function: Function, namespace: Namespace, machine: Machine) -> Tool:
    spec: ast.Fn = function.spec
    home = _home(function, namespace, machine)
    entries = [Entry(Keyword(_name(param, i)), param.type or ANY, False) for i, param in enumerate(spec.params)]
    if spec.rest is not None:
        entries.append(Entry(Keyword(spec.rest.name), VectorType(spec.rest.type or ANY), True))
    operands = RecordType(tuple(entries))
    result = spec.result or ANY
    aliases = _aliases((operands, result), home.lookup_type)
    if home is not namespace:  # what the delegated function calls so may be another type
        written = {alias: f"{home.name}.{alias}" for alias in aliases}

        def renamed(type: Type) -> Type:
            return rewrite(type, lambda part: TypeRef(written.get(part.name, part.name)) if isinstance(part, TypeRef) else part)

        aliases = {written[alias]: renamed(type) for alias, type in aliases.items()}
        operands, result = renamed(operands), renamed(result)  # type: ignore[assignment]
    options = {k.name: v for k, v in spec.meta.items() if type(k) is Keyword} if spec.meta is not None else {}
    return Tool(
        name=name,
        doc=spec.doc,
        operands=operands,
        rest=spec.rest is not None,
        result=result,
        aliases=aliases,
        tags=tags_of(options),
        run=lambda args: call(function, args),
    )


def _home(function: Function, namespace: Namespace, machine: Machine) -> Namespace:
    """The namespace that a function was defined in: its types have their names there."""
    if function.module == namespace.name:
        return namespace
    found = [known for known in machine.loaded_namespaces() if known.name == function.module]
    # of several versions of a module, the one that has it
    return next((known for known in found if function in known.values.values()), found[0] if found else namespace)


def _name(param: ast.Param, index: int) -> str:
    return f"arg{index}" if param.name == "_" else param.name


def _of_host(name: str, function: Builtin) -> Tool:
    """A function that is written in Python: by the host, or a built-in."""
    from rtfs.semantics.signatures import signature

    shapes = signature(function)
    names, types = described(getattr(function.call, "written", None))
    types = types if not shapes else shapes[0] if len(shapes) == 1 else None
    entries, rest = _entries(names, types, function.low, function.high)
    result = types.result if types is not None else ANY
    return Tool(
        name=name,
        doc=function.doc,
        operands=RecordType(entries),
        rest=rest,
        result=_open(result),
        aliases={},
        tags=frozenset(),
        run=lambda args: call(function, args),
    )


def described(function: Any) -> tuple[tuple[str, ...], FunctionType | None]:
    """The names of the parameters of a Python function, and its annotations as types; what cannot be said is left out."""
    code = getattr(function, "__code__", None)
    if code is None:
        return (), None
    names = code.co_varnames[: code.co_argcount + bool(code.co_flags & _VARARGS)]
    annotated = getattr(function, "__annotations__", None)
    if not annotated:
        return names, None
    from rtfs.types.from_python import from_python

    try:
        found = from_python(function)
    except (ConfigError, NameError):
        return names, None
    shapes = found.parts if isinstance(found, IntersectionType) else (found,)
    return names, max([shape for shape in shapes if isinstance(shape, FunctionType)], key=lambda s: len(s.params), default=None)


_VARARGS = 4  # in `co_flags`


def _aliases(types: tuple[Type, ...], lookup: Callable[[str], Type | None]) -> dict[str, Type]:
    """The named types that types lead to."""
    found: dict[str, Type] = {}
    waiting: list[Any] = list(types)
    while waiting:
        item = waiting.pop()
        if isinstance(item, TypeRef):
            meant = None if item.name in found else lookup(item.name)
            if meant is not None:
                found[item.name] = meant
                waiting.append(meant)
        elif isinstance(item, Struct):
            waiting.extend(getattr(item, field) for field in item._fields)
        elif isinstance(item, tuple):
            waiting.extend(item)
    return found
