"""Hypothesis strategies for texts, tokens, values, forms and whole programs. New forms join here first."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from rtfs.values.forms import MetaForm, list_form
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector

# --- texts -----------------------------------------------------------------------------------

#: Pieces that mean something to the reader, whole and broken.
TOKENS = [
    *"()[]{}'`~@^#:&|%;\"\\,.-+/*?!_$<>=λ",
    "~@", "#(", "#{", "#|", "|#", "##Inf", "##-Inf", "##NaN", "##Nope", "#!",
    "1", "-5", "+7", "1.5", "1e5", "-2.5E-3", "5.", ".5", "-.5", "1abc", "00", "1e", "12345678901234567890",
    '"text"', '"a\\n"', '"\\u00e9"', '"\\q"', '"\\ud83d\\ude00"', '"open', '""', '"\\"',
    "x", "foo", "a/b", "a.b/c", "ns:v1.0/f", "x:int", "x#", "a#b", ".method", "%", "%2", "%0", "true", "false", "nil", "true?", "nilly",
    ":k", ":a/b", ":ns:v1.0/f", ":ns:v2.0:intent", ":local", ":remote", ":local-model", ":1", "::",
    "^:delegation", "^:delegation :local", '^:delegation :remote "m"', "^:other", "^{:a 1}", "^",
    "2025-06-23T10:30:00Z", "2025-06-23T10:30:00.5Z", "2025-06-23", "550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b",
    "resource://a/b", "resource:", "tool:log", "(tool:log", "(module a:v1", "(resource:ref",
    ";; comment\n", "; open", "// slashes", "#| block |#", "#| a #| b |# |#", "=>", "{x => y}",
    " ", "\n", "\t", "\r\n", "\u00a0", "é", "“", "\ufeff", "\x00", "😀",
]  # fmt: skip

texts = st.one_of(
    st.text(max_size=40),
    st.text("()[]{}'`~@^#\"\\:;|% ab1.-", max_size=40),
)
token_soup = st.lists(st.sampled_from(TOKENS), max_size=14).flatmap(
    lambda tokens: st.sampled_from(["", " "]).map(lambda blank: blank.join(tokens))
)

# --- values ----------------------------------------------------------------------------------

names = st.from_regex(r"[a-z][a-z0-9?!*-]{0,5}(/[a-z][a-z0-9]{0,3})?", fullmatch=True).filter(lambda n: n not in ("true", "false", "nil"))
symbols = names.map(Symbol)
keywords = names.map(Keyword)
strings = st.text(st.characters(codec="utf-8"), max_size=8)
integers = st.one_of(st.integers(-10, 10), st.integers(-(10**30), 10**30))
floats = st.floats(allow_nan=False)
timestamps = st.datetimes().map(lambda d: Timestamp(d.strftime(f"{d.year:04}-%m-%dT%H:%M:%SZ")))
uuids = st.uuids().map(lambda u: Uuid(str(u)))
handles = st.from_regex(r"resource://[a-z0-9/._-]{1,8}", fullmatch=True).map(ResourceHandle)

#: Values that have a literal, apart from NaN, which is not equal to itself.
scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), integers, floats, strings, keywords, symbols, timestamps, uuids, handles
)


def _collections(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(items, max_size=4)
    return st.one_of(
        lists.map(Vector),
        lists.map(List),
        st.lists(st.tuples(items, items), max_size=4).map(Map),
    )


values: st.SearchStrategy[Any] = st.recursive(scalars, _collections, max_leaves=12)


def is_plain(value: Any) -> bool:
    """Whether the reader takes what prints this as the same thing: not a typed name in a map, nor `{item => …}`."""
    if isinstance(value, Map):
        flat = [x for entry in value.items() for x in entry]
        return not any(isinstance(x, Symbol) and x.name == "=>" for x in flat) and all(is_plain(x) for x in flat)
    if isinstance(value, (Vector, List)):
        return all(is_plain(x) for x in value.items())
    return True


# --- forms: anything that a program text can hold ----------------------------------------------

HEADS = [
    "def", "defn", "fn", "let", "letrec", "if", "do", "match", "try", "catch", "finally", "quote", "quasiquote", "unquote",
    "unquote-splicing", "defmacro", "loop", "recur", "for", "doseq", "dotimes", "and", "or", "when", "cond", "case", "->", "->>",
    "as->", "if-let", "when-let", "set!", "step", "step-if", "step-loop", "step-parallel", "parallel", "with-resource", "log-step",
    "context-ref", "get", "module", "import", "defstruct", "deftype", "plan", "llm-execute", "discover-agents", "+", "f", "map",
]  # fmt: skip
WORDS = ["x", "y", "f", "&", ":", "|", "@", "_", "when", "=>", "x#", "%1", "Point", "int", "e", "TypeError", *HEADS]
KEYWORDS = ["as", "or", "keys", "int", "vector", "map", "union", "when", "while", "let", "else", "params", "exports", "only", "delegation"]

form_atoms: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(WORDS).map(Symbol), st.sampled_from(KEYWORDS).map(Keyword), scalars
)


def _forms(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(items, max_size=5)
    return st.one_of(
        st.tuples(st.sampled_from(HEADS).map(Symbol), lists).map(lambda pair: List([pair[0], *pair[1]])),
        st.tuples(st.sampled_from(HEADS).map(Symbol), lists.map(Vector), lists).map(lambda t: List([t[0], t[1], *t[2]])),
        lists.map(List),
        lists.map(Vector),
        st.lists(st.tuples(items, items), max_size=3).map(Map),
        st.tuples(st.lists(st.tuples(st.sampled_from(KEYWORDS).map(Keyword), items), max_size=2).map(Map), items).map(
            lambda pair: MetaForm(*pair)
        ),
    )


forms: st.SearchStrategy[Any] = st.recursive(form_atoms, _forms, max_leaves=20)

# --- programs: closed, mostly meaningful -------------------------------------------------------

_NAMES = ["a", "b", "c"]
_PREAMBLE = "(def a 1) (def b [1 2]) (def c {:k 1})"

_literals = st.one_of(
    st.integers(-5, 5), st.booleans(), st.none(), st.sampled_from(["", "ab", 1.5, Keyword("k"), Keyword("j")]), st.integers(10**20, 10**21)
)
_variables = st.sampled_from(_NAMES).map(Symbol)


def _call(name: str, *operands: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(*operands).map(lambda items: list_form(Symbol(name), *items))


def _expressions(e: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    name = _variables
    binding = st.tuples(name, e).map(lambda pair: Vector(pair))
    pattern = st.one_of(
        name, _literals, st.lists(name, max_size=2, unique_by=lambda s: s.name).map(Vector), name.map(lambda n: Map([(Keyword("k"), n)]))
    )
    arithmetic = st.sampled_from(["+", "-", "*", "/", "mod", "max", "<", "=", "str", "list", "vector", "conj", "get", "nth"])
    unary = st.sampled_from(["inc", "first", "rest", "count", "not", "reverse", "keys", "type-name", "sort", "even?", "empty?", "str"])
    higher = st.sampled_from(["map", "filter", "reduce", "some?", "group-by", "sort-by"])
    function = st.one_of(
        st.sampled_from(["inc", "+", "str", "first", "vector"]).map(Symbol),
        st.tuples(name, e).map(lambda t: list_form(Symbol("fn"), Vector([t[0]]), t[1])),
        st.tuples(name, name, e).map(lambda t: list_form(Symbol("fn"), Vector([t[0], Symbol("&"), Symbol("r")]), t[2])),
    )
    small_loop = st.tuples(name, e, e).map(
        lambda t: list_form(
            Symbol("loop"),
            Vector([Symbol("i"), 3, t[0], t[1]]),
            list_form(
                Symbol("if"),
                list_form(Symbol(">"), Symbol("i"), 0),
                list_form(Symbol("recur"), list_form(Symbol("-"), Symbol("i"), 1), t[2]),
                t[0],
            ),
        )
    )
    caught = st.sampled_from([["e"], ["TypeError", "e"], ["DivisionByZero", "e"], ["_"], ["Exception", "e"]])
    return st.one_of(
        st.tuples(arithmetic, e, e).map(lambda t: list_form(Symbol(t[0]), t[1], t[2])),
        st.tuples(unary, e).map(lambda t: list_form(Symbol(t[0]), t[1])),
        st.tuples(higher, function, e).map(lambda t: list_form(Symbol(t[0]), t[1], t[2])),
        _call("if", e, e, e),
        _call("and", e, e),
        _call("or", e, e),
        _call("do", e, e),
        _call("when", e, e),
        _call("cond", e, e, st.just(Keyword("else")), e),
        _call("let", binding, e),
        _call("let", st.tuples(name, e, name, e).map(Vector), e),
        _call("let", e.map(lambda x: Vector([Vector([Symbol("a"), Symbol("&"), Symbol("b")]), x])), e),
        _call("let", e.map(lambda x: Vector([Map([(Keyword("keys"), Vector([Symbol("a"), Symbol("b")]))]), x])), e),
        st.tuples(function, e).map(lambda t: list_form(*t)),
        _call("match", e, pattern, e, st.just(Symbol("_")), e),
        _call("for", st.tuples(name, e).map(Vector), e),
        st.tuples(st.integers(0, 3), e).map(lambda t: list_form(Symbol("dotimes"), Vector([Symbol("i"), t[0]]), t[1])),
        small_loop,
        st.tuples(e, caught, e).map(
            lambda t: list_form(Symbol("try"), t[0], list_form(Symbol("catch"), *map(Symbol, t[1]), t[2]))
        ),
        st.tuples(e, e).map(lambda t: list_form(Symbol("try"), t[0], list_form(Symbol("finally"), t[1]))),
        _call("throw", st.sampled_from(["m", Keyword("k")])),
        _call("set!", name, e),
        _call("quote", values),
        st.lists(e, max_size=3).map(Vector),
        st.lists(st.tuples(st.sampled_from([Keyword("k"), "s", 1]), e), max_size=2).map(Map),
        _call("step", st.just("s"), e),
        _call("parallel", e, e),
        st.tuples(name, e).map(lambda t: list_form(Symbol("quasiquote"), list_form(t[0], list_form(Symbol("unquote"), t[1])))),
        st.tuples(st.sampled_from(["int", "string", "any", "number"]), e).map(
            lambda t: list_form(Symbol("let"), Vector([Symbol("a"), Symbol(":"), Symbol(t[0]), t[1]]), Symbol("a"))
        ),
        st.tuples(name, e).map(lambda t: list_form(Symbol("->"), t[1], Symbol("str"), list_form(Symbol("str"), t[0]))),
    )


expressions: st.SearchStrategy[Any] = st.recursive(st.one_of(_literals, _variables), _expressions, max_leaves=12)


def program_text(expression: Any) -> str:
    """A program around an expression, in which its free names are bound."""
    from rtfs.values.printing import to_readable

    return f"{_PREAMBLE}\n{to_readable(expression)}"
