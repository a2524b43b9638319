"""A layer of caches as `rtfs cache` looks at it: figures, entries as data, a line and the facts of one.

A view opens what it shows when it is asked, and makes nothing that is not there.
"""

from __future__ import annotations

import os

from rtfs.cli.cache_options import shared_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from rtfs.caching.stores.protocol import Known, Store

#: Of keys, in lines.
KEY_DIGITS = 12


class View:
    """A layer of which nothing is kept, if nobody says otherwise.

    Args:
        folder: the one with the answers of models.
    """

    word = ""
    thing = "entry", "entries"
    #: Whether what is in it comes back by itself; else it is only cleared by name.
    fills_itself = True

    def __init__(self, folder: str, environ: Any) -> None:
        self.folder, self.environ = folder, environ

    def stats(self) -> dict[str, Any]:
        return {}

    def all_keys(self) -> list[bytes]:
        return []

    def entries(self, function: str | None, model: str | None) -> Iterator[dict[str, Any]]:
        """As data, oldest first."""
        return iter(())

    def entry(self, key: bytes) -> dict[str, Any]:
        raise NotImplementedError

    def row(self, entry: dict[str, Any]) -> list[str]:
        return [str(value) for value in entry.values()]

    def facts(self, entry: dict[str, Any]) -> list[tuple[str, str]]:
        return [(name, str(value)) for name, value in entry.items()]

    def why(self, key: bytes) -> list[str]:
        """Lines."""
        return []

    def clear(self) -> int | None:
        """How many there were; None: it is no layer that keeps anything between runs."""
        return None

    def verify(self) -> tuple[int, list[str]]:
        """(entries that are whole, what is wrong with the others)"""
        return 0, []

    def counted(self, count: int) -> str:
        return f"{count:,} {self.thing[count != 1]}"

    def close(self) -> None:
        pass


class Stored(View):
    """A layer whose entries are in a store; nothing of it is opened where there is no file, and no server is named."""

    layer = ""
    file = ""
    #: The layer whose store it is kept in.
    kept_as = ""

    def __init__(self, folder: str, environ: Any) -> None:
        super().__init__(folder, environ)
        self._opened: Store | None = None

    @property
    def store(self) -> Store | None:
        if self._opened is None:
            from rtfs.caching.layer import CacheConfig
            from rtfs.caching.opening import open_store
            from rtfs.caching.stores.guarded import GuardedStore
            from rtfs.caching.stores.tiered import TieredStore

            shared = shared_store(self.environ)
            if not shared and not os.path.exists(os.path.join(self.folder, self.file)):
                return None
            kept_as = self.kept_as or self.layer
            self._opened = open_store(kept_as, self.folder, CacheConfig())
            if shared:
                cold = GuardedStore(open_store(kept_as, shared, CacheConfig()))
                self._opened = TieredStore(self._opened, cold)
        return self._opened

    def all_keys(self) -> list[bytes]:
        return [] if self.store is None else [known.key for known in self.store.known(self.layer)]

    def known(self, key: bytes) -> Known | None:
        if self.store is None:
            return None
        return next((known for known in self.store.known(self.layer) if known.key == key), None)

    def stats(self) -> dict[str, Any]:
        from rtfs.caching.layer import Counts

        if self.store is None:
            return Counts().stats(self.layer, {}).to_dict()
        figures = self.store.stats(self.layer)
        found = Counts().stats(
            self.layer,
            self.store.counts(self.layer),
            size=figures.entries,
            capacity=figures.max_entries,
            size_bytes=figures.size_bytes,
            capacity_bytes=figures.max_bytes,
        )
        return {**found.to_dict(), "place": self.store.place}

    def clear(self) -> int:
        if self.store is None:
            return 0
        count = self.store.clear(self.layer)
        self.store.clear()  # what is kept beside the entries: figures, budgets of errors
        return count

    def verify(self) -> tuple[int, list[str]]:
        if self.store is None:
            return 0, []
        local: Any = getattr(self.store, "hot", self.store)
        _, problems = local.verify()
        return local.stats(self.layer).entries, problems

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
