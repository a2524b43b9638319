"""Which provider answers for a model name.

A registry belongs to who makes it: a `Runtime` that is given none makes one and closes it; one that is given may be used by
several, and whoever gives it closes it.  It holds providers, or factories that are called when a provider is first asked for:
listing and resolving import no model library.

Every entry is `local`, `remote` or `any`, and a hint reaches only its own side: a function that says `:local-model` is
never answered by another machine, whatever the host registered under that name.  One entry of each side may be its
*default*: it answers for all model ids that are not registered by name (`llama.cpp` for local ones, `openai-compatible`
for remote ones) and is not itself a model name.  A *preset* answers for all ids that begin with its name and a colon,
`kimi:kimi-k2.6`, and is asked for what follows.  `echo` is registered by name for both sides, `rules` for the local one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rtfs.errors import ConfigError, DelegationError, nearest
from rtfs.models.protocol import Availability, ModelProvider, at_once
from rtfs.models.reaching import NOT_ASKED, Reached, reach_all

KINDS = ("local", "remote", "any")
#: target of a hint -> side of the registry
SIDES = {"local-model": "local", "remote": "remote"}

Factory = Callable[[], ModelProvider]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One line of `rtfs models`."""

    name: str
    kind: str
    """`local`, `remote` or `any`."""
    provider: str
    """The entry of the registry that answers for it."""
    availability: Availability
    default: bool = False
    """It stands for all ids of its side that have no entry of their own."""
    at_once: int | None = None
    """How many requests of it its provider answers at once, where it says so."""
    reached: str | None = None
    """What became of asking its server (`reaching.Reached.state`); None for what has none, or cannot be used anyway."""

    @property
    def state(self) -> str:
        """For people: whether it can be used, as far as that is known."""
        if self.reached not in (None, NOT_ASKED):
            return str(self.reached)
        return "usable" if self.availability.usable else "not usable"


@dataclass(slots=True, kw_only=True)
class _Entry:
    name: str
    kind: str
    default: bool
    provider: ModelProvider | None
    factory: Factory | None
    models: Callable[[], Iterable[str]] | None
    knows: Callable[[str], bool] | None
    prefix: bool = False
    """It answers for ids that begin with its name and a colon."""
    lock: threading.Lock = field(default_factory=threading.Lock)


class ModelRegistry:
    """Names to model providers. Safe to use from several threads."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._listeners: list[Callable[[], None]] = []

    def __enter__(self) -> ModelRegistry:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def listen(self, changed: Callable[[], None]) -> None:
        """Have `changed` called after each registration: what was decided with others may be decided otherwise."""
        self._listeners.append(changed)

    def forget(self, changed: Callable[[], None]) -> None:
        """Take back what `listen` was given."""
        if changed in self._listeners:
            self._listeners.remove(changed)

    def register(
        self,
        name: str,
        provider: ModelProvider | Factory,
        *,
        kind: str = "any",
        default: bool = False,
        prefix: bool = False,
        models: Callable[[], Iterable[str]] | None = None,
        knows: Callable[[str], bool] | None = None,
        replace: bool = False,
    ) -> None:
        """Bind a name to a provider, or to a function without parameters that makes one when it is first needed.

        Args:
            kind: which hints reach it: `local`, `remote` or `any` (both).
            default: it answers for the model ids of its side that have no entry of their own; `name` is then the name
                of the provider, not of a model.
            prefix: it answers for the ids that begin with its name and a colon, and is asked for what follows the colon.
            models: for a default: the ids to list and to suggest.
            knows: for a default: whether it can be asked for an id; without it, those that `models` gives, and without
                that, any.
            replace: take the place of an entry of this name, whose provider is closed.
        Raises:
            ConfigError: the name is taken, the kind is none of the three, or the side has a default already.
        """
        if kind not in KINDS:
            raise ConfigError(f"model kind `{kind}` is none of {', '.join(KINDS)}")
        if not name:
            raise ConfigError("a model needs a name")
        # a class is a factory, although its instances' methods show on it
        is_ready = hasattr(provider, "complete") and not isinstance(provider, type)
        ready, factory = (provider, None) if is_ready else (None, provider)
        if not is_ready and not callable(factory):
            raise ConfigError(f"model `{name}`: expected a provider or a function that makes one")
        if knows is None and models is not None:
            listed = models

            def knows(model: str) -> bool:
                return model in set(listed())

        if prefix and (default or ":" in name):
            raise ConfigError(f"`{name}` cannot stand before a colon", hint="a preset is no default, and has no colon in its name")
        entry = _Entry(
            name=name,
            kind=kind,
            default=default,
            prefix=prefix,
            provider=ready,  # type: ignore[arg-type]
            factory=factory,  # type: ignore[arg-type]
            models=models,
            knows=knows,
        )
        with self._lock:
            previous = self._entries.get(name)
            if previous is not None and not replace:
                raise ConfigError(f"model `{name}` is registered already", hint="pass replace=True to take its place")
            if default:
                taken = next((e for e in self._defaults(kind) if e is not previous), None)
                if taken is not None:
                    raise ConfigError(f"`{taken.name}` is the default for {kind} models already")
            self._entries[name] = entry
            shared = {id(e.provider) for e in self._entries.values()}
        if previous is not None:
            with previous.lock:
                if previous.provider is not None and id(previous.provider) not in shared:
                    previous.provider.close()
        for changed in list(self._listeners):
            changed()

    def resolve(self, target: str, model: str) -> ModelProvider:
        """The provider that answers for `model` when the hint says `target` (`local-model` or `remote`).

        Raises:
            DelegationError: `unknown-model` when no entry answers for it; `model-unavailable` when its provider cannot
                be made here (an extra is missing, nothing is configured).
        """
        side = SIDES[target]
        with self._lock:
            found = self._named(model)
            fallback = next(iter(self._defaults(side)), None) if found is None else None
        if found is not None:
            if found.kind in (side, "any"):
                return self._provider(found)
            other = "remote" if found.kind == "remote" else "local-model"
            raise DelegationError(
                f"model `{model}` is a {found.kind} model",
                kind="unknown-model",
                hint=f'a :{target} hint never reaches it; write ^:delegation :{other} "{model}"',
            )
        if fallback is None or (fallback.knows is not None and not fallback.knows(model)):
            raise self._unknown(side, model)
        return self._provider(fallback)

    def served_id(self, model: str) -> str:
        """What the provider of a model calls it: the id, without the name of a preset before it."""
        with self._lock:
            found = self._named(model)
        return model.partition(":")[2] if found is not None and found.prefix else model

    def _named(self, model: str) -> _Entry | None:
        """The entry that is registered for a model, or for ids that begin as its does."""
        found = self._entries.get(model)
        if found is None:
            name, colon, rest = model.partition(":")
            found = self._entries.get(name) if colon and rest else None
            return found if found is not None and found.prefix else None
        return None if found.default or found.prefix else found

    def names(self, target: str) -> list[str]:
        """The model ids that a hint of this target reaches and that are known by name, sorted."""
        side = SIDES[target]
        with self._lock:
            entries = [e for e in self._entries.values() if e.kind in (side, "any")]
        known = {e.name for e in entries if not e.default and not e.prefix}
        for entry in entries:
            if entry.default and entry.models is not None:
                known.update(entry.models())
        return sorted(known)

    def entries(self, *, ask: bool = False) -> list[ModelEntry]:
        """What `rtfs models` lists: every model known by name, and one line for each default that takes any id.

        Providers are made for this where they can be; the line of one that cannot says why.

        Args:
            ask: have servers that may be asked say whether they are there (`reaching`); takes two seconds at most.
        """
        with self._lock:
            entries = list(self._entries.values())
        reached = self._reached(entries, ask)
        lines: list[ModelEntry] = []
        for entry in entries:
            names = sorted(entry.models()) if entry.default and entry.models is not None else []
            for name in names or [entry.name]:
                name = f"{name}:…" if entry.prefix else name
                availability = self._availability(entry, "" if entry.default and not names else name)
                rest = entry.default and not names
                found = reached.get(entry.name)
                if found is not None and found.is_there is False:
                    availability = Availability(usable=False, detail=found.detail, hint=found.hint)
                state = None if found is None else found.state
                line = ModelEntry(
                    name=name,
                    kind=entry.kind,
                    provider=entry.name,
                    availability=availability,
                    default=rest,
                    at_once=None if entry.provider is None else at_once(entry.provider, name),
                    reached=state,
                )
                lines.append(line)
        return lines

    def _reached(self, entries: list[_Entry], ask: bool) -> dict[str, Reached]:
        """What became of asking the servers of those that could be used: name of the entry -> that."""
        servers: dict[str, Any] = {}
        for entry in entries:
            if self._availability(entry, "").usable and hasattr(entry.provider, "may_be_asked"):
                servers[entry.name] = entry.provider
        return reach_all(servers) if ask else dict.fromkeys(servers, Reached(NOT_ASKED))

    def close(self) -> None:
        """Close every provider that was made, also after one that fails to. May be called twice; afterwards nothing resolves."""
        with self._lock:
            entries = [] if self._closed else list(self._entries.values())
            self._closed = True
        failure: Exception | None = None
        for entry in entries:
            with entry.lock:
                try:
                    if entry.provider is not None:
                        entry.provider.close()
                except Exception as error:
                    failure = failure or error
        if failure is not None:
            raise failure

    def _defaults(self, side: str) -> list[_Entry]:
        return [e for e in self._entries.values() if e.default and ("any" in (side, e.kind) or e.kind == side)]

    def _provider(self, entry: _Entry) -> ModelProvider:
        with entry.lock:  # one lock per entry: loading one library does not hold up the others
            if self._closed:
                raise DelegationError("the runtime is closed", kind="model-unavailable")
            if entry.provider is None:
                assert entry.factory is not None
                try:
                    entry.provider = entry.factory()
                except ConfigError as error:  # a missing extra, a wrong setting: the program can go on without
                    raise DelegationError(error.message, kind="model-unavailable", hint=error.hint) from error
            return entry.provider

    def _availability(self, entry: _Entry, model: str) -> Availability:
        try:
            return self._provider(entry).availability(model)
        except DelegationError as error:
            return Availability(usable=False, detail=error.message, hint=error.hint)

    def _unknown(self, side: str, model: str) -> DelegationError:
        target = next(t for t, s in SIDES.items() if s == side)
        names = self.names(target)
        near = nearest(model, names, 3)
        if near:
            hint = "did you mean " + " or ".join(f"`{n}`" for n in near) + "?"
        elif names:
            hint = "known here: " + ", ".join(names[:8]) + (" …" if len(names) > 8 else "")
        else:
            hint = "register one: runtime.models.register(name, provider)"
        return DelegationError(f"no {side} model is called `{model}`", kind="unknown-model", hint=hint)


def default_registry(environ: Mapping[str, str], data_dir: Path, cache_dir: Path) -> ModelRegistry:
    """The registry of a runtime that was told nothing else: `echo`, `rules`, presets, llama.cpp and the OpenAI-compatible server.

    Args:
        environ: where base URL, key and model path are read (`RTFS_…`); never `os.environ` itself in here. A key that is not in it
            may be a stored one, of the user whom it names.
        data_dir: where installed weights are.
        cache_dir: where derived files may be kept.
    """

    def echo() -> ModelProvider:
        from rtfs.models.echo import EchoProvider

        return EchoProvider()

    def rules() -> ModelProvider:
        from rtfs.models.rules import RulesProvider

        return RulesProvider()

    def local() -> ModelProvider:
        from rtfs.models.llama_cpp import LlamaCppProvider

        return LlamaCppProvider(environ=environ, data_dir=data_dir, cache_dir=cache_dir)

    def local_models() -> Iterable[str]:
        from rtfs.models import weights

        try:
            present = [model.id for model in weights.installed(data_dir)]
        except OSError:  # a data folder that cannot be read holds nothing for us
            present = []
        return {*weights.MANIFEST, *present}

    def is_local_model(model: str) -> bool:
        from rtfs.models import weights

        # the variable names the file for every id that has none of its own
        return bool(environ.get(weights.MODEL_PATH_VARIABLE)) or model in local_models()

    def remote() -> ModelProvider:
        from rtfs.models.openai_compatible import OpenAICompatibleProvider

        return OpenAICompatibleProvider.from_env(keyed)

    from rtfs.keys import KeyedEnviron
    from rtfs.models.presets import PRESETS

    keyed = KeyedEnviron(environ)
    registry = ModelRegistry()
    registry.register("echo", echo, kind="any")
    registry.register("rules", rules, kind="local")
    for preset in PRESETS:
        registry.register(preset.name, partial(preset.provider, keyed), kind=preset.kind(environ), prefix=True)
    registry.register("llama.cpp", local, kind="local", default=True, models=local_models, knows=is_local_model)
    registry.register("openai-compatible", remote, kind="remote", default=True)
    return registry
