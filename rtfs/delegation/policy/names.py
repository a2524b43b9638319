"""The names that a policy file gives to targets and chains of targets, and what is written in their place."""

from __future__ import annotations

from rtfs.delegation.policy.model import written
from rtfs.delegation.targets import ExecTarget, ModelTarget, parse_target
from rtfs.errors import ConfigError, nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from rtfs.delegation.policy.places import Path
    from rtfs.delegation.policy.problems import Problems

_LOCAL = ("local", "body", "local_pure", "local-pure")
_FORMS = "write local (the function's own body), local:MODEL, remote:MODEL, code:HASH, or a name in [targets]"


class Names:
    """Finds targets.

    Args:
        layers: (path of its `[targets]`, name -> texts), the later ones over the earlier.
        wrong: names of which something is wrong that has been reported; they stand for no target.
    """

    def __init__(
        self, problems: Problems, layers: list[tuple[Path, dict[str, tuple[str, ...]]]], wrong: frozenset[str] = frozenset()
    ) -> None:
        self._problems = problems
        self._texts: dict[str, tuple[str, ...]] = dict.fromkeys(wrong, ())
        paths: dict[str, Path] = {}
        for path, names in layers:
            for name, texts in names.items():
                self._texts[name] = texts
                paths[name] = (*path, name)
        self._chains: dict[str, tuple[ExecTarget, ...]] = {}
        self.used: set[str] = set()
        """The names that something outside of `[targets]` leads to."""
        for name, path in paths.items():
            if ":" in name or name in _LOCAL or not name:
                problems.error(path, "cannot be a name", hint="choose one without a colon, and other than local", key=True)
            self._chains[name] = self._chain(self._texts[name], path, (name,))
        self.used.clear()

    def all(self) -> dict[str, tuple[ExecTarget, ...]]:
        return dict(self._chains)

    def chain(self, texts: tuple[str, ...], path: Path, *, key: bool = False) -> tuple[ExecTarget, ...]:
        """The targets that names and targets stand for, each once.

        Args:
            key: the text is the key at the path, not its value.
        """
        return self._chain(texts, path, (), key=key)

    def _chain(self, texts: tuple[str, ...], path: Path, inside: tuple[str, ...], *, key: bool = False) -> tuple[ExecTarget, ...]:
        found: list[ExecTarget] = []
        for i, text in enumerate(texts):
            place = (*path, i) if len(texts) > 1 else path
            if text in inside:
                self._problems.error(place, f"leads back to itself: {' → '.join((*inside, text))}")
            elif text in self._texts:
                self.used.add(text)
                known = self._chains.get(text)  # empty when something is wrong with it, which has been said
                found += self._chain(self._texts[text], path, (*inside, text)) if known is None else known
            else:
                found += self._target(text, place, key)
        return tuple(dict.fromkeys(found))

    def _target(self, text: str, path: Path, key: bool) -> list[ExecTarget]:
        if ":" not in text and text not in _LOCAL:
            near = nearest(text, [*self._texts, "local"])
            hint = f"did you mean `{near[0]}`?" if near else _FORMS
            self._problems.error(path, "is no target of the file" if key else f"names no target: `{text}`", hint=hint, key=key)
            return []
        try:
            target = parse_target(text)
        except ConfigError:
            target = None
        if target is None or (isinstance(target, ModelTarget) and target.model != target.model.strip()):
            self._problems.error(path, f"is not a target: `{text}`", hint=_FORMS, key=key)
            return []
        return [target]

    def patterns(self, texts: Iterable[str], path: Path) -> tuple[str, ...]:
        """Patterns of targets, with names replaced by what they stand for. One that fits nothing is a slip, and a dangerous one."""
        found: list[str] = []
        texts = tuple(texts)
        for i, text in enumerate(texts):
            kind, colon, model = text.partition(":")
            if text in self._texts:
                self.used.add(text)
                found += [written(target) for target in self._chains.get(text, ())]
            elif text == "*" or (colon and model and kind in ("local", "remote", "*")):
                found.append(text)
            else:
                near = nearest(text, self._texts)
                forms = "write remote:* for all remote models, local:MODEL, or a name in [targets]"
                hint = f"did you mean `{near[0]}`?" if near else forms
                self._problems.error((*path, i) if len(texts) > 1 else path, f"fits no target: `{text}`", hint=hint)
        return tuple(dict.fromkeys(found))

    def counted(self, text: str, path: Path) -> tuple[str, ...]:
        """What a key of `[max_in_flight]` stands for: a provider, or targets."""
        kind, colon, model = text.partition(":")
        if text in self._texts:
            self.used.add(text)
            return tuple([written(target) for target in self._chains.get(text, ()) if isinstance(target, ModelTarget)])
        if colon and not (model and kind in ("local", "remote", "*")):
            hint = f"a model of a provider is a target: remote:{text}"
            self._problems.error(path, "is neither a provider nor a target", hint=hint, key=True)
        elif not colon:
            known = _known_providers()
            if text not in known:
                near = nearest(text, [*self._texts, *known])
                hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
                self._problems.warn(path, "is the name of no provider that RTFS brings", hint=hint, key=True)
        return (text,)


def _known_providers() -> list[str]:
    from rtfs.models.presets import PRESETS

    return ["llama.cpp", "openai-compatible", *[preset.name for preset in PRESETS]]
