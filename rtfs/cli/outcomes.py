"""`rtfs logs outcome` and `rtfs logs calibrate`: which answers were right, and what scores are worth by that."""

from __future__ import annotations

from rtfs.cli.terminal import json_line
from rtfs.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.delegation.confidence import Fit
    from rtfs.delegation.log_queries import Selection
    from rtfs.delegation.outcomes import Noted

_WORDS = {"right": True, "wrong": False}


def note(path: str, words: list[str], options: Any, terminal: Terminal) -> int:
    """Note outcomes.

    Args:
        words: the id of a call and its outcome; or a file of such lines, `-` for standard input.
    """
    from rtfs.delegation.outcomes import note_outcomes

    noted = [outcome_of(words[0], words[1])] if len(words) == 2 else list(outcomes_in(words[0], terminal))
    found = note_outcomes(path, noted)
    if options.json:
        for one, right in zip(noted, found):
            terminal.result(json_line({"id": one.call, "outcome": "right" if right else "wrong"}))
    elif len(words) == 2:
        terminal.note(f"rtfs: call {noted[0].call} was {'right' if found[0] else 'wrong'}")
    else:
        terminal.note(f"rtfs: {len(found):,} {'outcome' if len(found) == 1 else 'outcomes'} noted, {sum(found):,} of them right")
    return 0


def outcomes_in(name: str, terminal: Terminal) -> Iterator[Noted]:
    """The outcomes in a file: `ID right|wrong|VALUE` in each line, blank ones apart.

    Raises:
        ConfigError: it cannot be read, or a line is no outcome; names the line.
    """
    try:
        if name == "-":
            lines = terminal.stdin.read().splitlines()
        else:
            with open(name, encoding="utf-8") as file:
                lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}", hint="check the path") from error
    for number, line in enumerate(lines, 1):
        call, _, text = line.strip().partition(" ")
        if not call:
            continue
        try:
            yield outcome_of(call, text.strip())
        except ConfigError as error:
            raise ConfigError(f"{name}, line {number}: {error.message}", hint=error.hint) from error


def outcome_of(call: str, text: str) -> Noted:
    """
    Args:
        text: `right`, `wrong`, or the value that would have been right.
    Raises:
        ConfigError: it is none of them, or `call` is no id.
    """
    from rtfs.cli.policy import value_of
    from rtfs.delegation.outcomes import Noted
    from rtfs.values.scalars import Symbol

    if not (call.isascii() and call.isdecimal()):
        raise ConfigError(f"`{call}` is not the id of a call", hint="write ID right, ID wrong, or ID and the right value")
    if text in _WORDS:
        return Noted(int(call), _WORDS[text])
    value = value_of(text)
    if type(value) is Symbol:
        hint = f"a text has quotes: '\"{text}\"'; a keyword has a colon: :{text}"
        raise ConfigError(f"`{text}` is neither right, wrong, nor a value", hint=hint)
    return Noted(int(call), value=value)


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
