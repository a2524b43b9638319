"""`rtfs check`: all problems of a text, without running it (reference 4.5).

Every form is analysed.  So that macros can be expanded, definitions whose evaluation can have no effect are carried out: functions,
macros, types; a `def` of anything else only declares its name.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.errors import AnalysisError, RtfsError
from rtfs.semantics.namespace import Namespace
from rtfs.syntax import nodes as ast
from rtfs.syntax.analyse import Analyser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Kinds of problems that do not stop a program from running.
WARNINGS = frozenset({"unbound-name", "shadowed-builtin"})

_PURE = (ast.DefStruct, ast.DefType)


def check_forms(namespace: Namespace, forms: list[Any], evaluator: Callable[[Namespace], Any]) -> list[AnalysisError]:
    """The problems of top-level forms in source order; warnings have a kind in `WARNINGS`.

    Args:
        namespace: a new one, which the definitions go into.
        evaluator: namespace -> evaluator, for the definitions.
    """
    namespace.expect(forms)
    problems: list[AnalysisError] = []
    for form in forms:
        problems += _check_form(namespace, form, None, evaluator)
    problems.sort(key=lambda p: p.span.start if p.span is not None else 0)
    return problems


def analyse_forms(namespace: Namespace, forms: list[Any], evaluator: Callable[[Namespace], Any]) -> list[ast.Node]:
    """The nodes of top-level forms; harmless definitions are carried out, as in `check_forms`.

    Raises:
        AnalysisError: the problems of the first form that has any.
    """
    namespace.expect(forms)
    nodes: list[ast.Node] = []
    for form in forms:
        node = Analyser(namespace).top_level(form)
        for part in node.body if isinstance(node, ast.Do) else (node,):
            _settle(namespace, part, evaluator)
        nodes.append(node)
    return nodes


def _check_form(namespace: Namespace, form: Any, span: Any, evaluator: Callable[[Namespace], Any]) -> list[AnalysisError]:
    analyser = Analyser(namespace)
    problems: list[AnalysisError] = []
    try:
        node = analyser.top_level(form, span)
    except AnalysisError as error:
        problems = [error, *error.others]
        error.others = []
        return problems + analyser.warnings
    problems += analyser.warnings
    for part in node.body if isinstance(node, ast.Do) else (node,):
        problems += _settle(namespace, part, evaluator)
    return problems


def _settle(namespace: Namespace, node: ast.Node, evaluator: Callable[[Namespace], Any]) -> list[AnalysisError]:
    """Carry out a harmless definition; look into a module."""
    if isinstance(node, ast.Module):
        inner = Namespace(
            node.name,
            namespace.library,
            make_macro=lambda ns, _, fn: evaluator(ns).function(fn),
            fresh_name=namespace.fresh_name,
            call=namespace.call,
        )
        inner.expect([form for form, _ in node.forms])
        problems: list[AnalysisError] = []
        for form, span in node.forms:
            problems += _check_form(inner, form, span, evaluator)
        defined = {*inner.own, *inner.macros, *inner.types, *inner.declared}
        for name in node.exports or ():
            if name not in defined:
                problems.append(
                    AnalysisError(
                        f"module '{node.name}' exports '{name}', which it does not define", kind="unbound-name", span=node.span
                    )
                )
        return problems
    if isinstance(node, ast.Import):
        try:
            evaluator(namespace).evaluate(node)
        except AnalysisError as error:
            return [error]
        except RtfsError as error:
            return [AnalysisError(error.message, kind="unbound-name", span=error.span or node.span, hint=error.hint)]
    if isinstance(node, _PURE) or (isinstance(node, ast.Def) and isinstance(node.value, (ast.Fn, ast.Const))):
        evaluator(namespace).evaluate(node)
    return []
