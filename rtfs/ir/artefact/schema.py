"""What an artefact can hold: one table over all classes of nodes, patterns and types.

The number of a class is what stands in the file for it, so numbers are never given to another class; a change of fields is a new
`FORMAT`.  A field's kind says how it is written, read and checked.  Writing, reading and hashing go by this table alone, and
a test compares it with the classes, so that a field cannot be forgotten.
"""

from __future__ import annotations

from rtfs.syntax import nodes as ast
from rtfs.types import nodes as types
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The version of the format: of this table and of `container`.
FORMAT = 1

# Kinds that stand in the record itself:
#   span      a place in one of the sources, or none          flag     true or false
#   text      any text                                        name     text that a symbol can have
#   names     a tuple of names                                scope    the bindings that it declares
#   binding   a use of a binding                              choice   one of the texts in CHOICES
#   shape     a tuple of sizes, None for any
# Kinds whose values are records of their own, before that of their owner:
#   value     an RTFS value                                   values   a tuple of them
#   node      an expression                                   nodes
#   pattern                                                   patterns
#   type                                                      types
#   part      a `Struct` of the class in PARTS                parts
# A question mark: it may be None. `types?`: a tuple whose items may be.
Fields = tuple[tuple[str, str], ...]

NODES: dict[int, tuple[type[Struct], Fields]] = {
    # --- patterns
    1: (ast.BindPattern, (("span", "span"), ("binding", "binding"))),
    2: (ast.WildcardPattern, (("span", "span"),)),
    3: (ast.LiteralPattern, (("span", "span"), ("value", "value"))),
    4: (ast.VectorPattern, (("span", "span"), ("items", "patterns"), ("rest", "pattern?"), ("whole", "binding?"))),
    5: (ast.MapEntryPattern, (("key", "value"), ("pattern", "pattern"), ("default", "node?"))),
    6: (ast.MapPattern, (("span", "span"), ("entries", "parts"), ("rest", "binding?"), ("whole", "binding?"))),
    7: (ast.TypedPattern, (("span", "span"), ("pattern", "pattern"), ("type", "type"))),
    8: (ast.OrPattern, (("span", "span"), ("options", "patterns"))),
    9: (ast.AsPattern, (("span", "span"), ("binding", "binding"), ("pattern", "pattern"))),
    10: (ast.GuardPattern, (("span", "span"), ("pattern", "pattern"), ("guard", "node"))),
    # --- expressions
    20: (ast.Const, (("span", "span"), ("value", "value"))),
    21: (ast.Local, (("span", "span"), ("binding", "binding"))),
    22: (ast.Global, (("span", "span"), ("name", "name"))),
    23: (ast.MakeVector, (("span", "span"), ("items", "nodes"))),
    24: (ast.MakeMap, (("span", "span"), ("keys", "values"), ("values", "nodes"))),
    25: (ast.If, (("span", "span"), ("test", "node"), ("then", "node"), ("otherwise", "node"))),
    26: (ast.Do, (("span", "span"), ("body", "nodes"))),
    27: (ast.And, (("span", "span"), ("items", "nodes"))),
    28: (ast.Or, (("span", "span"), ("items", "nodes"))),
    29: (ast.LetBinding, (("pattern", "pattern"), ("type", "type?"), ("value", "node"))),
    30: (ast.Let, (("span", "span"), ("scope", "scope"), ("bindings", "parts"), ("body", "node"), ("recursive", "flag"))),
    31: (ast.Param, (("pattern", "pattern"), ("type", "type?"), ("span", "span"))),
    32: (ast.Hint, (("target", "choice"), ("model", "text?"))),
    33: (
        ast.Fn,
        (
            ("span", "span"),
            ("name", "name?"),
            ("scope", "scope"),
            ("params", "parts"),
            ("rest", "part?"),
            ("result", "type?"),
            ("body", "node"),
            ("self_binding", "binding?"),
            ("doc", "text"),
            ("hint", "part?"),
            ("meta", "value?"),
        ),
    ),
    34: (ast.Call, (("span", "span"), ("function", "node"), ("args", "nodes"), ("tail", "flag"))),
    35: (ast.Def, (("span", "span"), ("name", "name"), ("type", "type?"), ("value", "node"))),
    36: (ast.DefLocal, (("span", "span"), ("binding", "binding"), ("type", "type?"), ("value", "node"))),
    37: (ast.SetLocal, (("span", "span"), ("binding", "binding"), ("value", "node"))),
    38: (ast.SetGlobal, (("span", "span"), ("name", "name"), ("value", "node"))),
    39: (ast.MatchClause, (("scope", "scope"), ("pattern", "pattern"), ("guard", "node?"), ("body", "node"), ("span", "span"))),
    40: (ast.Match, (("span", "span"), ("value", "node"), ("clauses", "parts"))),
    41: (
        ast.CatchClause,
        (("selector", "selector"), ("scope", "scope"), ("binding", "binding?"), ("body", "node"), ("span", "span")),
    ),
    42: (ast.Try, (("span", "span"), ("body", "node"), ("catches", "parts"), ("final", "node?"))),
    43: (
        ast.ForClause,
        (("kind", "choice"), ("scope", "scope"), ("pattern", "pattern?"), ("value", "node?"), ("bindings", "parts")),
    ),
    44: (ast.For, (("span", "span"), ("clauses", "parts"), ("body", "node"), ("collect", "flag"))),
    45: (ast.Dotimes, (("span", "span"), ("scope", "scope"), ("binding", "binding"), ("count", "node"), ("body", "node"))),
    46: (ast.Loop, (("span", "span"), ("scope", "scope"), ("bindings", "parts"), ("body", "node"))),
    47: (ast.Recur, (("span", "span"), ("args", "nodes"), ("in_loop", "flag"))),
    48: (ast.SelfCall, (("span", "span"), ("function", "node"), ("args", "nodes"))),
    49: (ast.ContextRef, (("span", "span"), ("name", "name"))),
    50: (ast.ContextGet, (("span", "span"), ("name", "name"), ("variable", "node?"))),
    51: (ast.ResourceRef, (("span", "span"), ("name", "text"))),
    52: (
        ast.StepOptions,
        (
            ("expose_context", "node?"),
            ("context_keys", "node?"),
            ("param_keys", "values"),
            ("param_values", "nodes"),
            ("merge_policy", "choice?"),
            ("params_binding", "binding?"),
            ("scope", "scope?"),
        ),
    ),
    53: (ast.Step, (("span", "span"), ("name", "text"), ("options", "part"), ("body", "node"))),
    54: (ast.StepLoop, (("span", "span"), ("options", "part"), ("test", "node"), ("body", "node"))),
    55: (ast.Parallel, (("span", "span"), ("names", "names?"), ("types", "types?"), ("branches", "nodes"))),
    56: (
        ast.WithResource,
        (("span", "span"), ("scope", "scope"), ("binding", "binding"), ("type", "type?"), ("value", "node"), ("body", "node")),
    ),
    57: (ast.LogStep, (("span", "span"), ("level", "name"), ("items", "nodes"))),
    58: (ast.HostForm, (("span", "span"), ("capability", "choice"), ("args", "nodes"))),
    59: (ast.WithHints, (("span", "span"), ("keys", "names"), ("values", "nodes"), ("body", "node"))),
    60: (
        ast.DefStruct,
        (("span", "span"), ("name", "name"), ("type", "type"), ("binding", "binding?"), ("predicate_binding", "binding?")),
    ),
    61: (ast.DefType, (("span", "span"), ("name", "name"), ("type", "type"))),
    62: (ast.Import, (("span", "span"), ("module", "name"), ("alias", "name?"), ("only", "names?"), ("version", "text?"))),
    63: (
        ast.Module,
        (("span", "span"), ("name", "name"), ("version", "text?"), ("doc", "text"), ("exports", "names?"), ("forms", "forms")),
    ),
    64: (ast.TemplatePart, (("node", "node"), ("splice", "flag"))),
    65: (ast.Template, (("span", "span"), ("kind", "choice"), ("parts", "parts"))),
    66: (ast.FreshNames, (("span", "span"), ("scope", "scope"), ("body", "node"))),
    # --- types
    80: (types.AnyType, ()),
    81: (types.NeverType, ()),
    82: (types.Primitive, (("name", "choice"),)),
    83: (types.VectorType, (("item", "type"),)),
    84: (types.TupleType, (("items", "types"),)),
    85: (types.ArrayType, (("item", "type"), ("shape", "shape"))),
    86: (types.Entry, (("key", "value"), ("type", "type"), ("optional", "flag"))),
    87: (types.RecordType, (("entries", "parts"), ("rest", "type?"), ("name", "name?"))),
    88: (types.MapOfType, (("key", "type"), ("value", "type"))),
    89: (types.FunctionType, (("params", "types"), ("rest", "type?"), ("result", "type"))),
    90: (types.ResourceType, (("name", "text"),)),
    91: (types.EnumType, (("values", "values"),)),
    92: (types.UnionType, (("options", "types"),)),
    93: (types.IntersectionType, (("parts", "types"),)),
    94: (types.Predicate, (("name", "choice"), ("operands", "values"))),
    95: (types.RefinedType, (("base", "type"), ("predicates", "parts"))),
    96: (types.StreamType, (("item", "type"), ("output", "type?"), ("direction", "choice"))),
    97: (types.TypeRef, (("name", "name"),)),
}

# The numbers of values.
NIL, TRUE, FALSE, INT, BIG_INT, FLOAT, STRING, KEYWORD, SYMBOL = range(110, 119)
TIMESTAMP, UUID, RESOURCE, VECTOR, LIST, MAP, METADATA = range(119, 126)

#: The end of a root: one node or function with everything in it.
END = 0

NUMBERS: dict[type, int] = {cls: number for number, (cls, _) in NODES.items()}

#: Class and field -> the class of its parts.
PARTS: dict[tuple[type[Struct], str], type[Struct]] = {
    (ast.MapPattern, "entries"): ast.MapEntryPattern,
    (ast.Let, "bindings"): ast.LetBinding,
    (ast.Loop, "bindings"): ast.LetBinding,
    (ast.ForClause, "bindings"): ast.LetBinding,
    (ast.Fn, "params"): ast.Param,
    (ast.Fn, "rest"): ast.Param,
    (ast.Fn, "hint"): ast.Hint,
    (ast.Match, "clauses"): ast.MatchClause,
    (ast.Try, "catches"): ast.CatchClause,
    (ast.For, "clauses"): ast.ForClause,
    (ast.Step, "options"): ast.StepOptions,
    (ast.StepLoop, "options"): ast.StepOptions,
    (ast.Template, "parts"): ast.TemplatePart,
    (types.RecordType, "entries"): types.Entry,
    (types.RefinedType, "predicates"): types.Predicate,
}

#: Class and field -> the texts that it can be.
CHOICES: dict[tuple[type[Struct], str], tuple[str, ...]] = {
    (ast.Hint, "target"): ("local", "local-model", "remote"),
    (ast.ForClause, "kind"): ("each", "when", "while", "let"),
    (ast.StepOptions, "merge_policy"): ("keep-existing", "overwrite", "merge"),
    (ast.HostForm, "capability"): ("agents.discover", "ccos.ai.llm-execute"),
    (ast.Template, "kind"): ("list", "vector", "map", "metadata"),
    (types.StreamType, "direction"): ("out", "bi", "duplex"),
    (types.Primitive, "name"): (
        "int", "float", "string", "bool", "nil", "keyword", "symbol", "timestamp", "uuid", "resource", "error", "list", "vector",
        "map", "function",
    ),
    (types.Predicate, "name"): (
        ">", ">=", "<", "<=", "=", "!=", "in-range", "min-length", "max-length", "length", "string-contains", "matches-regex",
        "min-count", "max-count", "count", "non-empty", "has-key", "required-keys", "is-url", "is-email",
    ),
}  # fmt: skip


def children(item: Any) -> list[Any]:
    """The records that stand before that of a node, pattern, type or part, in order."""
    found: list[Any] = []
    for field, kind in NODES[NUMBERS[type(item)]][1]:
        value = getattr(item, field)
        if kind in _ONE:
            if value is not None or kind == "value":
                found.append(value)
        elif kind in _MANY:
            found += value
        elif kind == "types?":
            found += [one for one in value if one is not None]
        elif kind == "selector" and isinstance(value, types.Type):
            found.append(value)
    return found


_ONE = frozenset(("value", "value?", "node", "node?", "pattern", "pattern?", "type", "type?", "part", "part?"))
_MANY = frozenset(("values", "nodes", "patterns", "types", "parts"))
