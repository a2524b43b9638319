"""Forms to AST: macros are expanded, special forms told apart, names resolved, annotations parsed.

Special forms are one table, name -> handler, filled by the modules of this package; a handler gets a `Form` (the list with
its spans) and a `Place` (scope and tail position) and gives a node.  A list that starts with the name of a special form must
satisfy that form; it never falls back to being a call (reference 2.0).
"""

from rtfs.syntax.analyse.core import HARD_CORE, SPECIAL_FORMS, Analyser

__all__ = ["HARD_CORE", "SPECIAL_FORMS", "Analyser"]
