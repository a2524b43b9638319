"""Embedders in GGUF files, by llama.cpp: other models, or MiniLM two to three times as fast for one text (extra `local`).

Pooling and the marks of begin and end are those that the file says; the context runs one thread, as several fight with whatever
else runs on the machine.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtfs.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_CONTEXT = 512
_HEAD_BYTES = 1 << 20


class GgufEmbedder:
    """See `embedding.Embedder`; one text at a time, as llama.cpp's contexts are not thread-safe.

    Args:
        kind: `minilm` for a conversion of all-MiniLM-L6-v2, whose cosines are the same to 0.001; any other word has the score do
            without the cosine.
    Raises:
        ConfigError: no such file, no llama-cpp-python, or not a model that embeds.
    """

    def __init__(self, path: Path, *, kind: str = "gguf") -> None:
        if not path.is_file():
            raise ConfigError(f"{path} is not a file", hint="name the GGUF file of an embedding model")
        try:
            import llama_cpp
        except ImportError as error:
            raise ConfigError("GGUF files need llama-cpp-python", hint="pip install 'rtfs-lang[local]'") from error
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
        self.kind = kind
        self.identity = f"gguf-{blake2b(head + str(path.stat().st_size).encode(), digest_size=8).hexdigest()}"
        try:
            self._model: Any = llama_cpp.Llama(
                str(path), embedding=True, n_ctx=_CONTEXT, n_threads=1, n_threads_batch=1, verbose=False
            )
        except (ValueError, AssertionError) as error:
            raise ConfigError(f"llama.cpp cannot load {path}") from error
        self.dimensions = int(self._model.n_embd())
        about = self._model.metadata
        trained = about.get(f"{about.get('general.architecture', '')}.context_length", "")
        self._most = min(_CONTEXT, int(trained)) if trained.isdigit() else _CONTEXT
        self._lock = threading.Lock()

    def covers(self, text: str) -> bool:
        # a token has at least one sign, so a short text needs no tokeniser
        return len(text) < self._most - 2 or len(self._model.tokenize(text.encode())) <= self._most

    def embed(self, texts: Sequence[str]) -> Array:
        import numpy as np

        rows = []
        for text in texts:
            with self._lock:
                row = np.asarray(self._model.embed(text), np.float32)
            if row.ndim != 1:
                raise ConfigError("this model has no pooling: it gives a vector for each token", hint="use an embedding model")
            rows.append(row / max(float(np.sqrt(row @ row)), 1e-12))
        out: Array = np.array(rows, np.float32).reshape(len(texts), self.dimensions)
        return out
