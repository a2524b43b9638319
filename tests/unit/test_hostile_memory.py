"""Programs that hoard memory, each in its own way: stopped near their limit, and what they had is let go.

They run in processes of their own: this one may hold any amount of free memory, which a run may use before the process grows.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from rtfs.config import STRATEGIES, Limits
from rtfs.errors import ConfigError
from rtfs.runtime import Runtime

pytestmark = [
    pytest.mark.parametrize("strategy", STRATEGIES),
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only peaks of the whole process are known"),
]

LIMIT = 40_000_000

HOARDERS = {
    "vector": "(loop [v [] i 0] (recur (conj v [i i]) (+ i 1)))",
    "map": "(loop [m {} i 0] (recur (assoc m i [i]) (+ i 1)))",
    "string": '(loop [s "abc"] (recur (str s s)))',
    "short strings": '(loop [v [] s (join "" (range 300))] (recur (conj v (str s (count v))) s))',
    "long strings": '(let [s (join "x" (range 20000))] (loop [v []] (recur (conj v (string-upper s)))))',
    "range": "(range 5000000)",
    "ranges": "(loop [v []] (recur (conj v (vec (range 1000)))))",
    "for": "(for [x (range 3000) y (range 3000)] [x y])",
    "map and closures": "(map (fn [x] (fn [] [x x])) (range 1000000))",
    "nested collections": "(defn tree [n] (if (= n 0) [n] [(tree (- n 1)) (tree (- n 1))])) (tree 25)",
    "recursion that holds on": "(defn f [n v] (+ 1 (f (+ n 1) (range 100)))) (f 0 1)",
    "copies of a vector": "(let [b (range 20000)] (loop [v []] (recur (conj v (cons 1 b)))))",
    "copies of a map": "(let [m (zipmap (range 60) (range 60))] (loop [v [] i 0] (recur (conj v (assoc m 1 i)) (+ i 1))))",
    "large maps": "(let [m (zipmap (range 5000) (range 5000))] (loop [v [] i 0] (recur (conj v (merge m {1 i})) (+ i 1))))",
    "long integers": "(let [b (pow 3 500000)] (loop [v [] k b] (recur (conj v k) (+ k b))))",
    "pairs": "(let [r (range 5000)] (loop [v []] (recur (conj v (partition 1 r)))))",
    "frequencies": "(let [r (range 5000)] (loop [v []] (recur (conj v (frequencies r)))))",
    "errors": "(loop [v []] (recur (conj v (try (throw {:a 1}) (catch e e)))))",
    "atom": "(def a (atom [])) (loop [i 0] (swap! a conj [i i]) (recur (+ i 1)))",
    "quick at first": "(let [b (range 50000)] (loop [i 0] (if (< i 30000) (recur (+ i 1)) 0)) (loop [v []] (recur (conj v (reverse b)))))",
}

#: One call of a built-in that takes it all.
AT_ONCE = {
    "pairs at once": "(partition 1 (range 500000))",
    "frequencies at once": "(frequencies (range 500000))",
    "zip at once": "(let [r (range 300000)] (zip r r r))",
}


#: Ways to hold on to a program that meets the limit.
WRAPPERS = [
    "(try {0} (catch e 1))",
    "(try {0} (catch Exception e 1) (catch e 2) (finally 3))",
    "(try {0} (finally (loop [v []] (recur (conj v [1 2])))))",
    "(parallel [a (try {0} (catch e 1))] [b 2])",
    "(map (fn [x] (try {0} (catch e 1))) [1 2 3])",
    '(try (step "s" {0}) (catch e 1))',
]

CHILD = """
import gc, json, resource, sys
import rtfs
from rtfs.values.sequences import Vector
strategy, limit, programs = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])

def vectors():
    gc.collect()
    return sum(type(found) is Vector for found in gc.get_objects())

def run(text):
    runtime = rtfs.Runtime(strategy=strategy, models=None, limits=rtfs.Limits(max_memory_bytes=limit))
    before, peak = vectors(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        runtime.run(text, raw=True)
    except rtfs.LimitExceeded as error:
        frames, entry = 0, error.__traceback__
        while entry is not None:
            frames, entry = frames + 1, entry.tb_next
        print(json.dumps({
            "kind": error.kind,
            "message": error.message,
            "peak": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * 1024,
            "frames": frames,
            "context": repr(error.__context__),
            "kept": vectors() - before,
            "depth": runtime.machine.depth,
            "after": runtime.run("(reduce + 0 (map (fn [x] (* 2 x)) (range 100)))"),
        }))
    else:
        print(json.dumps({"kind": "none"}))

run("(defn f [n] (if (= n 0) 0 (+ 1 (f (- n 1))))) (f 5) (for [x [1]] x) (frequencies [1]) (try 1 (catch e 2))")
for text in programs:
    run(text)
"""


def outcomes(strategy: str, programs: list[str]) -> list[Any]:
    """What became of each program, one after the other in one process."""
    command = [sys.executable, "-c", CHILD, strategy, str(LIMIT), json.dumps(programs)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-1000:]
    return [json.loads(line) for line in done.stdout.splitlines()][1:]


@cache
def hoarders(strategy: str) -> dict[str, Any]:
    return dict(zip(HOARDERS, outcomes(strategy, list(HOARDERS.values())), strict=True))


@pytest.mark.parametrize("name", HOARDERS)
def test_a_hoarder_is_stopped(name: str, strategy: str) -> None:
    found = hoarders(strategy)[name]
    assert found["kind"] == "memory-exhausted"
    assert found["message"] == "more than 40,000,000 bytes of memory"
    assert (found["depth"], found["after"]) == (0, 9_900)


@pytest.mark.parametrize("name", HOARDERS)
def test_who_keeps_the_error_does_not_keep_what_the_program_had(name: str, strategy: str) -> None:
    found = hoarders(strategy)[name]
    assert found["frames"] < 20
    assert found["context"] == "None"
    if name != "atom":  # which the runtime has
        assert found["kept"] < 1000


def test_a_program_cannot_catch_the_limit(strategy: str) -> None:
    programs = [wrapper.format(HOARDERS[name]) for wrapper in WRAPPERS for name in ("vector", "range")]
    for found, text in zip(outcomes(strategy, programs), programs, strict=True):
        assert found["kind"] == "memory-exhausted", text


@pytest.mark.parametrize("name", ["vector", "nested collections", "quick at first", "long integers", *AT_ONCE])
def test_the_process_does_not_grow_by_much_more_than_the_limit(name: str, strategy: str) -> None:
    (found,) = outcomes(strategy, [(HOARDERS | AT_ONCE)[name]])
    assert found["kind"] == "memory-exhausted"
    assert found["peak"] < 1.5 * LIMIT


def test_what_is_let_go_does_not_count(strategy: str) -> None:
    programs = [
        "(loop [i 0 v nil] (if (< i 200) (recur (+ i 1) (vec (range 20000))) (count v)))",
        "(reduce + 0 (map (fn [x] (* 2 x)) (range 100000)))",
    ]
    assert [found["kind"] for found in outcomes(strategy, programs)] == ["none", "none"]


def test_a_limit_of_memory_is_positive(strategy: str) -> None:
    with pytest.raises(ConfigError, match="max_memory_bytes must be positive"):
        Runtime(strategy=strategy, limits=Limits(max_memory_bytes=0))
