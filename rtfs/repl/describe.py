"""Names in words: what a function takes and does, what a session has defined, how a delegated call went."""

from __future__ import annotations

from rtfs.errors import ConfigError, nearest
from rtfs.values.functions import Builtin, Function
from rtfs.values.printing import to_readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.delegation.record import CallRecord
    from rtfs.semantics.namespace import Namespace
    from rtfs.syntax.nodes import Fn, Param

_SHOWN = 60  # characters of a value in a list


def describe(names: Namespace, name: str) -> list[str]:
    """The lines of `:doc NAME`.

    Raises:
        ConfigError: nothing has that name.
    """
    from rtfs.syntax.analyse import HARD_CORE

    macro = names.macro_function(name)
    if macro is not None:
        return [f"({name} {_parameters(macro.spec)})  macro", *_paragraph(macro.spec.doc)]
    if name in names.types and name not in names.values:
        return [f"{name}  type {names.types[name]}"]
    if name not in HARD_CORE and names.find(name):
        return _described_value(name, names.values[name])
    word = _word_of_language(name)
    if word is not None:
        return word
    close = nearest(name, names.known_names(), 3)
    raise ConfigError(f"nothing is called {name}", hint=f"did you mean {' or '.join(close)}?" if close else None)


def _word_of_language(name: str) -> list[str] | None:
    """A special form or a core macro; the docstring of what handles it begins with its shape."""
    from rtfs.syntax.analyse.core import find_handler
    from rtfs.syntax.words import CORE_MACRO_NAMES, FORM_MODULES

    if name in FORM_MODULES:
        return [f"{name}  special form", *_paragraph(find_handler(name).__doc__ or "")]
    if name in CORE_MACRO_NAMES:
        from rtfs.syntax.core_macros import CORE_MACROS

        return [f"{name}  macro", *_paragraph(CORE_MACROS[name].__doc__ or "")]
    return None


def _described_value(name: str, value: Any) -> list[str]:
    if isinstance(value, Function):
        lines = [signature(name, value.spec)]
        hint = value.spec.hint
        if hint is not None:
            lines.append(f"  delegated to {hint.printed}")
        return lines + _paragraph(value.spec.doc)
    if isinstance(value, Builtin):
        from rtfs.semantics.faults import arity_text

        return [f"{name}  built-in, takes {arity_text(value.low, value.high)}", *_shapes(value), *_paragraph(value.doc)]
    return [f"{name}  {_cut(to_readable(value))}"]


def _shapes(function: Builtin) -> list[str]:
    """The declared type of a built-in, a shape of call to a line."""
    from rtfs.semantics import signatures

    return [f"  {shape}" for shape in signatures.signature(function)]


def signature(name: str, spec: Fn) -> str:
    """`(f [x : int & rest] : string)`."""
    result = f" : {spec.result}" if spec.result is not None else ""
    return f"({name} {_parameters(spec)}{result})"


def _parameters(spec: Fn) -> str:
    words = [_parameter(p) for p in spec.params]
    if spec.rest is not None:
        words.append("& " + _parameter(spec.rest))
    return f"[{' '.join(words)}]"


def _parameter(param: Param) -> str:
    span = param.pattern.span
    name = param.name if param.name != "_" or span is None else span.text
    return name if param.type is None else f"{name} : {param.type}"


def _paragraph(text: str) -> list[str]:
    return [f"  {line.strip()}" for line in text.strip().split("\n")] if text.strip() else []


def definition_line(names: Namespace, name: str) -> str:
    """A line of `:env`."""
    macro = names.macro_function(name)
    if macro is not None:
        return f"({name} {_parameters(macro.spec)})  macro"
    value = names.values[name]
    return signature(name, value.spec) if isinstance(value, Function) else f"{name}  {_cut(to_readable(value))}"


def call_line(record: CallRecord) -> str:
    """A line of `:delegate`."""
    who = record.answered_by or record.model
    by = {"model": who, "code": "published code", "body": "its own body", "none": "nobody"}[record.source]
    outcome = _cut(to_readable(record.value)) if record.error is None or record.source == "body" else "failed"
    why = f"  ({record.error_kind})" if record.error_kind else ""
    tokens = record.prompt_tokens + record.completion_tokens
    return f"{record.function}  {outcome}  by {by}, {record.latency_s * 1000:.0f} ms, {tokens} tokens{why}"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
