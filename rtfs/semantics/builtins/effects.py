"""Built-ins that belong to a running program: the gateway `call`, the prelude over it, cells, macros as functions.

Made anew for each machine, because they speak to its host (reference 8.8, 8.9, 2.15, 5).
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.errors import EvalError
from rtfs.semantics.builtins.concurrency import add_concurrency
from rtfs.semantics.calls import call_back as apply
from rtfs.semantics.faults import arity_error, type_error
from rtfs.semantics.machine import Machine
from rtfs.semantics.resources import refuse_released
from rtfs.values.equality import equal
from rtfs.values.functions import Builtin, Function
from rtfs.values.maps import EMPTY_MAP, Map
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import EMPTY_VECTOR, List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: RTFS name -> (capability, least operands, most operands or None, type). The types are those of the capabilities that come with
#: RTFS; what a host puts in their place keeps to them, except for HTTP, where hosts like to do more.
PRELUDE: dict[str, tuple[str, int, int | None, str]] = {
    "log": ("io.log", 0, None, "[:fn [& any] nil]"),
    "tool/log": ("io.log", 1, None, "[:fn [any & any] nil]"),
    "tool/log-error": ("io.log-error", 1, None, "[:fn [any & any] nil]"),
    "println": ("io.println", 0, None, "[:fn [& any] nil]"),
    "print": ("io.print", 0, None, "[:fn [& any] nil]"),
    "tool/print": ("io.println", 0, None, "[:fn [& any] nil]"),
    "tool/time-ms": ("system.current-timestamp-ms", 0, 0, "[:fn [] int]"),
    "tool/current-time": ("system.current-time", 0, 0, "[:fn [] timestamp]"),
    "tool/current-timestamp-ms": ("system.current-timestamp-ms", 0, 0, "[:fn [] int]"),
    "current-time-millis": ("system.current-timestamp-ms", 0, 0, "[:fn [] int]"),
    "get-env": ("system.get-env", 1, 1, "[:fn [[:union string keyword]] string?]"),
    "tool/get-env": ("system.get-env", 1, 1, "[:fn [[:union string keyword]] string?]"),
    "file-exists?": ("io.file-exists", 1, 1, "[:fn [string] bool]"),
    "tool/file-exists?": ("io.file-exists", 1, 1, "[:fn [string] bool]"),
    "tool/open-file": ("io.read-file", 1, 1, "[:fn [string] string]"),
    "read-lines": ("io.read-lines", 1, 1, "[:fn [string] [:vector string]]"),
    "tool/read-line": ("io.read-line", 1, 1, "[:fn [resource] string?]"),
    "tool/write-line": ("io.write-line", 2, 2, "[:fn [resource string] nil]"),
    "tool/close-file": ("io.close", 1, 1, "[:fn [any] nil]"),
    "tool/http-fetch": ("network.http-fetch", 1, 1, "[:fn [any] any]"),
    "http-fetch": ("network.http-fetch", 1, 1, "[:fn [any] any]"),
    "thread/sleep": ("system.sleep-ms", 1, 1, "[:fn [number] nil]"),
}
#: Older spellings of the same names.
_ALIASES = {"tool.log": "tool/log", "tool.time-ms": "tool/time-ms"}


class Cell:
    """What `atom` makes: the one mutable value, in the extended set only."""

    __slots__ = ("value",)

    kind_name = "atom"
    printed = "#<atom>"

    def __init__(self, value: Any) -> None:
        self.value = value


def effect_builtins(machine: Machine, *, mutation: bool = True) -> dict[str, Builtin]:
    """All built-ins that need the machine, by name; `mutation` False leaves out atoms (the strict profile)."""
    table: dict[str, Builtin] = {}

    def add(name: str, function: Callable[..., Any], low: int, high: int | None, doc: str, type: str) -> None:
        table[name] = Builtin(name, function, low, high, doc, type=type)

    def perform(capability: str, args: list[Any]) -> Any:
        refuse_released(args, f"call :{capability}")
        return machine.perform(capability, args)

    def gateway(capability: Any, *args: Any) -> Any:
        if type(capability) is Keyword:
            return perform(capability.name, list(args))
        if type(capability) is str:
            return perform(capability, list(args))
        raise type_error("call", "keyword or string naming a capability", capability, 0)

    add(
        "call",
        gateway,
        1,
        None,
        "Ask the host to carry out a capability: (call :io.read-lines path).",
        "[:fn [[:union keyword string] & any] any]",
    )

    for name, (capability, low, high, type_text) in PRELUDE.items():
        add(name, _forward(perform, capability), low, high, f"Forwards to the capability :{capability}.", type_text)
        if name.startswith("tool/"):
            table["tool:" + name[5:]] = table[name]
    for alias, name in _ALIASES.items():
        table[alias] = table[name]

    def read_file(path: Any) -> Any:
        raise EvalError("read-file is not supported in the RTFS core", kind="not-implemented", hint="use (call :io.read-file path)")

    add("read-file", read_file, 1, 1, "Always an error: files are read through `call`.", "[:fn [any] never]")

    def load_capability(path: Any) -> Vector:
        return capability_ids(perform("io.read-file", [path]), path)

    add(
        "load-capability",
        load_capability,
        1,
        1,
        "The ids of the (capability …) forms of a file; registers nothing.",
        "[:fn [string] vector]",
    )

    def context_get(key: Any) -> Any:
        return machine.host.context_value(_key_text("context/get", key))[1]

    def context_set(key: Any, value: Any) -> None:
        machine.refuse_in_macro("change the context")
        machine.host.set_context_value(_key_text("context/set", key), value)

    add("context/get", context_get, 1, 1, "A value of the execution context, or nil.", "[:fn [[:union string keyword symbol]] any]")
    add(
        "context/set",
        context_set,
        2,
        2,
        "Stores a value in the execution context of the step; nil.",
        "[:fn [[:union string keyword symbol] any] nil]",
    )
    table["ccos.context/set"] = table["context/set"]

    def with_budget(limits: Any, work: Any) -> Any:
        return machine.within_budget(limits, lambda: apply(work, []))

    add(
        "with-budget",
        with_budget,
        2,
        2,
        "`(with-budget {:usd 1.0 :tokens 20000 :calls 50 :seconds 60} body…)`: the value of the body; what it delegates may use up "
        "so much and not more. As a value, it takes a function without parameters for the body.",
        "[:fn [map [:fn [] a]] a]",
    )
    table["task-context/get"], table["task-context/set"] = table["context/get"], table["context/set"]
    add_concurrency(add, machine)
    _add_store(add, perform)
    _add_macros(add, machine)
    if mutation:
        _add_cells(add)
    return table


def capability_ids(text: Any, path: Any) -> Vector:
    """The ids of the top-level `(capability id …)` forms of a text."""
    from rtfs.source import Source
    from rtfs.syntax.reader import read_forms
    from rtfs.values.forms import head_name

    ids = [form[1] for form in read_forms(Source(str(path), text)) if head_name(form) == "capability" and len(form) > 1]
    return Vector([i.name if isinstance(i, (Symbol, Keyword)) else i for i in ids])


def _forward(perform: Callable[[str, list[Any]], Any], capability: str) -> Callable[..., Any]:
    return lambda *args: perform(capability, list(args))


def _key_text(operation: str, key: Any) -> str:
    if type(key) is str:
        return key
    if isinstance(key, (Keyword, Symbol)):
        return key.name
    raise type_error(operation, "string, keyword or symbol", key, 0)


def _add_store(add: Any, perform: Callable[[str, list[Any]], Any]) -> None:
    """`kv/…!`: read, change and write back a value of the host's key-value store."""

    def change(key: Any, empty: Any, update: Callable[[Any], Any]) -> Any:
        current = perform("state.kv.get", [key])
        new = update(empty if current is None else current)
        perform("state.kv.put", [key, new])
        return new

    def kv_assoc(key: Any, *pairs: Any) -> Any:
        if len(pairs) % 2:
            raise arity_error("kv/assoc!", "a key and pairs", len(pairs) + 1)
        return change(key, EMPTY_MAP, lambda m: _assoc_all(m, pairs))

    def kv_dissoc(key: Any, *keys: Any) -> Any:
        def drop(current: Any) -> Any:
            for k in keys:
                current = _need("kv/dissoc!", Map, "map", current).dissoc(k)
            return current

        return change(key, EMPTY_MAP, drop)

    def kv_conj(key: Any, *items: Any) -> Any:
        return change(key, EMPTY_VECTOR, lambda v: _need("kv/conj!", Vector, "vector", v).extend(items))

    add(
        "kv/assoc!",
        kv_assoc,
        3,
        None,
        "Changes entries of a map in the host's store; gives the new map.",
        "[:fn [any any any & any] map]",
    )
    add(
        "kv/dissoc!",
        kv_dissoc,
        2,
        None,
        "Removes entries of a map in the host's store; gives the new map.",
        "[:fn [any any & any] map]",
    )
    add(
        "kv/conj!",
        kv_conj,
        2,
        None,
        "Appends to a vector in the host's store; gives the new vector.",
        "[:fn [any any & any] vector]",
    )


def _need(operation: str, kind: type, word: str, value: Any) -> Any:
    if type(value) is not kind:
        raise type_error(operation, word, value)
    return value


def _assoc_all(target: Any, pairs: tuple[Any, ...]) -> Any:
    target = _need("kv/assoc!", Map, "map", target)
    for i in range(0, len(pairs), 2):
        target = target.assoc(pairs[i], pairs[i + 1])
    return target


def _add_cells(add: Any) -> None:
    def need(operation: str, cell: Any) -> Cell:
        if type(cell) is not Cell:
            raise type_error(operation, "atom", cell, 0)
        return cell

    def reset(cell: Any, value: Any) -> Any:
        need("reset!", cell).value = value
        return value

    def swap(cell: Any, function: Any, *args: Any) -> Any:
        target = need("swap!", cell)
        target.value = apply(function, [target.value, *args])
        return target.value

    def compare_and_set(cell: Any, old: Any, new: Any) -> bool:
        target = need("compare-and-set!", cell)
        if not equal(target.value, old):
            return False
        target.value = new
        return True

    add("atom", Cell, 1, 1, "A mutable cell.", "[:fn [any] any]")
    add("deref", lambda cell: need("deref", cell).value, 1, 1, "The value of an atom.", "[:fn [any] any]")
    add("reset!", reset, 2, 2, "Puts a new value into an atom and gives it.", "[:fn [any a] a]")
    add(
        "swap!",
        swap,
        2,
        None,
        "Puts (f old args…) into an atom and gives it.",
        "[:and [:fn [any [:fn [any] a]] a] [:fn [any fn any & any] any]]",
    )
    add(
        "compare-and-set!",
        compare_and_set,
        3,
        3,
        "Replaces the value of an atom if it equals the expected one.",
        "[:fn [any any any] bool]",
    )


def _add_macros(add: Any, machine: Machine) -> None:
    def gensym(prefix: Any = "g") -> Symbol:
        return Symbol(machine.fresh_name(_key_text("gensym", prefix)))

    def expander(form: Any) -> Any:
        if type(form) is List and len(form) and type(form[0]) is Symbol and machine.current is not None:
            return machine.current.macro(form[0].name)
        return None

    def expand_once(form: Any) -> Any:
        expand = expander(form)
        return form if expand is None else expand(form.items()[1:])

    def expand_fully(form: Any) -> Any:
        for _ in range(1000):
            if expander(form) is None:
                return form
            form = expand_once(form)
        raise EvalError("macroexpand does not come to an end", kind="runtime-error")

    def meta(function: Any) -> Any:
        if type(function) is not Function:
            return None
        found = function.meta if function.meta is not None else EMPTY_MAP
        if function.spec.doc:
            found = Map([(Keyword("doc"), function.spec.doc)]).merge(found)
        if function.spec.hint is not None:
            hint = function.spec.hint
            target: Any = Keyword(hint.target) if hint.model is None else Vector([Keyword(hint.target), hint.model])
            found = found.assoc(Keyword("delegation"), target)
        return found if len(found) else None

    add(
        "gensym",
        gensym,
        0,
        1,
        "A symbol that no program contains.",
        "[:and [:fn [] symbol] [:fn [[:union string keyword symbol]] symbol]]",
    )
    add("macroexpand-1", expand_once, 1, 1, "A form after one expansion of its outermost macro call.", "[:fn [any] any]")
    add("macroexpand", expand_fully, 1, 1, "A form expanded until it is no macro call.", "[:fn [any] any]")
    add("meta", meta, 1, 1, "The metadata of a function as a map, or nil.", "[:fn [any] map?]")
