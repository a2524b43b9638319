"""What a router would have gained on recorded outcomes, by cross-validation.

Routing between a cheap and a strong target is a ranking: the prompts of which the strong one is expected to gain most go to it
first.  For each share of calls that go to it, the quality is what the routed calls would have got right.

    PGR(share) = (quality(share) - quality of the cheap) / (quality of the strong - quality of the cheap)
    APGR       = the mean of PGR over all shares from 0 to 1: 0.5 for a coin, more for a router that knows something
    CPT(x)     = the least share of calls to the strong target with PGR >= x

Source: Ong et al., "RouteLLM: Learning to Route LLMs with Preference Data", 2024.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rtfs.delegation.router.calibration import brier, calibration_error
from rtfs.delegation.router.quality import Outcome, QualityModel
from rtfs.errors import ConfigError

SHARES = tuple([share / 10 for share in range(11)])
FOLDS = 5
_TRUE, _FALSE = ("1", "true", "yes", "1.0"), ("0", "false", "no", "0.0")


def read_outcomes(text: str, name: str) -> list[Outcome]:
    """The rows of a table `function,prompt,TARGET,TARGET…` with 1 or 0 for each target; the first column may be called `task` too.

    Args:
        name: of the file, for errors.
    Raises:
        ConfigError: it is no such table; names the line.
    """
    csv.field_size_limit(2**24)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = next(reader, [])
        if len(head) < 4 or head[0] not in ("task", "function") or head[1] != "prompt":
            hint = "the first line is function,prompt, and then the names of two or more targets"
            raise ConfigError(f"{name} is no table of outcomes", hint=hint)
        targets = head[2:]
        if len(set(targets)) != len(targets) or not all(targets):
            raise ConfigError(f"{name}: the names of targets must differ, and none may be empty")
        rows = []
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(head):
                raise ConfigError(f"{name}, line {reader.line_num}: {len(cells)} cells where {len(head)} are wanted")
            right = {target: _outcome(cell, name, reader.line_num) for target, cell in zip(targets, cells[2:], strict=True)}
            rows.append(Outcome.of(cells[1], cells[0], right))
    except csv.Error as error:
        raise ConfigError(f"{name}, line {reader.line_num}: {error}") from error
    if not rows:
        raise ConfigError(f"{name} has no rows")
    return rows


def _outcome(cell: str, name: str, line: int) -> bool:
    word = cell.strip().lower()
    if word not in _TRUE and word not in _FALSE:
        raise ConfigError(f"{name}, line {line}: `{cell[:40]}` is no outcome", hint="1 when the answer was right, else 0")
    return word in _TRUE


# --- the curve -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Curve:
    """Quality against the share of calls that go to the strong target.

    Attributes:
        gains: what the first 0, 1, 2 … calls that go there gain together, of all rows.
        cheap: how many rows the cheap target gets right.
    """

    gains: tuple[float, ...]
    cheap: int

    @property
    def rows(self) -> int:
        return len(self.gains) - 1

    def quality(self, share: float) -> float:
        """The share of right answers when that share of the calls goes to the strong target."""
        at = share * self.rows
        low = int(at)
        gain = self.gains[low]
        if low < self.rows:
            gain += (at - low) * (self.gains[low + 1] - gain)
        return (self.cheap + gain) / self.rows

    @property
    def apgr(self) -> float | None:
        """None when the strong target is not the better one: there is no gap to be recovered."""
        whole = self.gains[-1]
        if whole <= 0:
            return None
        return sum([(a + b) / 2 for a, b in pairwise(self.gains)]) / self.rows / whole

    def cpt(self, wanted: float) -> float | None:
        """The least share of calls to the strong target that recovers so much of the gap."""
        whole = self.gains[-1]
        if whole <= 0:
            return None
        return next(at / self.rows for at, gain in enumerate(self.gains) if gain >= wanted * whole)


def curve(rows: Sequence[Outcome], expected: Sequence[float], cheap: str, strong: str) -> Curve:
    """
    Args:
        expected: what the router thinks the strong target gains for each row; where it thinks the same of several, each order of
            them is as likely, and the curve is their mean.
    """
    order = sorted(range(len(rows)), key=lambda row: -expected[row])
    gains = [0.0]
    start = 0
    while start < len(order):
        end = start
        total = 0
        while end < len(order) and expected[order[end]] == expected[order[start]]:
            right = rows[order[end]].right
            total += right[strong] - right[cheap]
            end += 1
        first = gains[-1]
        gains += [first + total * i / (end - start) for i in range(1, end - start + 1)]
        start = end
    return Curve(tuple(gains), sum([row.right[cheap] for row in rows]))


# --- cross-validation ------------------------------------------------------------------------


def folds_of(rows: Sequence[Outcome], folds: int, seed: int) -> list[int]:
    """The part that each row is in; a prompt that occurs twice is in one part only, so that nothing is learnt by heart."""
    order = list(dict.fromkeys([row.prompt for row in rows]))
    random.Random(seed).shuffle(order)
    places = {prompt: at % folds for at, prompt in enumerate(order)}
    return [places[row.prompt] for row in rows]


def predictions(
    rows: Sequence[Outcome],
    parts: Sequence[int],
    *,
    by_function: bool = True,
    calibrate: bool = True,
    progress: Callable[[int], None] = lambda part: None,
) -> list[dict[str, float]]:
    """For each row, target -> predicted quality, by a model of the other parts' rows.

    Args:
        progress: called with the number of each part before it is begun.
    """
    found: list[dict[str, float]] = [{} for _ in rows]
    for part in dict.fromkeys(sorted(parts)):
        progress(part)
        model = QualityModel.fit(
            [row for row, place in zip(rows, parts, strict=True) if place != part], by_function=by_function, calibrate=calibrate
        )
        for at, row in enumerate(rows):
            if parts[at] == part:
                found[at] = model.predict_words(row.words, row.function)
    return found


def means_by_function(rows: Sequence[Outcome], parts: Sequence[int], cheap: str, strong: str) -> list[float]:
    """For each row, the mean gain of the other parts' rows of its function, drawn towards that of all of them."""
    found = [0.0] * len(rows)
    for part in dict.fromkeys(parts):
        others = [row for row, place in zip(rows, parts, strict=True) if place != part]
        overall = sum([row.right[strong] - row.right[cheap] for row in others]) / len(others)
        sums: dict[str, list[float]] = {}
        for row in others:
            known = sums.setdefault(row.function, [_PRIOR_ROWS * overall, _PRIOR_ROWS])
            known[0] += row.right[strong] - row.right[cheap]
            known[1] += 1
        for at, row in enumerate(rows):
            if parts[at] == part:
                total, count = sums.get(row.function, (overall, 1.0))
                found[at] = total / count
    return found


_PRIOR_ROWS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `rtfs route eval` says."""

    rows: int
    functions: int
    folds: int
    cheap: str
    strong: str
    curves: dict[str, Curve]
    """method -> curve; `router`, `prompt alone`, `function alone`, `random`, `oracle`."""
    groups: dict[str, dict[str, float | None]]
    """Group of functions (what comes before `_` or `/`) -> method -> APGR, within the group."""
    calibration: dict[str, dict[str, float]]
    """target -> `ece`, `brier`, of the router's predictions."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "functions": self.functions,
            "folds": self.folds,
            "cheap": self.cheap,
            "strong": self.strong,
            "methods": {
                name: {
                    "apgr": _rounded(found.apgr),
                    "cpt50": _rounded(found.cpt(0.5)),
                    "cpt80": _rounded(found.cpt(0.8)),
                    "quality": {f"{share:.1f}": round(found.quality(share), 4) for share in SHARES},
                }
                for name, found in self.curves.items()
            },
            "apgr_by_group": {
                group: {name: _rounded(apgr) for name, apgr in found.items()} for group, found in self.groups.items()
            },
            "calibration": {
                target: {name: round(value, 4) for name, value in found.items()} for target, found in self.calibration.items()
            },
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def evaluate(
    rows: Sequence[Outcome],
    *,
    cheap: str | None = None,
    strong: str | None = None,
    folds: int = FOLDS,
    seed: int = 0,
    progress: Callable[[str], None] = lambda what: None,
) -> Report:
    """Cross-validate the router on recorded outcomes.

    Args:
        cheap, strong: targets; those with the fewest and the most right answers when None.
        progress: called with what is being done.
    Raises:
        ConfigError: a target that the rows do not have, or fewer rows than parts.
    """
    known = tuple(rows[0].right)
    right = {target: sum([row.right[target] for row in rows]) for target in known}
    cheap = cheap or min(known, key=lambda target: right[target])
    strong = strong or max([target for target in known if target != cheap], key=lambda target: right[target])
    for target in (cheap, strong):
        if target not in known:
            raise ConfigError(f"the rows have no outcomes of `{target}`", hint=f"they have {', '.join(known)}")
    if cheap == strong:
        raise ConfigError("the cheap and the strong target must be two")
    if not 2 <= folds <= len({row.prompt for row in rows}):
        hint = "take at least 2, and at most one for each prompt"
        raise ConfigError(f"{len(rows)} rows cannot be cut into {folds} parts", hint=hint)
    parts = folds_of(rows, folds, seed)
    routed = predictions(rows, parts, progress=lambda part: progress(f"router, part {part + 1} of {folds}"))
    alone = predictions(
        rows, parts, by_function=False, calibrate=False, progress=lambda part: progress(f"prompt alone, part {part + 1} of {folds}")
    )
    expected = {
        "router": [found[strong] - found[cheap] for found in routed],
        "prompt alone": [found[strong] - found[cheap] for found in alone],
        "function alone": means_by_function(rows, parts, cheap, strong),
        "random": [0.0] * len(rows),
        "oracle": [float(row.right[strong] - row.right[cheap]) for row in rows],
    }
    groups = _groups(rows)
    return Report(
        rows=len(rows),
        functions=len({row.function for row in rows}),
        folds=folds,
        cheap=cheap,
        strong=strong,
        curves={name: curve(rows, found, cheap, strong) for name, found in expected.items()},
        groups={
            group: {name: _part(rows, found, at, cheap, strong).apgr for name, found in expected.items()}
            for group, at in (groups.items() if len(groups) > 1 else ())
        },
        calibration={
            target: {
                "ece": calibration_error([found[target] for found in routed], [row.right[target] for row in rows]),
                "brier": brier([found[target] for found in routed], [row.right[target] for row in rows]),
            }
            for target in (cheap, strong)
        },
    )


def _part(rows: Sequence[Outcome], expected: Sequence[float], at: Sequence[int], cheap: str, strong: str) -> Curve:
    """The curve of some of the rows."""
    return curve([rows[i] for i in at], [expected[i] for i in at], cheap, strong)


def _groups(rows: Sequence[Outcome]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for at, row in enumerate(rows):
        found.setdefault(row.function.replace("/", "_").partition("_")[0], []).append(at)
    return found
