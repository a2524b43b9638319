"""From recorded answers to code: what counts as an example, what is learnt, and what is published of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("cryptography")

import rtfs
from rtfs.caching.code.publishing import Example
from rtfs.delegation.crystallise.authoring import Author
from rtfs.delegation.crystallise.choosing import choose
from rtfs.delegation.crystallise.crystallising import crystallise, subject_of
from rtfs.delegation.crystallise.induction import Aim, is_classifier, split
from rtfs.delegation.crystallise.learners import PhraseLearner, PointLearner
from rtfs.delegation.crystallise.proposing import Question, Reply, to_show
from rtfs.delegation.crystallise.samples import Samples, samples_of
from rtfs.delegation.crystallise.texts import features_of, text_of
from rtfs.delegation.crystallise.writing import Frame, phrases_program, points_program
from rtfs.delegation.log import CallLog
from rtfs.delegation.log_queries import Selection
from rtfs.errors import ConfigError, RtfsError
from rtfs.models.protocol import Availability, ModelReply
from rtfs.runtime import Runtime, for_strangers
from rtfs.source import Source
from rtfs.values.printing import to_readable
from tests.support.published import inspector

ASKING = '(defn topic ^:delegation :local-model "labels" "What is it about?" [message :string] :-> [:enum "bug" "card" "other"] "other")'
TYPED = '(deftype Topic [:enum "bug" "card" "other"]) ' + ASKING.replace('[:enum "bug" "card" "other"]', ":Topic")
WORDS = {
    "bug": ("crash", "error message", "freezes", "black screen"),
    "card": ("my card", "pin", "debit card", "card is lost"),
    "other": ("thank you", "opening hours", "a question", "your address"),
}
FILL = (
    *("the", "a", "please", "today", "when", "i", "it", "was", "then", "on", "and", "with", "my", "new", "for", "so", "again"),
    *("we", "had", "quite", "some", "trouble", "here"),
)


def message(label: str, random: Random) -> str:
    words = [random.choice(FILL) for _ in range(random.randrange(3, 9))]
    words.insert(random.randrange(len(words)), random.choice(WORDS[label]))
    return " ".join(words)


def messages(count: int, seed: int = 1, noise: float = 0.0) -> list[tuple[str, str]]:
    random = Random(seed)
    out = []
    for _ in range(count):
        label = random.choice(list(WORDS))
        text = message(label, random)
        out.append((text, random.choice(list(WORDS)) if random.random() < noise else label))
    return out


class Labels:
    """A model that knows what it is to say."""

    name = "labels"

    def __init__(self, answers: Sequence[str]) -> None:
        self._answers = list(answers)

    def complete(self, request: Any) -> ModelReply:
        return ModelReply(text=self._answers.pop(0), model="labels-1")

    def availability(self, model: str) -> Availability:
        return Availability(usable=True, detail="here")

    def close(self) -> None:
        pass


def recorded(path: Path, program: str, calls: Sequence[tuple[Any, Any]], *, full: bool = True, call: str = "topic") -> list[dict[str, Any]]:
    """The records of calls that a model answered in a certain way."""
    models = rtfs.ModelRegistry()
    models.register("labels", Labels([to_readable(answer) for _, answer in calls]), kind="local")
    log = CallLog(path, full=full, max_bytes=2**28)
    with Runtime(models=models, log=log, environ={}, on_warning=lambda m, s: None) as runtime:
        runtime.run(program)
        ask = runtime.function(call, raw=True)
        for operands, _ in calls:
            ask(*operands) if isinstance(operands, tuple) else ask(operands)
    log.close()
    return [entry.record for entry in Selection(function=call).entries(str(path))]


def outcome(
    records: list[dict[str, Any]],
    program: str = ASKING,
    *,
    name: str = "topic",
    agreement: float = 0.9,
    ask: Callable[[Question], str] | None = None,
    **options: Any,
) -> Any:
    """
    Args:
        ask: a model that writes code.
    """
    runtime = inspector()
    if ask is not None:
        options["author"] = Author("writer", lambda question: Reply(ask(question)), for_strangers(), True, frozenset({"private"}))
    subject = subject_of(runtime, Source("program.rtfs", program), name)
    return crystallise(runtime, subject, records, Aim(agreement, 0.95), **{"least": 50, **options})


def run_of(found: Any) -> Any:
    from rtfs.ir.artefact.container import decode

    return inspector().sandboxed(decode(found.entry.artefact, "artefact"), found.entry.name)


def answer_of(run: Any, args: tuple[Any, ...]) -> str | None:
    """The text of what code answers; None when it leaves that to others."""
    try:
        return to_readable(run(args))
    except RtfsError as error:
        if error.kind != "abstain":
            raise
        return None


# --- examples ---


def samples(records: list[dict[str, Any]], program: str = ASKING) -> Samples:
    subject = subject_of(inspector(), Source("program.rtfs", program), "topic")
    return samples_of(subject.function, subject.look_up, records)


def test_records_become_examples(tmp_path: Path) -> None:
    records = recorded(tmp_path / "log", ASKING, [("a", "bug"), ("b", "card"), ("a", "bug"), ("a", "card"), ("c", "bug"), ("c", "card")])
    found = samples(records)
    assert [example.args for _, example in found.traffic] == [("a",), ("b",), ("a",), ("a",), ("c",), ("c",)]
    assert [(one.example, one.times, one.others) for one in found.distinct] == [(Example(("a",), "bug"), 2, 1), (Example(("b",), "card"), 1, 0)]
    assert (found.unclear, found.self_agreement) == (1, 2 / 3)


def test_records_that_are_no_examples(tmp_path: Path) -> None:
    (good, *_) = recorded(tmp_path / "log", ASKING, [("a", "bug")])
    found = samples(
        [
            {**good, "source": "body"},
            {**good, "source": "code", "cache": "L4"},
            {**good, "cache": "L3"},
            {**good, "error": "no"},
            {**good, "arguments": None},
            {**good, "arguments": good["arguments"][:3] + "…"},
            {**good, "arguments": "(launch-missiles)"},
            {**good, "arguments": '["a" "b"]'},
            {**good, "arguments": '["b"]'},  # the hash of the request is another one
            {**good, "request_hash": None},
        ]
    )
    assert found.traffic == ()
    assert (found.not_by_models, found.without_arguments, found.unreadable, found.of_other_versions) == (4, 1, 2, 3)


@pytest.mark.parametrize("change", [("about?", "for?"), ('"other"]', '"others"]'), ("message", "letter"), ('"labels" ', '"labels" ^{:examples [["a" "bug"]]} ')])
def test_answers_to_another_question_do_not_count(tmp_path: Path, change: tuple[str, str]) -> None:
    records = recorded(tmp_path / "log", ASKING, [("a", "bug")])
    program = ASKING.replace(*change, 1).replace('"other")', '"bug")')
    assert program != ASKING
    assert samples(records, program).of_other_versions == 1


def test_named_types_and_other_bodies_do_not_matter(tmp_path: Path) -> None:
    records = recorded(tmp_path / "log", TYPED, [("a", "bug")])
    assert len(samples(records, TYPED).traffic) == 1
    assert len(samples(records, TYPED.replace('"other")', '"card")').replace('"labels"', '"other-model"')).traffic) == 1


def test_a_log_without_arguments_says_so(tmp_path: Path) -> None:
    found = outcome(recorded(tmp_path / "log", ASKING, messages(60), full=False))
    assert found.entry is None
    assert "RTFS_LOG=full" in found.problem
    assert "60 of 60" in found.problem


def test_too_few_answers(tmp_path: Path) -> None:
    assert "there are 20 answers" in outcome(recorded(tmp_path / "log", ASKING, messages(20))).problem


def test_what_a_cache_repeats_counts_once(tmp_path: Path) -> None:
    one, two = recorded(tmp_path / "log", ASKING, [("a", "bug"), ("b", "card")])
    found = samples([one, {**one, "cache": "L2"}, {**two, "cache": "L2"}, {**two, "cache": "L2"}])
    assert [(sample.key, sample.times) for sample in found.distinct] == [('["a"]', 1), ('["b"]', 1)]
    assert (len(found.traffic), found.repeated, found.self_agreement) == (2, 2, None)


def test_what_equal_calls_share_counts_once(tmp_path: Path) -> None:
    models = rtfs.ModelRegistry()
    models.register("labels", Labels(["bug"]), kind="local")
    with Runtime(models=models, log=str(tmp_path / "log"), environ={"RTFS_LOG": "full"}) as runtime:
        assert runtime.run(ASKING + '(pmap topic ["a" "a" "a" "a"])') == ["bug"] * 4
    found = samples([entry.record for entry in Selection().entries(str(tmp_path / "log"))])
    assert [(sample.key, sample.times) for sample in found.distinct] == [('["a"]', 1)]
    assert (found.records, len(found.traffic), found.repeated) == (4, 1, 3)


# --- learning ---


@pytest.mark.parametrize("learner", [PhraseLearner(), PointLearner()])
def test_learners_learn_and_are_deterministic(learner: Any) -> None:
    labelled = [(features_of(text), label) for text, label in messages(400)]
    model, again = learner.learn(labelled[:300]), learner.learn(labelled[:300])
    answers = [(model.answer(features), label) for features, label in labelled[300:]]
    assert [again.answer(features) for features, _ in labelled[300:]] == [answer for answer, _ in answers]
    assert sum(answer is not None and answer[0] == label for answer, label in answers) >= 90
    assert model.answer(features_of("xyzzy")) is None


@pytest.mark.parametrize("learner", [PhraseLearner(), PointLearner()])
@pytest.mark.parametrize("labels", [("bug", "card", "other"), (rtfs.kw("a") if hasattr(rtfs, "kw") else 1, 2, 3)])
def test_programs_do_what_was_learnt(learner: Any, labels: tuple[Any, ...]) -> None:
    """On texts with signs, capitals and words that were never seen, at every sureness."""
    names = dict(zip(WORDS, labels, strict=True))
    data = [(text, to_readable(names[label])) for text, label in messages(250, noise=0.1)]
    program = f'(defn topic ^:delegation :local-model "m" "?" [one :string two :string] :-> [:enum {" ".join(map(to_readable, labels))}] {to_readable(labels[0])})'
    runtime = inspector()
    fn = subject_of(runtime, Source("p", program), "topic").function.function
    assert fn is not None
    model = learner.learn([(features_of(text), label) for text, label in data[:150]])
    write = phrases_program if isinstance(learner, PhraseLearner) else points_program
    random = Random(3)
    for least in (0.0, 0.6, 0.8) if isinstance(learner, PhraseLearner) else (1.0, 20.0, 120.0):
        text = write(Frame(fn, [], "Made."), model, least)
        assert runtime.check(Source("made", text)) == []
        run = runtime.sandboxed(runtime.prepared(Source("made", text)), "topic")
        for message, _ in data[150:]:
            message = message.replace(" ", random.choice((" ", ", ", "! ", " – ", "\n"))).replace("crash", random.choice(("CRASH", "Crash")))
            one, two = message[:10], message[10:]
            answer = model.answer(features_of(text_of((one, two))))
            expected = answer[0] if answer is not None and answer[1] >= least else None
            assert answer_of(run, (one, two)) == expected, (one, two)


def test_the_choice_keeps_to_what_is_wanted() -> None:
    labelled = [(features_of(text), label) for text, label in messages(500, noise=0.15)]
    found = choose(labelled, (PhraseLearner(), PointLearner()), wanted=0.75, confidence=0.95, held_out=200)
    assert found is not None
    assert found.agreement > 0.8  # with room for luck
    assert choose(labelled, (PhraseLearner(), PointLearner()), wanted=0.95, confidence=0.95, held_out=200) is None
    one_label = [(features, "bug") for features, _ in labelled]
    assert choose(one_label, (PhraseLearner(), PointLearner()), wanted=0.8, confidence=0.95, held_out=200) is None


def test_what_is_held_out_depends_on_nothing_but_the_operands(tmp_path: Path) -> None:
    records = recorded(tmp_path / "log", ASKING, messages(300))
    training, held_out = split(samples(records))
    again, held_out_again = split(samples(list(reversed(records))))
    assert {one.key for one in held_out} == {one.key for one in held_out_again}
    assert [one.key for one in training] == [one.key for one in again]
    assert not {one.key for one in held_out} & {one.key for one in training}
    assert 0.2 < len(held_out) / (len(held_out) + len(training)) < 0.4


@pytest.mark.parametrize(
    ("signature", "is_one"),
    [
        ('[a :string] :-> [:enum "x" "y"]', True),
        ('[a :string b :string] :-> :bool', True),
        ('[a :Text] :-> :Kind', True),
        ('[a :string] :-> :string', False),
        ('[a :int] :-> :bool', False),
        ('[a] :-> :bool', False),
        ('[a :string & b :string] :-> :bool', False),
        ('[] :-> :bool', False),
    ],
)
def test_classifiers(signature: str, is_one: bool) -> None:
    program = f'(deftype Text string) (deftype Kind [:enum :a :b]) (defn f ^:delegation :local-model "m" "?" {signature} nil)'
    subject = subject_of(inspector(), Source("p", program), "f")
    assert subject.function.function is not None
    assert is_classifier(subject.function.function, subject.look_up) is is_one


# --- the whole way ---


@pytest.mark.parametrize("program", [ASKING, TYPED])
def test_a_classifier_becomes_code(tmp_path: Path, program: str) -> None:
    found = outcome(recorded(tmp_path / "log", program, messages(700)), program)
    assert found.problem == ""
    assert found.candidate.kind in ("phrases", "points")
    assert found.verification.bound >= 0.9
    (asked,) = [one for one in inspector().definitions(Source("p", program)) if one.task is not None]
    assert (found.entry.task, found.entry.interface) == (asked.task, asked.interface)
    run, right, answered = run_of(found), 0, 0
    for text, label in messages(300, seed=99):
        answer = answer_of(run, (text,))
        right += answer == to_readable(label)
        answered += answer is not None
    assert answered > 150
    assert right / answered > 0.9


def test_what_cannot_be_learnt_is_not_published(tmp_path: Path) -> None:
    random = Random(5)
    noise = [(text, random.choice(list(WORDS))) for text, _ in messages(400)]
    found = outcome(recorded(tmp_path / "log", ASKING, noise))
    assert found.entry is None
    assert found.candidate is None
    assert "no table, rules or points" in found.problem


def test_held_out_answers_have_the_last_word(tmp_path: Path) -> None:
    """Whatever training says: the answers that were held out are others here."""
    records = recorded(tmp_path / "log", ASKING, messages(600))
    _, held_out = split(samples(records))
    keys = {one.key for one in held_out}
    turned = {"bug": "card", "card": "other", "other": "bug"}
    changed = [{**r, "value": to_readable(turned[r["value"].strip('"')])} if r["arguments"] in keys else r for r in records]
    found = outcome(changed)
    assert found.candidate is not None
    assert found.entry is None
    assert "not published" in found.problem


def test_questions_that_come_again_become_a_table(tmp_path: Path) -> None:
    program = '(defn rate ^:delegation :local-model "labels" "The rate." [country :keyword items : [:vector :int]] :-> :float 0.0)'
    random = Random(2)
    from rtfs.values.scalars import kw
    from rtfs.values.sequences import Vector

    countries = [kw(name) for name in ("de", "fr", "it", "es", "at")]
    asked = [(country, Vector([n])) for country in countries for n in range(4)]
    rates = {i: round(random.random(), 3) for i in range(len(asked))}
    calls = [(asked[i], rates[i]) for i in [random.randrange(len(asked)) for _ in range(500)]]
    found = outcome(recorded(tmp_path / "log", program, calls, call="rate"), program, name="rate")
    assert (found.problem, found.candidate.kind) == ("", "table")
    run = run_of(found)
    assert all(run(operands) == rates[i] for i, operands in enumerate(asked))
    with pytest.raises(RtfsError, match="not asked before"):
        run((kw("us"), Vector([1])))


def test_questions_answered_in_several_ways_are_in_no_table(tmp_path: Path) -> None:
    program = '(defn dice ^:delegation :local-model "labels" "Throw." [n :int] :-> :int 1)'
    random = Random(8)
    calls = [(n, random.randrange(6)) for n in [random.randrange(5) for _ in range(300)]]
    found = outcome(recorded(tmp_path / "log", program, calls, call="dice"), program, name="dice")
    assert found.entry is None


# --- a model that writes code ---

GOOD = """Here it is:
```clojure
(defn has? [text words] (some? (fn [w] (string-contains text w)) words))
(defn topic [message : string] : [:enum "bug" "card" "other"]
  (cond (has? message ["crash" "error message" "freezes" "black screen"]) "bug"
        (has? message ["card" "pin"]) "card"
        (has? message ["thank you" "opening hours" "a question" "your address"]) "other"
        :else (throw :abstain "not clear")))
```"""


def test_a_model_may_write_the_code(tmp_path: Path) -> None:
    """Of a function that rules could be induced for too, and whose types have names; more of it in `test_cli_crystallise`."""
    questions: list[Question] = []

    def ask(question: Question) -> str:
        questions.append(question)
        return GOOD.replace('[:enum "bug" "card" "other"]', ":Topic") if len(questions) > 1 else "(defn topic [message : string] : int 3)"

    found = outcome(recorded(tmp_path / "log", TYPED, messages(500)), TYPED, ask=ask)
    assert found.candidate.kind == "model writer"
    assert found.entry is not None
    assert questions[0].head.startswith('(deftype Topic [:enum "bug" "card" "other"])\n(defn topic [message : ')
    assert questions[0].purpose == "What is it about?"
    assert questions[0].call[0] == "write-code"
    assert "exactly the head" in questions[1].problem
    assert questions[1].call[0] == "mend-code"
    assert [one.problem for one in found.written.tries] == ["it does not define topic with exactly the head that was given", ""]


def test_what_is_induced_is_taken_where_a_model_is_no_better(tmp_path: Path) -> None:
    timid = GOOD.replace('(has? message ["card" "pin"]) "card"', '(has? message ["xyz"]) "card"')
    found = outcome(recorded(tmp_path / "log", ASKING, messages(700)), ask=lambda question: timid)
    assert found.written.candidate is not None
    assert found.candidate.kind in ("phrases", "points")
    assert found.candidate.coverage > found.written.candidate.coverage
    assert found.entry is not None


def test_each_result_has_its_examples(tmp_path: Path) -> None:
    calls = [(f"message number {i}", "bug" if i % 50 == 0 else "card") for i in range(400)]
    found = samples(recorded(tmp_path / "log", ASKING, calls))
    shown = to_show("topic", split(found)[0])
    assert len(shown) == 40
    assert sum(one.example.value == "bug" for one in shown) >= 4
    long = [one.replace(example=Example(("x" * 5_000,), "card")) for one in shown]
    assert len(to_show("topic", long)) == 3


# --- what cannot be asked for ---


@pytest.mark.parametrize(
    ("program", "name", "message"),
    [
        (ASKING, "topics", "no function topics"),
        ("(defn topic [x] x)", "topic", "asks no model"),
        ('(defn topic ^:delegation :local "?" [x] x)', "topic", "asks no model"),
        (f"(module m {ASKING})", "m/topic", "in a module"),
        (ASKING.replace('"What', '^{:tools [:io.read-file]} "What'), "topic", "has tools"),
    ],
)
def test_functions_that_cannot_become_code(program: str, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        subject_of(inspector(), Source("p", program), name)
