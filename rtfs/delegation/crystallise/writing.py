"""Classifiers as RTFS programs, to be read, changed and published.

A program is one function of the types and parameters of the one that it stands for, with what it needs before it.  What it has
no answer to, it leaves to others: `(throw :abstain …)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rtfs.caching.code.publishing import Example
from rtfs.delegation.crystallise.learners import Phrases, Points
from rtfs.delegation.crystallise.texts import WORD
from rtfs.syntax import nodes as ast
from rtfs.values.printing import to_readable

_ABSTAIN = '(throw :abstain "{}")'


class Frame:
    """What a program has to have around what it does.

    Args:
        fn: the function that it stands for.
        types: the texts of the definitions of types that it needs.
        note: what the docstring says, besides that of the function.
    """

    def __init__(self, fn: ast.Fn, types: Sequence[str], note: str) -> None:
        self._fn = fn
        self._types = list(types)
        doc = " ".join(fn.doc.split())
        self._doc = to_readable(f"{doc} {note}".strip())
        self.names = [param.name if param.name != "_" else f"arg{i}" for i, param in enumerate(fn.params)]

    def program(self, body: str, *before: str) -> str:
        """
        Args:
            body: of the function, indented by two.
            before: definitions.
        """
        named = zip(self.names, self._fn.params, strict=True)
        params = " ".join([name if param.type is None else f"{name} : {param.type}" for name, param in named])
        result = "" if self._fn.result is None else f" : {self._fn.result}"
        head = f"(defn {self._fn.name}\n  {self._doc}\n  [{params}]{result}\n"
        return "\n\n".join([*self._types, *before, f"{head}{body})"]) + "\n"


def phrases_program(frame: Frame, phrases: Phrases, least: float) -> str:
    """The phrases that are sure enough, in their order, with how often each was right among the training examples."""
    rules = [rule for rule in phrases.rules if rule.sureness >= least]
    tests = [f"(has? {to_readable(rule.phrase)})" for rule in rules]
    width = max(map(len, tests), default=0)
    lines = [
        f"      {test:<{width}} {rule.label} ; {rule.right} of {rule.fits}" for test, rule in zip(tests, rules, strict=True)
    ]
    body = "\n".join(
        [
            f'  (let [text (str " " (join " " {_words(frame)}) " ")',
            '        has? (fn [phrase] (string-contains text (str " " phrase " ")))]',
            "    (cond",
            *lines,
            f"      :else {_ABSTAIN.format('no phrase fits')}))",
        ]
    )
    return frame.program(body)


def points_program(frame: Frame, points: Points, least: float) -> str:
    """The points of words and pairs of words, and what adds them up."""
    table = [
        f" {to_readable(feature)} {{{' '.join([f'{label} {number}' for label, number in sorted(found.items())])}}}"
        for feature, found in sorted(points.points.items())
        if feature
    ]
    start = " ".join([f"{label} {points.points.get('', {}).get(label, 0)}" for label in points.labels])
    definitions = ["(def points\n '{" + "\n".join(table)[1:] + "})", f"(def from-the-start {{{start}}})"]
    body = "\n".join(
        [
            f"  (let [words {_words(frame)}",
            '        pairs (map (fn [[one next]] (str one " " next)) (zip words (rest words)))',
            "        known (filter (fn [part] (contains? points part)) (distinct (concat words pairs)))",
            "        add (fn [sums part]",
            "              (reduce (fn [sums [value more]] (assoc sums value (+ (get sums value) more))) sums (get points part)))",
            "        totals (reduce add from-the-start known)",
            "        [[best most] [_ second-most] & _] (sort-by (fn [[_ total]] (- total)) totals)]",
            f"    (if (and (not (empty? known)) (>= (- most second-most) {max(1, round(least))}))",
            "      best",
            f"      {_ABSTAIN.format('no value leads by enough')}))",
        ]
    )
    return frame.program(body, *definitions)


def table_program(frame: Frame, examples: Sequence[Example]) -> str:
    """Answers to questions that were asked before."""
    single = len(frame.names) == 1
    entries = []
    for example in examples:
        key = to_readable(example.args[0]) if single else f"[{' '.join(map(quoted, example.args))}]"
        entries.append(f"  [{quoted(example.args[0]) if single else key} {quoted(example.value)}]")
    definition = "(def answers\n (into {} [\n" + "\n".join(entries) + "]))"
    asked = frame.names[0] if single else f"[{' '.join(frame.names)}]"
    body = f"  (if (contains? answers {asked})\n    (get answers {asked})\n    {_ABSTAIN.format('not asked before')})"
    return frame.program(body, definition)


def _words(frame: Frame) -> str:
    """The words of the operands."""
    text = frame.names[0] if len(frame.names) == 1 else f'(join " " [{" ".join(frame.names)}])'
    return f"(re-seq {to_readable(WORD)} (string-lower {text}))"


def quoted(value: Any) -> str:
    """The text of data that evaluates to itself."""
    return f"'{to_readable(value)}"
