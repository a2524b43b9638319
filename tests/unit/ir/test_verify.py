"""What the verifier finds: each way in which a pass can break the IR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rtfs.errors import InternalError
from rtfs.ir import nodes as ir
from rtfs.ir.scopes import walk
from rtfs.ir.verify import verify
from tests.support.ir import optimised


def first(unit: ir.Unit, kind: type) -> Any:
    return next(node for node in walk(unit) if isinstance(node, kind))


def _rest_owner(unit: ir.Unit) -> None:
    first(unit, ir.Try).catches[0].var.owner = unit.functions[0]


def _lone_emit(unit: ir.Unit) -> None:
    collect = first(unit, ir.Collect)
    unit.top.body = collect.body


def _lone_stop(unit: ir.Unit) -> None:
    unit.top.body = first(unit, ir.Stop)


@pytest.mark.parametrize(
    ("text", "change", "why"),
    [
        ("(let [[a] [1]] (fn [] a))", lambda u: u.vars.clear(), "`a` in a pattern has no variable"),
        ("(let [{:keys [a] :or {a (f)}} {}] a)", lambda u: u.nodes.clear(), "a default or guard in a pattern was not lowered"),
        ("(match 1 (x :when (f x)) x)", lambda u: u.nodes.clear(), "a default or guard in a pattern was not lowered"),
        ("(let [g (fn [x] x)] (try 1 (catch e e)))", _rest_owner, "%e is not captured by <top>"),
        ("(for [x [1]] x)", _lone_emit, "emit without its collection around it"),
        ("(for [x [1] :while x] x)", _lone_stop, "stop outside of a loop"),
        ("(loop [x 1] (recur 2))", lambda u: first(u, ir.Recur).args.append(ir.Const(None, 1)), "recur with 2 values for 1"),
        ("(do 1 2)", lambda u: first(u, ir.Seq).items.clear(), "an empty Seq"),
        ("(and f g)", lambda u: first(u, ir.Logic).items.clear(), "an empty Logic"),
        ("(fn [x] 1)", lambda u: setattr(u.functions[0].params[0], "owner", u.top), "a parameter of <fn> is not its own"),
        ("(fn [x] 1)", lambda u: setattr(u.functions[0], "ast", None), "a function without its definition"),
        ("(f 1)", lambda u: first(u, ir.Call).args.append(None), "NoneType is not a node"),
        ("(f 1)", lambda u: first(u, ir.Call).args.append("x"), "str is not a node"),
        # forms with too few or too many parts
        ("[f 1]", lambda u: first(u, ir.Special).vars.append(None), "MakeVector with"),
        ("{:a f}", lambda u: first(u, ir.Special).args.clear(), "MakeMap with operands, bodies and variables (0, 0, 0), not (1, 0, 0)"),
        ("`(a ~f)", lambda u: first(u, ir.Special).args.clear(), "Template with"),
        ("(log-step f)", lambda u: first(u, ir.Special).args.clear(), "LogStep with"),
        ('(llm-execute "a" "b")', lambda u: first(u, ir.Special).args.clear(), "HostForm with"),
        ("^{:runtime.timeout 1} (f)", lambda u: first(u, ir.Special).bodies.clear(), "WithHints with"),
        ("(parallel f g)", lambda u: first(u, ir.Special).args.pop(), "Parallel with"),
        ("(with-resource [r f] r)", lambda u: first(u, ir.Special).bodies.clear(), "WithResource with"),
        ('(step "s" :params {"a" f} 1)', lambda u: first(u, ir.Special).args.clear(), "Step with"),
        ("(step-loop false 1)", lambda u: first(u, ir.Special).bodies.pop(), "StepLoop with"),
        ("`(x# 1)", lambda u: first(u, ir.Special).vars.clear(), "FreshNames with"),
        ("(defstruct P :x int)", lambda u: first(u, ir.Special).vars.clear(), "DefStruct with"),
        ("@name", lambda u: first(u, ir.Special).args.append(ir.Const(None, 1)), "ContextRef with"),
    ],
)  # fmt: skip
def test_broken_ir(text: str, change: Callable[[ir.Unit], Any], why: str) -> None:
    unit = optimised(text, "lowering")[0]
    verify(unit, "lowering")
    change(unit)
    with pytest.raises(InternalError) as caught:
        verify(unit, "a change")
    assert caught.value.message.startswith(f"after a change: {why}")
