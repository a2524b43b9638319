"""What a function or a policy says about caches: which outcomes of its calls are kept, and for how long.

    ^{:cache :sample}    ^{:cache {:mode :exact :ttl-s 3600 :min-confidence 0.8 :errors-s 60 :nothing-s 600}}
    cache = "sample"     cache = { mode = "exact", ttl_s = 3600, min_confidence = 0.8, errors_s = 60, nothing_s = 600 }

| outcome of a call               | is kept                         | unless                                         |
|---------------------------------|---------------------------------|------------------------------------------------|
| a value                         | until there is no room for it   | `ttl-s`, `min-confidence`, mode `none`         |
| a value that says nothing       | as any other                    | `nothing-s`: for so long; 0: not at all        |
| an error that would come again  | not                             | `errors-s`: for so long                        |
| any other error                 | never                           |                                                |
"""

from __future__ import annotations

from rtfs.errors import FAMILIES, ConfigError, nearest
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Sequence
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What a function or a policy can say about its calls: kept nowhere; by everything that can change the reply; by what the text
#: means as well; several replies of one question, where it is asked at a temperature above 0.
MODES = ("none", "exact", "semantic", "sample")
MOST_SAMPLES = 1_000
#: Errors that the same question would meet again, as they depend on nothing but the question and the model.
LASTING = ("model-refused", "reply-mismatch", "empty-reply", "reply-cut-off", "prompt-too-long")
KINDS_HINT = f"kinds of errors that are kept: {', '.join(LASTING)}"
#: Seconds: a day. Models behind one name change; an error that is kept for ever would be one for ever.
LONGEST_ERROR_S = 86_400
LONGEST_NOTHING_S = 31_536_000
_SETTINGS = ("mode", "samples", "ttl-s", "min-confidence", "errors-s", "nothing-s")

#: kind -> seconds
Errors = tuple[tuple[str, float], ...]


class CacheWish(Struct):
    """See the module.

    Attributes:
        mode: one of `MODES`; None: not said.
        samples: how many replies are kept of one question at a temperature above 0; None: not said.
        ttl_s: seconds after which a reply is no longer used.
        min_confidence: least confidence of replies that are kept and used.
        errors_s: seconds for which errors are kept, by kinds in `LASTING`; of others 0. None: not said, none is kept.
        nothing_s: seconds for which a value that says nothing is used (`says_nothing`), 0: it is not kept; None: as any other.
    """

    mode: str | None = None
    samples: int | None = None
    ttl_s: float | None = None
    min_confidence: float = 0.0
    errors_s: Errors | None = None
    nothing_s: float | None = None

    @classmethod
    def of(cls, given: Any) -> CacheWish:
        """The wish in the metadata of a function.

        Raises:
            ConfigError: it is none; the message says what it should be, the hint what to write.
        """
        if isinstance(given, Keyword) and given.name in MODES:
            return cls(given.name)
        modes = ", ".join([f":{mode}" for mode in MODES])
        if not isinstance(given, Map) or not all(isinstance(name, Keyword) for name in given):
            near = nearest(given.name, MODES) if isinstance(given, Keyword) else []
            raise ConfigError(f"{modes}, or a map", hint=f"did you mean :{near[0]}?" if near else "write ^{:cache {:errors-s 60}}")
        named = {name.name: value for name, value in given.items()}
        for name in named:
            if name not in _SETTINGS:
                near = nearest(name, _SETTINGS)
                listed = ", ".join([f":{one}" for one in _SETTINGS])
                raise ConfigError(f"a map with {listed}", hint=f"did you mean :{near[0]}?" if near else f"there is no :{name}")
        mode = named.get("mode", Keyword("exact"))
        if not isinstance(mode, Keyword) or mode.name not in MODES:
            raise ConfigError(f"a map whose :mode is one of {modes}")
        samples, ttl_s, least = named.get("samples"), named.get("ttl-s"), named.get("min-confidence", 0.0)
        if samples is not None and not (type(samples) is int and 1 <= samples <= MOST_SAMPLES):
            raise ConfigError(f"a map whose :samples are a whole number from 1 to {MOST_SAMPLES}")
        if ttl_s is not None and not (_is_number(ttl_s) and ttl_s > 0):
            raise ConfigError("a map whose :ttl-s is a positive number of seconds", hint="say :none to keep nothing")
        if not _is_number(least) or not 0 <= least <= 1:
            raise ConfigError("a map whose :min-confidence is a number from 0 to 1")
        errors, nothing = named.get("errors-s"), named.get("nothing-s")
        if nothing is not None and not (_is_number(nothing) and 0 <= nothing <= LONGEST_NOTHING_S):
            wanted = f"a map whose :nothing-s is a number of seconds from 0 to {LONGEST_NOTHING_S:,}"
            raise ConfigError(wanted, hint="0 keeps no result that is nil or empty")
        return cls(
            mode.name,
            samples,
            None if ttl_s is None else float(ttl_s),
            float(least),
            None if errors is None else _errors(errors),
            None if nothing is None else float(nothing),
        )

    def over(self, other: CacheWish) -> CacheWish:
        """This one, of a policy, before that of a function: whatever it says holds, but for confidence, of which more is safer."""
        if other is NO_WISH:
            return self
        return CacheWish(
            "none" if other.mode == "none" else self.mode or other.mode,
            other.samples if self.samples is None else self.samples,
            other.ttl_s if self.ttl_s is None else self.ttl_s,
            max(self.min_confidence, other.min_confidence),
            other.errors_s if self.errors_s is None else self.errors_s,
            other.nothing_s if self.nothing_s is None else self.nothing_s,
        )

    def to_dict(self) -> dict[str, Any]:
        """What is said, by the names of a policy file."""
        found = {name: getattr(self, name) for name in self._fields}
        if self.errors_s is not None:
            seconds = {seconds for _, seconds in self.errors_s}
            found["errors_s"] = seconds.pop() if len(self.errors_s) == len(LASTING) and len(seconds) == 1 else dict(self.errors_s)
        return {name: value for name, value in found.items() if value is not None and (value or name != "min_confidence")}


NO_WISH = CacheWish()


def seconds_of(errors: Errors, kind: str) -> float:
    """For how long errors of a kind are kept, in seconds; 0: not at all."""
    for known, seconds in errors:
        if known == kind:
            return seconds
    return 0.0


def lasting(given: Any) -> Errors:
    """Seconds for which errors are kept, from a number for all kinds, or a mapping from kinds to numbers.

    Raises:
        ConfigError: it is neither, names a kind that is not kept, or a time that is too long.
    """
    if _is_seconds(given):
        return tuple([(kind, float(given)) for kind in LASTING])
    wanted = f"seconds from 0 to {LONGEST_ERROR_S:,}, or a table of them by kind of error"
    if not isinstance(given, dict) or not given:
        raise ConfigError(wanted, hint=KINDS_HINT)
    for kind, seconds in given.items():
        wrong = wrong_kind(kind)
        if wrong is not None:
            raise ConfigError(f"{wanted}; `{kind}` {wrong[0]}", hint=wrong[1])
        if not _is_seconds(seconds):
            raise ConfigError(wanted, hint=f"write the seconds for which `{kind}` is kept")
    return tuple([(kind, float(seconds)) for kind, seconds in given.items()])


def wrong_kind(kind: str) -> tuple[str, str] | None:
    """Why errors of a kind are not kept, and a hint; None when they may be."""
    if kind in LASTING:
        return None
    if kind in FAMILIES["delegation-error"]:
        return "is never kept, as it may pass by itself", KINDS_HINT
    near = nearest(kind, LASTING)
    return "is no kind of error that is kept", f"did you mean `{near[0]}`?" if near else KINDS_HINT


def _errors(given: Any) -> Errors:
    if isinstance(given, Map) and all(isinstance(kind, Keyword) for kind in given):
        given = {kind.name: seconds for kind, seconds in given.items()}
    try:
        return lasting(given)
    except ConfigError as error:
        message = error.message.replace("a table of them", "a map of them", 1)
        raise ConfigError(f"a map whose :errors-s are {message}", hint=error.hint) from None


def says_nothing(value: Any) -> bool:
    """Whether a value is nil, or an empty text or collection."""
    if value is None:
        return True
    kind = type(value)
    return (kind is str or isinstance(value, (Map, Sequence))) and not len(value)


def _is_seconds(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= LONGEST_ERROR_S


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)
