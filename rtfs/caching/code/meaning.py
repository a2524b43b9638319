"""Tasks that are asked in other words: an embedder finds them, and the guards of the semantic cache can veto.

By cosine alone, `is it about a bug` comes close to `is it not about a bug`.  So a pair of texts also has to pass every guard that
questions have to pass there: numbers, names, negation, opposites, roles, units …
"""

from __future__ import annotations

from rtfs.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from rtfs.caching.semantic.embedding import Embedder


class Meaning:
    """An embedder of texts and what objects to a pair of them, as `retrieval.CodeLibrary` wants it.

    Args:
        embedder: of the semantic cache.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.name = embedder.identity

    def embed(self, text: str) -> list[float]:
        return [float(value) for value in self._embedder.embed([text])[0]]

    def refusal(self, one: str, other: str) -> str | None:
        """Why two texts are not one task; None when no guard objects."""
        from rtfs.caching.semantic.alignment import Alignment
        from rtfs.caching.semantic.guards.all import first_refusal
        from rtfs.caching.semantic.view import View

        found = first_refusal(Alignment(View(one), View(other)))
        return None if found is None else f"{found.guard}: {found.reason}"


def installed_meaning(data_dir: Path) -> Meaning | None:
    """With the MiniLM of this machine; None where it is not installed (`rtfs models add minilm`), or numpy is not."""
    from importlib.util import find_spec

    if find_spec("numpy") is None:
        return None
    from rtfs.caching.semantic.opening import open_embedder

    try:
        return Meaning(open_embedder("minilm", data_dir))
    except ConfigError:
        return None
