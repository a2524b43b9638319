"""`rtfs logs outcome` and `rtfs logs calibrate`: which answers were right, and what scores are worth by that."""

from __future__ import annotations

from rtfs.cli.terminal import json_line
from rtfs.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.delegation.confidence import Fit
    from rtfs.delegation.log_queries import Selection

_WORDS = {"right": True, "wrong": False}


def note(path: str, number: int, text: str, options: Any, terminal: Terminal) -> int:
    """Note an outcome.

    Args:
        text: `right`, `wrong`, or the value that would have been right.
    """
    from rtfs.cli.policy import value_of
    from rtfs.delegation.outcomes import note_outcome
    from rtfs.values.scalars import Symbol

    if text in _WORDS:
        right = note_outcome(path, number, _WORDS[text])
    else:
        value = value_of(text)
        if type(value) is Symbol:
            hint = f"a text has quotes: '\"{text}\"'; a keyword has a colon: :{text}"
            raise ConfigError(f"`{text}` is neither right, wrong, nor a value", hint=hint)
        right = note_outcome(path, number, value=value)
    if options.json:
        terminal.result(json_line({"id": number, "outcome": "right" if right else "wrong"}))
    else:
        terminal.note(f"rtfs: call {number} was {'right' if right else 'wrong'}")
    return 0


def calibrate(path: str, selection: Selection, options: Any, terminal: Terminal) -> int:
    """Fit confidences to the outcomes in a log, and keep them for the calls to come."""
    from rtfs.delegation.confidence import LEAST_ROWS, Confidences, confidence_path, fit_all
    from rtfs.delegation.outcomes import judged

    into = confidence_path(terminal.environ)
    if into is None:
        raise ConfigError("RTFS_CONFIDENCE is empty: there is no file to keep confidences in")
    least = LEAST_ROWS if options.least is None else options.least
    if least < 2:
        raise ConfigError(f"--least is {least}; it is a number of outcomes, 2 or more")
    fits, left_out = fit_all(judged(path, selection), method=options.method, least=least)
    if fits:
        try:
            known = Confidences.load(into)
        except ConfigError as problem:
            terminal.note(f"rtfs: {problem.message}: it is written anew")
            known = Confidences()
        known.with_fits(fits).save(into)
    if options.json:
        for fit in fits:
            terminal.result(json_line(fit.to_dict()))
    else:
        from rtfs.cli.logs import table

        if fits:
            for line in table([_HEADING, *[cells(fit) for fit in fits]]):
                terminal.result(line)
    for function, target, rows, why in left_out:
        terminal.note(f"rtfs: {function}, {target}: not fitted, {rows} {'outcome' if rows == 1 else 'outcomes'}: {why}")
    if not fits and not left_out:
        terminal.note("rtfs: no outcomes are in the log: `rtfs logs outcome ID right|wrong|VALUE` notes one")
    elif fits:
        terminal.note(f"rtfs: {len(fits)} {'confidence' if len(fits) == 1 else 'confidences'} written to {into}")
    return 0 if fits else 1


_HEADING = ["function", "target", "method", "outcomes", "right", "ECE", "Brier", "ECE of scores"]


def cells(fit: Fit) -> list[str]:
    score_ece = "-" if fit.score_ece is None else f"{fit.score_ece:.3f}"
    method = str(fit.calibrator.to_dict()["kind"])
    share = f"{fit.right / fit.rows:.3f}"
    return [fit.function, fit.target, method, f"{fit.rows:,}", share, f"{fit.ece:.3f}", f"{fit.brier:.3f}", score_ece]
