"""Types to GBNF: what a grammar admits is JSON of the type, to the last bound; no type ends the process."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtfs.models.grammar import grammar_for, json_of
from rtfs.models.grammar_bounds import NotExpressible, bounds, decimals, integer_range, integers, quoted
from rtfs.types.coercion import coerce_data
from rtfs.types.matching import matches
from rtfs.types.nodes import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    KEYWORD,
    NEVER,
    NIL,
    NUMBER,
    STRING,
    SYMBOL,
    ArrayType,
    Entry,
    EnumType,
    FunctionType,
    IntersectionType,
    MapOfType,
    Predicate,
    Primitive,
    RecordType,
    RefinedType,
    ResourceType,
    StreamType,
    TupleType,
    Type,
    TypeRef,
    UnionType,
    VectorType,
    union,
)
from rtfs.values.scalars import Keyword, kw
from tests.support.tiny_gguf import write_tiny_gguf

llama_cpp = pytest.importorskip("llama_cpp")

from rtfs.models.llama_decoding import Grammar, InvalidGrammar, write  # noqa: E402
from rtfs.models.llama_limits import CallLimit  # noqa: E402
from rtfs.models.llama_pool import Pool, open_pool, release_pool  # noqa: E402
from rtfs.models.llama_weights import Loading  # noqa: E402

TREE = RecordType((Entry(kw("value"), INT), Entry(kw("children"), VectorType(TypeRef("Tree")))))
CHAIN = RecordType((Entry(kw("next"), UnionType((TypeRef("Chain"), NIL))), Entry(kw("name"), STRING, True)))
ALIASES: dict[str, Type] = {"Tree": TREE, "Chain": CHAIN, "Loop": VectorType(TypeRef("Loop"))}


def refined(base: Type, *predicates: tuple[Any, ...]) -> RefinedType:
    return RefinedType(base, tuple(Predicate(p[0], tuple(p[1:])) for p in predicates))


TYPES: list[Type] = [
    INT, FLOAT, BOOL, NIL, STRING, KEYWORD, SYMBOL, ANY, NUMBER,
    *(Primitive(name) for name in ("timestamp", "uuid", "vector", "list", "map")),
    EnumType((kw("red"), "green", 3, 2.5, True, None)),
    EnumType(('"', "\\", "a]b", "a\nb", "x\x00y", "\x7f", "{{", "é", "日本", "")),
    VectorType(INT), VectorType(STRING), VectorType(VectorType(BOOL)), VectorType(NEVER),
    refined(VectorType(INT), ("min-count", 2), ("max-count", 3)), refined(VectorType(STRING), ("non-empty",)),
    refined(VectorType(BOOL), ("count", 4)),
    TupleType((INT, STRING, BOOL)), TupleType(()), ArrayType(INT, (2, None)), ArrayType(BOOL, (2, 2)), ArrayType(INT, ()),
    RecordType((Entry(kw("a"), INT), Entry("b c", BOOL), Entry(7, NIL))),
    RecordType((Entry(kw("a"), INT, True), Entry(kw("b"), BOOL, True), Entry(kw("c"), NIL, True))),
    RecordType((Entry(kw("a"), BOOL), Entry(kw("b"), INT, True), Entry(kw("f"), FunctionType((), None, INT), True))),
    RecordType(()), RecordType((Entry(kw('q"\\'), INT),)),
    MapOfType(STRING, INT), MapOfType(KEYWORD, BOOL), MapOfType(INT, BOOL), MapOfType(EnumType((kw("x"), kw("y"))), INT),
    MapOfType(UnionType((STRING, KEYWORD)), BOOL),
    union(INT, NIL), UnionType((STRING, INT, VectorType(INT))), UnionType((INT, FunctionType((), None, INT))),
    refined(INT, (">=", 0), ("<", 100)), refined(INT, (">", -5), ("<=", 5)), refined(INT, (">=", 1000)), refined(INT, ("<", -3)),
    refined(INT, ("in-range", 17, 4321)), refined(INT, ("=", 42)), refined(INT, (">=", 0.5), ("<=", 9.5)), refined(INT, ("!=", 3)),
    refined(FLOAT, (">=", 0), ("<=", 1)), refined(FLOAT, (">", 0), ("<", 1)), refined(FLOAT, ("in-range", -2.5, 10.125)),
    refined(FLOAT, (">", 1e-9), ("<", 2e-9)), refined(FLOAT, (">=", 5)), refined(FLOAT, ("<", -1)), refined(FLOAT, (">", 1e300)),
    refined(NUMBER, ("in-range", 1, 2)),
    refined(STRING, ("min-length", 3), ("max-length", 5)), refined(STRING, ("length", 2)), refined(STRING, ("max-length", 0)),
    refined(STRING, ("is-email",)), refined(STRING, ("is-url",)), refined(STRING, ("min-length", 2000)),
    refined(EnumType((1, 2, 3, 4)), (">", 2)), refined(refined(INT, (">=", 0)), ("<=", 3)),
    IntersectionType((RecordType((Entry(kw("a"), INT),)), RecordType((Entry(kw("b"), BOOL),)))), IntersectionType((ANY, INT)),
    TypeRef("Tree"), TypeRef("Chain"), TypeRef("Loop"), VectorType(TypeRef("Chain")),
]  # fmt: skip

IMPOSSIBLE: list[Type] = [
    NEVER, FunctionType((INT,), None, INT), ResourceType("File"), StreamType(INT), Primitive("error"), Primitive("function"),
    TypeRef("Nobody"), RecordType((Entry(kw("f"), FunctionType((), None, INT)),)), TupleType((INT, NEVER)),
    refined(INT, (">", 5), ("<", 5)), refined(STRING, ("min-length", 5), ("max-length", 2)), EnumType((FunctionType,)),
    refined(INT, (">=", 10**200)), refined(VectorType(NEVER), ("non-empty",)), refined(FLOAT, (">", 1), ("<", 1)),
]  # fmt: skip


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory):
    opened = open_pool(write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf"), Loading())
    yield opened
    release_pool(opened)


def generated(pool: Pool, grammar: str, seed: int, temperature: float = 1.5, max_tokens: int = 400) -> tuple[str, bool]:
    """A random text under a grammar, and whether it came to its end."""
    with pool.lease() as weights:
        tokens = weights.start() + weights.tokens("Answer:")
        with pool.session(weights, tokens, CallLimit.of_seconds(60)) as session:
            session.reserve(len(tokens) + max_tokens + 1)
            session.read(tokens)
            written = write(session, grammar=grammar, max_tokens=max_tokens, temperature=temperature, seed=seed)
        return written.text, written.complete


def check(text: str, type_: Type) -> None:
    data = json.loads(text)
    assert matches(type_, coerce_data(data, type_, names=ALIASES), ALIASES.get), text


# so long or so deep that a random model may not come to the end
LONG = {TypeRef("Tree"), TypeRef("Loop"), refined(STRING, ("min-length", 2000)), VectorType(STRING), refined(VectorType(STRING), ("non-empty",))}
# `!=` is not a matter of grammar
UNCHECKED = {refined(INT, ("!=", 3))}


@pytest.mark.parametrize("type_", TYPES, ids=lambda t: str(t)[:60])
def test_every_finished_text_is_json_of_the_type(pool: Pool, type_: Type) -> None:
    grammar = grammar_for(type_, ALIASES)
    finished = 0
    for seed in range(4):
        text, complete = generated(pool, grammar, seed)
        if complete:
            finished += 1
            if type_ not in UNCHECKED:
                check(text, type_)
    assert finished or type_ in LONG


@pytest.mark.parametrize("type_", IMPOSSIBLE, ids=lambda t: type(t).__name__)
def test_a_type_without_json_is_refused(type_: Type) -> None:
    with pytest.raises(NotExpressible):
        grammar_for(type_, ALIASES)


NIGHTLY = os.environ.get("RTFS_NIGHTLY") == "1"


def small_types() -> st.SearchStrategy[Type]:
    scalars = st.sampled_from([INT, FLOAT, BOOL, NIL, STRING, KEYWORD, ANY, Primitive("uuid"), TypeRef("Chain")])
    ranges = st.tuples(st.integers(-10_000, 10_000), st.integers(0, 3000)).map(lambda p: refined(INT, ("in-range", p[0], p[0] + p[1])))
    floats = st.tuples(st.floats(-50, 50).map(lambda x: round(x, 3)), st.floats(0.001, 9).map(lambda x: round(x, 3))).map(
        lambda p: refined(FLOAT, (">=", p[0]), ("<", p[0] + p[1]))
    )
    strings = st.tuples(st.integers(0, 4), st.integers(0, 4)).map(lambda p: refined(STRING, ("min-length", p[0]), ("max-length", p[0] + p[1])))
    enums = st.lists(st.one_of(st.text(max_size=5), st.integers(), st.booleans(), st.from_regex(r"[a-z]{1,4}", fullmatch=True).map(Keyword)), min_size=1, max_size=4).map(
        lambda values: EnumType(tuple(values))
    )
    return st.recursive(
        st.one_of(scalars, ranges, floats, strings, enums),
        lambda inner: st.one_of(
            inner.map(VectorType),
            st.tuples(inner, st.integers(0, 2), st.integers(0, 2)).map(lambda p: refined(VectorType(p[0]), ("min-count", p[1]), ("max-count", p[1] + p[2]))),
            st.lists(inner, min_size=1, max_size=3).map(lambda items: TupleType(tuple(items))),
            st.lists(st.tuples(inner, st.booleans()), max_size=3).map(lambda items: RecordType(tuple(Entry(kw(f"k{i}"), t, o) for i, (t, o) in enumerate(items)))),
            inner.map(lambda t: MapOfType(STRING, t)),
            st.lists(inner, min_size=2, max_size=3).map(lambda options: union(*options)),
        ),
        max_leaves=4,
    )


@settings(max_examples=10_000 if NIGHTLY else 300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(type_=small_types(), seed=st.integers(0, 2**32))
def test_random_types_give_grammars_that_keep_their_word(pool: Pool, type_: Type, seed: int) -> None:
    text, complete = generated(pool, grammar_for(type_, ALIASES), seed)
    if complete:
        check(text, type_)


def test_the_text_around_the_value_is_literal(pool: Pool) -> None:
    text, _ = generated(pool, grammar_for(BOOL, before=' "\\[', after="]\n"), 1)
    assert text in (' "\\[true]\n', ' "\\[false]\n')


def test_a_grammar_that_cannot_be_read_is_an_error_and_not_a_crash(pool: Pool, capfd: pytest.CaptureFixture[str]) -> None:
    for text in ("root ::= nobody", 'start ::= "a"', 'root ::= "a', "", "root ::= root"):
        with pool.lease() as weights, pytest.raises(InvalidGrammar):
            Grammar(weights, text)
    capfd.readouterr()


# --- numerals, without a model ---------------------------------------------------------------


def pattern(fragment: str) -> re.Pattern[str]:
    """The regular expression of a grammar fragment made of literals, digit classes and groups."""
    out = []
    for literal, other in re.findall(r'"([^"]*)"|([^\s"]+)', fragment):
        out.append(re.escape(literal) if literal else other)
    return re.compile("".join(out))


@given(st.integers(-2500, 2500), st.integers(0, 3000))
def test_integers_are_exactly_those_between(low: int, width: int) -> None:
    allowed = pattern(integers(low, low + width))
    for n in {low, low - 1, low + 1, low + width, low + width + 1, low + width - 1, 0, 1, -1, 9, 10, 99, 100, (2 * low + width) // 2}:
        assert bool(allowed.fullmatch(str(n))) == (low <= n <= low + width), n


def test_an_open_side_has_fifteen_digits() -> None:
    assert pattern(integers(5, None)).fullmatch("9" * 15)
    assert not pattern(integers(5, None)).fullmatch("4")
    assert pattern(integers(None, -5)).fullmatch("-" + "9" * 15)
    assert pattern(integers(10**20, None)).fullmatch(str(10**20))


@given(st.integers(-5000, 5000), st.integers(0, 4000), st.booleans(), st.booleans())
def test_decimals_keep_to_their_bounds(low: int, width: int, open_low: bool, open_high: bool) -> None:
    a, b = low / 100, (low + width) / 100
    found = {">" if open_low else ">=": a, "<" if open_high else "<=": b}
    try:
        allowed = pattern(decimals(found))
    except NotExpressible:
        assert a == b
        return
    for n in {low - 1, low, low + 1, low + width - 1, low + width, low + width + 1, 0, low + width // 2}:
        text = f"{'-' if n < 0 else ''}{abs(n) // 100}.{abs(n) % 100:02d}"
        inside = (a < n / 100 if open_low else a <= n / 100) and (n / 100 < b if open_high else n / 100 <= b)
        if width > 1:
            assert bool(allowed.fullmatch(text)) == inside, text


def test_bounds_are_the_tightest() -> None:
    nested = RefinedType(refined(INT, (">=", 0), (">=", 3)), (Predicate("in-range", (1, 9)), Predicate("<", (100,))))
    assert bounds(nested) == {">=": 3, "<=": 9, "<": 100}
    assert integer_range(nested) == (3, 9)
    assert integer_range(refined(INT, (">", 2.5), ("<", math.inf))) == (3, None)
    assert integer_range(INT) is None
    assert integer_range(refined(FLOAT, (">", 1))) is None


def test_literals_are_quoted() -> None:
    assert quoted('a"b\\\n\x01') == '"a\\"b\\\\\\n\\x01"'


def test_json_of_spells_names_without_colon() -> None:
    assert json_of(kw("a-b")) == '"a-b"'
    assert json_of("\ud800") == '"\\ud800"'
    with pytest.raises(NotExpressible):
        json_of(float("nan"))


def test_a_deeply_nested_type_is_refused() -> None:
    type_: Type = INT
    for _ in range(100):
        type_ = VectorType(type_)
    assert grammar_for(type_)  # the innermost vectors stay empty
    for _ in range(20_000):
        type_ = TupleType((type_,))
    with pytest.raises(NotExpressible):
        grammar_for(type_)


def test_building_a_grammar_needs_no_model(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = "import sys; from rtfs.models.grammar import grammar_for; from rtfs.types.nodes import INT; grammar_for(INT); print('llama_cpp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
