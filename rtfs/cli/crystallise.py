"""Turn a function that asks a model into code, from what the model has answered.

rtfs crystallise FN --file PROGRAM   learn from the log, verify on answers that were held out, and publish
rtfs crystallise FN --file PROGRAM --model ID
                                     the same, and have a model write code too; it sees some of the records
rtfs crystallise --list              the code that was published, and how it fares
rtfs crystallise --status FN         the same for one function

The log has to be a full one: RTFS_LOG=full keeps the arguments of calls. Published code answers what it is sure of and leaves
the rest to the model; some of its answers are compared with the model's, and when it agrees too rarely it is used no more. What a
model of --model writes is only ever run in the sandbox; it is told what was wrong and asked again, --tries times in all. Records of
private functions are shown to no model behind an API. --show-request shows what it would be asked.
"""

from __future__ import annotations

import os
import time

from rtfs.cli import code_author
from rtfs.cli.options import add_output, add_path, analysis_runtime, folder_of, read_program
from rtfs.cli.terminal import json_line
from rtfs.errors import ConfigError
from rtfs.folders import config_folder, log_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.caching.code.entries import CodeEntry
    from rtfs.caching.code.store import CodeState, CodeStore
    from rtfs.cli.terminal import Terminal
    from rtfs.delegation.crystallise.authoring import Written
    from rtfs.delegation.crystallise.crystallising import Outcome, Subject


def arguments(parser: Any) -> None:
    parser.usage = "\n       ".join(
        [
            "rtfs crystallise FN --file PROGRAM [--agreement P] [--model ID] [options]",
            "rtfs crystallise --list [--json]",
            "rtfs crystallise --status FN [--json]",
        ]
    )
    parser.add_argument("words", nargs="*", metavar="FN", help="the function, as the program calls it")
    parser.add_argument("--file", default=None, metavar="PROGRAM", help="the program that defines it")
    parser.add_argument("--agreement", type=float, default=0.95, metavar="P", help="how often code has to agree (0.95)")
    parser.add_argument(
        "--confidence", type=float, default=0.95, metavar="P", help="how sure that has to be, after what was held out (0.95)"
    )
    parser.add_argument("--least", type=int, default=100, metavar="N", help="answers of the model that there have to be (100)")
    parser.add_argument("--sample", type=float, default=0.02, metavar="P", help="calls that are also asked of the model (0.02)")
    code_author.arguments(parser)
    parser.add_argument("--since", default=None, metavar="TIME", help="answers not older: 7d, 2026-11-20 (since code was demoted)")
    parser.add_argument("--log", default=None, metavar="FILE", help="a log of calls (that of rtfs logs)")
    parser.add_argument("--output", "-o", default=None, metavar="OUT", help="write the code to a file, published or not")
    parser.add_argument("--dry-run", action="store_true", help="publish nothing (a model is asked all the same)")
    parser.add_argument("--list", action="store_true", help="what was published")
    parser.add_argument("--status", action="store_true", help="how the code of one function fares")
    add_path(parser)
    add_output(parser)


def execute(options: Any, terminal: Terminal) -> int:
    if options.list or options.status:
        if len(options.words) != int(options.status) or options.file is not None:
            options.misuse("--list takes no function, --status one")
        return show(options.words[0] if options.status else None, options, terminal)
    if len(options.words) != 1 or options.file is None:
        options.misuse("give one FN, and --file PROGRAM")
    for name in ("agreement", "confidence"):
        if not 0.5 <= getattr(options, name) < 1:
            raise ConfigError(f"--{name} is a number from 0.5 to 1, without 1: nothing is certain")
    if not 0 <= options.sample <= 1:
        raise ConfigError("--sample is a number from 0 to 1")
    return crystallise(options.words[0], options, terminal)


def crystallise(name: str, options: Any, terminal: Terminal) -> int:
    from rtfs.delegation.crystallise.crystallising import crystallise, subject_of
    from rtfs.delegation.crystallise.induction import Aim
    from rtfs.delegation.log_queries import Selection

    source = read_program(options.file, terminal)
    inspector = analysis_runtime(folder_of(options.file), options, terminal, optimization="aggressive")
    subject = subject_of(inspector, source, name)
    path = options.log or log_path(terminal.environ)
    before, since = _before(subject, options, terminal)
    records = [entry.record for entry in Selection(function=_exactly(name), since=since).entries(path)]
    aim = Aim(options.agreement, options.confidence)
    writer = None if options.model is None else code_author.CodeAuthor(subject, folder_of(options.file), options, terminal)
    try:
        if options.show_request:
            return _show_request(writer, subject, records, options, terminal)
        author = None if writer is None else writer.author
        outcome = crystallise(inspector, subject, records, aim, least=options.least, author=author)
        spent = None if writer is None else writer.spent()
    finally:
        if writer is not None:
            writer.close()
    text = None if outcome.candidate is None else outcome.candidate.text
    if text is None and outcome.written is not None:  # for whoever wants to put it right
        text = next((one.text for one in reversed(outcome.written.tries) if one.text), None)
    if options.output is not None and text is not None:
        from rtfs.cli.compile import write_file

        write_file(options.output, text.encode("utf-8"))
    key = None
    if outcome.entry is not None and not options.dry_run:
        from rtfs.caching.code.signing import own_signer

        store = opened(terminal)
        signer = own_signer(config_folder(terminal.environ))
        outcome = outcome.replace(entry=with_embedding(outcome.entry, terminal))
        assert outcome.entry is not None
        key = store.put(outcome.entry, signer, sampling=options.sample, level=options.agreement)
        store.close()
    if before is not None:
        terminal.note(f"rtfs: {before}")
    document = {**_document(outcome, key), "asked": None if spent is None else _asked(options.model, outcome, spent)}
    terminal.result(json_line(document) if options.json else _report(name, outcome, key, options, spent))
    return 0 if outcome.entry is not None else 1


def _show_request(writer: Any, subject: Any, records: list[Any], options: Any, terminal: Terminal) -> int:
    """Show what a model would be asked first, instead of asking it."""
    from rtfs.delegation.crystallise.authoring import opening
    from rtfs.delegation.crystallise.crystallising import too_few
    from rtfs.delegation.crystallise.samples import samples_of
    from rtfs.errors import DelegationError

    if writer is None:
        raise ConfigError("--show-request shows what a model would be asked: give --model ID too")
    samples = samples_of(subject.function, subject.look_up, records)
    question, _, withheld = opening(writer.author, subject.function, subject.types, samples)
    if len(samples.traffic) < options.least or question is None:
        why = "all recorded calls are private" if withheld else too_few(samples, options.least)
        terminal.note(f"rtfs: nothing would be asked: {why}")
        return 1
    try:
        writer.ask(question)
    except DelegationError:
        if not writer.shown:
            raise
    return 0


def _before(subject: Subject, options: Any, terminal: Terminal) -> tuple[str | None, float | None]:
    """What became of earlier code for the function, and the time from which records count: when it was demoted, what the model had
    answered up to then was what it answers no more."""
    from rtfs.delegation.log_queries import point_in_time

    since = None if options.since is None else point_in_time(options.since, time.time())
    task = subject.function.task
    demoted = [] if task is None else [one for _, one in states(terminal, f"task:{task.hex()}") if one.status == "demoted"]
    state = max(demoted, key=lambda state: state.demoted_s, default=None)
    if state is None:
        return None, since
    note = f"the code before it was demoted: {state.why}"
    if since is not None:
        return note, since
    return f"{note}; answers from before {_moment(state.demoted_s)} are left out, --since takes others", state.demoted_s


def _exactly(name: str) -> str:
    """A pattern that fits a name and nothing else."""
    return "".join([f"[{sign}]" if sign in "*?[" else sign for sign in name])


def _report(name: str, outcome: Outcome, key: bytes | None, options: Any, spent: dict[str, Any] | None) -> str:
    samples = outcome.samples
    lines = [f"{name}: {len(samples.traffic):,} answers of a model, {len(samples.distinct):,} different questions"]
    if samples.self_agreement is not None:
        lines.append(f"asked the same again, the model gives its usual answer in {samples.self_agreement:.1%}")
    if outcome.written is not None:
        lines += _tries(options.model, outcome.written)
    if spent is not None:
        lines.append(code_author.spent_line(options.model, spent))
    candidate = outcome.candidate
    if candidate is not None:
        expected = f"expected to answer {candidate.coverage:.0%} of the questions, {candidate.agreement:.1%} of them"
        lines.append(f"{candidate.kind}: {expected} as the model would")
    if outcome.verification is not None:
        lines.append(f"held out: {outcome.verification}")
    if outcome.problem:
        lines.append(f"not published: {outcome.problem}")
    elif key is None:
        lines.append("not published: --dry-run")
    elif outcome.entry is not None:
        lines.append(f"published as {outcome.entry.content.hex()}; {options.sample:.0%} of its calls are also asked of the model")
    return "\n".join(lines)


def _tries(model: str, written: Written) -> list[str]:
    """What came of each time that a model was asked."""
    lines = [f"{model}, try {i}: {one.problem or 'expected to do'}" for i, one in enumerate(written.tries, 1)]
    if written.withheld:
        lines.append(f"{model}: was not shown {written.withheld:,} answers to private calls")
    if written.stopped:
        lines.append(f"{model}: {written.stopped}")
    return lines


def _asked(model: str, outcome: Outcome, spent: dict[str, Any]) -> dict[str, Any]:
    written = outcome.written
    tries = [] if written is None else [one.problem or None for one in written.tries]
    return {"model": model, "tries": tries, "stopped": (written.stopped or None) if written is not None else None, **spent}


def _document(outcome: Outcome, key: bytes | None) -> dict[str, Any]:
    samples, candidate, found = outcome.samples, outcome.candidate, outcome.verification
    return {
        "answers": len(samples.traffic),
        "questions": len(samples.distinct),
        "records": {field: getattr(samples, field) for field in ("records", *_LEFT_OUT)},
        "self_agreement": samples.self_agreement,
        "candidate": None if candidate is None else candidate.kind,
        "expected": None if candidate is None else {"coverage": candidate.coverage, "agreement": candidate.agreement},
        "held_out": None if found is None else {**found.to_plain(), "bound": found.bound},
        "hash": None if outcome.entry is None else outcome.entry.content.hex(),
        "published": key is not None,
        "problem": outcome.problem or None,
    }


_LEFT_OUT = ("without_arguments", "of_other_versions", "not_by_models", "unreadable", "repeated", "unclear")


def with_embedding(entry: CodeEntry, terminal: Terminal) -> CodeEntry:
    """The entry with the embedding of its task, where MiniLM is installed: it is then found for a task in other words too."""
    from rtfs.caching.code.meaning import installed_meaning
    from rtfs.caching.code.retrieval import normalised, vector_bytes
    from rtfs.models.weights import default_data_dir

    meaning = installed_meaning(default_data_dir(terminal.environ))
    if meaning is None:
        return entry
    made: CodeEntry = entry.replace(embedding=(meaning.name, vector_bytes(meaning.embed(normalised(entry.text)))))
    return made


# --- what was published ---


def opened(terminal: Terminal) -> CodeStore:
    """The code of the user."""
    from rtfs.caching.code.opening import code_path, open_code

    return open_code(code_path(terminal.environ), terminal.environ, lambda text: terminal.note(f"rtfs: {text}"))


def states(terminal: Terminal, tag: str | None = None) -> list[tuple[bytes, CodeState]]:
    """(key, state) of what was published; the file is not made for the question."""
    from rtfs.caching.code.opening import code_path

    path = code_path(terminal.environ)
    folder = os.path.dirname(path)
    if not os.path.exists(path) and (os.path.isdir(folder) or not os.path.exists(folder)):  # else opening it says what is there
        return []
    store = opened(terminal)
    try:
        return store.states(tag)
    finally:
        store.close()


def show(name: str | None, options: Any, terminal: Terminal) -> int:
    found = [(key, state) for key, state in states(terminal) if name is None or state.name == name]
    for _, state in found:
        if options.json:
            terminal.result(json_line(state.to_dict()))
        else:
            for line in state_lines(state, long=name is not None):
                terminal.result(line)
    if not found and not options.json:
        terminal.note("rtfs: nothing was published" if name is None else f"rtfs: no code was published for {name}")
    return 0 if found or name is None else 1


def state_lines(state: CodeState, *, long: bool) -> list[str]:
    """How an entry fares, in a line or in several."""
    from rtfs.caching.code.bounds import lower_bound, upper_bound

    drift = state.drift
    line = f"{state.content[:16]}  {state.status:<7}  {state.name}  {state.uses:,} answered, {state.abstained:,} left to the model"
    if not long:
        return [line]
    lines = [line, f"  {state.text}", f"  published {_moment(state.created_s)}, last used {_moment(state.used_s)}"]
    if state.failed:
        lines.append(f"  {state.failed:,} errors of its own")
    if drift.checks:
        low, high = lower_bound(drift.agreed, drift.checks), upper_bound(drift.agreed, drift.checks)
        share = f"{drift.agreed:,} of {drift.checks:,} ({low:.1%} to {high:.1%})"
        lines.append(f"  checks: agreed with the model in {share}, wanted {drift.level:.0%}")
    else:
        lines.append(f"  not checked yet; {state.sampling:.0%} of its calls are also asked of the model")
    if state.why:
        lines.append(f"  not used any more since {_moment(state.demoted_s)}: {state.why}")
    return lines


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds else "never"
