"""Options, as frozen objects that are checked once."""

from __future__ import annotations

from rtfs.errors import ConfigError
from rtfs.values.struct import Struct

STRATEGIES = ("ir", "tree")
DEFAULT_STRATEGY = "ir"

#: What the compiled evaluator does to a program before it runs: nothing, what costs little, everything.
OPTIMIZATION_LEVELS = ("none", "basic", "aggressive")

#: Parts of a program that may wait for models at once.
DEFAULT_IN_FLIGHT = 16


class Limits(Struct):
    """What a program may use up. None means no limit."""

    max_depth: int = 100_000
    """Calls of RTFS functions inside one another; tail calls do not count."""
    max_steps: int | None = None
    """Calls and turns of loops in one run."""
    timeout_s: float | None = None
    """Seconds of wall time in one run."""
    max_memory_bytes: int | None = None
    """Bytes by which the resident memory of the process may grow in one run, from its lowest on; kept within a few megabytes."""

    def check(self) -> None:
        """
        Raises:
            ConfigError: a limit is not positive.
        """
        for name in ("max_depth", "max_steps", "timeout_s", "max_memory_bytes"):
            value = getattr(self, name)
            if value is not None and not value > 0:  # NaN is not either
                raise ConfigError(f"{name} must be positive, got {value}")
        if self.max_depth > 1_000_000:
            raise ConfigError(f"max_depth must be at most 1,000,000, got {self.max_depth}")


DEFAULT_LIMITS = Limits()


def check_strategy(name: str) -> str:
    """
    Raises:
        ConfigError: no such evaluator.
    """
    if name not in STRATEGIES:
        raise ConfigError(f"unknown strategy {name!r}", hint=f"choose from: {', '.join(STRATEGIES)}")
    return name


def check_optimization(level: str) -> str:
    """
    Raises:
        ConfigError: no such level.
    """
    if level not in OPTIMIZATION_LEVELS:
        raise ConfigError(f"unknown optimization level {level!r}", hint=f"choose from: {', '.join(OPTIMIZATION_LEVELS)}")
    return level
