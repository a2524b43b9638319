"""Built-ins for what goes on at the same time: `pmap` and tickets (docs/concurrency.md).

What they stand on, `semantics.branches`, is imported when a program first needs it.
"""

from __future__ import annotations

from rtfs.errors import EvalError, RtfsError
from rtfs.semantics.builtins.operands import function, items
from rtfs.semantics.calls import blame, call_back, each, one
from rtfs.semantics.faults import invalid_argument, type_error
from rtfs.semantics.machine import Machine
from rtfs.values.functions import Function
from rtfs.values.maps import EMPTY_MAP, Map
from rtfs.values.printing import to_readable
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rtfs.semantics.tickets import Ticket, Tickets

_MISSING: Any = object()


def add_concurrency(add: Callable[..., None], machine: Machine) -> None:
    """Add them with `add(name, function, least operands, most, doc, type)`."""

    def parallel_map(f: Any, coll: Any, options: Any = EMPTY_MAP) -> Vector:
        function("pmap", f, 0)
        found = items("pmap", coll, 1)
        most = _most("pmap", options, 2)
        if len(found) < 2 or most == 1 or machine.expanding:
            return Vector.adopt(each(f, found))
        from rtfs.semantics.together import together

        work = one(f)
        try:
            return Vector.adopt(together(machine.with_branches(), lambda index: work(found[index]), len(found), most))
        except RtfsError as error:
            blame(error)
            raise

    def delegate_async(work: Any) -> Ticket:
        function("delegate-async", work, 0)
        machine.refuse_in_macro("make a ticket")
        span = work.spec.span if type(work) is Function else None
        return tickets().start(lambda: call_back(work, []), span)

    def tickets() -> Tickets:
        if machine.tickets is None:
            from rtfs.semantics.tickets import Tickets

            machine.tickets = Tickets(machine)
        found: Tickets = machine.tickets
        return found

    def await_one(given: Any, options: Any = EMPTY_MAP) -> Any:
        ticket = _ticket("await", given, 0)
        timeout_s, default = _waiting("await", options, 1)
        if not tickets().wait([ticket], lambda: ticket.branch.ended, timeout_s):
            return _late("the ticket is", timeout_s, default)
        return ticket.outcome()

    def await_all(given: Any, options: Any = EMPTY_MAP) -> Any:
        found = [_ticket("await-all", ticket, 0) for ticket in items("await-all", given, 0)]
        timeout_s, default = _waiting("await-all", options, 1)
        values = tickets().values(found, timeout_s)
        return _late("not all of the tickets are", timeout_s, default) if values is None else Vector.adopt(values)

    def race(given: Any) -> Any:
        found = [_ticket("race", ticket, 0) for ticket in items("race", given, 0)]
        if not found:
            raise invalid_argument("race", "there are no tickets", 0, hint="write (race [ticket …]), with one at least")
        return tickets().race(found)

    add("pmap", parallel_map, 2, 3, _DOCS["pmap"], f"[:and {_PMAP} [:fn [[:fn [a] b] [:seq a] map] [:vector b]]]")
    add("delegate-async", delegate_async, 1, 1, _DOCS["delegate-async"], "[:fn [[:fn [] any]] any]")
    add("await", await_one, 1, 2, _DOCS["await"], "[:and [:fn [any] any] [:fn [any map] any]]")
    add("await-all", await_all, 1, 2, _DOCS["await-all"], "[:and [:fn [[:seq any]] vector] [:fn [[:seq any] map] any]]")
    add("race", race, 1, 1, _DOCS["race"], "[:fn [[:seq any]] any]")
    add("cancel", lambda given: _ticket("cancel", given, 0).cancel(), 1, 1, _DOCS["cancel"], "[:fn [any] bool]")
    add("ticket?", lambda value: getattr(value, "kind_name", "") == "ticket", 1, 1, _DOCS["ticket?"], "[:fn [any] bool]")
    add(
        "ticket-done?",
        lambda given: _ticket("ticket-done?", given, 0).branch.ended,
        1,
        1,
        _DOCS["ticket-done?"],
        "[:fn [any] bool]",
    )


_PMAP = "[:fn [[:fn [a] b] [:seq a]] [:vector b]]"
_DOCS = {
    "pmap": "`(pmap f coll)`, `(pmap f coll {:max-in-flight 8})`: what `f` makes of each item, in order; while one waits for a "
    "model, others go on.",
    "delegate-async": "`(delegate-async (f x))`: a ticket for the value of the expression, which is under way. As a value, it "
    "takes a function without parameters for the expression.",
    "await": "`(await ticket)`, `(await ticket {:timeout-ms 500 :default x})`: the value of a ticket, once it is there; its error "
    "is raised here.",
    "await-all": "`(await-all [ticket …])`, `(await-all [ticket …] {:timeout-ms 500})`: the values of tickets, in order.",
    "race": "`(race [ticket …])`: the first value that is there; the other tickets are cancelled.",
    "cancel": "`(cancel ticket)`: calls off the work of a ticket; whether it was still under way.",
    "ticket?": "Whether a value is a ticket.",
    "ticket-done?": "Whether a ticket has a value or an error, or was cancelled.",
}


_TICKET = "(delegate-async (f x)) makes a ticket; any other value is there already"


def _ticket(operation: str, value: Any, index: int) -> Ticket:
    if getattr(value, "kind_name", "") != "ticket":
        raise type_error(operation, "ticket", value, index, hint=_TICKET)
    ticket: Ticket = value
    return ticket


def _options(operation: str, options: Any, names: tuple[str, ...], index: int) -> dict[str, Any]:
    """The options in a map, by name."""
    if type(options) is not Map:
        raise type_error(operation, "map of options", options, index, hint=f"known: {_known(names)}")
    found: dict[str, Any] = {}
    for key, value in options.items():
        if type(key) is not Keyword or key.name not in names:
            raise invalid_argument(operation, f"there is no option {to_readable(key)}", index, hint=f"known: {_known(names)}")
        found[key.name] = value
    return found


def _known(names: tuple[str, ...]) -> str:
    return ", ".join([f":{name}" for name in names])


def _most(operation: str, options: Any, index: int) -> int | None:
    most = _options(operation, options, ("max-in-flight",), index).get("max-in-flight")
    if most is not None and (type(most) is not int or most < 1):
        raise invalid_argument(operation, ":max-in-flight is a positive integer", index, hint="write {:max-in-flight 8}")
    return most


def _waiting(operation: str, options: Any, index: int) -> tuple[float | None, Any]:
    """Seconds to wait, None for as long as it takes, and what to give after that."""
    found = _options(operation, options, ("timeout-ms", "default"), index)
    timeout_ms = found.get("timeout-ms")
    if timeout_ms is None:
        return None, _MISSING
    if type(timeout_ms) not in (int, float) or not 0 <= timeout_ms < float("inf"):
        message = ":timeout-ms is a number of milliseconds, not negative"
        raise invalid_argument(operation, message, index, hint="write {:timeout-ms 500}, or leave it out to wait for ever")
    return timeout_ms / 1000, found.get("default", _MISSING)


def _late(what: str, timeout_s: float | None, default: Any) -> Any:
    if default is not _MISSING:
        return default
    assert timeout_s is not None
    hint = "give a :default for its place, or a longer :timeout-ms"
    raise EvalError(f"{what} not done after {timeout_s * 1000:g} ms", kind="await-timeout", hint=hint)
