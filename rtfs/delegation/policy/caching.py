"""The kind `cache`: a mode, or a table with all that a function can say about caches (`caching.wish`)."""

from __future__ import annotations

from rtfs.caching.wish import KINDS_HINT, LONGEST_ERROR_S, LONGEST_NOTHING_S, MODES, MOST_SAMPLES, CacheWish, lasting, wrong_kind
from rtfs.delegation.policy.kinds import Choice, Field, Kind, Number, Table
from rtfs.delegation.policy.problems import Problems

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.delegation.policy.places import Path


class Lasting(Kind):
    """Seconds for which errors are kept: given as `caching.wish.Errors`."""

    @property
    def expected(self) -> str:
        return f"a number of seconds from 0 to {LONGEST_ERROR_S:,}, or a table of them by kind of error"

    def read(self, value: Any, path: Path, problems: Problems) -> Any:
        if not isinstance(value, dict) or not value:
            is_time = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= LONGEST_ERROR_S
            return lasting(value) if is_time else self.wrong(value, path, problems, KINDS_HINT)
        found: dict[str, float | None] = {}
        for kind, item in value.items():
            wrong = wrong_kind(kind)
            if wrong is not None:
                problems.error((*path, kind), wrong[0], hint=wrong[1], key=True)
            found[kind] = None if wrong is not None else _SECONDS.read(item, (*path, kind), problems)
        return None if None in found.values() else lasting(found)


_SECONDS = Number("a number of seconds", 0, LONGEST_ERROR_S)

CACHE = Table(
    (
        Field("mode", Choice(MODES), "which answers of earlier calls may be used; as the function says when left out"),
        Field("samples", Number("a number of replies", 1, MOST_SAMPLES, whole=True), "of a question, for mode `sample`"),
        Field("ttl_s", Number("a number of seconds", 0.001, LONGEST_NOTHING_S), "seconds after which an answer is no longer used"),
        Field("min_confidence", Number("a confidence", 0, 1), "least confidence of answers that are kept and used"),
        Field("errors_s", Lasting(), "seconds for which errors are kept that would come again: of all kinds, or by kind"),
        Field(
            "nothing_s",
            Number("a number of seconds", 0, LONGEST_NOTHING_S),
            "seconds for which a result that is nil or empty is used; 0: it is not kept",
        ),
    )
)


class Caching(Kind):
    """See the module: given as the mode, or as a `CacheWish`."""

    @property
    def expected(self) -> str:
        return f"{Choice(MODES).expected}, or a table with {', '.join([field.name for field in CACHE.fields])}"

    def read(self, value: Any, path: Path, problems: Problems) -> Any:
        if isinstance(value, dict):
            return CacheWish(**CACHE.read(value, path, problems))
        return Choice(MODES).read(value, path, problems) if isinstance(value, str) else self.wrong(value, path, problems)
