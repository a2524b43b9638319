"""From a store to a layer: which embedder there is, and what to do where there is none."""

from __future__ import annotations

from pathlib import Path

from rtfs.caching.layer import CacheConfig
from rtfs.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rtfs.caching.semantic.embedding import Embedder
    from rtfs.caching.semantic.layer import SemanticCache
    from rtfs.caching.stores.protocol import Store

#: What `embedder` may say: the best there is, one of them, or a file.
EMBEDDERS = ("auto", "minilm", "hashed")


def open_semantic(
    store: Store,
    config: CacheConfig = CacheConfig(),  # noqa: B008
    *,
    data_dir: Path,
    embedder: str = "auto",
    folder: Path | None = None,
    notice: Callable[[str], None] = lambda text: None,
    **settings: Any,
) -> SemanticCache:
    """
    Args:
        data_dir: where `rtfs models add minilm` puts weights.
        embedder: one of `EMBEDDERS`, or the path of a GGUF file with an embedding model.
        folder: where large indexes are saved; None: nowhere.
        notice: takes a sentence for the person who runs the program.
        settings: of the error budget: `limit`, `confidence`, `check_share`.
    Raises:
        ConfigError: numpy or the weights are missing, or a setting makes no sense.
    """
    import importlib.util

    if importlib.util.find_spec("numpy") is None:
        raise ConfigError("the semantic cache needs numpy", hint="pip install 'rtfs-lang[semantic]'")
    from rtfs.caching.semantic.budget import BudgetSettings
    from rtfs.caching.semantic.layer import SemanticCache

    chosen = open_embedder(embedder, data_dir, notice)
    return SemanticCache(store, chosen, config, budget=BudgetSettings(**settings).check(), folder=folder)


def open_embedder(name: str, data_dir: Path, notice: Callable[[str], None] = lambda text: None) -> Embedder:
    """The embedder of a name; see `open_semantic`."""
    from rtfs.models import embedders

    if name in ("auto", "minilm"):
        weights = embedders.locate("minilm", data_dir)
        if weights is not None:
            from rtfs.caching.semantic.minilm import MiniLM

            return MiniLM(weights)
        if name == "minilm":
            raise ConfigError("the weights of the embedder minilm are not installed", hint="run: rtfs models add minilm")
        notice("answers are cached by spelling more than by meaning until `rtfs models add minilm` is run")
    elif name != "hashed":
        from rtfs.caching.semantic.gguf import GgufEmbedder

        return GgufEmbedder(Path(name).expanduser())
    from rtfs.caching.semantic.embedding import HashedEmbedder

    return HashedEmbedder()
