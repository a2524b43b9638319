"""Namespaces: where global names live.

A program, a REPL and every module have one.  It holds what the program defines and those built-ins that it mentions, fetched from
the library when the analyser first asks about them; a redefinition never reaches the library's own code.  It also answers the
analyser's questions about macros and known names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rtfs.semantics.library import Library
from rtfs.syntax.words import CORE_MACRO_NAMES
from rtfs.types.nodes import Type
from rtfs.values.forms import MetaForm, head_name
from rtfs.values.functions import Function
from rtfs.values.scalars import Symbol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.syntax import nodes as ast


class LateMacro:
    """A macro that nobody has used yet."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Function]) -> None:
        made: list[Function] = []

        def once() -> Function:
            if not made:
                made.append(make())
            return made[0]

        self.make = once


class Namespace:
    """The global names of one program or module.

    Attributes:
        name: the module's name, None for a program.
        values: name -> value; qualified names of imports (`alias/name`) and fetched built-ins too.
        own: names that the program itself defined, in order.
        macros: name -> function from argument forms to a form; `macro_function` gives it.
        types: aliases of `deftype` and `defstruct`.
    """

    def __init__(
        self,
        name: str | None,
        library: Library,
        *,
        make_macro: Callable[[Namespace, str, ast.Fn], Function],
        fresh_name: Callable[[str], str],
        call: Callable[[Any, list[Any]], Any],
    ) -> None:
        self.name = name
        self.library = library
        self.values: dict[str, Any] = {}
        self.own: dict[str, None] = {}
        self.macros: dict[str, Function | LateMacro] = {}
        self.types: dict[str, Type] = {}
        #: The type of a name. It holds the types and not the namespace: constants of generated code hold it, and Python does not
        #: find cycles that lead through code objects.
        self.lookup_type: Callable[[str], Type | None] = self.types.get
        self.declared: set[str] = set()  # defined by a form that was analysed
        self.near_misses: dict[str, str] = {}
        self.declared_types: set[str] = set()
        self.expected: set[str] = set()  # defined by a later form of the same text
        self.fixed: dict[str, Any] = {}  # values of definitions that are the same in every run
        self._make_macro = make_macro
        self._fresh_name = fresh_name
        self.call = call
        #: Told of every new value of a name, by an evaluator that keeps copies of them.
        self.watch: Callable[[str, Any], None] | None = None
        self.linker: Any = None  # of that evaluator

    def find(self, name: str) -> bool:
        """Whether the name is bound; fetches a built-in into `values`."""
        if name in self.values:
            return True
        found = self.library.find(name)
        if found is None:
            return False
        self.values[name] = found
        return True

    # --- definitions ---

    def define(self, name: str, value: Any) -> None:
        """Bind a global name; a macro of that name is replaced."""
        self.values[name] = value
        self.own[name] = None
        self.macros.pop(name, None)
        if self.watch is not None:
            self.watch(name, value)

    def define_type(self, name: str, type_: Type) -> None:
        self.types[name] = type_

    def expect(self, forms: list[Any]) -> None:
        """Take note of what later top-level forms of a text define, so that functions may refer to it before."""
        for form in forms:
            while type(form) is MetaForm:
                form = form.form
            if head_name(form) in ("def", "defn", "defstruct") and len(form) > 1:
                target = form[1]
                while type(target) is MetaForm:
                    target = target.form
                if type(target) is Symbol and target.name not in self.values and target.name not in self.library:
                    self.expected.add(target.name)

    # --- what the analyser asks (syntax.analyse.MacroEnvironment) ---

    def macro(self, name: str) -> Callable[[list[Any]], Any] | None:
        function = self.macro_function(name)
        if function is not None:
            return lambda args: self.call(function, args)
        if name in CORE_MACRO_NAMES and name not in self.own:
            from rtfs.syntax.core_macros import CORE_MACROS

            expand = CORE_MACROS[name]
            return lambda args: expand(args, self._fresh_name)
        return None

    def define_macro(self, name: str, function: ast.Fn) -> None:
        self.macros[name] = self._make_macro(self, name, function)

    def define_late_macro(self, name: str, definition: Callable[[], ast.Fn]) -> None:
        """The same for a macro whose definition is still to be read."""
        self.macros[name] = LateMacro(lambda: self._make_macro(self, name, definition()))

    def macro_function(self, name: str) -> Function | None:
        """The function of a macro that a program defined, from argument forms to a form."""
        found = self.macros.get(name)
        if type(found) is LateMacro:
            found = self.macros[name] = found.make()
        return found  # type: ignore[return-value]

    def defines(self, name: str) -> bool:
        return name in self.own or name in self.declared

    def knows(self, name: str) -> bool:
        if name in self.declared or name in self.expected or name in self.macros or self.find(name):
            return True
        prefix, slash, _ = name.rpartition("/")
        return bool(slash and prefix and (f"{prefix}/" in self.declared or f"{prefix}/" in self.expected))

    def is_builtin(self, name: str) -> bool:
        return name in self.library

    def only_computes(self, name: str) -> bool:
        from rtfs.semantics.builtins.index import TOPICS

        return TOPICS.get(name) not in (None, "higher_order", "functions", "ordering") and name not in self.own

    def known_names(self) -> Iterable[str]:
        from rtfs.syntax.analyse import SPECIAL_FORMS

        names = (self.values, self.library.names(), self.declared, self.expected, self.macros, CORE_MACRO_NAMES, SPECIAL_FORMS)
        return list(dict.fromkeys(name for group in names for name in group))

    def declare_type(self, name: str) -> None:
        self.declared_types.add(name)

    def type_names(self) -> set[str]:
        return self.declared_types | set(self.types)

    def declare(self, name: str) -> None:
        self.declared.add(name)

    def fresh_name(self, stem: str) -> str:
        return self._fresh_name(stem)
