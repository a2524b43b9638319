"""Gather about a million distinct real short texts to measure the index of the semantic cache with.

    python -m benches.semantic_texts FOLDER [--data FOLDER] [--most 1100000]

Needs a Debian or Ubuntu system (`apt-get download`, `dpkg-deb`) and, for two small sources, `pip`.  Nothing is installed, and no
text is kept in this repository.  FOLDER gets `texts.txt` (one a line, shuffled with a fixed seed), `spoken.txt` (the same as the
cache embeds them: numbers, quotes and codes masked) and `sources.json` (how many texts each source gave).

Sources and licences:

| source | what | licence |
|---|---|---|
| `--data` | BANKING77 (CC BY 4.0), CheckList and GPTCache pairs (MIT), RouteLLM's prompts (Apache-2.0), reviews (MIT) | as named |
| `bfcl-eval` | what users asked of tools, Berkeley function calling leaderboard | Apache-2.0 |
| `chatterbot-corpus` | lines of conversations | BSD-3-Clause |
| Debian's package descriptions | bookworm, trixie, sid | that of each package |
| `wordnet-base` | glosses and example sentences | WordNet's licence (BSD-like) |
| `dict-gcide`, `dict-foldoc`, `dict-jargon`, `dict-devil`, `dict-vera` | definitions and quotations | GPL, GFDL, public domain |
| `fortunes`, `fortunes-min` | sayings | BSD |
| documentation in Debian | sentences of manuals: see `MANUALS` | free, that of each package |

A text is 15 to 120 signs, three words or more, and mostly letters; two that differ in case, spaces or what is masked count once.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import html.parser
import io
import json
import random
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from rtfs.caching.semantic.masking import mask

SUITES = ("bookworm", "trixie", "sid")
DICTIONARIES = ("dict-gcide", "dict-foldoc", "dict-jargon", "dict-devil", "dict-vera")
MANUALS = (
    "manpages", "manpages-dev", "python3.11-doc", "perl-doc", "libreoffice-help-en-us", "gnome-user-docs", "anarchism",
    "debian-handbook", "debian-reference-en", "developers-reference", "installation-guide-amd64", "aptitude-doc-en", "debian-faq",
    "linux-doc-6.1", "postgresql-doc-15", "git-doc", "openjdk-17-doc", "rust-doc", "r-doc-html", "octave-doc", "maxima-doc",
    "qtbase5-doc-html", "sqlite3-doc", "lilypond-doc-html", "python-django-doc", "python-pandas-doc", "python-sqlalchemy-doc",
    "racket-doc", "erlang-doc", "gnuplot-doc", "bash-doc", "libboost1.74-doc", "zsh-doc", "libgtk-3-doc", "lynx-common",
    "exim4-doc-html", "apache2-doc", "cmake-doc", "kicad-doc-en", "grass-doc", "gimp-help-en", "python-sympy-doc",
    "python-scipy-doc", "inkscape-tutorials", "vim-doc", "mercurial-common", "ansible",
)  # fmt: skip

_END = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[\"'(]?[A-Z0-9])")
_SPACE = re.compile(r"\s+")
_MARKUP = re.compile(r"[_{}<>|\\=@#*^~`\[\]]|::|\(\)|https?:|\.\.|--|://|\s/|->")
_SMALL = (
    "a an the of to in is are was were be it that this for with on by from as at or and not you your i he she his they we how what"
    " when where why who which can do does if has have my may"
)
_COMMON = frozenset(_SMALL.split())
#: Elements that a sentence goes on through.
_INLINE = (
    "a b i em strong span tt var cite small sub sup u abbr q gui guiseq app key keyseq link sys file input cmd dfn kbd samp"
    " acronym font emphasis"
)


# --- one text ---


def sentences(paragraph: str) -> Iterator[str]:
    yield from _END.split(_SPACE.sub(" ", paragraph).strip())


def fit(text: str, *, whole: bool = True) -> bool:
    """Whether it is a text that a person could type; `whole`: as a sentence, with at least one of the small words of English."""
    if not 15 <= len(text) <= 120 or _MARKUP.search(text) or not text.isascii():
        return False
    words = text.split()
    letters = sum(sign.isalpha() or sign == " " for sign in text)
    if len(words) < 3 or letters < 0.88 * len(text) or sum(word.isupper() for word in words) > len(words) // 3:
        return False
    return not whole or (text[0].isalnum() and any(word.lower() in _COMMON for word in words))


# --- readers: the bytes of a file to paragraphs ---


class _Blocks(html.parser.HTMLParser):
    """Paragraphs of HTML, Mallard or DocBook: code is left out."""

    LEFT_OUT = frozenset(["script", "style", "pre", "code", "head", "screen", "table", "nav", "svg", "programlisting"])
    INLINE = frozenset(_INLINE.split())

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[str] = []
        self._text: list[str] = []
        self._hidden = 0

    def _flush(self) -> None:
        if self._text:
            self.blocks.append("".join(self._text))
            self._text = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in self.LEFT_OUT:
            self._hidden += 1
            self._text.append(" _ ")  # a sentence with code in it is not one that is wanted
        elif tag not in self.INLINE:
            self._flush()

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        return

    def handle_endtag(self, tag: str) -> None:
        if tag in self.LEFT_OUT:
            self._hidden = max(0, self._hidden - 1)
        elif tag not in self.INLINE:
            self._flush()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._text.append(data)


def of_html(text: str) -> Iterator[str]:
    parser = _Blocks()
    parser.feed(text)
    yield from parser.blocks


def of_man(text: str) -> Iterator[str]:
    lines: list[str] = []
    for line in text.splitlines():
        if re.match(r"\.(B|I|BR|IR|RB|RI|BI|IB)\s", line):
            line = line.split(None, 1)[1].replace('"', "") if " " in line.strip() else ""
        elif line.startswith((".", "'")):
            yield " ".join(lines)
            lines = []
            continue
        lines.append(re.sub(r"\\f.|\\&|\\c", "", line).replace("\\-", "-").replace("\\(aq", "'"))
    yield " ".join(lines)


def of_plain(text: str) -> Iterator[str]:
    """Paragraphs between empty lines; what is indented, or begins with a sign, is code or a heading."""
    for block in re.split(r"\n\s*\n", text):
        if block[:1].isalpha():
            yield block


def of_dictionary(text: str) -> Iterator[str]:
    text = re.sub(r"\[[^\]]{1,60}\]|--[A-Z][\w. ]{1,40}|^\s*(?:Note|Syn|Ant):", "", text, flags=re.M)
    for block in re.split(r"\n\s*\n|\n(?=\S)|\n\s+(?=\d+\.\s|\([a-z]\)\s)", text):
        block = re.sub(r"^\s*(?:\d+\.|\([a-z]\))\s*", "", re.sub(r"[{}]", "", block))
        yield from re.split(r"[;:]\s(?:as,\s)?", block)


def of_wordnet(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if "|" in line and not line.startswith(" "):
            for part in line.split("|", 1)[1].split(";"):
                yield part.strip().strip('"')


def of_fortunes(text: str) -> Iterator[str]:
    yield from re.split(r"\n%\n|\n\s*--|\n\n", text)


Reader = Callable[[str], Iterator[str]]


def reader(package: str, path: str) -> Reader | None:
    """How a file of a package is read; None: not at all."""
    if package in DICTIONARIES:
        return of_dictionary if path.endswith(".dict.dz") else None
    if package == "wordnet-base":
        return of_wordnet if re.search(r"/data\.(noun|verb|adj|adv)$", path) else None
    if package.startswith("fortunes"):
        return of_fortunes if "/games/fortunes/" in path and "." not in path.rsplit("/", 1)[1] else None
    if re.search(r"/(changelog|copyright|genindex|searchindex|contents\.html|NEWS)", path):
        return None
    # other languages
    if re.search(r"/html/(?!en)[a-z]{2}[-/]", path):
        return None
    if re.search(r"/help/(?!C/|en)[\w@]+/|/html/[a-z]{2}-[A-Z]{2}/", path) and "/en-US/" not in path:
        return None
    if re.search(r"\.(x?html?|page|docbook)(\.gz)?$", path):
        return of_html
    if re.search(r"/man/man\d/[^/]+$", path):
        return of_man
    if re.search(r"\.(pod|rst|txt)(\.gz)?$", path) and "searchindex" not in path:
        return of_plain
    return None


# --- sources ---


def of_package(archive: Path, package: str) -> Iterator[str]:
    """Paragraphs of all that can be read in a package of Debian."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE) as unpacking:
        assert unpacking.stdout is not None
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as files:
            for member in files:
                read = reader(package, member.name) if member.isfile() else None
                if read is None or (stream := files.extractfile(member)) is None:
                    continue
                data = stream.read()
                if data[:2] == b"\x1f\x8b":
                    data = gzip.decompress(data)
                yield from read(data.decode("utf-8", "replace"))


def descriptions(folder: Path) -> Iterator[str]:
    """Short and long descriptions of all packages of Debian, from lists of its own beside the system's."""
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    sources = folder / "sources.list"
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    sources.write_text("".join(f"deb [signed-by={keys}] http://deb.debian.org/debian {suite} main contrib\n" for suite in SUITES))
    options = {"Dir::State::Lists": lists, "Dir::Etc::SourceList": sources, "Dir::Etc::SourceParts": "/dev/null"}
    chosen = [f"-o{name}={value}" for name, value in options.items()]
    subprocess.run(["apt-get", "-qq", *chosen, "-oAcquire::Languages=en", "update"], check=True)
    for path in sorted(lists.glob("*Translation-en*")):
        shown = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", str(path)], stdout=subprocess.PIPE, check=True)
        for entry in shown.stdout.decode("utf-8", "replace").split("\n\n"):
            head, _, body = entry.partition("\nDescription-en: ")
            first, _, rest = body.partition("\n")
            if head and first:
                yield first
                yield from (part for part in rest.split("\n .\n") if not part.lstrip().startswith(("*", "-", "+")))


def own(data: Path) -> Iterator[tuple[str, str]]:
    """(source, text) of the development data."""
    for name, column in (("banking77/train.csv", "text"), ("routing/outcomes.csv", "prompt")):
        if (data / name).is_file():
            with (data / name).open(encoding="utf-8", newline="") as stream:
                for row in csv.DictReader(stream):
                    yield from ((name, text) for text in sentences(row[column]))
    for name in ("semantic/checklist_dev.jsonl", "semantic/pairs_dev.jsonl"):
        if (data / name).is_file():
            for line in (data / name).read_text(encoding="utf-8").splitlines():
                found = json.loads(line)
                yield from ((name, found[side]) for side in "ab" if side in found)
    name = "semantic/gptcache_mock_pairs.json"
    if (data / name).is_file():
        for pair in json.loads((data / name).read_text(encoding="utf-8")):
            yield from ((name, pair[side]) for side in ("origin", "similar"))
    name = "reviews/amazon_snippets.tsv"
    if (data / name).is_file():
        for line in (data / name).read_text(encoding="utf-8").splitlines():
            yield name, line.rsplit("\t", 1)[1]


def wheels(folder: Path) -> Iterator[tuple[str, str]]:
    """(source, text) of two packages of PyPI."""
    for name in ("bfcl-eval", "chatterbot-corpus"):
        subprocess.run([sys.executable, "-m", "pip", "-q", "download", "--no-deps", "-d", str(folder), name], check=False)
    for path in folder.glob("bfcl_eval-*.whl"):
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if "/data/" in member and member.endswith(".json") and "answer" not in member:
                    found = re.findall(r'"role": "user", "content": ("(?:[^"\\]|\\.)*")', archive.read(member).decode())
                    for text in found:
                        yield from (("bfcl-eval", sentence) for sentence in sentences(json.loads(text)))
    for path in folder.glob("chatterbot_corpus-*.whl"):
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if "/english/" in member:
                    for line in io.StringIO(archive.read(member).decode()):
                        yield from (("chatterbot-corpus", text) for text in sentences(line.lstrip(" -")))


def everything(folder: Path, data: Path | None) -> Iterator[tuple[str, str, bool]]:
    """(source, text, whether it has to be a sentence)."""
    packages = folder / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    if data is not None:
        yield from ((source, text, False) for source, text in own(data))
    yield from ((source, text, False) for source, text in wheels(packages))
    for paragraph in descriptions(folder):
        yield from (("package descriptions", text, False) for text in sentences(paragraph))
    for package in ("wordnet-base", *DICTIONARIES, "fortunes", "fortunes-min", *MANUALS):
        if not list(packages.glob(f"{package}_*.deb")):
            subprocess.run(["apt-get", "-qq", "download", package], cwd=packages, check=False, stderr=subprocess.DEVNULL)
        for archive in packages.glob(f"{package}_*.deb"):
            for paragraph in of_package(archive, package):
                yield from ((package, text, package != "wordnet-base") for text in sentences(paragraph))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, help="folder with banking77, routing, semantic, reviews")
    parser.add_argument("--most", type=int, default=1_100_000)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    kept: list[tuple[str, str]] = []
    counts: dict[str, int] = {}
    for source, text, whole in everything(options.folder, options.data):
        text = text.strip()
        if not fit(text, whole=whole):
            continue
        spoken = mask(text).spoken()
        key = re.sub(r"\W+", " ", spoken.casefold()).strip()
        if len(spoken) < 15 or key in seen:
            continue
        seen.add(key)
        kept.append((text, spoken))
        if source not in counts:
            print(source, len(kept), flush=True)
        counts[source] = counts.get(source, 0) + 1
    random.Random(0).shuffle(kept)
    del kept[options.most :]
    for name, at in (("texts.txt", 0), ("spoken.txt", 1)):
        (options.folder / name).write_text("".join(f"{_SPACE.sub(' ', pair[at])}\n" for pair in kept), encoding="utf-8")
    asked = sum(text.endswith("?") for text, _ in kept)
    (options.folder / "sources.json").write_text(json.dumps(counts, indent=1) + "\n")
    print(f"{sum(counts.values())} texts of {len(counts)} sources, {len(kept)} kept, {asked} of them questions")


if __name__ == "__main__":
    main()
