"""What caches have counted, as sums that only grow: for counters that are read whenever metrics are collected.

    runtime ─ layers ─┐
    runtime ─ layers ─┼─▶ sums by layer ─▶ the counters of one MeterProvider
    ended ─ its last ─┘

A `MeterProvider` keeps the first counter of a name and lets nobody take a callback back.  So all runtimes with one provider share
one of these, which holds neither them nor their caches; what has ended stays in the sums, as it last was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any
from weakref import WeakMethod, ref

#: Gives the layers of caches that have been used so far: what has `name` and `counted()`.
Layers = Callable[[], Iterable[Any]]


class CacheCounters:
    """See the module. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sources: list[WeakMethod[Layers]] = []
        #: Layers that were met; several runtimes may have one together. id -> (the layer, its name, what it had counted then)
        self._met: dict[int, tuple[ref[Any], str, dict[str, float]]] = {}
        #: What those had counted that are gone: name of the layer -> figures.
        self._gone: dict[str, Counter[str]] = {}

    def add(self, layers: Layers) -> None:
        """Count these too, as long as there is the object whose method this is."""
        with self._lock:
            self._sources.append(WeakMethod(layers))

    def look(self, layers: Layers) -> None:
        """Take note of figures that nobody may be able to ask for later."""
        with self._lock:
            self._look(layers)

    def sums(self) -> dict[str, dict[str, float]]:
        """Name of a layer -> what all of this name have counted, by the names of `caching.layer.COUNTED`."""
        with self._lock:
            found = [source() for source in self._sources]
            self._sources = [source for source, layers in zip(self._sources, found, strict=True) if layers is not None]
            for layers in found:
                if layers is not None:
                    self._look(layers)
            for number in list(self._met):
                layer = self._met[number][0]()
                if layer is None:
                    self._forget(number)
                else:  # also one whose runtime is closed: another may have it too
                    self._note(layer)
            sums = {name: Counter(figures) for name, figures in self._gone.items()}
            for _, name, figures in self._met.values():
                sums.setdefault(name, Counter()).update(figures)
            return {name: dict(figures) for name, figures in sums.items()}

    def _look(self, layers: Layers) -> None:
        for layer in layers():
            self._note(layer)

    def _note(self, layer: Any) -> None:
        number = id(layer)
        if number in self._met and self._met[number][0]() is not layer:  # another one had this place in memory
            self._forget(number)
        self._met[number] = ref(layer), layer.name, layer.counted()

    def _forget(self, number: int) -> None:
        _, name, figures = self._met.pop(number)
        self._gone.setdefault(name, Counter()).update(figures)
