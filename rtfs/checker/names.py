"""Bindings that nothing uses."""

from __future__ import annotations

from rtfs.checker.problems import Problems
from rtfs.checker.walking import descend, scopes
from rtfs.syntax import nodes as ast


def unused(node: ast.Node, problems: Problems) -> None:
    """Warn of the names that `let`, `for`, `loop`, `match` and inner definitions bind and nothing reads.

    Parameters and the names of caught errors may stay unused: callers decide the former, the form asks for the latter. A name that
    begins with `_` says that it is not used; those that macros made up have no place in the text.
    """
    seen: set[int] = set()
    for part, scope in scopes(node):
        if isinstance(part, (ast.CatchClause, ast.FreshNames, ast.StepOptions, ast.WithResource)):
            continue
        allowed = parameters(part) if isinstance(part, ast.Fn) else ()
        for binding in scope.bindings:
            if binding.uses or binding.assigned or binding.name.startswith(("_", "%")) or binding in allowed or id(binding) in seen:
                continue
            seen.add(id(binding))
            if binding.span is None or not _is_written(binding):
                continue
            problems.report("unused-binding", f"`{binding.name}` is not used", binding.span, _HINT)


_HINT = "remove it, or write `_` in its place"


def _is_written(binding: ast.Binding) -> bool:
    """Whether the name stands in the text at its place, and was not made by a macro."""
    span = binding.span
    return span is not None and span.source.text[span.start : span.end].lstrip("^:@&") == binding.name


def parameters(function: ast.Fn) -> list[ast.Binding]:
    found = []
    for param in (*function.params, *((function.rest,) if function.rest is not None else ())):
        found += [getattr(p, "binding") for p in descend(param.pattern) if hasattr(p, "binding")]  # noqa: B009
        found += [p.whole for p in descend(param.pattern) if getattr(p, "whole", None) is not None]
        found += [p.rest for p in descend(param.pattern) if isinstance(getattr(p, "rest", None), ast.Binding)]
    if function.self_binding is not None:
        found.append(function.self_binding)
    return found
