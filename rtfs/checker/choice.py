"""Choices and sequences: `if`, `and`, `or`, `match`, `do`; what is never reached, and cases that are missing."""

from __future__ import annotations

from rtfs.checker.flow import Flow
from rtfs.checker.infer import Inference, infers
from rtfs.checker.narrowing import doubt
from rtfs.checker.patterns import bind, is_closed, matching
from rtfs.checker.shapes import gives_up, literal, options
from rtfs.checker.wanting import Want, described, words
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.types.lattice import meet, subtract
from rtfs.types.nodes import (
    ANY,
    NEVER,
    NIL,
    AnyType,
    EnumType,
    NeverType,
    Type,
    union,
)
from rtfs.types.subtyping import overlap


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
