"""Reference 8.3: text, names, regular expressions, numerals and `format`."""

from __future__ import annotations

import warnings

from builtin_cases import INF, NAN, K, L, M, V, cases, check, fails, run
from hypothesis import given
from hypothesis import strategies as st

from rtfs.semantics.builtins.numerals import integer_from
from rtfs.values.printing import to_text
from rtfs.values.scalars import Symbol


@cases(
    ("str", (), '""'),
    ("str", (None,), '"nil"'),
    ("str", ("a", 1, None, K("k"), V(1, "x"), 1.0), r'"a1nil:k[1 \"x\"]1"'),
    ("str", (1.5, True), '"1.5true"'),
    ("str", (1e20, 1.5e-7, INF, NAN), '"1000000000000000000000.00000015infNaN"'),
    ("string-length", ("héé",), "3"),
    ("string-length", (None,), "type-error"),
    ("string-length", (V(),), "type-error"),
    ("substring", ("hello", 1, 3), '"el"'),
    ("substring", ("hello", 2), '"llo"'),
    ("substring", ("hello", 5), '""'),
    ("substring", ("héllo", 1, 2), '"é"'),
    ("substring", ("hello", 3, 2), "index-out-of-bounds"),
    ("substring", ("hello", 0, 6), "index-out-of-bounds"),
    ("substring", ("hello", 6), "index-out-of-bounds"),
    ("substring", ("hello", -1), "index-out-of-bounds"),
    ("substring", ("hello", 0, -1), "index-out-of-bounds"),
    ("substring", ("hello", 1.0), "type-error"),
    ("substring", (None, 0), "type-error"),
    ("split", ("a,b,,c", ","), '["a" "b" "" "c"]'),
    ("split", ("abc", ""), '["a" "b" "c"]'),
    ("split", ("", ","), '[""]'),
    ("split", ("", ""), "[]"),
    ("split", (None, ","), '[""]'),
    ("split", (None, 1), "type-error"),
    ("split", ("a", None), "type-error"),
    ("split", ("a.b", "."), '["a" "b"]'),
    ("join", (", ", V(1, "a", None, K("k"), 2.0)), '"1, a, nil, :k, 2"'),
    ("string-join", ("-", L("a", "b")), '"a-b"'),
    ("join", (",", None), '""'),
    ("join", (V("a"), ","), "type-error"),
    ("join", (",", "abc"), "type-error"),
    ("string-upper", ("é",), '"É"'),
    ("string-lower", ("ÀB",), '"àb"'),
    ("string-trim", (" \n a b\t",), '"a b"'),
    ("trim-start", (" a ",), '"a "'),
    ("trim-end", (" a ",), '" a"'),
    ("string-upper", (1,), "type-error"),
    ("string-contains", ("hello", "ell"), "true"),
    ("string-contains?", ("hello", "x"), "false"),
    ("string-contains", (None, "x"), "type-error"),
    ("string-contains", ("x", 1), "type-error"),
    ("starts-with?", ("hello", "he"), "true"),
    ("starts-with?", (None, "he"), "false"),
    ("starts-with?", ("hello", None), "type-error"),
    ("ends-with?", ("hello", "lo"), "true"),
    ("ends-with?", (None, "lo"), "false"),
    ("ends-with?", (1, "lo"), "type-error"),
    ("string-replace", ("a.b.c", ".", "--"), '"a--b--c"'),
    ("string-replace", ("ab", "", "-"), '"-a-b-"'),
    ("string-replace", ("ab", "a", 1), "type-error"),
    ("string-index-of", ("héllo", "l"), "2"),
    ("string-index-of", ("hello", "x"), "nil"),
    ("string-split-lines", ("a\nb\r\nc\n",), '["a" "b" "c"]'),
    ("string-split-lines", ("a\n\nb",), '["a" "" "b"]'),
    ("string-split-lines", ("",), "[]"),
    ("string-split-lines", ("a\u2028b",), r'["a\u2028b"]'),
    ("pad-left", ("7", 3, "0"), '"007"'),
    ("pad-left", ("7", 3), '"  7"'),
    ("pad-left", ("long", 2), '"long"'),
    ("pad-right", ("7", 3, "é"), '"7éé"'),
    ("pad-left", ("7", -1), '"7"'),
    ("pad-left", ("7", 3, ""), "invalid-argument"),
    ("pad-left", ("7", 3, "ab"), "invalid-argument"),
    ("pad-left", (7, 3), "type-error"),
    ("pad-left", ("7", 10**12), "size-exhausted"),
    ("pad-right", ("7", 10**5000), "size-exhausted"),
)
def test_text(name, operands, expected):
    check(name, operands, expected)


def test_results_that_only_grow_meet_the_size_limit():
    large = "x" * 2**26
    assert fails("str", large, large, large, large, "x").kind == "size-exhausted"
    assert fails("join", large, V(1, 2, 3, 4, 5, 6)).kind == "size-exhausted"
    assert fails("string-replace", "a" * 1000, "a", "x" * 10**6).kind == "size-exhausted"
    assert fails("re-replace", "a", "a" * 1000, "x" * 10**6).kind == "size-exhausted"
    assert fails("re-replace", "a+", "a" * 10**5, "$0" * 5000).kind == "size-exhausted"


@cases(
    ("keyword", ("a",), ":a"),
    ("keyword", (K("a"),), ":a"),
    ("keyword", (Symbol("a/b"),), ":a/b"),
    ("keyword", ("ns", "a"), ":ns/a"),
    ("keyword", ("a b",), "invalid-argument"),
    ("keyword", ("",), "invalid-argument"),
    ("keyword", (1,), "type-error"),
    ("symbol", ("a",), "a"),
    ("symbol", (K("a"),), "a"),
    ("symbol", ("a)",), "invalid-argument"),
    ("name", (K("a"),), '"a"'),
    ("name", (K("my.ns/a"),), '"a"'),
    ("name", (Symbol("/"),), '"/"'),
    ("name", ("a/b",), '"a/b"'),
    ("name", (None,), "type-error"),
    ("namespace", (K("my.ns/a"),), '"my.ns"'),
    ("namespace", (K("a"),), "nil"),
    ("namespace", (Symbol("/"),), "nil"),
    ("namespace", ("a/b",), "type-error"),
)
def test_names(name, operands, expected):
    check(name, operands, expected)


@cases(
    ("re-matches", ("[a-z]+", "abc"), "true"),
    ("re-matches", ("[a-z]+", "abc1"), "false"),
    ("re-matches", ("[a-z]+", None), "false"),
    ("re-matches", ("a|ab", "ab"), "true"),
    ("re-matches", ("a", "a\n"), "false"),
    ("re-find", (r"\d+", "a12b3"), '"12"'),
    ("re-find", (r"(\d)(\d)", "a12b3"), '"12"'),
    ("re-find", (r"\d+", "abc"), "nil"),
    ("re-find", (r"\d+", None), "nil"),
    ("re-find", (r"x*", "abc"), '""'),
    ("re-seq", (r"\d", "a1b2"), '["1" "2"]'),
    ("re-seq", (r"(a)(b)", "abab"), '["ab" "ab"]'),
    ("re-seq", (r"\d", None), "[]"),
    ("re-seq", ("(", "a"), "runtime-error"),
    ("re-find", ("a{99999999999999999999}", "a"), "runtime-error"),
    ("re-find", ("(" * 5000 + ")" * 5000, "a"), "runtime-error"),
    ("re-find", (1, "a"), "type-error"),
    ("re-find", ("a", 1), "type-error"),
    ("re-matches", ("(", None), "runtime-error"),
    ("re-groups", (r"(\w)-(\w)(x)?", "..a-b"), '["a-b" "a" "b" nil]'),
    ("re-groups", ("z", "a"), "nil"),
    ("re-groups", ("z", None), "nil"),
    ("re-replace", (r"\d", "a1b2", "#"), '"a#b#"'),
    ("re-replace", (r"(\w)=(?P<v>\w)", "a=1,b=2", "${v}:$1"), '"1:a,2:b"'),
    ("re-replace", ("a", "aa", "$$1"), '"$1$1"'),
    ("re-replace", ("a", "aba", "[$0]"), '"[a]b[a]"'),
    ("re-replace", ("(a)|b", "ab", "<$1>"), '"<a><>"'),
    ("re-replace", ("", "ab", "-"), '"-a-b-"'),
    ("re-replace", ("a", "a", r"\1"), r'"\\1"'),
    ("re-replace", ("a", "a", "$1"), "invalid-argument"),
    ("re-replace", ("a", "a", "${n}"), "invalid-argument"),
    ("re-replace", ("a", None, "b"), "type-error"),
)
def test_regular_expressions(name, operands, expected):
    check(name, operands, expected)


def test_a_bad_pattern_is_shown():
    error = fails("re-seq", "a(", "x")
    assert error.message.startswith("Invalid regex pattern 'a('")
    assert error.operand == 0


def test_patterns_that_python_warns_about_are_quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run("re-find", "[[a]", "a") == "a"


@cases(
    ("parse-int", ("42",), "42"),
    ("parse-int", (" -42 \n",), "-42"),
    ("parse-int", ("+7",), "7"),
    ("parse-int", ("3.7",), "nil"),
    ("parse-int", ("",), "nil"),
    ("parse-int", ("1_000",), "nil"),
    ("parse-int", ("١٢",), "nil"),
    ("parse-int", ("0x10",), "nil"),
    ("parse-int", (3,), "3"),
    ("parse-int", (-3.9,), "-3"),
    ("parse-int", (NAN,), "nil"),
    ("parse-int", (None,), "nil"),
    ("parse-int", (True,), "nil"),
    ("parse-int", ("1" * 3_000_000,), "size-exhausted"),
    ("parse-float", ("3.5",), "3.5"),
    ("parse-float", ("3",), "3.0"),
    ("parse-float", (" 1e3 ",), "1000.0"),
    ("parse-float", (".5",), "0.5"),
    ("parse-float", ("1e999",), "##Inf"),
    ("parse-float", ("abc",), "nil"),
    ("parse-float", ("1_0.5",), "nil"),
    ("parse-float", ("nan",), "nil"),
    ("parse-float", (3,), "3.0"),
    ("parse-float", (3.5,), "3.5"),
    ("parse-float", (V(),), "nil"),
    ("int", ("invalid",), "0"),
    ("int", ("3.7",), "0"),
    ("int", (" 12 ",), "12"),
    ("int", (3.9,), "3"),
    ("int", (INF,), "0"),
    ("int", (True,), "1"),
    ("int", (None,), "0"),
    ("int", (V(1),), "0"),
    ("float", ("x",), "0.0"),
    ("float", ("2.5",), "2.5"),
    ("float", (2,), "2.0"),
    ("float", (10**400,), "##Inf"),
    ("float", (True,), "1.0"),
    ("float", (False,), "0.0"),
    ("float", (None,), "0.0"),
)
def test_numerals(name, operands, expected):
    check(name, operands, expected)


@given(st.integers(), st.integers(0, 3000))
def test_integers_of_any_length_read_back(value, power):
    value *= 10**power
    assert integer_from(to_text(value)) == value


def test_integers_longer_than_python_reads():
    digits = "-" + "123456789" * 1000
    assert to_text(run("parse-int", digits)) == digits


@cases(
    ("format", ("a%sb", 1), '"a1b"'),
    ("format", ("%s %s", "x", V(1, "y")), r'"x [1 \"y\"]"'),
    ("format", ("%d%%", 5), '"5%"'),
    ("format", ("%5d|%-5d|%05d|%+d", 1, 2, 3, 4), '"    1|2    |00003|+4"'),
    ("format", ("%.2f %8.3f %f", 1.005, 2, 0.5), '"1.00    2.000 0.500000"'),
    ("format", ("%x %X %o %#x", 255, 255, 8, 255), '"ff FF 10 0xff"'),
    ("format", ("%e %g", 12345.678, 0.0001), '"1.234568e+04 0.0001"'),
    ("format", ("%5s|%-5s|%.2s", "ab", "cd", "efg"), '"   ab|cd   |ef"'),
    ("format", ("%f", 10**400), '"inf"'),
    ("format", ("plain",), '"plain"'),
    ("format", ("%s",), "invalid-argument"),
    ("format", ("x", 1), "invalid-argument"),
    ("format", ("%q", 1), "invalid-argument"),
    ("format", ("100%",), "invalid-argument"),
    ("format", ("%d", 1.5), "type-error"),
    ("format", ("%d", "1"), "type-error"),
    ("format", ("%d", True), "type-error"),
    ("format", ("%f", "1"), "type-error"),
    ("format", (1,), "type-error"),
    ("format", (), "arity-mismatch"),
    ("format", ("%999999999d", 1), "size-exhausted"),
    ("format", ("%99999999999999999999s", 1), "size-exhausted"),
    ("format", ("%.999999999f", 1), "size-exhausted"),
    ("join", (",", M(K("a"), 1)), '"[:a 1]"'),
)
def test_format(name, operands, expected):
    check(name, operands, expected)


def test_format_of_an_integer_that_python_does_not_print():
    assert run("format", "%+d", 10**5000) == "+1" + "0" * 5000
