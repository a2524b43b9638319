"""From the text of a policy file to the policy: everything that is wrong with it is found at once, with line and key."""

from __future__ import annotations

import os
import re
import tomllib

from rtfs.delegation.policy.fields import POLICY
from rtfs.delegation.policy.model import Policy
from rtfs.delegation.policy.places import Places
from rtfs.delegation.policy.problems import Problems
from rtfs.delegation.policy.resolving import View
from rtfs.errors import ConfigError, nearest
from rtfs.source import Source, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: A file that has other settings too, and the table in it that is the policy.
SHARED_FILE, TABLE = "rtfs.toml", "delegation"
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def read_policy(text: str, name: str, environment: str = "") -> Policy:
    """The policy that a text stands for, for an environment. Nothing in it is run, imported or looked up.

    Args:
        text: TOML: a policy, or a file with a table `[delegation]`, the only one that is then looked at.
        name: of the file, for messages.
        environment: whose overlay holds; empty for none.
    Raises:
        ConfigError: `invalid-policy`: the first of the mistakes, all others in `others`, in the order of the text; `config-error`:
            there is no such environment.
    """
    policies = read_all(text, name)
    policy = policies.get(environment)
    if policy is not None:
        return policy
    known = [name for name in policies if name]
    if not known:  # a file without overlays holds everywhere
        anywhere: Policy = policies[""].replace(environment=environment)
        return anywhere
    near = nearest(environment, known)
    hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}; an empty table makes one known"
    raise ConfigError(f"{name} has no environment `{environment}`", hint=hint)


def read_all(text: str, name: str) -> dict[str, Policy]:
    """The policies of all environments of a text, the one without overlay under the empty name; see `read_policy`."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    source = Source(name, text)
    data = _parsed(source)
    places = Places(source)
    problems = Problems(places)
    if isinstance(data.get(TABLE), dict):
        if os.path.basename(name) != SHARED_FILE:  # there, other tables are for others
            for key in {field.name for field in POLICY.fields} & data.keys():
                problems.error((key,), f"stands outside of [{TABLE}], which is the policy of this file", key=True)
        problems.root = (TABLE,)
        data = data[TABLE]
    values = POLICY.read(data, (), problems)
    overlays: dict[str, Any] = values.pop("environments", {})
    views = {"": View(values, problems)}
    for label, overlay in overlays.items():
        if not label:
            problems.error(("environments", label), "needs a name", key=True)
        views[label] = View(values, problems, label, overlay)
    found = {label: view.policy() for label, view in views.items()}
    for table, used in (
        ("targets", {name for view in views.values() for name in view.used_names}),
        ("engines", {name for view in views.values() for name in view.used_engines}),
    ):
        for name in values.get(table, {}):
            if name not in used:
                problems.warn((table, name), "is used by nothing", key=True)
    if problems.errors:
        raise first_of(problems.errors)
    warnings = tuple(in_order(problems.warnings))
    names = tuple(overlays)
    return {label: policy.replace(warnings=warnings, environments=names) for label, policy in found.items()}


def in_order(errors: list[ConfigError]) -> list[ConfigError]:
    return sorted(errors, key=lambda error: error.span.start if error.span is not None else 0)


def first_of(errors: list[ConfigError]) -> ConfigError:
    """The first error in the text, with the others in it."""
    first, *others = in_order(errors)
    first.others = others
    return first


def _parsed(source: Source) -> dict[str, Any]:
    try:
        return tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _AT.search(message)
        start = len(source.text)
        if place is not None:
            message = message[: place.start()]
            if place[1] is not None:
                start = _offset(source.text, int(place[1]), int(place[2]))
        message = message[:1].lower() + message[1:]
        span = Span(source, start, start)
        hint = "https://toml.io describes the format"
        raise ConfigError(f"not a TOML file: {message}", kind="invalid-policy", span=span, hint=hint) from None
    except RecursionError:
        raise ConfigError(
            "arrays and tables inside each other, deeper than any policy", kind="invalid-policy", span=Span(source, 0, 0)
        ) from None


def _offset(text: str, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    return start + column - 1
