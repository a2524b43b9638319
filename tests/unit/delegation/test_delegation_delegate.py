"""`ModelDelegate`: from a delegated call to a value, a record and at most one line on stderr."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from rtfs.capabilities.redaction import redactor
from rtfs.delegation.delegate import ModelDelegate
from rtfs.delegation.record import Records
from rtfs.errors import DelegationError, EvalError, LimitExceeded
from rtfs.models.echo import EchoProvider
from rtfs.models.protocol import ModelReply, Usage
from rtfs.models.registry import ModelRegistry
from rtfs.semantics.protocols import DelegatedCall
from rtfs.source import Source, Span
from rtfs.types.nodes import ANY, INT, STRING, EnumType, Type, TypeRef
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Vector
from tests.support.cached_calls import Scripted

LABELS = EnumType(("praise", "complaint"))
SPAN = Span(Source("t.rtfs", "(classify text)"), 0, 15)


class Bench:
    """A delegate with everything it talks to, and a clock that gains a second each time it is read."""

    def __init__(self, *script: Any, redact: Callable[[str], str] = str) -> None:
        self.provider = Scripted(*script) if script else None
        self.registry = ModelRegistry()
        if self.provider is not None:
            self.registry.register("m", self.provider)
        self.lines: list[str] = []
        self.records = Records()
        self._ticks = 0.0
        self.delegate = ModelDelegate(
            self.registry, report=self.lines.append, records=self.records, redact=redact, clock=lambda: 1000.0, timer=self._tick
        )

    def _tick(self) -> float:
        self._ticks += 1
        return self._ticks

    def __call__(self, **changes: Any) -> Any:
        return self.delegate.delegate(call(**changes))

    @property
    def record(self) -> Any:
        (record,) = self.records.calls
        return record


def call(**changes: Any) -> DelegatedCall:
    values: dict[str, Any] = {
        "target": "local-model",
        "model": "m",
        "name": "triage/classify",
        "doc": "Praise or complaint?",
        "parameters": (("text", STRING),),
        "args": ("Works well!",),
        "result": LABELS,
        "strict": False,
        "options": {},
        "aliases": {},
        "span": SPAN,
        "body": lambda: "from-body",
    }
    return DelegatedCall(**{**values, **changes})


# --- a model answers -------------------------------------------------------------------------


def test_a_reply_becomes_the_value_and_nothing_is_said() -> None:
    bench = Bench(ModelReply(text='"praise"', usage=Usage(prompt_tokens=9, completion_tokens=1), score=0.9, label_mass=0.8, model="m-1.0"))
    assert bench() == "praise"
    assert bench.lines == []
    record = bench.record
    assert (record.source, record.value, record.function, record.target, record.model) == ("model", "praise", "triage/classify", "local-model", "m")
    assert (record.answered_by, record.provider, record.score, record.label_mass) == ("m-1.0", "scripted", 0.9, 0.8)
    assert (record.started, record.error, record.repairs) == (1000.0, None, ())
    assert [(a.outcome, a.prompt_tokens, a.completion_tokens, a.latency_s) for a in record.attempts] == [("answered", 9, 1, 1.0)]


def test_the_request_is_the_call() -> None:
    bench = Bench("praise")
    aliases: dict[str, Type] = {"Label": LABELS}
    options = {"max-tokens": 9, "temperature": 1, "seed": 5, "timeout-s": 2.5, "examples": Vector([Vector(["great", "praise"])]), "strict": True}
    assert bench(result=TypeRef("Label"), aliases=aliases, options=options) == "praise"
    assert bench.provider is not None
    (request,) = bench.provider.requests
    assert (request.model, request.function, request.doc) == ("m", "triage/classify", "Praise or complaint?")
    assert [(p.name, p.type, p.value) for p in request.parameters] == [("text", STRING, "Works well!")]
    assert (request.result, request.aliases) == (TypeRef("Label"), aliases)
    assert (request.max_tokens, request.temperature, request.seed, request.timeout_s) == (9, 1.0, 5, 2.5)
    assert request.examples == ((("great",), "praise"),)
    assert request.previous is None


def test_a_repair_is_recorded() -> None:
    bench = Bench("```json\n\"praise\"\n```")
    assert bench() == "praise"
    assert bench.record.repairs
    assert len(bench.record.attempts) == 1


def test_a_reply_that_does_not_fit_is_asked_for_once_more() -> None:
    bench = Bench("perhaps", '"complaint"')
    assert bench() == "complaint"
    assert bench.provider is not None
    first, second = bench.provider.requests
    assert first.previous is None
    assert second.previous is not None
    assert second.previous.text == "perhaps"
    assert second.previous.problem
    assert [a.outcome for a in bench.record.attempts] == ["mismatch", "answered"]
    assert bench.record.prompt_tokens == 20
    assert bench.lines == []


def test_a_cut_off_answer_says_so_to_the_model_and_in_the_record() -> None:
    bench = Bench(ModelReply(text='{"la', finish_reason="length"), ModelReply(text="a long sto", finish_reason="length"))
    assert bench(result=INT) == "from-body"
    assert bench.provider is not None
    previous = bench.provider.requests[1].previous
    assert previous is not None
    assert "cut off after 256 tokens" in previous.problem
    text = Bench(ModelReply(text="a long sto", finish_reason="length"))
    assert text(result=STRING) == "a long sto"
    assert text.record.attempts[0].problem == "the answer was cut off after 256 tokens"


@pytest.mark.parametrize("target", ["local-model", "remote"])
def test_echo_answers_for_both_targets(target: str) -> None:
    bench = Bench()
    bench.registry.register("echo", EchoProvider)
    assert bench(model="echo", target=target, result=STRING) == "text: Works well!"
    assert bench(model="echo", target=target, result=LABELS) == "praise"
    assert bench(model="echo", target=target, result=ANY) == "text: Works well!"


# --- no model does ---------------------------------------------------------------------------

MISSING = DelegationError("model file not found", kind="model-unavailable", hint="rtfs models add m")


def test_the_body_answers_when_the_provider_fails() -> None:
    bench = Bench(MISSING)
    assert bench() == "from-body"
    assert bench.lines == [
        "rtfs: triage/classify: no answer from local model m (model file not found); the function's own body answered. hint: rtfs models add m"
    ]
    record = bench.record
    assert (record.source, record.value, record.error, record.error_kind) == ("body", "from-body", "model file not found", "model-unavailable")
    assert (record.answered_by, record.body_error) == (None, None)
    assert [(a.outcome, a.problem) for a in record.attempts] == [("model-unavailable", "model file not found")]


def test_the_body_answers_when_the_model_is_unknown() -> None:
    bench = Bench()
    assert bench(target="remote") == "from-body"
    assert bench.lines[0].startswith("rtfs: triage/classify: no answer from remote model m (no remote model is called `m`);")
    assert (bench.record.provider, bench.record.attempts) == (None, ())


def test_the_body_answers_when_two_replies_do_not_fit() -> None:
    bench = Bench("perhaps", "rather\nnot")
    assert bench() == "from-body"
    assert bench.provider is not None
    assert len(bench.provider.requests) == 2
    (line,) = bench.lines
    assert line.startswith('rtfs: triage/classify: the reply of local model m does not fit `[:enum "praise" "complaint"]`: ')
    assert "; the function's own body answered. hint: " in line
    assert "\n" not in line
    assert [a.outcome for a in bench.record.attempts] == ["mismatch", "mismatch"]
    assert bench.record.error_kind == "reply-mismatch"


def test_an_error_on_the_re_ask_is_the_reason() -> None:
    bench = Bench("perhaps", DelegationError("too many requests"))
    assert bench() == "from-body"
    assert [a.outcome for a in bench.record.attempts] == ["mismatch", "provider-error"]
    assert "(too many requests)" in bench.lines[0]


def test_strict_raises_instead_with_the_place_of_the_call() -> None:
    ran: list[int] = []
    bench = Bench(DelegationError("away", kind="model-unavailable", hint="start it"))
    with pytest.raises(DelegationError, match="away") as caught:
        bench(strict=True, body=lambda: ran.append(1))
    assert caught.value.span is SPAN
    assert (ran, bench.lines) == ([], [])
    assert (bench.record.source, bench.record.error) == ("none", "away")


def test_strict_says_what_did_not_fit() -> None:
    bench = Bench("perhaps")
    with pytest.raises(DelegationError) as caught:
        bench(strict=True)
    error = caught.value
    assert (error.kind, error.code, error.retryable, error.data) == ("reply-mismatch", "RTFS-D004", False, "perhaps")
    assert error.__cause__ is not None
    with pytest.raises(DelegationError) as caught:
        Bench()(strict=True)
    assert caught.value.kind == "unknown-model"


def test_what_the_body_raises_passes_and_is_recorded() -> None:
    fault = EvalError("no luck")

    def body() -> Any:
        raise fault

    bench = Bench(MISSING)
    with pytest.raises(EvalError) as caught:
        bench(body=body)
    assert caught.value is fault
    assert (bench.record.source, bench.record.body_error, bench.record.value) == ("body", "no luck", None)
    assert "the function's own body ran instead, and failed." in bench.lines[0]


@pytest.mark.parametrize("passing", [LimitExceeded("time is up", kind="time-exhausted"), KeyboardInterrupt(), ZeroDivisionError(), RecursionError()], ids=repr)
def test_what_is_no_failure_of_the_model_passes(passing: BaseException) -> None:
    ran: list[int] = []
    bench = Bench(passing)
    with pytest.raises(type(passing)):
        bench(body=lambda: ran.append(1))
    assert ran == []
    assert bench.lines == []


def test_a_body_may_delegate_again() -> None:
    bench = Bench(MISSING)
    bench.registry.register("echo", EchoProvider)
    value = bench(body=lambda: bench(model="echo", name="inner"))
    assert value == "praise"
    assert [(r.function, r.source) for r in bench.records.calls] == [("inner", "model"), ("triage/classify", "body")]


# --- not too many words ----------------------------------------------------------------------


def test_the_same_reason_is_reported_once_and_counted() -> None:
    bench = Bench(MISSING)
    for _ in range(5):
        bench()
    bench(name="other")
    assert len(bench.lines) == 2
    assert bench.delegate.summary() == ["rtfs: triage/classify: its own body ran 5 times instead of model m (model-unavailable)"]
    bench.delegate.close()
    assert bench.lines[2:] == ["rtfs: triage/classify: its own body ran 5 times instead of model m (model-unavailable)"]
    bench.delegate.close()
    assert len(bench.lines) == 3


def test_another_reason_is_reported_too() -> None:
    bench = Bench(MISSING, DelegationError("busy", retryable=True))
    bench()
    bench()
    assert len(bench.lines) == 2
    assert bench.delegate.summary() == []


def test_secrets_of_the_environment_are_in_no_line_and_no_record() -> None:
    secret = "sk-0123456789"
    redact = redactor({"SOME_API_KEY": secret})
    bench = Bench(DelegationError(f"bad key {secret}", hint=f"not {secret}"), redact=redact)
    bench()
    assert bench.lines == [
        "rtfs: triage/classify: no answer from local model m (bad key [SOME_API_KEY]); the function's own body answered. hint: not [SOME_API_KEY]"
    ]
    assert secret not in str(bench.records.to_dict())


# --- options ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max-tokens", 0),
        ("max-tokens", True),
        ("max-tokens", "many"),
        ("max-tokens", 2.0),
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("temperature", None),
        ("seed", 1.5),
        ("timeout-s", 0),
        ("timeout-s", float("inf")),
        ("examples", "great"),
        ("examples", Vector(["great"])),
        ("examples", Vector([Vector(["great", "praise", "more"])])),
    ],
)
def test_a_wrong_option_is_an_error_that_names_it(name: str, value: Any) -> None:
    bench = Bench("praise")
    with pytest.raises(EvalError, match=f"`:{name}` should be") as caught:
        bench(options={name: value})
    assert (caught.value.kind, caught.value.span) == ("invalid-delegation", SPAN)


@pytest.mark.parametrize(
    ("parameters", "pair", "expected"),
    [
        ((("a", STRING),), Vector(["x", "r"]), (("x",), "r")),
        ((("a", STRING),), Vector([Vector(["x"]), "r"]), (("x",), "r")),
        ((("a", ANY),), Vector([Vector([1, 2]), "r"]), ((Vector([1, 2]),), "r")),
        ((("a", STRING), ("b", INT)), Vector([Vector(["x", 1]), Map([(Keyword("k"), 1)])]), (("x", 1), Map([(Keyword("k"), 1)]))),
        ((), Vector([Vector(), "r"]), ((), "r")),
    ],
)
def test_examples_are_arguments_and_result(parameters: Any, pair: Vector, expected: Any) -> None:
    bench = Bench("ok")
    bench(parameters=parameters, args=(None,) * len(parameters), result=STRING, options={"examples": Vector([pair])})
    assert bench.provider is not None
    assert bench.provider.requests[0].examples == (expected,)


def test_a_slip_in_an_option_is_mentioned_once() -> None:
    bench = Bench("praise")
    for _ in range(2):
        bench(options={"max-token": 3, "timeout": 1, "author": "me", "strict": True})
    assert bench.lines == [
        "rtfs: triage/classify: `:max-token` is not an option of delegation; did you mean `:max-tokens`?",
        "rtfs: triage/classify: `:timeout` is not an option of delegation; did you mean `:timeout-s`?",
    ]


# --- threads ---------------------------------------------------------------------------------


def test_many_threads_share_one_delegate() -> None:
    bench = Bench(MISSING)
    bench.registry.register("echo", EchoProvider)
    found: list[Any] = []

    def work(i: int) -> None:
        for j in range(20):
            text = f"{i}-{j}"
            found.append(bench(model="echo", result=STRING, args=(text,)) == f"text: {text}")
            found.append(bench() == "from-body")

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 320
    totals = bench.records.totals
    assert (totals.calls, totals.by_model, totals.by_body) == (320, 160, 160)
    assert len(bench.lines) == 1


def test_an_interrupted_request_is_in_the_record():
    bench = Bench(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        bench()
    assert (bench.record.source, bench.record.error_kind, bench.record.error) == ("none", "interrupted", "KeyboardInterrupt")
    assert [(attempt.outcome, attempt.cost_usd) for attempt in bench.record.attempts] == [("interrupted", 0.0)]
