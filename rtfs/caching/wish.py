"""What a function says about caches: `^{:cache :sample}`, `^{:cache {:mode :exact :ttl-s 3600 :min-confidence 0.8}}`."""

from __future__ import annotations

from rtfs.caching.question import MODES
from rtfs.errors import ConfigError
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOST_SAMPLES = 1_000


class CacheWish(Struct):
    """See the module.

    Attributes:
        mode: one of `question.MODES`; None: not said.
        samples: how many replies are kept of one question at a temperature above 0; None: not said.
        ttl_s: seconds after which a reply is no longer used.
        min_confidence: least confidence of replies that are kept and used.
    """

    mode: str | None = None
    samples: int | None = None
    ttl_s: float | None = None
    min_confidence: float = 0.0

    @classmethod
    def of(cls, given: Any) -> CacheWish:
        """
        Raises:
            ConfigError: it is none; the message says what it should be.
        """
        if isinstance(given, Keyword) and given.name in MODES:
            return cls(given.name)
        if not isinstance(given, Map) or not all(isinstance(name, Keyword) for name in given):
            raise ConfigError(f"{', '.join([f':{mode}' for mode in MODES])}, or a map")
        named = {name.name: value for name, value in given.items()}
        mode = named.pop("mode", Keyword("exact"))
        samples, ttl_s, least = named.pop("samples", None), named.pop("ttl-s", None), named.pop("min-confidence", 0.0)
        if named:
            raise ConfigError("a map with :mode, :samples, :ttl-s and :min-confidence")
        if not isinstance(mode, Keyword) or mode.name not in MODES:
            raise ConfigError(f"a map whose :mode is one of {', '.join([f':{one}' for one in MODES])}")
        if samples is not None and not (type(samples) is int and 1 <= samples <= MOST_SAMPLES):
            raise ConfigError(f"a map whose :samples are a whole number from 1 to {MOST_SAMPLES}")
        if ttl_s is not None and not (type(ttl_s) in (int, float) and ttl_s > 0):
            raise ConfigError("a map whose :ttl-s is a positive number of seconds")
        if type(least) not in (int, float) or not 0 <= least <= 1:
            raise ConfigError("a map whose :min-confidence is a number from 0 to 1")
        return cls(mode.name, samples, None if ttl_s is None else float(ttl_s), float(least))


NO_WISH = CacheWish()
