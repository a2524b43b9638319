"""Learning from outcomes, and the curve of quality against cost."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest

from rtfs.delegation.router import quality
from rtfs.delegation.router.calibration import sigmoid
from rtfs.delegation.router.evaluation import curve, evaluate, folds_of, predictions, read_outcomes
from rtfs.delegation.router.features import FUNCTION_WEIGHT, Vocabulary, words_of
from rtfs.delegation.router.logistic import Logistic
from rtfs.delegation.router.quality import Outcome, QualityModel
from rtfs.errors import ConfigError

SAMPLE = Path(__file__).parents[4] / "examples" / "data" / "outcomes.csv"


def rows_of(*outcomes: tuple[int, int]) -> list[Outcome]:
    return [Outcome.of(f"prompt {i}", "f", {"cheap": bool(a), "strong": bool(b)}) for i, (a, b) in enumerate(outcomes)]


def test_words_are_signs_pairs_and_beginnings_too():
    assert words_of("Quantum") == {"quantum": 1, "~quant": 1}
    assert words_of("What is 2+2? What") == {
        "what": 2, "is": 1, "2": 2, "+": 1, "?": 1, "what is": 1, "is 2": 1, "2 +": 1, "+ 2": 1, "2 ?": 1, "? what": 1,
    }  # fmt: skip


def test_features_have_the_length_one_and_one_for_the_function():
    vocabulary = Vocabulary.of([words_of("a b"), words_of("a b c"), words_of("c")], ["f", "g", "f"])
    assert set(vocabulary.words) == {"a", "b", "a b", "c"}
    at, weights = vocabulary.features(words_of("a b d"), "g")
    assert len(at) == 4
    assert math.fsum(weight**2 for weight in weights[:-1]) == pytest.approx(1)
    assert (at[-1], weights[-1]) == (vocabulary.functions["g"], FUNCTION_WEIGHT)
    assert vocabulary.features(words_of("unknown words"), "unknown") == ([], [])


def test_logistic_reaches_the_optimum():
    """The weights are those to which steepest descent on the objective comes."""
    chance = random.Random(3)
    rows = [([0, 1], [chance.gauss(0, 1), chance.gauss(0, 1)]) for _ in range(100)]
    happened = [chance.random() < sigmoid(1.5 * x - y + 0.5) for _, (x, y) in rows]
    found = Logistic.fit(rows, happened, 2, c=0.5)
    a = b = bias = 0.0
    for _ in range(500):
        left = [yes - sigmoid(a * x + b * y + bias) for (_, (x, y)), yes in zip(rows, happened, strict=True)]
        a += 0.04 * (0.5 * sum([rest * x for rest, (_, (x, _)) in zip(left, rows, strict=True)]) - a)
        b += 0.04 * (0.5 * sum([rest * y for rest, (_, (_, y)) in zip(left, rows, strict=True)]) - b)
        bias += 0.04 * (0.5 * sum(left) - bias)
    assert [*found.weights, found.bias] == pytest.approx([a, b, bias], abs=0.02)
    assert a > 1
    assert b < -0.6


def test_the_curve_by_hand():
    rows = rows_of((0, 1), (1, 1), (1, 0), (0, 1))  # gains 1, 0, -1, 1
    best = curve(rows, [1, 0, -1, 1], "cheap", "strong")
    assert best.gains == (0, 1, 2, 2, 1)
    assert [best.quality(share) for share in (0, 0.25, 0.375, 1)] == [0.5, 0.75, 0.875, 0.75]
    assert best.apgr == pytest.approx((0.5 + 1.5 + 2 + 1.5) / 4)
    assert (best.cpt(0.5), best.cpt(1)) == (0.25, 0.25)
    coin = curve(rows, [0] * 4, "cheap", "strong")
    assert coin.apgr == pytest.approx(0.5)
    assert coin.gains == pytest.approx((0, 0.25, 0.5, 0.75, 1))


def test_without_a_gap_there_is_none_to_recover():
    found = curve(rows_of((1, 1), (1, 0)), [1, 0], "cheap", "strong")
    assert (found.apgr, found.cpt(0.5)) == (None, None)


def test_a_prompt_is_in_one_part_only():
    rows = rows_of(*[(1, 1)] * 20) * 2
    parts = folds_of(rows, 5, seed=0)
    assert parts[:20] == parts[20:]
    assert sorted(set(parts)) == [0, 1, 2, 3, 4]
    assert folds_of(rows, 5, seed=1) != parts


def test_predictions_do_not_see_the_outcome_of_their_own_row():
    """Turning the outcomes of one part around leaves its predictions as they were."""
    chance = random.Random(5)
    rows = rows_of(*[(chance.randrange(2), chance.randrange(2)) for _ in range(60)])
    parts = folds_of(rows, 3, seed=0)
    before = predictions(rows, parts)
    turned = [
        Outcome.of(row.prompt, row.function, {name: not right for name, right in row.right.items()}) if part == 1 else row
        for row, part in zip(rows, parts, strict=True)
    ]
    after = predictions(turned, parts)
    for part, a, b in zip(parts, before, after, strict=True):
        assert (a == b) == (part == 1)


def test_a_model_learns_and_reads_back(monkeypatch: pytest.MonkeyPatch):
    rows = [Outcome.of(f"{word} number {i}", "f", {"a": word == "easy", "b": True}) for i in range(40) for word in ("easy", "hard")]
    model = QualityModel.fit(rows)
    easy, hard = model.predict("easy number 99", "f"), model.predict("hard number 99", "f")
    assert easy["a"] > 0.8 > 0.2 > hard["a"]
    assert easy["b"] > 0.9
    again = QualityModel.from_dict(json.loads(json.dumps(model.to_dict())))
    assert again.predict("easy number 99", "f") == pytest.approx(easy, abs=1e-4)
    assert QualityModel.fit(rows).to_dict() == model.to_dict(), "the same rows give the same model"


@pytest.mark.parametrize("data", [None, {}, {"format": 9}, {"format": 1, "vocabulary": {"words": {}, "functions": []}, "models": {"a": {"weights": [1], "bias": 0, "calibration": {}}}}])
def test_what_is_no_model_is_refused(data):
    with pytest.raises(ConfigError):
        QualityModel.from_dict(data)


def test_rows_must_be_about_the_same_targets():
    with pytest.raises(ConfigError):
        quality.QualityModel.fit([Outcome.of("p", "f", {"a": True}), Outcome.of("p", "f", {"b": True})])


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "no table of outcomes"),
        ("prompt,a,b\n", "no table of outcomes"),
        ("task,prompt,a\nf,p,1\n", "no table of outcomes"),
        ("task,prompt,a,a\nf,p,1,1\n", "must differ"),
        ("task,prompt,a,b\n", "no rows"),
        ("task,prompt,a,b\nf,p,1\n", "line 2: 3 cells"),
        ('task,prompt,a,b\nf,"two\nlines",1,0\nf,p,1,perhaps\n', "line 4: `perhaps`"),
        ('task,prompt,a,b\nf,"open,1,0\n', "line"),
    ],
)
def test_a_table_with_a_mistake_is_refused(text: str, said: str):
    with pytest.raises(ConfigError, match=said):
        read_outcomes(text, "o.csv")


def test_folds_and_targets_must_fit():
    rows = rows_of((1, 0), (0, 1), (1, 1))
    for wrong in ({"folds": 4}, {"folds": 1}, {"cheap": "other"}, {"cheap": "strong", "strong": "strong"}):
        with pytest.raises(ConfigError):
            evaluate(rows, **wrong)


def test_the_sample_is_routed_better_than_by_chance_and_calibrated():
    report = evaluate(read_outcomes(SAMPLE.read_text(encoding="utf-8"), "outcomes.csv"))
    assert (report.rows, report.cheap, report.strong) == (1077, "mixtral-8x7b", "gpt-4-1106")
    apgr = {name: found.apgr for name, found in report.curves.items()}
    assert apgr["random"] == pytest.approx(0.5)
    assert apgr["router"] > 0.58
    assert apgr["router"] > apgr["function alone"]
    assert apgr["oracle"] > 1
    assert all(found["ece"] < 0.05 for found in report.calibration.values())
    for found in report.curves.values():
        assert found.quality(0) == report.curves["random"].quality(0)
        assert found.quality(1) == pytest.approx(report.curves["random"].quality(1))
