"""JSON: reference 8.7."""

from __future__ import annotations

import pytest
from builtin_cases import INF, NAN, F, K, L, M, V, cases, check, fails, run
from hypothesis import given
from hypothesis import strategies as st

from rtfs.errors import EvalError
from rtfs.semantics.builtins.json import MAX_NESTING
from rtfs.values.equality import equal
from rtfs.values.printing import to_text
from rtfs.values.scalars import ErrorValue, Symbol, Timestamp, Uuid

KEYWORDIZE = M(K("keywordize"), True)


@cases(
    ("parse-json", ('{"a": [1, 2.5, null, true, "x"]}',), '{"a" [1 2.5 nil true "x"]}'),
    ("parse-json", ("1",), "1"),
    ("parse-json", ("1.0",), "1.0"),
    ("parse-json", ("1e2",), "100.0"),
    ("parse-json", ("-0",), "0"),
    ("parse-json", ("123456789012345678901234567890",), "123456789012345678901234567890"),
    ("parse-json", ('{"b": 1, "a": 2, "b": 3}',), '{"b" 3 "a" 2}'),
    ("parse-json", ("[[[]], {}]",), "[[[]] {}]"),
    ("parse-json", ('[[{"a": [[1]]}]]',), '[[{"a" [[1]]}]]'),
    ("parse-json", (r'"\u00e9\n"',), r'"é\n"'),
    ("parse-json", (' {"a b": {"c": 1}, "d": 2} ', KEYWORDIZE), '{"a b" {:c 1} :d 2}'),
    ("parse-json", ('{"a": 1}', M(K("keywordize"), False)), '{"a" 1}'),
    ("parse-json", ('{"a": 1}', M()), '{"a" 1}'),
    ("tool/parse-json", ("[]",), "[]"),
    ("tool:parse-json", ("[]",), "[]"),
    ("parse-json", ("",), "json-error"),
    ("parse-json", ("{",), "json-error"),
    ("parse-json", ("[1,]",), "json-error"),
    ("parse-json", ("1 2",), "json-error"),
    ("parse-json", ("{'a': 1}",), "json-error"),
    ("parse-json", ("NaN",), "json-error"),
    ("parse-json", ("[-Infinity]",), "json-error"),
    ("parse-json", ("[1e999]",), "json-error"),
    ("parse-json", ("\ufeff1",), "json-error"),
    ("parse-json", ("[" * 100_000,), "json-error"),
    ("parse-json", ('{"a":' * 100_000,), "json-error"),
    ("parse-json", ("[" * (MAX_NESTING + 1) + "]" * (MAX_NESTING + 1),), "json-error"),
    ("parse-json", ("9" * 3_000_000,), "size-exhausted"),
    ("parse-json", (None,), "type-error"),
    ("parse-json", ("1", 2), "type-error"),
)
def test_reading(name, operands, expected):
    check(name, operands, expected)


def test_errors_say_where():
    error = fails("parse-json", "[1,\n x]")
    assert error.message == "JSON parsing error: Expecting value at line 2 column 2"


def test_only_real_nesting_counts():
    assert len(run("parse-json", "[" + ",".join(["[]"] * 5000) + "]")) == 5000
    assert run("parse-json", '["' + "[" * 5000 + '"]') == V("[" * 5000)
    assert run("parse-json", '["' + r"\"[" * 5000 + '"]') == V('"[' * 5000)
    assert fails("parse-json", '"' + r"\"[" * 50_000).kind == "json-error"  # in linear time
    run("parse-json", "[" * MAX_NESTING + "]" * MAX_NESTING)


def test_integers_longer_than_python_reads():
    digits = "7" * 5000
    assert to_text(run("parse-json", f'{{"a": [{digits}]}}').get("a")[0]) == digits
    assert run("serialize-json", run("parse-json", digits)) == digits


RECORD = M(K("name"), "A", "tags", V(1, None), 3, M())


@cases(
    ("serialize-json", (None,), '"null"'),
    ("serialize-json", (RECORD,), r'"{\"name\":\"A\",\"tags\":[1,null],\"3\":{}}"'),
    ("serialize-json", (V(1, 1.0, 1.5, 1e20, True),), '"[1,1.0,1.5,1e+20,true]"'),
    (
        "serialize-json",
        (V(K("a/b"), Symbol("s"), Timestamp("2025-01-01T00:00:00Z"), Uuid("u")),),
        r'"[\"a/b\",\"s\",\"2025-01-01T00:00:00Z\",\"u\"]"',
    ),
    ("serialize-json", (L(1, V()),), '"[1,[]]"'),
    ("serialize-json", ('é"\\\n\u2028',), r'"\"é\\\"\\\\\\n\u2028\""'),
    ("serialize-json", ("\ud800",), r'"\"\\ud800\""'),
    ("serialize-json", (M(1, 1, 1.5, 2, True, 3, None, 4),), r'"{\"1\":1,\"1.5\":2,\"true\":3,\"null\":4}"'),
    ("tool/serialize-json", (1,), '"1"'),
    ("tool:serialize-json", (1,), '"1"'),
    ("serialize-json", (INF,), "json-error"),
    ("serialize-json", (V(NAN),), "json-error"),
    ("serialize-json", (F(abs),), "json-error"),
    ("serialize-json", (ErrorValue("raised", "m"),), "json-error"),
    ("serialize-json", (M(V(1), 1),), "json-error"),
    ("serialize-json", (M("a", 1, K("a"), 2),), "json-error"),
    ("serialize-json", (M(INF, 1),), "json-error"),
    ("serialize-json-pretty", (V(),), '"[]"'),
    ("serialize-json-pretty", (1,), '"1"'),
)
def test_writing(name, operands, expected):
    check(name, operands, expected)


def test_pretty_text_is_indented_by_two():
    assert run("serialize-json-pretty", RECORD) == '{\n  "name": "A",\n  "tags": [\n    1,\n    null\n  ],\n  "3": {}\n}'
    assert run("tool/serialize-json-pretty", V(M(K("a"), 1))) == '[\n  {\n    "a": 1\n  }\n]'


def test_what_nests_too_deep_is_not_written():
    nested = V()
    for _ in range(MAX_NESTING - 1):
        nested = V(nested)
    assert run("parse-json", run("serialize-json", nested)) == nested
    assert fails("serialize-json", V(nested)).kind == "json-error"


def test_shared_structure_meets_the_size_limit():
    nested = V("x" * 1000)
    for _ in range(30):
        nested = V(nested, nested)
    assert fails("serialize-json", nested).kind == "size-exhausted"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner).map(lambda items: V(*items))
        | st.dictionaries(st.text(), inner).map(lambda d: M(*[x for kv in d.items() for x in kv]))
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("name", ["serialize-json", "serialize-json-pretty"])
@given(value=json_values)
def test_what_is_written_reads_back(name, value):
    assert equal(run("parse-json", run(name, value)), value)


@given(st.text(alphabet='[]{}",:0123456789.eE+-truefalsn \\u\n'))
def test_any_text_parses_or_is_a_json_error(text):
    try:
        run("parse-json", text)
    except EvalError as error:
        assert error.kind == "json-error"  # noqa: PT017 (an error is allowed, not demanded)
