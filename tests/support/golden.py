"""Golden files: RTFS programs whose comments say what they give.

    ;; flags: --allow io.* --max-steps 1000          on the first line: options of every runtime of the file
    (let [x 1] (+ x 1))             ;=> 2            the value of the form that ends on this line, as it reads back
    (println "hi")                  ;>> hi           a line that it prints (or logs)
    (nth [1] 5)                     ;!! IndexOutOfBounds "index 5"     its error: kind or code, and a part of the message
    ;; ---                                           starts afresh

A marker on a line of its own belongs to the form before it, so one form can have several.  An error is expected on the line
it points to; unexpected values are fine, unexpected output and errors are not.  After an error the next form runs in the same
runtime.  Lines count from the top of the file.

Markers come from the lexer of the reference grammar, never from a search in the text, so a `;=>` inside a string is a string.
With RTFS_UPDATE=1 the runner rewrites the expectations of every form that has any; a bare `;=>` asks for one.
"""

from __future__ import annotations

import io
import shlex
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters

from rtfs.config import STRATEGIES, Limits
from rtfs.errors import KINDS, ParseError, RtfsError
from rtfs.runtime import Runtime
from rtfs.source import Source
from rtfs.syntax.reader import read_forms
from rtfs.syntax.reference import grammar_folder, read_with_lark
from rtfs.values.equality import equal
from rtfs.values.forms import MetaForm
from rtfs.values.maps import Map
from rtfs.values.printing import to_readable
from rtfs.values.sequences import Sequence
from tests.support.programs.running import EVALUATORS, LIMITS, Evaluator, at_once, place_of, use

SIGNS = (";=>", ";>>", ";!!")
FOLDER = Path(__file__).parents[1] / "golden"


# --- comments --------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _lexer() -> tuple[Lark, list[Token]]:
    comments: list[Token] = []

    def keep(token: Token) -> Token:
        comments.append(token)
        return token

    grammar = grammar_folder() / "rtfs.lark"
    lark = Lark(
        grammar.read_text(encoding="utf-8"),
        start="program",
        parser="lalr",
        lexer="basic",
        lexer_callbacks={"LINE_COMMENT": keep},
        source_path=str(grammar),
        import_paths=[str(grammar.parent)],
    )
    return lark, comments


def line_comments(text: str) -> list[tuple[int, str]]:
    """(offset, text) of every line comment; where the lexer is stuck it goes on one character later, so that the comments of
    unreadable programs are found too."""
    lark, comments = _lexer()
    found: list[tuple[int, str]] = []
    at = 0
    while at < len(text):
        comments.clear()
        stuck = None
        try:
            for _ in lark.lex(text[at:]):
                pass
        except UnexpectedCharacters as error:
            stuck = error.pos_in_stream
        found += [(at + int(token.start_pos or 0), str(token)) for token in comments]
        if stuck is None:
            break
        at += stuck + 1
    return found


# --- files, chunks, forms --------------------------------------------------------------------


@dataclass
class Marker:
    file: str
    line: int
    sign: str
    text: str


@dataclass
class Chunk:
    """A part of a golden file that runs in a runtime of its own; its text is padded so that its lines count from the top."""

    path: Path
    first_line: int
    text: str
    flags: list[str]
    markers: list[Marker] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"{self.path.stem}:{self.first_line}"


@dataclass
class Outcome:
    """What a form gave: readable value or error, and the lines it printed."""

    value: str | None
    output: list[str]
    error: RtfsError | None


def split_file(path: Path) -> list[Chunk]:
    """The chunks of a golden file, with their markers."""
    lines = path.read_text(encoding="utf-8").split("\n")
    flags = shlex.split(lines[0].removeprefix(";; flags:")) if lines[0].startswith(";; flags:") else []
    cuts = [0, *(i + 1 for i, line in enumerate(lines) if line.strip() == ";; ---"), len(lines) + 1]
    chunks = []
    for start, stop in pairwise(cuts):
        body = "\n".join(lines[start : stop - 1])
        if not body.strip():
            continue
        chunk = Chunk(path, start + 1, "\n" * start + body, flags)
        for offset, comment in line_comments(chunk.text):
            if comment[:3] in SIGNS:
                chunk.markers.append(Marker(path.name, chunk.text.count("\n", 0, offset) + 1, comment[:3], comment[3:].strip()))
        chunks.append(chunk)
    return chunks


def form_places(text: str, name: str = "<golden>") -> list[tuple[int, int]]:
    """The offsets of the top-level forms of a readable text; raises ParseError like the reader."""
    read_forms(Source(name, text))
    (whole,) = read_forms(Source("<golden>", f"({text}\n)"))
    offsets = whole.where[3]
    return [(offsets[i] - 1, offsets[i + 1] - 1) for i in range(0, len(offsets), 2)]


# --- running ---------------------------------------------------------------------------------


class Program:
    """A runtime made from the flags of a file, with its output caught.

    Args:
        strategy: one of the runtime's, or a name from `support.programs.running.EVALUATORS`.
    """

    def __init__(self, flags: list[str], strategy: str, folder: Path, cache: Path | None = None) -> None:
        options: dict[str, Any] = {"models": None, "module_path": [folder / "modules"], "environ": {}, "cache": cache}
        limits: dict[str, Any] = {}
        words = iter(flags)
        for flag in words:
            value = next(words)
            if flag in ("--allow", "--deny", "--read", "--write"):
                shown = str(folder) if value == "HERE" else value
                options.setdefault(flag[2:], []).append(shown)
            elif flag == "--models" and value == "echo":
                from rtfs.models.echo import EchoProvider
                from rtfs.models.registry import ModelRegistry

                options["models"] = ModelRegistry()
                options["models"].register("echo", EchoProvider)
            elif flag == "--max-steps":
                limits["max_steps"] = int(value)
            elif flag == "--depth":
                limits["max_depth"] = int(value)
            elif flag == "--profile":
                options["profile"] = value
            elif flag == "--context":
                name, _, text = value.partition("=")
                options.setdefault("context", {})[name] = text
            else:
                raise ValueError(f"unknown flag {flag}")
        self.output = io.StringIO()
        evaluator = EVALUATORS.get(strategy, Evaluator(None, native=True))
        for name in ("max_steps", "timeout_s", "max_memory_bytes"):
            limits.setdefault(name, getattr(evaluator.limits, name))
        self.runtime = Runtime(
            strategy=strategy if strategy in STRATEGIES else "ir",
            limits=Limits(**limits),
            stdout=self.output,
            stderr=self.output,
            native=evaluator.native,
            on_warning=lambda message, span: None,
            **options,
        )
        if evaluator.make is not None:
            use(self.runtime, evaluator.make)

    def run(self, source: Source) -> Outcome:
        self.output.seek(0)
        self.output.truncate()
        value, failure = None, None
        try:
            value = to_readable(self.runtime.run_source(source))
        except RtfsError as error:
            failure = error
        lines = self.output.getvalue().split("\n")
        lines = [line.rstrip() for line in lines]
        return Outcome(value, lines[:-1] if lines[-1] == "" else lines, failure)


def run_chunk(chunk: Chunk, strategy: str, *, printed: bool = False) -> list[Outcome]:
    """The outcome of every form; `printed`: each form is printed and read again before it runs.

    Both take the text of one form at a time, so that an error in one does not hide the others.
    """
    program = Program(chunk.flags, strategy, chunk.path.parent)
    outcomes = []
    for start, end in form_places(chunk.text, chunk.path.name):
        if printed:
            (form,) = read_forms(Source("<form>", chunk.text[start:end]))
            source = Source("<printed>", to_readable(form))
            (again,) = read_forms(source)
            assert to_readable(again) == source.text
            assert equal(form, again) or "##NaN" in source.text, f"{source.text} reads back as another form"
        else:
            line, column = Source("", chunk.text).position(start)
            source = Source(chunk.path.name, "\n" * (line - 1) + " " * (column - 1) + chunk.text[start:end])
        outcomes.append(program.run(source))
    return outcomes


# --- comparing -------------------------------------------------------------------------------


def check_chunk(chunk: Chunk, strategy: str) -> None:
    """Run a chunk and compare; everything a golden program does beyond what it shows is checked here too."""
    check_readers(chunk.text)
    try:
        places = form_places(chunk.text, chunk.path.name)
    except ParseError as error:
        _check_parse_error(chunk, error)
        return
    outcomes = run_chunk(chunk, strategy)
    owned = owned_markers(chunk, places)
    problems = []
    for (start, end), outcome, markers in zip(places, outcomes, owned, strict=True):
        problems += _compare(chunk, chunk.text[start:end], _lines(chunk, start, end), outcome, markers)
    assert not problems, "\n".join(problems)

    again = run_chunk(chunk, strategy, printed=True)
    for (start, end), first, second in zip(places, outcomes, again, strict=True):
        where = f"{chunk.path.name}: {chunk.text[start:end]} printed and read again"
        assert _summary(first) == _summary(second), where


def check_evaluator(chunk: Chunk, name: str) -> None:
    """Run a readable chunk on an evaluator of `support.programs.running`, which has to do what the tree does, places included."""
    try:
        places = form_places(chunk.text, chunk.path.name)
    except ParseError:
        return
    expected = _outcomes_of_tree(chunk.path, chunk.first_line, tuple(chunk.flags), chunk.text)
    with at_once() if EVALUATORS[name].native else nullcontext():
        found = run_chunk(chunk, name)
    for (start, end), first, second in zip(places, expected, found, strict=True):
        where = f"{chunk.path.name}: {chunk.text[start:end]}"
        assert _summary(second) == _summary(first), where
        if first.error is not None and second.error is not None and first.error.kind not in LIMITS:
            assert place_of(second.error) == place_of(first.error), where


@lru_cache(maxsize=4)
def _outcomes_of_tree(path: Path, first_line: int, flags: tuple[str, ...], text: str) -> list[Outcome]:
    return run_chunk(Chunk(path, first_line, text, list(flags)), "tree")


def _summary(outcome: Outcome) -> Any:
    error = outcome.error
    return outcome.value, outcome.output, None if error is None else (error.kind, error.message)


def owned_markers(chunk: Chunk, places: list[tuple[int, int]]) -> list[list[Marker]]:
    """The markers of each form: those on its lines and on the lines without a form after it."""
    source = Source("", chunk.text)
    firsts = [source.position(start)[0] for start, _ in places]
    lasts = [source.position(end - 1)[0] for _, end in places]
    owned: list[list[Marker]] = [[] for _ in places]
    for marker in chunk.markers:
        candidates = [i for i in range(len(places)) if firsts[i] <= marker.line]
        assert candidates, f"{chunk.path.name}:{marker.line}: no form for {marker.sign}"
        ended = [i for i in candidates if lasts[i] == marker.line]
        owned[(ended or candidates)[-1]].append(marker)
    return owned


def _lines(chunk: Chunk, start: int, end: int) -> range:
    source = Source("", chunk.text)
    return range(source.position(start)[0], source.position(end - 1)[0] + 1)


def _compare(chunk: Chunk, form: str, lines: range, outcome: Outcome, markers: list[Marker]) -> list[str]:
    problems = []

    def problem(line: int, expected: str, got: str) -> None:
        problems.append(f"{chunk.path.name}:{line}: {form}\n  expected {expected}\n  got      {got}")

    line = markers[0].line if markers else 0
    values = [m for m in markers if m.sign == ";=>"]
    printed = [m.text for m in markers if m.sign == ";>>"]
    errors = [m for m in markers if m.sign == ";!!"]
    error = outcome.error
    if error is not None:
        if not errors:
            problem(line, values[0].text if values else "no error", _described(error))
        elif not matches(errors[0], error, lines):
            problem(errors[0].line, errors[0].text, _described(error))
    elif errors:
        problem(errors[0].line, errors[0].text, f"the value {outcome.value}")
    elif values and values[0].text != outcome.value:
        problem(values[0].line, values[0].text, str(outcome.value))
    if printed != outcome.output:
        problem(line, f"the output {printed}", str(outcome.output))
    return problems


def _described(error: RtfsError) -> str:
    line = f" on line {error.span.line}" if error.span else ""
    return f'{_name(error)} "{error.message}"{line}'


def _name(error: RtfsError) -> str:
    return KINDS[error.kind][0] if error.kind in KINDS else f":{error.kind}"


def matches(marker: Marker, error: RtfsError, lines: range) -> bool:
    """Whether an error is the one that a `;!!` marker tells: kind or code, part of the message, and the line, if it points into
    the form on `lines` and the marker stands there too."""
    kind, _, rest = marker.text.partition(" ")
    fragment = rest.strip()[1:-1]
    if kind not in (error.code, _name(error), ":" + error.kind) or fragment not in error.message:
        return False
    span = error.span
    if span is None or span.source.name != marker.file or span.line not in lines or marker.line not in lines:
        return True
    return span.line == marker.line


def _check_parse_error(chunk: Chunk, error: ParseError) -> None:
    errors = [m for m in chunk.markers if m.sign == ";!!"]
    assert errors, f"{chunk.path.name}: {_described(error)}"
    assert len(chunk.markers) == 1, f"{chunk.path.name}:{errors[0].line}: an unreadable chunk gives nothing but its error"
    assert matches(errors[0], error, range(1, sys.maxsize)), (
        f"{chunk.path.name}:{errors[0].line}: {errors[0].text}: got {_described(error)}"
    )


# --- both readers ----------------------------------------------------------------------------

#: What the fast reader refuses and the grammar cannot: `#()` inside `#()`, and nesting beyond its limits.
ONLY_FAST = ("cannot stand inside another", "nested more than")


def check_readers(text: str) -> None:
    """Both readers give the same forms at the same places, or both refuse."""
    source = Source("<both>", text)
    fast = slow = None
    try:
        fast = read_forms(source)
    except ParseError as error:
        if any(part in error.message for part in ONLY_FAST):
            return
    try:
        slow = read_with_lark(source)
    except ParseError:
        pass
    assert (fast is None) == (slow is None), f"only the {'fast' if fast is None else 'reference'} reader refuses {text!r}"
    if fast is None or slow is None:
        return
    assert len(fast) == len(slow)
    for a, b in zip(fast, slow, strict=True):
        assert equal(a, b) or "NaN" in text, f"{to_readable(a)} and {to_readable(b)} of {text!r}"
        assert places_of(a) == places_of(b), f"the places of {text!r} differ"


def places_of(form: Any) -> list[Any]:
    """(start, end, offsets of children) of every form that knows its place, in order."""
    found: list[Any] = []
    stack = [form]
    while stack:
        item = stack.pop()
        where = getattr(item, "where", None)
        found.append(None if where is None else where[1:])
        stack.extend(reversed(children_of(item)))
    return found


def children_of(form: Any) -> list[Any]:
    if isinstance(form, Sequence):
        return form.items()
    if type(form) is Map:
        return [x for entry in form.items() for x in entry]
    return [form.meta, form.form] if type(form) is MetaForm else []


# --- updating --------------------------------------------------------------------------------


def updated(path: Path, strategy: str) -> str:
    """The file with the expectations that its programs meet today; read the difference before keeping it."""
    lines = path.read_text(encoding="utf-8").split("\n")
    inserted: dict[int, list[str]] = {}
    gone: set[int] = set()
    for chunk in split_file(path):
        try:
            places = form_places(chunk.text, chunk.path.name)
        except ParseError as error:
            met = chunk.markers and matches(chunk.markers[0], error, range(1, sys.maxsize))
            if chunk.markers and error.span is not None and not met:
                _replace(lines, error.span.line, chunk.markers, [f";!! {_name(error)} {_quoted(error)}"], inserted, gone)
            continue
        source = Source("", chunk.text)
        outcomes = run_chunk(chunk, strategy)
        for (start, end), outcome, markers in zip(places, outcomes, owned_markers(chunk, places), strict=True):
            span = _lines(chunk, start, end)
            if not _compare(chunk, chunk.text[start:end], span, outcome, markers) and all(m.text for m in markers):
                continue
            expected = [f";>> {line}".rstrip() for line in outcome.output]
            line = source.position(end - 1)[0]
            if outcome.error is not None:
                expected.append(f";!! {_name(outcome.error)} {_quoted(outcome.error)}")
                place = outcome.error.span
                if place is not None and place.source.name == path.name and place.line in span and not outcome.output:
                    line = place.line
            elif any(m.sign == ";=>" for m in markers) or not expected:
                expected.append(f";=> {outcome.value}")
            _replace(lines, line, markers, expected, inserted, gone)
    out = []
    for number, text in enumerate(lines, 1):
        if number not in gone:
            out.append(text)
        out += inserted.get(number, [])
    return "\n".join(out)


def _quoted(error: RtfsError) -> str:
    return f'"{error.message}"'.replace("\n", " ")


def _replace(
    lines: list[str], line: int, markers: list[Marker], expected: list[str], inserted: dict[int, list[str]], gone: set[int]
) -> None:
    column = 0
    for marker in markers:
        text = lines[marker.line - 1]
        at = max(text.rfind(sign) for sign in SIGNS)
        for offset, comment in line_comments(text):
            if comment[:3] in SIGNS:
                at = offset
        column = column or at
        rest = text[:at].rstrip()
        lines[marker.line - 1] = rest
        if not rest:
            gone.add(marker.line)
    code = lines[line - 1]
    column = max(column, len(code) + 2) if code else column
    lines[line - 1] = f"{code.ljust(column)}{expected[0]}"
    gone.discard(line)
    if len(expected) > 1:
        inserted[line] = [" " * column + text for text in expected[1:]]
