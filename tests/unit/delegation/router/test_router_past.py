"""A router begins with what the log and the table of prices know, and goes on from there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rtfs.delegation.context import CallContext
from rtfs.delegation.engine import ChainEngine, StaticEngine
from rtfs.delegation.policy.reading import read_policy
from rtfs.delegation.router.engine import Candidate, CostedRouter, Limits
from rtfs.delegation.router.experience import LATENCY, QUALITY, USABLE, Experience
from rtfs.delegation.router.past import experience_of
from rtfs.errors import DelegationError
from rtfs.models.protocol import ModelReply, Usage
from rtfs.models.registry import ModelRegistry
from rtfs.runtime import Runtime
from tests.support.cached_calls import Scripted

POLICY = """
[engines.router]
use = "costed"
options = { targets = ["local:weak", "local:good"], weights = { latency = 0, cost = 0 } }
[[rules]]
symbol = "ask"
engine = "router"
"""
PROGRAM = '(defn ask "Which?" [text :string] :-> [:enum "a" "b"] "b")'


class Hosted(Scripted):
    """A provider at a server that has prices."""

    server = "api.example.com"


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Runtime]:
    def made(**options: Any) -> Runtime:
        registry = ModelRegistry()
        reply = ModelReply(text="a", usage=Usage(prompt_tokens=5, completion_tokens=1))
        for name in ("weak", "good"):
            registry.register(name, Scripted(reply), kind="local")
        registry.register("paid", Hosted(reply), kind="remote")
        (tmp_path / "delegation.toml").write_text(POLICY, encoding="utf-8")
        options.setdefault("policy", tmp_path / "delegation.toml")
        environ = {"RTFS_STATE_DIR": str(tmp_path / "state"), "RTFS_CONFIG_DIR": str(tmp_path / "config")}
        runtime = Runtime(environ=environ, models=registry, **{"log": str(tmp_path / "calls.sqlite"), **options})
        runtime.run(PROGRAM)
        return runtime

    return made


def test_outcomes_of_an_earlier_run_decide_where_the_next_one_goes(make: Callable[..., Runtime], tmp_path: Path):
    with make() as runtime:
        runtime.run("(map ask (map str (range 20)))")
        assert {record.model for record in runtime.records.calls} == {"weak"}  # the first of equals
        for record in runtime.records.calls:
            runtime.records.judge(record, False)
    known = experience_of(str(tmp_path / "calls.sqlite"))
    assert (known.calls(QUALITY, "ask", "local_model:weak"), known.calls(USABLE, "ask", "local_model:weak")) == (20, 20)
    assert known.estimate(QUALITY, "ask", "local_model:weak", 0.5) < 0.15
    assert known.calls(LATENCY, "ask", "local_model:weak") == 20
    with make() as runtime:
        runtime.run('(ask "x")')
        assert [record.model for record in runtime.records.calls] == ["good"]
        # a new version of the file has a new router, which knows the same
        runtime.engine.swap(read_policy(POLICY, "delegation.toml"))
        runtime.run('(ask "y")')
        assert [record.model for record in runtime.records.calls] == ["good", "good"]
    with make(log=None) as runtime:
        runtime.run('(ask "x")')
        assert [record.model for record in runtime.records.calls] == ["weak"]  # without a log nothing is known


def test_judgements_reach_a_router_behind_a_policy_or_in_a_chain(make: Callable[..., Runtime]):
    router = CostedRouter([Candidate.of("local:weak"), Candidate.of("local:good")])
    for engine in (ChainEngine([StaticEngine({"other": "local"}), router]), None):
        with make(policy=None, engine=engine) if engine is not None else make() as runtime:
            runtime.run('(ask "x")')
            if engine is None:
                (router,) = runtime.engine._active.learners
            before = router.experience.calls(QUALITY, "ask", "local_model:weak")
            runtime.records.judge(runtime.records.calls[0], True)
            assert router.experience.calls(QUALITY, "ask", "local_model:weak") == before + 1
            assert router.experience.calls(LATENCY, "ask", "local_model:weak") >= 1


def test_prices_come_from_the_table(make: Callable[..., Runtime], tmp_path: Path):
    (tmp_path / "config").mkdir()
    prices = '[[price]]\nserver = "api.example.com"\nmodel = "paid"\ninput = 2\noutput = 8\n'
    (tmp_path / "config" / "prices.toml").write_text(prices, encoding="utf-8")
    router = CostedRouter([Candidate.of("remote:paid"), Candidate.of("local:weak"), Candidate.of("remote:unheard-of")])
    with make(policy=None, engine=router) as runtime:
        decision = runtime.engine.decide(CallContext("ask", prompt_chars=1_000))
        assert [one.price for one in router.candidates] == [(2.0, 8.0), (0.0, 0.0), None]
        assert ", $0: " in decision.reasoning  # that of the one that is taken
    given = CostedRouter([Candidate.of("remote:paid", price=(1.0, 1.0))])
    with make(policy=None, engine=given):
        given.decide(CallContext("ask"))
        assert given.candidates[0].price == (1.0, 1.0)  # what was said of it comes first


def test_a_target_whose_price_the_table_knows_is_within_a_limit_on_money(make: Callable[..., Runtime], tmp_path: Path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "prices.toml").write_text('[[price]]\nmodel = "paid"\ninput = 2\noutput = 8\n', encoding="utf-8")
    router = CostedRouter([Candidate.of("remote:paid")], limits=Limits(usd=0.01))
    assert router.decide(CallContext("ask")).target.printed == "local_pure"
    router = CostedRouter([Candidate.of("remote:paid")], limits=Limits(usd=0.01))
    with make(policy=None, engine=router) as runtime:
        assert runtime.engine.decide(CallContext("ask")).target.printed == "remote_model:paid"


@pytest.mark.parametrize(("name", "text", "said"), [("config/prices.toml", "x = [", "is not TOML"), ("calls.sqlite", "no database" * 99, "not a database")])
def test_what_cannot_be_read_costs_a_line(make: Callable[..., Runtime], tmp_path: Path, name: str, text: str, said: str):
    (tmp_path / "config").mkdir()
    (tmp_path / name).write_text(text, encoding="utf-8")
    lines: list[str] = []
    router = CostedRouter([Candidate.of("local:weak"), Candidate.of("remote:paid"), Candidate.of("remote:paid-too")])
    with make(policy=None, engine=router, on_warning=lambda message, span: lines.append(message)) as runtime:
        runtime.models.register("paid-too", Hosted("a"), kind="remote")
        assert runtime.run('(ask "x")') == "a"
        runtime.delegation.flush()
    assert said in lines[0]
    assert len(lines) == (2 if name == "calls.sqlite" else 1)  # that log is set aside, too


def test_a_router_that_was_given_an_experience_asks_for_none():
    known = Experience()
    for _ in range(30):
        known.observe(QUALITY, "f", "local_model:b", 1.0)
    router = CostedRouter([Candidate.of("local:a"), Candidate.of("local:b")], experience=known)

    def never() -> Experience:
        raise DelegationError("asked")

    router.equip(never, lambda target: None)
    assert router.decide(CallContext("f")).target.printed == "local_model:b"
