"""What models cost: tables in files, of which the user's come before the one that RTFS brings (`data/prices.toml` has the form).

A price belongs to a model on a server: the same id costs something else elsewhere.  What has no entry has no price, which is not
the same as costing nothing.  Prices are integers, billionths of a dollar for a million tokens, and costs are rounded up.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from rtfs.delegation.allowance import NANO
from rtfs.errors import ConfigError, nearest
from rtfs.folders import config_folder
from rtfs.source import Source, Span

PRICES_VARIABLE = "RTFS_PRICES"
OWN_FILE = Path(__file__).parent / "data" / "prices.toml"
_MILLION = 10**6
_MOST = 10**9  # dollars for a million tokens: no price, but a slip
_RATES = ("input", "output", "cached")
_KEYS = ("server", "model", *_RATES, "max_prompt", "source", "date")


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one or several models of a server cost."""

    server: str
    """The host that is asked, as a pattern; for a provider without one, the provider's name."""
    models: tuple[str, ...]
    """Patterns of ids."""
    input: int
    """Billionths of a dollar for a million tokens, as are `output` and `cached`."""
    output: int
    cached: int
    max_prompt: int | None = None
    """The price holds for prompts of at most so many tokens."""
    source: str = ""
    date: str = ""

    def fits(self, server: str, model: str, prompt_tokens: int) -> bool:
        return (
            (self.max_prompt is None or prompt_tokens <= self.max_prompt)
            and fnmatchcase(server, self.server)
            and any(fnmatchcase(model, pattern) for pattern in self.models)
        )

    def cost(self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> int:
        """Billionths of a dollar, rounded up; `cached_tokens` are some of those of the prompt."""
        cached = min(cached_tokens, prompt_tokens)
        total = (prompt_tokens - cached) * self.input + cached * self.cached + completion_tokens * self.output
        return -(-total // _MILLION)


class PriceTable:
    """Prices in the order in which they are looked for."""

    def __init__(self, prices: Iterable[Price]) -> None:
        self.prices = tuple(prices)
        self._found: dict[tuple[str, str], tuple[Price, ...]] = {}

    def find(self, server: str, model: str, prompt_tokens: int = 0) -> Price | None:
        """The first price for such a prompt to a model of a server; None when none is known."""
        candidates = self._found.get((server, model))
        if candidates is None:
            candidates = tuple([price for price in self.prices if price.fits(server, model, 0)])
            if len(self._found) < _REMEMBERED:
                self._found[server, model] = candidates
        for price in candidates:
            if price.max_prompt is None or prompt_tokens <= price.max_prompt:
                return price
        return None

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> PriceTable:
        """The user's prices, then those that RTFS brings.

        Raises:
            ConfigError: the user's file cannot be read, or an entry is not what it should be.
        """
        own = user_file(environ)
        return cls([*(read_prices(own) if own is not None else ()), *_brought()])


#: Models whose price is remembered; a program may make up ids without end.
_REMEMBERED = 1_000


def user_file(environ: Mapping[str, str]) -> Path | None:
    """The user's table: the file that `RTFS_PRICES` names, else `prices.toml` in the configuration folder, if there is one."""
    named = environ.get(PRICES_VARIABLE, "").strip()
    if named:
        return Path(named).expanduser()
    usual = Path(config_folder(environ), "prices.toml")
    return usual if usual.is_file() else None


@cache
def _brought() -> tuple[Price, ...]:
    return tuple(read_prices(OWN_FILE))


class _Mistake(Exception):
    """What is wrong with an entry, and under which of its keys; never leaves this module."""

    def __init__(self, key: str | None, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.key, self.message, self.hint = key, message, hint


def read_prices(path: Path) -> list[Price]:
    """The prices of a file, in its order.

    Raises:
        ConfigError: it cannot be read, is not TOML, or an entry is wrong; names file, line and entry.
    """
    try:
        text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
        data = tomllib.loads(text, parse_float=Decimal)
    except OSError as error:
        raise ConfigError(f"cannot read the prices in {path}: {error.strerror}", hint=f"check {PRICES_VARIABLE}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    unknown = [name for name in data if name != "price"]
    entries = data.get("price", [])
    if unknown or not isinstance(entries, list):
        wrong = unknown[0] if unknown else "price"
        message = f"{path}: `{wrong}` is not what a table of prices holds"
        raise ConfigError(message, span=_place(path, text, (wrong,)), hint="begin each entry with [[price]]")
    found = []
    for i, entry in enumerate(entries):
        try:
            found.append(_price(entry))
        except _Mistake as mistake:
            place = ("price", i) if mistake.key is None else ("price", i, mistake.key)
            message = f"{path}, entry {i + 1}: {mistake.message}"
            raise ConfigError(message, span=_place(path, text, place), hint=mistake.hint) from None
    return found


def _place(path: Path, text: str, keys: tuple[str | int, ...]) -> Span:
    from rtfs.delegation.policy.places import Places

    return Places(Source(str(path), text)).value(keys)


def _price(entry: Any) -> Price:
    if not isinstance(entry, dict):
        raise _Mistake(None, "an entry begins with [[price]]")
    for key in entry:
        if key not in _KEYS:
            close = nearest(key, _KEYS)
            raise _Mistake(key, f"`{key}` is unknown", f"did you mean `{close[0]}`?" if close else None)
    models = entry.get("model")
    models = [models] if isinstance(models, str) else models
    if not isinstance(models, list) or not models or not all(isinstance(model, str) and model for model in models):
        raise _Mistake("model", "`model` must be the id of a model, or several in brackets")
    server = entry.get("server", "*")
    if not isinstance(server, str) or not server:
        raise _Mistake("server", "`server` must be a host, such as api.openai.com")
    rates = {name: _rate(entry[name], name) for name in _RATES if name in entry}
    missing = [name for name in ("input", "output") if name not in rates]
    if missing:
        raise _Mistake(None, f"`{missing[0]}` is missing", "dollars for a million tokens; 0 for a model that is free")
    most = entry.get("max_prompt")
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most <= 0):
        raise _Mistake("max_prompt", "`max_prompt` must be a number of tokens")
    return Price(
        server=server,
        models=tuple(models),
        input=rates["input"],
        output=rates["output"],
        cached=rates.get("cached", rates["input"]),
        max_prompt=most,
        source=str(entry.get("source", "")),
        date=str(entry.get("date", "")),
    )


def _rate(value: Any, name: str) -> int:
    number = type(value) is int or (isinstance(value, Decimal) and value.is_finite())
    if not number or not 0 <= value <= _MOST:
        raise _Mistake(name, f"`{name}` must be dollars for a million tokens, from 0 on")
    return int((Decimal(value) * NANO).to_integral_value(ROUND_CEILING))
