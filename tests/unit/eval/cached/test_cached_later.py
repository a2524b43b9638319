"""What happens after a stored program has run, or in its midst: redefinitions, errors, questions about its functions."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtfs.errors import EvalError
from rtfs.eval.cached.pending import PendingFn
from rtfs.eval.compiled.places import places_of
from rtfs.runtime import Runtime
from rtfs.source import Span
from rtfs.syntax import nodes as ast
from rtfs.values.functions import Function
from rtfs.values.struct import Struct
from tests.support.stored import everything_is_worth_keeping, run, three_runs, write

PROGRAM = '''
(defn small [x] (+ x 1))
(defn main "Adds up." [xs] (reduce (fn [a x] (+ a (small x))) 0 xs))
(defn pick [m & more] (if (first more) (:a m) (main [1 2])))
(defn fib [n] (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))
(defn named [x : int label : string] : string (str label x))
(def table {:add small :fib fib})
(defn even-so [n] (if (= n 0) true (odd-so (- n 1))))
(defn odd-so [n] (if (= n 0) false (even-so (- n 1))))
(main [1 2 3])
'''


@pytest.fixture(autouse=True)
def _all_sizes() -> Iterator[None]:
    with everything_is_worth_keeping():
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path, "a.rtfs", PROGRAM)


@pytest.fixture
def cache(tmp_path: Path, path: Path) -> Path:
    folder = tmp_path / "cache"
    three_runs(path, folder)
    return folder


@pytest.fixture
def runtime(path: Path, cache: Path) -> Iterator[Runtime]:
    """A runtime in which the stored program has run."""
    with Runtime(strategy="ir", models=None, environ={}, cache=cache) as made:
        made.run_file(path)
        yield made


# --- later texts ---


@pytest.mark.parametrize(
    "texts",
    [
        ["(defn small [x] (* x 10))", "(main [1 2 3])", "(pick {} nil)"],
        ["(defn + [a b] :plus)", "(main [1 2 3])", "(fib 5)"],
        ["(main [1 2 3])", "(defn + [a b] :plus)", "(main [1 2 3])", "(fib 5)"],
        ["(def reduce (fn [f i xs] xs))", "(main [1 2 3])"],
        ["(set! small inc)", "(main [1 2 3])"],
        ["(defn fib [n] n)", "(fib 10)", "((:fib table) 10)"],
        ["((:fib table) 10)", "(defn fib [n] n)", "((:fib table) 10)", "(fib 10)"],
        ["(def - (fn [a b] 0))", "((:fib table) 10)", "(defn - [a b] 1)", "((:fib table) 10)"],
        ["(defn again [xs] (main xs))", "(again [1])", "(defn main [xs] xs)", "(again [1])"],
        ["(defn both [n] (+ (fib n) (small n)))", "(both 10)", "(both :a)"],
        ["(map small [1 2 3])", "(sort-by small [3 1 2])", "((fn [f] (f 4)) small)", "(map pick [{:a 1}] )"],
        ["(main)", "(main 1 2 3)", "(small :a)", "(fib nil)", "(main [1 :a])", "(pick)"],
        ['(named 1 "a")', '(named "a" 1)', "(named 1)"],
        ["(even-so 10)", "(odd-so 7)", "(even-so :a)"],
        ["(try (main [:a]) (catch e [(:type e) (:message e) (:stack e)]))"],
        ["(meta main)", "(fn? main)", "(str main)", "main", "(= main main)", "(= (:add table) small)"],
        ["(defmacro small [x] `(- ~x))", "(small 1)", "(main [1])"],
        ["(let [main 1] main)", "(defstruct small :x int)", "(main [1])"],
    ],
    ids=lambda texts: texts[0],
)
def test_later_texts_see_the_same(texts: list[str], path: Path, cache: Path, tmp_path: Path) -> None:
    three_runs(path, tmp_path / "other", *texts)


def test_deep_recursion_through_functions_that_are_loaded_on_the_way(tmp_path: Path) -> None:
    text = "(defn a [n] (if (= n 0) 0 (+ 1 (b (- n 1)))))\n(defn b [n] (if (= n 0) 0 (+ 1 (c (- n 1)))))\n"
    text += "(defn c [n] (if (= n 0) 0 (+ 1 (a (- n 1)))))\n"
    path = write(tmp_path, "a.rtfs", text)
    warm = three_runs(path, tmp_path / "cache", "(a 15000)", "(a 10000000)")
    assert warm.results[1] == "15000"
    assert "deep" in warm.results[2]


def test_mutual_tail_calls_take_no_depth(tmp_path: Path) -> None:
    text = "(defn e [n] (if (= n 0) true (o (- n 1))))\n(defn o [n] (if (= n 0) false (e (- n 1))))"
    warm = three_runs(write(tmp_path, "a.rtfs", text), tmp_path / "cache", "(e 300000)")
    assert warm.results[1] == "true"


def test_what_was_taken_for_granted_may_be_otherwise_in_another_run(tmp_path: Path) -> None:
    """`step` is a built-in in one run and a function that goes on in the other; only one of them gives up its frame."""
    text = "(defn stop [n] n)\n(def step (if @args stop (fn [n] (if (= n 0) :end (count-down (- n 1))))))\n"
    text += "(defn count-down [n] (step n))\n(count-down 3)"
    path = write(tmp_path, "a.rtfs", text)
    folder = tmp_path / "cache"
    for context in ({"args": 1}, {}, {"args": 1}):
        plain = run(path, None, "(count-down 200000)", context=context)
        stored = run(path, folder, "(count-down 200000)", context=context)
        assert stored.seen == plain.seen


def test_a_function_that_was_put_in_the_place_of_its_calls_may_be_another_in_another_run(tmp_path: Path) -> None:
    text = "(defn one [x] (+ x 1))\n(defn two [x] (+ x 2))\n(def step (if @args one two))\n"
    text += "(defn main [xs] (map (fn [x] (step x)) xs))\n(main [1 2])"
    path = write(tmp_path, "a.rtfs", text)
    folder = tmp_path / "cache"
    seen = [run(path, folder, context=context).results[0] for context in ({"args": 1}, {"args": 1}, {}, {})]
    assert seen == ["[2 3]", "[2 3]", "[3 4]", "[3 4]"]


# --- what is read, and when ---


def functions(runtime: Runtime) -> dict[str, Function]:
    return {name: value for name in runtime.namespace.own if type(value := runtime.namespace.values[name]) is Function}


def test_definitions_are_read_when_somebody_looks(runtime: Runtime) -> None:
    found = functions(runtime)
    assert {type(function.spec) for function in found.values()} == {PendingFn}
    spec = found["main"].spec
    assert isinstance(spec, ast.Fn)
    assert spec.doc == "Adds up."
    assert type(spec) is ast.Fn
    assert found["main"].spec is spec
    assert type(found["fib"].spec) is PendingFn
    assert runtime.run("(:doc (meta main))") == "Adds up."
    assert runtime.function("main").__doc__ == "Adds up."


def test_the_definition_of_a_function_is_the_one_in_the_definition_of_its_form(runtime: Runtime) -> None:
    (program,) = runtime.namespace.linker.programs
    for form in program.forms.forms:
        if form.defined is not None:
            name, number = form.defined
            node = program.node(form)
            assert isinstance(node, ast.Def)
            assert node.name == name
            assert node.value is program.fn(number) is runtime.namespace.values[name].spec
            assert type(node.value) is ast.Fn


def test_definitions_are_those_of_the_text(runtime: Runtime, path: Path) -> None:
    with Runtime(strategy="ir", models=None, environ={}) as other:
        other.run_file(path)
        for name, function in functions(other).items():
            assert facts(functions(runtime)[name].spec) == facts(function.spec), name


def facts(item: Any) -> Any:
    """Everything that is in a definition, with what names are used for; two bindings are never equal."""
    if isinstance(item, ast.Binding):
        return item.name, item.span and (item.span.start, item.span.end), item.late, item.uses, item.assigned, item.captured
    if isinstance(item, Struct):
        return [facts(getattr(item, field)) for field in item._fields], type(item)
    if isinstance(item, Span):
        return item.start, item.end
    return [facts(part) for part in item] if isinstance(item, (tuple, list)) else item


def test_code_is_loaded_when_a_function_is_called(runtime: Runtime) -> None:
    def loaded(name: str) -> bool:
        return places_of(functions(runtime)[name].py.__code__) is not None

    assert not loaded("fib")
    assert loaded("main")  # the program called it
    assert runtime.function("fib")(10) == 55
    assert loaded("fib")
    assert not loaded("named")


def test_no_stand_in_is_left_among_the_entries(runtime: Runtime) -> None:
    runtime.run("(fib 3) ((:fib table) 3) (map fib [1]) (main [1])")
    for key, value in runtime.namespace.linker.globals.items():
        assert not hasattr(value, "fetch"), key


def test_a_function_that_was_redefined_before_it_was_called(runtime: Runtime) -> None:
    held = functions(runtime)["fib"].py
    runtime.run("(defn < [a b] true)")
    assert runtime.function("fib")(10) == 10
    assert held(10) == 10, "the stand-in finds the newer code"


def test_errors_point_into_the_text(runtime: Runtime, path: Path) -> None:
    with pytest.raises(EvalError) as caught:
        runtime.run("(main [1 :a])")
    error = caught.value
    assert error.span is not None
    assert (error.span.source.name, error.span.text, error.span.line) == (str(path), "x", 2)
    assert [(frame.name, frame.span.text) for frame in error.trace if frame.span] == [
        ("small", "(small x)"),
        ("main", "(main [1 :a])"),
    ]


def test_python_sees_the_file(runtime: Runtime, path: Path) -> None:
    runtime.run("(fib 1)")
    code = functions(runtime)["fib"].py.__code__
    assert (code.co_filename, code.co_name, code.co_firstlineno) == (str(path), "fib", 5)


def test_a_runtime_goes_when_nobody_needs_it(path: Path, cache: Path) -> None:
    gc.collect()

    def alive() -> int:
        gc.collect()
        return sum(type(found) is Runtime for found in gc.get_objects())

    before = alive()
    for _ in range(3):
        with Runtime(strategy="ir", models=None, environ={}, cache=cache) as made:
            made.run_file(path)
            made.run('(main [1 2]) (try (named "a" 1) (catch e (:message e))) (defn small [x] x) (main [1])')
        del made
    assert alive() == before


def test_two_runtimes_share_nothing(path: Path, cache: Path) -> None:
    one, two = (Runtime(strategy="ir", models=None, environ={}, cache=cache) for _ in range(2))
    one.run_file(path)
    two.run_file(path)
    one.run("(defn small [x] 0)")
    assert one.run("(main [1 2])") == 0
    assert two.run("(main [1 2])") == 5
    assert functions(one)["main"].spec is not functions(two)["main"].spec


def test_a_stored_program_runs_without_the_reader_and_the_compiler(path: Path, cache: Path) -> None:
    import subprocess

    text = (
        "import sys\nfrom rtfs.runtime import Runtime\n"
        f"runtime = Runtime(strategy='ir', models=None, cache={str(cache)!r})\n"
        f"assert runtime.run_file({str(path)!r}) == 9\n"
        "print(*[name for name in sys.modules if name.startswith(('rtfs.', 'ast', 'linecache', 'hashlib'))])"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    names = set(done.stdout.split())
    parts = ("rtfs.syntax.reader", "rtfs.syntax.analyse", "rtfs.ir", "rtfs.eval.treewalk", "rtfs.eval.compiled.generate")
    assert not [name for name in names if name.startswith(parts) or name in ("ast", "linecache", "hashlib")]
