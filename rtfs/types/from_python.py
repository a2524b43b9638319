"""Python annotations to types: what an embedder's functions, dataclasses and pydantic models say about their values.

A type describes what `to_rtfs` makes of the Python values that an annotation allows: a dataclass becomes a record with keywords as
keys, a `list[int]` a `[:vector int]`.  Only objects are read, never text: the one exception are the forward references of
a class or function that the embedder passes in, which `typing.get_type_hints` looks up in its module.
"""

from __future__ import annotations

import collections.abc as abc
import dataclasses
import enum
import inspect
import types
import typing

from rtfs.errors import ConfigError
from rtfs.types.nodes import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    KEYWORD,
    NEVER,
    NIL,
    STRING,
    SYMBOL,
    Entry,
    EnumType,
    FunctionType,
    IntersectionType,
    MapOfType,
    Predicate,
    Primitive,
    RecordType,
    TupleType,
    Type,
    TypeRef,
    VectorType,
    refined,
    union,
)
from rtfs.types.parse import TYPE_WORDS
from rtfs.types.predicates import operand_problem
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector

Any = typing.Any

_ANY_VECTOR = VectorType(ANY)

_PLAIN: dict[Any, Type] = {
    int: INT,
    float: FLOAT,
    str: STRING,
    bool: BOOL,
    None: NIL,
    type(None): NIL,
    Any: ANY,
    object: ANY,
    typing.Never: NEVER,
    typing.NoReturn: NEVER,
    list: _ANY_VECTOR,
    tuple: _ANY_VECTOR,
    dict: Primitive("map"),
    Keyword: KEYWORD,
    Symbol: SYMBOL,
    Timestamp: Primitive("timestamp"),
    Uuid: Primitive("uuid"),
    ResourceHandle: Primitive("resource"),
    Vector: _ANY_VECTOR,
    List: _ANY_VECTOR,
    Map: Primitive("map"),
    abc.Callable: Primitive("function"),
}
#: (module, name) of classes that are not worth an import.
_BY_NAME: dict[tuple[str, str], Type] = {
    ("datetime", "datetime"): Primitive("timestamp"),
    ("uuid", "UUID"): Primitive("uuid"),
    ("pydantic.networks", "EmailStr"): refined(STRING, Predicate("is-email")),
}
_SEQUENCES = frozenset({list, abc.Sequence, abc.MutableSequence, abc.Iterable, abc.Collection})
_MAPPINGS = frozenset({dict, abc.Mapping, abc.MutableMapping})

#: Attribute of a constraint (annotated_types, pydantic) -> the predicate for a size and for a number.
_CONSTRAINTS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "min_length": "min", "max_length": "max", "pattern": "matches-regex"}
#: Further attributes of constraints, which no type can say.
_BEYOND = ("multiple_of", "max_digits", "decimal_places", "func")


def from_python(thing: Any, *, definitions: dict[str, Type] | None = None, notes: list[str] | None = None) -> Type:
    """The type of the values that a Python annotation, class or function stands for.

    Args:
        thing: an annotation (`int`, `list[str]`, `X | None`, `Literal[…]`, `Annotated[…]` …), an enumeration, dataclass,
            TypedDict, NamedTuple or pydantic model, or a function, whose type is `[:fn …]` with one shape for each number of
            operands that it takes.
        definitions: gets the types of classes that mention themselves, name -> type; without it they are an error.
        notes: gets a sentence for each constraint that no type can say, such as a validator.
    Raises:
        ConfigError: its values have no RTFS counterpart, as sets and bytes, or it is text.
    """
    return _Reader(definitions, notes).type(thing)


class _Reader:
    def __init__(self, definitions: dict[str, Type] | None, notes: list[str] | None) -> None:
        self._definitions = definitions
        self._notes = notes if notes is not None else []
        self._done: dict[int, tuple[Any, Type]] = {}  # id of a class -> the class, so that the id stays its own, and its type
        self._open: dict[int, str] = {}  # classes that are being read -> their name
        self._mentioned: set[str] = set()

    def type(self, thing: Any) -> Type:
        try:
            if thing in _PLAIN:
                return _PLAIN[thing]
        except TypeError:  # an annotation that cannot be hashed
            pass
        if isinstance(thing, (str, typing.ForwardRef)):
            raise ConfigError(f"the annotation {thing!r} is text, and text is not evaluated", hint="pass the object that it names")
        origin = typing.get_origin(thing)
        if origin is not None:
            return self._generic(origin, typing.get_args(thing), thing)
        if isinstance(thing, typing.NewType):
            return self.type(thing.__supertype__)
        if isinstance(thing, typing.TypeVar):
            return self._variable(thing)
        if type(thing).__name__ == "TypeAliasType":
            return self._named(thing, lambda: self.type(thing.__value__))
        if isinstance(thing, type):
            return self._class(thing)
        if callable(thing):
            return self._function(thing)
        raise ConfigError(f"{thing!r} is not an annotation that types can say", hint="pass a type, a class or a function")

    def _generic(self, origin: Any, args: tuple[Any, ...], thing: Any) -> Type:
        if origin is typing.Annotated:
            return self._constrained(self.type(args[0]), args[1:])
        if origin is typing.Union or origin is types.UnionType:
            return union(*[self.type(arg) for arg in args])
        if origin is typing.Literal:
            return _enum([arg.value if isinstance(arg, enum.Enum) else arg for arg in args], thing)
        if (
            origin in (typing.Required, typing.NotRequired, typing.Final, typing.ClassVar)
            or origin.__class__.__name__ == "ReadOnly"
        ):
            return self.type(args[0])
        if origin is tuple:
            return self._tuple(args)
        if origin in _SEQUENCES:
            return VectorType(self.type(args[0]))
        if origin in _MAPPINGS:
            return MapOfType(self.type(args[0]), self.type(args[1]))
        if origin is abc.Callable:
            result = self.type(args[1])
            if args[0] is Ellipsis:
                return FunctionType((), ANY, result)
            return FunctionType(tuple([self.type(arg) for arg in args[0]]), None, result)
        if dataclasses.is_dataclass(origin) or typing.is_typeddict(origin):
            return self.type(origin)  # its variables are `any`
        raise _no_counterpart(thing)

    def _tuple(self, args: tuple[Any, ...]) -> Type:
        if not args or args == ((),):
            return VectorType(NEVER)
        if len(args) == 2 and args[1] is Ellipsis:
            return VectorType(self.type(args[0]))
        return TupleType(tuple([self.type(arg) for arg in args]))

    def _variable(self, variable: typing.TypeVar) -> Type:
        if variable.__constraints__:
            return union(*[self.type(option) for option in variable.__constraints__])
        return ANY if variable.__bound__ is None else self.type(variable.__bound__)

    # --- constraints ---

    def _constrained(self, base: Type, metadata: typing.Iterable[Any]) -> Type:
        for constraint in metadata:
            inner = getattr(constraint, "metadata", None)
            if isinstance(inner, (list, tuple)):  # pydantic's Field
                base = self._constrained(base, inner)
                continue
            for predicate in self._predicates(constraint, base):
                base = refined(base, predicate)
        return base

    def _predicates(self, constraint: Any, base: Type) -> list[Predicate]:
        found: list[Predicate] = []
        for attribute, name in _CONSTRAINTS.items():
            value = getattr(constraint, attribute, None)
            value = getattr(value, "pattern", value)
            if value is None or callable(value):
                continue
            if name in ("min", "max"):
                name += "-length" if base == STRING or getattr(base, "base", None) == STRING else "-count"
            if name in ("min-length", "min-count") and value == 0:
                continue
            if operand_problem(name, (value,)) is None:
                found.append(Predicate(name, (value,)))
            else:
                self._notes.append(f"{attribute} = {value!r} is left out: no predicate says it")
        beyond = [attribute for attribute in _BEYOND if getattr(constraint, attribute, None) is not None]
        if beyond:
            self._notes.append(f"{constraint!r} is left out: no predicate says {beyond[0]}")
        return found

    # --- classes ---

    def _class(self, cls: Any) -> Type:
        known = _BY_NAME.get((cls.__module__, cls.__qualname__))
        if known is not None:
            return known
        if issubclass(cls, enum.Enum):
            return _enum([member.value for member in cls], cls)
        if typing.is_typeddict(cls):
            return self._named(cls, lambda: self._typed_dict(cls))
        if hasattr(cls, "model_fields"):
            return self._named(cls, lambda: self._model(cls))
        if dataclasses.is_dataclass(cls):
            return self._named(cls, lambda: self._dataclass(cls))
        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            hints = _hints(cls)
            return self._named(cls, lambda: TupleType(tuple([self.type(hints.get(name, Any)) for name in cls._fields])))
        for base in (int, float, str):
            if issubclass(cls, base):  # as values, they lose their class
                return _PLAIN[base]
        if cls in _SEQUENCES:
            return _ANY_VECTOR
        if cls in _MAPPINGS:
            return Primitive("map")
        raise _no_counterpart(cls)

    def _named(self, cls: Any, make: typing.Callable[[], Type]) -> Type:
        """The type of a class, by its name when it mentions itself."""
        if id(cls) in self._done:
            return self._done[id(cls)][1]
        if id(cls) in self._open:
            if self._definitions is None:
                hint = "pass definitions={} to get the type by name"
                raise ConfigError(f"{cls.__name__} mentions itself, so its type needs a name", hint=hint)
            self._mentioned.add(self._open[id(cls)])
            return TypeRef(self._open[id(cls)])
        name = self._open[id(cls)] = self._name(cls)
        try:
            found = make()
        finally:
            del self._open[id(cls)]
        if name in self._mentioned and self._definitions is not None:
            self._definitions[name] = found
            found = TypeRef(name)
        self._done[id(cls)] = (cls, found)
        return found

    def _name(self, cls: Any) -> str:
        plain = "".join([c if c.isascii() and (c.isalnum() or c == "_") else "-" for c in cls.__name__]).strip("-")
        taken = {*self._open.values(), *(self._definitions or ()), *TYPE_WORDS}
        name, count = plain, 2
        while name in taken:
            name, count = f"{plain}-{count}", count + 1
        return name

    def _typed_dict(self, cls: Any) -> Type:
        hints = _hints(cls)
        return RecordType(
            tuple([Entry(Keyword(key), self.type(hint), key not in cls.__required_keys__) for key, hint in hints.items()])
        )

    def _dataclass(self, cls: Any) -> Type:
        hints = _hints(cls)
        entries: list[Entry] = []
        for field in dataclasses.fields(cls):
            is_optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
            entries.append(Entry(Keyword(field.name), self.type(hints[field.name]), is_optional))
        return RecordType(tuple(entries))

    def _model(self, cls: Any) -> Type:
        """A pydantic model: its fields by their names, as `to_rtfs` gives them."""
        validators = getattr(cls, "__pydantic_decorators__", None)
        if validators is not None and (validators.field_validators or validators.model_validators):
            self._notes.append(f"the validators of {cls.__name__} are left out: they are code")
        entries: list[Entry] = []
        for name, field in cls.model_fields.items():
            type = self._constrained(self.type(field.annotation), field.metadata)
            if name == "root" and getattr(cls, "__pydantic_root_model__", False):
                return type
            entries.append(Entry(Keyword(name), type, not field.is_required()))
        return RecordType(tuple(entries), NEVER if cls.model_config.get("extra") == "forbid" else None)

    # --- functions ---

    def _function(self, function: Any) -> Type:
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            return Primitive("function")
        hints = _hints(function)
        params: list[Type] = []
        required = 0
        rest: Type | None = None
        for parameter in parameters:
            type = self.type(hints.get(parameter.name, Any))
            if parameter.kind is parameter.VAR_POSITIONAL:
                rest = type
            elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                params.append(type)
                required += parameter.default is parameter.empty
            elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
                name = getattr(function, "__name__", repr(function))
                raise ConfigError(f"{name} needs the keyword argument {parameter.name!r}, which RTFS calls do not have")
        result = self.type(hints.get("return", Any))
        # one shape for each number of operands that defaults allow; the last one takes what comes after, too
        shapes: list[Type] = [FunctionType(tuple(params[:count]), None, result) for count in range(required, len(params))]
        shapes.append(FunctionType(tuple(params), rest, result))
        return shapes[0] if len(shapes) == 1 else IntersectionType(tuple(shapes))


def _hints(thing: Any) -> dict[str, Any]:
    """The annotations of a class or function, with those that are text looked up in its module."""
    target = thing
    while hasattr(target, "func"):  # functools.partial
        target = target.func
    if not isinstance(target, type) and not hasattr(target, "__annotations__"):
        target = type(target).__call__  # an object that can be called
    try:
        return typing.get_type_hints(target, include_extras=True)
    except NameError as error:
        raise ConfigError(
            f"an annotation of {getattr(thing, '__name__', thing)!r} names what its module does not have: {error}"
        ) from error
    except TypeError:
        return {}


def _enum(values: list[Any], thing: Any) -> Type:
    for value in values:
        if value is not None and not isinstance(value, (bool, int, float, str)):
            raise ConfigError(f"{value!r}, one of the values of {thing!r}, is not a literal of RTFS")
    distinct = Map([(value, None) for value in values]).keys()
    return EnumType(tuple(distinct)) if distinct else NEVER


def _no_counterpart(thing: Any) -> ConfigError:
    hint = "there are None, bool, int, float, str, list, tuple, dict, Enum, dataclass, TypedDict, pydantic models, datetime, UUID"
    return ConfigError(f"the values of {thing!r} have no RTFS counterpart", hint=hint)
