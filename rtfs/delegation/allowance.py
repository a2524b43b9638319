"""How much: limits of budgets, what requests use, and money as people read it.

Amounts are integers, money in billionths of a US dollar: sums are exact, and a tenth of a dollar is a tenth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any

from rtfs.errors import ConfigError, nearest
from rtfs.values.printing import preview
from rtfs.values.quick import quick_init

NANO = 10**9
_LARGEST = 10**15  # of any limit: far beyond all use, and small enough to be counted and shown
_UNITS = ("usd", "tokens", "calls", "seconds")


@quick_init
@dataclass(frozen=True, slots=True)
class Amounts:
    """What a request may use, or has used."""

    nano_usd: int = 0
    """Billionths of a US dollar."""
    tokens: int = 0
    """Of the prompt and of the answer."""
    calls: int = 0
    """Requests to a model."""

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(self.nano_usd + other.nano_usd, self.tokens + other.tokens, self.calls + other.calls)


NOTHING, ONE_CALL = Amounts(), Amounts(calls=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The limits of one budget; None: not limited."""

    nano_usd: int | None = None
    tokens: int | None = None
    calls: int | None = None
    seconds: float | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Allowance:
        """
        Args:
            given: `usd` (dollars), `tokens`, `calls`, `seconds` -> a number from 0 on.
        Raises:
            ConfigError: another name, or another value; the message is a sentence about this one entry.
        """
        limits: dict[str, Any] = {}
        for name, value in given.items():
            if name not in _UNITS:
                close = nearest(name, _UNITS, 1)
                hint = f"did you mean {close[0]}?" if close else None
                raise ConfigError(f"a budget has no limit {name!r}; its limits are {', '.join(_UNITS)}", hint=hint)
            limits["nano_usd" if name == "usd" else name] = _limit(name, value)
        return cls(**limits)

    @classmethod
    def of_pairs(cls, pairs: Iterable[tuple[str, float]]) -> Allowance:
        """The same of pairs, as policies have them: whole numbers may be floats.

        Raises:
            ConfigError: as `of`.
        """
        whole = ("tokens", "calls")
        return cls.of({name: int(v) if name in whole and isinstance(v, float) and v.is_integer() else v for name, v in pairs})

    def __bool__(self) -> bool:
        """Whether anything is limited."""
        return self != NO_LIMITS

    def to_dict(self) -> dict[str, Any]:
        """Unit -> limit, for machines; money in dollars."""
        limits = {"usd": None if self.nano_usd is None else self.nano_usd / NANO, "tokens": self.tokens, "calls": self.calls}
        return {name: value for name, value in {**limits, "seconds": self.seconds}.items() if value is not None}


NO_LIMITS = Allowance()


def _said(value: Any) -> str:
    return f"{value}"[:40] if isinstance(value, Decimal) else preview(value, 40)


def _limit(name: str, value: Any) -> Any:
    whole = name in ("tokens", "calls")
    kind = "a whole number" if whole else "a number"
    wanted = f"the limit {name} of a budget must be {kind} from 0 to {_LARGEST:,}"
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float, Decimal)):
        raise ConfigError(f"{wanted}, got {_said(value)}")
    if (isinstance(value, Decimal) and value.is_nan()) or not 0 <= value <= _LARGEST:  # a float's NaN is not either
        raise ConfigError(f"{wanted}, got {_said(value)}")
    if name == "usd":  # as it is written: 0.1 is a tenth
        return int((Decimal(str(value)) * NANO).to_integral_value(ROUND_FLOOR))
    return float(value) if name == "seconds" else value


def parse_allowance(text: str) -> Allowance:
    """The limits in `usd=1.5,calls=20`.

    Raises:
        ConfigError: they cannot be read.
    """
    given: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or name in given:
            raise ConfigError(f"`{text}` is no budget", hint="write limits like usd=1.5,tokens=20000,calls=50,seconds=60")
        try:
            number = Decimal(value.strip())
        except InvalidOperation:
            raise ConfigError(f"`{value}` is no number", hint="write limits like usd=1.5,calls=50") from None
        fits = number.is_finite() and abs(number) <= _LARGEST  # an exponent is quickly written
        whole = name in ("tokens", "calls") and fits and number == number.to_integral_value()
        given[name] = int(number) if whole else number
    return Allowance.of(given)


def dollars(nano_usd: int) -> str:
    """Money for people: `$1.00`, `$0.0123`, `$0.000000450`: cents at least, and three digits that count below a cent."""
    if nano_usd % (NANO // 100) == 0 or nano_usd >= NANO:
        return f"${Decimal(nano_usd) / NANO:,.2f}"
    digits = 9 if nano_usd < 1000 else 2 + len(str(NANO // 10)) - len(str(nano_usd)) + 1
    return f"${Decimal(nano_usd) / NANO:.{min(9, max(4, digits))}f}"
