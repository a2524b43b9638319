"""Indexes answer alike, whether exact or a graph; files that are missing or damaged are made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")

from rtfs.caching.semantic.index import Exact, Graph, faiss_there  # noqa: E402
from rtfs.caching.semantic.partitions import Partitions  # noqa: E402

KINDS = [Exact, pytest.param(Graph, marks=pytest.mark.skipif(not faiss_there(), reason="FAISS is not installed"))]
WIDTH = 16


def key(number: int) -> bytes:
    return number.to_bytes(32)


def vectors(count: int, seed: int = 0) -> Any:
    rows = np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("kind", KINDS)
def test_the_nearest_are_found_after_adding_and_removing(kind: Any) -> None:
    rows = vectors(400)
    index = kind(WIDTH)
    assert index.search(rows[0], 3) == []
    for number, row in enumerate(rows):
        index.add(key(number), row)
    gone = set(range(0, 400, 3))
    for number in gone:
        assert index.remove(key(number))
    assert not index.remove(key(0))
    assert len(index) == 400 - len(gone)
    left = [number for number in range(400) if number not in gone]
    hits = 0
    for query in vectors(50, seed=1):
        expected = max(left, key=lambda number: float(rows[number] @ query))
        found = [(int.from_bytes(name), cosine) for name, cosine in index.search(query, 4)]
        assert len(found) == 4
        assert [cosine for _, cosine in found] == sorted((cosine for _, cosine in found), reverse=True)
        assert all(number not in gone and abs(cosine - float(rows[number] @ query)) < 1e-3 for number, cosine in found)
        hits += found[0][0] == expected
    assert hits >= 49
    assert set(index.keys()) == {key(number) for number in left}
    assert np.allclose(index.vector(key(1)), rows[1], atol=1e-3)
    assert index.vector(key(0)) is None


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_that_was_emptied_can_be_used_again(kind: Any) -> None:
    index = kind(WIDTH)
    for number, row in enumerate(vectors(100)):
        index.add(key(number), row)
    for number in range(100):
        index.remove(key(number))
    assert len(index) == 0
    assert index.search(vectors(1)[0], 2) == []
    index.add(key(7), vectors(1)[0])
    assert index.search(vectors(1)[0], 2)[0][0] == key(7)


PART, BUCKET, OTHER = b"p" * 32, b"b" * 32, b"c" * 32


def test_buckets_do_not_meet_and_the_oldest_is_known() -> None:
    index = Partitions(WIDTH)
    rows = vectors(3)
    index.add(key(0), PART, BUCKET, rows[0])
    index.add(key(1), PART, OTHER, rows[1])
    assert [found for found, _ in index.search(PART, BUCKET, rows[1], 5)] == [key(0)]
    assert {found for found, _ in index.search_all(PART, rows[1], 5)} == {key(0), key(1)}
    assert index.oldest() == key(0)
    index.used(key(0))
    assert index.oldest() == key(1)
    index.add(key(0), PART, OTHER, rows[2])  # the same key again: replaced
    assert len(index) == 2
    assert index.search(PART, BUCKET, rows[0], 5) == []


@pytest.mark.skipif(not faiss_there(), reason="FAISS is not installed")
def test_a_bucket_that_grows_becomes_a_graph_which_is_saved_and_read_again(tmp_path: Path) -> None:
    rows = vectors(120)
    first = Partitions(WIDTH, identity="e", folder=tmp_path, graph_from=100)
    for number, row in enumerate(rows):
        first.add(key(number), PART, BUCKET, row)
        if number == 102:
            assert first.remove(key(5))  # while the graph grows
            assert first.search(PART, BUCKET, rows[7], 1)[0][0] == key(7)
    assert first.save() == 1
    assert first.save() == 0
    [file] = tmp_path.iterdir()

    def again(entries: Any, identity: str = "e") -> Partitions:
        made = Partitions(WIDTH, identity=identity, folder=tmp_path, graph_from=100)
        made.load(PART, entries)
        return made

    there = [(key(number), BUCKET, rows[number]) for number in range(120) if number != 5]
    for made in (again(there), again(there[:-3]), again([*there, (key(500), BUCKET, vectors(1, seed=9)[0])]), again(there, "f")):
        for number in (0, 50, 100):
            assert made.search(PART, BUCKET, rows[number], 1)[0][0] == key(number)
        assert made.search(PART, BUCKET, rows[5], 1)[0][0] != key(5)
    assert len(again(there[:-3])) == 116
    raw = file.read_bytes()
    for damaged in (b"", raw[:100], raw[:-1] + bytes([raw[-1] ^ 1]), b"x" + raw):
        file.write_bytes(damaged)
        assert again(there).search(PART, BUCKET, rows[50], 1)[0][0] == key(50)
    file.unlink()
    assert again(there).search(PART, BUCKET, rows[50], 1)[0][0] == key(50)


@pytest.mark.skipif(not faiss_there(), reason="FAISS is not installed")
def test_a_worn_graph_is_built_anew_bit_by_bit(tmp_path: Path) -> None:
    rows = vectors(600)
    index = Partitions(WIDTH, folder=tmp_path, graph_from=100)
    index.load(PART, [(key(number), BUCKET, rows[number]) for number in range(400)])
    assert index.save() == 1
    kinds = set()
    # as a full cache does: one comes, the oldest goes
    for number in range(400, 600):
        index.add(key(number), PART, BUCKET, rows[number])
        assert index.remove(index.oldest())
        kinds.add(type(index._buckets[PART][BUCKET]).__name__)
        assert index.search(PART, BUCKET, rows[number], 1)[0][0] == key(number)
        assert index.search(PART, BUCKET, rows[number - 400], 1)[0][0] != key(number - 400)
    assert kinds == {"Graph", "Growing"}
    assert len(index) == 400
    graph: Any = index._buckets[PART][BUCKET]
    assert isinstance(graph, Graph)
    assert len(graph) == 400
    assert len(graph.places) < 500  # without most of what was removed
    assert index.save() == 1
    again = Partitions(WIDTH, folder=tmp_path, graph_from=100)
    again.load(PART, [(key(number), BUCKET, rows[number]) for number in range(200, 600)])
    assert again.save() == 0  # the file was good
    for number in range(200, 600):
        assert again.search(PART, BUCKET, rows[number], 1)[0][0] == key(number)


@pytest.mark.skipif(not faiss_there(), reason="FAISS is not installed")
def test_what_is_replaced_while_a_graph_grows_is_in_it_once() -> None:
    rows = vectors(300)
    index = Partitions(WIDTH, graph_from=200)
    for number in range(200):
        index.add(key(number), PART, BUCKET, rows[number])
    for number in range(0, 60, 2):  # keys whose turn has not come
        index.add(key(number), PART, BUCKET, rows[number + 200])
    graph: Any = index._buckets[PART][BUCKET]
    assert isinstance(graph, Graph)
    assert sorted(filter(None, graph.places)) == [key(number) for number in range(200)]
    assert index.search(PART, BUCKET, rows[0], 1)[0][0] != key(0)
    assert index.search(PART, BUCKET, rows[200], 1)[0][0] == key(0)


def test_a_store_that_fails_halfway_leaves_nothing_behind() -> None:
    rows = vectors(3)

    def broken() -> Any:
        yield key(0), BUCKET, rows[0]
        raise OSError("gone")

    index = Partitions(WIDTH)
    with pytest.raises(OSError, match="gone"):
        index.load(PART, broken())
    assert not index.loaded(PART)
    index.load(PART, [(key(0), BUCKET, rows[0])])
    assert index.search(PART, BUCKET, rows[0], 1)[0][0] == key(0)
