"""The header of a model file, whole and damaged."""

from __future__ import annotations

import struct
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtfs.models.gguf_file import BLOCKS, NotGguf, read_shape
from tests.support.tiny_gguf import write_tiny_bert, write_tiny_gguf


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


def test_figures_are_those_of_the_tensors(tiny: Path):
    shape = read_shape(tiny)
    tensors = gguf.GGUFReader(tiny).tensors
    assert shape.parameters == sum(int(t.n_elements) for t in tensors)
    assert shape.size_bytes == sum(int(t.n_bytes) for t in tensors)
    blocks = [sum(int(t.n_bytes) for t in tensors if t.name.startswith(f"blk.{i}.")) for i in range(2)]
    assert shape.block_bytes == tuple(blocks)
    assert shape.output_bytes == sum(int(t.n_bytes) for t in tensors if t.name.startswith("output"))
    # two heads for keys and values, of 8 numbers each, in two bytes
    assert shape.cache_bytes == (2 * 8 * 2 * 2,) * 2
    assert (shape.architecture, shape.context_tokens, shape.has_template, shape.embeds) == ("llama", 2048, True, False)


def test_a_model_for_vectors_is_known_as_one(tmp_path: Path):
    shape = read_shape(write_tiny_bert(tmp_path / "bert.gguf"))
    assert shape.embeds
    assert not shape.has_template


def test_sizes_of_blocks_are_ggmls():
    # gguf-py counts four bytes more for Q8_1 than ggml does; such tensors stand in no file
    theirs = {int(kind): size for kind, size in gguf.GGML_QUANT_SIZES.items() if int(kind) != 9}
    assert {kind: size for kind, size in BLOCKS.items() if kind in theirs} == {k: v for k, v in theirs.items() if k in BLOCKS}
    assert theirs.keys() - BLOCKS.keys() == set()


def test_embeddings_that_serve_twice_count_as_the_output(tmp_path: Path):
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_block_count(1)
    writer.add_tensor("token_embd.weight", np.zeros((10, 4), np.float32))
    writer.add_tensor("output_norm.weight", np.zeros(4, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert read_shape(tmp_path / "m.gguf").output_bytes == 160 + 16


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.01, 0.2, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_short_is_told(tiny: Path, tmp_path: Path, share: float):
    data = tiny.read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(NotGguf) as caught:
        read_shape(path)
    assert "cut.gguf" in str(caught.value)
    if share > 0.1:
        assert "cut short" in str(caught.value)


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "not a GGUF file"),
        (b"GGML and more", "not a GGUF file"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "tensors"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), "entries"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 60), "characters"),
        (b"GGUF" + struct.pack("<IQQQ1sI", 3, 0, 1, 1, b"k", 99), "type 99"),
        (b"GGUF" + struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"k", 9, 4, 1 << 50), "items"),
        (b"GGUF" + struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"k", 9, 9, 1), "array of type 9"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(tmp_path: Path, data: bytes, words: str):
    path = tmp_path / "m.gguf"
    path.write_bytes(data)
    with pytest.raises(NotGguf, match=words):
        read_shape(path)


@settings(max_examples=300)
@given(st.data())
def test_no_damage_ends_in_another_error(tiny: Path, data: st.DataObject):
    raw = bytearray(tiny.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(4, 12_000))] = data.draw(st.integers(0, 255))
    path = tiny.with_name("damaged.gguf")
    path.write_bytes(raw)
    try:
        shape = read_shape(path)
    except NotGguf:
        return
    assert shape.size_bytes >= 0
    assert len(shape.block_bytes) == len(shape.cache_bytes)
