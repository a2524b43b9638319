"""The model of `rtfs crystallise --model`: how it is asked, what it may be asked, and what that cost."""

from __future__ import annotations

from rtfs.cli.cache_options import wants_caches
from rtfs.cli.options import metrics_of, note_text, policy_of, wants_log
from rtfs.errors import ConfigError
from rtfs.folders import answer_cache_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.delegation.crystallise.authoring import Author
    from rtfs.delegation.crystallise.crystallising import Subject
    from rtfs.delegation.crystallise.proposing import Question, Reply


def arguments(parser: Any) -> None:
    parser.add_argument("--model", default=None, metavar="ID", help="a model that writes code too, beside what is induced")
    parser.add_argument("--tries", type=int, default=3, metavar="N", help="how often it is asked at most (3)")
    parser.add_argument("--budget", default=None, metavar="LIMITS", help="for --model: usd=0.10,tokens=20000 (no limit)")
    parser.add_argument("--max-tokens", type=int, default=4_000, metavar="N", help="how long each of its answers may be (4000)")
    parser.add_argument("--timeout", type=float, default=300.0, metavar="SECONDS", help="how long each may take (300)")
    parser.add_argument("--show-request", action="store_true", help="show what it would be asked, and the price; ask nothing")
    parser.add_argument("--refresh", action="store_true", help="ask it even where its answer to the same question is cached")
    parser.add_argument("--policy", default=None, metavar="FILE", help="limits on who may be asked (RTFS_POLICY, delegation.toml)")
    parser.add_argument("--env", default=None, metavar="NAME", help="whose overlay of the policy holds (RTFS_ENV)")
    parser.add_argument("--no-log", action="store_true", help="keep no records of what it was asked (RTFS_LOG=off)")


class CodeAuthor:
    """A model, in a runtime of its own: the policy beside the program, budgets and the log hold as for any call.

    Args:
        subject: the function whose records it is to see; where its calls may not go, they may not either.
    Raises:
        ConfigError: an option makes no sense, or a tenant may not ask a model behind an API, which is then shown nobody's records:
            a log does not say whose they are.
    """

    def __init__(self, subject: Subject, folder: str, options: Any, terminal: Terminal) -> None:
        from rtfs.cli.query import show_requests, target_of
        from rtfs.delegation.allowance import parse_allowance
        from rtfs.delegation.crystallise.proposing import asking_program
        from rtfs.delegation.linking import options_of
        from rtfs.delegation.tags import PRIVATE_TAGS, tags_of
        from rtfs.delegation.targets import RemoteModel
        from rtfs.runtime import Runtime

        for name, least, most in (("tries", 1, 20), ("max_tokens", 1, 1_000_000), ("timeout", 0.001, 86_400)):
            if not least <= getattr(options, name) <= most:
                raise ConfigError(f"--{name.replace('_', '-')} is a number from {least} to {most}")
        self.model, self._tries, self._terminal = options.model, options.tries, terminal
        self._runtime = runtime = Runtime(
            budget=None if options.budget is None else parse_allowance(options.budget),
            policy=policy_of(folder, options, terminal),
            environment=terminal.environ.get("RTFS_ENV", "") if options.env is None else options.env,
            log=wants_log(options, terminal) and not options.show_request,
            metrics=None if options.show_request else metrics_of(terminal),
            caches=_caches(options, terminal),
            environ=terminal.environ,
            on_warning=lambda message, span: terminal.note(note_text(message, span)),
        )
        #: `local-model`, or `remote`.
        self.kind = target_of(runtime, options.model)
        if self.kind == "remote":
            refusals: list[str] = getattr(runtime.engine, "refusing_tenants", lambda target: [])(RemoteModel(options.model))
            if refusals:
                runtime.close()
                raise ConfigError(
                    f"{options.model} is shown no records: {refusals[0]}, and they may be this tenant's",
                    hint="name a model that all tenants may use, or one of this machine",
                )
        #: Requests that were shown instead of being sent.
        self.shown: list[dict[str, Any]] = []
        if options.show_request:
            show_requests(runtime, options, terminal, self.shown)
        self._private_tags: frozenset[str] = getattr(runtime.engine, "private_tags", PRIVATE_TAGS)
        function = subject.function.function
        assert function is not None
        text = asking_program(
            self.kind, options.model, tags=tags_of(options_of(function)), max_tokens=options.max_tokens, timeout_s=options.timeout
        )
        runtime.run(text, name="<crystallise>")

    @property
    def author(self) -> Author:
        from rtfs.delegation.crystallise.authoring import Author
        from rtfs.runtime import for_strangers

        return Author(self.model, self.ask, for_strangers(), self.kind == "remote", self._private_tags, self._tries)

    def ask(self, question: Question) -> Reply:
        """
        Raises:
            DelegationError, LimitExceeded: of the call.
        """
        from rtfs.delegation.crystallise.proposing import Reply
        from rtfs.errors import RtfsError

        name, operands = question.call
        if self._terminal.is_screen(self._terminal.stderr):  # a large model may take a minute
            self._terminal.status(f"asking {self.model} for code …")
        try:
            text = self._runtime.function(name, raw=True)(*operands)
        except RtfsError as error:
            error.span, error.trace = None, []  # the program is ours
            raise
        finally:
            self._terminal.clear_status()
        last = self._runtime.records.calls[-1].attempts[-1]
        return Reply(text, last.problem or "" if last.outcome == "answered" else "")

    def spent(self) -> dict[str, Any]:
        """What asking it came to: `requests`, `tokens`, and `usd`, None where a price is not known."""
        from rtfs.delegation.record import NOT_SENT

        records = () if self._runtime.records is None else self._runtime.records.calls
        costs = [record.cost_usd for record in records]
        return {
            "requests": sum([attempt.outcome not in NOT_SENT for record in records for attempt in record.attempts]),
            "tokens": sum([record.prompt_tokens + record.completion_tokens for record in records]),
            "usd": None if None in costs else sum(costs),
            "cached": sum([record.cache is not None for record in records]),
        }

    def close(self) -> None:
        self._runtime.close()


def _caches(options: Any, terminal: Terminal) -> Any:
    """The answers that are kept for all programs: whoever tries with --dry-run first pays once."""
    if options.show_request or not wants_caches(terminal):
        return None
    return {
        "store": answer_cache_folder(terminal.environ),
        "off": ["plan", "semantic"],
        "refresh": ["reply"] if options.refresh else [],
    }


def spent_line(model: str, spent: dict[str, Any]) -> str:
    """What asking a model came to, for people."""
    from rtfs.delegation.allowance import NANO, dollars

    requests, cached = spent["requests"], spent["cached"]
    if not requests:
        return f"{model}: nothing was sent" + (f"; {cached} answers from the cache" if cached else "")
    money = "at a price that is not known" if spent["usd"] is None else dollars(round(spent["usd"] * NANO))
    more = f"; {cached} answers from the cache" if cached else ""
    return f"{model}: {requests} request{'s' if requests > 1 else ''}, {spent['tokens']:,} tokens, {money}{more}"
