"""Which embedder there is, and what to do where there is none."""

from __future__ import annotations

from pathlib import Path

from rtfs.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from rtfs.caching.semantic.embedding import Embedder

#: What `embedder` may say: the best there is, one of them, or a file.
EMBEDDERS = ("auto", "minilm", "hashed")


def open_embedder(name: str, data_dir: Path, notice: Callable[[str], None] = lambda text: None) -> Embedder:
    """
    Args:
        name: one of `EMBEDDERS`, or the path of a GGUF file with an embedding model.
        data_dir: where `rtfs models add minilm` puts weights.
        notice: takes a sentence for the person who runs the program.
    Raises:
        ConfigError: the weights are missing, or the file cannot be used.
    """
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
