"""Code of `try`."""

from __future__ import annotations

import ast as py

from rtfs.eval.compiled import metering
from rtfs.eval.compiled.generate import EFFECT, Destination, Generator, statement
from rtfs.ir import nodes as ir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@statement(ir.Try)
def _try(g: Generator, node: ir.Try, to: Destination) -> None:
    result = to if to is EFFECT else Destination(g.temp())
    if node.final is None:
        _catching(g, node, result)
    else:
        final = g.thunk(node.final)
        back = metering.come_back(g, metering.depth_here(g))
        after = g.put(py.Expr(g.call(final)))
        body = g.inside(lambda: _catching(g, node, result) if node.catches else g.stmt(node.body, result))
        quiet = g.put(py.Expr(g.call(" clean_up", g.load(final))))
        limits = g.put(py.Tuple([g.load(" LimitExceeded"), g.load(" RecursionError"), g.load(" KeyboardInterrupt")], py.Load()))
        again = g.put(py.Raise())
        error = g.temp()
        passing = g.put(py.Expr(g.call(" passing", g.load(error))))
        g.add(
            py.Try(
                body or [g.put(py.Pass())],
                [
                    g.put(py.ExceptHandler(limits, None, [back, quiet, again])),
                    g.put(py.ExceptHandler(g.load(" BaseException"), error, [back, passing, after, again])),
                ],
                [],
                [],
            )
        )
        g.block.append(after)
    if result.name and to is not result:
        g.deliver(g.load(result.name), to)


def _catching(g: Generator, node: ir.Try, result: Destination) -> None:
    error = g.temp()
    depth = metering.depth_here(g)
    body = g.inside(lambda: g.stmt(node.body, result))

    def handle() -> None:
        g.do(g.call(" caught", g.load(error)))
        g.block.append(metering.come_back(g, depth))
        chain: list[Any] = [g.put(py.Raise())]
        for clause in reversed(node.catches):

            def take(clause: ir.Catch = clause) -> None:
                if clause.var is not None:
                    g.name_of(clause.var)
                    value = g.call(" error_value", g.load(error))
                    g.assign(g.own(g.name_of(clause.var)), g.list_of([value]) if clause.var.boxed else value)
                g.stmt(clause.body, result)

            taken = g.inside(take) or [g.put(py.Pass())]
            test = _selected(g, clause.selector, error)
            chain = taken if test is None else [g.put(py.If(test, taken, chain))]
        g.block += chain

    handler = g.put(py.ExceptHandler(g.load(" EvalError"), error, g.inside(handle)))
    limit = g.put(py.ExceptHandler(g.load(" LimitExceeded"), None, [g.put(py.Raise())]))
    g.add(py.Try(body or [g.put(py.Pass())], [limit, handler], [], []))


def _selected(g: Generator, selector: Any, error: str) -> Any:
    if selector is None:
        return None
    if isinstance(selector, str):
        return g.call(" matches_kind", g.const(selector), g.attribute(g.load(error), "kind"))
    check = g.check_of(selector)
    if check is None:
        return None
    return g.call(" holds", g.const(check), g.attribute(g.load(error), "data"))
