"""What things are called elsewhere: names of other Lisps and languages, and what stands here for them.

Only looked at when a name is not bound, and is far from all that are.
"""

from __future__ import annotations

OTHER_NAMES: dict[str, str] = {
    other: ours
    for ours, others in {
        "nil": "null None undefined",
        "true": "True",
        "false": "False",
        "def": "define defvar defparameter var const setq",
        "defn": "defun function func",
        "do": "begin progn",
        "loop": "while",
        "match": "switch",
        "cond": "elif elseif else-if",
        "throw": "raise",
        "=": "== === eq? equal? eqv? identical?",
        "nil?": "null? none?",
        "first": "car head",
        "rest": "cdr tail",
        "second": "cadr",
        "nth": "list-ref elt",
        "count": "len size",
        "conj": "append push",
        "concat": "append-list",
        "reduce": "fold foldl fold-left inject",
        "filter": "filterv select",
        "map": "mapv collect",
        "some?": "any? any",
        "every?": "all? all",
        "contains?": "has-key? includes? member?",
        "str": "string-append to-string tostring toString number->string concat-strings",
        "parse-int": "string->number parseInt atoi to-int",
        "parse-float": "parseFloat to-float",
        "substring": "subs slice",
        "string-upper": "upper-case upcase toUpperCase upper",
        "string-lower": "lower-case downcase toLowerCase lower",
        "string-trim": "trim strip",
        "string-replace": "replace gsub",
        "string-index-of": "index-of indexOf",
        "split": "str-split",
        "format": "printf sprintf",
        "println": "prn echo puts display console.log",
        "read-file": "slurp",
        "pow": "expt **",
        "thread/sleep": "sleep",
        "defmacro": "define-syntax macro",
        "defstruct": "defrecord struct class",
        "pmap": "parallel-map",
    }.items()
    for other in others.split()
}
