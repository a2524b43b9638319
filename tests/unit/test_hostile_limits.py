"""Programs that try to outlive their limits."""

from __future__ import annotations

import math
import time

import pytest

from rtfs.config import STRATEGIES, Limits
from rtfs.errors import ConfigError, LimitExceeded, ParseError
from rtfs.runtime import Runtime
from rtfs.values.printing import to_text


def limited(text: str, limits: Limits, **options: object) -> LimitExceeded:
    runtime = Runtime(models=None, limits=limits, **options)  # type: ignore[arg-type]
    runtime.define("nap", lambda: time.sleep(0.02))
    with pytest.raises(LimitExceeded) as caught:
        runtime.run(text)
    assert runtime.machine.depth == 0
    return caught.value


@pytest.mark.parametrize(
    "body",
    ["(try (f) (finally (f)))", "(with-resource [r :map {:on-close f}] (f))", "(try (try (f) (finally (f))) (finally (f)))"],
)
def test_clean_up_that_recurses_does_not_double_at_every_level(body: str) -> None:
    assert limited(f"(defn f [& _] {body}) (f)", Limits(max_depth=300)).kind == "stack-overflow"


@pytest.mark.parametrize(
    "text",
    [
        # sixty built-ins that call one another, on a vector of 2**60 leaves: no function, no turn of a loop
        "(let [[f v] (loop [f inc v 1 i 0] (if (= i 60) [f v] (recur (partial map f) [v v] (+ i 1))))] (f v))",
        '(step-loop "s" (fn [] true) 1)',
        # what a release does is not forgiven because there is another error
        '(try (with-resource [r :map {:on-close (fn [] (loop [] (recur)))}] (throw "a")) (catch e 1))',
        "(defmacro m [] (loop [] (recur))) (m)",
        "(sort (fn [a b] (loop [] (recur))) [3 2 1])",
    ],
)
def test_nothing_works_on_without_steps(text: str) -> None:
    assert limited(text, Limits(max_steps=5_000)).kind == "steps-exhausted"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        # a hundred slow turns would pass between two looks at the clock
        ("(let [n (pow 7 90000) d (pow 3 100000)] (loop [] (do (mod n d) (recur))))", {}),
        ("(loop [] (try (loop [] (recur)) (finally (loop [] (recur)))))", {}),
        ("(loop [] (do (thread/sleep 60000) (recur)))", {"allow": ["system.*"]}),
        # what was quick becomes slow
        (
            "(let [n (pow 7 90000) d (pow 3 100000)]"
            " (loop [i 0] (if (< i 30000) (recur (+ i 1)) i)) (loop [] (do (mod n d) (recur))))",
            {},
        ),
        ("(let [v (range 200000)] (loop [i 0] (if (< i 30000) (recur (+ i 1)) i)) (loop [] (do (sort v) (recur))))", {}),
        ("(let [v (range 500000)] (loop [i 0] (if (< i 30000) (recur (+ i 1)) i)) (loop [] (do (frequencies v) (recur))))", {}),
        ("(do (loop [i 0] (if (< i 30000) (recur (+ i 1)) i)) (loop [] (do (nap) (recur))))", {}),
        (r"""(loop [t "a"] (do (re-find "(a|aa)+$" (str t "b")) (recur (str t t))))""", {}),
    ],
)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_timeout_is_kept_within_a_second_or_two(text: str, options: dict[str, object], strategy: str) -> None:
    begin = time.monotonic()
    assert limited(text, Limits(timeout_s=0.2), strategy=strategy, **options).kind == "time-exhausted"
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("step", ["(str s s)", '(str s "-" s)', '(str "a" s i)', '(join "" [s s])'])
def test_a_text_that_grows_meets_the_limit_of_size(step: str, strategy: str) -> None:
    grow = f'(loop [s "abcdefgh" i 0] (if (< i 60) (recur {step} (+ i 1)) (count s)))'
    if "s i)" in step:
        assert Runtime(models=None, strategy=strategy).run(grow) == 8 + 60 + 10 + 2 * 50
    else:
        assert limited(grow, Limits(), strategy=strategy).kind == "size-exhausted"


def test_a_limit_is_a_number() -> None:
    with pytest.raises(ConfigError):
        Runtime(limits=Limits(timeout_s=math.nan))


def test_a_text_is_measured_while_it_is_put_together() -> None:
    text = '(loop [v (join "" (range 100000)) i 0] (if (= i 20) (string-length (str v)) (recur [v v] (+ i 1))))'
    assert limited(text, Limits()).kind == "size-exhausted"


def test_an_integer_literal_has_a_longest_length() -> None:
    with pytest.raises(ParseError, match="more than 300,000 digits"):
        Runtime(models=None).run("7" * 1_000_000)


def test_long_integers_print_and_read_back() -> None:
    runtime = Runtime(models=None)
    for value in (10**4300, 10**4300 - 1, -(10**5000), 7**6000, -(2**20000 - 1)):
        assert runtime.run(to_text(value)) == value
