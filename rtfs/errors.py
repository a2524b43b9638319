"""Every error that RTFS raises, and how it is shown.

    RtfsError                 code, kind, message, span, hint, notes, trace
    ├─ ParseError             the text is not RTFS                                  RTFS-P…
    │  └─ IncompleteInput     more text would help; the REPL keeps reading
    ├─ AnalysisError          it reads, but cannot mean anything                    RTFS-A…
    │  └─ MacroError          a macro failed while it was expanded
    ├─ EvalError              the program failed while running                      RTFS-R…
    │  ├─ LimitExceeded       depth, steps, time, memory, size or money; uncatchable RTFS-L…
    │  └─ HostError           an effect failed                                      RTFS-H…
    │     ├─ ToolError        a capability ran and failed
    │     └─ DelegationError  a model did not answer; has `retryable`               RTFS-D…
    ├─ ConfigError            a setting is wrong (also a ValueError)                RTFS-C…
    └─ InternalError          a bug in RTFS, never the program's fault              RTFS-X…

An error carries facts; `render` alone turns them into text, for a terminal or (as
`to_dict`) for a machine.  The kinds below are one table: the name a program writes in
`(catch DivisionByZero e …)`, the keyword in `(:type e)` and the code in the report are
columns of it (reference section 12.1).
"""

from __future__ import annotations

from rtfs.source import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# kind (as in `(:type e)`)  ->  (name usable as a catch selector, code)
KINDS: dict[str, tuple[str, str]] = {
    # reading
    "unexpected-input": ("ParseError", "RTFS-P001"),
    "unclosed-delimiter": ("UnclosedDelimiter", "RTFS-P002"),
    "mismatched-delimiter": ("MismatchedDelimiter", "RTFS-P003"),
    "unexpected-delimiter": ("UnexpectedDelimiter", "RTFS-P004"),
    "invalid-literal": ("InvalidLiteral", "RTFS-P005"),
    "invalid-escape": ("InvalidEscapeSequence", "RTFS-P006"),
    "odd-map": ("OddMap", "RTFS-P007"),
    "nesting-too-deep": ("NestingTooDeep", "RTFS-P008"),
    "invalid-metadata": ("InvalidMetadata", "RTFS-P009"),
    "reserved-syntax": ("ReservedSyntax", "RTFS-P010"),
    "invalid-encoding": ("InvalidEncoding", "RTFS-P011"),
    # analysis
    "unbound-name": ("UnboundName", "RTFS-A001"),
    "invalid-special-form": ("InvalidSpecialForm", "RTFS-A002"),
    "invalid-pattern": ("InvalidPattern", "RTFS-A003"),
    "duplicate-parameter": ("DuplicateParameter", "RTFS-A004"),
    "misplaced-recur": ("MisplacedRecur", "RTFS-A005"),
    "invalid-type": ("InvalidTypeAnnotation", "RTFS-A006"),
    "invalid-delegation": ("InvalidDelegation", "RTFS-A007"),
    "macro-error": ("MacroError", "RTFS-A008"),
    "static-arity": ("StaticArity", "RTFS-A009"),
    "invalid-map-key": ("InvalidMapKey", "RTFS-A010"),
    "reserved-name": ("ReservedName", "RTFS-A011"),
    "shadowed-builtin": ("ShadowedBuiltin", "RTFS-A012"),
    "type-mismatch": ("TypeMismatch", "RTFS-A013"),
    "not-a-function": ("NotAFunction", "RTFS-A014"),
    "possible-mismatch": ("PossibleMismatch", "RTFS-A015"),
    "unused-binding": ("UnusedBinding", "RTFS-A016"),
    "unreachable-code": ("UnreachableCode", "RTFS-A017"),
    "unreachable-clause": ("UnreachableClause", "RTFS-A018"),
    "missing-case": ("MissingCase", "RTFS-A019"),
    "unbounded-spend": ("UnboundedSpend", "RTFS-A020"),
    "untyped-delegation": ("UntypedDelegation", "RTFS-A021"),
    "missing-fallback": ("MissingFallback", "RTFS-A022"),
    "untrusted-prompt": ("UntrustedPrompt", "RTFS-A023"),
    "secret-in-prompt": ("SecretInPrompt", "RTFS-A024"),
    "unknown-warning": ("UnknownWarning", "RTFS-A025"),
    # running
    "type-error": ("TypeError", "RTFS-R001"),
    "arity-mismatch": ("ArityMismatch", "RTFS-R002"),
    "division-by-zero": ("DivisionByZero", "RTFS-R003"),
    "index-out-of-bounds": ("IndexOutOfBounds", "RTFS-R004"),
    "key-not-found": ("KeyNotFound", "RTFS-R005"),
    "type-validation-error": ("TypeValidationError", "RTFS-R006"),
    "match-error": ("MatchError", "RTFS-R007"),
    "invalid-argument": ("InvalidArgument", "RTFS-R008"),
    "not-callable": ("NotCallable", "RTFS-R009"),
    "undefined-symbol": ("UndefinedSymbol", "RTFS-R010"),
    "raised": ("Raised", "RTFS-R011"),
    "module-not-found": ("ModuleNotFound", "RTFS-R012"),
    "module-error": ("ModuleError", "RTFS-R013"),
    "resource-error": ("ResourceError", "RTFS-R014"),
    "json-error": ("JsonError", "RTFS-R015"),
    "symbol-not-found": ("SymbolNotFound", "RTFS-R016"),
    "not-implemented": ("NotImplemented", "RTFS-R017"),
    "cancelled": ("Cancelled", "RTFS-R018"),
    "await-timeout": ("AwaitTimeout", "RTFS-R019"),
    "runtime-error": ("Generic", "RTFS-R999"),
    # limits
    "stack-overflow": ("StackOverflow", "RTFS-L001"),
    "steps-exhausted": ("StepsExhausted", "RTFS-L002"),
    "time-exhausted": ("TimeExhausted", "RTFS-L003"),
    "size-exhausted": ("SizeExhausted", "RTFS-L004"),
    "budget-exhausted": ("BudgetExhausted", "RTFS-L005"),
    "memory-exhausted": ("MemoryExhausted", "RTFS-L006"),
    "unknown-price": ("UnknownPrice", "RTFS-L007"),
    # effects
    "unknown-capability": ("UnknownCapability", "RTFS-H001"),
    "security-violation": ("SecurityViolation", "RTFS-H002"),
    "io-error": ("IoError", "RTFS-H003"),
    "network-error": ("NetworkError", "RTFS-H004"),
    "tool-error": ("ToolError", "RTFS-H005"),
    # delegation
    "unknown-model": ("UnknownModel", "RTFS-D001"),
    "model-unavailable": ("ModelUnavailable", "RTFS-D002"),
    "provider-error": ("ProviderError", "RTFS-D003"),
    "reply-mismatch": ("ReplyMismatch", "RTFS-D004"),
    "prompt-too-long": ("PromptTooLong", "RTFS-D005"),
    "rate-limited": ("RateLimited", "RTFS-D006"),
    "model-refused": ("ModelRefused", "RTFS-D007"),
    "reply-cut-off": ("ReplyCutOff", "RTFS-D008"),
    "empty-reply": ("EmptyReply", "RTFS-D009"),
    "tool-limit": ("ToolLimit", "RTFS-D010"),
    # settings and our own bugs
    "config-error": ("ConfigError", "RTFS-C001"),
    "missing-extra": ("MissingExtra", "RTFS-C002"),
    "artefact-corrupt": ("ArtefactCorrupt", "RTFS-C003"),
    "artefact-version": ("ArtefactVersion", "RTFS-C004"),
    "invalid-policy": ("InvalidPolicy", "RTFS-C005"),
    "code-refused": ("CodeRefused", "RTFS-C006"),
    "internal-error": ("InternalError", "RTFS-X001"),
}

#: Catch selector -> kind, for the names of section 12.1 and their older spellings.
SELECTORS: dict[str, str] = {name: kind for kind, (name, _) in KINDS.items()} | {
    "InvalidArguments": "invalid-argument",
    "ArithmeticException": "division-by-zero",
    "IllegalArgumentException": "invalid-argument",
    "SymbolNotFound": "symbol-not-found",
}

#: Selectors that match every catchable error.
CATCH_ALL = frozenset({"Exception", "Error", "RuntimeError", "Throwable", "RuntimeException"})

#: Keyword families of the 1.0 and July texts -> the kinds they cover.
FAMILIES: dict[str, frozenset[str]] = {
    "capability-error": frozenset({"unknown-capability", "tool-error", "security-violation"}),
    "security-error": frozenset({"security-violation"}),
    "validation-error": frozenset({"type-validation-error", "reply-mismatch"}),
    "error/validation": frozenset({"type-validation-error", "reply-mismatch"}),
    "error/network": frozenset({"network-error"}),
    "error/timeout": frozenset({"time-exhausted"}),
    "error/not-found": frozenset({"key-not-found", "module-not-found", "unknown-capability", "unknown-model"}),
    "error/permission": frozenset({"security-violation"}),
    "delegation-error": frozenset(
        {kind for kind, (_, code) in KINDS.items() if code.startswith("RTFS-D")}
    ),
}


class Frame:
    """One entry of an RTFS call stack: the function's name and where it was called."""

    __slots__ = ("name", "span")

    def __init__(self, name: str, span: Span | None) -> None:
        self.name = name
        self.span = span


class RtfsError(Exception):
    """The root of everything RTFS raises.

    Attributes:
        message: one sentence, without code or place.
        kind: a key of `KINDS`, or the keyword given to `throw`.
        span: where in the program, when known.
        hint: the next step for the reader of the message, or None.
        notes: further facts, each a sentence.
        data: an RTFS value attached by `throw` or by the check that failed.
        trace: RTFS call frames, innermost first while unwinding.
    """

    default_kind = "runtime-error"

    def __init__(
        self,
        message: str,
        *,
        kind: str | None = None,
        span: Span | None = None,
        hint: str | None = None,
        notes: tuple[str, ...] = (),
        data: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind or self.default_kind
        self.span = span
        self.hint = hint
        self.notes = list(notes)
        self.data = data
        self.trace: list[Frame] = []
        #: Index of the operand that is at fault, while the place of the call is not known yet.
        self.operand: int | None = None
        #: The RTFS error value made from this error, once a program has caught it.
        self.value: Any = None
        #: The entry of the Python traceback from which on `trace` is made, and the function of the program that it is in.
        self.walked: Any = None
        self.inside: str | None = None

    def detach(self) -> None:
        """Forget the error that was being handled when this one was raised.

        Python goes through that chain at every `raise`: in a program that recurses in its handlers, quadratic time.
        """
        self.__context__ = None

    def release(self) -> None:
        """Let go of the Python frames that the error came through, and of all values in them."""
        self.__traceback__ = self.__context__ = self.walked = None

    @property
    def code(self) -> str:
        """`RTFS-…`; an error thrown with a kind of the program's own has the code of `Raised`."""
        entry = KINDS.get(self.kind)
        return entry[1] if entry else KINDS["raised"][1]

    def to_dict(self) -> dict[str, Any]:
        """The error for machines (`--json`): plain Python values; spans as file, line, column, offsets."""
        out: dict[str, Any] = {"code": self.code, "kind": self.kind, "message": self.message}
        if self.span is not None:
            line, column = self.span.source.position(self.span.start)
            end_line, end_column = self.span.source.position(self.span.end)
            out["span"] = {
                "file": self.span.source.name,
                "line": line,
                "column": column,
                "end_line": end_line,
                "end_column": end_column,
                "start": self.span.start,
                "end": self.span.end,
            }
        if self.hint:
            out["hint"] = self.hint
        if self.notes:
            out["notes"] = list(self.notes)
        if self.trace:
            out["trace"] = [{"name": f.name, "at": str(f.span) if f.span else None} for f in self.trace[:50]]
        return out


class ParseError(RtfsError):
    """The text is not RTFS."""

    default_kind = "unexpected-input"


class IncompleteInput(ParseError):
    """The text is a beginning of RTFS: something is still open at its end."""

    default_kind = "unclosed-delimiter"


class AnalysisError(RtfsError):
    """The text reads, but cannot mean anything. `others` holds further ones of the same form, in source order."""

    default_kind = "invalid-special-form"

    def __init__(self, message: str, **extras: Any) -> None:
        super().__init__(message, **extras)
        self.others: list[AnalysisError] = []


class MacroError(AnalysisError):
    """A macro failed, or did not come to an end, while it was expanded."""

    default_kind = "macro-error"


class EvalError(RtfsError):
    """The program failed while running; a program can catch it."""


class LimitExceeded(EvalError):
    """Depth, steps, time, memory, size or money ran out; `catch` never sees it."""

    default_kind = "steps-exhausted"


class HostError(EvalError):
    """Something outside the program failed: a capability is unknown, forbidden, or went wrong."""

    default_kind = "io-error"


class ToolError(HostError):
    """A capability ran and failed."""

    default_kind = "tool-error"


class DelegationError(HostError):
    """A model could not be asked, or its reply could not be used.

    `retryable` says whether the same request may succeed later, `retry_after_s` when, if the provider said so; `usage` (a
    `models.protocol.Usage`) what it used all the same, None where that is not known; `of_caller`: it is about whoever asked, as
    when his time was over, and no answer to others who ask the same; the provider's own error is `__cause__`.
    """

    default_kind = "provider-error"

    def __init__(
        self, message: str, *, retryable: bool = False, retry_after_s: float | None = None, usage: Any = None, **extras: Any
    ) -> None:
        super().__init__(message, **extras)
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.usage = usage
        self.of_caller = False


class ConfigError(RtfsError, ValueError):
    """A setting, an option or the installation is wrong. `others` holds further mistakes of the same file, in its order."""

    default_kind = "config-error"

    def __init__(self, message: str, **extras: Any) -> None:
        super().__init__(message, **extras)
        self.others: list[ConfigError] = []


class InternalError(RtfsError):
    """A bug in RTFS."""

    default_kind = "internal-error"


def missing_extra(package: str, extra: str, purpose: str) -> ConfigError:
    """The error for an optional library that is not installed; names the extra to install."""
    return ConfigError(
        f"{purpose} needs the package `{package}`, which is not installed",
        kind="missing-extra",
        hint=f'install it with: pip install "rtfs-lang[{extra}]"',
    )


# --- near misses -----------------------------------------------------------------------------


def edit_distance(a: str, b: str, limit: int) -> int:
    """Edit distance with transpositions counted as one step; `limit + 1` when it is more than `limit`."""
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    before: list[int] = []
    previous = list(range(len(b) + 1))
    for i, ca in enumerate(a, 1):
        current = [i]
        for j, cb in enumerate(b, 1):
            cost = min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (ca != cb))
            if i > 1 and j > 1 and ca == b[j - 2] and a[i - 2] == cb:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        if min(current) > limit:
            return limit + 1
        before, previous = previous, current
    return previous[-1]


def nearest(name: str, known: Any, count: int = 1) -> list[str]:
    """The names closest to `name`, nearest first, at most `count`, at a distance a typing slip explains."""
    # short names differ from too many others for a guess to help
    limit = 0 if len(name) <= 2 else 1 if len(name) <= 5 else 2 if len(name) <= 8 else 3
    if not limit:
        return []
    scored = sorted(
        (d, candidate)
        for candidate in known
        if candidate != name and (d := edit_distance(name.lower(), candidate.lower(), limit)) <= limit
    )
    return [candidate for _, candidate in scored[:count]]


# --- showing ---------------------------------------------------------------------------------

_EXCERPT_WIDTH = 160


def _excerpt(span: Span) -> list[str]:
    source = span.source
    number, column = source.position(span.start)
    line = source.line(number)
    width = max(1, min(span.end - span.start, len(line) - column + 1))
    if len(line) > _EXCERPT_WIDTH:  # a very long line: show the part around the caret
        left = max(0, column - 1 - _EXCERPT_WIDTH // 2)
        line = ("…" if left else "") + line[left : left + _EXCERPT_WIDTH] + "…"
        column = column - left + (1 if left else 0)
        width = min(width, max(1, _EXCERPT_WIDTH - column))
    printable = "".join(c if c == "\t" or c.isprintable() else "�" for c in line)
    indent = "".join("\t" if c == "\t" else " " for c in printable[: column - 1])
    gutter = f"{number:>3} | "
    return [gutter + printable, " " * (len(gutter) - 2) + "| " + indent + "^" * width]


def _covers(outer: Span | None, inner: Span | None) -> bool:
    if outer is None or inner is None:
        return True
    return outer.source is inner.source and outer.start <= inner.start and inner.end <= outer.end


def render(error: RtfsError, *, color: bool = False, severity: str = "error") -> str:
    """The report of an error as text: headline, place, excerpt with caret, hint, notes, call stack.

    Args:
        color: use ANSI colours; the caller knows whether the terminal wants them.
        severity: the word in front: `error` or `warning`.
    Returns:
        Lines joined by newlines, without one at the end.
    """
    red, bold, blue, dim, off = ("\x1b[1;31m", "\x1b[1m", "\x1b[1;34m", "\x1b[2m", "\x1b[0m") if color else ("",) * 5
    if color and severity != "error":
        red = "\x1b[1;33m"
    lines = [f"{red}{severity}[{error.code}]{off}{bold}: {error.message}{off}"]
    if error.span is not None:
        lines.append(f"  {blue}-->{off} {error.span}")
        excerpt, caret = _excerpt(error.span)
        lines.append(excerpt)
        lines.append(f"{caret}{' hint: ' + error.hint if error.hint else ''}")
    elif error.hint:
        lines.append(f"  hint: {error.hint}")
    lines.extend(f"  note: {note}" for note in error.notes)
    # one call says nothing new when the error points into it
    if len(error.trace) > 1 or (error.trace and not _covers(error.trace[0].span, error.span)):
        shown = error.trace if len(error.trace) <= 12 else [*error.trace[:6], None, *error.trace[-5:]]
        for frame in shown:
            if frame is None:
                lines.append(f"  {dim}… {len(error.trace) - 11} more calls …{off}")
            else:
                lines.append(f"  {dim}in {frame.name}{f', called at {frame.span}' if frame.span else ''}{off}")
    cause = error.__cause__
    if isinstance(cause, RtfsError) and cause.message not in error.message:  # else it has been told
        lines.append(f"  caused by: {cause.message}")
    for other in getattr(error, "others", ()):
        lines.append(render(other, color=color, severity=severity))
    return "\n".join(lines)
