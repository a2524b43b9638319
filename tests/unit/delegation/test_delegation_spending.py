"""Requests within budgets: every way that a call can go is reserved before and settled after, and no limit is passed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import rtfs
from rtfs.delegation.allowance import NANO, Allowance, Amounts
from rtfs.delegation.budget import Budget
from rtfs.delegation.delegate import ModelDelegate
from rtfs.delegation.engine import Decision
from rtfs.delegation.prices import Price, PriceTable
from rtfs.delegation.record import CallRecord, Records
from rtfs.delegation.settings import CallSettings
from rtfs.delegation.spending import Spending, prompt_tokens, server_of
from rtfs.delegation.targets import LocalModel, RemoteModel
from rtfs.delegation.watching import Watcher
from rtfs.errors import ConfigError, DelegationError, EvalError, LimitExceeded
from rtfs.models.echo import EchoProvider
from rtfs.models.openai_compatible import OpenAICompatibleProvider
from rtfs.models.protocol import NO_USAGE, Chunk, ModelReply, ModelRequest, Parameter, Usage
from rtfs.models.registry import ModelRegistry
from rtfs.semantics.calls import call as run
from rtfs.source import Source, Span
from rtfs.types.nodes import INT, STRING
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from tests.support.cached_calls import Scripted
from tests.support.openai_server import Drop, OpenAIServer, Raw, Say, Status
from tests.unit.delegation.test_delegation_delegate import call

#: 1 dollar for a million prompt tokens, 2 for a million of the answer: 1,000 and 2,000 nanodollars a token
PRICE = Price(server="*", models=("m",), input=NANO, output=2 * NANO, cached=NANO // 2)
ASKED = Amounts(10 * 1000 + 2 * 2000, 12, 1)  # what `Scripted` says that it used, by this price


class Bench:
    """A delegate with the model `m`, one budget, and prices."""

    def __init__(self, provider: Any, *prices: Price, **limits: Any) -> None:
        self.budget = Budget("test", Allowance.of(limits))
        self.registry = ModelRegistry()
        self.registry.register("m", provider)
        self.records = Records()
        self.waited: list[float] = []
        self.delegate = ModelDelegate(
            self.registry,
            report=lambda text: None,
            records=self.records,
            sleep=self.waited.append,
            spending=Spending(lambda: PriceTable(prices)),
        )

    def ask(self, **changes: Any) -> Any:
        return self.delegate.delegate(call(**{"target": "remote", "result": STRING, "budget": self.budget, **changes}))

    @property
    def record(self) -> CallRecord:
        return self.records.calls[-1]

    def settled(self, *, calls: int, tokens: int | None = None, nano_usd: int | None = None) -> None:
        """Nothing is reserved any more, and so much was spent."""
        assert self.budget.reserved == Amounts()
        spent = self.budget.spent
        assert spent.calls == calls
        assert tokens is None or spent.tokens == tokens
        assert nano_usd is None or spent.nano_usd == nano_usd


def never() -> Any:
    raise AssertionError("the body ran")


# --- what a call costs ---


def test_an_answer_is_charged_with_what_it_used():
    bench = Bench(Scripted("yes"), PRICE, usd=1, tokens=10_000, calls=10)
    assert bench.ask() == "yes"
    assert bench.budget.spent == ASKED
    assert bench.record.attempts[0].cost_usd == bench.record.cost_usd == ASKED.nano_usd / NANO


def test_tokens_from_the_cache_of_the_server_cost_less():
    usage = Usage(prompt_tokens=10, completion_tokens=2, cached_tokens=4)
    bench = Bench(Scripted(ModelReply(text="yes", usage=usage)), PRICE, usd=1)
    bench.ask()
    bench.settled(calls=1, tokens=12, nano_usd=6 * 1000 + 4 * 500 + 2 * 2000)


@pytest.mark.parametrize("usage", [Usage(), Usage(prompt_tokens=5), Usage(completion_tokens=5)])
def test_an_answer_that_does_not_say_is_charged_with_all_that_was_reserved(usage: Usage):
    bench = Bench(Scripted(ModelReply(text="yes", usage=usage)), PRICE, usd=1, tokens=10_000)
    bench.ask()
    prompt = bench.budget.spent.tokens - 256  # :max-tokens
    assert 50 < prompt < 2_000
    bench.settled(calls=1, nano_usd=prompt * 1000 + 256 * 2000)
    assert bench.record.attempts[0].cost_usd is None


def test_the_model_that_answers_is_the_one_that_bills():
    dear = Price(server="*", models=("m-large",), input=10 * NANO, output=20 * NANO, cached=0)
    reply = ModelReply(text="yes", usage=Usage(prompt_tokens=10, completion_tokens=2), model="m-large")
    bench = Bench(Scripted(reply, replace(reply, model="never-heard-of")), PRICE, dear, usd=1)
    bench.ask()
    bench.settled(calls=1, nano_usd=10 * ASKED.nano_usd)
    bench.ask()  # without a price of its own, by that of the model that was asked for
    bench.settled(calls=2, nano_usd=11 * ASKED.nano_usd)


def test_local_models_and_free_ones_cost_nothing():
    bench = Bench(Scripted("yes"), usd=0)
    bench.ask(target="local-model")
    bench.settled(calls=1, tokens=12, nano_usd=0)
    assert bench.record.cost_usd == 0.0
    free = Bench(EchoProvider(), usd=0)
    free.ask()
    free.settled(calls=1, nano_usd=0)


def test_without_a_price_nothing_is_sent_where_money_is_limited():
    model = Scripted("yes")
    bench = Bench(model, replace(PRICE, models=("other",)), usd=1)
    with pytest.raises(LimitExceeded, match="what m costs at scripted is not known, and the budget of test limits money") as caught:
        bench.ask(body=never)
    assert caught.value.kind == "unknown-price"
    assert 'server = "scripted"' in (caught.value.hint or "")
    assert model.requests == []
    bench.settled(calls=0, tokens=0, nano_usd=0)
    unlimited = Bench(Scripted("yes"), replace(PRICE, models=("other",)), calls=10)
    assert unlimited.ask() == "yes"
    assert unlimited.record.cost_usd is None


def test_a_table_that_cannot_be_read_matters_only_where_money_is_limited():
    def broken() -> PriceTable:
        raise ConfigError("prices.toml is not TOML")

    bench = Bench(Scripted("yes"), calls=5)
    bench.delegate._asking._spending = Spending(broken)
    assert bench.ask() == "yes"
    bench.settled(calls=1)
    limited = Bench(Scripted("yes"), usd=5)
    limited.delegate._asking._spending = Spending(broken)
    with pytest.raises(ConfigError):
        limited.ask(body=never)
    limited.settled(calls=0)


# --- what does not go well ---


def test_second_tries_are_calls_too():
    bench = Bench(Scripted("what?", "7"), PRICE, calls=1)
    with pytest.raises(LimitExceeded, match="1 of 1 call spent"):
        bench.ask(result=INT, body=never)
    bench.settled(calls=1, tokens=12)
    assert (bench.record.source, bench.record.error_kind) == ("none", "budget-exhausted")
    assert [attempt.outcome for attempt in bench.record.attempts] == ["mismatch", "refused"]
    enough = Bench(Scripted("what?", "7"), PRICE, calls=2)
    assert enough.ask(result=INT) == 7
    enough.settled(calls=2, tokens=24)


def test_retries_are_calls_too():
    trouble = DelegationError("busy", retryable=True, usage=NO_USAGE)
    bench = Bench(Scripted(trouble, trouble, "yes"), PRICE, calls=1)
    with pytest.raises(LimitExceeded):
        bench.ask(body=never)
    bench.settled(calls=1, tokens=0, nano_usd=0)
    enough = Bench(Scripted(trouble, "yes"), PRICE, calls=2, usd=1)
    assert enough.ask() == "yes"
    enough.settled(calls=2, tokens=12, nano_usd=ASKED.nano_usd)


def test_the_next_target_is_checked_again():
    bench = Bench(Scripted(DelegationError("down", usage=NO_USAGE)), PRICE, usd=1)
    other = Scripted("yes")
    bench.registry.register("other", other)
    plan = Decision(RemoteModel("m"), fallbacks=(RemoteModel("other"),))
    with pytest.raises(LimitExceeded) as caught:
        bench.ask(plan=plan, body=never)
    assert caught.value.kind == "unknown-price"
    assert other.requests == []
    bench.settled(calls=1, nano_usd=0)
    plan = Decision(RemoteModel("m"), fallbacks=(LocalModel("other"),))
    assert bench.ask(plan=plan) == "yes"
    bench.settled(calls=3, tokens=12, nano_usd=0)


@pytest.mark.parametrize(
    ("error", "used"),
    [
        (DelegationError("no key", kind="model-unavailable"), 0),
        (DelegationError("too long", kind="prompt-too-long"), 0),
        (DelegationError("refused", usage=Usage(prompt_tokens=10, completion_tokens=2)), ASKED.nano_usd),
        (DelegationError("429", usage=NO_USAGE), 0),
        (DelegationError("broke off"), None),
    ],
)
def test_a_failure_is_charged_with_what_it_may_have_used(error: DelegationError, used: int | None):
    bench = Bench(Scripted(error), PRICE, usd=1, tokens=10_000)
    assert bench.ask(body=lambda: "body") == "body"
    bench.settled(calls=1)
    if used is None:
        assert bench.budget.spent.nano_usd > 256 * 2000
    else:
        assert bench.budget.spent.nano_usd == used


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError(), MemoryError()], ids=repr)
def test_what_stops_a_request_from_outside_settles_it(error: BaseException):
    bench = Bench(Scripted(error), PRICE, usd=1)
    with pytest.raises(type(error)):
        bench.ask(body=never)
    bench.settled(calls=1)
    assert bench.budget.spent.nano_usd > 256 * 2000


def test_a_provider_that_cannot_count_when_a_stream_breaks_off_leaves_nothing_reserved():
    class Forgetful(Scripted):
        counted = 0

        def count_tokens(self, request: ModelRequest) -> int:
            self.counted += 1
            if self.counted > 1:
                raise RuntimeError("closed")
            return 20

        def stream(self, request: ModelRequest) -> Iterator[Chunk]:
            yield Chunk(text="The ")
            raise DelegationError("broke off")

    bench = Bench(Forgetful("ok"), PRICE, tokens=1_000)
    with pytest.raises(RuntimeError, match="closed"):
        bench.ask(watcher=Watcher(lambda value: None))
    bench.settled(calls=1, tokens=20 + 256)


def test_no_provider_no_call():
    bench = Bench(Scripted("yes"), calls=1)
    for _ in range(5):
        assert bench.ask(model="no-such", target="local-model", body=lambda: "body") == "body"
    bench.settled(calls=0)


def test_the_body_does_not_run_when_the_time_is_over():
    now = [0.0]
    bench = Bench(Scripted("yes"), calls=9)

    class Slow(Scripted):
        def complete(self, request: ModelRequest) -> ModelReply:
            self.requests.append(request)
            now[0] += 100
            raise DelegationError("late", usage=NO_USAGE)

    slow = Slow("")
    bench.registry.register("slow", slow)
    bench.budget = Budget("test", Allowance.of({"seconds": 50}), clock=lambda: now[0])
    with pytest.raises(LimitExceeded, match="50 seconds are over"):
        bench.ask(model="slow", body=never)
    assert slow.requests[0].timeout_s == 50.0
    bench.settled(calls=1)


# --- budgets of functions and calls ---


def test_calls_of_one_function_share_its_budget_and_those_of_another_do_not():
    bench = Bench(Scripted("yes"), calls=10)
    limited = {"budget": Map([(Keyword("calls"), 1)])}
    bench.ask(options=limited, name="f")
    with pytest.raises(LimitExceeded, match="budget of function f"):
        bench.ask(options=limited, name="f", body=never)
    bench.ask(options=limited, name="g")
    elsewhere = Span(Source("u.rtfs", "(classify text)"), 0, 15)
    bench.ask(options=limited, name="f", span=elsewhere)  # another function of this name
    bench.settled(calls=3)


def test_a_call_has_a_budget_for_all_that_it_does():
    trouble = DelegationError("busy", retryable=True, usage=NO_USAGE)
    bench = Bench(Scripted(trouble, "yes"), calls=10)
    with pytest.raises(LimitExceeded, match="budget of one call of"):
        bench.ask(options={"call-budget": Map([(Keyword("calls"), 1)])}, body=never)
    bench.settled(calls=1)
    bench.ask(options={"call-budget": Map([(Keyword("calls"), 1)])})
    policy = Decision(RemoteModel("m"), settings=CallSettings(budget=(("calls", 0.0),)))
    with pytest.raises(LimitExceeded, match="0 of 0 calls"):
        bench.ask(plan=policy, body=never)


def test_options_that_are_no_budget():
    bench = Bench(Scripted("yes"))
    for value, message in ((5, "a map of limits"), (Map([("calls", 1)]), "a map of limits"), (Map([(Keyword("cals"), 1)]), "no limit")):
        with pytest.raises(EvalError, match=message) as caught:
            bench.ask(options={"budget": value})
        assert caught.value.kind == "invalid-delegation"


# --- many at once ---


@pytest.mark.parametrize("limit", [1, 5, 17])
def test_threads_that_call_at_once_send_exactly_as_many_as_are_allowed(limit: int):
    class Slow(Scripted):
        def complete(self, request: ModelRequest) -> ModelReply:
            time.sleep(0.002)
            return super().complete(request)

    model = Slow("yes")
    bench = Bench(model, calls=limit)

    def one(_: int) -> str:
        try:
            return str(bench.ask(body=never))
        except LimitExceeded:
            return "stopped"

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(one, range(40)))
    assert outcomes.count("stopped") == 40 - limit
    assert len(model.requests) == limit
    bench.settled(calls=limit)


def test_threads_share_money_without_passing_it_and_wait_for_what_is_not_needed():
    """Each call reserves much more than it uses: one after the other they all fit, so they do at once as well."""
    model = Scripted("yes")
    bench = Bench(model, PRICE)
    bench.ask()
    estimate = prompt_tokens(model, model.requests[0]) * 1000 + 256 * 2000
    money = estimate + 39 * ASKED.nano_usd
    bench.budget = Budget("test", Allowance(nano_usd=money))
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda _: bench.ask(body=never), range(40))) == ["yes"] * 40
    bench.settled(calls=40, nano_usd=40 * ASKED.nano_usd)
    assert bench.budget.spent.nano_usd <= money


def test_a_hedge_that_the_budget_does_not_allow_does_not_end_the_call():
    release = threading.Event()

    class Slow(Scripted):
        def complete(self, request: ModelRequest) -> ModelReply:
            release.wait(10)
            return super().complete(request)

    class Refused(Spending):
        def reserve(self, *args: Any, **options: Any) -> Any:
            try:
                return super().reserve(*args, **options)
            except LimitExceeded:
                release.set()
                raise

    bench = Bench(Slow("first"), calls=1)
    second = Scripted("second")
    bench.registry.register("b", second)
    bench.delegate._asking._spending = Refused(lambda: PriceTable(()))
    plan = Decision(RemoteModel("m"), fallbacks=(RemoteModel("b"),), settings=CallSettings(hedge_after_s=0.01))
    assert bench.ask(plan=plan, body=never) == "first"
    assert second.requests == []
    bench.settled(calls=1)


# --- over real sockets ---


@pytest.mark.parametrize(
    ("trouble", "billed"),
    [
        (Status(429), False),
        (Status(429, retry_after="0"), False),
        (Status(500), False),
        (Status(401), False),
        (Status(400, message="context_length_exceeded: maximum context"), False),
        (Status(504), True),
        (Drop(), True),
        (Drop(after_bytes=40), True),
        (Raw(b"{oops"), True),
        (Raw(b'{"choices": []}'), True),
        (Say("yes", usage=None), True),
    ],
    ids=repr,
)
def test_trouble_on_the_line_is_settled(server: OpenAIServer, trouble: Any, billed: bool):
    server.script(trouble)
    bench = Bench(OpenAICompatibleProvider(base_url=server.base_url), PRICE, usd=1, tokens=100_000)
    plan = Decision(RemoteModel("m"), settings=CallSettings(retries=0))
    assert bench.ask(plan=plan, body=lambda: "body") in ("body", "yes")
    bench.settled(calls=1)
    assert (bench.budget.spent.nano_usd > 256 * 2000) is billed
    assert (bench.budget.spent.tokens > 256) is billed


@pytest.mark.parametrize(
    "reply",
    [
        Say(None, message={"role": "assistant", "content": None, "refusal": "I will not"}),
        Say("", finish_reason="content_filter"),
        Say("", finish_reason="length"),
    ],
    ids=["refusal", "filter", "length"],
)
def test_an_answer_that_is_none_is_charged_with_what_the_server_says(server: OpenAIServer, reply: Say):
    server.script(reply)
    bench = Bench(OpenAICompatibleProvider(base_url=server.base_url), PRICE, usd=1)
    assert bench.ask(body=lambda: "body") == "body"
    bench.settled(calls=1, tokens=15, nano_usd=12 * 1000 + 3 * 2000)
    assert bench.record.cost_usd == (12 * 1000 + 3 * 2000) / NANO


def test_a_server_says_how_much_of_the_prompt_was_in_its_cache(server: OpenAIServer):
    for usage in ({"prompt_tokens_details": {"cached_tokens": 8}}, {"cached_tokens": 8}):
        server.script(Say("yes", usage={"prompt_tokens": 12, "completion_tokens": 3, **usage}))
        bench = Bench(OpenAICompatibleProvider(base_url=server.base_url), PRICE, usd=1)
        bench.ask()
        bench.settled(calls=1, nano_usd=4 * 1000 + 8 * 500 + 3 * 2000)


def test_prices_are_those_of_the_host_that_is_asked():
    provider = OpenAICompatibleProvider(base_url="https://user:word@API.example.com:8443/v1/")
    assert server_of(provider) == "api.example.com:8443"
    assert server_of(OpenAICompatibleProvider(base_url="https://api.openai.com/v1")) == "api.openai.com"
    assert server_of(OpenAICompatibleProvider(base_url=None)) == "openai-compatible"
    assert server_of(EchoProvider()) == "echo"


# --- estimates ---


def test_a_provider_that_can_count_is_believed():
    class Counts(EchoProvider):
        def count_tokens(self, request: ModelRequest) -> int:
            return 7

    request = ModelRequest(model="m", function="f", doc="", parameters=(Parameter(name="x", type=STRING, value="y"),), result=STRING)
    assert prompt_tokens(Counts(), request) == 7
    assert prompt_tokens(EchoProvider(), request) > 100
    longer = replace(request, doc="word " * 1000)
    assert prompt_tokens(EchoProvider(), longer) > prompt_tokens(EchoProvider(), request) + 1000


# --- runtimes ---


def test_a_runtime_has_a_budget_for_all_runs_and_one_for_each():
    text = '(defn ask ^:delegation :local-model "echo" [n : int] : int n) (map ask [1 2])'
    with rtfs.Runtime(budget={"calls": 5}, run_budget={"calls": 3}) as runtime:
        assert runtime.run(text) == [0, 0]
        with pytest.raises(LimitExceeded, match="budget of the run is used up: 3 of 3"):
            runtime.run("(map ask [1 2 3 4])")
        with pytest.raises(LimitExceeded, match="budget of the runtime is used up: 5 of 5"):
            runtime.run("(ask 1)")
        assert runtime.budget.spent == Amounts(0, 15, 5)
        assert runtime.budget.to_dict() == {
            "budget": "the runtime",
            "limits": {"calls": 5},
            "spent": {"usd": 0.0, "tokens": 15, "calls": 5},
        }


def test_runtimes_can_share_a_budget():
    shared = Budget("the tenant", Allowance.of({"calls": 3}))
    text = '((fn ^:delegation :local-model "echo" [n : int] : int n) 1)'
    with rtfs.Runtime(budget=shared) as one, rtfs.Runtime(budget=shared) as other:
        one.run(text), other.run(text), one.run(text)
        with pytest.raises(LimitExceeded, match="budget of the tenant"):
            other.run(text)


def test_limits_that_are_none_are_refused_at_once():
    for wrong in ({"cals": 1}, {"usd": -1}):
        with pytest.raises(ConfigError):
            rtfs.Runtime(budget=wrong)
        with pytest.raises(ConfigError):
            rtfs.Runtime(run_budget=wrong)


@pytest.mark.parametrize("strategy", ["ir", "tree"])
def test_callbacks_of_the_host_pay_from_the_scope_they_are_called_in(strategy: str):
    with rtfs.Runtime(strategy=strategy) as runtime:
        runtime.run('(defn ask ^:delegation :local-model "echo" [n : int] : int n)')
        runtime.define("from-python", lambda n: runtime.function("ask")(n))
        assert runtime.run("(with-budget {:calls 2} (from-python 1) (from-python 2))") == 0
        with pytest.raises(LimitExceeded):
            runtime.run("(with-budget {:calls 2} (from-python 1) (ask 1) (from-python 2))")
        assert runtime.run("(from-python 1)") == 0


@pytest.mark.parametrize("strategy", ["ir", "tree"])
def test_branches_in_threads_are_in_the_scope_around_them_and_in_scopes_of_their_own(strategy: str):
    """What a form that runs functions in threads would do: each thread calls the function that it was given."""

    def in_threads(function: Any) -> list[str]:
        def branch(_: int) -> str:
            try:
                run(function, [])
                return "done"
            except LimitExceeded:
                return "stopped"

        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(branch, range(4)))

    with rtfs.Runtime(strategy=strategy) as runtime:
        runtime.define("in-threads", in_threads)
        runtime.run('(defn ask ^:delegation :local-model "echo" [n : int] : int n)')
        runtime.run("(defn three [] (with-budget {:calls 3} (dotimes [i 3] (ask i))))")
        runtime.run("(defn more [] (with-budget {:calls 3} (dotimes [i 9] (ask i))))")

        def calls_of(text: str) -> tuple[list[str], int]:
            before = runtime.budget.spent.calls
            return runtime.run(text), runtime.budget.spent.calls - before

        assert calls_of("(in-threads three)") == (["done"] * 4, 12)
        assert calls_of("(in-threads more)") == (["stopped"] * 4, 12)
        assert calls_of("(with-budget {:calls 12} (in-threads three))") == (["done"] * 4, 12)
        outcomes, calls = calls_of("(with-budget {:calls 7} (in-threads three))")
        assert "stopped" in outcomes
        assert calls == 7
        assert calls_of("(ask 1)") == (0, 1)
        assert runtime.machine.budget is None
        assert runtime.budget.reserved == Amounts()


def test_policies_have_budgets_for_runs_tenants_and_calls(tmp_path: Path):
    policy = tmp_path / "delegation.toml"
    policy.write_text(
        "budget = { calls = 3 }\n[tenants.acme]\nbudget = { calls = 2, seconds = 60 }\n"
        '[[rules]]\nname = "none"\nsymbol = "none"\nbudget = { calls = 0 }\ntarget = "local:echo"\n',
        encoding="utf-8",
    )
    text = '(defn ask ^:delegation :local-model "echo" [n : int] : int n) (map ask (range 0 9))'
    for tenant, message in (("", "the budget of the policy is used up: 3 of 3"), ("acme", "budget of tenant `acme` is used up: 2 of 2")):
        with rtfs.Runtime(policy=policy, tenant=tenant) as runtime:
            for _ in range(2):  # each run anew
                with pytest.raises(LimitExceeded, match=message):
                    runtime.run(text)
            with pytest.raises(LimitExceeded, match="one call of none"):
                runtime.run("(defn none [n : int] : int n) (none 1)")


def test_a_table_of_prices_of_ones_own(tmp_path: Path, server: OpenAIServer):
    table = tmp_path / "mine.toml"
    environ = {"RTFS_REMOTE_BASE_URL": server.base_url, "HOME": str(tmp_path), "RTFS_PRICES": str(table)}
    host = server.base_url.removeprefix("http://").partition("/")[0]
    table.write_text(f'[[price]]\nserver = "{host}"\nmodel = "mine"\ninput = 1000\noutput = 2000\n', encoding="utf-8")
    text = '(defn ask ^:delegation :remote "mine" [n : string] : string n) (with-budget {:usd 1.5} (map ask (map str (range 0 100))))'
    with rtfs.Runtime(environ=environ) as runtime, pytest.raises(LimitExceeded, match=r"of \$1\.50 spent"):
        server.answer = lambda request: "ok"
        runtime.run(text)
    used = runtime.budget.spent
    assert 10 <= used.calls == len(server.requests) < 100
    assert used.nano_usd == used.calls * (12 * 1000 + 3 * 2000) * 1000 <= 1.5 * NANO


def test_a_table_of_prices_that_is_wrong_is_told_once_where_money_is_not_limited(tmp_path: Path):
    (tmp_path / "prices.toml").write_text("[[price]]\nmodel = 5\n", encoding="utf-8")
    registry = ModelRegistry()
    registry.register("m", Scripted("yes"), kind="remote")
    said: list[str] = []
    environ = {"RTFS_PRICES": str(tmp_path / "prices.toml")}
    with rtfs.Runtime(environ=environ, models=registry, on_warning=lambda message, span: said.append(message)) as runtime:
        assert runtime.run('(defn ask ^:delegation :remote "m" [n :int] :-> :string "") (map ask [1 2 3])') == ["yes"] * 3
        assert [record.cost_usd for record in runtime.records.calls] == [None] * 3
    assert len(said) == 1
    assert "prices.toml, entry 1: `model` must be the id of a model" in said[0]
    assert said[0].endswith("prices.toml:2:9); what calls cost is not known")
