"""When machine code is made, and when it is given up: stages, changed names, deep recursion, interruptions, no llvmlite."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import Any

import pytest

pytest.importorskip("llvmlite")

from rtfs.config import Limits
from rtfs.errors import LimitExceeded, RtfsError
from rtfs.eval.native import tier
from rtfs.runtime import Runtime
from tests.support.native import candidate, runtime, stage

FIB = "(defn fib [n : int] : int (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))"
TOTAL = "(defn total [n : int] : int (loop [i 0 sum 0] (if (= i n) sum (recur (inc i) (+ sum i)))))"
DEEP = "(defn deep [n : int] : int (if (= n 0) 0 (+ 1 (deep (- n 1)))))"
SPIN = "(defn spin [n : int] : int (loop [i 0] (if (= i n) i (recur (inc i)))))"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions are compiled at their first call."""
    monkeypatch.setattr(tier, "HEAT", 0)


# --- stages ------------------------------------------------------------------------------------


def test_a_recursive_function_is_compiled_after_many_calls() -> None:
    program = runtime()
    program.run(FIB)
    assert program.run("(fib 10)") == 55
    assert stage(program, "fib") == "cold"
    assert program.run("(fib 27)") == 196418
    assert stage(program, "fib") == "hot"
    assert program.run("(fib 30)") == 832040


def test_a_loop_is_compiled_while_its_first_call_runs() -> None:
    program = runtime()
    program.run(TOTAL)
    assert program.run("(total 100)") == 4950
    assert stage(program, "total") == "cold"
    assert program.run("(total 1000000)") == 499999500000
    assert stage(program, "total") == "hot"


def test_the_turns_of_all_calls_count() -> None:
    program = runtime()
    program.run(TOTAL)
    assert program.run("(reduce (fn [a i] (+ a (total 1000))) 0 (range 1000))") == 499500000
    assert stage(program, "total") == "hot"


def test_what_calls_a_hot_function_is_hot_soon() -> None:
    program = runtime()
    program.run(TOTAL + "(defn outer [n : int] : int (loop [i 0 sum 0] (if (= i n) sum (recur (inc i) (+ sum (total 1000))))))")
    assert program.run("(outer 2000)") == 999000000
    assert [stage(program, name) for name in ("total", "outer")] == ["hot", "hot"]


@pytest.mark.parametrize(
    "text",
    [
        "(defn f [x] (loop [i 0] (if (= i x) i (recur (inc i)))))",  # no annotations
        "(defn f [x : int] (loop [i 0] (if (= i x) i (recur (inc i)))))",  # nor this
        "(defn f [x : string] : int (count x))",
        "(defn f [x : int] : int (count [x (* x x) (+ x x) (- x x)]))",
        "(defn f [x : int & more] : int (loop [i 0] (if (= i x) i (recur (inc i)))))",
        "(defn f [x : int] : int (+ x 1))",  # too small to gain
        "(def f (let [k 1] (fn [x : int] : int (loop [i k] (if (= i x) i (recur (inc i)))))))",
    ],
)
def test_other_functions_stay_ordinary(text: str) -> None:
    program = runtime()
    program.run(text)
    try:
        program.run("(f 1)")
    except RtfsError:
        assert "string" in text
    assert stage(program, "f") in ("ordinary", "dropped")


def test_a_function_without_machine_code_is_put_back(at_once: None) -> None:
    program = runtime()
    program.run('(defn f [x : int] : int (loop [i 0] (if (= i x) (count (str "n" i)) (recur (inc i)))))')
    assert program.run("(f 10)") == 3
    assert stage(program, "f") == "dropped"
    assert program.namespace.values["f"].py is candidate(program, "f").ordinary


@pytest.mark.parametrize("limits", [Limits(max_steps=10**9), Limits(timeout_s=60.0), Limits(max_depth=1_000)])
def test_under_limits_there_is_no_machine_code(limits: Limits) -> None:
    program = runtime(limits=limits)
    program.run(TOTAL)
    assert program.run("(total 100)") == 4950
    assert candidate(program, "total") is None


def test_it_can_be_switched_off() -> None:
    program = runtime(native=False)
    program.run(TOTAL)
    assert program.run("(total 300000)") == 44999850000
    assert candidate(program, "total") is None


# --- operands ------------------------------------------------------------------------------------


def test_a_function_is_compiled_again_for_integers_given_as_floats(at_once: None) -> None:
    program = runtime()
    program.run("(defn f [x : float n : int] : float (loop [i 0 a x] (if (= i n) a (recur (inc i) (+ a x)))))")
    assert program.run("(f 1.5 3)") == 6.0
    assert candidate(program, "f").kinds == ["float", "int"]
    result = program.run("(f 2 3)")
    assert (type(result), result) == (int, 8)
    assert candidate(program, "f").kinds == ["num", "int"]
    assert program.run("(f 1.5 3)") == 6.0
    assert stage(program, "f") == "hot"


def test_large_integers_and_errors_are_the_ordinary_tiers(at_once: None) -> None:
    program = runtime()
    program.run(TOTAL.replace("(= i n)", "(>= i n)"))
    assert program.run("(total 10)") == 45
    assert program.run(f"(total {-(2**70)})") == 0
    with pytest.raises(RtfsError) as caught:
        program.run('(total "x")')
    assert caught.value.message == "total, parameter n: Type mismatch: expected int, got string"
    assert stage(program, "total") == "hot"


def test_overflow_goes_on_exactly(at_once: None) -> None:
    program = runtime()
    program.run("(defn power [b : int n : int] : int (loop [i 0 p 1] (if (= i n) p (recur (inc i) (* p b)))))")
    assert program.run("(power 3 39)") == 3**39
    assert program.run("(power 3 40)") == 3**40
    assert program.run("(power 3 400)") == 3**400
    assert stage(program, "power") == "hot"


def test_the_call_stack_of_an_error_is_the_ordinary_one(at_once: None) -> None:
    text = """(defn ratio [a : int b : int] : int (loop [i 0] (if (= i 3) (quot a b) (recur (inc i)))))
              (defn mean [a : int b : int] : int (loop [i 0] (if (= i 3) (ratio a b) (recur (inc i)))))
              (defn outer [x] (+ 1 (mean x 0)))"""
    found = []
    for native in (True, False):
        program = runtime(native=native)
        program.run(text)
        with pytest.raises(RtfsError) as caught:
            program.run("(outer 1)")
        error = caught.value
        found.append((error.kind, str(error.span), [(frame.name, str(frame.span)) for frame in error.trace]))
    assert found[0] == found[1]
    assert [name for name, _ in found[0][2]][:3] == ["ratio", "mean", "outer"]


# --- changed names -------------------------------------------------------------------------------

CALLER = "(defn step [x : int] : int (+ x 1)) (defn f [n : int] : int (loop [i 0 a 0] (if (= i n) a (recur (inc i) (step a)))))"


def test_a_redefined_callee_is_called(at_once: None) -> None:
    program = runtime()
    program.run(CALLER)
    assert program.run("(f 5)") == 5
    assert stage(program, "f") == "hot"
    program.run("(defn step [x : int] : int (+ x 10))")
    assert program.run("(f 5)") == 50
    program.run("(set! step (fn [x] (+ x 2)))")
    assert program.run("(f 5)") == 10
    program.run('(def step (fn [x] (str x "!")))')
    assert program.run("(try (f 1) (catch e (:message e)))") == "f, result: Type mismatch: expected int, got string"


def test_a_redefined_function_no_longer_calls_itself(at_once: None) -> None:
    program = runtime()
    program.run(FIB)
    assert program.run("(fib 20)") == 6765
    program.run("(def old fib) (defn fib [n : int] : int 100)")
    assert program.run("[(fib 20) (old 1) (old 20)]") == [100, 1, 200]


def test_a_rebound_built_in_is_called(at_once: None) -> None:
    program = runtime()
    program.run(TOTAL)
    assert program.run("(total 5)") == 10
    program.run("(def + (fn [a b] (- a b)))")
    assert program.run("(total 5)") == -10


def test_a_global_number_is_read_anew(at_once: None) -> None:
    program = runtime()
    program.run("(def by 2) (defn f [n : int] : int (loop [i 0 a 0] (if (= i n) a (recur (inc i) (+ a by)))))")
    assert program.run("(f 5)") == 10
    assert stage(program, "f") == "hot"
    assert program.run("(set! by 3) (f 5)") == 15
    with pytest.raises(RtfsError, match="expected int, got float"):
        program.run("(def by 0.5) (f 5)")


def test_a_name_that_changes_again_and_again_ends_it(at_once: None) -> None:
    program = runtime()
    program.run("(def by 0) (defn f [n : int] : int (loop [i 0 a 0] (if (= i n) a (recur (inc i) (+ a by)))))")
    for by in range(10):
        assert program.run(f"(set! by {by}) (f 5)") == 5 * by
    assert stage(program, "f") == "dropped"


def test_a_module_s_functions_are_its_own(at_once: None, tmp_path: Any) -> None:
    (tmp_path / "sums.rtfs").write_text(
        f"(module sums (:exports [total twice]) {TOTAL} (defn twice [n : int] : int (* 2 (total n))))"
    )
    program = Runtime(strategy="ir", models=None, environ={}, module_path=[tmp_path])
    assert program.run("(import sums) [(sums/total 10) (sums/twice 10)]") == [45, 90]
    program.run("(defn f [n : int] : int (loop [i 0 a 0] (if (= i n) a (recur (inc i) (+ a (sums/total i))))))")
    assert program.run("(f 5)") == 10
    assert stage(program, "f") == "dropped"  # a call of another namespace's function


# --- depth ---------------------------------------------------------------------------------------


def test_recursion_beyond_the_c_stack_is_the_ordinary_tiers(at_once: None) -> None:
    program = runtime()
    program.run(DEEP)
    assert program.run("(deep 100)") == 100
    assert program.run("(deep 15000)") == 15000
    found = []
    for native in (True, False):
        program = runtime(native=native)
        program.run(DEEP)
        with pytest.raises(LimitExceeded) as caught:
            program.run("(deep 10000000)")
        found.append((caught.value.kind, caught.value.message, str(caught.value.span)))
    assert found[0] == found[1]


def test_large_frames_need_no_more_stack(at_once: None) -> None:
    """Many values that live across a call: each call takes a kilobyte."""
    names = [f"v{i}" for i in range(120)]
    bindings = " ".join(f"{name} (+ x {i}.5)" for i, name in enumerate(names))
    text = f"(defn f [n : int x : float] : float (if (= n 0) x (let [{bindings} r (f (- n 1) (* x 0.5))] (+ r {' '.join(names)}))))"
    found = []
    for native in (True, False):
        program = runtime(native=native)
        program.run(text)
        found.append([program.run(f"(f {n} 1.5)") for n in (3, 1000, 5000)])
        if native:
            assert candidate(program, "f") is not None
    assert found[0] == found[1]


def test_mutual_recursion_has_the_ordinary_limit(at_once: None) -> None:
    text = """(defn up [n : int] : int (if (= n 0) 0 (+ 1 (down (- n 1)))))
              (defn down [n : int] : int (if (= n 0) 0 (- (up (- n 1)) 1)))"""
    found = []
    for native in (True, False):
        program = runtime(native=native)
        program.run(text)
        values = [program.run(f"(up {n})") for n in (0, 7, 1000, 5000)]
        with pytest.raises(LimitExceeded) as caught:
            program.run("(up 100000000)")
        found.append((values, caught.value.kind, caught.value.message))
    assert found[0] == found[1]


def test_mutual_tail_calls_go_on_for_ever(at_once: None) -> None:
    program = runtime()
    program.run(
        """(defn is-even [n : int] : bool (if (= n 0) true (is-odd (- n 1))))
           (defn is-odd [n : int] : bool (if (= n 0) false (is-even (- n 1))))"""
    )
    assert [program.run(f"(is-even {n})") for n in (0, 7, 1000, 200_000)] == [True, False, True, True]


def test_a_recursion_that_is_given_up_is_not_tried_at_every_level(at_once: None) -> None:
    program = runtime()
    program.run("(defn fact [n : int] : int (if (= n 0) 1 (* n (fact (- n 1)))))")
    program.run("(fact 5)")
    code = candidate(program, "fact").code
    before = code.calls.value
    assert program.run("(fact 500)") % 10**9 == 0
    assert 0 < code.calls.value - before <= tier._RERUNS + 2
    assert program.namespace.linker._native.reruns == 0
    assert not program.namespace.linker._native.suspended


def test_a_function_that_is_often_given_up_is_dropped(at_once: None) -> None:
    program = runtime()
    program.run("(defn mix [h : int n : int] : int (loop [i 0 h h] (if (= i n) h (recur (inc i) (* h 6364136223846793005)))))")
    for n in range(3, 40):
        assert program.run(f"(mix 7 {n})") == 7 * 6364136223846793005**n
    assert stage(program, "mix") == "dropped"


def test_a_function_of_large_integers_is_dropped(at_once: None) -> None:
    program = runtime()
    program.run("(defn f [n : int] : int (loop [i 0 n n] (if (= i 3) n (recur (inc i) (+ n i)))))")
    assert program.run("(f 1)") == 4
    for n in range(40):
        assert program.run(f"(f {2**64 + n})") == 2**64 + n + 3
    assert stage(program, "f") == "dropped"


# --- interruptions -------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs setitimer")
def test_a_long_loop_can_be_interrupted(at_once: None) -> None:
    program = runtime()
    program.run(SPIN)
    assert program.run("(spin 10)") == 10

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    started = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            program.run("(spin 1000000000000000)")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert time.monotonic() - started < 20
    assert program.run("(spin 1000)") == 1000
    assert stage(program, "spin") == "hot"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs setitimer")
def test_deep_calls_can_be_interrupted(at_once: None) -> None:
    program = runtime()
    program.run(FIB)
    program.run("(fib 3)")

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            program.run("(fib 90)")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def test_other_threads_run_meanwhile(at_once: None) -> None:
    # a loop whose value LLVM cannot tell without going through it
    busy = "(defn busy [n : int] : int (loop [i 0 a 1] (if (= i n) a (recur (inc i) (mod (+ (* a 31) i) 1000003)))))"
    program = runtime()
    program.run(busy)
    program.run("(busy 10)")
    turns = 0
    done = False

    def count() -> None:
        nonlocal turns
        while not done:
            turns += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    before = turns
    program.run("(busy 50000000)")
    after = turns
    done = True
    thread.join()
    assert after - before > 3


# --- without llvmlite ----------------------------------------------------------------------------


def test_without_llvmlite_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    program = runtime()
    program.run(TOTAL + FIB)
    assert program.run("[(total 300000) (fib 15)]") == [44999850000, 610]
    assert candidate(program, "total") is None
    assert not program.machine.native


def test_an_llvmlite_that_does_not_load_is_no_error(monkeypatch: pytest.MonkeyPatch, at_once: None) -> None:
    monkeypatch.setattr(tier, "_loaded", [])
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    program = runtime()
    program.run(TOTAL)
    assert program.run("(total 1000)") == 499500
    assert stage(program, "total") == "dropped"


def test_unknown_objects_turn_it_off(monkeypatch: pytest.MonkeyPatch, at_once: None) -> None:
    from rtfs.eval.native import engine

    monkeypatch.setattr(tier, "_loaded", [])
    monkeypatch.setattr(engine, "FLOAT_OFFSET", 64)
    assert not engine.layout_is_known()
    program = runtime()
    program.run(TOTAL)
    assert program.run("(total 1000)") == 499500
    assert stage(program, "total") == "dropped"


def test_the_command_line_can_switch_it_off(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from rtfs.cli.main import main

    made: list[str] = []
    monkeypatch.setattr(tier, "HEAT", 0)
    monkeypatch.setattr(tier.Candidate, "hot", lambda self, args: made.append(self.name) or tier.LEAVE)
    for options, expected in (([], ["total"]), (["--no-native"], [])):
        made.clear()
        assert main(["eval", "--strategy", "ir", *options, TOTAL, "(total 10)"]) == 0
        assert capsys.readouterr().out.endswith("45\n")
        assert sorted(set(made)) == expected
