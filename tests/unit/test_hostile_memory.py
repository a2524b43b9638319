"""Programs that hoard memory, each in its own way: stopped near their limit, and what they had is let go."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from rtfs.config import STRATEGIES, Limits
from rtfs.errors import ConfigError, LimitExceeded
from rtfs.runtime import Runtime
from rtfs.values.sequences import Vector

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
    "errors": '(loop [v []] (recur (conj v (try (throw {:a 1}) (catch e e)))))',
    "atom": "(def a (atom [])) (loop [i 0] (swap! a conj [i i]) (recur (+ i 1)))",
    "quick at first": "(let [b (range 50000)] (loop [i 0] (if (< i 30000) (recur (+ i 1)) 0)) (loop [v []] (recur (conj v (reverse b)))))",
}

#: One call of a built-in that takes it all.
AT_ONCE = {
    "pairs at once": "(partition 1 (range 500000))",
    "frequencies at once": "(frequencies (range 500000))",
    "zip at once": "(let [r (range 300000)] (zip r r r))",
}


def limit_of(text: str, strategy: str) -> tuple[LimitExceeded, Runtime]:
    runtime = Runtime(strategy=strategy, models=None, limits=Limits(max_memory_bytes=LIMIT))
    with pytest.raises(LimitExceeded) as caught:
        runtime.run(text, raw=True)
    assert runtime.machine.depth == 0
    return caught.value, runtime


@pytest.mark.parametrize("name", HOARDERS)
def test_a_hoarder_is_stopped(name: str, strategy: str) -> None:
    error, runtime = limit_of(HOARDERS[name], strategy)
    assert error.kind == "memory-exhausted"
    assert error.message == "more than 40,000,000 bytes of memory"
    assert error.code == "RTFS-L006"
    assert runtime.run("(+ 1 1)") == 2
    assert runtime.run("(reduce + 0 (range 100))") == 4950


@pytest.mark.parametrize(
    "wrapper",
    [
        "(try {0} (catch e 1))",
        "(try {0} (catch Exception e 1) (catch e 2) (finally 3))",
        "(try {0} (finally (loop [v []] (recur (conj v [1 2])))))",
        "(parallel [a (try {0} (catch e 1))] [b 2])",
        "(map (fn [x] (try {0} (catch e 1))) [1 2 3])",
        '(try (step "s" {0}) (catch e 1))',
    ],
)
def test_a_program_cannot_catch_the_limit(wrapper: str, strategy: str) -> None:
    for name in ("vector", "range"):
        error, _ = limit_of(wrapper.format(HOARDERS[name]), strategy)
        assert error.kind == "memory-exhausted"


@pytest.mark.parametrize("name", ["recursion that holds on", "for"])
def test_who_keeps_the_error_does_not_keep_what_the_program_had(name: str, strategy: str) -> None:
    def vectors() -> int:
        gc.collect()
        return sum(type(found) is Vector for found in gc.get_objects())

    before = vectors()
    error, runtime = limit_of(HOARDERS[name], strategy)
    assert vectors() - before < 1000
    assert error.__context__ is None
    frames, entry = 0, error.__traceback__
    while entry is not None:
        frames, entry = frames + 1, entry.tb_next
    assert frames < 20
    assert runtime.run("1") == 1


@pytest.mark.parametrize("name", ["vector", "nested collections", "quick at first", "frequencies", "long integers", *AT_ONCE])
def test_the_process_does_not_grow_by_much_more_than_the_limit(name: str, strategy: str) -> None:
    program = f"""
import resource, rtfs
from tests.unit.test_hostile_memory import AT_ONCE, HOARDERS, LIMIT
runtime = rtfs.Runtime(strategy={strategy!r}, models=None, limits=rtfs.Limits(max_memory_bytes=LIMIT))
runtime.run("(defn f [n] (if (= n 0) 0 (+ 1 (f (- n 1))))) (f 5) (for [x [1]] x) (frequencies [1]) (try 1 (catch e 2))")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    runtime.run((HOARDERS | AT_ONCE)[{name!r}], raw=True)
except rtfs.LimitExceeded as error:
    assert error.kind == "memory-exhausted", error
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-1000:]
    assert int(done.stdout) < 1.5 * LIMIT


def test_what_is_let_go_does_not_count(strategy: str) -> None:
    runtime = Runtime(strategy=strategy, models=None, limits=Limits(max_memory_bytes=LIMIT))
    assert runtime.run("(loop [i 0 v nil] (if (< i 200) (recur (+ i 1) (vec (range 20000))) (count v)))") == 20_000
    assert runtime.run("(reduce + 0 (map (fn [x] (* 2 x)) (range 100000)))") == 9_999_900_000


def test_a_limit_of_memory_is_positive(strategy: str) -> None:
    with pytest.raises(ConfigError, match="max_memory_bytes must be positive"):
        Runtime(strategy=strategy, limits=Limits(max_memory_bytes=0))
