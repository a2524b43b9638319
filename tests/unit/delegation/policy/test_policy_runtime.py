"""A policy and a program: calls go where the file says, on both evaluators, and nowhere else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from rtfs.delegation.engine import ChainEngine, StaticEngine
from rtfs.delegation.policy.engine import PolicyEngine
from rtfs.delegation.policy.reading import read_policy
from rtfs.errors import ConfigError, EvalError, HostError, LimitExceeded
from rtfs.models.registry import ModelRegistry
from rtfs.runtime import Runtime
from tests.support.cached_calls import Scripted

PROGRAM = """
(defn f [x] (str "body " x))
(defn g ^{:tags [:private]} [x] (str "body " x))
(defn near ^:delegation :local-model "near" [x] "near body")
(defn far ^:delegation :remote "far" [x] "far body")
(defn secret ^:delegation :remote "far" ^{:tags [:private]} [x] "secret body")
"""


@pytest.fixture(params=["tree", "ir"])
def make(request: pytest.FixtureRequest, tmp_path: Path):
    def made(text: str | None, **options) -> Runtime:
        path = tmp_path / "delegation.toml"
        if text is not None:
            path.write_text(text, encoding="utf-8")
            options["policy"] = path
        registry = ModelRegistry()
        registry.register("near", Scripted(*["from near"] * 99), kind="local")
        registry.register("far", Scripted(*["from far"] * 99), kind="remote")
        runtime = Runtime(strategy=request.param, models=registry, on_warning=lambda message, span: None, **options)
        runtime.run(PROGRAM)
        return runtime

    return made


def test_rules_send_calls_away(make):
    runtime = make('[[rules]]\nsymbol = ["f", "g"]\ntarget = "remote:far"\n')
    assert runtime.run("[(f 1) (g 1)]") == ["from far", "body 1"]
    record, _ = runtime.records.calls
    assert record.decision.reasoning == "rule 1 of delegation.toml"


def test_a_call_whose_targets_are_all_refused_runs_here_and_leaves_a_record(make):
    said: list[str] = []
    runtime = make('[[rules]]\nsymbol = "g"\ntarget = "remote:far"\n')
    runtime.delegation._warn = said.append
    assert runtime.run("(g 1)") == "body 1"
    runtime.run('(defn g ^{:tags [:private] :strict true} [x] (throw :odd "no"))')
    with pytest.raises(EvalError, match="no"):
        runtime.run("(g 1)")
    good, bad = runtime.records.calls
    assert (good.source, good.target, good.error_kind, good.attempts, good.value) == ("body", "local", "targets-refused", (), "body 1")
    assert "tagged `private`" in good.error
    (refused,) = good.decision.alternatives
    assert refused.target.printed == "remote_model:far"
    assert "never leaves" in refused.rejected
    assert (bad.source, bad.body_error) == ("body", "no")
    assert said == []  # nothing has failed


def test_a_policy_brings_the_patterns_for_a_function_without_rules(tmp_path: Path):
    path = tmp_path / "delegation.toml"
    path.write_text(
        '[[rules]]\nsymbol = "topic"\ntarget = "local:rules"\npatterns = [["card", "card", 0.9], [":else", "other"]]\n'
        '[[rules]]\nsymbol = "ticket"\ntarget = "local:rules"\npatterns = { topic = [["card", "card"]], urgent = [["lost", true]] }\n',
        encoding="utf-8",
    )
    with Runtime(policy=path, environ={}) as runtime:
        runtime.run('(defn topic [text :string] :-> [:enum :card :other] (throw :never "run"))')
        runtime.run('(defn ticket [text :string] :-> [:map [:topic [:enum :card]] [:urgent :bool]] {:topic :card :urgent false})')
        assert runtime.run('[(topic "a card") (topic "else")]') == ["card", "other"]
        assert runtime.run('(ticket "a card was lost")') == {"topic": "card", "urgent": True}
        assert [record.score for record in runtime.records.calls] == [0.9, 0.5, 1.0]


def test_a_call_whose_body_was_chosen_leaves_none(make):
    runtime = make('[[rules]]\nsymbol = "g"\ntarget = "local"\n')
    assert runtime.run("[(f 1) (g 1)]") == ["body 1", "body 1"]
    assert runtime.records is None


def test_private_data_stays_on_the_machine_with_and_without_a_policy(make):
    for text in (None, "", '[[rules]]\nsymbol = "*"\ntarget = "remote:far"\nfallback = "local:near"\n'):
        runtime = make(text)
        assert runtime.run("(secret 1)") == ("secret body" if not text else "from near")
        assert not any(attempt.outcome == "answered" and "remote" in attempt.target for r in runtime.records.calls for attempt in r.attempts)
        assert runtime.records.calls[0].error_kind == ("targets-refused" if not text else None)


def test_a_local_hint_is_never_answered_remotely(make):
    runtime = make('deny = "local:near"\n[[rules]]\nsymbol = "*"\ntarget = ["local:near", "remote:far"]\nfallback = "remote:far"\n')
    assert runtime.run("[(near 1) (far 1)]") == ["near body", "from far"]
    assert "the policy denies `local:near`" in runtime.records.calls[0].decision.reasoning


def test_shares_depend_on_the_operands(make):
    text = '[[rules]]\nsymbol = "f"\nweights = { "local:near" = 1, "remote:far" = 1 }\n'
    answers = make(text).run("(map f (range 60))")
    assert answers == make(text).run("(map f (range 60))")
    assert min(Counter(answers)[name] for name in ("from near", "from far")) > 15


def test_a_file_that_changes_binds_functions_anew(make, tmp_path: Path):
    runtime = make('[[rules]]\nsymbol = "f"\ntarget = "local:near"\n')
    assert runtime.run("(f 1)") == "from near"
    (tmp_path / "delegation.toml").write_text('[[rules]]\nsymbol = "f"\ntarget = "remote:far"\n', encoding="utf-8")
    runtime.engine.refresh(now=True)
    assert runtime.run("(f 1)") == "from far"
    (tmp_path / "delegation.toml").write_text("# none\n", encoding="utf-8")
    runtime.engine.refresh(now=True)
    assert runtime.run("(f 1)") == "body 1"


@pytest.mark.parametrize("text", ["budget = { calls = 2 }", "[tenants.acme]\nbudget = { calls = 2 }", "budget = { calls = 9 }\n[tenants.acme]\nbudget = { calls = 2 }"])
def test_budgets_of_a_policy_are_those_of_each_run(make, text: str):
    runtime = make(text, tenant="acme")
    for _ in range(2):
        with pytest.raises(LimitExceeded) as caught:
            runtime.run("(map near (range 5))")
        assert caught.value.kind == "budget-exhausted"
        assert ("tenant `acme`" if "tenants" in text else "the policy") in caught.value.message
    answered, refused = [[r for r in runtime.records.calls if r.source == source] for source in ("model", "none")]
    assert (len(answered), len(refused)) == (4, 2)
    assert [(a.outcome, a.target) for a in refused[0].attempts] == [("refused", "local_model:near")]
    assert refused[0].attempts[0].problem == refused[0].error == caught.value.message
    assert refused[0].error_kind == "budget-exhausted"
    assert make(text, tenant="other").run("(near 1)") == "from near"


def test_the_limits_of_a_policy_hold_for_a_whole_chain(make):
    policy = PolicyEngine(read_policy('deny = "remote:*"\nbudget = { calls = 2 }\n', "d.toml"))
    runtime = make(None, engine=ChainEngine([policy, StaticEngine({"f": "remote:far"})]))
    assert runtime.run("[(f 1) (far 1) (near 1)]") == ["body 1", "far body", "from near"]
    with pytest.raises(LimitExceeded):
        runtime.run("(map near (range 5))")


def test_a_program_cannot_write_its_own_policy(make, tmp_path: Path):
    runtime = make('deny = "remote:*"\n', write=[tmp_path], read=[tmp_path], allow=["io.*"])
    (tmp_path / "link.toml").symlink_to(tmp_path / "delegation.toml")
    for name in ("delegation.toml", "link.toml"):
        with pytest.raises(HostError) as caught:
            runtime.run(f'(call :io.write-file "{tmp_path}/{name}" "")')
        assert caught.value.kind == "security-violation"
    runtime.run(f'(call :io.write-file "{tmp_path}/other.toml" "x")')
    assert runtime.run(f'(call :io.read-file "{tmp_path}/delegation.toml")') == 'deny = "remote:*"\n'


def test_the_length_of_operands_counts(make):
    runtime = make('[[rules]]\nsymbol = "f"\nmin_chars = 10\ntarget = "local:near"\n')
    assert runtime.run('[(f "short") (f "a long enough text") (f [1 2 3 4 5 6])]') == ["body short", "from near", "from near"]


def test_a_file_that_is_wrong_is_an_error_before_anything_runs(make):
    with pytest.raises(ConfigError) as caught:
        make('[[rules]]\ntarget = "smol"\n')
    assert caught.value.kind == "invalid-policy"
