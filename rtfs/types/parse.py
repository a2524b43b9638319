"""Forms to types: the type language of reference 4.1 and the refinements of 4.2.

A type is written as a form, so the reader has already done half of the work: what arrives here is a symbol (`int`, `Person`,
`int?`), a keyword (`:int`), `nil`, or a vector headed by a keyword (`[:vector int]`).  Everything else is an `AnalysisError` of
kind `invalid-type` at the innermost form that is wrong, with the nearest thing that would be right.

A name that is not predefined becomes a `TypeRef`, whether or not anything of that name exists yet: `defstruct` may come later,
and types may mention themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from rtfs.errors import AnalysisError, nearest
from rtfs.source import Span
from rtfs.types.nodes import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    KEYWORD,
    NEVER,
    NIL,
    NUMBER,
    STRING,
    SYMBOL,
    ArrayType,
    Entry,
    EnumType,
    FunctionType,
    IntersectionType,
    MapOfType,
    Predicate,
    Primitive,
    RecordType,
    ResourceType,
    SequenceType,
    StreamType,
    TupleType,
    Type,
    TypeRef,
    TypeVariable,
    VectorType,
    intersection,
    refined,
    union,
)
from rtfs.types.predicates import ALIASES, PREDICATES, is_key, operand_problem
from rtfs.values.equality import kind_of
from rtfs.values.forms import child_spans, span_of
from rtfs.values.maps import Map
from rtfs.values.printing import to_readable
from rtfs.values.scalars import Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Types inside types; deeper is an error.
MAX_DEPTH = 500

#: The types that have a name of their own.
NAMED: dict[str, Type] = {
    "int": INT,
    "float": FLOAT,
    "string": STRING,
    "bool": BOOL,
    "nil": NIL,
    "keyword": KEYWORD,
    "symbol": SYMBOL,
    "any": ANY,
    "never": NEVER,
    "number": NUMBER,
    "boolean": BOOL,
    "integer": INT,
    "str": STRING,
    "list": Primitive("list"),
    "vector": Primitive("vector"),
    "map": Primitive("map"),
    "fn": Primitive("function"),
    "function": Primitive("function"),
    "timestamp": Primitive("timestamp"),
    "uuid": Primitive("uuid"),
    "resource": Primitive("resource"),
    "error": Primitive("error"),
}

_WORDS: dict[str, Type] = NAMED | {name.capitalize(): type for name, type in NAMED.items()}

#: Keyword names that are types when they stand where an annotation can.
TYPE_WORDS: frozenset[str] = frozenset(_WORDS) | frozenset(word + "?" for word in _WORDS)

#: What other languages call it -> what it is called here.
_FOREIGN = {
    "maybe": ":optional",
    "nullable": ":optional",
    "option": ":optional",
    "oneof": ":union",
    "any-of": ":union",
    "all-of": ":and",
    "literal": ":enum",
    "object": ":map",
    "struct": ":map",
    "sequence": ":vector",
    "seq": ":vector",
    "set": ":vector",
    "text": "string",
    "double": "float",
    "long": "int",
    "null": "nil",
    "none": "nil",
    "void": "nil",
    "unit": "nil",
    "object?": "[:optional [:map …]]",
    "dictionary": ":map-of",
    "func": "fn",
    "lambda": "fn",
    "datetime": "timestamp",
    "date": "timestamp",
}


def is_type_form(form: Any) -> bool:
    """Whether a form is a vector headed by a type constructor: in a `match` pattern that is a type test."""
    return type(form) is Vector and len(form) > 0 and type(form[0]) is Keyword and form[0].name in _CONSTRUCTORS


def is_type_keyword(keyword: Keyword) -> bool:
    """Whether a keyword may be an annotation: `:int`, `:String`, `:bool?` …"""
    return keyword.name in TYPE_WORDS


def parse_type(form: Any, fallback_span: Span | None = None, *, defined: Container[str] = ()) -> Type:
    """The type that a form denotes.

    Args:
        form: as read; not modified.
        fallback_span: the place for errors about a form that does not know its own.
        defined: names that `defstruct` or `deftype` defined and that hide a predefined type, such as a struct `Error`.
    Returns:
        Unions and intersections are flattened and without repeats, so `[:union int int]` is `int`.
    Raises:
        AnalysisError: kind `invalid-type`.
    """
    parser = _Parser(defined)
    try:
        return parser.type(form, span_of(form, fallback_span), 0)
    except RecursionError:  # the caller's stack was nearly used up
        raise _fail("the type is nested too deep", span_of(form, fallback_span)) from None


def parse_signature(form: Any) -> tuple[FunctionType, ...]:
    """The declared type of a built-in: the shapes of call that it allows, in the order in which they are tried.

        [:fn [[:fn [a] b] [:seq a]] [:vector b]]                          map
        [:and [:fn [int & int] int] [:fn [number & number] number]]       +: the first shape that a call fits gives its result

    A name of one small letter is a type variable, `[:seq T]` is whatever gives items of type T.

    Raises:
        AnalysisError: kind `invalid-type`; it is not the type of a function.
    """
    whole = _SignatureParser(()).type(form, span_of(form, None), 0)
    shapes = whole.parts if isinstance(whole, IntersectionType) else (whole,)
    for shape in shapes:
        if not isinstance(shape, FunctionType):
            raise _fail(f"`{shape}` is not the type of a function", span_of(form, None), "write [:fn [int int] int]")
    return shapes  # type: ignore[return-value]


def _fail(message: str, span: Span | None, hint: str | None = None) -> AnalysisError:
    return AnalysisError(message, kind="invalid-type", span=span, hint=hint)


def _shown(form: Any) -> str:
    text = to_readable(form)
    return text if len(text) <= 60 else text[:57] + "…"


def _suggestion(name: str, *, constructor: bool) -> str | None:
    if name.lower() in _FOREIGN:
        return f"did you mean `{_FOREIGN[name.lower()]}`?"
    near = nearest(name, _CONSTRUCTORS if constructor else [*NAMED, *_CONSTRUCTORS])
    if not near:
        return None
    return f"did you mean `{near[0]}`?" if near[0] in NAMED and not constructor else f"did you mean [:{near[0]} …]?"


class _Parser:
    def __init__(self, defined: Container[str]) -> None:
        self.defined = defined

    def type(self, form: Any, span: Span | None, depth: int) -> Type:
        kind = type(form)
        if kind is Symbol:
            return self.name(form.name, span)
        if kind is Keyword:
            return self.keyword(form.name, span)
        if form is None:  # `nil` reads as the value
            return NIL
        if kind is Vector:
            if depth > MAX_DEPTH:
                raise _fail(f"the type is nested more than {MAX_DEPTH} deep", span)
            return self.vector(form, span, depth + 1)
        if kind is Map:
            hint: str | None = "a record type is written [:map [:key type] …]"
        elif kind is List:
            hint = "types are written in brackets, such as [:vector int]"
        elif kind is bool or kind is int or kind is float or kind is str:
            hint = f"for exactly this value write [:val {_shown(form)}]"
        else:
            hint = None
        kind_name = kind_of(form)
        article = "an" if kind_name[0] in "aeiou" else "a"
        raise _fail(f"{article} {kind_name} is not a type: `{_shown(form)}`", span, hint)

    def name(self, name: str, span: Span | None) -> Type:
        if name not in self.defined and name in _WORDS:
            return _WORDS[name]
        if name.endswith("?") and len(name) > 1:
            return union(self.name(name[:-1], span), NIL)
        if not (name[0].isalpha() or name[0] in "_$%") or name == "_":
            raise _fail(f"`{name}` is not a type", span, "the type of everything is `any`" if name == "_" else None)
        return TypeRef(name)

    def keyword(self, name: str, span: Span | None) -> Type:
        base = name.rstrip("?")
        if base in _WORDS or base in self.defined or base[:1].isupper():
            return self.name(name, span)
        if name in _CONSTRUCTORS:
            raise _fail(f"`:{name}` is a type constructor and needs operands", span, f"write [:{name} …]")
        if name in PREDICATES or name in ALIASES:
            raise _fail(f"`:{name}` is a predicate, not a type", span, f"put it on a type: [:and T [:{name} …]]")
        hint = _suggestion(base, constructor=False) or f"for exactly this keyword write [:val :{name}]"
        raise _fail(f"`:{name}` is not a type", span, hint)

    def vector(self, form: Vector, span: Span | None, depth: int) -> Type:
        items = form.items()
        if not items:
            raise _fail("`[]` is not a type", span, "a vector type is written [:vector T]")
        spans = child_spans(form, span)
        head = items[0]
        if type(head) is not Keyword:
            inside = " ".join([_shown(item) for item in items[:3]]) + (" …" if len(items) > 3 else "")
            hint = f"write [:{'vector' if len(items) == 1 else 'tuple'} {inside}]"
            raise _fail("a type in brackets starts with a constructor such as :vector", spans[0], hint)
        build = _CONSTRUCTORS.get(head.name)
        if build is not None:
            return build(self, items[1:], spans[1:], span, depth)
        if head.name in PREDICATES or head.name in ALIASES:
            raise _fail(f"`:{head.name}` is a predicate, not a type", span, f"put it on a type: [:and T {_shown(form)}]")
        hint = _suggestion(head.name, constructor=True) or "the constructors are " + " ".join(":" + name for name in _CONSTRUCTORS)
        raise _fail(f"`:{head.name}` is not a type constructor", spans[0], hint)

    # --- constructors: operands, their spans, span of the whole, depth ---

    def types(self, forms: list[Any], spans: list[Span | None], depth: int) -> list[Type]:
        out = []
        for i in range(len(forms)):
            out.append(self.type(forms[i], spans[i], depth))
        return out

    def one(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int, shape: str) -> Type:
        if len(forms) != 1:
            raise _fail(f"expected {shape}, got {len(forms)} operands", span, f"write {shape}")
        return self.type(forms[0], spans[0], depth)

    def vector_type(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int) -> Type:
        return VectorType(self.one(forms, spans, span, depth, "[:vector T]"))

    def optional_type(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int) -> Type:
        return union(self.one(forms, spans, span, depth, "[:optional T]"), NIL)

    def tuple_type(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int) -> Type:
        if not forms:
            raise _fail("[:tuple …] needs at least one type", span, "write [:tuple A B]")
        return TupleType(tuple(self.types(forms, spans, depth)))

    def array_type(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int) -> Type:
        if not 1 <= len(forms) <= 2:
            raise _fail("[:array …] takes a type and a shape", span, "write [:array float [2 3]] or [:array float [? 3]]")
        item = self.type(forms[0], spans[0], depth)
        if len(forms) == 1:
            return ArrayType(item, ())
        if type(forms[1]) is not Vector:
            raise _fail("the shape of an array is a vector of dimensions", spans[1], "write [2 3], with ? for any length")
        shape: list[int | None] = []
        for dimension, place in zip(forms[1].items(), child_spans(forms[1], spans[1]), strict=True):
            if type(dimension) is Symbol and dimension.name == "?":
                shape.append(None)
            elif type(dimension) is int and dimension >= 0:
                shape.append(dimension)
            else:
                hint = "a dimension is an integer, or ? for any length"
                raise _fail(f"`{_shown(dimension)}` is not a dimension", place, hint)
        return ArrayType(item, tuple(shape))

    def map_type(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int) -> Type:
        entries: dict[Any, Entry] = {}
        rest: Type | None = None
        for i in range(len(forms)):
            form = forms[i]
            places = child_spans(form, spans[i])
            if type(form) is Vector:
                parts = [form.items()]
            elif type(form) is Map:
                parts = [list(pair) for pair in form.items()]
            else:
                raise _fail(f"`{_shown(form)}` is not an entry", spans[i], "an entry is written [:key type] or [:key type ?]")
            for k in range(len(parts)):
                entry = self.entry(parts[k], places[2 * k :], spans[i], depth)
                if type(entry.key) is Keyword and entry.key.name == "*":
                    if rest is not None or entry.optional:
                        raise _fail("[:* T] stands once, without `?`", spans[i])
                    rest = entry.type
                elif entry.key in entries:
                    raise _fail(f"the key `{_shown(entry.key)}` stands twice", spans[i])
                else:
                    entries[entry.key] = entry
        return RecordType(tuple(entries.values()), rest)

    def entry(self, parts: list[Any], places: list[Span | None], span: Span | None, depth: int) -> Entry:
        optional = len(parts) == 3 and type(parts[2]) is Symbol and parts[2].name == "?"
        if not parts or (len(parts) != 2 and not optional):
            hint = "write [:key type], or [:key type ?] when the key may be absent"
            raise _fail("an entry has a key, a type and perhaps `?`", span, hint)
        key = parts[0]
        if not is_key(key):
            hint = f"write :{key.name}" if type(key) is Symbol else "a key is a keyword, a string or an integer"
            raise _fail(f"`{_shown(key)}` is not a key", places[0], hint)
        return Entry(key, self.type(parts[1], places[1], depth), optional)

    def map_of_type(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int) -> Type:
        if len(forms) != 2:
            raise _fail("[:map-of …] takes the type of keys and the type of values", span, "write [:map-of keyword int]")
        return MapOfType(self.type(forms[0], spans[0], depth), self.type(forms[1], spans[1], depth))

    def function_type(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int) -> Type:
        if len(forms) != 2 or type(forms[0]) is not Vector:
            raise _fail("a function type has a vector of parameter types and a result type", span, "write [:fn [int int] int]")
        params = forms[0].items()
        places = child_spans(forms[0], spans[0])
        rest: Type | None = None
        for i in range(len(params)):
            if type(params[i]) is Symbol and params[i].name == "&":
                if len(params) != i + 2:
                    raise _fail("after & stands the type of each further operand", places[i], "write [:fn [int & int] int]")
                rest = self.type(params[i + 1], places[i + 1], depth)
                params, places = params[:i], places[:i]
                break
        return FunctionType(tuple(self.types(params, places, depth)), rest, self.type(forms[1], spans[1], depth))

    def resource_type(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int) -> Type:
        if len(forms) == 1:
            name = forms[0]
            if type(name) is Symbol or type(name) is Keyword:
                return ResourceType(name.name)
            if type(name) is str and name:
                return ResourceType(name)
        raise _fail("[:resource …] takes the name of a resource", span, "write [:resource FileHandle]")

    def enum_type(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int) -> Type:
        if not forms:
            raise _fail("[:enum …] needs at least one value", span, 'write [:enum "a" "b"]')
        values: list[Any] = []
        for i in range(len(forms)):
            value = forms[i]
            if type(value) is Symbol:
                hint = f'write the string "{value.name}" or the keyword :{value.name}'
                raise _fail(f"`{value.name}` is a name, not a value", spans[i], hint)
            if type(value) not in _LITERALS or value != value:
                raise _fail(f"`{_shown(value)}` cannot stand in an enumeration", spans[i], "use strings, keywords or numbers")
            values.append(value)
        return EnumType(tuple(_distinct(values)))

    def val_type(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int) -> Type:
        if len(forms) != 1:
            raise _fail("[:val …] takes one value", span, "for several values write [:enum …]")
        return self.enum_type(forms, spans, span, depth)

    def union_type(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int) -> Type:
        if not forms:
            raise _fail("[:union …] needs at least one type", span, "write [:union int string]")
        return union(*self.types(forms, spans, depth))

    def and_type(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int) -> Type:
        if not forms:
            raise _fail("[:and …] needs a type", span, "write [:and int [:> 0]]")
        parts: list[Type] = []
        predicates: list[Predicate] = []
        for i in range(len(forms)):
            predicate = self.predicate(forms[i], spans[i])
            if predicate is not None:
                predicates.append(predicate)
            else:
                parts.append(self.type(forms[i], spans[i], depth))
        return refined(intersection(*parts), *predicates)

    def predicate(self, form: Any, span: Span | None) -> Predicate | None:
        """A part of `[:and …]` as a predicate; None when it has to be a type."""
        if type(form) is Keyword:
            name, operands = form.name, ()
        elif type(form) is Vector and len(form) and type(form[0]) is Keyword:
            name, operands = form[0].name, tuple(form.items()[1:])
        else:
            return None
        name = ALIASES.get(name, name)
        if name not in PREDICATES:
            if type(form) is Vector and name not in _CONSTRUCTORS:
                near = nearest(name, [*PREDICATES, *_CONSTRUCTORS])
                hint = f"did you mean `:{near[0]}`?" if near else "the predicates are " + " ".join(f":{p}" for p in PREDICATES)
                raise _fail(f"`:{name}` is neither a predicate nor a type constructor", span, hint)
            return None
        problem = operand_problem(name, operands)
        if problem is not None:
            raise _fail(f"`:{name}` takes {problem}", span)
        return Predicate(name, operands)

    def stream_type(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int) -> Type:
        return StreamType(self.one(forms, spans, span, depth, "[:stream T]"))

    def stream_bi_type(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int) -> Type:
        return self.two_way(forms, spans, span, depth, "bi")

    def stream_duplex_type(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int) -> Type:
        return self.two_way(forms, spans, span, depth, "duplex")

    def two_way(self, forms: list[Any], spans: list[Span | None], span: Span | None, depth: int, direction: str) -> Type:
        labels = [form.name if type(form) is Keyword else None for form in forms[::2]]
        if len(forms) == 4 and sorted(map(str, labels)) == ["input", "output"]:
            first, second = self.type(forms[1], spans[1], depth), self.type(forms[3], spans[3], depth)
            return StreamType(first, second, direction) if labels[0] == "input" else StreamType(second, first, direction)
        if len(forms) not in (1, 2):
            hint = f"write [:stream-{direction} :input A :output B]"
            raise _fail("a two-way stream has an input and an output type", span, hint)
        both = self.types(forms, spans, depth)
        return StreamType(both[0], both[1] if len(both) == 2 else None, direction)


class _SignatureParser(_Parser):
    def name(self, name: str, span: Span | None) -> Type:
        return TypeVariable(name) if len(name) == 1 and name.islower() else super().name(name, span)

    def vector(self, form: Vector, span: Span | None, depth: int) -> Type:
        items = form.items()
        if len(items) == 2 and items[0] == Keyword("seq"):
            return SequenceType(self.type(items[1], span, depth + 1))
        return super().vector(form, span, depth)


_LITERALS = frozenset({str, int, float, bool, type(None), Keyword, Timestamp, Uuid, ResourceHandle})


def _distinct(values: list[Any]) -> list[Any]:
    """Without repeats, in order; `1`, `1.0` and `true` differ."""
    return Map([(value, None) for value in values]).keys()


_Build = Callable[[_Parser, list["Any"], "list[Span | None]", "Span | None", int], Type]

_CONSTRUCTORS: dict[str, _Build] = {
    "vector": _Parser.vector_type,
    "list": _Parser.vector_type,
    "tuple": _Parser.tuple_type,
    "array": _Parser.array_type,
    "map": _Parser.map_type,
    "record": _Parser.map_type,
    "map-of": _Parser.map_of_type,
    "dict": _Parser.map_of_type,
    "fn": _Parser.function_type,
    "=>": _Parser.function_type,
    "resource": _Parser.resource_type,
    "enum": _Parser.enum_type,
    "val": _Parser.val_type,
    "union": _Parser.union_type,
    "or": _Parser.union_type,
    "optional": _Parser.optional_type,
    "and": _Parser.and_type,
    "stream": _Parser.stream_type,
    "stream-bi": _Parser.stream_bi_type,
    "stream-duplex": _Parser.stream_duplex_type,
}
