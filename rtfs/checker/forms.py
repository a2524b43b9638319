"""Special forms that are not about functions: what each gives, and what is known inside it."""

from __future__ import annotations

from rtfs.checker.flow import Flow
from rtfs.checker.globals import outline
from rtfs.checker.infer import Inference, Turns, infers
from rtfs.checker.narrowing import doubt
from rtfs.checker.patterns import bind, bindable, is_closed, matching
from rtfs.checker.shapes import MOST_ITEMS, all_of, gives_up, item_type, literal, options, plain
from rtfs.checker.wanting import Want, described, step, words
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.types.lattice import join, meet, subtract, widened
from rtfs.types.nodes import (
    ANY,
    INT,
    NEVER,
    NIL,
    AnyType,
    Entry,
    EnumType,
    NeverType,
    Primitive,
    RecordType,
    SequenceType,
    TupleType,
    Type,
    VectorType,
    union,
)
from rtfs.types.subtyping import overlap
from rtfs.values.equality import equal
from rtfs.values.printing import to_readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


_SEQUENCE = SequenceType(ANY)


# --- collections -----------------------------------------------------------------------------


@infers(ast.MakeVector, passes_on=True)
def _make_vector(c: Inference, node: ast.MakeVector, flow: Flow, want: Want | None) -> Type:
    wanted = None if want is None else plain(want.type, c.lookup)
    if isinstance(wanted, VectorType):
        inner = [want.inside(wanted.item, f"[{i}]") for i in range(len(node.items))]  # type: ignore[union-attr]
        return _vector([c.infer(item, flow, inner[i]) for i, item in enumerate(node.items)], c)
    if isinstance(wanted, TupleType) and len(wanted.items) == len(node.items):
        pairs = zip(node.items, wanted.items, strict=True)
        return TupleType(tuple([c.infer(item, flow, want.inside(t, f"[{i}]")) for i, (item, t) in enumerate(pairs)]))  # type: ignore[union-attr]
    found = _vector([c.infer(item, flow) for item in node.items], c)
    if want is not None:
        c.compare(found, want, node, flow)
    return found


def _vector(types: list[Type], c: Inference) -> Type:
    if not types:
        return VectorType(NEVER)
    if len(types) <= MOST_ITEMS:
        return TupleType(tuple(types))
    return VectorType(all_of([widened(type) for type in types], c.lookup))


@infers(ast.MakeMap, passes_on=True)
def _make_map(c: Inference, node: ast.MakeMap, flow: Flow, want: Want | None) -> Type:
    wanted = None if want is None else plain(want.type, c.lookup)
    record = wanted if isinstance(wanted, RecordType) else None
    entries = []
    for key, value in zip(node.keys, node.values, strict=True):
        inner = None
        if record is not None:
            entry = next((e for e in record.entries if equal(e.key, key)), None)
            type = entry.type if entry is not None else record.rest
            if type is not None:
                inner = want.inside(type, step(key))  # type: ignore[union-attr]
        entries.append(Entry(key, c.infer(value, flow, inner)))
    found = RecordType(tuple(entries), NEVER)
    if want is not None and not (record is not None and _has_all(c, node, record, want)):
        c.compare(found, want, node, flow)
    return found


def _has_all(c: Inference, node: ast.MakeMap, record: RecordType, want: Want) -> bool:
    """Report the keys that a record wants and a literal has not. True: the literal need not be compared as a whole."""
    names = {to_readable(key).lstrip(":").strip('"') for key in node.keys}  # a string key will do for a keyword
    missing = [e for e in record.entries if not e.optional and to_readable(e.key).lstrip(":").strip('"') not in names]
    if missing:
        keys = ", ".join([to_readable(entry.key) for entry in missing])
        at = f" at {want.path}" if want.path else ""
        message = f"{want.where}: missing required key{'s' if len(missing) > 1 else ''} {keys}{at}"
        c.problems.report("type-mismatch", message, node.span, f"the type is {words(record)}" if record.name is None else None)
    return True


# --- choice ----------------------------------------------------------------------------------


@infers(ast.If, passes_on=True)
def _if(c: Inference, node: ast.If, flow: Flow, want: Want | None) -> Type:
    tested = c.infer(node.test, flow)
    yes, no = c.split(node.test, flow)
    certain = c.narrowing().certain(tested) if not isinstance(tested, (AnyType, NeverType)) else None
    if certain is True:
        _unreachable(c, node.otherwise, node, "the test always holds", flow, 'only nil and false are not true: 0, "" and [] are')
    elif certain is False:
        _unreachable(c, node.then, node, "the test never holds", flow)
    elif not flow.ended and yes.ended is not no.ended:
        _unreachable(c, node.then if yes.ended else node.otherwise, node, _why(c, node.test, yes.ended, flow), flow)
    reached = not flow.ended
    then = _branch(c, node, node.then, yes, want, dead=certain is False or (yes.ended and reached))
    otherwise = _branch(c, node, node.otherwise, no, want, dead=certain is True or (no.ended and reached))
    first = NEVER if certain is False else then
    second = NEVER if certain is True else otherwise
    yes.ended |= certain is False
    no.ended |= certain is True
    flow.join(yes, no)
    return c.both(NEVER if yes.ended else first, NEVER if no.ended else second)


def _branch(c: Inference, node: ast.If, part: ast.Node, flow: Flow, want: Want | None, *, dead: bool) -> Type:
    """A branch; what is wrong in one that is never reached does no harm."""
    if dead:
        return _unreached(c, part, flow)
    if not _is_left_out(part):
        return c.infer(part, flow, want)
    if want is None or overlap(NIL, want.type, c.lookup):
        return NIL
    # that no test holds is possible, as far as the types tell
    message = f"{want.where}: expected {words(want.type)}, and it is nil when no test holds"
    c.problems.report("possible-mismatch", message, node.span, "say what it is then: `:else` in `cond`, a third part in `if`")
    return NEVER


def _unreached(c: Inference, part: ast.Node, flow: Flow) -> Type:
    c.problems.muted += 1
    found = c.infer(part, flow)
    c.problems.muted -= 1
    return found


def _is_left_out(part: ast.Node) -> bool:
    """Whether a branch is the nil of an `else` that nobody wrote."""
    if not isinstance(part, ast.Const) or part.value is not None:
        return False
    span = part.span
    return span is None or span.source.text[span.start : span.end] != "nil"


#: The forms whose branches somebody wrote; what a macro of the program makes of its operands is its own business.
_CHOICES = frozenset({"if", "when", "cond", "if-not", "when-not", "unless", "if-let", "when-let", "step-if"})


def _why(c: Inference, test: ast.Node, never: bool, flow: Flow) -> str:
    """Why a test has only one outcome."""
    word = "never" if never else "always"
    while isinstance(test, ast.Call) and len(test.args) == 1:
        test = test.args[0]
    if isinstance(test, ast.Local) and not test.binding.name.startswith("%"):
        return f"the test {word} holds, since `{test.binding.name}` is {described(flow.type_of(test.binding))}"
    return f"the test {word} holds"


def _unreachable(c: Inference, part: ast.Node, whole: ast.If, why: str, flow: Flow, hint: str | None = None) -> None:
    """Warn of a branch that somebody wrote."""
    test, place = whole.test, whole.span
    if _is_literal(test) or part.span is None or place is None or _is_left_out(part) or gives_up(part):
        return  # `(if true …)` and `:else` are meant, and so is an error for what cannot be
    if part.span.start == place.start and part.span.end == place.end:
        return
    if isinstance(test, ast.Local) and literal(flow.type_of(test.binding))[:1] in ((True,), (False,)):
        return  # a switch
    head = place.source.text[place.start + 1 : place.start + 12].split(None, 1)
    if not head or head[0] not in _CHOICES:
        return
    c.problems.report("unreachable-code", f"this is never reached: {why}", part.span, hint)


@infers(ast.Do, passes_on=True)
def _do(c: Inference, node: ast.Do, flow: Flow, want: Want | None) -> Type:
    for i, part in enumerate(node.body):
        last = i == len(node.body) - 1
        found = c.infer(part, flow, want if last else None)
        if isinstance(found, NeverType) and not last:
            after = node.body[i + 1]
            message = "this is never reached: what stands before it never gives a value"
            c.problems.report("unreachable-code", message, after.span, "it raises an error, or goes on for ever")
            for rest in node.body[i + 1 :]:
                _unreached(c, rest, flow)
            return NEVER
    return found


@infers(ast.And, ast.Or)
def _and_or(c: Inference, node: ast.And | ast.Or, flow: Flow, want: Want | None) -> Type:
    narrowing = c.narrowing()
    inner = flow.branch()
    kept: Type = NEVER
    goes_on = isinstance(node, ast.And)
    dead = False
    for i, item in enumerate(node.items):
        found = _unreached(c, item, inner) if dead else c.infer(item, inner)
        dead |= not isinstance(found, (AnyType, NeverType)) and narrowing.certain(found) is (not goes_on)
        if i == len(node.items) - 1:
            return c.both(kept, found)
        falsy = _part(found, c, falsy=True)
        kept = c.both(kept, falsy if goes_on else _part(found, c, falsy=False))
        was_ended = inner.ended
        narrowing.learn(item, goes_on, inner)
        dead |= inner.ended and not was_ended
        inner.ended = False
    return kept


def _part(type: Type, c: Inference, *, falsy: bool) -> Type:
    """What is left of a type when its value is false or nil, or is not."""
    wanted = union(NIL, EnumType((False,)))
    if isinstance(type, AnyType):
        return ANY
    if falsy:
        return meet(type, wanted, c.lookup) if overlap(type, wanted, c.lookup) else NEVER
    return subtract(type, wanted, c.lookup)


@infers(ast.Match, passes_on=True)
def _match(c: Inference, node: ast.Match, flow: Flow, want: Want | None) -> Type:
    subject = c.infer(node.value, flow)
    before = flow
    if _is_literal(node.value):
        subject = ANY  # which clause takes it is plain to see
    elif isinstance(node.value, ast.Call):
        flow = flow.branch()
        doubt(node.value, flow)
    left: Type = subject
    result: Type = NEVER
    ends = True
    for clause in node.clauses:
        upper, lower = matching(clause.pattern)
        inner = flow.branch()
        if isinstance(left, NeverType) and not isinstance(subject, NeverType):
            if not gives_up(clause.body):
                c.problems.report(
                    "unreachable-clause", "no value comes here: the clauses above take them all", _place(clause, node)
                )
            here: Type = ANY
        elif not overlap(left, upper, c.lookup):
            if overlap(subject, upper, c.lookup):
                message = "no value comes here: the clauses above take what it matches"
            else:
                message = f"no value can match this: it is {described(subject)}"
            c.problems.report("unreachable-clause", message, _place(clause, node))
            here = ANY
        else:
            here = meet(left, upper, c.lookup)
        bind(clause.pattern, here, inner, c.lookup, lambda part, inner=inner: c.infer(part, inner))  # type: ignore[misc]
        _narrow(node.value, here, inner, c)
        if clause.guard is not None:
            c.infer(clause.guard, inner)
            inner, _ = c.split(clause.guard, inner)
        elif not isinstance(left, NeverType):
            left = subtract(left, lower, c.lookup)
        result = c.both(result, c.infer(clause.body, inner, want))
        ends &= inner.ended
    if is_closed(left, [clause.pattern for clause in node.clauses], c.lookup):
        example = words(options(left, c.lookup)[0])
        message = f"no clause takes {example}"
        c.problems.report("missing-case", message, node.span, "add a clause for it, or `_` for all that is left")
    elif ends and not isinstance(subject, AnyType):
        before.ended = isinstance(left, NeverType)
    return result


def _place(clause: ast.MatchClause, node: ast.Match) -> Span | None:
    """Where a clause stands; None when a macro made it."""
    here, whole = clause.span, node.span
    return None if here is None or whole is None or (here.start, here.end) == (whole.start, whole.end) else here


def _is_literal(node: ast.Node) -> bool:
    if isinstance(node, ast.MakeVector):
        return all(_is_literal(item) for item in node.items)
    if isinstance(node, ast.MakeMap):
        return all(_is_literal(value) for value in node.values)
    return isinstance(node, ast.Const)


def _narrow(value: ast.Node, type: Type, flow: Flow, c: Inference) -> None:
    if isinstance(value, ast.Local) and not value.binding.assigned and not value.binding.late:
        flow.types[value.binding] = type


# --- binding ---------------------------------------------------------------------------------


@infers(ast.Let, passes_on=True)
def _let(c: Inference, node: ast.Let, flow: Flow, want: Want | None) -> Type:
    inner = flow.branch()
    for binding in node.bindings:  # functions see each other
        if isinstance(binding.value, ast.Fn) and isinstance(binding.pattern, ast.BindPattern):
            inner.know(binding.pattern.binding, outline(binding.value))
    for binding in node.bindings:
        _bind(c, binding, inner)
    found = c.infer(node.body, inner, want)
    _leave(flow, inner)
    return found


def _leave(flow: Flow, inner: Flow) -> None:
    """What was learnt inside about names outside holds outside, too."""
    flow.ended |= inner.ended
    for binding in flow.types:
        flow.types[binding] = inner.types[binding]


def _bind(c: Inference, binding: ast.LetBinding, flow: Flow) -> None:
    pattern = binding.pattern
    name = f"`{pattern.binding.name}`" if isinstance(pattern, ast.BindPattern) else "the pattern"
    want = None if binding.type is None else Want(binding.type, name)
    found = c.infer(binding.value, flow, want)
    if binding.type is None and not isinstance(pattern, ast.BindPattern) and not overlap(found, bindable(pattern), c.lookup):
        kind = (
            "map"
            if isinstance(pattern, ast.MapPattern)
            else "vector of that length"
            if isinstance(pattern, ast.VectorPattern)
            else "value"
        )
        c.problems.report(
            "type-mismatch",
            f"this cannot be taken apart: the pattern wants a {kind}, and it is {described(found)}",
            binding.value.span,
        )
    type = binding.type or found
    if isinstance(binding.value, ast.Fn) and isinstance(pattern, ast.BindPattern):
        flow.know(pattern.binding, type)
        return
    if (
        isinstance(binding.value, (ast.Call, ast.And, ast.Or))
        and isinstance(pattern, ast.BindPattern)
        and not pattern.binding.assigned
    ):
        c.tests[pattern.binding] = binding.value
    declared = binding.type is not None or c.is_declared(binding.value, flow)
    bind(pattern, type, flow, c.lookup, lambda part: c.infer(part, flow), declared=declared)


@infers(ast.DefLocal)
def _def_local(c: Inference, node: ast.DefLocal, flow: Flow, want: Want | None) -> Type:
    wanted = None if node.type is None else Want(node.type, f"`{node.binding.name}`")
    found = c.infer(node.value, flow, wanted)
    if node.binding not in c.redefined:
        flow.know(node.binding, node.type or widened(found))
    return ANY


@infers(ast.SetLocal)
def _set_local(c: Inference, node: ast.SetLocal, flow: Flow, want: Want | None) -> Type:
    c.infer(node.value, flow)
    return ANY


# --- loops -----------------------------------------------------------------------------------


@infers(ast.Loop, passes_on=True)
def _loop(c: Inference, node: ast.Loop, flow: Flow, want: Want | None) -> Type:
    """Looked at once with the types of the first turn, to see what the next turns get, then with the types of all turns."""
    starts = []
    inner = flow.branch()
    for binding in node.bindings:
        wanted = None if binding.type is None else Want(binding.type, "the loop's variable")
        found = c.infer(binding.value, inner, wanted)
        starts.append(binding.type or widened(found))
        bind(
            binding.pattern,
            binding.type or ANY,
            inner,
            c.lookup,
            lambda part: c.infer(part, inner),
            declared=binding.type is not None,
        )
    types = starts if len(c.turns) < 3 else [b.type or ANY for b in node.bindings]
    for _ in range(2):
        if all(b.type is not None or isinstance(t, AnyType) for b, t in zip(node.bindings, types, strict=True)):
            break
        c.problems.muted += 1
        c.trying += 1
        _, turns = _turn(c, node, types, flow.branch(), None)
        c.trying -= 1
        c.problems.muted -= 1
        more = [_over_turns(c, start, got) for start, got in zip(types, turns.types, strict=True)]
        more = [b.type or t for b, t in zip(node.bindings, more, strict=True)]
        if more == types:
            break
        types = more
    else:
        types = [b.type or ANY for b in node.bindings]
    found, _ = _turn(c, node, types, flow, want)
    return found


def _over_turns(c: Inference, start: Type, later: list[Type]) -> Type:
    found = start
    for type in later:
        found = join(found, widened(type), c.lookup)
    return found


def _turn(c: Inference, node: ast.Loop, types: Sequence[Type], flow: Flow, want: Want | None) -> tuple[Type, Turns]:
    inner = flow.branch()
    for binding, type in zip(node.bindings, types, strict=True):
        bind(binding.pattern, type, inner, c.lookup, lambda part: c.infer(part, inner), declared=binding.type is not None)
    turns = Turns(len(types))
    c.turns.append(turns)
    try:
        found = c.infer(node.body, inner, want)
    finally:
        c.turns.pop()
    flow.ended |= inner.ended and not turns.again
    return found, turns


@infers(ast.Recur)
def _recur(c: Inference, node: ast.Recur, flow: Flow, want: Want | None) -> Type:
    turns = c.turns[-1] if c.turns else None
    for i, arg in enumerate(node.args):
        found = c.infer(arg, flow)
        if turns is not None and i < len(turns.types):
            turns.types[i].append(found)
    if turns is not None:
        turns.again = True
    return NEVER


@infers(ast.For)
def _for(c: Inference, node: ast.For, flow: Flow, want: Want | None) -> Type:
    inner = flow.branch()
    for clause in node.clauses:
        inner = _for_clause(c, clause, inner, "`for`" if node.collect else "`doseq`")
    inner.ended = False
    found = c.infer(node.body, inner)
    return VectorType(widened(found)) if node.collect else NIL


def _for_clause(c: Inference, clause: ast.ForClause, flow: Flow, name: str) -> Flow:
    """What is known after one part of a `for` vector."""
    if clause.kind == "let":
        for binding in clause.bindings:
            _bind(c, binding, flow)
        return flow
    assert clause.value is not None
    if clause.kind == "each":
        found = c.infer(clause.value, flow, Want(_SEQUENCE, name))
        assert clause.pattern is not None
        bind(clause.pattern, item_type(found, c.lookup), flow, c.lookup, lambda part: c.infer(part, flow))
        return flow
    c.infer(clause.value, flow)
    return c.split(clause.value, flow)[0]


@infers(ast.Dotimes)
def _dotimes(c: Inference, node: ast.Dotimes, flow: Flow, want: Want | None) -> Type:
    c.infer(node.count, flow, Want(INT, "`dotimes`"))
    inner = flow.branch()
    inner.bind(node.binding, INT)
    return c.both(NIL, widened(c.infer(node.body, inner)))  # the last turn's value


# --- errors ----------------------------------------------------------------------------------

#: Selectors of `catch` that say: I expect a mistake in the types here.
_EXPECTS_MISTAKES = frozenset(
    {"type-error", "type-validation-error", "arity-mismatch", "not-callable", "validation-error", "error/validation", "match-error"}
)


@infers(ast.Try, passes_on=True)
def _try(c: Inference, node: ast.Try, flow: Flow, want: Want | None) -> Type:
    expected = any(clause.selector in _EXPECTS_MISTAKES for clause in node.catches)
    inner = flow.branch()
    c.problems.muted += expected
    result = c.infer(node.body, inner)
    c.problems.muted -= expected
    if want is not None and not overlap(result, want.type, c.lookup):
        inside, want = want, None  # the body may be there for its error: only together with the handlers it is a mistake
    else:
        inside = None
    for clause in node.catches:
        handler = flow.branch()
        if clause.binding is not None:
            handler.bind(clause.binding, ANY)
        result = c.both(result, c.infer(clause.body, handler, want))
    if node.final is not None:
        c.infer(node.final, flow.branch())
    if inside is not None:
        c.compare(result, inside, node, flow)
    return result


# --- the world outside -----------------------------------------------------------------------


@infers(ast.ContextRef, ast.ContextGet, ast.ResourceRef, ast.DefStruct, ast.DefType, ast.Import, ast.Module)
def _unknown(c: Inference, node: ast.Node, flow: Flow, want: Want | None) -> Type:
    return ANY


@infers(ast.HostForm)
def _host_form(c: Inference, node: ast.HostForm, flow: Flow, want: Want | None) -> Type:
    for arg in node.args:
        c.infer(arg, flow)
    return ANY


@infers(ast.LogStep)
def _log_step(c: Inference, node: ast.LogStep, flow: Flow, want: Want | None) -> Type:
    for item in node.items:
        c.infer(item, flow)
    return NIL


def _step_options(c: Inference, made: ast.StepOptions, flow: Flow) -> Flow:
    for part in (made.expose_context, made.context_keys, *made.param_values):
        if part is not None:
            c.infer(part, flow)
    inner = flow.branch()
    if made.params_binding is not None:
        inner.bind(made.params_binding, Primitive("map"))
    return inner


@infers(ast.Step, passes_on=True)
def _step(c: Inference, node: ast.Step, flow: Flow, want: Want | None) -> Type:
    return c.infer(node.body, _step_options(c, node.options, flow), want)


@infers(ast.StepLoop)
def _step_loop(c: Inference, node: ast.StepLoop, flow: Flow, want: Want | None) -> Type:
    inner = _step_options(c, node.options, flow)
    c.infer(node.test, inner)
    c.infer(node.body, inner)
    return ANY


@infers(ast.Parallel)
def _parallel(c: Inference, node: ast.Parallel, flow: Flow, want: Want | None) -> Type:
    found = []
    for i, branch in enumerate(node.branches):
        declared = node.types[i] if i < len(node.types) else None
        name = node.names[i] if node.names else f"branch {i + 1}"
        found.append(declared or c.infer(branch, flow.branch(), None))
        if declared is not None:
            c.infer(branch, flow.branch(), Want(declared, f"`{name}`"))
    return Primitive("map") if node.names is not None else TupleType(tuple(found)) if found else VectorType(NEVER)


@infers(ast.WithResource, passes_on=True)
def _with_resource(c: Inference, node: ast.WithResource, flow: Flow, want: Want | None) -> Type:
    c.infer(node.value, flow)
    inner = flow.branch()
    inner.bind(node.binding, ANY)
    return c.infer(node.body, inner, want)


@infers(ast.WithHints, passes_on=True)
def _with_hints(c: Inference, node: ast.WithHints, flow: Flow, want: Want | None) -> Type:
    for value in node.values:
        c.infer(value, flow)
    return c.infer(node.body, flow, want)


@infers(ast.Template)
def _template(c: Inference, node: ast.Template, flow: Flow, want: Want | None) -> Type:
    for part in node.parts:
        c.infer(part.node, flow)
    return ANY


@infers(ast.FreshNames)
def _fresh_names(c: Inference, node: ast.FreshNames, flow: Flow, want: Want | None) -> Type:
    return c.infer(node.body, flow)
