"""Code that keeps limits: it takes steps, at the start of functions and at the turns of loops, and counts the depth of calls.

The steps come from the stream of `semantics.fuel`, which is in the list ` steps` of the globals: an iterator that raises where a
limit is passed.  In place of `while True` stands `for _ in stream`, and in place of `for x in items` `for x in compress(items,
stream)`, so that a turn costs a few nanoseconds more and no call.  A stream that has raised is over, though, and would end the
loop quietly; so after the last item one step more is asked for.

Depth is counted in the machine's own `depth`, where the limit is so low that Python's cannot stand for it, and in code that cleans
up.  A function adds one and puts back what it found when it returns; one that an error comes through does not, so that who catches
the error puts back what was there before.
"""

from __future__ import annotations

import ast as py

from rtfs.ir import nodes as ir
from rtfs.source import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.eval.compiled.generate import Generator

_STEP = "step "
_DEPTH = "depth "


def enter(g: Generator, *, step: bool) -> None:
    """A call of the function that begins here; `step`: which is to be counted here, and not as a turn of a loop."""
    if g.counted:
        g.assign(_DEPTH, _depth(g))
        limit = g.const(g.machine.max_depth)
        g.when(g.compare(g.load(_DEPTH), py.GtE(), limit), [_do(g, g.call(" overflow"))])
        g.block.append(_set_depth(g, g.binary(g.load(_DEPTH), py.Add(), g.const(1))))
    if g.metered and step:
        g.block.append(_one_step(g, g.call(" tick")))


def takes_turns(fn: ir.Fn) -> bool:
    """Whether a function does nothing but run a loop, in which it surely takes a step."""
    items = fn.body.items if type(fn.body) is ir.Seq else [fn.body]
    first = all(isinstance(item, ir.Set) and isinstance(item.value, (ir.Const, ir.Get)) for item in items[:-1])
    return first and isinstance(items[-1], ir.Loop)


def leave(g: Generator, value: Any) -> Any:
    """What a function returns, once it is as deep again as before it was called."""
    if not g.counted or g.frame.thunk or g.frame.fn is g.unit.top:
        return value
    value = g.named(value)
    g.block.append(_set_depth(g, g.load(_DEPTH)))
    return value


def depth_here(g: Generator) -> str:
    """The name of a variable that keeps the depth of this place."""
    name = g.temp()
    g.assign(name, _depth(g))
    return name


def come_back(g: Generator, name: str) -> Any:
    """The statement that an error has been caught at that place."""
    return _set_depth(g, g.load(name))


def _depth(g: Generator) -> Any:
    return g.attribute(g.load(" machine"), "depth")


def _set_depth(g: Generator, value: Any) -> Any:
    return g.put(py.Assign([g.put(py.Attribute(g.load(" machine"), "depth", py.Store()))], value))


def loop(g: Generator, span: Span | None, body: list[Any]) -> None:
    """Add `while True: body`, a step for each turn of the loop at `span`."""
    if not g.metered:
        g.add(py.While(g.const(True), body, []))
        return
    outer, g.at = g.at, place(g, span)
    g.add(py.For(g.store(_STEP), _stream(g), body, [_do(g, g.call(" tick", g.const(span)))]))
    g.at = outer


def scan(g: Generator, name: Any, items: Any, span: Span | None, body: list[Any], ended: list[Any] | None = None) -> None:
    """Add `for name in items: body, else: ended`, a step for each item and one for the end; `name` is one, or a target."""
    outer, g.at = g.at, place(g, span)
    ended = ended or []
    target = g.store(name) if type(name) is str else name
    made = g.put(py.For(target, items, body or [g.put(py.Pass())], ended))
    made.only_scans = not ended
    if g.metered:
        made.iter = g.call(" compress", items, _stream(g))
        made.orelse = [_one_step(g, g.call(" tick", g.const(span))), *ended]
    g.block.append(made)
    g.at = outer


def only_scans(statement: Any) -> bool:
    """Whether it is such a loop, with nothing to do at its end but what its steps ask for."""
    return isinstance(statement, py.For) and getattr(statement, "only_scans", False)


def place(g: Generator, span: Span | None) -> Any:
    """The position of a loop, at which its limit is passed."""
    return g.place(span, (), "loop") if g.metered and span is not None else g.at


def _one_step(g: Generator, ended: Any) -> Any:
    return g.put(py.For(g.store(_STEP), _stream(g), [g.put(py.Break())], [_do(g, ended)]))


def _stream(g: Generator) -> Any:
    return g.item(g.load(" steps"), g.const(0))


def _do(g: Generator, value: Any) -> Any:
    return g.put(py.Expr(value))
