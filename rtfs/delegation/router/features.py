"""What the router sees of a call: the words of its prompt, their pairs and beginnings, and the function it belongs to.

All of it is known before any model is asked; nothing of an answer, or of whether it was right, is among the features.

- Words in lower case; every other sign that is not white space is a word of its own, so that formulas, blanks to be filled and
  options of a question leave traces.  Pairs are two words in a row; the beginning of a word is its first five signs, if it has
  more.
- The weight of a word is (1 + log of how often it stands in the prompt) x its rarity, log((1 + n) / (1 + prompts with it)) + 1 over
  the n prompts of the training rows; the weights of a prompt have the Euclidean length 1, so that long prompts are not louder.
- The function has one feature with a weight of its own, `FUNCTION_WEIGHT`.  A function that was not in the training rows has none.

Source: tf-idf as in Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

#: Positions and weights of the features that a call has.
Features = tuple[list[int], list[float]]

#: Letters of a word that stand for its relatives: `quant` for quantity and quantum.
BEGINNING = 5
#: What is in fewer prompts than this cannot be learnt from.
LEAST_PROMPTS = 2
#: Beside a prompt, whose features have the length 1 together. Chosen by cross-validation (docs/routing.md).
FUNCTION_WEIGHT = 0.6
#: Words of a prompt that are looked at; a decision must not take longer because somebody pastes a book.
MOST_WORDS = 4_000

_WORDS = re.compile(r"\w+|[^\w\s]")


def words_of(prompt: str) -> Counter[str]:
    """How often each word, pair and beginning stands in a prompt; a pair is written with a blank, a beginning with a `~`."""
    words: list[str] = _WORDS.findall(prompt[: MOST_WORDS * 16].lower())[:MOST_WORDS]
    counts = Counter(words)
    counts.update([f"{first} {second}" for first, second in pairwise(words)])
    counts.update([f"~{word[:BEGINNING]}" for word in words if len(word) > BEGINNING])
    return counts


class Vocabulary:
    """The features that some training rows have.

    Attributes:
        words: word, pair or beginning -> (position, rarity).
        functions: function -> position.
    """

    def __init__(self, words: Mapping[str, tuple[int, float]], functions: Mapping[str, int]) -> None:
        self.words = dict(words)
        self.functions = dict(functions)

    @property
    def size(self) -> int:
        return len(self.words) + len(self.functions)

    @classmethod
    def of(cls, counts: Iterable[Mapping[str, int]], functions: Iterable[str]) -> Vocabulary:
        """
        Args:
            counts: of each training row, from `words_of`.
            functions: of the rows; empty when functions shall not count.
        """
        spread: Counter[str] = Counter()
        rows = 0
        for found in counts:
            spread.update(found.keys())
            rows += 1
        kept = [word for word, prompts in spread.items() if prompts >= LEAST_PROMPTS]
        words = {word: (at, math.log((1 + rows) / (1 + spread[word])) + 1) for at, word in enumerate(kept)}
        names = dict.fromkeys(functions)
        return cls(words, {name: len(words) + at for at, name in enumerate(names)})

    def features(self, counts: Mapping[str, int], function: str = "") -> Features:
        """The features of a call; what the vocabulary does not have is left out."""
        known = self.words
        at: list[int] = []
        weights: list[float] = []
        for word, count in counts.items():
            found = known.get(word)
            if found is not None:
                at.append(found[0])
                weights.append(found[1] if count == 1 else (1 + math.log(count)) * found[1])
        length = math.sqrt(sum([weight * weight for weight in weights]))
        if length:
            weights = [weight / length for weight in weights]
        place = self.functions.get(function)
        if place is not None:
            at.append(place)
            weights.append(FUNCTION_WEIGHT)
        return at, weights

    def to_dict(self) -> dict[str, Any]:
        return {"words": {word: rarity for word, (_, rarity) in self.words.items()}, "functions": list(self.functions)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Vocabulary:
        words = {word: (at, float(rarity)) for at, (word, rarity) in enumerate(data["words"].items())}
        return cls(words, {name: len(words) + at for at, name in enumerate(data["functions"])})
