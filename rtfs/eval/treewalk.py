"""The tree evaluator: the AST as Python closures.

The reference that the compiled evaluator is checked against: it decides order and control flow, and takes every meaning from
`semantics/`.  Each node becomes one Python function of the environment, so that a node costs one Python call and the text of this
module stays close to the definition of the language.

An environment is a Python list, `[outer environment, value, value, …]`, one per scope that binds names; a name is a number of steps
outwards and an index.  No C function stands between two RTFS calls, so deep recursion uses Python's heap and ends in
LimitExceeded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rtfs.errors import EvalError, Frame, LimitExceeded, RtfsError
from rtfs.eval.tails import Again, TailCall
from rtfs.semantics.calls import call
from rtfs.semantics.faults import arity_error, type_error
from rtfs.semantics.machine import Machine, error_value
from rtfs.semantics.namespace import Namespace
from rtfs.semantics.patterns import PatternCompiler, no_match
from rtfs.semantics.typecheck import optional_check, struct_constructor, validation_error
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.values.functions import Builtin, Function
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, ResourceHandle, Symbol
from rtfs.values.sequences import List, Sequence, Vector

Env = Any
Run = Callable[[Env], Any]

_MISSING: Any = object()
#: The value of a name that is bound but has no value yet.
_UNBOUND: Any = object()
_STOP: Any = object()
MAX_TRACE = 200


class Layout:
    """Which slot of which environment holds a binding, while closures are made."""

    __slots__ = ("outer", "slots")

    def __init__(self, outer: Layout | None, bindings: list[ast.Binding]) -> None:
        self.outer = outer
        self.slots = {binding: i + 1 for i, binding in enumerate(bindings)}

    def find(self, binding: ast.Binding) -> tuple[int, int]:
        """(steps outwards, index)"""
        hops, layout = 0, self
        while binding not in layout.slots:
            hops += 1
            assert layout.outer is not None, binding
            layout = layout.outer
        return hops, layout.slots[binding]


def locate(error: RtfsError, span: Span | None, arg_spans: tuple[Span | None, ...]) -> None:
    """Give an error from a call its place: the operand at fault, else the whole call."""
    if error.span is None:
        if error.operand is not None and error.operand < len(arg_spans):
            error.span = arg_spans[error.operand] or span
        else:
            error.span = span


class TreeWalker:
    """Evaluates the nodes of one namespace."""

    def __init__(self, machine: Machine, namespace: Namespace) -> None:
        self.machine = machine
        self.namespace = namespace
        self.invoke = _invoker(machine)

    def evaluate(self, node: ast.Node) -> Any:
        """The value of a top-level node."""
        return self.compile(node, None)(None)

    def function(self, node: ast.Fn) -> Function:
        """The function of a top-level `fn`: how macros are made."""
        made: Function = self.compile(node, None)(None)
        return made

    def compile(self, node: ast.Node, layout: Layout | None) -> Run:
        """The closure of a node."""
        return _COMPILERS[type(node)](self, node, layout)

    def compile_all(self, nodes: tuple[ast.Node, ...], layout: Layout | None) -> list[Run]:
        return [self.compile(node, layout) for node in nodes]

    def patterns(self, layout: Layout | None) -> PatternCompiler:
        return PatternCompiler(
            lambda binding: _storer(layout, binding), lambda node: self.compile(node, layout), self.namespace.lookup_type
        )

    def check(self, type_: Any) -> Any:
        return optional_check(type_, self.namespace.lookup_type)


def _storer(layout: Layout | None, binding: ast.Binding) -> Callable[[Env, Any], None]:
    assert layout is not None
    hops, index = layout.find(binding)
    if hops == 0:

        def store(env: Env, value: Any) -> None:
            env[index] = value

        return store

    def store_outer(env: Env, value: Any) -> None:
        for _ in range(hops):
            env = env[0]
        env[index] = value

    return store_outer


def _invoker(machine: Machine) -> Callable[[Function, list[Any]], Any]:
    max_depth = machine.max_depth

    def invoke(function: Function, args: list[Any]) -> Any:
        """A whole call: runs bodies until one answers with a value. Tail calls take no depth."""
        depth = machine.depth
        if depth >= max_depth:
            raise machine.too_deep()
        machine.depth = depth + 1
        try:
            result = function.enter(function, args)
            while type(result) is TailCall:
                function = result.function
                try:
                    result = function.enter(function, result.args)
                except RtfsError as error:
                    if error.span is None and error.operand is None:
                        error.span = result.span
                    raise
            return result
        finally:
            machine.depth = depth

    return invoke


# --- names and constants ---------------------------------------------------------------------


def _const(w: TreeWalker, node: ast.Const, layout: Layout | None) -> Run:
    value = node.value
    return lambda env: value


def _local(w: TreeWalker, node: ast.Local, layout: Layout | None) -> Run:
    assert layout is not None
    hops, index = layout.find(node.binding)
    if node.binding.late:
        return _late_local(node, hops, index)
    if hops == 0:
        return lambda env: env[index]
    if hops == 1:
        return lambda env: env[0][index]
    if hops == 2:
        return lambda env: env[0][0][index]

    def outer(env: Env) -> Any:
        for _ in range(hops):
            env = env[0]
        return env[index]

    return outer


def _late_local(node: ast.Local, hops: int, index: int) -> Run:
    name, span = node.binding.name, node.span

    def late(env: Env) -> Any:
        for _ in range(hops):
            env = env[0]
        value = env[index]
        if value is _UNBOUND:
            raise EvalError(f"Undefined symbol: {name}", kind="undefined-symbol", span=span, hint="it is used before its definition")
        return value

    return late


def _global(w: TreeWalker, node: ast.Global, layout: Layout | None) -> Run:
    name, span = node.name, node.span
    machine, namespace = w.machine, w.namespace
    values = namespace.values

    def look_up(env: Env) -> Any:
        value = values.get(name, _MISSING)
        return value if value is not _MISSING else machine.missing(namespace, name, span)

    return look_up


def _make_vector(w: TreeWalker, node: ast.MakeVector, layout: Layout | None) -> Run:
    runs = w.compile_all(node.items, layout)
    adopt = Vector.adopt
    return lambda env: adopt([run(env) for run in runs])


def _make_map(w: TreeWalker, node: ast.MakeMap, layout: Layout | None) -> Run:
    keys = node.keys
    runs = w.compile_all(node.values, layout)
    if all(type(k) is not float and type(k) is not bool for k in keys):

        def make(env: Env) -> Map:
            table = {}
            for i in range(len(keys)):
                table[keys[i]] = runs[i](env)
            return Map.adopt(table)

        return make
    return lambda env: Map([(keys[i], runs[i](env)) for i in range(len(keys))])


# --- choosing and ordering -------------------------------------------------------------------


def _if(w: TreeWalker, node: ast.If, layout: Layout | None) -> Run:
    test, then, otherwise = w.compile(node.test, layout), w.compile(node.then, layout), w.compile(node.otherwise, layout)

    def run_if(env: Env) -> Any:
        value = test(env)
        if value is None or value is False:
            return otherwise(env)
        return then(env)

    return run_if


def _do(w: TreeWalker, node: ast.Do, layout: Layout | None) -> Run:
    *first, last = w.compile_all(node.body, layout)

    def run_do(env: Env) -> Any:
        for run in first:
            run(env)
        return last(env)

    return run_do


def _and(w: TreeWalker, node: ast.And, layout: Layout | None) -> Run:
    *first, last = w.compile_all(node.items, layout)

    def run_and(env: Env) -> Any:
        for run in first:
            value = run(env)
            if value is None or value is False:
                return value
        return last(env)

    return run_and


def _or(w: TreeWalker, node: ast.Or, layout: Layout | None) -> Run:
    *first, last = w.compile_all(node.items, layout)

    def run_or(env: Env) -> Any:
        for run in first:
            value = run(env)
            if value is not None and value is not False:
                return value
        return last(env)

    return run_or


# --- bindings --------------------------------------------------------------------------------


def _bind_all(w: TreeWalker, bindings: tuple[ast.LetBinding, ...], layout: Layout) -> Callable[[Env], None]:
    """A function that evaluates and binds in order."""
    steps: list[tuple[Run, Any, Any, str, Span | None]] = []
    compiler = w.patterns(layout)
    for b in bindings:
        bind: Any
        if isinstance(b.pattern, ast.BindPattern):
            bind = layout.slots.get(b.pattern.binding) or compiler.binder(b.pattern)
            label = b.pattern.binding.name
        else:
            bind = compiler.binder(b.pattern)
            label = "pattern"
        steps.append((w.compile(b.value, layout), w.check(b.type), bind, f"let {label}", b.value.span))

    def bind_all(env: Env) -> None:
        for run, check, bind, label, span in steps:
            value = run(env)
            if check is not None and (mismatch := check(value)) is not None:
                error = validation_error(label, mismatch)
                error.span = span
                raise error
            if type(bind) is int:
                env[bind] = value
            else:
                bind(value, env)

    return bind_all


def _let(w: TreeWalker, node: ast.Let, layout: Layout | None) -> Run:
    bindings = node.scope.bindings
    if not bindings and not node.bindings:
        return w.compile(node.body, layout)
    inner = Layout(layout, bindings)
    bind_all = _bind_all(w, node.bindings, inner)
    body = w.compile(node.body, inner)
    blank = [_UNBOUND] * len(bindings)

    def run_let(env: Env) -> Any:
        frame = [env, *blank]
        bind_all(frame)
        return body(frame)

    return run_let


def _def(w: TreeWalker, node: ast.Def, layout: Layout | None) -> Run:
    value, check, define = w.compile(node.value, layout), w.check(node.type), w.namespace.define
    name, span = node.name, node.value.span

    def run_def(env: Env) -> Any:
        result = value(env)
        if check is not None and (mismatch := check(result)) is not None:
            error = validation_error(f"def {name}", mismatch)
            error.span = span
            raise error
        define(name, result)
        return result

    return run_def


def _def_local(w: TreeWalker, node: ast.DefLocal, layout: Layout | None) -> Run:
    value, check, store = w.compile(node.value, layout), w.check(node.type), _storer(layout, node.binding)
    name, span = node.binding.name, node.value.span

    def run_def(env: Env) -> Any:
        result = value(env)
        if check is not None and (mismatch := check(result)) is not None:
            error = validation_error(f"def {name}", mismatch)
            error.span = span
            raise error
        store(env, result)
        return result

    return run_def


def _set_local(w: TreeWalker, node: ast.SetLocal, layout: Layout | None) -> Run:
    value, store = w.compile(node.value, layout), _storer(layout, node.binding)

    def run_set(env: Env) -> Any:
        result = value(env)
        store(env, result)
        return result

    return run_set


def _set_global(w: TreeWalker, node: ast.SetGlobal, layout: Layout | None) -> Run:
    value, name, span, namespace = w.compile(node.value, layout), node.name, node.span, w.namespace

    def run_set(env: Env) -> Any:
        result = value(env)
        if name not in namespace.values:
            raise EvalError(
                f"Undefined symbol: {name}", kind="undefined-symbol", span=span, hint=f"define it first: (def {name} …)"
            )
        namespace.define(name, result)
        return result

    return run_set


# --- functions -------------------------------------------------------------------------------


def _fn(w: TreeWalker, node: ast.Fn, layout: Layout | None) -> Run:
    machine, invoke = w.machine, w.invoke
    if node.self_binding is not None:
        layout = Layout(layout, [node.self_binding])
    enter = _body(w, node, layout)
    if node.hint is not None and node.hint.target != "local":
        enter = _delegated(w, node, enter)
    if machine.metered:
        enter = _metered(machine, enter)
    name, meta, module = node.name, node.meta, w.namespace.name

    if node.self_binding is not None:

        def make_named(env: Env) -> Function:
            frame = [env, None]
            frame[1] = function = Function(name, node, invoke, enter, frame, meta, module)
            return function

        return make_named
    return lambda env: Function(name, node, invoke, enter, env, meta, module)


def _metered(machine: Machine, enter: Any) -> Any:
    tick = machine.tick

    def enter_metered(function: Function, args: list[Any]) -> Any:
        tick()
        return enter(function, args)

    return enter_metered


def _label(node: ast.Fn) -> str:
    return node.name or "<fn>"


def _body(w: TreeWalker, node: ast.Fn, layout: Layout | None) -> Any:
    """`enter(function, args)`: binds arguments, checks types, runs the body, and starts again on `recur`."""
    inner = Layout(layout, node.scope.bindings)
    count, variadic = len(node.params), node.rest is not None
    blank = [_UNBOUND] * (len(node.scope.bindings) - count - variadic)
    label = _label(node)
    checks = [
        (i, check, f"{label}, parameter {p.name}") for i, p in enumerate(node.params) if (check := w.check(p.type)) is not None
    ]
    rest_check = w.check(node.rest.type) if node.rest is not None else None
    compiler = w.patterns(inner)
    binders = [
        (i + 1, compiler.binder(p.pattern, label))
        for i, p in enumerate(node.params)
        if not isinstance(p.pattern, (ast.BindPattern, ast.WildcardPattern))
    ]
    result_check = w.check(node.result)
    body = w.compile(node.body, inner)
    tick = w.machine.tick if w.machine.metered else None
    body_span = node.body.span
    expected = node.arity_text

    def prepare(frame: list[Any]) -> None:
        """Type checks and destructuring of the arguments in a new frame."""
        for i, check, what in checks:
            if (mismatch := check(frame[i + 1])) is not None:
                raise validation_error(what, mismatch, i)
        if rest_check is not None:
            items = frame[count + 1].items()
            for j in range(len(items)):
                if (mismatch := rest_check(items[j])) is not None:
                    raise validation_error(f"{label}, variadic argument {j}", mismatch, count + j)
        for i, bind in binders:
            bind(frame[i], frame)

    needs_preparing = bool(checks or rest_check or binders)

    def enter(function: Function, args: list[Any]) -> Any:
        if variadic:
            if len(args) < count:
                raise arity_error(label, expected, len(args))
            args = [*args[:count], List.adopt(args[count:])]
        elif len(args) != count:
            raise arity_error(label, expected, len(args))
        while True:
            frame = [function.env, *args, *blank]
            if needs_preparing:
                prepare(frame)
            result = body(frame)
            if type(result) is not Again:
                break
            args = result.args
            if tick is not None:
                tick()
        if result_check is not None and (mismatch := result_check(result)) is not None:
            error = validation_error(f"{label}, result", mismatch)
            error.span = body_span
            raise error
        return result

    return enter


def _delegated(w: TreeWalker, node: ast.Fn, local: Any) -> Any:
    """`enter` of a function whose calls go to a model: arguments are checked first, the result after."""
    from rtfs.semantics.delegated import delegated_enter

    return delegated_enter(w.machine, w.namespace, node, local, w.invoke)


def _call(w: TreeWalker, node: ast.Call, layout: Layout | None) -> Run:
    if node.tail:
        return _tail_call(w, node, layout)
    head = w.compile(node.function, layout)
    span = node.span
    arg_spans = tuple([arg.span for arg in node.args])
    name = _call_name(node.function)
    runs = w.compile_all(node.args, layout)

    def fail(error: Exception, function: Any) -> None:
        """Called on the way of an error through this call."""
        if isinstance(error, RtfsError):
            locate(error, span, arg_spans)
            if type(function) is Function and len(error.trace) < MAX_TRACE:
                error.trace.append(Frame(function.name or name, span))

    if len(runs) == 1:
        first = runs[0]

        def call_one(env: Env) -> Any:
            function = head(env)
            a = first(env)
            try:
                kind = type(function)
                if kind is Builtin and function.low <= 1 and (function.high is None or function.high >= 1):
                    return function.call(a)
                if kind is Function:
                    return function.code(function, [a])
                return call(function, [a])
            except RtfsError as error:
                fail(error, function)
                raise

        return call_one
    if len(runs) == 2:
        first, second = runs

        def call_two(env: Env) -> Any:
            function = head(env)
            a = first(env)
            b = second(env)
            try:
                kind = type(function)
                if kind is Builtin and function.low <= 2 and (function.high is None or function.high >= 2):
                    return function.call(a, b)
                if kind is Function:
                    return function.code(function, [a, b])
                return call(function, [a, b])
            except RtfsError as error:
                fail(error, function)
                raise

        return call_two

    def call_any(env: Env) -> Any:
        function = head(env)
        args = [run(env) for run in runs]
        try:
            if type(function) is Function:
                return function.code(function, args)
            return call(function, args)
        except RtfsError as error:
            fail(error, function)
            raise

    return call_any


def _call_name(node: ast.Node) -> str:
    if isinstance(node, ast.Global):
        return node.name
    if isinstance(node, ast.Local):
        return node.binding.name
    return "<fn>"


def _tail_call(w: TreeWalker, node: ast.Call, layout: Layout | None) -> Run:
    head = w.compile(node.function, layout)
    runs = w.compile_all(node.args, layout)
    span = node.span
    arg_spans = tuple([arg.span for arg in node.args])

    def tail_call(env: Env) -> Any:
        function = head(env)
        args = [run(env) for run in runs]
        if type(function) is Function:
            return TailCall(function, args, span)
        try:
            return call(function, args)
        except RtfsError as error:
            locate(error, span, arg_spans)
            raise

    return tail_call


def _self_call(w: TreeWalker, node: ast.SelfCall, layout: Layout | None) -> Run:
    """A tail call of the function by its own name: the frame starts again if the name still means this function."""
    head = w.compile(node.function, layout)
    runs = w.compile_all(node.args, layout)
    span = node.span

    def self_call(env: Env) -> Any:
        function = head(env)
        args = [run(env) for run in runs]
        if type(function) is Function:
            return TailCall(function, args, span)
        return call(function, args)

    return self_call


def _recur(w: TreeWalker, node: ast.Recur, layout: Layout | None) -> Run:
    runs = w.compile_all(node.args, layout)
    return lambda env: Again([run(env) for run in runs])


# --- matching and errors ---------------------------------------------------------------------


def _match(w: TreeWalker, node: ast.Match, layout: Layout | None) -> Run:
    subject = w.compile(node.value, layout)
    clauses: list[tuple[Any, Run | None, Run, list[Any] | None]] = []
    for clause in node.clauses:
        inner = Layout(layout, clause.scope.bindings) if clause.scope.bindings else layout
        match = w.patterns(inner).matcher(clause.pattern)
        guard = w.compile(clause.guard, inner) if clause.guard is not None else None
        blank = [_UNBOUND] * len(clause.scope.bindings) if clause.scope.bindings else None
        clauses.append((match, guard, w.compile(clause.body, inner), blank))
    span = node.span

    def run_match(env: Env) -> Any:
        value = subject(env)
        for match, guard, body, blank in clauses:
            frame = env if blank is None else [env, *blank]
            if match(value, frame):
                if guard is not None:
                    held = guard(frame)
                    if held is None or held is False:
                        continue
                return body(frame)
        error = no_match(value)
        error.span = span
        raise error

    return run_match


def _try(w: TreeWalker, node: ast.Try, layout: Layout | None) -> Run:
    body = w.compile(node.body, layout)
    catches: list[tuple[Any, Run, int | None, list[Any] | None]] = []
    for clause in node.catches:
        inner = Layout(layout, clause.scope.bindings) if clause.scope.bindings else layout
        slot = inner.slots[clause.binding] if clause.binding is not None and inner is not None else None
        blank = [_UNBOUND] * len(clause.scope.bindings) if clause.scope.bindings else None
        catches.append((_selector(w, clause.selector), w.compile(clause.body, inner), slot, blank))
    final = w.compile(node.final, layout) if node.final is not None else None
    machine = w.machine

    def handle(error: EvalError, env: Env) -> Any:
        for selects, run, slot, blank in catches:
            if selects is None or selects(error):
                frame = env if blank is None else [env, *blank]
                if slot is not None:
                    frame[slot] = error_value(error)
                return run(frame)
        raise error

    def run_try(env: Env) -> Any:
        depth = machine.depth
        try:
            return body(env)
        except LimitExceeded:
            raise
        except EvalError as error:
            machine.depth = depth
            return handle(error, env)

    if final is None:
        return run_try

    def run_finally(env: Env) -> Any:
        try:
            result = run_try(env) if catches else body(env)
        except (LimitExceeded, RecursionError, KeyboardInterrupt):
            # a limit stays a limit, whatever the clean-up does
            try:
                final(env)
            except (EvalError, RecursionError):
                pass
            raise
        except BaseException:
            final(env)
            raise
        final(env)
        return result

    return run_finally


def _selector(w: TreeWalker, selector: Any) -> Any:
    """Whether an error is selected, None for every error."""
    if selector is None:
        return None
    if isinstance(selector, str):
        from rtfs.syntax.analyse.matching import matches_kind

        return lambda error: matches_kind(selector, error.kind)
    check = w.check(selector)
    return lambda error: check is None or check(error.data) is None


# --- iteration -------------------------------------------------------------------------------


def iterable(value: Any, operation: str) -> list[Any]:
    """The items that a `for` goes through: vectors, lists, strings by character, maps by entry, nil as nothing."""
    if isinstance(value, Sequence):
        return value.items()
    if value is None:
        return []
    if type(value) is str:
        return list(value)
    if type(value) is Map:
        return value.entries()
    raise type_error(operation, "collection", value)


def _for(w: TreeWalker, node: ast.For, layout: Layout | None) -> Run:
    name = "for" if node.collect else "doseq"
    tick = w.machine.tick if w.machine.metered else None
    current = layout
    stages: list[tuple[Layout | None, ast.ForClause]] = []
    for clause in node.clauses:
        outer = current
        if clause.kind in ("each", "let"):
            current = Layout(current, clause.scope.bindings)
        stages.append((outer, clause))
    body = w.compile(node.body, current)

    def collect(env: Env, out: list[Any]) -> Any:
        out.append(body(env))
        return None

    def discard(env: Env, out: list[Any]) -> Any:
        body(env)
        return None

    step: Any = collect if node.collect else discard
    for outer, clause in reversed(stages):
        step = _for_stage(w, clause, outer, step, name, tick)

    def run_for(env: Env) -> Any:
        out: list[Any] = []
        step(env, out)
        return Vector.adopt(out) if node.collect else None

    return run_for


def _for_stage(w: TreeWalker, clause: ast.ForClause, outer: Layout | None, step: Any, name: str, tick: Any) -> Any:
    """One clause as a function of environment and output; the answer _STOP ends the loop around it."""
    if clause.kind == "when" or clause.kind == "while":
        assert clause.value is not None
        test = w.compile(clause.value, outer)
        otherwise = _STOP if clause.kind == "while" else None

        def guard(env: Env, out: list[Any]) -> Any:
            held = test(env)
            if held is None or held is False:
                return otherwise
            return step(env, out)

        return guard
    inner = Layout(outer, clause.scope.bindings)
    blank = [_UNBOUND] * len(clause.scope.bindings)
    if clause.kind == "let":
        bind_all = _bind_all(w, clause.bindings, inner)

        def bind(env: Env, out: list[Any]) -> Any:
            frame = [env, *blank]
            bind_all(frame)
            return step(frame, out)

        return bind
    assert clause.value is not None
    assert clause.pattern is not None
    source, binder, span = w.compile(clause.value, outer), w.patterns(inner).binder(clause.pattern, name), clause.value.span

    def each(env: Env, out: list[Any]) -> Any:
        value = source(env)
        try:
            items = iterable(value, name)
        except EvalError as error:
            error.span = span
            raise
        for item in items:
            if tick is not None:
                tick()
            frame = [env, *blank]
            binder(item, frame)
            if step(frame, out) is _STOP:
                break
        return None

    return each


def _dotimes(w: TreeWalker, node: ast.Dotimes, layout: Layout | None) -> Run:
    count, inner = w.compile(node.count, layout), Layout(layout, node.scope.bindings)
    body = w.compile(node.body, inner)
    blank = [_UNBOUND] * (len(node.scope.bindings) - 1)
    span = node.count.span
    tick = w.machine.tick if w.machine.metered else None

    def run_dotimes(env: Env) -> Any:
        turns = count(env)
        if type(turns) is not int:
            error = type_error("dotimes", "integer", turns)
            error.span = span
            raise error
        result = None
        i = 0
        while i < turns:
            if tick is not None:
                tick()
            result = body([env, i, *blank])
            i += 1
        return result

    return run_dotimes


def _loop(w: TreeWalker, node: ast.Loop, layout: Layout | None) -> Run:
    inner = Layout(layout, node.scope.bindings)
    bind_all = _bind_all(w, node.bindings, inner)
    body = w.compile(node.body, inner)
    blank = [_UNBOUND] * len(node.scope.bindings)
    compiler = w.patterns(inner)
    # what `recur` gives goes through the same checks and patterns as the first values
    again = [
        (compiler.binder(b.pattern), w.check(b.type), f"loop {getattr(getattr(b.pattern, 'binding', None), 'name', 'pattern')}")
        for b in node.bindings
    ]
    simple = all(isinstance(b.pattern, ast.BindPattern) and b.type is None for b in node.bindings) and len(
        node.bindings
    ) == len(node.scope.bindings)
    span = node.span
    tick = w.machine.tick if w.machine.metered else None

    def run_loop(env: Env) -> Any:
        frame = [env, *blank]
        bind_all(frame)
        while True:
            result = body(frame)
            if type(result) is not Again:
                return result
            if tick is not None:
                tick()
            values = result.args
            if simple:
                frame = [env, *values]
                continue
            frame = [env, *blank]
            for i in range(len(values)):
                bind, check, label = again[i]
                if check is not None and (mismatch := check(values[i])) is not None:
                    error = validation_error(label, mismatch)
                    error.span = span
                    raise error
                bind(values[i], frame)

    return run_loop


# --- forms that speak to the host ------------------------------------------------------------


def _context_ref(w: TreeWalker, node: ast.ContextRef, layout: Layout | None) -> Run:
    host, name = w.machine.host, node.name
    return lambda env: host.context_value(name)[1]


def _context_get(w: TreeWalker, node: ast.ContextGet, layout: Layout | None) -> Run:
    if node.variable is not None:
        return w.compile(node.variable, layout)
    host, name, values = w.machine.host, node.name, w.namespace.values

    def run_get(env: Env) -> Any:
        if name in values:
            return values[name]
        return host.context_value(name)[1]

    return run_get


def _resource_ref(w: TreeWalker, node: ast.ResourceRef, layout: Layout | None) -> Run:
    name = node.name
    return lambda env: ResourceHandle(name if name.startswith("resource://") else f"resource://{name}")


def _options(w: TreeWalker, options: ast.StepOptions, layout: Layout | None) -> tuple[Layout | None, Any]:
    """The layout of a step's body and the function that makes its frame and tells the host its options."""
    host = w.machine.host
    exposed = w.compile(options.expose_context, layout) if options.expose_context is not None else None
    keys = w.compile(options.context_keys, layout) if options.context_keys is not None else None
    runs = w.compile_all(options.param_values, layout)
    inner = layout
    blank: list[Any] = []
    if options.scope is not None:
        inner = Layout(layout, options.scope.bindings)
        blank = [_UNBOUND] * (len(options.scope.bindings) - 1)

    def open_step(env: Env) -> Env:
        if exposed is not None or keys is not None:
            host.set_context_value("step/exposure", Vector([exposed(env) if exposed else True, keys(env) if keys else None]))
        if options.scope is None:
            return env
        params = Map([(options.param_keys[i], runs[i](env)) for i in range(len(runs))])
        return [env, params, *blank]

    return inner, open_step


def _in_step(w: TreeWalker, name: str, run: Run) -> Run:
    host = w.machine.host

    def run_step(env: Env) -> Any:
        step = host.step_started(name)
        try:
            value = run(env)
        except BaseException as error:
            host.step_failed(step, getattr(error, "message", type(error).__name__))
            raise
        host.step_completed(step, value)
        return value

    return run_step


def _step(w: TreeWalker, node: ast.Step, layout: Layout | None) -> Run:
    inner, open_step = _options(w, node.options, layout)
    body = w.compile(node.body, inner)
    return _in_step(w, node.name, lambda env: body(open_step(env)))


def _step_loop(w: TreeWalker, node: ast.StepLoop, layout: Layout | None) -> Run:
    inner, open_step = _options(w, node.options, layout)
    test, body = w.compile(node.test, inner), w.compile(node.body, inner)
    span = node.span

    def run_loop(env: Env) -> Any:
        frame = open_step(env)
        result = None
        for _ in range(10_000):
            held = test(frame)
            if held is None or held is False:
                return result
            result = body(frame)
        held = test(frame)
        if held is None or held is False:
            return result
        raise EvalError("step-loop went on for more than 10,000 turns", kind="runtime-error", span=span)

    return _in_step(w, "step-loop", run_loop)


def _parallel(w: TreeWalker, node: ast.Parallel, layout: Layout | None) -> Run:
    runs = w.compile_all(node.branches, layout)
    checks = [w.check(t) for t in node.types]
    names = node.names

    def run_parallel(env: Env) -> Any:
        results = []
        for i in range(len(runs)):
            value = runs[i](env)
            check = checks[i]
            if check is not None and (mismatch := check(value)) is not None:
                error = validation_error(f"parallel {names[i] if names else i}", mismatch)
                error.span = node.branches[i].span
                raise error
            results.append(value)
        if names is None:
            return Vector.adopt(results)
        return Map([(Keyword(names[i]), results[i]) for i in range(len(names))])

    return run_parallel


def _with_resource(w: TreeWalker, node: ast.WithResource, layout: Layout | None) -> Run:
    value, check = w.compile(node.value, layout), w.check(node.type)
    inner = Layout(layout, node.scope.bindings)
    body = w.compile(node.body, inner)
    blank = [_UNBOUND] * (len(node.scope.bindings) - 1)
    name, span, host, machine = node.binding.name, node.value.span, w.machine.host, w.machine

    def run_with(env: Env) -> Any:
        from rtfs.semantics.resources import release

        resource = value(env)
        try:
            if check is not None and (mismatch := check(resource)) is not None:
                error = validation_error(f"with-resource {name}", mismatch)
                error.span = span
                raise error
            result = body([env, resource, *blank])
        except BaseException:
            try:
                release(resource, host, machine.hints)
            except EvalError as failure:
                host.warn(f"releasing {name} failed: {failure.message}", span)
            raise
        release(resource, host, machine.hints)
        return result

    return run_with


def _log_step(w: TreeWalker, node: ast.LogStep, layout: Layout | None) -> Run:
    runs = w.compile_all(node.items, layout)
    level, machine, span = node.level, w.machine, node.span

    def run_log(env: Env) -> None:
        items = [run(env) for run in runs]
        with _placed(span):
            machine.host.execute_capability("io.log", [Keyword(level), *items], machine.hints)

    return run_log


class _placed:
    """Gives errors raised inside a span, if they have none."""

    __slots__ = ("span",)

    def __init__(self, span: Span | None) -> None:
        self.span = span

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, RtfsError) and error.span is None:
            error.span = self.span


def _host_form(w: TreeWalker, node: ast.HostForm, layout: Layout | None) -> Run:
    runs = w.compile_all(node.args, layout)
    capability, machine, span = node.capability, w.machine, node.span

    def run_form(env: Env) -> Any:
        args = [run(env) for run in runs]
        with _placed(span):
            return machine.host.execute_capability(capability, args, machine.hints)

    return run_form


def _with_hints(w: TreeWalker, node: ast.WithHints, layout: Layout | None) -> Run:
    keys, runs, body, machine = node.keys, w.compile_all(node.values, layout), w.compile(node.body, layout), w.machine

    def run_hints(env: Env) -> Any:
        outer = machine.hints
        machine.hints = outer | {keys[i]: runs[i](env) for i in range(len(keys))}
        try:
            return body(env)
        finally:
            machine.hints = outer

    return run_hints


# --- definitions -----------------------------------------------------------------------------


def _def_struct(w: TreeWalker, node: ast.DefStruct, layout: Layout | None) -> Run:
    namespace, name = w.namespace, node.name
    stores = [_storer(layout, b) if b is not None else None for b in (node.binding, node.predicate_binding)]

    def run_struct(env: Env) -> Any:
        namespace.define_type(name, node.type)
        check = w.check(node.type)
        constructor = Builtin(name, struct_constructor(name, check), 1, 1, f"Constructor of struct {name}.")
        predicate = Builtin(f"{name}?", lambda value: check(value) is None, 1, 1, f"Whether a value is a {name}.")
        for store, label, value in zip(stores, (name, f"{name}?"), (constructor, predicate), strict=True):
            if store is not None:
                store(env, value)
            else:
                namespace.define(label, value)
        return constructor

    return run_struct


def _def_type(w: TreeWalker, node: ast.DefType, layout: Layout | None) -> Run:
    def run_type(env: Env) -> None:
        w.namespace.define_type(node.name, node.type)

    return run_type


def _import(w: TreeWalker, node: ast.Import, layout: Layout | None) -> Run:
    def run_import(env: Env) -> None:
        with _placed(node.span):
            w.machine.modules.import_into(w.namespace, node)

    return run_import


def _module(w: TreeWalker, node: ast.Module, layout: Layout | None) -> Run:
    def run_module(env: Env) -> Any:
        with _placed(node.span):
            return w.machine.modules.define(node)

    return run_module


# --- quasiquote ------------------------------------------------------------------------------


def _template(w: TreeWalker, node: ast.Template, layout: Layout | None) -> Run:
    parts = [(w.compile(part.node, layout), part.splice, part.node.span) for part in node.parts]
    kind, span = node.kind, node.span

    def run_template(env: Env) -> Any:
        out: list[Any] = []
        for run, splice, where in parts:
            value = run(env)
            if not splice:
                out.append(value)
            elif isinstance(value, Sequence):
                out.extend(value.items())
            elif type(value) is Map:
                out.extend([x for entry in value.items() for x in entry])
            elif value is not None:
                error = type_error("unquote-splicing", "list", value)
                error.span = where
                raise error
        if kind == "list":
            return List.adopt(out)
        if kind == "vector":
            return Vector.adopt(out)
        if len(out) % 2:
            raise EvalError("a quasiquoted map got an odd number of forms", kind="invalid-argument", span=span)
        return Map([(out[i], out[i + 1]) for i in range(0, len(out), 2)])

    return run_template


def _fresh_names(w: TreeWalker, node: ast.FreshNames, layout: Layout | None) -> Run:
    inner = Layout(layout, node.scope.bindings)
    body = w.compile(node.body, inner)
    names, fresh = [b.name for b in node.scope.bindings], w.machine.fresh_name
    return lambda env: body([env, *[Symbol(fresh(name)) for name in names]])


_COMPILERS: dict[type, Any] = {
    ast.Const: _const,
    ast.Local: _local,
    ast.Global: _global,
    ast.MakeVector: _make_vector,
    ast.MakeMap: _make_map,
    ast.If: _if,
    ast.Do: _do,
    ast.And: _and,
    ast.Or: _or,
    ast.Let: _let,
    ast.Def: _def,
    ast.DefLocal: _def_local,
    ast.SetLocal: _set_local,
    ast.SetGlobal: _set_global,
    ast.Fn: _fn,
    ast.Call: _call,
    ast.SelfCall: _self_call,
    ast.Recur: _recur,
    ast.Match: _match,
    ast.Try: _try,
    ast.For: _for,
    ast.Dotimes: _dotimes,
    ast.Loop: _loop,
    ast.ContextRef: _context_ref,
    ast.ContextGet: _context_get,
    ast.ResourceRef: _resource_ref,
    ast.Step: _step,
    ast.StepLoop: _step_loop,
    ast.Parallel: _parallel,
    ast.WithResource: _with_resource,
    ast.LogStep: _log_step,
    ast.HostForm: _host_form,
    ast.WithHints: _with_hints,
    ast.DefStruct: _def_struct,
    ast.DefType: _def_type,
    ast.Import: _import,
    ast.Module: _module,
    ast.Template: _template,
    ast.FreshNames: _fresh_names,
}
