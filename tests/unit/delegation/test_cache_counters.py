"""Figures of caches as sums that only grow, whoever ends when."""

from __future__ import annotations

import gc
from typing import Any

from rtfs.delegation.cache_counters import CacheCounters


class Layer:
    def __init__(self, name: str, hits: float) -> None:
        self.name, self.hits = name, hits

    def counted(self) -> dict[str, float]:
        return {"hits": self.hits}


class Owner:
    def __init__(self, *layers: Layer) -> None:
        self._of = layers

    def layers(self) -> tuple[Layer, ...]:
        return self._of


def hits(counters: CacheCounters) -> dict[str, float]:
    return {name: figures["hits"] for name, figures in counters.sums().items()}


def test_layers_of_one_name_are_added_up_and_a_shared_one_counts_once() -> None:
    counters, shared = CacheCounters(), Layer("L2", 3)
    owners = [Owner(shared, Layer("L1", 1)), Owner(shared, Layer("L2", 5))]
    for owner in owners:
        counters.add(owner.layers)
    assert hits(counters) == {"L1": 1, "L2": 8}
    shared.hits = 4
    assert hits(counters) == {"L1": 1, "L2": 9}


def test_what_is_gone_stays_in_the_sums_as_it_last_was() -> None:
    counters = CacheCounters()
    shared = Layer("L2", 1)
    for number in range(1, 200):
        owner: Any = Owner(shared, Layer("L1", 2))
        counters.add(owner.layers)
        shared.hits = number
        counters.look(owner.layers)  # the end of the owner
        del owner
        gc.collect(0)
        assert hits(counters) == {"L1": 2 * number, "L2": number}
    shared.hits = 1_000
    assert hits(counters)["L2"] == 1_000, "another owner may have it"
    assert counters._sources == []
