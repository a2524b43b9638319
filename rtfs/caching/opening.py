"""From what somebody says about caches to the caches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from rtfs.caching.addresses import check_address
from rtfs.caching.layer import CacheConfig
from rtfs.caching.manager import WORDS, CacheManager
from rtfs.caching.replies import ReplyCache
from rtfs.caching.stores.guarded import GuardedStore
from rtfs.caching.stores.memory import MemoryStore
from rtfs.caching.stores.protocol import StoreUnavailable
from rtfs.caching.wish import MODES, MOST_SAMPLES
from rtfs.errors import ConfigError, nearest
from rtfs.folders import data_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rtfs.caching.question import SemanticLayer
    from rtfs.caching.semantic.embedding import Embedder
    from rtfs.caching.stores.protocol import Store

#: Files in the folder of caches.
REPLIES_FILE = "replies.sqlite"
SEMANTIC_FILE = "semantic.sqlite"
CODE_FILE = "code.sqlite"
_FILES = {"L2": REPLIES_FILE, "L3": SEMANTIC_FILE, "L4": CODE_FILE}

_SETTINGS = (
    "store", "shared", "off", "refresh", "default", "samples", "ttl_s", "max_entries", "max_bytes", "policy", "min_confidence",
    "write_behind", "semantic",
)  # fmt: skip


_MEANING = "known: embedder, limit, confidence, check_share"


def open_caches(
    given: Any, notice: Callable[[str], None] = lambda text: None, environ: Mapping[str, str] | None = None
) -> CacheManager | None:
    """The caches that somebody wants.

    Args:
        given: None or False: none. True: in memory, as long as the runtime. A path: files in that folder. An address, `redis://…`
            or `s3://…`: there. A `CacheManager`: that one. A map: `store` (one of these), `shared` (an address behind it, for what
            several machines share), `off` and `refresh` (names of layers: `reply`, `semantic` …), `default` (the mode of functions
            that say nothing), and the settings of L2: `samples`, `ttl_s`, `max_entries`, `max_bytes`, `policy`, `min_confidence`,
            `write_behind`; those of L3 in a map `semantic`: `embedder` (`auto`, `minilm`, `hashed`, a GGUF file), `limit` (the
            share of hits that may be false), `confidence` and `check_share`.
        notice: takes a sentence for the person who runs the program.
        environ: where the folder of models is looked for; the process's own when None.
    Raises:
        ConfigError: it is none of these; a library is not installed.
    """
    if given is None or given is False or isinstance(given, CacheManager):
        return given or None
    settings: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {"store": "memory" if given is True else given}
    place = _place(settings.get("store", "memory"))
    for name in settings:
        if name not in _SETTINGS:
            close = nearest(str(name), _SETTINGS)
            raise ConfigError(f"caches have no setting `{name}`", hint=f"did you mean `{close[0]}`?" if close else None)
    off, refresh = layer_names(settings.get("off", ())), layer_names(settings.get("refresh", ()))
    default = settings.get("default", "exact")
    if default not in MODES:
        raise ConfigError(f"`{default}` is no way to use caches", hint=f"choose from: {', '.join(MODES)}")
    if {"L2", "L3"} <= off:
        return None
    named = {name: settings[name] for name in CacheConfig._fields if name in settings}
    config = CacheConfig(**named).check()
    shared = settings.get("shared")
    if shared is not None:
        check_address(str(shared), "`shared`")
    meaning, samples = settings.get("semantic", {}), settings.get("samples", 5)
    if not isinstance(meaning, Mapping):
        raise ConfigError(f"`semantic`, settings of caches by meaning, is a map, not {meaning!r}", hint=_MEANING)
    if isinstance(samples, bool) or not isinstance(samples, int) or not 1 <= samples <= MOST_SAMPLES:
        raise ConfigError(f"`samples` is a whole number from 1 to {MOST_SAMPLES}, not {samples!r}")
    replies = None
    if "L2" not in off:
        store = layer_store("L2", place, shared, config, notice)
        replies = ReplyCache(store, config.replace(persistent=store.persistent))


    def semantic() -> SemanticLayer | None:
        return open_semantic(place, shared, config, notice, os.environ if environ is None else environ, meaning)

    return CacheManager(replies, None if "L3" in off else semantic, default=default, refresh=refresh, samples=samples)


def _place(given: Any) -> str:
    """Where a store is to be: `memory`, a folder, or an address.

    Raises:
        ConfigError: it is none of these.
    """
    place = os.fspath(given) if isinstance(given, (str, os.PathLike)) else ""
    if not isinstance(place, str) or not place:
        wanted = "True (in memory), a folder, redis://HOST:PORT/DB, s3://BUCKET/PREFIX, or a map with `store`"
        raise ConfigError(f"caches cannot be kept at {given!r}", hint=f"write {wanted}")
    if "://" in place:
        check_address(place)
    return place


def open_semantic(
    place: str,
    shared: str | None,
    config: CacheConfig,
    notice: Callable[[str], None],
    environ: Mapping[str, str],
    semantic: Mapping[str, Any],
) -> SemanticLayer | None:
    """L3, with the best embedder that is installed here unless one is named; None, and a notice, where numpy is not.

    Args:
        semantic: `embedder`, and what `BudgetSettings` has.
    Raises:
        ConfigError: as `layer_store`; a setting that there is not, or that makes no sense.
    """
    from importlib.util import find_spec
    from pathlib import Path

    if find_spec("numpy") is None:
        notice('caches by meaning need the package `numpy`, which is not installed: pip install "rtfs-lang[semantic]"')
        return None
    from rtfs.caching.semantic.budget import BudgetSettings
    from rtfs.caching.semantic.layer import SemanticCache
    from rtfs.caching.semantic.opening import EMBEDDERS, open_embedder

    for name in semantic:
        if name not in ("embedder", *BudgetSettings.__dataclass_fields__):
            raise ConfigError(f"caches by meaning have no setting `{name}`", hint=_MEANING)
    named = dict(semantic)
    embedder = open_embedder(os.fspath(named.pop("embedder", EMBEDDERS[0])), Path(data_folder(environ)), notice)
    try:
        budget = BudgetSettings(**{name: float(value) for name, value in named.items()}).check()
    except (TypeError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"a setting of caches by meaning is no number: {named}", hint=_MEANING) from error
    folder = None if place == "memory" or "://" in place else Path(place) / "graphs"
    return SemanticCache(layer_store("L3", place, shared, config, notice), embedder, config, budget=budget, folder=folder)


def embedder_here(environ: Mapping[str, str]) -> Embedder:
    """MiniLM where its weights have been added, else what needs none; numpy is installed."""
    from pathlib import Path

    from rtfs.caching.semantic.opening import open_embedder

    return open_embedder("auto", Path(data_folder(environ)))


def layer_names(words: Any) -> frozenset[str]:
    """`reply`, `L2`, or several, as `L2`; `all` is every one of them.

    Raises:
        ConfigError: there is no such layer.
    """
    found: set[str] = set()
    for word in [words] if isinstance(words, str) or not isinstance(words, Iterable) else words:
        if word == "all":
            found.update(WORDS.values())
        elif word in WORDS or word in WORDS.values():
            found.add(WORDS.get(word, word))
        else:
            raise ConfigError(f"there is no layer of cache `{word}`", hint=f"choose from: {', '.join(WORDS)}, all")
    return frozenset(found)


def layer_store(layer: str, place: str, shared: str | None, config: CacheConfig, notice: Callable[[str], None]) -> Store:
    """The store of a layer; its failures are misses.

    Args:
        place: `memory`, a folder, or an address.
        shared: an address behind it, that several machines use; None for none.
    Raises:
        ConfigError: an address that is none, or its library is not installed.
    """
    try:
        store = open_store(layer, place, config, notice)
    except StoreUnavailable as error:  # a file of a later RTFS, a folder that cannot be written: the program runs without it
        notice(f"{error.message}: replies are kept in memory only")
        store = MemoryStore(max_entries=config.max_entries, max_bytes=config.max_bytes, ttl_s=config.ttl_s, policy=config.policy)
    hot: Store = store
    if store.name != "memory":
        hot = guarded = GuardedStore(store, notice=notice)
        if layer == "L2" and store.name == "sqlite" and shared is None:  # behind two tiers, puts are committed by the journal
            from rtfs.caching.stores.batched import BatchedStore

            return BatchedStore(guarded, max_entries=config.max_entries, max_bytes=config.max_bytes, ttl_s=config.ttl_s)
    if shared is None:
        return hot
    from rtfs.caching.stores.tiered import TieredStore

    cold = GuardedStore(open_store(layer, shared, config, notice), notice=notice)
    try:
        tiered = TieredStore(hot, cold, write_behind=config.write_behind)
    except StoreUnavailable as error:
        notice(f"{error.message}: answers go to {cold.place} as they come")
        tiered = TieredStore(hot, cold, write_behind=False, journal=MemoryStore())
    return GuardedStore(tiered, notice=notice)


def open_store(layer: str, place: str, config: CacheConfig, notice: Callable[[str], None] = lambda text: None) -> Store:
    """
    Raises:
        StoreUnavailable: a file that cannot be used; ConfigError: an address that is none, or its library is not installed.
    """
    if place == "memory":
        return MemoryStore(max_entries=config.max_entries, max_bytes=config.max_bytes, ttl_s=config.ttl_s, policy=config.policy)
    scheme, separator, _ = place.partition("://")
    if not separator:
        from rtfs.caching.stores.sqlite import SQLiteStore

        name = _FILES[layer]
        return SQLiteStore(
            os.path.join(place, name),
            max_entries=config.max_entries,
            max_bytes=config.max_bytes,
            ttl_s=config.ttl_s,
            policy=config.policy,
            own_name=name,
            notice=notice,
        )
    if scheme in ("redis", "rediss", "unix"):
        from rtfs.caching.stores.redis import RedisStore

        return RedisStore(place, ttl_s=config.ttl_s)
    if scheme == "s3":
        from rtfs.caching.stores.s3 import ObjectStore

        return ObjectStore(place, ttl_s=config.ttl_s)
    check_address(place)
    raise AssertionError("an address of one of these")
