"""The words of the language, without what they mean: which module handles a form, which names are core macros.

Kept apart so that a program imports only what handles the forms it uses.
"""

from __future__ import annotations

#: Special form -> module of `syntax/analyse` that handles it.
FORM_MODULES: dict[str, str] = {
    name: module
    for module, names in {
        "bindings": "let letrec set!",
        "control": "if do and or",
        "effects": "step step-if step-loop step-parallel parallel with-resource with-budget delegate-async log-step "
        "discover-agents llm-execute context-ref get resource:ref",
        "functions": "fn λ lambda defn def",
        "iteration": "for doseq dotimes loop recur",
        "matching": "match try",
        "modules": "module import defstruct deftype intent plan action capability task",
        "quoting": "quote quasiquote unquote unquote-splicing defmacro",
    }.items()
    for name in names.split()
}

#: The macros of `core_macros`.
CORE_MACRO_NAMES = frozenset(["when", "when-not", "unless", "if-not", "if-let", "when-let", "cond", "case", "->", "->>", "as->"])
