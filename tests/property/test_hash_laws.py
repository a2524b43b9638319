"""Laws of content hashes over generated programs: what does not matter never changes one, what matters always does."""

from __future__ import annotations

import re
from random import Random

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rtfs.errors import RtfsError
from rtfs.ir.artefact.container import decode, encode
from rtfs.ir.artefact.definitions import definitions_of
from rtfs.ir.artefact.hashing import program_hash
from rtfs.ir.artefact.program import Program
from rtfs.runtime import Runtime
from rtfs.source import Source, Span
from rtfs.syntax import nodes as ast
from tests.support.artefacts import parts
from tests.support.programs.choices import made_by, seeded
from tests.support.programs.expressions import FUNCTION_NAMES
from tests.support.programs.programs import program

large = settings(suppress_health_check=[*settings.default.suppress_health_check, HealthCheck.large_base_example])
programs = made_by(program)
randoms = st.randoms(use_true_random=False)

#: Strings and comments as wholes, what stands before a form, brackets, blanks, anything else.
_TOKENS = re.compile(r'"(?:\\.|[^"\\])*"|;[^\n]*|~@|[\'`~^#]+|[()\[\]{}]|[\s,]+|[^\s,;"()\[\]{}]+')
_BLANKS = (" ", "\n", "\t ", " , ", " ; a remark (of no weight\n", "  \n\n")


def analysed(text: str) -> Program:
    """
    Raises:
        RtfsError: the text is no program.
    """
    runtime = Runtime(models=None, module_path=[], strategy="tree", on_warning=lambda message, span: None)
    found: Program = runtime._with_program(Source("<text>", text), lambda problem: None, lambda made: made)
    return found


def maybe(text: str) -> Program:
    """The same; a text that is none is no example."""
    try:
        return analysed(text)
    except RtfsError:
        assume(False)
        raise


def reformatted(text: str, random: Random) -> str:
    out = []
    tokens = _TOKENS.findall(text)
    assert "".join(tokens) == text
    for token in tokens:
        if not token.strip(" \t\n,") or token.startswith(";"):
            out.append(random.choice(_BLANKS))
        elif token in ("(", "[", "{"):
            out += [token, random.choice(("", *_BLANKS))]
        elif token in (")", "]", "}"):
            out += [random.choice(("", *_BLANKS)), token]
        else:
            out.append(token)
    return "".join(out)


@large
@given(programs, randoms)
def test_layout_and_comments(pieces: list[str], random: Random) -> None:
    text = "\n".join(pieces)
    made = maybe(text)
    assert program_hash(analysed(reformatted(text, random))) == program_hash(made)


def test_reformatting_does_something() -> None:
    assert reformatted('(f "a  b" ;c\n[1])', Random(1)) != '(f "a  b" ;c\n[1])'
    assert '"a  b"' in reformatted('(f "a  b" [1])', Random(1))


# --- names ---


def with_other_locals(text: str, made: Program) -> str:
    """The text with other names for the locals of which every place is known."""
    uses: dict[ast.Binding, list[Span | None]] = {}
    for form in made.forms:
        for part in parts(form.node):
            if isinstance(part, ast.Local):
                uses.setdefault(part.binding, [part.binding.span]).append(part.span)
    edits: dict[int, tuple[int, str]] = {}
    for number, (binding, places) in enumerate(uses.items()):
        if binding.assigned or any(span is None or text[span.start : span.end] != binding.name for span in places):
            continue
        for span in places:
            assert span is not None
            edits[span.start] = (span.end, f"local-{number}")
    for start in sorted(edits, reverse=True):
        end, name = edits[start]
        text = f"{text[:start]}{name}{text[end:]}"
    return text


@large
@given(programs)
def test_names_of_locals(pieces: list[str]) -> None:
    text = "\n".join(pieces)
    assume("`" not in text and ":keys" not in text and "defmacro" not in text)
    made = maybe(text)
    renamed = with_other_locals(text, made)
    assert program_hash(analysed(renamed)) == program_hash(made), renamed


def test_locals_are_renamed() -> None:
    text = "(defn f [x [a & b]] (let [y (+ x 1)] (loop [i y] (if (> i a) b (recur (inc i))))))"
    assert with_other_locals(text, analysed(text)).count("local-") == 11


@large
@given(programs)
def test_names_of_functions(pieces: list[str]) -> None:
    text = "\n".join(pieces)
    assume("`" not in text and "'" not in text and ":keys" not in text and "defmacro" not in text)
    made = definitions_of(maybe(text))
    names = "|".join(map(re.escape, FUNCTION_NAMES))
    renamed = re.sub(rf"(?<![^\s,()\[\]{{}}@#'])({names})(?![^\s,()\[\]{{}}])", r"\1-renamed", text)
    other = {found.name: found for found in definitions_of(analysed(renamed))}
    for found in made:
        name = f"{found.name}-renamed" if found.name in FUNCTION_NAMES else found.name
        assert (other[name].content, other[name].interface) == (found.content, found.interface)


# --- what matters ---


def literals(made: Program) -> list[Span]:
    """Where small whole numbers stand that are expressions of their own."""
    found = [part.span for form in made.forms for part in parts(form.node) if isinstance(part, ast.Const) and type(part.value) is int]
    return [span for span in found if span is not None and re.fullmatch(r"\d{1,6}", span.source.text[span.start : span.end])]


@large
@given(programs, randoms)
def test_another_number(pieces: list[str], random: Random) -> None:
    text = "\n".join(pieces)
    made = maybe(text)
    places = literals(made)
    assume(places)
    span = random.choice(places)
    changed = f"{text[: span.start]}{int(text[span.start : span.end]) + 1}{text[span.end :]}"
    assert program_hash(maybe(changed)) != program_hash(made), changed


_SWAPS = {"+": "-", "-": "+", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "and": "or", "or": "and", "inc": "dec", "dec": "inc"}


@large
@given(programs, randoms)
def test_another_operator(pieces: list[str], random: Random) -> None:
    text = "\n".join(pieces)
    made = maybe(text)
    tokens = _TOKENS.findall(text)
    places = [i for i, token in enumerate(tokens) if token in _SWAPS and i and tokens[i - 1] == "("]
    assume(places)
    at = random.choice(places)
    changed = "".join([*tokens[:at], _SWAPS[tokens[at]], *tokens[at + 1 :]])
    assume(not re.search(r"defmacro|comment", text))  # what a macro drops is not there
    assert program_hash(maybe(changed)) != program_hash(made), changed


def test_a_change_below_reaches_everything_above() -> None:
    layers = 12
    chain = "(defn f0 [n] (+ n {}))" + "".join([f"(defn f{i} [n] (f{i - 1} n))" for i in range(1, layers)]) + "(defn apart [n] n)"
    one = {found.name: found.content for found in definitions_of(analysed(chain.format(1)))}
    other = {found.name: found.content for found in definitions_of(analysed(chain.format(2)))}
    assert [name for name in one if one[name] == other[name]] == ["apart"]


def test_a_program_that_was_read_back_has_the_same_definitions() -> None:
    for seed in range(30):
        try:
            made = analysed("\n".join(program(seeded(seed))))
        except RtfsError:
            continue
        again = decode(encode(made), "again.rtfc")
        assert [found.replace(span=None, function=None) for found in definitions_of(again)] == [
            found.replace(span=None, function=None) for found in definitions_of(made)
        ]
