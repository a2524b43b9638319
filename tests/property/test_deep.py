"""Nesting far beyond what anybody writes: a value or an RtfsError, never the end of the Python process.

Every case runs in a process of its own, so that a crash is a failed test and not the end of the suite.  There it runs in a
thread with a C stack of one megabyte, an eighth of the usual: what would overflow at 40,000 does so at 5,000.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from rtfs.config import STRATEGIES

ROOT = Path(__file__).parents[2]

NIGHTLY = os.environ.get("RTFS_NIGHTLY") == "1"
DEPTH = 20_000 if NIGHTLY else 5_000

_RUNNER = """
import sys, threading
from rtfs.errors import RtfsError, render
from rtfs.runtime import Runtime
from rtfs.source import Source
from rtfs.syntax.reader import read_forms
from rtfs.values.printing import to_readable
from rtfs.values.equality import equal, hash_value, compare

strategy = {strategy!r}

def attempt(label, work):
    try:
        work()
        print(label, "value")
    except RtfsError as error:
        render(error)
        print(label, "error", error.kind)

def read(text):
    attempt(text[:12], lambda: read_forms(Source("<deep>", text)))

def run(text, raw=False):
    runtime = Runtime(strategy=strategy, models=None, environ={{}}, on_warning=lambda m, s: None)
    attempt(text[:24], lambda: runtime.run(text, raw=raw))

def main():
{body}
    print("done")

threading.stack_size(2**20)
thread = threading.Thread(target=main)
thread.start()
thread.join()
"""


def in_process(body: str, strategy: str = STRATEGIES[0]) -> list[str]:
    text = _RUNNER.format(strategy=strategy, body=textwrap.indent(body, "    "))
    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout[-500:]}\n{done.stderr[-1500:]}"
    lines = done.stdout.splitlines()
    assert lines[-1] == "done"
    return lines[:-1]


OPENERS = [("(", ")"), ("[", "]"), ("{1 ", "}"), ("'", ""), ("`", ""), ("~", ""), ("~@", ""), ("@", ""), ("^{:a 1} ", ""), ("(f ", ")")]


@pytest.mark.parametrize("depth", [20_000, 49_000])
def test_deep_text_reads(depth: int) -> None:
    body = "\n".join(f"read({o!r} * {depth} + 'x' + {c!r} * {depth})" for o, c in OPENERS)
    assert all(line.endswith(" value") for line in in_process(body))


def test_text_that_is_too_deep_or_not_closed_is_refused() -> None:
    body = "\n".join(f"read({o!r} * 60_000 + 'x' + {c!r} * 60_000)\nread({o!r} * 20_000 + '(')" for o, c in OPENERS)
    body += "\nread('#(' * 20_000 + ')' * 20_000)\nread('#|' * 20_000)\nread('{' * 20_000 + '1 1' + '} 1' * 19_999 + '}')"
    body += "\nread('{' + '[' * 20_000 + ']' * 20_000 + ' 1}')\nread('{' + '^{:a 1} ' * 20_000 + 'x 1}')"
    refused = in_process(body)
    assert all(" error " in line for line in refused), refused


def test_deep_data_is_printed_compared_hashed_and_converted() -> None:
    body = f"n = {DEPTH}" + """
for text in ("'" + "(" * n + ")" * n, "'" + "[" * n + "]" * n, "'" + "{:a " * n + "1" + "}" * n, "'" + "^{:a 1} " * n + "x"):
    run(text)
    run(text, raw=True)
    for use in ("(str V)", "(= V V2)", "(hash-map V 1)", "(get (hash-map V 1) V2)", "(sort [V V2])", "(distinct [V V2])",
                "(serialize-json V)", "(flatten V)", "(frequencies [V V2])", "(group-by identity [V V2])", "(type-name V)",
                "(match V 1 2 _ 3)", "(let [x : [:vector any] V] 1)", "(throw 'm' V)".replace("'", chr(34)), "(count V)",
                "(format \\"%s\\" V)", "(max-by count [V V2])", "(parse-json (str V))",
                "(update-in {:a V} [:a] identity)", "(concat V V2)", "(zip V V2)", "(into [] V)", "(map identity V)"):
        run("(let [V " + text + " V2 " + text + "] " + use + ")", raw=True)
    one, two = read_forms(Source("a", text + " " + text))
    to_readable(one)
"""
    in_process(body)


WRAPS = [
    ("(do ", ")"), ("(if true ", ")"), ("(let [x 1] ", ")"), ("(let [x ", "] x)"), ("(fn [] ", ")"), ("((fn [] ", "))"),
    ("(+ 1 ", ")"), ("(str ", ")"), ("(vector 1 2 3 4 5 ", ")"), ("[", "]"), ("{:a ", "}"), ("(and 1 ", ")"), ("(or nil ", ")"),
    ("(match 1 1 ", ")"), ("(match ", " _ 1)"), ("(try ", " (catch e 1))"), ("(try 1 (finally ", "))"), ("(when 1 ", ")"),
    ("(cond 1 ", ")"), ("(-> ", " inc)"), ("(step \"s\" ", ")"), ("(parallel ", ")"), ("(quote ", ")"), ("`(a ~", ")"), ("^{:a 1} ", ""),
    ("(set! x ", ")"), ("(def x ", ")"), ("(defn f [] ", ")"), ("(f ", ")"), ("(loop [] ", ")"), ("(dotimes [i 1] ", ")"), ("(identity ", ")"),
    ("(map inc ", ")"), ("#(", ")"), ("(log-step ", ")"), ("(with-resource [r 1] ", ")"), ("(get ", " :a)"), ("(:a ", ")"),
]  # fmt: skip


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_deep_expressions_run_or_meet_a_limit(strategy: str) -> None:
    body = "\n".join(f"run({o!r} * {DEPTH} + '1' + {c!r} * {DEPTH}, raw=True)" for o, c in WRAPS)
    in_process(body, strategy)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_deep_scopes_run_or_meet_a_limit(strategy: str) -> None:
    """Names are looked up scope by scope, so these take quadratic time and are not quite as deep."""
    body = """
for o, c in (("(for [x [1]] ", ")"), ("(doseq [x [1]] ", ")"), ("(fn [x] ", ")"), ("(let [a [1] [b] a] ", ")"), ("(letrec [f (fn [] ", ")] 1)")):
    run(o * 4_000 + "1" + c * 4_000, raw=True)
run("(fn [" + "[" * 5_000 + "x" + "]" * 5_000 + "] 1)", raw=True)
run("(let [" + "{:a " * 5_000 + "x" + "}" * 5_000 + " 1] 1)", raw=True)
run("(match 1 " + "[" * 5_000 + "x" + "]" * 5_000 + " 1 _ 2)", raw=True)
run("(match 1 " + "(:or 2 " * 5_000 + "3" + ")" * 5_000 + " 1 _ 2)", raw=True)
run("(fn [x : " + "[:vector " * 5_000 + "int" + "]" * 5_000 + "] x)", raw=True)
run("(deftype T " + "[:union nil " * 5_000 + "int" + "]" * 5_000 + ")", raw=True)
"""
    in_process(body, strategy)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_deep_calls_run_or_meet_a_limit(strategy: str) -> None:
    body = """
for define, call in (
    ("(defn f [n] (+ 1 (f (- n 1))))", "(f 1)"),
    ("(defn f [n] (if (= n 0) 0 (+ 1 (f (- n 1)))))", "(f 19000)"),
    ("(defn f [n] (first (map f [(- n 1)])))", "(f 1)"),
    ("(defn f [n] (reduce (fn [a x] (f x)) 0 [n]))", "(f 1)"),
    ("(defn f [n] (apply f [n]))", "(+ 1 (f 1))"),
    ("(defn f [n] (+ 1 (apply f [n])))", "(f 1)"),
    ("(defn f [n] (sort-by (fn [x] (f x)) [1 2]))", "(f 1)"),
    ("(defn f [n] (sort (fn [a b] (f a)) [1 2]))", "(f 1)"),
    ("(defn f [n] (update {:a 1} :a f))", "(f 1)"),
    ("(defn f [a b c d e] (+ 1 (f a b c d e)))", "(f 1 2 3 4 5)"),
    ("(defn f [n] (try (f n) (catch e 1) (finally 2)))", "(f 1)"),
    ("(defn f [n] (for [x [n]] (f x)))", "(f 1)"),
    ("(defn f [n] (match n x (+ 1 (f x))))", "(f 1)"),
    ("(defn f [n] (str (f n)))", "(f 1)"),
    ("(defn f [n] ((comp f f) n))", "(f 1)"),
    ("(defn f [n] ((partial f) n))", "(f 1)"),
    ("(defn f [n] (swap! (atom 1) f))", "(f 1)"),
    ("(defn f [n] (step \\"s\\" (f n)))", "(f 1)"),
    ("(defn f [n] (let [{:keys [a] :or {a (f n)}} {}] a))", "(f 1)"),
    ("(defn f [n] (macroexpand '(m)))(defmacro m [] (f 1))", "(f 1)"),
    ("(defn f [n] (group-by f [n]))", "(f 1)"),
    ("(defn f [n] (re-replace \\"a\\" \\"a\\" (fn [m] (f m))))", "(f 1)"),
    ("(def m (loop [m {} i 0] (if (< i 20000) (recur (hash-map m 1) (inc i)) m)))", "(= m m)"),
    ("(def nest (fn [] (loop [m {} i 0] (if (< i 20000) (recur (hash-map m 1) (inc i)) m))))", "(= (nest) (nest))"),
    ("(def nest (fn [] (loop [m [] i 0] (if (< i 20000) (recur [m] (inc i)) m))))", "(= (nest) (nest))"),
    ("(def nest (fn [] (loop [m [] i 0] (if (< i 200000) (recur [m] (inc i)) m))))", "(get (hash-map (nest) 1) (nest))"),
    ("(def nest (fn [] (loop [m [] i 0] (if (< i 200000) (recur [m] (inc i)) m))))", "(count (str (nest)))"),
):
    run(define + " " + call, raw=True)
"""
    in_process(body, strategy)
