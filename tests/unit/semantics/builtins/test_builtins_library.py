"""The table of built-ins as a whole."""

from __future__ import annotations

from builtin_cases import LIBRARY

# Every name of reference 8.1 to 8.7 and 8.10 that is pure and no special form.
NAMES = """
+ - * / mod inc dec abs sqrt pow max min factorial even? odd? range numbers
= != not= < > <= >= and or not
str string-length substring split join string-join string-upper string-lower string-trim string-contains starts-with?
re-matches re-find re-seq parse-int parse-float int float
nil? bool? int? float? number? string? string-p symbol? keyword? vector? list? map? fn? type-name
vector hash-map count length empty? get get-in assoc dissoc merge keys vals find contains? first rest last nth cons conj concat
reverse distinct take drop subvec partition sort
map map-indexed filter remove reduce every? some? group-by apply update
parse-json tool/parse-json tool:parse-json serialize-json tool/serialize-json tool:serialize-json
serialize-json-pretty tool/serialize-json-pretty tool:serialize-json-pretty
Exception. RuntimeException. IllegalArgumentException. ArithmeticException.
Exception RuntimeException IllegalArgumentException ArithmeticException getMessage process-data
zero? pos? neg? positive? list vec seq? coll? identity constantly comp partial juxt complement second ffirst butlast take-while
drop-while split-at interleave interpose zip flatten mapcat map-vals keep sort-by frequencies some not-any? not-every? assoc-in
update-in select-keys rename-keys zipmap into set-like distinct-by max-by min-by sum mean quot rem % floor ceil round trunc
string-contains? ends-with? string-replace string-index-of string-split-lines trim-start trim-end pad-left pad-right format
re-replace re-groups keyword symbol name namespace vec? boolean? error? error ex-message ex-data throw
fibonacci assoc! conj! partition-all floor-mod
"""

EFFECTS = {
    "call",
    "println",
    "log",
    "get-env",
    "deref",
    "swap!",
    "reset!",
    "atom",
    "gensym",
    "macroexpand",
    "meta",
    "read-file",
    "rand",
}


def test_every_name_of_the_reference_is_there_and_no_other():
    assert sorted(LIBRARY) == sorted(NAMES.split())


def test_effects_are_not_in_the_pure_library():
    assert not EFFECTS & set(LIBRARY)


def test_every_built_in_has_a_line_of_documentation():
    assert [name for name, entry in LIBRARY.items() if not entry.doc.startswith("`(") or not entry.doc.endswith(".")] == []
