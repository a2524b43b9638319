"""`module`, `import`, `defstruct`, `deftype` (reference 4.6, 6)."""

from __future__ import annotations

from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.syntax.analyse.core import Analyser, Form, Place, special_form
from rtfs.syntax.analyse.functions import _declare
from rtfs.types.nodes import NIL as NIL_TYPE
from rtfs.types.nodes import Entry, RecordType, Type, UnionType
from rtfs.values.forms import head_name, is_symbol
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_IMPORT_SHAPE = "(import a.b), (import a.b :as c) or (import a.b :only [f g])"


@special_form("module")
def module_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(module name docstring? (:exports [names])? forms…)`, at top level only."""
    if not place.is_top:
        a.fail("`module` is legal at top level only", form.span)
    if len(form) < 2:
        a.usage(form, "(module name (:exports [f g]) definitions…)")
    name, version = _module_name(a, form.items[1], form.spans[1])
    at = 2
    doc = ""
    if at < len(form) and type(form.items[at]) is str:
        doc = form.items[at]
        at += 1
    exports: tuple[str, ...] | None = None
    if at < len(form) and type(form.items[at]) is List and len(form.items[at]) and _is_exports(form.items[at][0]):
        clause = a.form(form.items[at], form.spans[at])
        if len(clause) != 2 or type(clause.items[1]) is not Vector:
            a.fail("exports are a vector of names", clause.span, hint="write (:exports [f g])")
        exports = tuple([a.symbol(f, s, "an export").name for f, s in a.children(clause.items[1], clause.spans[1])])
        at += 1
    return ast.Module(form.span, name, version, doc, exports, tuple(zip(form.items[at:], form.spans[at:], strict=True)))


def _is_exports(head: Any) -> bool:
    return type(head) is Keyword and head.name == "exports"


def _module_name(a: Analyser, form: Any, span: Span | None) -> tuple[str, str | None]:
    """`a.b.c` or, with a version, `a.b:v1.0`, which the reader makes one symbol."""
    symbol = a.symbol(form, span, "the name of a module")
    name, _, version = symbol.name.partition(":")
    return name, version or None


@special_form("import")
def import_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(import x.y :as n :only [p q])`, also `[x.y :as n]`, `(:as n)`, `:refer`."""
    if not place.is_top:
        a.fail("`import` is legal at top level and in modules only", form.span)
    if len(form) < 2:
        a.usage(form, _IMPORT_SHAPE)
    items, spans = form.items[1:], form.spans[1:]
    if type(items[0]) is Vector:  # [x.y :as n]
        children = a.children(items[0], spans[0])
        items = [f for f, _ in children] + items[1:]
        spans = [s for _, s in children] + spans[1:]
    flat: list[tuple[Any, Span | None]] = []
    for item, span in zip(items, spans, strict=True):
        if type(item) is List:  # (:as n)
            flat += a.children(item, span)
        else:
            flat.append((item, span))
    if not flat:
        a.usage(form, _IMPORT_SHAPE)
    name, version = _module_name(a, *flat[0])
    alias: str | None = None
    only: tuple[str, ...] | None = None
    if len(flat) % 2 == 0:
        a.usage(form, _IMPORT_SHAPE)
    for i in range(1, len(flat), 2):
        (option, option_span), (value, value_span) = flat[i], flat[i + 1]
        if type(option) is Keyword and option.name == "as":
            alias = a.bindable(a.symbol(value, value_span, "the alias"), value_span)
        elif type(option) is Keyword and option.name in ("only", "refer"):
            if not isinstance(value, (Vector, List)):
                a.fail(f":{option.name} needs a vector of names", value_span, hint="write :only [f g]")
            only = tuple([a.symbol(f, s, "an imported name").name for f, s in a.children(value, value_span)])
        else:
            a.fail("the options of import are :as and :only", option_span, hint=f"write {_IMPORT_SHAPE}")
    return ast.Import(form.span, name, alias, only, version)


@special_form("defstruct")
def defstruct_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(defstruct Name :field T …)`: constructor `Name`, predicate `Name?`, type alias `Name`."""
    shape = "(defstruct Name :field Type …)"
    if len(form) < 2:
        a.usage(form, shape)
    symbol = a.symbol(form.items[1], form.spans[1], "the name of a struct")
    name = a.bindable(symbol, form.spans[1])
    a.environment.declare_type(name)
    entries: list[Entry] = []
    seen: set[str] = set()
    i = 2
    while i < len(form):
        field, span = form.items[i], form.spans[i]
        if type(field) is not Keyword:
            a.fail("the fields of a struct are keywords, each followed by its type", span, hint=f"write {shape}")
        if field.name in seen:
            a.fail(f"field :{field.name} is declared twice", span, kind="duplicate-parameter")
        seen.add(field.name)
        i += 1
        if i < len(form) and is_symbol(form.items[i], ":"):
            i += 1
        if i >= len(form):
            a.fail(f"field :{field.name} has no type", span, hint=f"write {shape}")
        type_ = a.type(form.items[i], form.spans[i])
        entries.append(Entry(field, type_, _accepts_nil(type_)))
        i += 1
    record = RecordType(tuple(entries), None, name)
    binding = _declare(a, name, form.spans[1], place)
    predicate = _declare(a, name + "?", form.spans[1], place)
    return ast.DefStruct(form.span, name, record, binding, predicate)


def _accepts_nil(type_: Type) -> bool:
    return isinstance(type_, UnionType) and NIL_TYPE in type_.options


@special_form("deftype")
def deftype_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """`(deftype Name T)`: an alias."""
    if len(form) != 3:
        a.usage(form, "(deftype Name Type)")
    name = a.bindable(a.symbol(form.items[1], form.spans[1], "the name of a type"), form.spans[1])
    a.environment.declare_type(name)
    return ast.DefType(form.span, name, a.type(form.items[2], form.spans[2]))


@special_form("intent", "plan", "action", "capability", "task")
def object_form(a: Analyser, form: Form, place: Place) -> ast.Node:
    """Top-level objects of later floors: `(plan name :key value …)` is not evaluated yet."""
    if len(form) > 1 and (isinstance(form.items[1], (Keyword, str)) or (type(form.items[1]) is Symbol and len(form) > 2)):
        if any(type(x) is Keyword for x in form.items[1:3]):
            a.fail(
                f"`{form.name}` objects are data of a host and are not evaluated by this version",
                form.span,
                hint=f"quote it to use it as data: '({form.name} …)",
            )
    return a.call(form, place)


def module_of(form: Any) -> str | None:
    """The name of the module that a form declares, if it is a `module` form."""
    if head_name(form) == "module" and len(form) > 1 and type(form[1]) is Symbol:
        return str(form[1].name).partition(":")[0]
    return None
