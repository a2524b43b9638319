"""Bindings that nothing uses."""

from __future__ import annotations

from rtfs.checker.problems import Problems
from rtfs.checker.walking import descend
from rtfs.syntax import nodes as ast
from rtfs.values.struct import Struct


def unused(parts: list[Struct], problems: Problems) -> None:
    """Warn of the names that `let`, `for`, `loop`, `match` and inner definitions bind and nothing reads.

    Parameters and the names of caught errors may stay unused: callers decide the former, the form asks for the latter. A name that
    begins with `_` says that it is not used; those that macros made up have no place in the text.
    """
    seen: set[int] = set()
    for part in parts:
        scope = getattr(part, "scope", None)
        if not isinstance(scope, ast.Scope) or isinstance(
            part, (ast.CatchClause, ast.FreshNames, ast.StepOptions, ast.WithResource, ast.DefStruct)
        ):
            continue
        allowed = parameters(part) if isinstance(part, ast.Fn) else ()
        for binding in scope.bindings:
            if binding.uses or binding.assigned or binding.name.startswith(("_", "%")) or binding in allowed or id(binding) in seen:
                continue
            seen.add(id(binding))
            if binding.span is None or not _is_written(binding):
                continue
            problems.report("unused-binding", f"`{binding.name}` is not used", binding.span, _HINT)


#: Forms whose names may stay unused: the form asks for them, or made them itself.
_MAY_STAY = (ast.CatchClause, ast.FreshNames, ast.StepOptions, ast.WithResource, ast.DefStruct)
_HINT = "remove it, or write `_` in its place"


def _is_written(binding: ast.Binding) -> bool:
    """Whether the name stands in the text at its place, and was not made by a macro."""
    span = binding.span
    return span is not None and span.source.text[span.start : span.end].lstrip("^:@&") == binding.name


def parameters(function: ast.Fn) -> list[ast.Binding]:
    """All names that the parameters of a function bind, and its own name."""
    found = [] if function.self_binding is None else [function.self_binding]
    for param in (*function.params, *(() if function.rest is None else (function.rest,))):
        for part in descend(param.pattern):
            for field in ("binding", "whole", "rest"):
                name = getattr(part, field, None)
                if isinstance(name, ast.Binding):
                    found.append(name)
    return found
