"""Regular expressions: reference 8.3. The pattern comes first; the syntax is that of Python's `re`."""

from __future__ import annotations

import re

from rtfs.errors import EvalError
from rtfs.semantics.builtins.operands import string
from rtfs.semantics.faults import invalid_argument
from rtfs.semantics.library import builtin
from rtfs.semantics.limits import check_size
from rtfs.types.regex import Regex, regex
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: In a replacement: `$1`, `${name}`, `$$` for a dollar.
_REFERENCE = re.compile(r"\$(?:(\$)|([0-9]{1,3})|\{([A-Za-z0-9_]+)\})")

#: Characters of a pattern, which take time to compile.
_MAX_LENGTH = 20_000

#: Python's compiler recurses for every nested group.
_MAX_GROUPS = 50


def _pattern(operation: str, pattern: Any) -> Regex:
    if len(string(operation, pattern, 0)) > _MAX_LENGTH:
        raise invalid_argument(operation, f"the pattern has more than {_MAX_LENGTH:,} characters", 0)
    try:
        return regex(pattern)
    except (re.error, OverflowError) as error:  # the latter for `a{99999999999}`
        reason = str(error)
    except RecursionError:
        if pattern.count("(") < _MAX_GROUPS:
            raise  # it is the program that recurses, and just arrived here with its last frames
        reason = "nested too deeply"
    shown = pattern if len(pattern) <= 60 else pattern[:60] + "…"
    fault = EvalError(f"Invalid regex pattern '{shown}': {reason}", kind="runtime-error")
    fault.operand = 0
    raise fault


@builtin("re-matches", 2, type="[:fn [string string?] bool]")
def matches(pattern: Any, text: Any) -> bool:
    """`(re-matches pattern s)`: whether the whole of `s` matches; false for nil."""
    compiled = _pattern("re-matches", pattern)
    return text is not None and compiled.fullmatch(string("re-matches", text, 1)) is not None


@builtin("re-find", 2, type="[:fn [string string?] string?]")
def find_first(pattern: Any, text: Any) -> str | None:
    """`(re-find pattern s)`: the first match as a string, nil if there is none."""
    compiled = _pattern("re-find", pattern)
    found = None if text is None else compiled.search(string("re-find", text, 1))
    return found.group() if found else None


@builtin("re-seq", 2, type="[:fn [string string?] [:vector string]]")
def find_all(pattern: Any, text: Any) -> Vector:
    """`(re-seq pattern s)`: all matches that do not overlap, as strings."""
    compiled = _pattern("re-seq", pattern)
    if text is None:
        return Vector()
    return Vector.adopt([found.group() for found in compiled.finditer(string("re-seq", text, 1))])


@builtin("re-groups", 2, type="[:fn [string string?] [:optional [:vector string?]]]")
def find_groups(pattern: Any, text: Any) -> Vector | None:
    """`(re-groups pattern s)`: the first match and its groups, nil for a group that took no part; nil without a match."""
    compiled = _pattern("re-groups", pattern)
    found = None if text is None else compiled.search(string("re-groups", text, 1))
    return Vector.adopt([found.group(), *found.groups()]) if found else None


@builtin("re-replace", 3, type="[:fn [string string string] string]")
def replace_all(pattern: Any, text: Any, replacement: Any) -> str:
    """`(re-replace pattern s new)`: with every match replaced; `$1` and `${name}` in `new` are groups, `$$` is a dollar."""
    compiled = _pattern("re-replace", pattern)
    string("re-replace", text, 1)
    template = _template(compiled, string("re-replace", replacement, 2))
    out: list[str] = []
    done = size = 0
    for found in compiled.finditer(text):
        out.append(text[done : found.start()])
        for literal, group in template:
            out.append(literal)
            if group is not None:
                out.append(found.group(group) or "")
                size += len(out[-1])
            size += len(literal)
        check_size("re-replace", size)
        done = found.end()
    out.append(text[done:])
    return "".join(out)


def _template(compiled: Regex, replacement: str) -> list[tuple[str, int | str | None]]:
    """A replacement as pairs of literal text and the group that follows it, if any."""
    out: list[tuple[str, int | str | None]] = []
    done = 0
    for found in _REFERENCE.finditer(replacement):
        literal = replacement[done : found.start()]
        dollar, number, name = found.groups()
        done = found.end()
        if dollar:
            out.append((literal + "$", None))
            continue
        group = int(number or name) if (number or name).isdecimal() else name
        if (group > compiled.groups) if type(group) is int else (group not in compiled.groupindex):
            raise invalid_argument("re-replace", f"the pattern has no group {found.group()}", 2, hint="write $$ for a dollar")
        out.append((literal, group))
    out.append((replacement[done:], None))
    return out
