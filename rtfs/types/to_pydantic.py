"""Types to pydantic models: a contract written in RTFS, for Python code that validates with pydantic.

A record becomes a model with a field for each entry, everything else a `RootModel`.  What pydantic has a word for is said in that
word, so that the model's own JSON Schema shows it; all other refinements are checked by RTFS itself.
"""

from __future__ import annotations

import keyword
import typing
from datetime import datetime
from uuid import UUID

from rtfs.errors import ConfigError
from rtfs.types.json_schema import json_key, json_literal
from rtfs.types.nodes import (
    AnyType,
    ArrayType,
    EnumType,
    IntersectionType,
    Lookup,
    MapOfType,
    NeverType,
    Predicate,
    Primitive,
    RecordType,
    RefinedType,
    TupleType,
    Type,
    TypeRef,
    UnionType,
    VectorType,
    is_circular,
    merge_records,
    no_names,
    resolve,
)
from rtfs.types.predicates import predicate_test, predicate_text
from rtfs.values.convert import to_rtfs

Any = typing.Any

_PRIMITIVES: dict[str, Any] = {
    "int": int,
    "float": float,
    "string": str,
    "bool": bool,
    "nil": None,
    "keyword": str,
    "symbol": str,
    "timestamp": datetime,
    "uuid": UUID,
    "list": list[Any],
    "vector": list[Any],
    "map": dict[str, Any],
}
_NUMBERS = {">": "gt", ">=": "ge", "<": "lt", "<=": "le"}


def to_pydantic(type: Type, name: str = "Model", lookup: Lookup = no_names) -> Any:
    """A pydantic model whose instances are the values of a type, as JSON or as Python objects.

    Args:
        name: of the class.
        lookup: what names stand for; each becomes a model of its own.
    Returns:
        A class derived from `pydantic.BaseModel`, or from `pydantic.RootModel` when the type is no record. It is strict: `"3"` is
        no integer. Entries that may be absent are None then. Keywords and symbols are strings.
    Raises:
        ConfigError: values of the type live only in RTFS: functions, resources, streams, errors; or a name is not known.
    """
    return _Maker(lookup).model(type, name)


make_class: Any = type  # `type` is the name of what is turned into one


class _Maker:
    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._models: dict[str, Any] = {}  # names of classes -> the class, or None while it is being made
        self._classes: dict[str, str] = {}  # names of types -> names of classes

    def model(self, type: Type, name: str) -> Any:
        if isinstance(type, TypeRef):
            self._classes[type.name] = name
            if is_circular(type.name, self._lookup):
                raise ConfigError(f"the type {type.name} is defined by nothing but itself")
        target = resolve(type, self._lookup)
        if target is None:
            raise ConfigError(f"the type {type} is not known", hint="pass lookup=definitions.get")
        made = self._make(target, name)
        for model in list(self._models.values()):
            model.model_rebuild(force=True, _types_namespace=self._models)
        return made

    def _make(self, target: Type, name: str) -> Any:
        from pydantic import ConfigDict, RootModel

        self._models[name] = None
        if isinstance(target, RecordType):
            made = self._record(target, name)
        else:
            root: Any = RootModel
            made = make_class(
                name, (root[self.annotation(target)],), {"model_config": ConfigDict(strict=True), "__module__": __name__}
            )
        self._models[name] = made
        return made

    def _record(self, record: RecordType, name: str) -> Any:
        from pydantic import BaseModel, ConfigDict, Field, create_model

        fields: dict[str, Any] = {}
        for entry in record.entries:
            key = json_key(entry.key)
            field = _field_name(key, fields)
            annotation = self.annotation(entry.type)
            options: dict[str, Any] = {} if field == key else {"alias": key}
            fields[field] = (annotation, Field(default=None, **options) if entry.optional else Field(**options))
        extra: Any = "forbid" if isinstance(record.rest, NeverType) else "allow"
        config = ConfigDict(strict=True, extra=extra, populate_by_name=True, protected_namespaces=())
        annotations: dict[str, Any] = {}
        if record.rest is not None and extra == "allow":
            annotations["__pydantic_extra__"] = dict[str, self.annotation(record.rest)]  # type: ignore[misc]
        namespace = {"model_config": config, "__annotations__": annotations, "__module__": __name__}
        base = make_class(f"{name}Base", (BaseModel,), namespace)
        return create_model(name, __base__=base, **fields)

    def annotation(self, type: Type) -> Any:
        """What pydantic is to check for a type."""
        if isinstance(type, AnyType):
            return Any
        if isinstance(type, NeverType):
            return _checked(Any, lambda value: False, "nothing belongs here")
        if isinstance(type, Primitive):
            return self._primitive(type)
        if isinstance(type, EnumType):
            return _literal(type)
        if isinstance(type, VectorType):
            return list[self.annotation(type.item)]  # type: ignore[misc]
        if isinstance(type, TupleType):
            return self._tuple(type)
        if isinstance(type, ArrayType):
            return self._array(type)
        if isinstance(type, MapOfType):
            return dict[self.annotation(type.key), self.annotation(type.value)]  # type: ignore[misc]
        if isinstance(type, UnionType):
            return typing.Union[tuple([self.annotation(option) for option in type.options])]  # noqa: UP007
        if isinstance(type, RefinedType):
            return self._refined(type)
        if isinstance(type, RecordType):
            return self._make(type, self._new_name("Record" if type.name is None else type.name))
        if isinstance(type, IntersectionType):
            return self._intersection(type)
        if isinstance(type, TypeRef):
            return self._reference(type)
        raise ConfigError(f"values of {type} live only in RTFS")

    def _primitive(self, type: Primitive) -> Any:
        if type.name not in _PRIMITIVES:
            raise ConfigError(f"values of {type} live only in RTFS")
        return _PRIMITIVES[type.name]

    def _tuple(self, type: TupleType) -> Any:
        from pydantic import Strict

        # a list is as good: JSON has nothing else
        return typing.Annotated[tuple[tuple([self.annotation(item) for item in type.items])], Strict(False)]  # type: ignore[misc]

    def _array(self, type: ArrayType) -> Any:
        from pydantic import Field

        annotation = self.annotation(type.item)
        for size in reversed(type.shape or (None,)):
            annotation = list[annotation]  # type: ignore[valid-type]
            if size is not None:
                annotation = typing.Annotated[annotation, Field(min_length=size, max_length=size)]
        return annotation

    def _refined(self, type: RefinedType) -> Any:
        from pydantic import Field

        annotation = self.annotation(type.base)
        base = resolve(type.base, self._lookup)
        number = base.name if isinstance(base, Primitive) and base.name in ("int", "float") else None
        has_size = isinstance(base, (VectorType, MapOfType)) or (isinstance(base, Primitive) and base.name == "string")
        for predicate in type.predicates:
            words = _words(predicate, number, has_size=has_size)
            if words:
                annotation = typing.Annotated[annotation, Field(**words)]
            else:
                annotation = _checked(annotation, predicate_test(predicate), predicate_text(predicate))
        return annotation

    def _intersection(self, type: IntersectionType) -> Any:
        records: list[RecordType] = []
        for part in type.parts:
            target = resolve(part, self._lookup)
            if not isinstance(target, RecordType):
                raise ConfigError(f"pydantic has no intersection, which {type} would need")
            records.append(target)
        return self._make(merge_records(records), self._new_name("Record"))

    def _reference(self, type: TypeRef) -> Any:
        name = self._classes.get(type.name)
        if name is None:
            target = resolve(type, self._lookup)
            if target is None or is_circular(type.name, self._lookup):
                raise ConfigError(f"the type {type.name} is not known", hint="pass lookup=definitions.get")
            name = self._classes[type.name] = self._new_name(type.name)
            self._make(target, name)
        made = self._models.get(name)
        return made if made is not None else typing.ForwardRef(name)  # a name that was made here, found in `_models`

    def _new_name(self, wanted: str) -> str:
        plain = "".join([c if c.isalnum() else "_" for c in wanted])
        plain = plain if plain.isidentifier() and not keyword.iskeyword(plain) else "Type" + plain
        name, count = plain, 2
        while name in self._models:
            name, count = f"{plain}{count}", count + 1
        return name


def _field_name(key: str, taken: typing.Container[str]) -> str:
    """A Python name for an entry: its own where that is one."""
    name = "".join([c if c.isalnum() and c.isascii() else "_" for c in key]).strip("_") or "field"
    if name[0].isdigit() or keyword.iskeyword(name):
        name = f"field_{name}"
    from pydantic import BaseModel

    while name in taken or hasattr(BaseModel, name):
        name += "_"
    return name


def _literal(type: EnumType) -> Any:
    values = [json_literal(value) for value in type.values]
    kinds = {value.__class__ for value in values}
    if float in kinds or (bool in kinds and int in kinds):
        # Python's Literal knows no floats, and takes 1 for True
        return _checked(Any, lambda value: bool([v for v in values if v == value and v.__class__ is value.__class__]), str(type))
    return typing.Literal[tuple(values)]  # type: ignore[valid-type]


def _words(predicate: Predicate, number: str | None, *, has_size: bool) -> dict[str, Any]:
    """A predicate in pydantic's words; empty when it has none for this base."""
    name, operands = predicate.name, predicate.operands
    if number == "float" or (number == "int" and not [x for x in operands if type(x) is not int or abs(x) >= 2**63]):
        if name in _NUMBERS:
            return {_NUMBERS[name]: operands[0]}
        if name == "in-range":
            return {"ge": operands[0], "le": operands[1]}
    if has_size:
        if name in ("min-length", "min-count"):
            return {"min_length": operands[0]}
        if name in ("max-length", "max-count"):
            return {"max_length": operands[0]}
        if name in ("length", "count"):
            return {"min_length": operands[0], "max_length": operands[0]}
        if name == "non-empty":
            return {"min_length": 1}
    return {}


def _checked(annotation: Any, test: typing.Callable[[Any], bool], words: str) -> Any:
    """The annotation with a test of RTFS before pydantic's own: it has to see 1 before that becomes 1.0, and keys, not fields."""
    from pydantic import BeforeValidator

    def check(value: Any) -> Any:
        if not test(to_rtfs(value)):
            raise ValueError(f"the value does not satisfy: {words}")
        return value

    return typing.Annotated[annotation, BeforeValidator(check)]
