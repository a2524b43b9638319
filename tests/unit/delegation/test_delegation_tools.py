"""Tools: what a model has called before it answers."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rtfs
from rtfs.errors import DelegationError, EvalError, HostError, LimitExceeded
from rtfs.models.protocol import Availability, ModelReply, ModelRequest, ToolCall, ToolsRefused, Usage
from rtfs.models.registry import ModelRegistry
from rtfs.values.scalars import Keyword

pytestmark = pytest.mark.parametrize("strategy", ["ir", "tree"])


class Scripted:
    """Plays its script: texts are answers, lists are calls of tools (name, operands as JSON or data), errors are raised."""

    name = "scripted"
    free = True

    def __init__(self, *script: Any, calls_tools: bool = True) -> None:
        self.script = list(script)
        self.calls_tools = calls_tools
        self.requests: list[ModelRequest] = []

    def complete(self, request: ModelRequest) -> ModelReply:
        self.requests.append(request)
        entry = self.script.pop(0)
        if isinstance(entry, Exception):
            raise entry
        usage = Usage(prompt_tokens=10, completion_tokens=5)
        if isinstance(entry, list):
            made = [(name, given if isinstance(given, str) else json.dumps(given)) for name, given in entry]
            calls = tuple(ToolCall(id=f"functions.{n}:{i}", name=n, arguments=a) for i, (n, a) in enumerate(made))
            return ModelReply(text="", usage=usage, calls=calls, finish_reason="tools", model="scripted-1")
        return ModelReply(text=entry, usage=usage, model="scripted-1")

    def availability(self, model: str) -> Availability:
        return Availability(usable=True, detail="a test")

    def close(self) -> None:
        pass

    @property
    def results(self) -> list[str]:
        """What the model was told in the last round before the last request."""
        return [result.text for result in self.requests[-1].rounds[-1].results]


LOOKUP = """
(deftype Status [:map [:state string] [:days int]])
(defn lookup-order "Finds an order by its number." [id :int] :-> Status
  (if (= id 7) {:state "shipped" :days 2} (throw {:type :not-found :message "no such order"})))
"""


def ask(tools: str = "[lookup-order]", extra: str = ":strict true", result: str = ":string", target: str = ':remote "m"') -> str:
    return f'(defn answer ^:delegation {target} ^{{:tools {tools} {extra}}} "Answer the customer." [text :string] :-> {result} nil)\n'


Make = Callable[..., tuple[Any, Any]]


@pytest.fixture
def make(strategy: str) -> Iterator[Make]:
    made: list[Any] = []

    def runtime(provider: Any, **options: Any) -> Any:
        models = ModelRegistry()
        models.register("m", provider, kind=options.pop("kind", "any"))
        for name, further in options.pop("further", {}).items():
            models.register(name, further, kind="any")
        out = io.StringIO()
        found = rtfs.Runtime(strategy=strategy, models=models, stdout=out, stderr=out, environ=options.pop("environ", {}), **options)
        made.append(found)
        return found, out

    yield runtime
    for found in made:
        found.close()


def test_a_function_is_called_and_its_value_goes_to_the_model(make: Make) -> None:
    model = Scripted([("lookup-order", {"id": 7})], "It comes in two days.")
    runtime, _ = make(model)
    assert runtime.run(LOOKUP + ask() + '(answer "Where is it?")') == "It comes in two days."
    (spec,) = model.requests[0].tools
    assert (spec.name, spec.doc) == ("lookup-order", "Finds an order by its number.")
    assert spec.schema == {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"], "additionalProperties": False}
    (done,) = model.requests[1].rounds
    assert done.calls[0].id == done.results[0].id == "functions.lookup-order:0"
    assert json.loads(done.results[0].text) == {"state": "shipped", "days": 2}
    record = runtime.records.calls[-1]
    assert [attempt.outcome for attempt in record.attempts] == ["tools", "answered"]
    assert [(use.name, use.outcome) for use in record.tools] == [("lookup-order", "ok")]
    assert (record.prompt_tokens, record.completion_tokens) == (20, 10)
    assert record.to_dict()["tools"][0]["name"] == "lookup-order"


def test_several_calls_of_one_reply_run_in_its_order(make: Make) -> None:
    model = Scripted([("note", {"x": "b"}), ("note", {"x": "a"}), ("note", {"x": "c"})], "done")
    runtime, out = make(model)
    assert runtime.run('(defn note [x :string] (println x) (str x x))' + ask("[note]") + '(answer "x")') == "done"
    assert out.getvalue() == "b\na\nc\n"
    assert model.results == ["bb", "aa", "cc"]


def test_a_capability_is_called_as_the_program_would(make: Make, tmp_path: Any) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    model = Scripted([("io_read-lines", {"path": str(tmp_path / "a.txt")}), ("io.read-lines", {"path": "/etc/passwd"})], "done")
    runtime, _ = make(model, allow=["io.read-lines"], read=[tmp_path])
    runtime.run(ask("[:io.read-lines]") + '(answer "x")')
    assert json.loads(model.results[0]) == ["one", "two"]
    assert "outside of the folders" in model.results[1]
    assert [(use.name, use.outcome) for use in runtime.records.calls[-1].tools] == [("io.read-lines", "ok"), ("io.read-lines", "security-violation")]
    assert [entry.capability for entry in runtime.host.audit] == ["io.read-lines", "io.read-lines"]


def test_a_capability_that_is_not_allowed_is_an_error_before_anything_is_sent(make: Make) -> None:
    model = Scripted("never")
    runtime, _ = make(model)
    with pytest.raises(HostError) as caught:
        runtime.run(ask("[:io.read-lines]") + '(answer "x")')
    assert caught.value.kind == "security-violation"
    with pytest.raises(HostError) as caught:
        runtime.run(ask("[:io.raed-lines]") + '(answer "x")')
    assert caught.value.kind == "unknown-capability"
    assert model.requests == []


def test_what_goes_wrong_is_told_to_the_model(make: Make) -> None:
    wrong = [("lookup-order", {"id": 8}), ("lookup-order", {"id": "many"}), ("lookup-order", "{oops"), ("lookup-order", {}), ("find", {}), ("lookup-order", {"id": 7})]
    model = Scripted(wrong, "done")
    runtime, _ = make(model)
    assert runtime.run(LOOKUP + ask() + '(answer "x")') == "done"
    texts = model.results
    assert texts[0] == "It failed: no such order"
    assert texts[1].startswith("The operands do not fit: .id must be")
    assert all(text.startswith("The operands do not fit") for text in texts[2:4])
    assert texts[4] == "There is no tool 'find'. The tools are: lookup-order."
    assert json.loads(texts[5])["days"] == 2
    assert [result.failed for result in model.requests[-1].rounds[0].results] == [True] * 5 + [False]
    outcomes = [use.outcome for use in runtime.records.calls[-1].tools]
    assert outcomes == ["not-found", "invalid-argument", "invalid-argument", "invalid-argument", "unknown-tool", "ok"]


def test_a_result_that_breaks_the_tools_own_type_is_an_error_of_the_tool(make: Make) -> None:
    model = Scripted([("f", {"x": 1})], "done")
    runtime, _ = make(model)
    runtime.run('(defn f [x :int] :-> :string x)' + ask("[f]") + '(answer "x")')
    assert model.results[0].startswith("It failed: f, result: ")


def test_secrets_are_taken_out_of_errors(make: Make) -> None:
    model = Scripted([("f", {})], "done")
    runtime, _ = make(model, environ={"SOME_API_KEY": "sk-1234567890"})
    runtime.run('(defn f [] (throw {:type :odd :message "key sk-1234567890 is bad"}))' + ask("[f]") + '(answer "x")')
    assert model.results == ["It failed: key [SOME_API_KEY] is bad"]


def test_a_limit_that_runs_out_in_a_tool_is_no_news_for_the_model(make: Make) -> None:
    model = Scripted([("f", {"x": 1})], "done")
    runtime, _ = make(model, limits=rtfs.Limits(max_steps=2_000))
    with pytest.raises(LimitExceeded):
        runtime.run('(defn f [x :int] (loop [i 0] (recur (inc i))))' + ask("[f]") + '(try (answer "x") (catch Error e "caught"))')
    assert len(model.requests) == 1


def test_budgets_hold_for_every_round(make: Make) -> None:
    model = Scripted(*[[("lookup-order", {"id": 7})]] * 5, "done")
    runtime, _ = make(model)
    with pytest.raises(LimitExceeded) as caught:
        runtime.run(LOOKUP + ask() + '(with-budget {:calls 3} (answer "x"))')
    assert caught.value.kind == "budget-exhausted"
    assert len(model.requests) == 3
    assert len(runtime.records.calls[-1].tools) == 3


def test_after_so_many_rounds_the_model_has_to_answer(make: Make) -> None:
    model = Scripted([("lookup-order", {"id": 7})], [("lookup-order", {"id": 7})], "done")
    runtime, _ = make(model)
    assert runtime.run(LOOKUP + ask(extra=":strict true :max-rounds 2") + '(answer "x")') == "done"
    assert [request.answer_now for request in model.requests] == [False, False, True]


def test_a_model_that_goes_on_calling_has_failed(make: Make) -> None:
    model = Scripted(*[[("lookup-order", {"id": 7})]] * 3)
    runtime, _ = make(model)
    with pytest.raises(DelegationError) as caught:
        runtime.run(LOOKUP + ask(extra=":strict true :max-rounds 2") + '(answer "x")')
    assert caught.value.kind == "tool-limit"
    assert len(runtime.records.calls[-1].tools) == 2


def test_calls_are_limited_too(make: Make) -> None:
    model = Scripted([("lookup-order", {"id": 7})] * 5, "done")
    runtime, _ = make(model)
    assert runtime.run(LOOKUP + ask(extra=":strict true :max-tool-calls 3") + '(answer "x")') == "done"
    assert [use.outcome for use in runtime.records.calls[-1].tools] == ["ok"] * 3 + ["tool-limit"] * 2
    assert model.requests[-1].answer_now


def test_the_body_answers_when_the_model_fails(make: Make) -> None:
    model = Scripted([("lookup-order", {"id": 7})], DelegationError("gone"))
    runtime, _ = make(model)
    program = LOOKUP + '(defn answer ^:delegation :remote "m" ^{:tools [lookup-order]} "A." [text :string] :-> :string (str "body " text))'
    assert runtime.run(program + '(answer "x")') == "body x"


def test_the_next_target_knows_what_was_called(make: Make, tmp_path: Any) -> None:
    first, second = Scripted([("note", {})], DelegationError("gone")), Scripted("done")
    policy = tmp_path / "delegation.toml"
    policy.write_text('[[rules]]\nsymbol = "answer"\ntarget = ["remote:m", "remote:n"]\n')
    runtime, out = make(first, further={"n": second}, policy=policy)
    runtime.run('(defn note [] (println "called"))(defn answer ^{:tools [note]} "A." [text :string] :-> :string "body")')
    assert runtime.run('(answer "x")') == "done"
    assert out.getvalue().count("called") == 1
    assert len(second.requests[0].rounds) == 1


def test_a_reply_that_does_not_fit_is_asked_for_again_without_calls(make: Make) -> None:
    model = Scripted([("lookup-order", {"id": 7})], "many", "3")
    runtime, _ = make(model)
    assert runtime.run(LOOKUP + ask(result=":int") + '(answer "x")') == 3
    assert model.requests[-1].answer_now
    assert model.requests[-1].previous is not None
    assert len(model.requests[-1].rounds) == 1


def test_results_of_a_private_function_reach_no_remote_model(make: Make) -> None:
    model = Scripted("never")
    runtime, _ = make(model)
    program = '(defn secret ^{:tags [:private]} [] "hush")' + ask("[secret]")
    with pytest.raises(DelegationError):
        runtime.run(program + '(answer "x")')
    assert model.requests == []
    assert [attempt.outcome for attempt in runtime.records.calls[-1].attempts] == ["refused"]
    here = Scripted([("secret", {})], "done")
    runtime, _ = make(here)
    assert runtime.run('(defn secret ^{:private true} [] "hush")' + ask("[secret]", target=':local-model "m"') + '(answer "x")') == "done"
    assert here.results == ["hush"]


def test_nor_do_those_that_a_policy_makes_private(make: Make, tmp_path: Path) -> None:
    policy = tmp_path / "delegation.toml"
    policy.write_text('private_tags = ["pii"]\n')
    model = Scripted("never")
    runtime, _ = make(model, policy=policy)
    with pytest.raises(DelegationError):
        runtime.run('(defn secret ^{:tags [:pii]} [] "hush")' + ask("[secret]") + '(answer "x")')
    assert model.requests == []


def test_a_tool_may_be_delegated_itself(make: Make) -> None:
    outer, inner = Scripted([("part", {"x": "a"})], "outer"), Scripted("inner")
    runtime, _ = make(outer, further={"n": inner})
    program = '(defn part "Does a part." ^:delegation :remote "n" [x :string] :-> :string x)' + ask("[part]")
    assert runtime.run(program + '(answer "x")') == "outer"
    assert outer.results == ["inner"]
    assert [record.function for record in runtime.records.calls] == ["part", "answer"]


def test_a_tool_that_asks_the_same_again_meets_a_limit(make: Make) -> None:
    class Endless(Scripted):
        def complete(self, request: ModelRequest) -> ModelReply:
            self.script = [[("answer", {"text": "x"})]]
            return super().complete(request)

    runtime, _ = make(Endless())
    with pytest.raises(LimitExceeded):
        runtime.run(ask("[answer]") + '(with-budget {:calls 40} (answer "x"))')


@pytest.mark.parametrize(
    ("definition", "properties", "required", "given", "value"),
    [
        ("(defn f [a :int & more :string] (str a more))", {"a", "more"}, ["a"], {"a": 1, "more": ["x", "y"]}, '1("x" "y")'),
        ("(defn f [a :int & more :string] (str a more))", {"a", "more"}, ["a"], {"a": 1}, "1()"),
        ("(defn f [{:keys [x]} : [:map [:x int]] _ : int] (str x))", {"arg0", "arg1"}, ["arg0", "arg1"], {"arg0": {"x": 3}, "arg1": 1}, "3"),
        ("(defn f [when : timestamp? kind : [:enum :a :b]] (str kind))", {"when", "kind"}, ["when", "kind"], {"when": None, "kind": "b"}, ":b"),
        ("(def f (fn [x] (* 2 x)))", {"x"}, ["x"], {"x": 4}, "8"),
        ("(defn f [] nil)", set(), None, {}, "null"),
    ],
)
def test_parameters_become_a_schema_and_operands_values(
    make: Make, definition: str, properties: set[str], required: list[str] | None, given: Any, value: str
) -> None:
    model = Scripted([("f", given)], "done")
    runtime, _ = make(model)
    runtime.run(definition + ask("[f]") + '(answer "x")')
    schema = model.requests[0].tools[0].schema
    assert set(schema["properties"]) == properties
    assert schema.get("required") == required
    assert model.results == [value]


def test_functions_of_the_host_and_the_library_are_tools(make: Make) -> None:
    def convert(amount: float, unit: str = "eur") -> str:
        """Converts money."""
        return f"{amount:g} {unit}"

    model = Scripted([("convert", {"amount": 2, "unit": "usd"}), ("convert", {"amount": 2.5}), ("string-upper", {"arg0": "a"})], "done")
    runtime, _ = make(model)
    runtime.define("convert", convert)
    runtime.run(ask("[convert string-upper]") + '(answer "x")')
    assert model.results == ["2 usd", "2.5 eur", "A"]
    spec = model.requests[0].tools[0]
    assert spec.doc == "Converts money."
    assert spec.schema["properties"] == {"amount": {"type": "number"}, "unit": {"type": "string"}}
    assert spec.schema["required"] == ["amount"]


def test_names_that_no_protocol_takes_are_written_otherwise(make: Make) -> None:
    model = Scripted([("even_p", {"n": 2}), ("even?", {"n": 3}), ("even_p_2", {"n": 1})], "done")
    runtime, _ = make(model)
    runtime.run('(defn even? [n :int] (= 0 (mod n 2))) (defn even_p [n :int] "other")' + ask("[even? even_p]") + '(answer "x")')
    assert [tool.name for tool in model.requests[0].tools] == ["even_p", "even_p_2"]
    assert model.results == ["true", "false", "other"]


def test_a_long_result_is_cut(make: Make) -> None:
    model = Scripted([("f", {})], "done")
    runtime, _ = make(model)
    runtime.run('(defn f [] (string-join "" (map (fn [i] "xy") (range 60000))))' + ask("[f]") + '(answer "x")')
    assert 50_000 < len(model.results[0]) < 50_200
    assert "cut off" in model.results[0]


def test_a_definition_that_changes_is_the_one_that_is_called(make: Make) -> None:
    model = Scripted([("f", {})], "done", [("f", {"x": 1})], "done")
    runtime, _ = make(model)
    runtime.run('(defn f [] "old")' + ask("[f]") + '(answer "x")')
    assert model.results == ["old"]
    runtime.run('(defn f [x :int] "new") (answer "x")')
    assert model.results == ["new"]


@pytest.mark.parametrize(
    ("tools", "kind"),
    [("[nobody]", "undefined-symbol"), ("[number]", "invalid-delegation")],
)
def test_what_is_no_tool_is_an_error_of_the_program(make: Make, tools: str, kind: str) -> None:
    model = Scripted("never")
    runtime, _ = make(model, on_warning=lambda message, span: None)
    with pytest.raises(EvalError) as caught:
        runtime.run("(def number 3)" + ask(tools) + '(answer "x")')
    assert caught.value.kind == kind
    assert model.requests == []


# --- models without a way of their own -------------------------------------------------------


def test_a_model_that_knows_no_tools_answers_with_a_step(make: Make) -> None:
    steps = ['{"tool": "lookup-order", "operands": {"id": 7}}', '{"answer": "In two days."}']
    model = Scripted(*steps, calls_tools=False)
    runtime, _ = make(model)
    assert runtime.run(LOOKUP + ask() + '(answer "x")') == "In two days."
    assert model.requests[0].tools == ()
    assert "lookup-order: Finds an order" in model.requests[0].doc
    assert "7" in str(model.requests[1].parameters[-1].value)
    assert "shipped" in str(model.requests[1].parameters[-1].value)
    assert [use.outcome for use in runtime.records.calls[-1].tools] == ["ok"]


def test_its_answer_has_the_type_of_the_function(make: Make) -> None:
    model = Scripted('{"tool": "lookup-order", "operands": {"id": 7}}', '{"answer": {"days": "2"}}', calls_tools=False)
    runtime, _ = make(model)
    assert runtime.run(LOOKUP + ask(result="[:map [:days int]]") + '(answer "x")') == {"days": 2}


def test_when_it_has_to_answer_it_is_asked_for_nothing_else(make: Make) -> None:
    model = Scripted('{"tool": "lookup-order", "operands": {"id": 7}}', "In two days.", calls_tools=False)
    runtime, _ = make(model)
    assert runtime.run(LOOKUP + ask(extra=":strict true :max-rounds 1") + '(answer "x")') == "In two days."
    assert str(model.requests[1].result) == "string"
    assert "shipped" in str(model.requests[1].parameters[-1].value)


def test_a_server_that_refuses_tools_is_asked_by_types_from_then_on(make: Make) -> None:
    model = Scripted(ToolsRefused("no tools"), '{"answer": "a"}', '{"answer": "b"}')
    runtime, _ = make(model)
    assert runtime.run(LOOKUP + ask() + '(answer "x")') == "a"
    assert runtime.run('(answer "y")') == "b"
    assert [len(request.tools) for request in model.requests] == [1, 0, 0]


def test_echo_answers_at_once(make: Make) -> None:
    from rtfs.models.echo import EchoProvider

    runtime, _ = make(EchoProvider())
    assert runtime.run(LOOKUP + ask() + '(answer "x")') == "text: x"


# --- with the rest of the language -----------------------------------------------------------


class Thinking:
    """Looks up the number in the text, then says what it was told; each request takes a moment, and several go on at once."""

    name = "thinking"
    calls_tools = True

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.under_way = self.most = 0

    def complete(self, request: ModelRequest) -> ModelReply:
        with self.lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        time.sleep(0.03)
        with self.lock:
            self.under_way -= 1
        if not request.rounds:
            arguments = json.dumps({"id": int(request.parameters[0].value)})
            return ModelReply(text="", calls=(ToolCall(id="1", name="look", arguments=arguments),), usage=Usage(prompt_tokens=1, completion_tokens=1))
        return ModelReply(text=request.rounds[0].results[0].text, usage=Usage(prompt_tokens=1, completion_tokens=1))

    def availability(self, model: str) -> Availability:
        return Availability(usable=True, detail="a test")

    def close(self) -> None:
        pass


def test_tools_run_in_turn_while_requests_wait_together(make: Make) -> None:
    model = Thinking()
    runtime, _ = make(model)
    runtime.run("(def seen (atom [])) (defn look [id :int] (swap! seen conj id) (str (* id id)))" + ask("[look]"))
    assert runtime.run('(pmap answer ["1" "2" "3" "4" "5" "6"])') == ["1", "4", "9", "16", "25", "36"]
    assert sorted(runtime.run("(deref seen)")) == [1, 2, 3, 4, 5, 6]
    assert model.most > 1


def test_tools_of_a_compiled_program(make: Make, tmp_path: Any) -> None:
    from rtfs.source import Source

    program = LOOKUP + ask() + '(answer "x")'
    model = Scripted([("lookup-order", {"id": 7})], "compiled")
    runtime, _ = make(model)
    path = tmp_path / "program.rtfsc"
    path.write_bytes(runtime.compile(Source("program.rtfs", program)))
    other, _ = make(model)
    assert other.run_file(path) == "compiled"
    assert json.loads(model.results[0])["days"] == 2


@pytest.mark.parametrize("calls_tools", [True, False])
def test_types_of_a_tool_are_those_of_its_module(make: Make, tmp_path: Any, calls_tools: bool) -> None:
    text = """(module shop
  (deftype Code :string)
  (deftype Item [:map [:code Code] [:count :int]])
  (defn reserve "Puts it aside." [item : Item] : Item (assoc item :count (+ 1 (:count item)))))"""
    (tmp_path / "shop.rtfs").write_text(text, encoding="utf-8")
    operands = {"item": {"code": "x", "count": 1}}
    typed = [json.dumps({"tool": "shop_reserve", "operands": operands}), '{"answer": [3]}']
    model = Scripted([("shop_reserve", operands)], "[3]", calls_tools=True) if calls_tools else Scripted(*typed, calls_tools=False)
    runtime, _ = make(model, module_path=[tmp_path])
    runtime.run("(import shop) (deftype Item :int)" + ask("[shop/reserve]", result="[:vector Item]"))
    assert runtime.run('(answer "one more")') == [3]
    last = model.requests[-1]
    gave = model.results[0] if calls_tools else last.parameters[-1].value.items()[0][Keyword("gave")]
    assert json.loads(gave) == {"code": "x", "count": 2}


def test_tools_of_a_module(make: Make, tmp_path: Any) -> None:
    (tmp_path / "shop.rtfs").write_text('(module shop (defn stock "How many." [what :string] :-> :int (count what)))', encoding="utf-8")
    model = Scripted([("shop_stock", {"what": "tea"})], "done")
    runtime, _ = make(model, module_path=[tmp_path])
    assert runtime.run("(import shop)" + ask("[shop/stock]") + '(answer "x")') == "done"
    assert model.results == ["3"]
