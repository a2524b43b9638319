"""The second look at a policy file: what the keys mean together. Names lead to targets, overlays are laid over, rules are made."""

from __future__ import annotations

import os

from rtfs.delegation.context import hash_64
from rtfs.delegation.policy.kinds import Values
from rtfs.delegation.policy.model import Conditions, Engine, InFlight, Limits, MetadataCondition, Option, Policy, Rule
from rtfs.delegation.policy.names import Names
from rtfs.delegation.settings import CallSettings
from rtfs.delegation.tags import PRIVATE
from rtfs.delegation.targets import LOCAL, LocalModel, RemoteModel
from rtfs.errors import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.delegation.policy.places import Path
    from rtfs.delegation.policy.problems import Problems
    from rtfs.source import Span

#: What is remembered of each rule grows with their number.
MOST_RULES = 10_000
#: The kinds of values, as `context.shape_of` calls them.
KINDS = (
    "nil", "boolean", "integer", "float", "string", "keyword", "symbol", "vector", "list", "map", "function", "timestamp", "uuid",
    "resource-handle", "error", "object",
)  # fmt: skip


class View:
    """A policy's values as they hold in one environment: its overlay over the rest.

    Tables are merged key by key.  The overlay's rules come before the others, but one with the name of another takes its place.
    Limits add up: an overlay can forbid, and can allow nothing that is forbidden without it.
    """

    def __init__(
        self, base: dict[str, Any], problems: Problems, environment: str = "", overlay: dict[str, Any] | None = None
    ) -> None:
        self._base, self._overlay = base, overlay or {}
        self._problems = problems
        self._environment = environment
        self._path: Path = ("environments", environment) if overlay is not None else ()
        self._engines: dict[str, Engine] = {}
        self.used_engines: set[str] = set()
        names = [((*path, "targets"), layer.get("targets", Values())) for path, layer in self._layers()]
        self._names = Names(problems, names, frozenset().union(*[table.wrong for _, table in names]))

    def policy(self) -> Policy:
        settings = self._settings = self._merged("settings")
        engines = {
            name: Engine(found.get("use", name), tuple(found.get("options", {}).items()), self._place_of_engine(name))
            for name, found in self._merged("engines").items()
        }
        self._engines = engines
        rules = self._rules()
        limits = self._limits("the policy", self._layers())
        tenants = {name: self._tenant(name) for name in self._merged("tenants")}
        # an overlay is there to take from the others: only what stands in it is doubtful in it
        own = [(path, rule) for path, rule in rules if path[: len(self._path)] == self._path]
        for path, rule in own:
            self._doubts(path, rule, limits)
        for path, reason in shadowed(own):
            self._problems.warn(path, reason)
        return Policy(
            source=os.path.basename(self._problems.source),
            environment=self._environment,
            rules=tuple([rule for _, rule in rules]),
            settings=call_settings(settings),
            budget=tuple(self._merged("budget").items()),
            max_in_flight=self._in_flight(),
            limits=limits,
            private_tags=frozenset({PRIVATE, *[tag for _, layer in self._layers() for tag in _tags(layer, "private_tags")]}),
            tenants=tenants,
            engines=engines,
            targets=self._names.all(),
        )

    @property
    def used_names(self) -> set[str]:
        return self._names.used

    def _place_of_engine(self, name: str) -> Span:
        path = self._path if name in self._overlay.get("engines", {}) else ()
        return self._problems.place((*path, "engines", name))

    def _merged(self, name: str) -> dict[str, Any]:
        return {**self._base.get(name, {}), **self._overlay.get(name, {})}

    # --- limits ---

    def _in_flight(self) -> tuple[InFlight, ...]:
        layers = {name: path for path, layer in self._layers() for name in layer.get("max_in_flight", {})}
        found = []
        for name, most in self._merged("max_in_flight").items():
            patterns = self._names.counted(name, (*layers[name], "max_in_flight", name))
            found.append(InFlight(name=name, most=most, patterns=patterns))
        return tuple(found)

    def _tenant(self, name: str) -> Limits:
        layers = [((*path, "tenants", name), layer.get("tenants", {}).get(name, {})) for path, layer in self._layers()]
        return self._limits(f"tenant `{name}`", layers)

    def _layers(self) -> list[tuple[Path, dict[str, Any]]]:
        return [((), self._base), (self._path, self._overlay)]

    def _limits(self, whose: str, layers: list[tuple[Path, dict[str, Any]]]) -> Limits:
        allow = [self._names.patterns(layer["allow"], (*path, "allow")) for path, layer in layers if "allow" in layer]
        deny = [self._names.patterns(layer.get("deny", ()), (*path, "deny")) for path, layer in layers]
        budget = {key: value for _, layer in layers for key, value in layer.get("budget", {}).items()}
        return Limits(whose, tuple(allow), tuple([text for patterns in deny for text in patterns]), tuple(budget.items()))

    # --- rules ---

    def _rules(self) -> list[tuple[Path, Rule]]:
        of = f" of environment `{self._environment}`"
        base = self._labelled(self._base.get("rules", []), ("rules",), "")
        overlay = self._labelled(self._overlay.get("rules", []), (*self._path, "rules"), of) if self._overlay else []
        places = {label: i for i, (label, _, _) in enumerate(base)}
        first = []
        for entry in overlay:
            if entry[0] in places:
                base[places[entry[0]]] = entry
            else:
                first.append(entry)
        if len(first) + len(base) > MOST_RULES:
            self._problems.error((*self._path, "rules"), f"has more than {MOST_RULES:,} rules", key=True)
            return []
        made = [(path, self._rule(label, values, path)) for label, values, path in first + base if values is not None]
        return [(path, rule) for path, rule in made if rule is not None]

    def _labelled(self, rules: list[Any], path: Path, of: str) -> list[tuple[str, Any, Path]]:
        found: list[tuple[str, Any, Path]] = []
        seen: dict[str, int] = {}
        for i, values in rules:
            name = (values or {}).get("name")
            if name in seen:
                self._problems.error((*path, i, "name"), f"is that of rule {seen[name] + 1} too")
            elif name is not None:
                seen[name] = i
            found.append((f"rule `{name}`" if name is not None else f"rule {i + 1}{of}", values, (*path, i)))
        return found

    def _rule(self, label: str, values: Values, path: Path) -> Rule | None:
        chosen = tuple([name for name in CallSettings._fields if name in values])
        ways = [name for name in ("target", "weights", "engine") if name in values]
        options: list[Option] = []
        if not ways and values.wrong.isdisjoint(("target", "weights", "engine")):
            hint = "write target = \"local\" to run the function's own body"
            self._problems.error(path, "says nothing of where calls go: it needs `target`, `weights` or `engine`", hint=hint)
        elif not ways:
            pass  # reported already
        elif len(ways) > 1:
            self._problems.error((*path, ways[1]), f"is one too many: there is `{ways[0]}` already", key=True)
        elif ways == ["target"]:
            options = [Option(self._names.chain(values["target"], (*path, "target")))]
        elif ways == ["weights"]:
            for name, weight in values["weights"]:
                options.append(Option(self._names.chain((name,), (*path, "weights", name), key=True), weight))
        elif values["engine"] in {name for _, layer in self._layers() for name in layer.get("engines", Values()).wrong}:
            pass
        elif values["engine"] not in self._engines:
            near_engines = nearest(values["engine"], self._engines)
            hint = f"did you mean `{near_engines[0]}`?" if near_engines else "describe it: [engines.NAME] with use = …"
            self._problems.error((*path, "engine"), f"names no engine of the file: `{values['engine']}`", hint=hint)
        else:
            self.used_engines.add(values["engine"])
        fallbacks = self._names.chain(values["fallback"], (*path, "fallback")) if "fallback" in values else ()
        return Rule(
            label=label,
            conditions=self._conditions(values, path),
            options=tuple([option for option in options if option.chain]),
            fallbacks=fallbacks,
            engine=values.get("engine") if ways == ["engine"] else None,
            settings=call_settings({**self._settings, **{name: values[name] for name in chosen}}),
            chosen=chosen,
            span=self._problems.place(path),
        )

    def _conditions(self, values: dict[str, Any], path: Path) -> Conditions:
        low, high = values.get("min_chars"), values.get("max_chars")
        if low is not None and high is not None and low > high:
            self._problems.error((*path, "max_chars"), f"is less than `min_chars`, {low}: no call fits")
        for tag in _tags(values, "tags"):
            if tag in _tags(values, "without_tags"):
                self._problems.error((*path, "without_tags"), f"has `{tag}`, and so has `tags`: no call fits")
        metadata = values.get("metadata")
        if metadata is not None and not metadata and not metadata.wrong:
            self._problems.error((*path, "metadata"), "asks for nothing")
        args = values.get("args")
        shapes = None if args is None else tuple([self._shape(text, (*path, "args", i)) for i, text in enumerate(args)])
        return Conditions(
            symbols=values.get("symbol", ()),
            modules=values.get("module", ()),
            args=shapes,
            fingerprint=None if shapes is None else hash_64(*shapes) if shapes else 0,
            tags=_tags(values, "tags"),
            without_tags=_tags(values, "without_tags"),
            tenants=values.get("tenant", ()),
            min_chars=low,
            max_chars=high,
            metadata=MetadataCondition(**metadata) if metadata else None,
        )

    def _shape(self, text: str, path: Path) -> str:
        """A shape as `context.shape_of` writes it: kinds in alphabetical order, without blanks."""
        outer, bracket, inner = text.replace(" ", "").rstrip(">").partition("<")
        if bracket and outer not in ("vector", "list", "map"):
            self._problems.error(path, f"gives `{outer}` something to hold: only vector, list and map do")
        parts = inner.split(",") if bracket else []
        for kind in (outer, *[kind for part in parts for kind in part.split("|") if kind]):
            if kind not in KINDS:
                near = nearest(kind, KINDS)
                hint = f"did you mean `{near[0]}`?" if near else f"kinds: {', '.join(KINDS)}"
                self._problems.error(path, f"names no kind of value: `{kind}`", hint=hint)
        return f"{outer}<{','.join('|'.join(sorted(part.split('|'))) for part in parts)}>" if bracket else outer

    # --- what is doubtful ---

    def _doubts(self, path: Path, rule: Rule, limits: Limits) -> None:
        targets = [target for option in rule.options for target in option.chain] + list(rule.fallbacks)
        longest = max([len(option.chain) for option in rule.options], default=0) + len(rule.fallbacks)
        if rule.engine is None and longest < 2:
            for name in ("accept_above", "hedge_after_s"):
                if name in rule.chosen:
                    self._problems.warn((*path, name), "has no effect: there is no further target to ask", hint="add `fallback`")
        if "patterns" in rule.chosen and rule.engine is None and LocalModel("rules") not in targets:
            self._problems.warn((*path, "patterns"), "has no effect: `local:rules` is not among the rule's targets")
        for chain in [(*option.chain, *rule.fallbacks) for option in rule.options]:
            if LOCAL in chain[:-1]:
                self._problems.warn(path, "the function's own body always answers: what comes after `local` is never asked")
        if targets and rule.engine is None and all(limits.refusal(target) for target in targets):
            reason = limits.refusal(targets[0])
            self._problems.warn(path, f"none of its targets may be used, as {reason}: its calls run the function's own body")
        private = [tag for tag in rule.conditions.tags if tag == PRIVATE]
        if private and targets and all(isinstance(target, RemoteModel) for target in targets):
            self._problems.warn(path, "is for private calls, which reach no remote target: they run the function's own body")


def _tags(values: dict[str, Any], name: str) -> tuple[str, ...]:
    """Tags, which may be written as programs do: `:private`."""
    return tuple([tag.removeprefix(":") for tag in values.get(name, ())])


def call_settings(values: dict[str, Any]) -> CallSettings:
    known = {name: value for name, value in values.items() if name in CallSettings._fields}
    if "budget" in known:
        known["budget"] = tuple(known["budget"].items())
    return CallSettings(**known)


def shadowed(rules: list[tuple[Path, Rule]]) -> list[tuple[Path, str]]:
    """Rules that no call reaches, and why: one before them takes all that they could get."""
    found = []
    seen: dict[Conditions, str] = {}
    everything: str | None = None
    for path, rule in rules:
        if everything is not None:
            found.append((path, f"is never reached: {everything}, before it, fits every call"))
        elif rule.conditions in seen:
            found.append((path, f"is never reached: {seen[rule.conditions]}, before it, is for the same calls"))
        elif rule.conditions == Conditions() or (rule.conditions == Conditions(symbols=("*",))):
            everything = rule.label
        seen.setdefault(rule.conditions, rule.label)
    return found
