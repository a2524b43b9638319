"""The log of delegated calls: a record for each call of `rtfs run`, `eval` and `repl`, and of programs that ask for it.

rtfs logs [filters]                  the last calls, a line each
rtfs logs show ID                    all that is known of one call
rtfs logs export FILE [filters]      all calls into a file: .jsonl or .csv; - writes JSON lines to standard output
rtfs logs outcome ID right|wrong     note whether the answer of a call was right
rtfs logs outcome ID VALUE           the same, with the value that would have been right
rtfs logs outcome FILE               the same of many: each line is an id and an outcome; - reads standard input
rtfs logs calibrate [filters]        fit confidences to the outcomes that were noted, for the calls to come
rtfs logs clear                      remove all records
rtfs logs path                       where the log is

Patterns are those of a shell: `support/*`. TIME is 90s, 30m, 2h, 7d (ago), or a date: 2026-11-20, 2026-11-20T14:05.
"""

from __future__ import annotations

import os
import time

from rtfs.cli.actions import misused
from rtfs.cli.options import add_output
from rtfs.cli.terminal import json_line, write
from rtfs.errors import ConfigError
from rtfs.folders import log_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.delegation.log_queries import Entry, Selection

ACTIONS = "show ID, export FILE, outcome ID right|wrong|VALUE, calibrate, clear, path"
#: Columns of an export as CSV.
_CSV = [
    *("id", "run", "started", "function", "target", "model", "answered_by", "provider", "source", "error_kind", "latency_s"),
    *("attempts", "prompt_tokens", "completion_tokens", "cost_usd", "score", "confidence", "outcome", "cache"),
    *("engine", "reasoning", "propensity", "request_hash", "value_hash"),
]


def arguments(parser: Any) -> None:
    filters = "[--function GLOB] [--model GLOB] [--target TARGET] [--since TIME] [--failed] [--run ID]"
    parser.usage = "\n       ".join(
        [
            f"rtfs logs [-n N] {filters} [--json]",
            "rtfs logs show ID [--json]",
            f"rtfs logs export FILE.jsonl|FILE.csv|- {filters}",
            "rtfs logs outcome ID right|wrong|VALUE [--json]",
            "rtfs logs outcome FILE|- [--json]",
            f"rtfs logs calibrate [--method auto|platt|isotonic] [--least N] {filters} [--json]",
            "rtfs logs clear",
            "rtfs logs path",
        ]
    )
    parser.add_argument("words", nargs="*", metavar="show|export|outcome|calibrate|clear|path", help="list when left out")
    parser.add_argument("-n", type=int, default=20, metavar="N", dest="count", help="so many of the last calls (20)")
    parser.add_argument("--function", metavar="GLOB", help="of these functions")
    parser.add_argument("--model", metavar="GLOB", help="of these models")
    parser.add_argument("--target", metavar="TARGET", help="local, remote, body, or one target: remote:gpt-4o-mini")
    parser.add_argument("--since", metavar="TIME", help="not older")
    parser.add_argument("--failed", action="store_true", help="only those that no model answered")
    parser.add_argument("--run", metavar="ID", help="of one run; the beginning of its id is enough")
    parser.add_argument("--method", choices=("auto", "platt", "isotonic"), default="auto", help="calibrate: how (auto)")
    parser.add_argument("--least", type=int, metavar="N", help="calibrate: outcomes without which nothing is fitted (30)")
    parser.add_argument("--log", metavar="FILE", help="another log than that of the state folder")
    add_output(parser)


def execute(options: Any, terminal: Terminal) -> int:
    action, *rest = options.words or ["list"]
    path = options.log or log_path(terminal.environ)
    if options.log and not os.path.isfile(options.log):
        raise ConfigError(f"--log: there is no file {options.log}", hint="`rtfs logs path` says which one is shown without --log")
    if action == "list" and not rest:
        return list_calls(path, options, terminal)
    if action == "show" and len(rest) == 1 and rest[0].isdecimal():
        return show(path, int(rest[0]), options, terminal)
    if action == "export" and len(rest) == 1:
        return export(path, rest[0], options, terminal)
    if action == "outcome" and len(rest) in (1, 2):
        from rtfs.cli.outcomes import note

        return note(path, rest, options, terminal)
    if action == "calibrate" and not rest:
        from rtfs.cli.outcomes import calibrate

        return calibrate(path, selection(options), options, terminal)
    if action == "clear" and not rest:
        return clear(path, terminal)
    if action == "path" and not rest:
        terminal.result(path)
        return 0
    misused(options, "logs", ACTIONS, options.words)


def selection(options: Any) -> Selection:
    """
    Raises:
        ConfigError: a filter does not make sense.
    """
    from rtfs.delegation.log_queries import Selection, point_in_time

    since = None if options.since is None else point_in_time(options.since, time.time())
    return Selection(
        function=options.function, model=options.model, target=options.target, run=options.run, since=since, failed=options.failed
    )


# --- list and show ---------------------------------------------------------------------------


def list_calls(path: str, options: Any, terminal: Terminal) -> int:
    if options.count < 1:
        raise ConfigError(f"-n is {options.count}; it is a number of calls, 1 or more")
    entries = selection(options).last(path, options.count)
    if options.json:
        for entry in entries:
            terminal.result(json_line(entry.to_dict()))
    else:
        for line in table([line_of(entry) for entry in entries]):
            terminal.result(line)
        if not entries:
            terminal.note("rtfs: no such call is in the log" if os.path.exists(path) else "rtfs: no calls have been logged yet")
    return 0


def line_of(entry: Entry) -> list[str]:
    record = entry.record
    who = record["model"] or "-"
    if record["source"] == "code":
        who = record["answered_by"] or who
    elif record["source"] != "model":
        who = f"{who}: {record['error_kind']}"
    return [
        str(entry.id),
        time_text(record["started"]),
        shown(record["function"]),
        {"model": "ok", "code": "code", "body": "own body", "none": "failed"}.get(record["source"], record["source"])
        if not record["body_error"]
        else "failed",
        shown(who),
        seconds_text(record["latency_s"]),
        f"{tokens(record)} tok",
        cost_text(record["cost_usd"]),
        "  ".join(filter(None, (sureness_text(record), record["outcome"], record["cache"] and f"from {record['cache']}"))),
    ]


def table(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def show(path: str, number: int, options: Any, terminal: Terminal) -> int:
    from rtfs.delegation.log_queries import entry

    found = entry(path, number)
    if found is None:
        raise ConfigError(f"no call {number} is in the log", hint="`rtfs logs` lists the last ones; the oldest are deleted in time")
    if options.json:
        terminal.result(json_line(found.to_dict()))
        return 0
    for name, text in facts(found):
        terminal.result(f"{name:<10}  {shown(text)}")
    return 0


def facts(entry: Entry) -> list[tuple[str, str]]:
    """(what, its text) of one record, without what is not known."""
    record = entry.record
    decision = record["decision"] or {}
    lines: list[tuple[str, Any]] = [
        ("call", f"{entry.id} of run {entry.run}, {time_text(record['started'])}"),
        ("function", record["function"]),
        ("decision", decision.get("target")),
        ("why", decision.get("reasoning")),
        ("engine", decision.get("engine")),
        ("confidence", f"{decision['confidence']:.3g} of the decision" if decision.get("confidence") is not None else None),
        ("propensity", decision.get("propensity") if decision.get("propensity", 1.0) != 1.0 else None),
        ("fallbacks", ", ".join(decision.get("fallbacks", []))),
        ("planned", planned_text(record.get("planned"))),
        ("tags", ", ".join([tag for tag in record["tags"] if isinstance(tag, str)])),
    ]
    for other in decision.get("alternatives", []):
        score = f", score {other['score']:.3g}" if other["score"] is not None else ""
        lines.append(("considered", f"{other['target']}{score}{', rejected: ' + other['rejected'] if other['rejected'] else ''}"))
    for attempt in record["attempts"]:
        lines.append(("attempt", attempt_text(attempt)))
    for use in record.get("tools", []):  # records of earlier versions have none
        lines.append(("called", f"{use['name']}: {use['outcome']}, {seconds_text(use['latency_s'])}"))
    who = f"{record['answered_by']}"
    sources = {"model": who, "code": who, "body": "the function's own body", "none": "nobody"}
    lines += [
        ("answer by", sources.get(record["source"], record["source"])),
        ("cache", record["cache"]),
        ("error", f"{record['error']} ({record['error_kind']})" if record["error"] is not None else None),
        ("body error", record["body_error"]),
        ("repairs", ", ".join(record["repairs"])),
        ("latency", seconds_text(record["latency_s"])),
        ("tokens", f"{tokens(record)}"),
        ("cost", cost_text(record["cost_usd"])),
        ("sureness", sureness_text(record) or None),
        ("outcome", record["outcome"]),
        ("arguments", record.get("arguments")),
        ("value", record.get("value")),
        ("request", record.get("request_hash")),
        ("value hash", record.get("value_hash")),
    ]
    return [(name, str(text)) for name, text in lines if text not in (None, "")]


def planned_text(planned: dict[str, Any] | None) -> str:
    if planned is None:
        return ""
    confidence = "" if planned["confidence"] is None else f"confidence {planned['confidence']:.3g}"
    return ", ".join(filter(None, (planned["source"] and f"by {planned['source']}", confidence, planned["reasoning"])))


def attempt_text(attempt: dict[str, Any]) -> str:
    parts = [f"{attempt['target']}: {attempt['outcome']}"]
    if attempt["latency_s"]:
        parts.append(f"after {seconds_text(attempt['latency_s'])}")
    if attempt["prompt_tokens"] is not None or attempt["completion_tokens"] is not None:
        parts.append(f"{attempt['prompt_tokens'] or 0} + {attempt['completion_tokens'] or 0} tokens")
    if attempt["problem"]:
        parts.append(attempt["problem"])
    elif sureness_text(attempt):
        parts.append(sureness_text(attempt))
    return ", ".join(parts)


def tokens(record: dict[str, Any]) -> int:
    return sum((a["prompt_tokens"] or 0) + (a["completion_tokens"] or 0) for a in record["attempts"])


def time_text(seconds: float) -> str:
    """Local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def seconds_text(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def cost_text(usd: float | None) -> str:
    return "$ ?" if usd is None else "$0" if usd == 0 else f"${usd:.4g}"


def sureness_text(record: dict[str, Any]) -> str:
    """A number that was fitted to outcomes is a confidence, any other one a score."""
    if record.get("confidence") is not None:
        return f"confidence {record['confidence']:.2f}"
    return f"score {record['score']:.2f}" if record["score"] is not None else ""


def shown(text: str) -> str:
    """One line that does nothing to the terminal."""
    return "".join([c if c.isprintable() else " " for c in text])


# --- export, clear ---------------------------------------------------------------------------


def export(path: str, name: str, options: Any, terminal: Terminal) -> int:
    if name != "-" and not name.endswith((".jsonl", ".csv")):
        options.misuse(f"export to which form? {name} should end in .jsonl or .csv")
    entries = selection(options).entries(path)
    if name == "-":
        for entry in entries:
            terminal.result(json_line(entry.to_dict()))
        return 0
    unfinished = f"{name}.{os.getpid()}.part"
    count = 0
    try:
        with open(unfinished, "x", encoding="utf-8", errors="backslashreplace", newline="") as file:
            os.chmod(unfinished, 0o600)
            count = (write_csv if name.endswith(".csv") else write_jsonl)(entries, file)
        os.replace(unfinished, name)
    except OSError as error:
        hint = "name another place, or - for standard output"
        raise ConfigError(f"cannot write {name}: {error.strerror or error}", hint=hint) from error
    finally:
        if os.path.exists(unfinished):
            os.unlink(unfinished)
    terminal.note(f"rtfs: {count:,} {'call' if count == 1 else 'calls'} written to {name}")
    return 0


def write_jsonl(entries: Iterable[Entry], file: Any) -> int:
    count = 0
    for entry in entries:
        write(file, json_line(entry.to_dict()) + "\n")
        count += 1
    return count


def write_csv(entries: Iterable[Entry], file: Any) -> int:
    from csv import writer

    rows = writer(file)
    rows.writerow(_CSV)
    count = 0
    for entry in entries:
        record = entry.record
        decision = record["decision"] or {}
        attempts = record["attempts"]
        values = {
            **{name: decision.get(name) for name in ("engine", "reasoning", "propensity")},
            **entry.to_dict(),
            "attempts": len(attempts),
            "prompt_tokens": sum(a["prompt_tokens"] or 0 for a in attempts),
            "completion_tokens": sum(a["completion_tokens"] or 0 for a in attempts),
        }
        rows.writerow([cell(values.get(name)) for name in _CSV])
        count += 1
    return count


def cell(value: Any) -> Any:
    """A spreadsheet takes a text that begins like this for a formula (https://owasp.org/www-community/attacks/CSV_Injection)."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def clear(path: str, terminal: Terminal) -> int:
    from rtfs.delegation.log_file import LogFile

    count = 0
    if os.path.exists(path):
        file = LogFile(path, notice=lambda text: terminal.note(f"rtfs: {text}"))
        count = file.clear()
        file.close()
    terminal.note(f"rtfs: {count:,} {'record' if count == 1 else 'records'} of calls removed")
    return 0
