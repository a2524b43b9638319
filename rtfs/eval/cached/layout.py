"""What an entry of the compile cache holds, and in which order: tuples of what `marshal` writes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# How a form is carried out: by its code; as the definition of a literal; by an evaluator, as it is too deep to be compiled; as a
# module.
CODE, LITERAL, WALKED, MODULE = range(4)

# Constants that are made when the code is loaded: a tuple of one of these numbers, and what it takes.
# (name) (start, end) (value) (type) (number of the function, name, parameters, whether there is a rest parameter, metadata)
# (table, name of the function, its number or -1) (numbers of constants) (place, module, alias, only, version)
# (name in `support`)
KEYWORD, SPAN, VALUE, CHECK, TEMPLATE, PLACES, TUPLE, IMPORT, HELPER = range(9)

# A value that Python does not have: a tuple of one of these numbers, and a name, a text, or a tuple of values; of a type its class
# and its fields.
V_KEYWORD, V_SYMBOL, V_TIMESTAMP, V_UUID, V_RESOURCE, V_VECTOR, V_LIST, V_MAP, V_METADATA = range(9)
V_TYPE, V_TUPLE, V_SET, V_TABLE = range(9, 13)


class Form:
    """A top-level form.

    Attributes:
        kind: CODE, LITERAL, WALKED or MODULE.
        code: of CODE, which section (see `store`) holds the code object that carries it out, with a complex number for each
            constant that Python does not have, and these constants; of LITERAL (name, value); of MODULE (name, version, doc,
            exports, place, expected names, forms).
        function: of a `(def name (fn …))` whose code can wait until it is called: name of the function, parameters, whether there
            is a rest parameter, metadata.
        definition: bytes; empty for a literal and a module.
        first, count: which functions are defined in it.
        effects: what analysing it does, or None: (declared names, declared types, near misses, (name, definition) of macros, number
            of fresh names, (kind, message, hint, place) of warnings, names to fetch from the library).
        builtins: names that the code takes to mean what they mean in the library.
        functions: (name, number, key of the second body or None) of the functions that it takes for granted.
        owns: names that it defines and relies on itself; None when it makes no function that relies on anything.
        calm: (name, number of operands) of calls that are taken to answer with values.
        unstable: names that it may define at any time.
        flags: (key, name, number) of its entries that tell whether a name is bound to a function.
        version: None, or of the second body of its function: name, number (-1: it has none), key, operands, result.
        defined: (name, number) of a `(def name (fn …))`, or None.
        versions_made: the linker's count after it.
        fixed: names whose values will be the same in every run.
    """

    __slots__ = (
        *("builtins", "calm", "code", "count", "defined", "definition", "effects", "first", "fixed", "flags", "function"),
        *("functions", "kind", "owns", "unstable", "version", "versions_made"),
    )

    kind: int
    code: Any
    definition: bytes
    first: int
    count: int
    effects: tuple[Any, ...] | None
    builtins: tuple[str, ...]
    functions: tuple[tuple[str, int, str | None], ...]
    owns: tuple[str, ...] | None
    calm: tuple[tuple[str, int], ...]
    unstable: tuple[str, ...]
    flags: tuple[tuple[str, str, int], ...]
    version: tuple[Any, ...] | None
    defined: tuple[str, int] | None
    versions_made: int
    fixed: tuple[str, ...]
    function: tuple[str | None, int, bool, Any] | None

    def __init__(self, parts: tuple[Any, ...]) -> None:
        (self.kind, self.code, self.definition, self.first, self.count, self.effects, self.fixed, more) = parts
        if more is not None:
            self.builtins, self.functions, self.owns, self.calm, self.unstable, self.flags, *rest = more
            self.version, self.defined, self.function, self.versions_made = rest
