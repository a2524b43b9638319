"""The analyser: dispatch, scopes, spans, and how problems are collected."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from rtfs.errors import AnalysisError, EvalError, LimitExceeded, MacroError, nearest
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.syntax.words import FORM_MODULES
from rtfs.types.nodes import Type
from rtfs.values.forms import MetaForm, Operands, child_spans, span_of
from rtfs.values.maps import Map
from rtfs.values.printing import preview
from rtfs.values.scalars import Keyword, Symbol
from rtfs.values.sequences import List, Sequence, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from rtfs.syntax.analyse.environment import MacroEnvironment

#: These mean their form wherever they stand; no binding can take the name (reference 2.0).
HARD_CORE = frozenset(
    {
        "def",
        "defn",
        "defmacro",
        "let",
        "fn",
        "if",
        "do",
        "match",
        "try",
        "quote",
        "λ",
        "lambda",
        "quasiquote",
        "unquote",
        "unquote-splicing",
    }
)

MAX_EXPANSIONS = 1000
#: Forms that the expansions inside one top-level form may bring, each counted as often as it appears.
MAX_MADE = 500_000


class TailTarget:
    """What `recur` restarts: a loop or a function, with as many values as it binds."""

    __slots__ = ("count", "in_loop", "self_names", "variadic")

    def __init__(self, count: int, *, in_loop: bool, self_names: tuple[Any, ...] = (), variadic: bool = False) -> None:
        self.count = count
        self.in_loop = in_loop
        self.self_names = self_names  # the Binding or the global name by which the function calls itself
        self.variadic = variadic


class Place:
    """Where a form stands: which names it sees, and whether its value is the value of a loop or function around it.

    `names` maps a name to its binding; `parent` is the place around; `owner` lists the bindings of the nearest scope,
    which `def` inside a body adds to.  `function_tail` is true in tail position of a function, and `free_tail` where its value
    is also returned unchecked, so that any call may take over the frame.  `function` is the place of the nearest function's
    parameters, None outside of functions.
    """

    __slots__ = ("names", "parent", "owner", "tail", "function_tail", "free_tail", "function")

    def __init__(
        self,
        parent: Place | None = None,
        owner: list[ast.Binding] | None = None,
        tail: TailTarget | None = None,
        *,
        function_tail: bool = False,
        free_tail: bool = False,
    ) -> None:
        self.names: dict[str, ast.Binding] = {}
        self.parent = parent
        self.owner = owner
        self.tail = tail
        self.function_tail = function_tail
        self.free_tail = free_tail
        self.function: Place | None = parent.function if parent is not None else None

    def lookup(self, name: str) -> ast.Binding | None:
        """What the name is bound to here, if it is; a binding from around the function is captured by it."""
        place: Place | None = self
        while place is not None:
            found = place.names.get(name)
            if found is not None:
                if place.function is not self.function:
                    found.captured = True
                return found
            place = place.parent
        return None

    def visible(self) -> list[str]:
        """All names bound around here, the innermost first."""
        names: dict[str, None] = {}
        place: Place | None = self
        while place is not None:
            names.update(dict.fromkeys(place.names))
            place = place.parent
        return list(names)

    def scope(self) -> tuple[Place, ast.Scope]:
        """A new scope inside this place, in the same tail position."""
        owner: list[ast.Binding] = []
        inner = Place(self, owner, self.tail, function_tail=self.function_tail, free_tail=self.free_tail)
        return inner, ast.Scope(owner)

    def bind(self, name: str, span: Span | None, *, late: bool = False) -> ast.Binding:
        """A new binding in the nearest scope."""
        binding = ast.Binding(name, span, late)
        assert self.owner is not None
        self.names[name] = binding
        self.owner.append(binding)
        return binding

    def nontail(self) -> Place:
        """The same names, no tail position: `recur` is not allowed here."""
        if self.tail is None and not self.function_tail:
            return self
        inner = Place(self.parent, self.owner)
        inner.names, inner.function = self.names, self.function
        return inner

    @property
    def is_top(self) -> bool:
        """No scope around: `def` here defines a global."""
        place: Place | None = self
        while place is not None:
            if place.owner is not None:
                return False
            place = place.parent
        return True


class Form:
    """A list form with what a handler needs: items, their spans, its own span."""

    __slots__ = ("list", "items", "spans", "span", "name")

    def __init__(self, form: List, span: Span | None, spans: list[Span | None]) -> None:
        self.list = form
        self.items = form.items()
        self.spans = spans
        self.span = span
        self.name = self.items[0].name if self.items and type(self.items[0]) is Symbol else ""

    def __len__(self) -> int:
        return len(self.items)


Handler = Callable[["Analyser", Form, Place], ast.Node]
#: Special form -> handler; None until the module that handles it (`syntax.words`) is imported.
SPECIAL_FORMS: dict[str, Handler | None] = dict.fromkeys(FORM_MODULES)


def special_form(*names: str) -> Callable[[Handler], Handler]:
    """Register a handler for lists headed by these names."""

    def register(handler: Handler) -> Handler:
        for name in names:
            SPECIAL_FORMS[name] = handler
        return handler

    return register


def find_handler(name: str) -> Handler:
    """The handler of a special form."""
    handler = SPECIAL_FORMS[name]
    if handler is None:
        import_module(f"rtfs.syntax.analyse.{FORM_MODULES[name]}")
        handler = SPECIAL_FORMS[name]
        assert handler is not None, name
    return handler


class Analyser:
    """Turns forms into nodes, for one namespace.

    Problems inside a form do not stop its analysis: they are collected and raised together, first in source order, the others in
    its `others`.  Warnings (unbound names, shadowed built-ins) are collected in `warnings` and never raised.
    """

    def __init__(self, environment: MacroEnvironment) -> None:
        self.environment = environment
        self.warnings: list[AnalysisError] = []
        self._problems: list[AnalysisError] = []
        self._expansion: Span | None = None  # the macro call that is being expanded
        self._depth = 0
        self._made = 0  # forms that were looked at inside expansions

    # --- entry ---

    def top_level(self, form: Any, span: Span | None = None) -> ast.Node:
        """The node of one top-level form; `span` is its place when it is a literal.

        Raises:
            AnalysisError: what is wrong with it; all of it, in source order.
        """
        self._problems = []
        self._made = 0
        node = self.analyse(form, Place(), span)
        if self._problems:
            problems = sorted(self._problems, key=lambda e: e.span.start if e.span else 0)
            first = problems[0]
            first.others = problems[1:]
            raise first
        return node

    def analyse(self, form: Any, place: Place, fallback: Span | None) -> ast.Node:
        """The node of a form; `fallback` is its span when the form itself does not know it."""
        kind = type(form)
        if kind is Symbol:
            return self.name(form, place, self.span(form, fallback))
        if kind is List:
            span = self.span(form, fallback)
            try:
                return self.list_form(form, place, span)
            except AnalysisError as error:
                if error.span is None:
                    error.span = span
                self._problems.append(error)
                return ast.Const(span, None)
        if kind is Vector:
            span = self.span(form, fallback)
            place = place.nontail()
            children = self.children(form, span)
            return ast.MakeVector(span, tuple([self.analyse(f, place, s) for f, s in children]))
        if kind is Map:
            return self.map_form(form, place.nontail(), self.span(form, fallback))
        if kind is MetaForm:
            span = self.span(form, fallback)
            try:
                return self.metadata(form, place, span)
            except AnalysisError as error:
                if error.span is None:
                    error.span = span
                self._problems.append(error)
                return ast.Const(span, None)
        return ast.Const(fallback, form)

    # --- spans ---

    def span(self, form: Any, fallback: Span | None) -> Span | None:
        """A form's span; inside an expansion, the macro call's for what did not come from the call itself."""
        span = span_of(form)
        if span is None:
            return fallback
        call = self._expansion
        if call is not None and not (span.source is call.source and call.start <= span.start and span.end <= call.end):
            return fallback or call
        return span

    def children(self, form: Any, span: Span | None) -> list[tuple[Any, Span | None]]:
        """The children of a collection with their spans."""
        items = [x for entry in form.items() for x in entry] if type(form) is Map else form.items()
        if self._depth:
            self.count_made(len(items))
        spans = child_spans(form, span)
        if self._expansion is not None:
            call = self._expansion
            spans = [
                s if s is None or (s.source is call.source and call.start <= s.start and s.end <= call.end) else span or call
                for s in spans
            ]
        return [(items[i], spans[i]) for i in range(len(items))]

    def count_made(self, count: int) -> None:
        """Code that a macro makes can hold the same form many times: thirty macros that double their operand make 2**30 forms.

        Raises:
            LimitExceeded: at once, and not as one of several problems, each of which would be followed by the next.
        """
        self._made += count
        if self._made > MAX_MADE:
            raise LimitExceeded(
                f"macros make more than {MAX_MADE:,} forms of this one",
                kind="size-exhausted",
                span=self._expansion,
                hint="a macro that puts an operand into its expansion twice should bind it with let",
            )

    def form(self, form: List, span: Span | None) -> Form:
        return Form(form, span, [s for _, s in self.children(form, span)])

    # --- atoms and collections ---

    def name(self, symbol: Symbol, place: Place, span: Span | None) -> ast.Node:
        name = symbol.name
        binding = place.lookup(name)
        if binding is not None:
            binding.uses += 1
            return ast.Local(span, binding)
        if name in HARD_CORE or (name in SPECIAL_FORMS and not self.environment.knows(name)):
            self.fail(f"`{name}` is a special form and not a value", span, hint=f"write ({name} …)")
        self.check_known(name, span, place)
        return ast.Global(span, name)

    def check_known(self, name: str, span: Span | None, place: Place) -> None:
        """Warn of a name that nothing binds; the nearest one that is bound here is kept for the error at run time."""
        if not self.environment.knows(name) and self.environment.macro(name) is None:
            close = nearest(name, place.visible()) or nearest(name, self.environment.known_names())
            from rtfs.syntax.other_names import OTHER_NAMES

            if name in OTHER_NAMES and not (close and close[0] in place.visible()):
                close = [OTHER_NAMES[name]]
            if close:
                self.environment.near_misses[name] = close[0]
            hint = f"did you mean `{close[0]}`?" if close else None
            self.warnings.append(AnalysisError(f"name `{name}` is not bound", kind="unbound-name", span=span, hint=hint))

    def map_form(self, form: Map, place: Place, span: Span | None) -> ast.Node:
        children = self.children(form, span)
        keys: list[Any] = []
        values: list[ast.Node] = []
        for i in range(0, len(children), 2):
            key, key_span = children[i]
            if isinstance(key, (Symbol, List, Vector, Map, MetaForm)):
                self._problems.append(
                    AnalysisError(
                        f"a map literal's key must be a literal, not {preview(key, 40)}",
                        kind="invalid-map-key",
                        span=key_span,
                        hint="use (hash-map key value …) for computed keys",
                    )
                )
            keys.append(key)
            values.append(self.analyse(children[i + 1][0], place, children[i + 1][1]))
        return ast.MakeMap(span, tuple(keys), tuple(values))

    # --- lists ---

    def list_form(self, form: List, place: Place, span: Span | None) -> ast.Node:
        if not len(form):
            return ast.Const(span, form)
        head = form[0]
        if type(head) is Symbol:
            name = head.name
            local = place.lookup(name) if name not in HARD_CORE else None
            if local is None:
                if name in SPECIAL_FORMS and (name in HARD_CORE or not self.environment.defines(name)):
                    return find_handler(name)(self, self.form(form, span), place)
                expander = self.environment.macro(name)
                if expander is not None:
                    return self.expand(name, expander, form, place, span)
                if name.startswith(".") and len(name) > 1:  # (.m target a…) is (m target a…)
                    form = List([Symbol(name[1:], head.where), *form.items()[1:]], form.where)
        return self.call(self.form(form, span), place)

    def call(self, form: Form, place: Place) -> ast.Node:
        inner = place.nontail()
        function = self.analyse(form.items[0], inner, form.spans[0])
        args = tuple([self.analyse(form.items[i], inner, form.spans[i]) for i in range(1, len(form))])
        target = place.tail
        if place.function_tail and target is not None and not target.in_loop and not target.variadic:
            called: Any = None  # not what merely has a name, such as a function that is written there
            if isinstance(function, ast.Local):
                called = function.binding
            elif isinstance(function, ast.Global):
                called = function.name
            if called is not None and called in target.self_names and len(args) == target.count:
                return ast.SelfCall(form.span, function, args)
        return ast.Call(form.span, function, args, place.free_tail)

    def expand(self, name: str, expander: Callable[[list[Any]], Any], form: List, place: Place, span: Span | None) -> ast.Node:
        outer = self._expansion
        self._depth += 1
        try:
            if self._depth > MAX_EXPANSIONS:
                raise MacroError(
                    f"macro `{name}` does not come to an end: {MAX_EXPANSIONS} expansions inside one another",
                    span=outer or span,
                    hint="a macro must not expand to a call of itself without getting closer to an end",
                )
            expanded = self.run_expander(name, expander, Operands(form), span)
            if outer is None:
                self._expansion = span
            return self.analyse(expanded, place, span)
        finally:
            self._expansion = outer
            self._depth -= 1

    def run_expander(self, name: str, expander: Callable[[list[Any]], Any], args: list[Any], span: Span | None) -> Any:
        """Call a macro on argument forms; its run-time errors become MacroErrors at the call."""
        try:
            return expander(args)
        except (LimitExceeded, AnalysisError):
            raise
        except EvalError as error:
            if error.kind == "arity-mismatch" and error.span is None:  # of the macro itself, before its body began
                message = error.message.replace("Arity mismatch in ", "Arity mismatch in macro ", 1)
                raise MacroError(message, kind="arity-mismatch", span=span) from None
            wrapped = MacroError(f"Macro expansion error in `{name}`: {error.message}", span=span, hint=error.hint)
            if error.span is not None:
                wrapped.notes.append(f"the macro failed at {error.span}")
            raise wrapped from None

    # --- metadata ---

    def metadata(self, form: MetaForm, place: Place, span: Span | None) -> ast.Node:
        from rtfs.syntax.analyse.functions import with_metadata

        return with_metadata(self, form, place, span)

    # --- helpers of the handlers ---

    def body(self, form: Form, start: int, place: Place) -> ast.Node:
        """The items from `start` on as one node; nil when there are none."""
        return self.sequence(form.items[start:], form.spans[start:], place, form.span)

    def sequence(self, items: list[Any], spans: list[Span | None], place: Place, span: Span | None) -> ast.Node:
        if not items:
            return ast.Const(span, None)
        if place.owner is not None:
            self.predeclare(items, spans, place)
        inner = place.nontail()
        last = len(items) - 1
        found = [self.analyse(items[i], place if i == last else inner, spans[i]) for i in range(len(items))]
        return found[0] if len(found) == 1 else ast.Do(span, tuple(found))

    def predeclare(self, items: list[Any], spans: list[Span | None], place: Place) -> None:
        """Names that `def` and `defn` bind in a body are visible in all of it, so that local functions can call each other."""
        for item, span in zip(items, spans, strict=True):
            if type(item) is List and len(item) > 1 and type(item[0]) is Symbol and item[0].name in ("def", "defn"):
                target = item[1]
                while type(target) is MetaForm:
                    target = target.form
                if type(target) is Symbol and target.name not in HARD_CORE:
                    if place.names.get(target.name) is None or not place.names[target.name].late:
                        place.bind(target.name, self.span(target, span), late=True)

    def type(self, form: Any, span: Span | None) -> Type:
        """The type that an annotation form denotes."""
        from rtfs.types.parse import parse_type

        if self._depth:
            self._count_all(form)
        return parse_type(form, span, defined=self.environment.type_names())

    def _count_all(self, form: Any) -> None:
        """Count a form that goes elsewhere whole."""
        waiting = [form]
        while waiting:
            part = waiting.pop()
            if isinstance(part, Sequence):
                waiting += part.items()
            elif type(part) is Map:
                waiting += [x for entry in part.items() for x in entry]
            self.count_made(1)

    def symbol(self, form: Any, span: Span | None, what: str) -> Symbol:
        if type(form) is not Symbol:
            is_name = type(form) is str and form.replace(".", "").replace("-", "").isalnum()
            hint = f"write {form} without quotes" if is_name else None
            self.fail(f"{what} must be a name, not {preview(form, 40)}", span, hint=hint)
        return form

    def bindable(self, symbol: Symbol, span: Span | None) -> str:
        """The name of a symbol that a program wants to bind."""
        name = symbol.name
        if name in HARD_CORE:
            self.fail(f"`{name}` is a core form and cannot be bound", span, kind="reserved-name", hint="choose another name")
        if name in ("&", "|", ":", "@"):
            self.fail(f"`{name}` is punctuation and cannot be bound", span, kind="reserved-name")
        return name

    def fail(self, message: str, span: Span | None, *, kind: str = "invalid-special-form", hint: str | None = None) -> NoReturn:
        raise AnalysisError(message, kind=kind, span=span, hint=hint)

    def usage(self, form: Form, shape: str) -> NoReturn:
        """The form does not have its shape."""
        raise AnalysisError(f"malformed `{form.name}`", span=form.span, hint=f"write {shape}")

    def problem(self, error: AnalysisError) -> None:
        self._problems.append(error)

    def warn(self, message: str, span: Span | None, *, kind: str = "unbound-name", hint: str | None = None) -> None:
        self.warnings.append(AnalysisError(message, kind=kind, span=span, hint=hint))


def is_keyword(form: Any, name: str | None = None) -> bool:
    return type(form) is Keyword and (name is None or form.name == name)
