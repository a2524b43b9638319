"""Embedders: vectors of length 1, the same alone and in a batch; files that are no weights are refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")

from rtfs.caching.semantic.agreement import agree  # noqa: E402
from rtfs.caching.semantic.embedding import HashedEmbedder  # noqa: E402
from rtfs.caching.semantic.explain import explain  # noqa: E402
from rtfs.caching.semantic.minilm import MOST_PIECES, MiniLM  # noqa: E402
from rtfs.caching.semantic.opening import open_embedder  # noqa: E402
from rtfs.caching.semantic.score import FEATURES, Scorer, scorer  # noqa: E402
from rtfs.caching.semantic.wordpiece import WordPiece  # noqa: E402
from rtfs.errors import ConfigError  # noqa: E402

TEXTS = ["a b", "open the account a", "b"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "open", "the", "account", "##s", "##ing", "?"]
WIDTH = 384


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the right form with two layers and random weights."""
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "embeddings.word_embeddings.weight": rng.normal(size=(len(WORDS), WIDTH)),
        "embeddings.position_embeddings.weight": rng.normal(size=(MOST_PIECES, WIDTH)) * 0.1,
        "embeddings.token_type_embeddings.weight": rng.normal(size=(2, WIDTH)) * 0.1,
        "embeddings.LayerNorm.weight": np.ones(WIDTH),
        "embeddings.LayerNorm.bias": np.zeros(WIDTH),
    }
    for layer in range(2):
        own = f"encoder.layer.{layer}."
        shapes = {f"attention.self.{name}": (WIDTH, WIDTH) for name in ("query", "key", "value")}
        shapes |= {"attention.output.dense": (WIDTH, WIDTH), "intermediate.dense": (4 * WIDTH, WIDTH), "output.dense": (WIDTH, 4 * WIDTH)}
        for name, shape in shapes.items():
            arrays[f"{own}{name}.weight"] = rng.normal(size=shape) * 0.05
            arrays[f"{own}{name}.bias"] = rng.normal(size=shape[0]) * 0.05
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            arrays[f"{own}{name}.weight"] = np.ones(WIDTH)
            arrays[f"{own}{name}.bias"] = np.zeros(WIDTH)
    folder = tmp_path_factory.mktemp("minilm")
    table, data = {}, b""
    for name, array in arrays.items():
        raw = array.astype("<f4").tobytes()
        table[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    head = json.dumps(table).encode()
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(head)) + head + data)
    path.with_name("vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return path


def test_a_batch_gives_what_single_texts_give(weights: Path) -> None:
    for embedder in (MiniLM(weights), HashedEmbedder()):
        together = embedder.embed(TEXTS)
        assert together.shape == (3, embedder.dimensions)
        assert together.dtype == np.float32
        assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
        for text, row in zip(TEXTS, together, strict=True):
            assert np.allclose(embedder.embed([text])[0], row, atol=1e-5)
        assert float(together[0] @ together[1]) < 0.999


def test_the_forward_pass_is_that_of_bert(weights: Path) -> None:
    """Against the formulas written out for one text, one head after the other."""
    model = MiniLM(weights)
    words, layers = model._ready()
    ids = words.encode("open the account", MOST_PIECES)[0]
    x = layers._words[ids] + layers._places[: len(ids)] + layers._kind

    def norm(rows: Any, weight: Any, shift: Any) -> Any:
        return (rows - rows.mean(1, keepdims=True)) / np.sqrt(rows.var(1, keepdims=True) + 1e-12) * weight + shift

    x = norm(x, *layers._norm)
    for qkv, bias, out, out_bias, norm1, shift1, up, up_bias, down, down_bias, norm2, shift2 in layers._layers:
        q, k, v = np.split(x @ qkv + bias, 3, axis=1)
        heads = []
        for at in range(0, WIDTH, WIDTH // 12):
            part = slice(at, at + WIDTH // 12)
            scores = q[:, part] @ k[:, part].T / np.sqrt(WIDTH // 12)
            share = np.exp(scores - scores.max(1, keepdims=True))
            heads.append(share / share.sum(1, keepdims=True) @ v[:, part])
        y = norm(np.concatenate(heads, axis=1) @ out + out_bias + x, norm1, shift1)
        z = y @ up + up_bias
        from math import erf

        z = z * 0.5 * (1 + np.vectorize(erf)(z / np.sqrt(2)))
        x = norm(z @ down + down_bias + y, norm2, shift2)
    pooled = x.mean(0) / np.linalg.norm(x.mean(0))
    assert np.allclose(model.embed(["open the account"])[0], pooled, atol=1e-5)


def test_word_pieces(weights: Path) -> None:
    words = WordPiece(weights.with_name("vocab.txt"))
    assert words.encode("Opening  the ACCOUNTS?", 20) == ([2, 6, 10, 7, 8, 9, 11, 3], True)
    assert words.encode("zebra a\u0301", 20) == ([2, 1, 4, 3], True)
    assert words.encode("a b a b", 5) == ([2, 4, 5, 4, 3], False)


def test_what_does_not_go_into_the_vector_as_a_whole_is_known(weights: Path) -> None:
    model = MiniLM(weights)
    assert model.covers("a " * 100)
    assert not model.covers("a " * 300)
    assert not HashedEmbedder().covers("a" * 5000)


def test_files_that_are_no_weights(tmp_path: Path, weights: Path) -> None:
    with pytest.raises(ConfigError, match="missing"):
        MiniLM(tmp_path / "model.safetensors")
    bad = tmp_path / "model.safetensors"
    bad.with_name("vocab.txt").write_bytes(weights.with_name("vocab.txt").read_bytes())
    for raw in (b"", b"x" * 5, struct.pack("<Q", 2**60) + b"{}", struct.pack("<Q", 2) + b"{}", b"\x02\0\0\0\0\0\0\0[]"):
        bad.write_bytes(raw)
        with pytest.raises(ConfigError):
            MiniLM(bad).embed(["a"])


def test_which_embedder_is_taken(tmp_path: Path) -> None:
    said: list[str] = []
    assert open_embedder("auto", tmp_path, said.append).kind == "hashed"
    assert "rtfs models add minilm" in said[0]
    with pytest.raises(ConfigError, match="not installed"):
        open_embedder("minilm", tmp_path)
    with pytest.raises(ConfigError, match="not a file"):
        open_embedder(str(tmp_path / "none.gguf"), tmp_path)


def test_an_embedder_without_weights_of_its_own_is_scored_by_words() -> None:
    other = Scorer("another")
    assert not other.uses_cosine
    assert scorer("minilm").uses_cosine
    assert len(FEATURES) == len(other._weights)


def test_an_explanation_says_what_would_happen_and_why() -> None:
    found = explain("How do I open an account?", "How do I close an account?")
    assert not found.serves
    assert found.lines()[2] == "refused by the guard antonym: `open` is the contrary of `close`"
    assert found.to_dict()["refusals"] == [{"guard": "antonym", "reason": "`open` is the contrary of `close`"}]
    same = explain("How do I open an account?", "How can I open an account?")
    assert same.serves
    assert same.lines()[-1].endswith("would be served")
    far = explain("How do I open an account?", "The weather was lovely.")
    assert not far.serves
    assert any("not near enough" in line for line in far.lines())


@pytest.mark.parametrize(
    "first,second,same",
    [
        ('{"a": 1, "b": [2]}', '{"b":[2],"a":1}', True),
        ('{"a": 1}', '{"a": 2}', False),
        ('"positive"', "positive", True),
        ("Yes.", "yes", True),
        ("yes", "no", False),
        ("true", "1", False),
        ("The parcel will arrive on Monday at the shop.", "On Monday the parcel will arrive at the shop.", True),
        ("The parcel will arrive in 2 days at the shop.", "The parcel will arrive in 3 days at the shop.", False),
        ("You can return it within the first month of use.", "You can not return it within the first month of use.", False),
        ("Ask the desk in the hall for the form.", "Use the app on your phone to pay the bill.", False),
    ],
)
def test_when_two_replies_agree(first: str, second: str, same: bool) -> None:
    assert agree(first, second) is same
    assert agree(second, first) is same
