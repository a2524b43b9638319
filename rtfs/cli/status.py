"""What delegated calls have to go on: models, keys, policy, budgets, and what the log says of the last days.

Models: which can be used from here; servers of this machine, and those that there is a key for, are asked for a list of their
models, and so whether they are there. In flight: how many requests a program may have under way. Budgets: of the policy in force
they begin anew with each run, and what was used is what the log has. Failing: targets whose last requests
of the past hour all failed. A program that runs leaves such a target alone for a while; only that program knows for how long.
"""

from __future__ import annotations

import os
import time

from rtfs.cli.logs import cost_text, shown, time_text
from rtfs.cli.options import add_output
from rtfs.cli.terminal import json_line
from rtfs.config import DEFAULT_IN_FLIGHT
from rtfs.errors import ConfigError
from rtfs.folders import log_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.delegation.log_queries import Streak, Usage

#: label -> seconds
PERIODS = {"last hour": 3600, "last 24 hours": 86_400, "last 30 days": 30 * 86_400}


def arguments(parser: Any) -> None:
    parser.usage = "rtfs status [--policy FILE] [--env NAME] [--offline] [--json]"
    parser.add_argument("--policy", metavar="FILE", help="the policy file; as `rtfs run` finds it in this folder when left out")
    parser.add_argument("--env", metavar="NAME", help="the environment whose overlay holds; RTFS_ENV when left out")
    parser.add_argument("--offline", action="store_true", help="ask no server whether it is there")
    add_output(parser)


def execute(options: Any, terminal: Terminal) -> int:
    in_force = policy(options, terminal)
    known, at_once = models(terminal, ask=not options.offline)
    found = {
        "models": known,
        "keys": keys(terminal),
        "policy": in_force,
        "in_flight": {"all": DEFAULT_IN_FLIGHT, **at_once, **(in_force or {}).get("max_in_flight", {})},
        **log(log_path(terminal.environ), time.time()),
    }
    if options.json:
        terminal.result(json_line(found))
    else:
        for line in lines(found):
            terminal.result(line)
    return 0


def models(terminal: Terminal, *, ask: bool) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """What can be used, and how many requests those answer at once that say so: by model.

    Args:
        ask: have servers say whether they are there.
    """
    from rtfs.models import weights
    from rtfs.models.registry import default_registry

    registry = default_registry(
        terminal.environ, weights.default_data_dir(terminal.environ), weights.default_cache_dir(terminal.environ)
    )
    try:
        entries = registry.entries(ask=ask)
    finally:
        registry.close()
    found = [
        {
            "name": entry.name,
            "kind": entry.kind,
            "provider": entry.provider,
            "usable": entry.availability.usable,
            "reached": entry.reached,
            "detail": entry.availability.detail,
            "hint": entry.availability.hint,
        }
        for entry in entries
    ]
    return found, {entry.name: entry.at_once for entry in entries if entry.at_once is not None}


def keys(terminal: Terminal) -> dict[str, Any]:
    """Which keys there are; never the keys."""
    from rtfs.cli.keys import found_keys
    from rtfs.keys import KeyStore

    store = KeyStore.of(terminal.environ)
    try:
        found = found_keys(terminal.environ, store)
    except ConfigError as error:
        return {"error": error.message}
    return {"found": [record for record in found if record["places"]]}


def policy(options: Any, terminal: Terminal) -> dict[str, Any] | None:
    """The policy in force for a program in this folder; None when there is none."""
    from rtfs.delegation.policy.files import ENVIRONMENT_VARIABLE, find_policy, load_policy

    environment = terminal.environ.get(ENVIRONMENT_VARIABLE, "") if options.env is None else options.env
    path = options.policy
    try:
        path = path or find_policy(".", terminal.environ)
        if path is None:
            return None
        found = load_policy(path, environment)
    except ConfigError as error:
        return {"path": path, "environment": environment, "error": error.message}
    return {
        "path": path,
        "environment": environment,
        "rules": len(found.rules),
        "engines": sorted(found.engines),
        "tenants": sorted(found.tenants),
        "budget": dict(found.budget),
        "max_in_flight": {one.name: one.most for one in found.max_in_flight},
        "call_budget": dict(found.settings.budget),
        "warnings": len(found.warnings),
    }


def log(path: str, now: float) -> dict[str, Any]:
    """What the log tells; an error when it cannot be read."""
    from rtfs.delegation.breaker import Breakers
    from rtfs.delegation.log_queries import failing_targets, usage_since

    about: dict[str, Any] = {"log": {"path": path, "size_bytes": os.path.getsize(path) if os.path.exists(path) else 0}}
    try:
        about["used"] = {label: _usage_dict(usage_since(path, now - seconds)) for label, seconds in PERIODS.items()}
        breakers = Breakers()
        about["failing"] = [_streak_dict(streak, breakers, now) for streak in failing_targets(path, now - 3600)]
    except ConfigError as error:
        about["log"]["error"] = error.message
    return about


def _usage_dict(usage: Usage) -> dict[str, Any]:
    return {name: getattr(usage, name) for name in ("calls", "failed", "tokens", "cost_usd", "unknown")}


def _streak_dict(streak: Streak, breakers: Any, now: float) -> dict[str, Any]:
    """`left_alone`: whether a program that saw all these failures itself would not ask the target now."""
    return {
        "target": streak.target,
        "failures": streak.failures,
        "last": streak.last,
        "outcome": streak.outcome,
        "problem": streak.problem,
        "left_alone": streak.failures >= breakers.threshold and now - streak.last < breakers.pause_s,
    }


def calls_text(count: int) -> str:
    return f"{count:,} {'call' if count == 1 else 'calls'}"


# --- as text ---------------------------------------------------------------------------------


def lines(found: dict[str, Any]) -> list[str]:
    out = ["models"]
    width = max([len(model["name"]) for model in found["models"]], default=0)
    for model in found["models"]:
        state = model["reached"]
        if state in (None, "not asked"):
            state = "usable" if model["usable"] else "not usable"
        note = f" ({model['reached']})" if model["reached"] == "not asked" else ""
        out.append(f"  {model['name']:<{width}}  {model['kind']:<6}  {state:<13}  {model['detail']}{note}")
    out += ["keys", *[f"  {line}" for line in key_text(found["keys"])]]
    out += ["policy", *[f"  {line}" for line in policy_lines(found["policy"])]]
    out += ["in flight", *[f"  {name}  {most:,} at once" for name, most in found["in_flight"].items()], "log"]
    about = found["log"]
    out.append(f"  {about['path']}, {about['size_bytes'] / 1e6:.2f} MB" if about["size_bytes"] else f"  {about['path']}: none yet")
    if "error" in about:
        return [*out, f"  {about['error']}"]
    out.append("used")
    for label, usage in found["used"].items():
        unknown = f", and {calls_text(usage['unknown'])} of unknown cost" if usage["unknown"] else ""
        failed = f" ({usage['failed']:,} without an answer of a model)" if usage["failed"] else ""
        cost = cost_text(usage["cost_usd"])
        out.append(f"  {label:<13}  {calls_text(usage['calls'])}{failed}, {usage['tokens']:,} tokens, {cost}{unknown}")
    out.append("failing")
    for streak in found["failing"]:
        alone = "; a program that runs leaves it alone for a moment" if streak["left_alone"] else ""
        count = streak["failures"]
        what = f"{count} {'failure' if count == 1 else 'failures in a row'}, the last at {time_text(streak['last'])}"
        out.append(f"  {shown(streak['target'])}  {what}: {shown(streak['problem'] or streak['outcome'])}{alone}")
    if not found["failing"]:
        out.append("  none")
    return out


def key_text(found: dict[str, Any]) -> list[str]:
    from rtfs.cli.keys import key_lines

    return [found["error"]] if "error" in found else key_lines(found["found"]) or ["none"]


def policy_lines(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return ["none: functions with a hint go where it says, all others run here"]
    where = (found["path"] or "RTFS_POLICY") + (f", environment {found['environment']}" if found["environment"] else "")
    if "error" in found:
        return [where, f"cannot be used: {found['error']} (`rtfs policy check` says more)"]
    out = [f"{where}: {found['rules']} {'rule' if found['rules'] == 1 else 'rules'}"]
    for key, label in (("budget", "budget of a run"), ("call_budget", "budget of a call")):
        if found[key]:
            out.append(f"{label}: {', '.join(f'{unit} {amount:g}' for unit, amount in found[key].items())}")
    if found["warnings"]:
        out.append(f"{found['warnings']} warnings: `rtfs policy check` shows them")
    return out
