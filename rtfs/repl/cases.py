"""`:test`: a dozen programs and what they give, to see that an installation is well."""

from __future__ import annotations

from rtfs.errors import RtfsError
from rtfs.runtime import Runtime
from rtfs.source import Source
from rtfs.values.printing import to_readable

#: program, value as it prints
CASES: tuple[tuple[str, str], ...] = (
    ("(+ 1 2 3)", "6"),
    ("(/ 7 2)", "3.5"),
    ('[1 "two" :three nil]', '[1 "two" :three nil]'),
    ("(if (> 3 2) :yes :no)", ":yes"),
    ("(let [[a & more] [1 2 3] {:keys [b]} {:b 4}] [a more b])", "[1 [2 3] 4]"),
    ("(defn square [n : int] : int (* n n)) (map square [1 2 3])", "[1 4 9]"),
    ("(loop [n 5 product 1] (if (= n 0) product (recur (- n 1) (* product n))))", "120"),
    ("(match {:kind :circle :r 2} {:kind :circle :r r} (* r r) _ 0)", "4"),
    ("(try (/ 1 0) (catch DivisionByZero e (:type e)))", ":division-by-zero"),
    ("(defmacro twice [x] `(do ~x ~x)) (twice 7)", "7"),
    ("(reduce + 0 (filter odd? (range 0 10)))", "25"),
    ("(assoc {:a 1} :b 2)", "{:a 1 :b 2}"),
    ('(defn f ^:delegation :local [x] (str x "!")) (f "hi")', '"hi!"'),
)


def run_cases() -> tuple[int, list[str]]:
    """How many passed, and a line for each that did not."""
    passed = 0
    failures: list[str] = []
    for text, expected in CASES:
        try:
            got = to_readable(Runtime(models=None).run_source(Source("<test>", text)))
        except RtfsError as error:
            got = f"error: {error.message}"
        if got == expected:
            passed += 1
        else:
            failures.append(f"{text}\n  expected {expected}, got {got}")
    return passed, failures
