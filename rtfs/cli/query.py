"""Ask a model one thing.

The answer is text, or with --type a value of that type: `--type '[:enum "calm" "angry"]'`. PROMPT says what is to be done; --input
is the text that it is done with, and is marked as data for the model. A policy's limits, budgets and the log of calls hold as for
a program. On a screen, the answer is shown while it is written. --dry-run shows the exact request, and what it may cost at most,
and sends nothing.
"""

from __future__ import annotations

from rtfs.cli.options import add_output, metrics_of, note_text, policy_of, read_program, wants_log
from rtfs.cli.terminal import json_line
from rtfs.errors import AnalysisError, ConfigError, DelegationError, LimitExceeded, ParseError, nearest
from rtfs.values.printing import to_readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.runtime import Runtime


def arguments(parser: Any) -> None:
    parser.usage = "rtfs query PROMPT -m MODEL [--input FILE|-] [--type TYPE] [options]"
    parser.add_argument("prompt", metavar="PROMPT", help="what is asked")
    parser.add_argument("--input", "-i", default=None, metavar="FILE", help="a text that the prompt is about; -: standard input")
    parser.add_argument("--model", "-m", required=True, metavar="MODEL", help="smollm2, kimi:kimi-k2.6 …; `rtfs models` lists them")
    parser.add_argument("--type", "-t", default=":string", metavar="TYPE", help="what the answer is (:string)")
    parser.add_argument("--max-tokens", type=int, default=1024, metavar="N", help="how long the answer may be (1024)")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="how long it may take (60)")
    parser.add_argument("--budget", default=None, metavar="LIMITS", help="usd=0.01,tokens=2000 (no limit)")
    parser.add_argument("--policy", default=None, metavar="FILE", help="limits on who may be asked (RTFS_POLICY, delegation.toml)")
    parser.add_argument("--env", default=None, metavar="NAME", help="whose overlay of the policy holds (RTFS_ENV)")
    parser.add_argument("--no-log", action="store_true", help="keep no record of the call (RTFS_LOG=off)")
    parser.add_argument("--stream", action="store_true", default=None, help="show the answer while it is written (on a screen)")
    parser.add_argument("--no-stream", action="store_false", dest="stream", help="show it when it is there")
    parser.add_argument("--dry-run", action="store_true", help="show the request and its estimated price; send nothing")
    add_output(parser)


def execute(options: Any, terminal: Terminal) -> int:
    from rtfs.cli.running import json_lines

    given = [] if options.input is None else [read_program(options.input, terminal).text]
    budget = None
    if options.budget is not None:
        from rtfs.delegation.allowance import parse_allowance

        budget = parse_allowance(options.budget)
    from rtfs.runtime import Runtime

    runtime = Runtime(
        budget=budget,
        policy=policy_of(".", options, terminal),
        environment=terminal.environ.get("RTFS_ENV", "") if options.env is None else options.env,
        log=wants_log(options, terminal) and not options.dry_run,
        metrics=None if options.dry_run else metrics_of(terminal),
        stdout=terminal.stdout,
        stderr=terminal.stderr,
        environ=terminal.environ,
        on_warning=lambda message, span: terminal.note(note_text(message, span)),
    )
    shown: list[dict[str, Any]] = []
    if options.dry_run:
        show_requests(runtime, options, terminal, shown)
    try:
        runtime.run(program(options, target_of(runtime, options.model)), name="<query>")
        try:
            if _is_watched(options, terminal):
                from rtfs.cli.watching import show_values

                with runtime.stream("query", *given, raw=True) as values:
                    value, is_shown = show_values(values, terminal)
            else:
                value, is_shown = runtime.function("query", raw=True)(*given), False
        except (DelegationError, LimitExceeded) as error:
            if shown:  # instead of an answer
                return 0
            error.span, error.trace = None, []  # the program is ours
            raise
        lines = json_lines(value) if options.json else [value if isinstance(value, str) else to_readable(value)]
        for line in () if is_shown else lines:
            terminal.result(line)
        return 0
    finally:
        runtime.close()


def _is_watched(options: Any, terminal: Terminal) -> bool:
    """Whether the answer is shown while it is written."""
    if options.json or options.dry_run:
        return False
    return terminal.is_screen(terminal.stdout) if options.stream is None else bool(options.stream)


def show_requests(runtime: Runtime, options: Any, terminal: Terminal, shown: list[dict[str, Any]] | None = None) -> None:
    """Have a runtime show its requests on standard output instead of sending them.

    Args:
        shown: collects them.
    """
    from rtfs.delegation.dry_run import DryRegistry, lines

    def show(found: dict[str, Any]) -> None:
        if shown is not None:
            shown.append(found)
        for line in [json_line(found)] if options.json else lines(found):
            terminal.result(line)

    if runtime.models is None:  # --no-models: there is no request
        return
    runtime.replace_models(DryRegistry(runtime.models, runtime.delegation.accounts.spending, show))


def target_of(runtime: Runtime, model: str) -> str:
    """`local-model` where a model of this machine has the name, else `remote`."""
    try:
        runtime.models.resolve("local-model", model)
    except DelegationError as error:
        return "remote" if error.kind == "unknown-model" else "local-model"
    return "local-model"


def program(options: Any, target: str) -> str:
    """
    Raises:
        ConfigError: the type is not one type, or a number makes no sense.
    """
    from rtfs.source import Source
    from rtfs.syntax.reader import read_forms
    from rtfs.types.parse import NAMED, parse_type
    from rtfs.types.rewriting import names_in

    if not 1 <= options.max_tokens <= 1_000_000:
        raise ConfigError("--max-tokens is a number from 1 to 1000000")
    if not 0.001 <= options.timeout <= 86_400:
        raise ConfigError("--timeout is a number of seconds from 0.001 to 86400")
    hint = "write it as in a program: :int, '[:enum \"calm\" \"angry\"]'"
    try:
        forms = read_forms(Source("<type>", options.type))
    except ParseError as error:
        raise ConfigError(f"--type: {error.message}", hint=hint) from error
    if len(forms) != 1:
        raise ConfigError(f"--type: {options.type!r} is {len(forms)} types and not one", hint=hint)
    try:
        unknown = names_in(parse_type(forms[0]))
    except AnalysisError as error:
        raise ConfigError(f"--type: {error.message}", hint=error.hint or hint) from error
    if unknown:  # nothing here could define it
        name = min(unknown)
        close = nearest(name, NAMED)
        raise ConfigError(f"--type: there is no type `{name}`", hint=f"did you mean {close[0]}?" if close else hint)
    meta = f"{{:strict true :max-tokens {options.max_tokens} :timeout-s {options.timeout}}}"
    parameters = "[]" if options.input is None else "[input :string]"
    hint = f"^:delegation :{target} {to_readable(options.model)} ^{meta}"
    return f"(defn query {hint} {to_readable(options.prompt)} {parameters} :-> {options.type}\n nil)"
