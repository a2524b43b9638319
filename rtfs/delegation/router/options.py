"""The costed router from the options of a policy file: `[engines.NAME] use = "costed"`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rtfs.delegation.router.engine import Candidate, CostedRouter, Limits, Weights
from rtfs.delegation.router.experience import Experience
from rtfs.delegation.router.quality import QualityModel
from rtfs.errors import ConfigError, nearest

_OPTIONS = ("targets", "weights", "limits", "model", "escalate", "explore")
_EXPECTED = ("quality", "latency_s", "completion_tokens", "context_tokens", "price")
_WEIGHTS = ("quality", "latency", "cost", "latency_scale_s", "token_scale")
_LIMITS = ("latency_s", "usd", "private_tags")


def router_of(options: Mapping[str, Any], experience: Experience | None = None) -> CostedRouter:
    """
    Args:
        options: `targets`, a table from targets to what is expected of them, or their array; `weights`; `limits`; `model`, a file
            that `rtfs route train` wrote; `escalate`; `explore`. docs/routing.md says what each means.
    Raises:
        ConfigError: an option that there is not, or a value that it cannot have.
    """
    _known(options, _OPTIONS, "the router")
    targets = options.get("targets", {})
    if isinstance(targets, list):
        targets = {target: {} for target in targets}
    if not isinstance(targets, Mapping) or not all(isinstance(target, str) for target in targets):
        raise ConfigError("the router's `targets` must be a table of targets", hint='targets = { "local:smollm2" = {} }')
    candidates = [Candidate.of(target, **_expected(target, expected)) for target, expected in targets.items()]
    weights = _table(options, "weights", _WEIGHTS)
    limits = _table(options, "limits", _LIMITS)
    tags = limits.pop("private_tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ConfigError("the router's `private_tags` must be an array of tags")
    escalate = options.get("escalate")
    return CostedRouter(
        candidates,
        weights=Weights(**{name: _number(value, name) for name, value in weights.items()}),
        limits=Limits(**{name: _number(value, name) for name, value in limits.items()}, private_tags=frozenset(tags)),
        model=_model(options.get("model")),
        escalate=None if escalate is None else _number(escalate, "escalate"),
        explore=_number(options.get("explore", 0), "explore"),
        experience=experience,
    )


def _expected(target: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ConfigError(f"what the router expects of `{target}` must be a table", hint="{ quality = 0.7, price = [0.6, 2.5] }")
    _known(given, _EXPECTED, f"`{target}`")
    found: dict[str, Any] = {name: _number(value, name) for name, value in given.items() if name != "price"}
    if found.get("quality", 0.0) > 1:
        raise ConfigError(f"`quality` of `{target}` must be from 0 to 1")
    if "context_tokens" in found:
        found["context_tokens"] = int(found["context_tokens"])
    if "price" in given:
        price = given["price"]
        if not isinstance(price, list) or len(price) != 2:
            raise ConfigError(f"`price` of `{target}` must be two numbers: dollars for a million tokens of prompts, and of answers")
        found["price"] = (_number(price[0], "price"), _number(price[1], "price"))
    return found


def _table(options: Mapping[str, Any], name: str, known: tuple[str, ...]) -> dict[str, Any]:
    found = options.get(name, {})
    if not isinstance(found, Mapping):
        raise ConfigError(f"the router's `{name}` must be a table")
    _known(found, known, f"`{name}`")
    return dict(found)


def _known(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for name in given:
        if name not in known:
            close = nearest(name, known)
            hint = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(known)}"
            raise ConfigError(f"{where} has no option `{name}`", hint=hint)


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ConfigError(f"the router's `{name}` must be a number from 0 on, got {value!r}")
    return float(value)


def _model(name: Any) -> QualityModel | None:
    if name is None:
        return None
    if not isinstance(name, str):
        raise ConfigError("the router's `model` must be the name of a file", hint="rtfs route train writes one")
    return read_model(name)


def read_model(name: str) -> QualityModel:
    """The model in a file.

    Raises:
        ConfigError: it cannot be read, or holds something else.
    """
    try:
        data = json.loads(Path(name).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {name}: {error.strerror or error}", hint="rtfs route train writes it") from error
    except ValueError as error:
        raise ConfigError(f"{name} is not a router's model: {error}", hint="rtfs route train writes one") from error
    return QualityModel.from_dict(data)
