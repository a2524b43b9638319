"""Words of English: base forms, synonyms, antonyms, and the closed classes that guards ask about.

Synonyms, antonyms and derivations come from WordNet (`data/lexicon.txt`, made by `benches/semantic_lexicon.py`, licence beside it),
the closed classes from the tables below and `data/classes.txt`.  None of it knows the texts of a program; words that are not in
it are compared by their base forms only.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "data"


class Lexicon:
    """Read once, lazily; safe to share between threads since nothing changes after it was read."""

    def __init__(self, folder: Path = _FOLDER) -> None:
        self.words: set[str] = set()
        self._groups: defaultdict[str, set[int]] = defaultdict(set)
        self._members: dict[int, list[str]] = {}
        self._opposites: defaultdict[str, set[str]] = defaultdict(set)
        self._loose: defaultdict[str, set[str]] = defaultdict(set)
        self._derived: defaultdict[str, set[str]] = defaultdict(set)
        self.classes: defaultdict[str, set[str]] = defaultdict(set)
        """Name of a class of `classes.txt` -> its words."""
        self._exclusive: defaultdict[str, set[int]] = defaultdict(set)
        self._bases: dict[str, str] = {}
        self._read_lexicon((folder / "lexicon.txt").read_text(encoding="ascii"))
        self._read_classes((folder / "classes.txt").read_text(encoding="ascii"))
        self.empty = frozenset({"I"} | self.classes["function"] | self.classes["request"] | self.classes["light"])
        """Words that carry no subject matter of their own."""
        self.base = lru_cache(maxsize=50_000)(self._base)
        self.near = lru_cache(maxsize=20_000)(self._near)

    def _read_lexicon(self, text: str) -> None:
        part = ""
        for number, line in enumerate(text.splitlines()):
            if line[0] == "#":
                part = line[2:]
                continue
            words = line.split()
            self.words.update(words)
            if part == "synonyms":
                self._members[number] = words
                for word in words:
                    self._groups[word].add(number)
            elif part == "words":
                continue
            else:
                table = {"antonyms": self._opposites, "opposed": self._loose, "derived": self._derived}[part]
                table[words[0]].add(words[1])
                table[words[1]].add(words[0])

    def _read_classes(self, text: str) -> None:
        part = ""
        for number, line in enumerate(text.splitlines()):
            line = line.partition(";")[0].strip()
            if not line:
                continue
            if line[0] == "#":
                part = line[2:]
                continue
            words = line.split()
            if part == "opposites":
                self._opposites[words[0]].add(words[1])
                self._opposites[words[1]].add(words[0])
            elif part == "synonyms":
                self._members[-number - 1] = words
                for word in words:
                    self._groups[word].add(-number - 1)
            elif part == "exclusive":
                for word in words:
                    self._exclusive[word].add(number)
            elif part == "forms":
                self._bases.update(dict.fromkeys(words[1:], words[0]))
                self._bases.setdefault(words[0], words[0])
            else:
                self.classes[part].update(words)

    def known(self, word: str) -> bool:
        """Whether a word, in some form, is English as far as this lexicon goes."""
        return word in self.words or word in self._bases or word in self.empty or self.base(word) in self.words

    def _base(self, word: str) -> str:
        """The base form of a lower-case word: `running` -> `run`, `cities` -> `city`; the word itself where no rule
        leads to a known one."""
        given = self._bases.get(word)
        if given is not None:
            return given
        for ending, replacements in _ENDINGS:
            if not word.endswith(ending) or len(word) - len(ending) < 2:
                continue
            stem = word[: -len(ending)]
            for replacement in replacements:
                if stem + replacement in self.words and len(stem + replacement) > 2:
                    return stem + replacement
            if ending not in ("s", "es", "ies") and len(stem) > 3 and stem[-1] == stem[-2] and stem[:-1] in self.words:
                return stem[:-1]
            if word in self.words:
                return word
        if word not in self.words and len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
            return word[:-1]
        return word

    def synonyms(self, a: str, b: str) -> bool:
        """Whether two base forms share a common sense, or are one word in two parts of speech."""
        if a == b or b in self._derived.get(a, ()) or _adverb(a, b) or _adverb(b, a):
            return True
        mine, theirs = self._groups.get(a), self._groups.get(b)
        return mine is not None and theirs is not None and not mine.isdisjoint(theirs)

    def akin(self, a: str, b: str) -> bool:
        """Synonyms, also through one change of part of speech on either side: `deliver`, `delivery`; `billing`, `charge`."""
        return self.synonyms(a, b) or (b in self.near(a) and not self.opposite(a, b))

    def _near(self, word: str) -> frozenset[str]:
        """All words that share a sense with a word, or with it in another part of speech; unlike `akin`, antonyms included."""
        found = {word}
        for form in (word, *self._derived.get(word, ())):
            found.add(form)
            found.update(self._derived.get(form, ()))
            for group in self._groups.get(form, ()):
                found.update(self._members[group])
        for group in self._groups.get(word, ()):
            for member in self._members[group]:
                found.update(self._derived.get(member, ()))
        return frozenset(found)

    def akin_among(self, word: str, others: set[str]) -> list[str]:
        """Those of some words that are akin to a word, sorted; `akin` with each, in time that hardly grows with their number."""
        found = [other for other in self.near(word) & others if self.akin(word, other)]
        adverbs = {f"{word}ly", f"{word[:-1]}ily", f"{word[:-1]}ly", f"{word}ally"} | _stems(word)
        found += [other for other in adverbs & others if other not in found and self.synonyms(word, other)]
        return sorted(found)

    def opposite(self, a: str, b: str) -> bool:
        """Whether two base forms are antonyms, or one is the other with a negating prefix."""
        return b in self._opposites.get(a, ()) or b in self._loose.get(a, ()) or _prefixed(a, b) or _prefixed(b, a)

    def opposites_among(self, word: str, others: set[str]) -> list[str]:
        """Those of some words that are opposite to a word, sorted."""
        found = others & (self._opposites.get(word, set()) | self._loose.get(word, set()))
        for prefix in _NEGATING:
            found |= others & {prefix + word, f"{prefix}-{word}"}
            if word.startswith(prefix):
                found |= others & {word[len(prefix) :].removeprefix("-")}
        return sorted(other for other in found if self.opposite(word, other))

    def excludes(self, word: str) -> bool:
        """Whether a word is of any such set at all; see `exclusive`."""
        return word in self._exclusive

    def exclusive(self, a: str, b: str) -> bool:
        """Whether two different words are of one set of which only one can hold: weekdays, colours, directions."""
        if a == b:
            return False
        mine = self._exclusive.get(a)
        return mine is not None and not mine.isdisjoint(self._exclusive.get(b, ()))

    def in_class(self, name: str, word: str) -> bool:
        return word in self.classes[name]


#: Endings, longest first among those that overlap, and what stands in their place in the base form.
_ENDINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("iest", ("y",)),
    ("ies", ("y", "ie")),
    ("ied", ("y", "ie")),
    ("ier", ("y",)),
    ("ing", ("", "e")),
    ("est", ("", "e")),
    ("ed", ("", "e")),
    ("es", ("e", "")),
    ("s", ("",)),
)
_NEGATING = ("un", "in", "im", "ir", "il", "dis", "non", "mis", "de", "a", "anti", "counter")


def _prefixed(longer: str, shorter: str) -> bool:
    if len(shorter) < 4 or len(longer) <= len(shorter) or not longer.endswith(shorter):
        return False
    return longer[: -len(shorter)].rstrip("-") in _NEGATING


def _adverb(longer: str, shorter: str) -> bool:
    """`safely`, `safe`; `easily`, `easy`."""
    if not longer.endswith("ly"):
        return False
    stem = longer[:-2]
    return (
        stem == shorter
        or stem + "e" == shorter
        or (stem.endswith("i") and stem[:-1] + "y" == shorter)
        or stem.removesuffix("al") == shorter
    )


def _stems(adverb: str) -> set[str]:
    """What an adverb may be made of."""
    if not adverb.endswith("ly"):
        return set()
    stem = adverb[:-2]
    return {stem, stem + "e", stem.removesuffix("i") + "y", stem.removesuffix("al")}


@lru_cache(maxsize=1)
def english() -> Lexicon:
    """The lexicon that comes with RTFS; reading it takes some tens of milliseconds, once."""
    return Lexicon()
