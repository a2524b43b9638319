"""The IR of small programs as text: what lowering and the passes make of them, and what the verifier refuses."""

from __future__ import annotations

import pytest

from rtfs.errors import InternalError
from rtfs.eval.compiled import CompiledEvaluator
from rtfs.ir import nodes as ir
from rtfs.ir.printing import print_ir
from rtfs.ir.verify import verify
from rtfs.runtime import Runtime
from tests.support.ir import optimised, shown


def unit_of(text: str) -> ir.Unit:
    return optimised(text, "arithmetic", "pipelines", "kinds")[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(+ 1 2)", "(+ 1 2):int"),
        ("(let [x 1 y (+ x 1)] (* x y))", "do\n  %x:int = 1\n  %y:int = (+ %x 1):int\n  (* %x %y):int"),
        (
            "(loop [i 0 s 0.5] (if (< i 9) (recur (inc i) (+ s i)) s))",
            "do\n"
            "  %i:int = 0\n"
            "  %s:float = 0.5\n"
            "  loop %i %s\n"
            "    if (< %i 9):bool\n"
            "      recur (inc %i):int (+ %s %i):float\n"
            "      else\n"
            "      %s",
        ),
        (
            "(reduce + 0 (map (fn [x] (* x x)) (range 9)))",
            "do\n"
            "  %total:int = 0\n"
            "  each %item:int (reduce) fused with\n"
            "    collect\n"
            "      each %x:int in range 9 (map)\n"
            "        emit %out (* %x %x):int\n"
            "    do\n"
            "    %total:int = (+ %total %item):int\n"
            "  %total",
        ),
        ("(map inc [1 2])", "collect\n  each %item in [1 2] (map)\n    emit %out (inc %item):num"),
        ("(+ 1 2 3)", "(+ (+ 1 2):int 3):int"),
        ("(defn f [n] (if (= n 0) n (f (dec n))))", "def f =\n  fn f(%n) loops\n    if (= %n 0):bool\n      %n\n      else\n      (tail f (dec %n):num)"),
        ("(do (def map 1) (map inc [1]))", "do\n  def map = 1\n  (map inc [1])"),
    ],
)
def test_ir(text: str, expected: str) -> None:
    assert print_ir(unit_of(text)) == expected + "\n"


def test_without_knowing_built_ins_nothing_becomes_a_loop() -> None:
    assert shown("(map inc [1])", "lowering") == "(map inc [1])\n"


def test_verifier_refuses_a_node_in_two_places() -> None:
    unit = unit_of("(+ 1 2)")
    call = unit.top.body
    assert isinstance(call, ir.Call)
    call.args[1] = call.args[0]
    with pytest.raises(InternalError, match="after a test: Const stands in two places"):
        verify(unit, "a test")


def test_verifier_refuses_a_variable_of_another_function() -> None:
    unit = unit_of("(let [x 1] (fn [] x))")
    for fn in unit.functions:
        fn.free.clear()
    with pytest.raises(InternalError, match="%x is not captured by <fn>"):
        verify(unit, "a test")


def test_verifier_refuses_recur_without_its_loop() -> None:
    unit = unit_of("(loop [i 0] (recur i))")
    body = unit.top.body
    assert isinstance(body, ir.Seq)
    loop = body.items[-1]
    assert isinstance(loop, ir.Loop)
    body.items[-1] = loop.body
    with pytest.raises(InternalError, match="recur without its loop"):
        verify(unit, "a test")


@pytest.mark.parametrize("level", ["none", "aggressive"])
def test_generated_names_cannot_be_chosen_by_a_program(level: str) -> None:
    runtime = Runtime(strategy="ir", models=None)
    runtime._evaluator = lambda namespace: CompiledEvaluator(runtime.machine, namespace, level)  # type: ignore[method-assign]
    text = "(let [None 1 True 2 __debug__ 3 __import__ 4 type 5 print 6] [None True __debug__ __import__ type print])"
    assert runtime.run(text) == [1, 2, 3, 4, 5, 6]
    with pytest.raises(Exception, match="Undefined symbol: __import__"):
        runtime.run("(__import__ 1)")


def test_tracebacks_show_the_program() -> None:
    import traceback

    runtime = Runtime(strategy="ir", models=None)
    try:
        runtime.run("(defn half [n]\n  (/ n 0))\n(half 3)", name="halves.rtfs")
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        assert [(f.filename, f.lineno, f.line) for f in frames if f.name == "half"] == [("halves.rtfs", 2, "(/ n 0))")]
    else:
        pytest.fail("no error")
