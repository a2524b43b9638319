"""The tokeniser of BERT's uncased models: text to ids of word pieces.

Agrees with the `tokenizers` library.  Lower-casing goes sign by sign: Python's rule for a sigma at the end of a word is not BERT's.
Source: Devlin et al. 2018; Wu et al. 2016 for the greedy longest match.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

_LONGEST_WORD = 100
_MEMO_WORDS = 50_000


class WordPiece:
    """Thread-safe: the memo is only ever added to."""

    def __init__(self, vocabulary: Path) -> None:
        lines = vocabulary.read_text(encoding="utf-8").split("\n")
        self._ids = {line.rstrip("\r"): at for at, line in enumerate(lines) if line}
        self._cls, self._sep, self._unknown = (self._ids[name] for name in ("[CLS]", "[SEP]", "[UNK]"))
        self._memo: dict[str, list[int]] = {}

    def encode(self, text: str, most: int) -> tuple[list[int], bool]:
        """Ids with the marks of begin and end, at most `most` of them, and whether that was all of the text."""
        ids = [piece for word in _words(text) for piece in self._pieces(word)]
        return [self._cls, *ids[: most - 2], self._sep], len(ids) <= most - 2

    def _pieces(self, word: str) -> list[int]:
        known = self._memo.get(word)
        if known is not None:
            return known
        pieces: list[int] = []
        start, end = 0, len(word)
        if end > _LONGEST_WORD:
            return [self._unknown]
        while start < end:
            stop = end
            while stop > start:
                found = self._ids.get(word[start:stop] if start == 0 else "##" + word[start:stop])
                if found is not None:
                    break
                stop -= 1
            else:
                pieces = [self._unknown]
                break
            pieces.append(found)  # type: ignore[arg-type]
            start = stop
        if len(self._memo) < _MEMO_WORDS:
            self._memo[word] = pieces
        return pieces


def _words(text: str) -> list[str]:
    spaced = []
    for sign in text:
        code = ord(sign)
        category = unicodedata.category(sign)
        if code in (0, 0xFFFD) or (sign not in "\t\n\r" and category[0] == "C"):
            continue
        if sign in " \t\n\r" or category == "Zs":
            spaced.append(" ")
        elif _ideograph(code):
            spaced.append(f" {sign} ")
        else:
            spaced.append(sign)
    bare = [sign for sign in unicodedata.normalize("NFD", "".join(spaced)) if unicodedata.category(sign) != "Mn"]
    words: list[str] = []
    word = ""
    for sign in "".join(sign.lower() for sign in bare):
        if sign.isspace() or _punctuation(sign):
            if word:
                words.append(word)
            word = ""
            if not sign.isspace():
                words.append(sign)
        else:
            word += sign
    if word:
        words.append(word)
    return words


def _ideograph(code: int) -> bool:
    return (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x2A6DF
        or 0x2A700 <= code <= 0x2CEAF
        or 0x2F800 <= code <= 0x2FA1F
    )


def _punctuation(sign: str) -> bool:
    code = ord(sign)
    return 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126 or unicodedata.category(sign)[0] == "P"
