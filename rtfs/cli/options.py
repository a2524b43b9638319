"""Options that several commands share, and the runtime they describe."""

from __future__ import annotations

import os

from rtfs.cli.cache_options import add_caching, answer_caches, compile_cache, published_code
from rtfs.config import DEFAULT_IN_FLIGHT, DEFAULT_STRATEGY, OPTIMIZATION_LEVELS, STRATEGIES, Limits
from rtfs.errors import ConfigError, nearest
from rtfs.program_files import program_of, read_file, text_of
from rtfs.runtime import Runtime
from rtfs.source import Artefact, Source, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.errors import AnalysisError

#: What a program started from the command line may do besides: read files of its own folder and those it was given by name.
FILE_ALLOW = ("io.read-*", "io.file-exists", "io.open", "io.read")
WRITE_ALLOW = ("io.write-*",)
#: How long the macros of a program may take when it is only looked at.
ANALYSIS_SECONDS = 20.0


def add_running(parser: Any, *, level: str = "aggressive") -> None:
    """Permissions, limits and models of a program that runs; `level`: of optimization, unless another one is given."""
    rights = parser.add_argument_group("permissions")
    rights.add_argument(
        "--allow", action="append", default=[], metavar="WHAT", help="capabilities: io.write-file, io.*, or an effect, :network"
    )
    rights.add_argument("--deny", action="append", default=[], metavar="WHAT", help="the same, forbidden; wins over --allow")
    rights.add_argument("--allow-read", action="append", default=[], metavar="DIR", help="a further folder with files to read")
    rights.add_argument("--allow-write", action="append", default=[], metavar="DIR", help="a folder in which files may be written")
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-depth", type=int, default=None, metavar="N", help="calls inside one another (100000)")
    limits.add_argument("--max-steps", type=int, default=None, metavar="N", help="calls and turns of loops (no limit)")
    limits.add_argument("--timeout", type=float, default=None, metavar="SECONDS", help="wall time (no limit)")
    limits.add_argument(
        "--max-memory", type=memory_size, default=None, metavar="SIZE", help="growth of memory: 500MB, 2GiB (no limit)"
    )
    limits.add_argument(
        "--budget", default=None, metavar="LIMITS", help="for delegated calls: usd=0.50,tokens=20000,calls=50,seconds=60 (no limit)"
    )
    limits.add_argument(
        "--max-in-flight",
        type=in_flight,
        action="append",
        default=[],
        metavar="[NAME=]N",
        help=f"requests to models at once ({DEFAULT_IN_FLIGHT}); with NAME those to a provider or target: kimi=20, local:smollm2=1",
    )
    add_path(parser)
    parser.add_argument(
        "--policy", default=None, metavar="FILE", help="where calls go (RTFS_POLICY, or delegation.toml beside the program)"
    )
    parser.add_argument("--env", default=None, metavar="NAME", help="whose overlay of the policy holds (RTFS_ENV)")
    parser.add_argument("--tenant", default="", metavar="NAME", help="on whose behalf the program runs, for the policy")
    parser.add_argument("--no-models", action="store_true", help="ask no model: delegated calls become host calls `model-call:ID`")
    parser.add_argument("--no-log", action="store_true", help="keep no records of delegated calls (RTFS_LOG=off)")
    strategies = "the evaluator: ir compiles, tree walks the program"
    parser.add_argument("--strategy", choices=STRATEGIES, default=DEFAULT_STRATEGY, help=strategies)
    parser.add_argument("--no-native", action="store_true", help="no machine code for functions of numbers")
    add_optimization(parser, level)
    add_caching(parser)
    parser.add_argument("--quiet", "-q", action="store_true", help="no progress of delegated calls")


def in_flight(text: str) -> tuple[str, int]:
    """What `16` or `kimi=20` stands for: a name, which may be empty, and a number.

    Raises:
        ArgumentTypeError: it stands for none.
    """
    from argparse import ArgumentTypeError

    name, _, number = text.rpartition("=")
    try:
        return name, int(number)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no number of requests; write one like 16, or kimi=20") from None


_UNITS = {"": 1, "B": 1} | {
    prefix + ending: base**power for power, prefix in enumerate("KMGT", 1) for ending, base in (("B", 1000), ("IB", 1024))
}


def memory_size(text: str) -> int:
    """The bytes that `500MB`, `1.5GiB` or `1000000` stands for.

    Raises:
        ArgumentTypeError: it stands for none.
    """
    from argparse import ArgumentTypeError

    number = text.rstrip("BIKMGTbikmgt")
    unit = text[len(number) :].upper()
    try:
        if unit not in _UNITS:
            raise ValueError
        return int(float(number) * _UNITS[unit])
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"{text!r} is no size; write one like 500MB, 2GiB, or a number of bytes") from None


def add_optimization(parser: Any, level: str = "aggressive") -> None:
    """What the compiled evaluator does to a program before it runs."""
    parser.add_argument(
        "--opt-level", choices=OPTIMIZATION_LEVELS, default=level, help=f"how much --strategy ir optimises ({level})"
    )
    parser.add_argument("--optimization-report", action="store_true", help="what the optimiser's passes did, at the end")


def add_path(parser: Any) -> None:
    parser.add_argument("--path", action="append", default=[], metavar="DIR", help="a further folder with modules to import")


def add_expressions(parser: Any) -> None:
    """One program, a file or expressions; see `given_program`."""
    parser.add_argument("words", nargs="*", metavar="FILE", help="the program, or - for standard input")
    parser.add_argument("-e", dest="expressions", action="append", default=[], metavar="EXPR", help="source instead of a file")


def add_output(parser: Any) -> None:
    parser.add_argument("--json", action="store_true", help="results as JSON lines; errors as JSON objects on standard error")


def add_checking(parser: Any) -> None:
    """What is looked at before a program runs."""
    parser.add_argument(
        "--check",
        nargs="?",
        const="warning",
        choices=("warning", "error"),
        help="look for problems before anything runs, as `rtfs check` does, and show them as warnings; --check=error: do not run a "
        "program with an error",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="do not run a program with an error, or with a name that is not bound: implies --check",
    )


def make_runtime(
    options: Any,
    terminal: Terminal,
    *,
    folder: str = ".",
    read: list[str] | None = None,
    context: dict[str, Any] | None = None,
    stdout: Any = None,
) -> Runtime:
    """The runtime that the options of `add_running` describe; its notes go to the terminal.

    Args:
        folder: the program's: where its modules are.
        read: folders and files that it may read; its folder when None.
        context: values the program reads as `@name`.
        stdout: where the program prints, when that is not the terminal's standard output.
    Raises:
        ConfigError: an option does not make sense.
    """
    defaults = Limits()
    limits = Limits(
        max_depth=defaults.max_depth if options.max_depth is None else options.max_depth,
        max_steps=options.max_steps,
        timeout_s=options.timeout,
        max_memory_bytes=options.max_memory,
    )
    at_once = dict(options.max_in_flight)
    least = min(at_once.values(), default=None)
    for name, value in (("--max-depth", limits.max_depth), ("--max-steps", limits.max_steps), ("--timeout", limits.timeout_s),
                        ("--max-memory", limits.max_memory_bytes), ("--max-in-flight", least)):  # fmt: skip
        if value is not None and not value > 0:  # NaN is not either
            raise ConfigError(f"{name} is {value:g}; it must be positive", hint="leave it out for the usual limit, or none")
    for option in ("allow_read", "allow_write", "path"):
        for name in getattr(options, option):
            if not os.path.isdir(name):
                raise ConfigError(f"--{option.replace('_', '-')}: {name} is not a folder", hint="name one that is there")
    budget = None
    if options.budget is not None:
        from rtfs.delegation.allowance import parse_allowance

        budget = parse_allowance(options.budget)
    runtime = Runtime(
        strategy=options.strategy,
        native=not options.no_native,
        optimization=options.opt_level,
        cache=compile_cache(options, terminal),
        caches=None if options.no_models else answer_caches(options, terminal),
        code=None if options.no_models else published_code(options, terminal),
        log=wants_log(options, terminal) and not getattr(options, "dry_run", False),
        metrics=None if getattr(options, "dry_run", False) else metrics_of(terminal),
        allow=[*FILE_ALLOW, *(WRITE_ALLOW if options.allow_write else ()), *(_pattern(p) for p in options.allow)],
        deny=[_pattern(p) for p in options.deny],
        read=_unique([*([folder] if read is None else read), *options.allow_read]),
        write=options.allow_write,
        limits=limits,
        budget=budget,
        max_in_flight=at_once.pop("", DEFAULT_IN_FLIGHT),
        max_in_flight_by=at_once,
        policy=None if options.no_models else policy_of(folder, options, terminal),
        environment=terminal.environ.get("RTFS_ENV", "") if options.env is None else options.env,
        tenant=options.tenant,
        models=None if options.no_models else "default",
        module_path=_unique([folder, ".", *options.path]),
        stdout=stdout or terminal.stdout,
        stderr=terminal.stderr,
        environ=terminal.environ,
        context=context,
        on_warning=lambda message, span: terminal.note(note_text(message, span)),
    )
    if options.optimization_report:
        from rtfs.cli.report import want_report

        want_report(runtime)
    _check_patterns(runtime, [*options.allow, *options.deny])
    return runtime


def policy_of(folder: str, options: Any, terminal: Terminal) -> str | None:
    """The policy file of a program: as given, or as it is found beside it; None when there is none.

    Raises:
        ConfigError: what is named is no file.
    """
    if options.policy is not None:
        if options.policy and not os.path.isfile(options.policy):
            raise ConfigError(f"--policy: there is no file {options.policy}", hint="--policy '' means none")
        return options.policy or None
    if not terminal.environ.get("RTFS_POLICY") and not any(os.path.isfile(os.path.join(folder, name)) for name in _POLICY_FILES):
        return None  # most programs have none, and need not load what looks for it
    from rtfs.delegation.policy.files import find_policy

    return find_policy(folder, terminal.environ)


#: As in `delegation.policy.files`.
_POLICY_FILES = ("delegation.toml", "rtfs.toml")


def wants_log(options: Any, terminal: Terminal) -> bool:
    """Whether delegated calls leave records in the log.

    Raises:
        ConfigError: `RTFS_LOG` is none of its words.
    """
    wanted = terminal.environ.get("RTFS_LOG") or "on"
    if wanted not in ("on", "off", "full"):
        raise ConfigError(
            f"RTFS_LOG is {wanted!r}",
            hint="choose from: on, off, full (arguments and values too); RTFS_STATE_DIR names the folder",
        )
    return wanted != "off" and not options.no_log


def metrics_of(terminal: Terminal) -> Any:
    """What sends metrics of delegated calls to a collector; None when `RTFS_METRICS` is not `on`.

    Raises:
        ConfigError: `RTFS_METRICS` is neither `on` nor `off`, or the extra `otel` is not installed.
    """
    wanted = terminal.environ.get("RTFS_METRICS") or "off"
    if wanted not in ("on", "off"):
        hint = "choose from: on, off; OTEL_EXPORTER_OTLP_ENDPOINT names the collector"
        raise ConfigError(f"RTFS_METRICS is {wanted!r}", hint=hint)
    if wanted == "off":
        return None
    from rtfs.delegation.metrics import Metrics

    return Metrics.exporting()


def analysis_runtime(
    folder: str,
    options: Any,
    terminal: Terminal,
    *,
    optimization: str | None = None,
    timeout_s: float | None = ANALYSIS_SECONDS,
) -> Runtime:
    """A runtime for looking at a program without running it. A macro that does not come to an end is stopped.

    Args:
        optimization: the level at which it is looked at as compiled code.
        timeout_s: how long that may take.
    """
    from io import StringIO

    nowhere = StringIO()
    return Runtime(
        strategy="tree" if optimization is None else "ir",
        optimization=optimization or "none",
        limits=Limits(timeout_s=timeout_s),
        models=None,
        module_path=_unique([folder, ".", *options.path]),
        stdout=nowhere,
        stderr=nowhere,
        environ=terminal.environ,
        context={"args": [], "program-dir": folder},
        on_warning=lambda message, span: None,
    )


def _unique(names: list[str]) -> list[str]:
    return list(dict.fromkeys([name or "." for name in names]))


def note_text(message: str, span: Span | None) -> str:
    text = message if message.startswith("rtfs: ") else f"rtfs: {message}"
    return f"{text}\n  --> {span}" if span is not None else text


def _pattern(text: str) -> str:
    """`:io.read-file` is the id as programs write it, `:network` an effect."""
    return text[1:] if text.startswith(":") and "." in text else text


def _check_patterns(runtime: Runtime, patterns: list[str]) -> None:
    """
    Raises:
        ConfigError: a pattern that matches nothing is a slip, and with --deny a dangerous one.
    """
    if not patterns:
        return
    from fnmatch import fnmatchcase

    from rtfs.capabilities.registry import canonical

    capabilities = runtime.capabilities.all()
    ids = [capability.name for capability in capabilities]
    effects = sorted({effect for capability in capabilities for effect in capability.effects})
    for text in patterns:
        pattern = canonical(_pattern(text))
        if pattern.startswith(":"):
            known = [f":{effect}" for effect in effects]
            found = pattern in known
        else:
            known = ids
            found = pattern.startswith("model-call:") or any(fnmatchcase(name, pattern) for name in ids)
        if not found:
            close = nearest(pattern, known)
            hint = f"did you mean {close[0]}?" if close else "`rtfs caps` lists capabilities and effects"
            raise ConfigError(f"no capability matches {text}", hint=hint)


def read_program(name: str, terminal: Terminal) -> Source:
    """The source of a file, or of standard input when the name is `-`.

    Raises:
        ConfigError: it cannot be read, or is a compiled program; ParseError: it is not UTF-8 text.
    """
    return text_of(read_runnable(name, terminal))


def read_runnable(name: str, terminal: Terminal) -> Source | Artefact:
    """The same, compiled programs too."""
    if name != "-":
        return read_file(name)
    stream = getattr(terminal.stdin, "buffer", None)
    if stream is None:
        return Source("<stdin>", terminal.stdin.read())
    return program_of("<stdin>", stream.read())


def given_program(options: Any, terminal: Terminal) -> tuple[Source, str]:
    """(source, its folder) of what `add_expressions` lets a user name.

    Raises:
        SystemExit: it is not one; ConfigError, ParseError: as in `read_program`.
    """
    if len(options.words) + bool(options.expressions) != 1:
        options.misuse("give one FILE, or expressions with -e")
    if options.expressions:
        return Source("<eval>", "\n".join(options.expressions)), "."
    return read_program(options.words[0], terminal), folder_of(options.words[0])


def folder_of(name: str) -> str:
    return "." if name == "-" else os.path.dirname(name) or "."


def split_problems(problems: Sequence[AnalysisError]) -> tuple[list[AnalysisError], list[AnalysisError]]:
    """(errors, warnings)"""
    from rtfs.checker.problems import WARNINGS

    return [p for p in problems if p.kind not in WARNINGS], [p for p in problems if p.kind in WARNINGS]
