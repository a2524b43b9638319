"""Embedders in GGUF files: vectors of length 1 from a model that embeds, an error from one that writes."""

from __future__ import annotations

from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("llama_cpp")
pytest.importorskip("gguf")

from rtfs.caching.semantic.opening import open_embedder  # noqa: E402
from rtfs.errors import ConfigError  # noqa: E402
from tests.support.tiny_gguf import write_tiny_bert, write_tiny_gguf  # noqa: E402


def test_a_model_that_embeds(tmp_path: Path) -> None:
    path = write_tiny_bert(tmp_path / "bert.gguf")
    embedder = open_embedder(str(path), tmp_path)
    rows = embedder.embed(["a b", "b a", "a b"])
    assert rows.shape == (3, embedder.dimensions)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.array_equal(rows[0], rows[2])
    assert embedder.covers("a b")
    assert not embedder.covers("a b " * 40)
    other = write_tiny_bert(tmp_path / "other.gguf", seed=1)
    assert open_embedder(str(other), tmp_path).identity != embedder.identity


def test_files_that_are_no_embedders(tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF nothing")
    with pytest.raises(ConfigError, match="cannot load"):
        open_embedder(str(tmp_path / "bad.gguf"), tmp_path)
    writes = open_embedder(str(write_tiny_gguf(tmp_path / "llama.gguf")), tmp_path)
    with pytest.raises(ConfigError, match="no pooling"):
        writes.embed(["a b"])
