"""A stored program runs: the entry of the compile cache takes the place of reading, analysing and compiling.

Almost everything stays bytes until somebody asks for it: the code of a function until it is called, its definition until an error,
a rebinding or the REPL looks at it.  What the code of a form takes for granted is looked at before it is used; a form for which it
does not hold, or whose code is damaged, is compiled anew, from its definition.
"""

from __future__ import annotations

import marshal
from _weakref import ref
from collections.abc import Callable
from types import CodeType, FunctionType

from rtfs.eval.cached.constants import Constants, value_of
from rtfs.eval.cached.layout import CODE, LITERAL, MODULE, Form
from rtfs.eval.cached.pending import PendingFn
from rtfs.eval.compiled.entry import enter
from rtfs.eval.compiled.late import fetch, late_function
from rtfs.eval.compiled.link import LateVersion, linker_of
from rtfs.eval.compiled.places import Place
from rtfs.eval.compiled.rebinding import Dependent
from rtfs.eval.compiled.support import Template, answers_with_values
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.source import Source, Span
from rtfs.values.functions import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.errors import AnalysisError
    from rtfs.syntax import nodes as ast

    Evaluator = Callable[[Namespace], Any]
    Warn = Callable[[AnalysisError], None]


class Program:
    """The program of one entry, for one machine.

    Attributes:
        imports: name and digest of every module that it imports, directly or not.
        modules: the modules that it is made of.
    """

    def __init__(self, index: memoryview, sections: memoryview, source: Source, machine: Machine) -> None:
        self.sections = sections
        self.source = source
        self.machine = machine
        self.imports: tuple[tuple[str, bytes], ...]
        self.modules: tuple[str, ...]
        # safe, here and below: `store` has checked the signature, made with this user's own key, before it hands over a byte
        self.imports, self.modules, self._tables, self._typed, expected, forms = marshal.loads(index)
        self._fns: dict[int, PendingFn] = {}
        self._decoded: Any = None
        self._by_function: list[Form] = []
        self.forms = StoredForms(self, expected, forms)

    def take(self, forms: tuple[Any, ...]) -> list[Form]:
        """The forms that tuples stand for."""
        made = [Form(parts) for parts in forms]
        self._by_function += [form for form in made if form.count]
        return made

    def span(self, place: tuple[int, int] | None) -> Span | None:
        return None if place is None else Span(self.source, place[0], place[1])

    def fn(self, number: int) -> Any:
        """The definition with a number; it is the same object each time."""
        found = self._fns.get(number)
        if found is None:
            found = self._fns[number] = PendingFn(self.late(lambda program: program._read_fn(number)), bool(self._typed[number]))
        return found

    def late(self, work: Callable[[Program], Any]) -> Callable[[], Any]:
        """What constants of the code can do with the program later, without holding on to it (see `Linker.programs`)."""
        known = ref(self)

        def done() -> Any:
            program = known()
            assert program is not None
            return work(program)

        return done

    # --- what is read when it is asked for ---

    def _read_fn(self, number: int) -> None:
        for form in self._by_function:
            if form.first <= number < form.first + form.count:
                self.node(form)
                return
        raise AssertionError(f"no form defines the function {number}")

    def node(self, form: Form) -> Any:
        """The definition of a form."""
        if type(form.definition) is bytes:
            from rtfs.eval.cached.decoding import definition

            fns = iter([self.fn(number) for number in range(form.first, form.first + form.count)])
            form.definition = definition(form.definition, self._read_tables(), self.source, fns)
        return form.definition

    def macro(self, code: bytes) -> ast.Fn:
        from rtfs.eval.cached.decoding import definition

        found: ast.Fn = definition(code, self._read_tables(), self.source, iter(()))
        return found

    def places(self, code: bytes) -> dict[Any, Place]:
        """The table of `Places` from rows of (position, span, spans of operands, name, number of the row of the call around)."""
        rows = marshal.loads(code)
        span = self.span
        made = [Place(span(row[1]), tuple([span(arg) for arg in row[2]]), row[3], None) for row in rows]
        for place, row in zip(made, rows, strict=True):
            if row[4] is not None:
                place.inlined = made[row[4]]
        return {row[0]: place for row, place in zip(rows, made, strict=True)}

    def _read_tables(self) -> Any:
        if self._decoded is None:
            self._decoded = marshal.loads(self._tables)
        return self._decoded


class StoredForms:
    """Forms that stand for those of a text, or of a module in it."""

    def __init__(self, program: Program, expected: tuple[str, ...], forms: tuple[Any, ...]) -> None:
        self.program = program
        self.expected = expected
        self.forms = program.take(forms)

    def run(self, namespace: Namespace, evaluator: Evaluator, warn: Warn) -> Any:
        """Run them one after the other; the value of the last.

        Args:
            evaluator: gives the evaluator of the namespace, for forms that have to be compiled or walked.
        """
        namespace.expected.update(self.expected)
        run = _Run(self.program, namespace, evaluator, warn)
        value = None
        for form in self.forms:
            value = run.form(form)
        return value


class _Run:
    """A run of stored forms in one namespace."""

    def __init__(self, program: Program, namespace: Namespace, evaluator: Evaluator, warn: Warn) -> None:
        self.program = program
        self.machine = program.machine
        self.namespace = namespace
        self.linker = linker_of(program.machine, namespace)
        self._make_evaluator = evaluator
        self._evaluator: Any = None
        self._warn = warn
        self.linker.programs.append(program)
        self._constants = Constants(program, self.linker)

    def form(self, form: Form) -> Any:
        """Do what analysing and evaluating a form does; its value."""
        if form.effects is not None:
            self._analysed(form.effects)
        if form.kind == CODE and self._holds(form):
            value = self._carried_out(form) if form.function is None else self._late_function(form)
        elif form.kind == LITERAL:
            value = value_of(form.code[1])
            self.namespace.define(form.code[0], value)
        elif form.kind == MODULE:
            value = self._module(form)
        else:
            value = self.evaluator().evaluate(self.program.node(form))
        for name in form.fixed:
            self.namespace.fixed[name] = self.namespace.values.get(name)
        return value

    def evaluator(self) -> Any:
        if self._evaluator is None:
            self._evaluator = self._make_evaluator(self.namespace)
        return self._evaluator

    def _analysed(self, effects: tuple[Any, ...]) -> None:
        """Do to the namespace what analysing the form did."""
        declared, types, near_misses, macros, fresh, warnings, fetched = effects
        namespace, program = self.namespace, self.program
        namespace.declared.update(declared)
        namespace.declared_types.update(types)
        namespace.near_misses.update(near_misses)
        for name, code in macros:
            namespace.define_late_macro(name, lambda code=code: program.macro(code))  # type: ignore[misc]
        self.machine.skip_names(fresh)
        for name in fetched:
            namespace.find(name)
        if warnings:
            from rtfs.errors import AnalysisError

            for kind, message, hint, place in warnings:
                self._warn(AnalysisError(message, kind=kind, hint=hint, span=program.span(place)))

    # --- code ---

    def _holds(self, form: Form) -> bool:
        """Whether everything is as the code of a form takes it to be."""
        namespace, linker, fn = self.namespace, self.linker, self.program.fn
        values, own = namespace.values, namespace.own
        for name in form.builtins:
            if name in own or (name in values and values[name] is not namespace.library.find(name)):
                return False
        for name, number, key in form.functions:
            if not (linker.is_stable(name) and linker.defines(name, fn(number))):
                return False
            if key is not None and linker.version_key_of(name) != key:
                return False
        for name, count in form.calm:
            if not (namespace.find(name) and answers_with_values(values[name], count)):
                return False
        return all(linker.can_flag(key, fn(number)) for key, _, number in form.flags)

    def _link(self, form: Form) -> None:
        """Do to the linker what compiling the form did."""
        fn, linker = self.program.fn, self.linker
        if form.unstable:
            linker.destabilise(set(form.unstable))
        for key, name, number in form.flags:
            linker.add_flag(key, name, fn(number))
        linker.versions_made = max(linker.versions_made, form.versions_made)
        if form.version is not None:
            name, number, key, params, result = form.version
            if number < 0:
                linker.versions.pop(name, None)
            else:
                linker.versions[name] = LateVersion(fn(number), key, params, result)

    def _carried_out(self, form: Form) -> Any:
        """The value of a form that its code carries out."""
        code = self._constants.code(form.code)
        if code is None:
            return self.evaluator().evaluate(self.program.node(form))
        self._link(form)
        if form.owns is not None:
            self._depend(form, code)
        return enter(FunctionType(code, self.linker.globals), self.machine)

    def _late_function(self, form: Form) -> Function:
        """Define a function whose code is loaded when it is needed."""
        self._link(form)
        assert form.defined is not None
        assert form.function is not None
        program, linker = self.program, self.linker
        label, number = form.defined
        name, count, variadic, meta = form.function
        dependent = self._depend(form, None) if form.owns is not None else None
        made: list[Function] = []

        def load() -> Function:
            """The function as its own code makes it."""
            if not made:
                code = self._constants.code(form.code)
                work = FunctionType(code, linker.globals) if code is not None else None
                if work is None:
                    code, work = self._again(form)
                made.append(work())
                if dependent is not None and dependent.code is None:
                    dependent.code = code
            return made[0]

        template = Template(program.fn(number), name, count, variadic, value_of(meta), self.namespace.name)
        function = late_function(template, load, lambda: linker.fetched(label, function))
        if form.version is not None and form.version[1] >= 0:

            def load_version() -> None:
                fetch(function)
                load()  # it has got other code meanwhile, and code that is running calls the older one
                linker.globals.setdefault(key, function.py)  # when it had to be compiled anew

            key: str = form.version[2]
            linker.late[key] = load_version
        self.namespace.define(label, function)
        return function

    def _depend(self, form: Form, code: CodeType | None) -> Dependent:
        """Have the code made anew when what it relies on changes."""
        assert form.owns is not None
        names = [*form.builtins, *[name for name, _, _ in form.functions], *form.owns]
        name, number = form.defined or (None, -1)
        function = self.program.fn(number) if number >= 0 else None

        dependent = Dependent(name, function, code, names, lambda: self._again(form))
        self.linker.depend(dependent)
        return dependent

    def _again(self, form: Form) -> Any:
        return self.evaluator().compiled.again(self.program.node(form))

    # --- modules ---

    def _module(self, form: Form) -> Any:
        from rtfs.eval.compiled.effects import with_span
        from rtfs.syntax import nodes as ast

        name, version, doc, exports, place, expected, forms = form.code
        span = self.program.span(place)
        node = ast.Module(span, name, version, doc, exports, StoredForms(self.program, expected, forms))  # type: ignore[arg-type]
        return with_span(span, lambda: self.machine.modules.define(node))
