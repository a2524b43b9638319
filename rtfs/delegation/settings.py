"""How a decided call is carried out: the part of a decision that is not about where."""

from __future__ import annotations

from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rtfs.caching.wish import CacheWish
    from rtfs.delegation.allowance import Allowance
    from rtfs.models.rules import RuleSet


class CallSettings(Struct):
    """Settings of one call, from a policy or an engine. None: what the function's metadata or the defaults say.

    Attributes:
        timeout_s: seconds for each request.
        retries: further requests to the same target after a failure that may pass.
        backoff_s: seconds before the first retry, doubled for each further one, with jitter; a server's `Retry-After` comes first.
        hedge_after_s: seconds without an answer after which the next target is asked as well; the first answer counts.
        accept_above: least confidence of an answer; below it the next target is asked (escalation).
        budget: name -> limit (`usd`, `tokens`, `calls`, `seconds`) for this one call.
        cache: `none`, `exact`, `semantic` or `sample`, or all that a function can say, too.
        patterns: a `models.rules.RuleSet`, by which the model `rules` answers in the place of the function's own.
    """

    timeout_s: float | None = None
    retries: int = 2
    backoff_s: float = 0.5
    hedge_after_s: float | None = None
    accept_above: float | None = None
    budget: tuple[tuple[str, float], ...] = ()
    cache: str | CacheWish | None = None
    patterns: RuleSet | None = None

    @property
    def allowance(self) -> Allowance:
        """The budget as limits of a call.

        Raises:
            ConfigError: it holds none.
        """
        from rtfs.delegation.allowance import Allowance

        return Allowance.of_pairs(self.budget)


DEFAULTS = CallSettings()
