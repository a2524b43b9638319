"""Having a model write the code: the function's signature, its docstring and some examples make the question.

What comes back is a text of a stranger: it is read, analysed with a limit of time for its macros, checked for types, and run
nowhere but in the sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rtfs.delegation.crystallise.samples import Sample
from rtfs.delegation.crystallise.writing import quoted
from rtfs.syntax import nodes as ast
from rtfs.values.printing import to_readable

#: Examples that the model sees.
SHOWN = 40
_FENCE = re.compile(r"```[\w-]*\n(.*?)```", re.DOTALL)
_RULES = """Write one function in RTFS, a small Lisp with the syntax of Clojure, that does without a model what the function
below asks of one. Answer with the program alone. The function has exactly this head, name, parameters and types included:

{head}

What it does: {doc}

For what it cannot tell, it calls (throw :abstain "why"). It may have helper definitions (defn, def) before it. There are: let,
if, cond, case, match, and, or, not, =, <, +, str, string-lower, string-contains, re-find, re-seq, re-matches, split, join, map,
filter, reduce, some?, every?, count, get, contains?, first, rest, nth, sort-by, distinct. No input or output, no atoms, no Java.

Examples, operands and result:
{examples}
{problem}"""


def question(fn: ast.Fn, types: Sequence[str], shown: Sequence[Sample], problem: str = "") -> str:
    """What a model is asked.

    Args:
        problem: of what it wrote before.
    """
    params = " ".join([param.name if param.type is None else f"{param.name} : {param.type}" for param in fn.params])
    result = "" if fn.result is None else f" : {fn.result}"
    head = "\n".join([*types, f"(defn {fn.name} [{params}]{result} …)"])
    examples = "\n".join(
        [f"({fn.name} {' '.join([quoted(arg) for arg in one.example.args])}) ;=> {to_readable(one.example.value)}" for one in shown]
    )
    again = f"\nYour last program was no good: {problem}\n" if problem else ""
    return _RULES.format(head=head, doc=" ".join(fn.doc.split()), examples=examples, problem=again)


def program_in(reply: str) -> str:
    """The program in a reply: what stands in its first fence, or all of it."""
    found = _FENCE.search(reply)
    return (found[1] if found else reply).strip() + "\n"
