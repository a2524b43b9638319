"""The costed router: limits, scores, escalation, exploration, learning."""

from __future__ import annotations

import re
from collections import Counter
from types import SimpleNamespace

import pytest

from rtfs.delegation.context import CallContext
from rtfs.delegation.engine import engine_named
from rtfs.delegation.record import Attempt, CallRecord
from rtfs.delegation.router.engine import PUBLISH_EVERY, Candidate, CostedRouter, Limits, Weights
from rtfs.delegation.router.experience import LATENCY, PRIOR_CALLS, USABLE, Experience
from rtfs.delegation.router.options import router_of
from rtfs.delegation.router.quality import Outcome, QualityModel
from rtfs.delegation.targets import LOCAL, LocalModel, RemoteModel
from rtfs.errors import ConfigError
from rtfs.runtime import Runtime

SMALL, STRONG = LocalModel("small"), RemoteModel("strong")
PRIVATE = frozenset({"private"})
#: 120 tokens of prompt and 64 of the answer.
CALL = CallContext("f", prompt_chars=100)


def candidates(**strong: object) -> list[Candidate]:
    expected = {"quality": 0.9, "latency_s": 2.0, "price": (1.0, 4.0), **strong}
    return [Candidate.of("local:small", quality=0.6, latency_s=0.5), Candidate.of("remote:strong", **expected)]


def record(target: str, outcome: str, latency_s: float = 1.0, confidence: float | None = None, **more: object) -> CallRecord:
    attempt = Attempt(provider="p", target=target, outcome=outcome, latency_s=latency_s, prompt_tokens=100, completion_tokens=20)
    return CallRecord(
        function="f", target="remote", model="m", started=0.0, latency_s=latency_s, attempts=(attempt,),
        source="model", confidence=confidence, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_score_is_what_the_formula_says():
    weights = Weights(quality=2.0, latency=0.5, cost=0.25, latency_scale_s=4.0, token_scale=1000.0)
    small, strong = CostedRouter(candidates(), weights=weights).estimates(CALL)
    assert strong.usd == pytest.approx((120 * 1 + 64 * 4) / 1e6)
    assert strong.score == pytest.approx(2 * 0.9 - 0.5 * 2 / 4 - 0.25 * (376 / 4) / 1000)
    assert (small.usd, small.score) == (0.0, pytest.approx(2 * 0.6 - 0.5 * 0.5 / 4))


def test_weights_decide_between_quality_and_cost():
    assert CostedRouter(candidates()).decide(CALL).target == STRONG
    slow = CostedRouter(candidates(), weights=Weights(latency=3.0)).decide(CALL)
    assert (slow.target, slow.fallbacks) == (SMALL, (STRONG,))
    assert [(one.target, one.rejected) for one in slow.alternatives] == [(STRONG, None)]
    assert slow.alternatives[0].score == pytest.approx(0.9 - 3 * 0.2 - 0.2 * (376 / 4) / 4000)
    assert "the next, remote_model:strong, has" in slow.reasoning


@pytest.mark.parametrize(
    "expected, limits, tags, said",
    [
        ({}, Limits(), PRIVATE, "privacy: a call tagged private does not leave the machine"),
        ({}, Limits(private_tags=frozenset({"patient"})), frozenset({"patient", "x"}), "privacy: a call tagged patient"),
        ({"context_tokens": 183}, Limits(), frozenset(), "context length: about 184 tokens, and it takes 183"),
        ({}, Limits(latency_s=1.0), frozenset(), "latency: 2 s expected, 1 s allowed"),
        ({}, Limits(usd=0.0003), frozenset(), r"cost: \$0.000376 expected, \$0.0003 allowed"),
        ({"price": None}, Limits(usd=1.0), frozenset(), "cost: its price is not known"),
    ],
)
def test_a_limit_rejects_before_anything_is_scored(expected, limits, tags, said):
    router = CostedRouter(candidates(**expected), limits=limits, weights=Weights(quality=100.0))
    context = CALL.replace(tags=tags)
    decision = router.decide(context)
    assert (decision.target, decision.fallbacks) == (SMALL, ())
    ((target, score, rejected),) = [(one.target, one.score, one.rejected) for one in decision.alternatives]
    assert (target, score) == (STRONG, None)
    assert re.match(said, rejected)
    assert router.refusal(STRONG, context) == rejected
    assert router.refusal(SMALL, context) is None


def test_a_limit_that_is_just_kept_rejects_nothing():
    router = CostedRouter(candidates(context_tokens=184), limits=Limits(latency_s=2.0, usd=0.000376))
    assert router.decide(CALL).target == STRONG


def test_what_is_no_candidate_is_still_kept_from_private_calls():
    router = CostedRouter(candidates())
    assert router.refusal(RemoteModel("hinted"), CALL) is None
    assert router.refusal(RemoteModel("hinted"), CALL.replace(tags=PRIVATE)) is not None


def test_when_every_target_is_rejected_the_body_runs():
    decision = CostedRouter(candidates()[1:]).decide(CALL.replace(tags=PRIVATE))
    assert (decision.target, decision.fallbacks) == (LOCAL, ())
    assert len(decision.alternatives) == 1


def test_escalation_asks_the_cheapest_first_and_those_that_are_no_better_last():
    worse = Candidate.of("remote:worse", quality=0.5, price=(0.1, 0.1))
    router = CostedRouter([*candidates(), worse], escalate=0.8)
    decision = router.decide(CALL)
    assert (decision.target, decision.fallbacks) == (SMALL, (STRONG, RemoteModel("worse")))
    assert decision.settings.accept_above == 0.8
    assert decision.reasoning.endswith("below 0.8 the next is asked")


def test_exploring_takes_each_target_as_often_as_its_propensity_says():
    router = CostedRouter(candidates(), explore=0.2)
    seen: Counter[object] = Counter()
    for i in range(4000):
        decision = router.decide(CALL.replace(semantic=i + 1))
        assert decision.propensity == pytest.approx(0.9 if decision.target == STRONG else 0.1)
        seen[decision.target] += 1
    assert seen[SMALL] == pytest.approx(400, abs=70)
    one = CALL.replace(semantic=7)
    assert router.decide(one) == router.decide(one), "a decision is pure"
    assert router.needs("f") >= {"semantic"}


def test_a_quality_that_was_never_fitted_is_no_confidence():
    router = CostedRouter(candidates())
    assert router.decide(CALL).confidence is None
    for _ in range(int(PRIOR_CALLS)):
        router.judged("f", "remote:strong", True)
    router.publish()
    assert router.decide(CALL).confidence == pytest.approx((10 * 1 + 10 * ((10 * 1 + 10 * 0.9) / 20)) / 20)


def test_a_model_of_outcomes_decides_by_prompt():
    rows = [
        Outcome.of(f"{word} question {i}", "f", {"small": word == "easy", "remote_model:strong": i % 10 > 0})
        for i in range(60)
        for word in ("easy", "hard")
    ]
    router = CostedRouter(candidates(), model=QualityModel.fit(rows), weights=Weights(cost=1.0, latency=0.6))
    easy, hard = [router.decide(CallContext("f", prompt=f"{word} question 71", prompt_chars=16)) for word in ("easy", "hard")]
    assert (easy.target, hard.target) == (SMALL, STRONG)
    assert easy.confidence is not None
    assert easy.confidence > 0.8
    assert "prompt" in router.needs("f")


def test_latency_and_reliability_are_learnt_from_records_after_some_of_them():
    router = CostedRouter(candidates())
    told: list[int] = []
    router.listen(lambda: told.append(1))
    for _ in range(PUBLISH_EVERY - 1):
        router.add(record(STRONG.printed, "model-unavailable"))
    assert (router.decide(CALL).target, told) == (STRONG, []), "decisions do not change under one's feet"
    router.add(record(STRONG.printed, "model-unavailable"))
    assert (router.decide(CALL).target, told) == (SMALL, [1])
    quick = CostedRouter(candidates(), weights=Weights(latency=3.0), experience=router.experience)
    assert quick.decide(CALL).target == SMALL


def test_means_of_few_calls_are_drawn_to_wider_ones():
    seen = Experience()
    assert seen.estimate(LATENCY, "f", "t", 2.0) == 2.0
    for _ in range(10):
        seen.observe(LATENCY, "f", "t", 4.0)
    assert seen.estimate(LATENCY, "g", "t", 2.0) == pytest.approx(3.0)
    assert seen.estimate(LATENCY, "f", "t", 2.0) == pytest.approx(3.5)
    for _ in range(5000):
        seen.observe(LATENCY, "f", "t", 8.0)
    assert seen.estimate(LATENCY, "f", "t", 2.0) == pytest.approx(8.0, abs=0.1), "what is long ago has faded"
    assert Experience.from_list(seen.to_list()).to_list() == seen.to_list()
    with pytest.raises(ConfigError):
        Experience.from_list([{"quantity": "luck"}])


def test_what_was_not_asked_teaches_nothing():
    seen = Experience()
    for outcome in ("skipped", "refused", "unsure"):
        seen.learn(record("t", outcome))
    seen.learn(record("t", "answered", cache="L2"))
    assert seen.to_list() == []
    seen.learn(record("t", "mismatch"))
    seen.learn(record("t", "answered", latency_s=3.0, confidence=0.7))
    assert seen.calls(USABLE, "f", "t") == 2
    assert seen.estimate(USABLE, "", "t", 1.0) == pytest.approx((1 + 10) / 12)
    assert seen.estimate(LATENCY, "", "t", 1.0) == pytest.approx((3 + 10) / 11)
    assert {cell["quantity"]: cell["mean"] for cell in seen.to_list() if cell["function"]}["quality"] == 0.7


def test_a_policy_makes_one_from_options():
    options = {
        "targets": {"local:small": {"quality": 0.6}, "remote:strong": {"price": [1, 4], "context_tokens": 8000}},
        "weights": {"cost": 0.5},
        "limits": {"usd": 0.01, "private_tags": ["patient"]},
        "escalate": 0.8,
        "explore": 0.1,
    }
    router = engine_named("costed", options)
    assert isinstance(router, CostedRouter)
    assert (router.weights, router.limits) == (Weights(cost=0.5), Limits(usd=0.01, private_tags=frozenset({"patient"})))
    assert (router.escalate, router.explore) == (0.8, 0.1)
    assert router.candidates[1] == Candidate(STRONG, context_tokens=8000, price=(1.0, 4.0))


@pytest.mark.parametrize(
    "options, said",
    [
        ({}, "needs targets"),
        ({"targets": "local:x"}, "`targets` must be a table"),
        ({"targets": ["local"]}, "is no model"),
        ({"targets": ["local:x", "local_model:x"]}, "must differ"),
        ({"targets": ["local:x"], "weight": {}}, "no option `weight`"),
        ({"targets": {"local:x": {"price": 3}}}, "two numbers"),
        ({"targets": {"local:x": {"quality": 1.5}}}, "from 0 to 1"),
        ({"targets": {"local:x": {"speed": 1}}}, "no option `speed`"),
        ({"targets": ["local:x"], "weights": {"cost": -1}}, "from 0 on"),
        ({"targets": ["local:x"], "weights": {"token_scale": 0}}, "must be positive"),
        ({"targets": ["local:x"], "explore": 2}, "from 0 to 1"),
        ({"targets": ["local:x"], "limits": {"private_tags": "x"}}, "array of tags"),
        ({"targets": ["local:x"], "model": "nowhere.json"}, "cannot read nowhere.json"),
    ],
)
def test_mistakes_in_options_are_named(options, said):
    with pytest.raises(ConfigError, match=said):
        router_of(options)


def test_a_runtime_asks_it_and_teaches_it():
    """The prompt reaches the engine, its decision is carried out, and the record comes back."""
    router = CostedRouter([Candidate.of("local:echo")])
    seen: list[CallContext] = []
    decide = router.decide
    router.decide = lambda context: seen.append(context) or decide(context)  # type: ignore[method-assign, func-returns-value]
    router.model = SimpleNamespace(predict=lambda prompt, function: {})  # type: ignore[assignment]
    with Runtime(engine=router, environ={}) as runtime:
        runtime.run('(defn f "What?" [text :string n :int] :-> :string "body") (f "hello" 3)')
    assert [(context.symbol, context.prompt, context.prompt_chars) for context in seen] == [("f", "hello\n3", 6)]
    assert router.experience.calls(USABLE, "f", "local_model:echo") == 1
