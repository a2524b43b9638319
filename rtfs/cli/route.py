"""Choose between models by what their answers were worth: measure a router on recorded outcomes, or train one.

rtfs route eval FILE               quality at each cost and APGR, by cross-validation, beside chance and the best there could be
rtfs route train FILE --out MODEL  learn from all rows, for `[engines.NAME] use = "costed"` of a policy

FILE is a table (CSV) with the heading function,prompt,TARGET,TARGET… and 1 or 0 for each target: whether its answer was right.
Nothing is asked of any model.
"""

from __future__ import annotations

from rtfs.cli.actions import misused
from rtfs.cli.options import add_output
from rtfs.cli.terminal import json_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.delegation.router.evaluation import Report
    from rtfs.delegation.router.quality import Outcome


def arguments(parser: Any) -> None:
    parser.usage = "\n       ".join(
        [
            "rtfs route eval [--cheap TARGET] [--strong TARGET] [--folds N] [--seed N] [--json] FILE",
            "rtfs route train --out MODEL [--json] FILE",
        ]
    )
    parser.add_argument("words", nargs="*", metavar="eval|train FILE", help="what to do")
    parser.add_argument("--cheap", metavar="TARGET", help="eval: the one that is asked first (that is right least often)")
    parser.add_argument("--strong", metavar="TARGET", help="eval: the one that is to be spared (that is right most often)")
    parser.add_argument("--folds", type=int, default=5, metavar="N", help="eval: parts, each predicted from the others (5)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="eval: another way to cut the rows into parts (0)")
    parser.add_argument("--out", metavar="MODEL", help="train: the file to write")
    add_output(parser)


def execute(options: Any, terminal: Terminal) -> int:
    action, *names = options.words or [""]
    if action == "eval" and len(names) == 1:
        return evaluate(names[0], options, terminal)
    if action == "train" and len(names) == 1:
        if not options.out:
            options.misuse("rtfs route train needs --out MODEL, the file to write")
        return train(names[0], options, terminal)
    unknown = [] if action in ("", "eval", "train") else options.words
    misused(options, "route", "eval FILE, train FILE --out MODEL", unknown)


def outcomes(name: str) -> list[Outcome]:
    """
    Raises:
        ConfigError: the file cannot be read, or is no table of outcomes.
    """
    from rtfs.delegation.router.evaluation import read_outcomes
    from rtfs.errors import ConfigError

    try:
        with open(name, encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except OSError as error:
        raise ConfigError(f"cannot read {name}: {error.strerror or error}", hint="check the path") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name} is not UTF-8 text: byte {error.start}", hint="save it as UTF-8") from error
    return read_outcomes(text, name)


def evaluate(name: str, options: Any, terminal: Terminal) -> int:
    from rtfs.delegation.router.evaluation import evaluate as evaluated

    rows = outcomes(name)
    on_screen = terminal.is_screen(terminal.stderr) and not options.json
    progress = {"progress": terminal.status} if on_screen else {}
    try:
        report = evaluated(rows, cheap=options.cheap, strong=options.strong, folds=options.folds, seed=options.seed, **progress)
    finally:
        terminal.clear_status()
    if options.json:
        terminal.result(json_line(report.to_dict()))
    else:
        for line in report_lines(report):
            terminal.result(line)
    return 0


def report_lines(report: Report) -> list[str]:
    """The tables of `rtfs route eval`."""
    from rtfs.delegation.router.evaluation import SHARES

    def shown(value: float | None) -> str:
        return f"{'-' if value is None else f'{value:.3f}':>7}"

    width = max([len(name) for name in (*report.curves, report.cheap, report.strong)])
    lines = [
        f"{report.rows:,} prompts, {report.functions} functions, cross-validated in {report.folds} parts",
        f"cheap {report.cheap}, strong {report.strong}",
        "",
        "right answers at each share of calls to the strong target",
        " " * width + "".join([f"{share:>7.0%}" for share in SHARES]) + "   APGR  CPT50  CPT80",
    ]
    for method, found in report.curves.items():
        figures = [found.quality(share) for share in SHARES]
        lines.append(
            f"{method:<{width}}" + "".join(map(shown, [*figures, found.apgr, found.cpt(0.5), found.cpt(0.8)]))
        )
    if report.groups:
        lines += ["", "APGR within each group of functions", " " * width + "".join([f"{method:>16}" for method in report.curves])]
        for group, methods in report.groups.items():
            lines.append(f"{group:<{width}}" + "".join([f"{shown(apgr):>16}" for apgr in methods.values()]))
    lines += ["", "calibration of the router", " " * width + "    ECE  Brier"]
    for target, figure in report.calibration.items():
        lines.append(f"{target:<{width}}{shown(figure['ece'])}{shown(figure['brier'])}")
    return lines


def train(name: str, options: Any, terminal: Terminal) -> int:
    from json import dumps

    from rtfs.delegation.router.quality import QualityModel
    from rtfs.errors import ConfigError

    rows = outcomes(name)
    model = QualityModel.fit(rows)
    try:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write(dumps(model.to_dict(), ensure_ascii=False, separators=(",", ":")) + "\n")
    except OSError as error:
        raise ConfigError(f"cannot write {options.out}: {error.strerror or error}") from error
    if options.json:
        terminal.result(json_line({"rows": len(rows), "targets": list(model.targets), "features": model.vocabulary.size}))
    else:
        terminal.note(f"{options.out}: {', '.join(model.targets)}, from {len(rows):,} rows")
    return 0
