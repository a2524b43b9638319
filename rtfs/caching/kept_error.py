"""An error as caches keep it, where a function or a policy asks for that: what a model could not do, and could not do again.

It stands under the key of its question, where a reply would.  A program meets it as it met the first one: the same kind, message,
hint, notes and data, and the same cause in the report; its place is that of the call.
"""

from __future__ import annotations

from rtfs.caching.encoding import Malformed
from rtfs.caching.question import Kept
from rtfs.caching.wish import LASTING, seconds_of
from rtfs.errors import DelegationError, EvalError, RtfsError
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rtfs.caching.layer import Saved
    from rtfs.caching.wish import Errors

FORM = 2
#: Of an error: more of them have no reader.
_MOST_NOTES = 20


class KeptError(Struct):
    """An error with what it took to get it.

    Attributes:
        kind: one of `wish.LASTING`.
        hint: None for none.
        said: what the model said, the `data` of the error; None for none.
        cause: (kind, message) of the error that it came from; empty for none.
        took: the tokens, the time and the money of all tries, when that was, and what is noted besides; its text is empty.
    """

    kind: str
    message: str
    hint: str | None
    notes: tuple[str, ...]
    said: str | None
    cause: tuple[str, ...]
    took: Kept

    @classmethod
    def of(cls, error: DelegationError, took: Kept, redact: Callable[[str], str]) -> KeptError | None:
        """What is kept of an error; None when it is of a kind that may pass by itself, or has in it what is no text.

        Args:
            redact: takes secrets out of texts: a provider's words about a refusal can have a key in them.
        """
        if error.kind not in LASTING or error.retryable or not (error.data is None or type(error.data) is str):
            return None
        cause = error.__cause__
        return cls(
            error.kind,
            redact(error.message),
            None if error.hint is None else redact(error.hint),
            tuple([redact(note) for note in error.notes[:_MOST_NOTES]]),
            error.data,
            (cause.kind, redact(cause.message)) if isinstance(cause, RtfsError) else (),
            took,
        )

    def error(self) -> DelegationError:
        """The error, as it was before it went anywhere."""
        made = DelegationError(self.message, kind=self.kind, hint=self.hint, notes=self.notes, data=self.said)
        if self.cause:
            made.__cause__ = EvalError(self.cause[1], kind=self.cause[0])
        return made

    @property
    def text(self) -> str:
        """What the model said, as far as it is known."""
        return self.said or ""

    @property
    def created(self) -> float:
        """Seconds since the epoch."""
        return self.took.created

    @property
    def metadata(self) -> dict[str, Any]:
        return self.took.metadata

    @property
    def saved(self) -> Saved:
        return self.took.saved

    def is_wanted(self, errors: Errors, now: float) -> bool:
        """Whether a question that has these errors kept is served with this one still."""
        seconds = seconds_of(errors, self.kind)
        return seconds > 0 and abs(now - self.created) <= seconds  # one of the future is of a clock that was wrong

    def to_data(self, metadata: dict[str, Any] | None = None) -> list[Any]:
        """Plain data, as `Kept.to_data`."""
        took = self.took.to_data(metadata)
        return [FORM, self.kind, self.message, self.hint, list(self.notes), self.said, list(self.cause), took]

    @classmethod
    def from_data(cls, data: Any) -> KeptError:
        """
        Raises:
            Malformed: it is no such data, or of another form.
        """
        if type(data) is not list or len(data) != len(cls._fields) + 1 or data[0] != FORM:
            raise Malformed("not an error of this form")
        _, kind, message, hint, notes, said, cause, took = data
        if kind not in LASTING or not (type(message) is str and _is_text(hint) and _is_text(said)):
            raise Malformed("a part of an error is of another kind")
        if not (_are_texts(notes) and _are_texts(cause) and len(cause) in (0, 2)):
            raise Malformed("a part of an error is of another kind")
        return cls(kind, message, hint, tuple(notes), said, tuple(cause), Kept.from_data(took))


def outcome_of(data: Any) -> Kept | KeptError:
    """The reply or the error that plain data stand for.

    Raises:
        Malformed: they stand for neither.
    """
    if type(data) is list and data and data[0] == FORM:
        return KeptError.from_data(data)
    return Kept.from_data(data)


def _is_text(value: Any) -> bool:
    return value is None or type(value) is str


def _are_texts(value: Any) -> bool:
    return type(value) is list and all(type(text) is str for text in value)
