"""What is published has stood its verification, and is all that it needs and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("cryptography")

from rtfs.caching.code.entries import CodeRefused
from rtfs.caching.code.publishing import Example, Verification, make_entry, part_of, verify
from rtfs.errors import EvalError
from rtfs.source import Source
from tests.support.published import CODE, EXAMPLES, entry_of, inspector


def refusal(**given: Any) -> str:
    with pytest.raises(CodeRefused) as caught:
        entry_of(**given)
    assert caught.value.reason == "not-verified"
    return caught.value.message


def test_agreement_counts_by_its_lower_bound() -> None:
    assert "at least 95.0%" in str(Verification("agreement", 59, 59, 59, 0.95))
    assert Verification("agreement", 59, 59, 59, 0.95).passed
    assert not Verification("agreement", 58, 58, 58, 0.95).passed
    assert not Verification("agreement", 1000, 0, 0, 0.5).passed
    assert Verification("agreement", 59, 59, 59, 0.98, confidence=0.5).passed


def test_few_examples_prove_little() -> None:
    assert "at least 74.1%" in refusal(examples=EXAMPLES[:10])
    assert entry_of(examples=EXAMPLES[:10], wanted=0.74).validation["examples"] == 10


def test_what_is_left_to_others_does_not_count_against_code() -> None:
    others = [Example((f"hello {i}",), "other") for i in range(300)]
    entry = entry_of(examples=[*EXAMPLES, *others])
    assert (entry.validation["examples"], entry.validation["covered"]) == (380, 80)
    assert "agrees on 0 of the 0" in refusal(examples=others)


def test_wrong_answers_and_errors_count() -> None:
    assert "agrees on 80 of the 90" in refusal(examples=[*EXAMPLES, *[Example(("a crash",), "other")] * 10])
    assert "agrees on 80 of the 90" in refusal(examples=[*EXAMPLES, *[Example((5,), "bug")] * 10])


def test_of_tests_all_have_to_be_right() -> None:
    tests = [Example(("crash",), "bug"), Example(("the crash",), "bug")]
    assert entry_of(examples=tests, kind="tests").validation["kind"] == "tests"
    assert "1 of 2" in refusal(examples=[tests[0], Example(("crash",), "other")], kind="tests")
    assert "2 of 3" in refusal(examples=[*tests, Example(("hello",), "bug")], kind="tests")  # abstaining is no answer
    assert "there are no tests" in refusal(examples=[], kind="tests")


def test_other_types_stand_for_nobody() -> None:
    assert "other types" in refusal(code=CODE.replace('[:enum "bug" "other"]', "string"))
    assert "other types" in refusal(code=CODE.replace("message :string", "message"))


@pytest.mark.parametrize(
    "body",
    [
        '(do (println message) "bug")',
        '(call :io.read-file "secrets")',
        '(get-env "HOME")',
        '(do (log "x") "bug")',
        '(call :system.current-time)',
        '(deref (atom "bug"))',
        "(loop [] (recur))",
        "(reduce + 0 (range 100000000))",
        '((fn again [n] (str (again (inc n)))) 0)',
        '((fn ^:delegation :local-model "echo" [m :string] :-> :string "bug") message)',
    ],
)
def test_the_sandbox_has_nothing_to_give(body: str) -> None:
    assert "agrees on 0 of" in refusal(code=f'(defn topic [message :string] :-> [:enum "bug" "other"] {body})', examples=EXAMPLES[:2])


def test_effects_of_definitions_fail_too() -> None:
    code = f'(def word (do (println "here I am") "crash")) {CODE.partition(chr(10))[2]}'
    assert "does not load" in refusal(code=code)


def test_a_part_has_what_it_needs() -> None:
    text = """(println "top") (deftype Word string) (def unused (println "no")) (defn c [] (d)) (defn d [] (if false (c) 2))
              (defn helper [w :Word] (str w (c))) (defn f [w :Word] (helper w)) (defn g [] (f "x"))"""
    program = inspector().prepared(Source("text", text))
    part, function = part_of(program, "f")
    assert [getattr(form.node, "name", None) for form in part.forms] == ["Word", "c", "d", "helper", "f"]
    assert function.name == "f"
    assert inspector().sandboxed(part, "f")(("a",)) == "a2"


def test_macros_are_expanded() -> None:
    text = "(defmacro twice [e] `(let [v# ~e] (+ v# v#))) (defn f [n] (twice n))"
    part, _ = part_of(inspector().prepared(Source("text", text)), "f")
    assert inspector().sandboxed(part, "f")((4,)) == 8
    assert len(part.forms) == 1


@pytest.mark.parametrize("text", ["(defn g [] 1)", "(def f 1)", "(def k 1) (defn f [] k) (set! k 2)", "(def k 1) (defn f [] k) (do (def k 2) 1)"])
def test_what_cannot_be_taken_out_of_its_program(text: str) -> None:
    with pytest.raises(CodeRefused) as caught:
        part_of(inspector().prepared(Source("text", text)), "f")
    assert caught.value.reason == "other-code"


def test_verifying_takes_errors_for_misses() -> None:
    def run(args: tuple[Any, ...]) -> Any:
        if args[0] == "left":
            raise EvalError("no", kind="abstain")
        if args[0] == "broken":
            raise EvalError("broken")
        return args[0]

    examples = [Example((word,), "x") for word in ("x", "y", "left", "broken")]
    found = verify(run, examples, kind="agreement")
    assert (found.examples, found.covered, found.agreed, found.first_miss) == (4, 3, 1, "number 2: another value than is expected")


def test_the_same_code_is_the_same_entry() -> None:
    other = CODE.replace("word", "part").replace("\n  ", " ; a remark\n ")
    assert entry_of(other).key == entry_of().key
    assert entry_of(other.replace("crash", "Crash"), examples=[e.replace(args=("Crash",)) for e in EXAMPLES]).key != entry_of().key


def test_nothing_else_of_the_file_is_published() -> None:
    text = f'(def password "hunter2") ; a secret remark\n{CODE}\n(println password)\n(defn other [] password)'
    entry = entry_of(text)
    assert entry.content == entry_of().content
    for word in (b"hunter2", b"secret", b"println", b"password"):
        assert word not in entry.artefact
    assert b"string-contains message word" in entry.artefact


def test_errors_of_published_code_show_their_place() -> None:
    from rtfs.errors import RtfsError
    from rtfs.ir.artefact.container import decode

    entry = entry_of("(def unused 1)\n" + CODE.replace('(throw :abstain "no rule")', "(/ 1 0)"))
    with pytest.raises(RtfsError) as caught:
        inspector().sandboxed(decode(entry.artefact, "a"), "topic")(("hello",))
    assert caught.value.span is not None
    assert caught.value.span.source.text[caught.value.span.start : caught.value.span.end] == "(/ 1 0)"
    assert caught.value.span.source.name == "code.rtfs"


def test_entries_without_a_task() -> None:
    runtime = inspector()
    program = runtime.prepared(Source("text", '(defn double "Twice a number." [n :int] :-> int (* 2 n))'))
    entry, found = make_entry(program, "double", runtime.sandboxed, [Example((2,), 4)], kind="tests")
    assert (entry.task, entry.text, found.passed) == (None, "Twice a number.", True)
