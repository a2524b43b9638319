"""Calls that published code answers: found by what is asked, checked, sandboxed, recorded; everything else goes on to the model."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import cbor2
import pytest

pytest.importorskip("cryptography")

import rtfs
from rtfs.caching.code.meaning import Meaning, installed_meaning
from rtfs.caching.code.publishing import Example
from rtfs.caching.code.retrieval import CodeLibrary, vector_bytes
from rtfs.caching.code.signing import Signer
from rtfs.caching.code.store import CODE as ENVELOPES
from rtfs.caching.semantic.embedding import HashedEmbedder
from rtfs.cli.crystallise import state_lines
from rtfs.delegation.context import CallContext
from rtfs.delegation.engine import StaticEngine
from rtfs.delegation.targets import ContentAddressed, parse_target
from rtfs.errors import ConfigError, LimitExceeded
from rtfs.models.protocol import Availability, ModelReply
from rtfs.runtime import Runtime
from rtfs.source import Source
from tests.support.published import ASKING, CODE, Publisher, entry_of, inspector


class Model:
    """Answers as it is told, and counts."""

    name = "scripted"

    def __init__(self, answer: str = "other") -> None:
        self.answer = answer
        self.calls = 0

    def complete(self, request: Any) -> ModelReply:
        self.calls += 1
        return ModelReply(text=f'"{self.answer}"', model="scripted-1")

    def availability(self, model: str) -> Availability:
        return Availability(usable=True, detail="here")

    def close(self) -> None:
        pass


class Setting:
    """A runtime, a model and code."""

    def __init__(self, strategy: str = "ir", program: str = ASKING, publisher: Publisher | None = None, **options: Any) -> None:
        self.publisher = publisher or Publisher()
        self.model = Model()
        self.warnings: list[str] = []
        models = rtfs.ModelRegistry()
        models.register("echo", self.model, kind="any")
        given = options.pop("library", {})
        if not isinstance(given, CodeLibrary):
            given = CodeLibrary(self.publisher.store, inspector().sandboxed, report=self.warnings.append, **given)
        self.library = given
        self.runtime = Runtime(
            strategy=strategy, models=models, environ={}, code=self.library, on_warning=lambda m, s: self.warnings.append(m), **options
        )
        self.runtime.run(program)

    def ask(self, text: str, function: str = "topic") -> Any:
        return self.runtime.function(function)(text)

    @property
    def last(self) -> Any:
        return self.runtime.records.calls[-1]


@pytest.fixture(scope="module")
def entry() -> Any:
    return entry_of()


@pytest.mark.parametrize("strategy", ["tree", "ir"])
def test_code_answers_in_the_place_of_the_model(strategy: str, entry: Any) -> None:
    s = Setting(strategy)
    s.publisher.publish(entry)
    assert s.ask("it crashes") == "bug"
    assert s.model.calls == 0
    record = s.last
    assert (record.source, record.target, record.cache, record.model) == ("code", "code", "L4", "")
    assert record.answered_by == f"code:{entry.content.hex()}"
    assert (record.cost_usd, record.prompt_tokens) == (0.0, 0)
    assert "found by its task" in record.decision.reasoning
    assert s.runtime.records.totals.by_code == 1


@pytest.mark.parametrize("strategy", ["tree", "ir"])
def test_what_code_leaves_to_others_goes_to_the_model(strategy: str, entry: Any) -> None:
    s = Setting(strategy)
    s.publisher.publish(entry)
    assert s.ask("hello") == "other"
    assert [(a.provider, a.outcome, a.problem) for a in s.last.attempts] == [("code", "abstained", "no rule"), ("scripted", "answered", None)]
    assert (s.last.source, s.last.cache) == ("model", None)


def test_types_of_operands_are_checked_first(entry: Any) -> None:
    s = Setting()
    s.publisher.publish(entry)
    with pytest.raises(rtfs.RtfsError, match="parameter message"):
        s.runtime.run("(topic 5)")
    assert s.runtime.records is None


def test_results_of_another_type_are_no_answers() -> None:
    s = Setting()
    s.publisher.publish(entry_of(CODE.replace('(throw :abstain "no rule")', '"nonsense"')))
    assert s.ask("hello") == "other"
    assert [a.outcome for a in s.last.attempts] == ["failed", "answered"]


@pytest.mark.parametrize(("body", "result", "problem"), [('"nonsense"', '[:enum "bug"]', "does not fit"), ("inc", ":any", "no data")])
def test_code_by_its_hash_gives_what_the_function_wants_or_nothing(body: str, result: str, problem: str) -> None:
    """Its own types may be others."""
    s = Setting()
    code = f'(defn any-of [message] (if (= message "x") "bug" {body}))'
    entry = entry_of(code, None, "any-of", kind="tests", examples=[Example(("x",), "bug")])
    s.publisher.publish(entry)
    s.runtime.engine = StaticEngine({"kind": f"code:{entry.content.hex()}"})
    s.runtime.run(f'(defn kind [message :string] :-> {result} "bug")')
    assert s.ask("x", "kind") == "bug"
    assert s.last.source == "code"
    assert s.ask("y", "kind") == "bug"
    assert s.last.source == "body"
    assert problem in s.last.attempts[0].problem


def test_operands_that_are_no_data_do_not_reach_code() -> None:
    asking = '(defn topic ^:delegation :local-model "echo" "What is it about?" [message :any] :-> [:enum "bug" "other"] "other")'
    code = '(defn topic [message :any] :-> [:enum "bug" "other"] "bug")'
    s = Setting(program=asking)
    s.publisher.publish(entry_of(code, asking))
    assert s.runtime.run("(topic 5)") == "bug"
    for operand in ("inc", "(fn [] 1)", "[1 {:a inc}]", "(atom 1)"):
        assert s.runtime.run(f"(topic {operand})") == "other"
        assert s.last.attempts[0].outcome == "refused"


def test_errors_of_code_are_attempts(entry: Any) -> None:
    s = Setting()
    s.publisher.publish(entry_of(CODE.replace('(throw :abstain "no rule")', "(/ 1 0)")))
    assert s.ask("hello") == "other"
    assert [a.outcome for a in s.last.attempts] == ["failed", "answered"]
    s.library.flush()
    ((_, state),) = s.publisher.store.states()
    assert (state.failed, state.uses) == (1, 0)


def test_endless_code_is_stopped() -> None:
    s = Setting()
    s.publisher.publish(entry_of(CODE.replace('(throw :abstain "no rule")', "(loop [] (recur))")))
    assert s.ask("hello") == "other"
    assert s.last.attempts[0].outcome == "failed"


def test_code_cannot_do_what_the_runtime_may(tmp_path: Any) -> None:
    path = tmp_path / "secret"
    path.write_text("bug")
    body = f'(if (string-contains message "crash") "bug" (call :io.read-file "{path}"))'
    s = Setting(allow=["io.*"], read=[str(tmp_path)])
    s.publisher.publish(entry_of(f'(defn topic [message :string] :-> [:enum "bug" "other"] {body})'))
    assert s.runtime.run(f'(call :io.read-file "{path}")') == "bug"
    assert s.ask("hello") == "other"
    assert s.last.attempts[0].outcome == "failed"


# --- what is refused ---


def put(s: Setting, key: bytes, data: bytes) -> None:
    s.publisher.memory.put(ENVELOPES, key, data)


@pytest.mark.parametrize("reason", ["unknown-key", "bad-signature", "damaged", "other-version", "other-code", "not-there"])
def test_refused_code_is_told_once_and_the_model_answers(reason: str, entry: Any) -> None:
    s = Setting()
    key = s.publisher.publish(entry)
    data = s.publisher.memory.get(ENVELOPES, key)
    envelope = cbor2.loads(data)
    if reason == "unknown-key":
        s.publisher.trusted.clear()
    elif reason == "bad-signature":
        body = envelope["body"].replace(b"crash", b"smash")
        assert body != envelope["body"]
        put(s, key, cbor2.dumps({**envelope, "body": body}, canonical=True))
    elif reason == "damaged":
        put(s, key, data[:-1])
    elif reason == "other-version":
        body = cbor2.dumps({**cbor2.loads(envelope["body"]), "language": 99}, canonical=True)
        put(s, key, cbor2.dumps({**envelope, "body": body, "signature": s.publisher.signer.sign(body)}, canonical=True))
    elif reason == "other-code":
        other = entry_of(CODE.replace("no rule", "none"))
        other_key = s.publisher.publish(other)
        put(s, key, s.publisher.memory.get(ENVELOPES, other_key))
        s.publisher.store.remove(other_key)
    else:
        s.publisher.memory.delete(ENVELOPES, key)
    assert [s.ask("it crashes"), s.ask("it crashes")] == ["other", "other"]
    assert s.last.attempts[0].outcome == "refused"
    assert s.last.attempts[0].problem.startswith(f"{reason}: ")
    assert (s.last.source, s.model.calls, len(s.warnings)) == ("model", 2, 1)


def test_an_index_that_lies_is_not_believed(entry: Any) -> None:
    """What is signed says what it is for; tags and states, which anybody with the store can write, do not."""
    other = entry_of(CODE.replace("crash", "c"), ASKING.replace("about?", "for?"))
    for field, task in (("task", entry.task.hex()), ("text", other.task.hex())):
        s = Setting()
        key = s.publisher.publish(other)
        state = s.publisher.store.state(key)
        assert state is not None
        s.publisher.store.set_state(key, state.replace(task=task, text="What is it about?"))
        assert s.ask("it crashes") == "other", field
        assert s.last.attempts[0].problem.startswith("other-code: ")
    s = Setting(program=ASKING.replace("message :string", "message"))  # of another interface
    key = s.publisher.publish(entry)
    state = s.publisher.store.state(key)
    assert state is not None
    asked = inspector().definitions(Source("p", ASKING.replace("message :string", "message")))[0]
    s.publisher.store.set_state(key, state.replace(task=asked.task.hex(), interface=asked.interface.hex()))
    assert s.ask("it crashes") == "other"
    assert s.last.attempts[0].problem.startswith("other-code: ")


def test_states_that_somebody_made_up_are_harmless(entry: Any) -> None:
    s = Setting()
    key = s.publisher.publish(entry)
    good = json.loads(s.publisher.memory.get("code-state", key))
    random = Random(4)
    bad: tuple[Any, ...] = (None, -1, 2, 1e308, float("inf"), "x", "\x1b[2J", [], {}, ["a"], True, "0" * 64, {"level": "x"})
    tags = tuple([f"{name}:{good[name]}" for name in ("task", "interface", "content")])
    for _ in range(400):
        state = json.loads(json.dumps(good))
        for _ in range(random.choice((1, 1, 2))):
            where = random.choice((state, state["drift"])) if isinstance(state.get("drift"), dict) else state
            where[random.choice([*where, "more"])] = random.choice(bad)
        s.publisher.memory.put("code-state", key, json.dumps(state).encode(), tags=tags)
        for _, found in s.publisher.store.states():
            assert all(line.isprintable() for line in state_lines(found, long=True))
        fresh = Setting(publisher=s.publisher)
        assert fresh.ask("it crashes") in ("bug", "other")


def test_a_key_that_is_trusted_later(entry: Any) -> None:
    now = [0.0]
    s = Setting(library={"timer": lambda: now[0]})
    key = s.publisher.publish(entry)
    trusted = dict(s.publisher.trusted)
    s.publisher.trusted.clear()
    assert s.ask("it crashes") == "other"
    s.publisher.trusted.update(trusted)
    now[0] = 5.0  # the library looks again
    assert s.ask("it crashes") == "bug"
    s.publisher.store.remove(key)
    now[0] = 10.0
    assert s.ask("it crashes") == "other"


def test_code_of_somebody_else_who_is_trusted(entry: Any) -> None:
    s = Setting()
    friend = Signer.new()
    s.publisher.trusted[friend.public] = "a friend"
    s.publisher.store.put(entry, friend)
    assert s.ask("it crashes") == "bug"


# --- what is found ---


@pytest.mark.parametrize(
    ("program", "found"),
    [
        (ASKING, "task"),
        (ASKING.replace("defn topic", "defn kind-of").replace('"echo"', '"rules"').replace('"other")', '"bug")'), "task"),
        (ASKING.replace("What is it about?", "what  is it\n about"), "text"),
        (ASKING.replace("message :", "letter :"), "text"),
        (ASKING.replace("What is it about?", "What is it not about?"), None),
        (ASKING.replace('"bug" "other"', '"bug" "others"').replace('"other")', '"others")'), None),
        (ASKING.replace("message :string", "message"), None),
        (ASKING.replace('"What', '^{:cache :none} "What'), None),
    ],
)
def test_code_is_found_by_what_is_asked(program: str, found: str | None, entry: Any) -> None:
    s = Setting(program=program)
    s.publisher.publish(entry)
    function = "kind-of" if "kind-of" in program else "topic"
    s.model.answer = "bug"
    assert s.ask("it crashes", function) == "bug"
    assert s.last.source == ("model" if found is None else "code")
    assert found is None or f"found by its {found}" in s.last.decision.reasoning


def test_a_function_that_is_defined_anew(entry: Any) -> None:
    s = Setting()
    s.publisher.publish(entry)
    assert s.ask("it crashes") == "bug"
    s.runtime.run(ASKING.replace("about?", "for?"))
    assert s.ask("it crashes") == "other"
    s.runtime.run(ASKING)
    assert s.ask("it crashes") == "bug"


def test_functions_of_modules_and_inside_do(entry: Any) -> None:
    s = Setting(program=f"(module m {ASKING}) (import m) (do {ASKING.replace('defn topic', 'defn other')})")
    s.publisher.publish(entry)
    assert s.runtime.run('(m/topic "crash")') == "bug"
    assert s.ask("crash", "other") == "bug"
    assert {record.source for record in s.runtime.records.calls} == {"code"}


class Embedder:
    name = "two words"

    def embed(self, text: str) -> list[float]:
        near = [0.99, 0.141]
        vectors = {"about": [1.0, 0.0], "topic": near, "not about": near, "old": [0.5, 0.866]}
        return next(vector for words, vector in reversed(vectors.items()) if text.endswith(words))

    def refusal(self, one: str, other: str) -> str | None:
        return Meaning(HashedEmbedder()).refusal(one, other)


@pytest.mark.parametrize(("question", "source"), [("What is the topic?", "code"), ("What is it not about?", "model"), ("How old?", "model")])
def test_tasks_in_other_words(question: str, source: str, entry: Any) -> None:
    s = Setting(program=ASKING.replace("What is it about?", question), library={"embedder": Embedder()})
    s.publisher.publish(entry.replace(embedding=("two words", vector_bytes([1.0, 0.0]))))
    s.ask("it crashes")
    assert s.last.source == source
    assert source == "model" or "meaning 0.99" in s.last.decision.reasoning


def test_the_guards_of_the_semantic_cache_hold_here_too(tmp_path: Any) -> None:
    meaning = Meaning(HashedEmbedder())
    assert sum(value * value for value in meaning.embed("some text")) == pytest.approx(1.0)
    assert "negation" in (meaning.refusal("Is the order late?", "Is the order not late?") or "")
    assert meaning.refusal("Answer in 2 sentences", "Answer in 3 sentences") is not None
    assert meaning.refusal("What is the topic of the message?", "What is the message about?") is None
    assert installed_meaning(tmp_path) is None


def test_embeddings_of_another_embedder_say_nothing(entry: Any) -> None:
    s = Setting(program=ASKING.replace("What is it about?", "What is the topic?"), library={"embedder": Embedder()})
    s.publisher.publish(entry.replace(embedding=("other", vector_bytes([1.0, 0.0]))))
    s.ask("it crashes")
    assert s.last.source == "model"


def test_code_without_a_task_answers_to_its_hash_only() -> None:
    entry = entry_of(asking=None, text="What is it about?")
    s = Setting()
    s.publisher.publish(entry)
    assert s.ask("it crashes") == "other"
    s.runtime.engine = StaticEngine({"kind": f"code:{entry.content.hex()}"})
    s.runtime.run('(defn kind [message :string] :-> [:enum "bug" "other"] "other")')
    assert s.ask("it crashes", "kind") == "bug"
    assert s.last.source == "code"
    assert s.ask("hello", "kind") == "other"  # its own body
    assert s.last.source == "body"


@pytest.mark.parametrize("strategy", ["tree", "ir"])
def test_without_a_library_a_call_to_a_hash_leaves_an_attempt(strategy: str) -> None:
    text = "code:" + "0f" * 32
    with Runtime(strategy=strategy, environ={}, engine=StaticEngine({"kind": text}), on_warning=lambda m, s: None) as runtime:
        assert runtime.run('(defn kind [message :string] :-> :string "own") (kind "x")') == "own"
        record = runtime.records.calls[-1]
    assert [(a.provider, a.target, a.outcome) for a in record.attempts] == [("code", text, "refused")]
    assert "no published code is used here" in record.attempts[0].problem
    assert (record.source, record.error_kind) == ("body", "targets-refused")


def test_policies_name_code_as_it_is_written() -> None:
    from rtfs.delegation.policy.engine import PolicyEngine
    from rtfs.delegation.policy.explaining import explain, lines
    from rtfs.delegation.policy.reading import read_policy

    text = "code:" + "0f" * 32
    policy = read_policy(f'allow = "local:*"\n[[rules]]\nsymbol = "kind"\ntarget = "{text}"\n', "delegation.toml", "")
    found = explain(PolicyEngine(policy), CallContext("kind"))
    assert found.decision.target == parse_target(text)
    assert f"target    {text}  taken" in "\n".join(lines(found))


def test_targets_are_read_and_written() -> None:
    text = "code:" + "0f" * 32
    assert parse_target(text) == ContentAddressed(b"\x0f" * 32)
    assert parse_target(text).printed == text
    for bad in ("code:", "code:0f", "code:" + "0F" * 32, "code:" + "zz" * 32):
        with pytest.raises(ConfigError):
            parse_target(bad)


# --- engines behind it ---


def test_functions_without_a_hint_go_to_code_when_an_engine_sends_them_away(entry: Any) -> None:
    program = '(defn topic "What is it about?" [message :string] :-> [:enum "bug" "other"] "other")'
    s = Setting(program=program, engine=StaticEngine({"topic": "local:echo"}))
    s.publisher.publish(entry)
    assert s.ask("it crashes") == "bug"
    assert s.ask("hello") == "other"
    assert [record.source for record in s.runtime.records.calls] == ["code", "model"]
    s.runtime.engine = StaticEngine()  # they stay here: their own body is code already
    assert s.ask("it crashes") == "other"
    assert len(s.runtime.records.calls) == 2


def test_plans_are_kept_behind_code_and_not_in_front_of_it(entry: Any) -> None:
    """A plan that was made before there was code does not keep it away, and none keeps it when it is gone."""
    now = [0.0]
    program = '(defn topic "What is it about?" [message :string] :-> [:enum "bug" "other"] "other")'
    s = Setting(program=program, engine=StaticEngine({"topic": "local:echo"}), library={"timer": lambda: now[0], "random": Random(2)})
    for _ in range(3):
        assert s.ask("it crashes") == "other"
    key = s.publisher.publish(entry, sampling=0.3, level=0.9)
    now[0] = 5.0
    assert "bug" in [s.ask("it crashes") for _ in range(8)]
    for _ in range(200):
        s.ask("it crashes")
    state = s.publisher.store.state(key)
    assert state is not None
    assert state.status == "demoted"
    assert s.ask("it crashes") == "other"


def test_learning_engines_do_not_learn_from_code(entry: Any) -> None:
    class Learning(StaticEngine):
        def __init__(self) -> None:
            super().__init__({"topic": "local:echo"})
            self.seen: list[Any] = []

        def add(self, record: Any) -> None:
            self.seen.append(record)

    engine = Learning()
    s = Setting(engine=engine)
    s.publisher.publish(entry)
    s.ask("it crashes")
    s.ask("hello")
    assert [record.source for record in engine.seen] == ["model"]


# --- drift ---


def sampled(entry: Any, part: float, **options: Any) -> Setting:
    s = Setting(library={"random": Random(1)}, **options)
    s.key = s.publisher.publish(entry, sampling=part, level=0.9)  # type: ignore[attr-defined]
    return s


def test_some_calls_are_asked_of_the_model_as_well(entry: Any) -> None:
    s = sampled(entry, 0.1)
    s.model.answer = "bug"
    for i in range(500):
        assert s.ask(f"crash {i}") == "bug"
    assert 30 <= s.model.calls <= 75
    state = s.publisher.store.state(s.key)  # type: ignore[attr-defined]
    assert (state.drift.checks, state.drift.agreed) == (s.model.calls, s.model.calls)
    checked = [record for record in s.runtime.records.calls if record.source == "model"]
    assert len(checked) == s.model.calls
    assert [a.outcome for a in checked[0].attempts] == ["answered", "answered"]
    assert "still agree" in checked[0].decision.reasoning


def test_code_that_the_model_contradicts_is_demoted(entry: Any) -> None:
    s = sampled(entry, 0.2)
    s.model.answer = "other"
    values = [s.ask(f"crash {i}") for i in range(400)]
    state = s.publisher.store.state(s.key)  # type: ignore[attr-defined]
    assert state.status == "demoted"
    assert "0 of" in state.why
    assert len([w for w in s.warnings if "not used any more" in w]) == 1
    first = values.index("bug")
    assert set(values[first:]) == {"bug", "other"}
    assert set(values[-200:]) == {"other"}
    assert {record.source for record in s.runtime.records.calls[-200:]} == {"model"}
    assert Setting(publisher=s.publisher).ask("crash") == "other"  # for other runtimes too


def test_the_model_has_the_last_word_of_a_check_and_code_stands_in_for_it(entry: Any) -> None:
    s = sampled(entry, 1.0)
    assert s.ask("crash") == "other"
    s.model.complete = lambda request: (_ for _ in ()).throw(rtfs.DelegationError("down", kind="model-unavailable"))  # type: ignore[method-assign]
    assert s.ask("crash") == "bug"
    assert s.last.source == "code"
    assert s.publisher.store.state(s.key).drift.checks == 1  # type: ignore[attr-defined]


def test_uses_are_noted(entry: Any) -> None:
    s = sampled(entry, 0.0)
    for text in ("crash", "a crash", "hello"):
        s.ask(text)
    s.runtime.close()
    state = s.publisher.store.state(s.key)  # type: ignore[attr-defined]
    assert (state.uses, state.abstained, state.failed) == (2, 1, 0)
    assert state.used_s > 0


def test_figures_as_of_a_layer(entry: Any) -> None:
    s = sampled(entry, 0.0)
    for text in ("crash", "hello", "a crash"):
        s.ask(text)
    s.library.flush()
    stats = s.publisher.store.stats()
    assert (stats.layer, stats.hits, stats.misses, stats.size, round(stats.hit_rate, 2)) == ("L4", 2, 1, 1, 0.67)
    assert s.publisher.store.clear() == 1
    assert s.publisher.store.states() == []


def test_a_check_asks_the_model_anew_whatever_is_cached(entry: Any) -> None:
    s = sampled(entry, 1.0, caches=True)
    s.model.answer = "bug"
    for _ in range(3):
        assert s.ask("crash") == "bug"
    assert s.model.calls == 3
    for _ in range(3):
        s.ask("hello")  # code abstains: nothing is compared, and the cache may answer
    assert s.model.calls == 4


@pytest.mark.parametrize("option", [":cache :none", ":cache {:mode :none}", ":tools [:io.read-file]"])
def test_functions_that_are_left_alone(entry: Any, option: str) -> None:
    s = Setting(program=ASKING.replace('"What', f'^{{{option}}} "What'), allow=["io.*"])
    s.publisher.publish(entry)
    assert s.ask("it crashes") == "other"
    assert s.last.source == "model"


def test_a_store_that_fails_is_no_error(entry: Any) -> None:
    s = Setting()
    s.publisher.publish(entry)

    def broken(*_: Any, **__: Any) -> Any:
        raise ConfigError("the disk is gone")

    for name in ("get", "put", "items"):
        setattr(s.publisher.memory, name, broken)
    assert s.ask("it crashes") == "other"
    assert len(s.warnings) == 1
    s.runtime.close()


def test_states_that_are_damaged_are_not_there(entry: Any) -> None:
    s = Setting()
    key = s.publisher.publish(entry)
    good = s.publisher.memory.get("code-state", key)
    for bad in (b"", b"[]", b"{}", good.replace(b'"active"', b'"on"'), good.replace(b"stakes", b"takes"), good[:-5]):
        s.publisher.memory.put("code-state", key, bad, tags=(f"task:{entry.task.hex()}",))
        assert s.publisher.store.states() == []
        assert Setting(publisher=s.publisher).ask("it crashes") == "other"




def test_threads_and_runtimes_share_a_library(entry: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    first = Setting()
    key = first.publisher.publish(entry)
    second = Setting(publisher=first.publisher, library=first.library)

    def ask(i: int) -> Any:
        return (first, second)[i % 2].ask("it crashes" if i % 3 else "hello")

    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(ask, range(240)))
    assert values == ["bug" if i % 3 else "other" for i in range(240)]
    for s in (first, second):
        s.runtime.close()
    state = first.publisher.store.state(key)
    assert state is not None
    assert (state.uses, state.abstained, state.failed) == (160, 80, 0)


def test_the_sandbox_limits_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from rtfs import sandbox

    monkeypatch.setattr(sandbox, "SANDBOX", sandbox.SANDBOX.replace(timeout_s=60.0))
    runtime = inspector()
    code = "(defn f [s : string] : int (if (< (count s) 1000000000) (f (str s s)) 1))"
    with pytest.raises(LimitExceeded) as error:
        runtime.sandboxed(runtime.prepared(Source("code", code)), "f")(("0123456789abcdef",))
    assert error.value.kind == "memory-exhausted"
