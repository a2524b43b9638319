"""One text as the guards see it: masked, split into tokens, phrases of asking brought to one form.

A view is made once per text (about 60 microseconds for a question) and kept with the cached entry; a comparison of two views reads
both and changes neither.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from pathlib import Path

from rtfs.caching.semantic.lexicon import Lexicon, english
from rtfs.caching.semantic.masking import KINDS, Masked, mask

_TOKEN = re.compile(r"[\ue000-\ue004]|[^\W\d_\ue000-\ue004]+(?:['-][^\W\d_\ue000-\ue004]+)*|\d+|[.?!;:,]")
_CONTRACTIONS = {
    "can't": "can not", "cannot": "can not", "won't": "will not", "shan't": "shall not", "ain't": "is not", "let's": "let us",
    "dont": "do not", "doesnt": "does not", "didnt": "did not", "cant": "can not", "wont": "will not", "isnt": "is not",
    "arent": "are not", "wasnt": "was not", "werent": "were not", "hasnt": "has not", "havent": "have not", "hadnt": "had not",
    "couldnt": "could not", "wouldnt": "would not", "shouldnt": "should not", "im": "i am", "ive": "i have", "whats": "what is",
    "wheres": "where is", "hows": "how is", "thats": "that is", "gonna": "going to", "wanna": "want to", "who's": "who is",
    "what's": "what is", "where's": "where is", "when's": "when is", "how's": "how is", "why's": "why is", "it's": "it is",
    "that's": "that is", "there's": "there is", "here's": "here is", "he's": "he is", "she's": "she is",
}  # fmt: skip
_ENDS = {"'re": "are", "'ve": "have", "'ll": "will", "'d": "would", "'m": "am"}

_PERSONS = {"me": "I", "i": "I", "us": "we"}
_ARTICLES = {"a", "an", "the"}
_WORDS_OF_QUESTIONS = {"who", "what", "which", "when", "where", "why", "how", "whose"}
_HOW = {
    "many",
    "much",
    "long",
    "often",
    "far",
    "old",
    "big",
    "tall",
    "large",
    "fast",
    "soon",
    "deep",
    "high",
    "heavy",
    "hot",
    "cold",
    "wide",
    "late",
    "early",
    "good",
    "bad",
}


class Token:
    """A word or the sign of a slot."""

    __slots__ = ("base", "low", "parts", "raw")

    def __init__(self, raw: str, low: str, base: str, parts: int = 1) -> None:
        self.raw = raw
        self.low = low
        self.base = base
        self.parts = parts
        """How many tokens its sign was made into; 1 for the later ones of them."""


class View:
    """What guards read of one text; not to be changed."""

    __slots__ = ("bases", "content", "counts", "frame", "known", "lows", "masked", "names", "passive", "question", "tokens")

    def __init__(self, text: str, lexicon: Lexicon | None = None) -> None:
        lexicon = lexicon or english()
        self.masked: Masked = mask(text)
        self.tokens: list[Token] = _tokens(self.masked.template, lexicon)
        """Words and slots without punctuation, contractions resolved."""
        self.lows = frozenset([token.low for token in self.tokens])
        self.counts = Counter([token.base for token in self.tokens])
        self.bases = self.counts.keys()
        self.names: dict[str, str] = {}
        """Words with a capital where none is due: lower-case form -> as written."""
        self._find_names()
        self.frame: list[str] = _frame(self.tokens)
        """Base forms in order, with phrases of asking in one form, without articles and politeness."""
        empty = lexicon.empty
        self.content: list[str] = [word for word in self.frame if word not in empty and word not in KINDS]
        """The words of `frame` that carry what the text is about."""
        self.question = _question(self.frame)
        """What is asked for: `who`, `when`, `how many`, …; `may` for yes or no with possibility, `` for anything else."""
        self.passive: bool | None = None
        """Whether it has a passive; None: nobody has looked yet."""
        words = [token.low for token in self.tokens if token.low.isalpha() and token.low not in self.names]
        self.known = sum(lexicon.known(word) for word in words) / len(words) if words else 1.0
        """The share of the words, names left out, that are English."""

    def _find_names(self) -> None:
        starts = True
        capitals = sum(token.raw[:1].isupper() for token in self.tokens)
        shouted = capitals > 0.6 * len(self.tokens) and len(self.tokens) > 4
        words = iter(self.tokens)
        for sign in _TOKEN.findall(self.masked.template):
            if sign in ".?!;:,":
                starts = sign != ","
                continue
            token = next(words, None)
            if token is None:
                break
            capital = sign[:1].isupper() and (not starts or (sign.isupper() and len(sign) > 1)) and not shouted
            if capital and token.low != "i":
                self.names[token.base] = sign
            # a contraction made several tokens of this sign
            for _ in range(token.parts - 1):
                next(words, None)
            starts = False


def _split(low: str) -> list[str]:
    """The words that a token with an apostrophe stands for."""
    if low in _CONTRACTIONS:
        return _CONTRACTIONS[low].split()
    if "'" in low:
        if low.endswith("n't"):
            return [low[:-3], "not"]
        for end, word in _ENDS.items():
            if low.endswith(end):
                return [low[: -len(end)], word]
        return [low.removesuffix("'s").replace("'", "") or low]
    return [low]


def _tokens(template: str, lexicon: Lexicon) -> list[Token]:
    tokens = []
    base = lexicon.base
    for sign in _TOKEN.findall(template):
        if sign in ".?!;:,":
            continue
        if sign in KINDS:
            tokens.append(Token(sign, sign, sign))
            continue
        low = sign.lower()
        if "-" in low:
            joined = low.replace("-", "")
            parts = [joined] if joined in lexicon.words else low.split("-")
        else:
            parts = _split(low)
        if len(parts) == 1:
            tokens.append(Token(sign, parts[0], base(parts[0])))
        else:
            tokens += [
                Token(sign if i == 0 else part, part, base(part), len(parts) if i == 0 else 1) for i, part in enumerate(parts)
            ]
    return tokens


@lru_cache(maxsize=1)
def _phrases() -> list[tuple[frozenset[str], re.Pattern[str], str]]:
    """What `data/phrases.txt` says."""
    text = (Path(__file__).parent / "data" / "phrases.txt").read_text(encoding="ascii")
    rules = [line.partition(" => ") if " => " in line else (line[:-3], "", "") for line in text.splitlines() if line[0] != ";"]
    # what is put in stands by itself, also where the space behind it was part of the phrase
    found = []
    for rule, _, put in rules:
        words, _, pattern = rule.partition(" : ")
        found.append((frozenset(words.split()), re.compile(rf"\b(?:{pattern})\b"), f"{put} "))
    return found


def _frame(tokens: list[Token]) -> list[str]:
    # `me` and `us` meet `I` and `we` here, so that the phrases need one form
    words = [_PERSONS.get(token.low, token.base) for token in tokens]
    text, there = " ".join(words), set(words)
    for needed, pattern, put in _phrases():
        if not needed.isdisjoint(there):
            text, count = pattern.subn(put, text)
            if count:
                there = set(text.split())
    return [word for word in text.split() if word not in _ARTICLES and word != "please"]


def _question(frame: list[str]) -> str:
    for at, word in enumerate(frame[:-1]):
        if word in _WORDS_OF_QUESTIONS:
            if word == "how" and frame[at + 1] in _HOW:
                return f"how {frame[at + 1]}"
            if word == "what" and at and frame[at - 1] in ("know", "about"):
                continue
            return "what" if word == "which" else word
    if frame[-1:] and frame[-1] in _WORDS_OF_QUESTIONS:
        return "what" if frame[-1] == "which" else frame[-1]
    if "may" in frame[:3]:
        return "may"
    return ""
