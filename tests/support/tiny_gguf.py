"""A tiny model file for tests: a llama architecture with random weights, 0.3 MB, loaded in a few milliseconds.

It is real to llama.cpp in everything but its knowledge: a tokenizer that can encode any text (256 byte tokens, one per
printable ASCII character, some words and their beginnings), attention over a cache, an end token, a chat template.
The same seed gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from gguf import TokenType

CHAT_TEMPLATE = (
    "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
#: Words that are one token each, so that labels can have one token or several.
WORDS = ("positive", "negative", "neutral", "true", "false", "null", "yes", "no", "label", "value")


def _vocabulary() -> tuple[list[bytes], list[float], list[int]]:
    tokens: list[bytes] = []
    scores: list[float] = []
    types: list[int] = []

    def add(text: str, score: float, kind: TokenType) -> None:
        tokens.append(text.encode())
        scores.append(score)
        types.append(int(kind))

    add("<unk>", 0.0, TokenType.UNKNOWN)
    add("<s>", 0.0, TokenType.CONTROL)
    add("</s>", 0.0, TokenType.CONTROL)
    for byte in range(256):
        add(f"<0x{byte:02X}>", 0.0, TokenType.BYTE)
    add("\u2581", -1000.0, TokenType.NORMAL)  # the blank of this kind of tokenizer
    for code in range(33, 127):
        add(chr(code), -1000.0 - code, TokenType.NORMAL)
    # the tokenizer merges in pairs, so every beginning of a word has to be a token too
    beginnings = {form[:n] for word in WORDS for form in (word, "\u2581" + word) for n in range(2, len(form) + 1)}
    for text in sorted(beginnings):
        add(text, -float(100 - len(text)), TokenType.NORMAL)
    add("<|im_start|>", 0.0, TokenType.CONTROL)
    add("<|im_end|>", 0.0, TokenType.CONTROL)
    return tokens, scores, types


def write_tiny_gguf(path: Path, *, context_tokens: int = 2048, seed: int = 0, chat: bool = True) -> Path:
    """Write the model to `path`."""
    layers, width, heads, kv_heads, inner = 2, 32, 4, 2, 64
    random = np.random.default_rng(seed)
    tokens, scores, types = _vocabulary()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny-random-llama")
    writer.add_context_length(context_tokens)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_dimension_count(width // heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(tokens.index(b"<|im_end|>"))
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)  # so that decoding gives back what was encoded
    if chat:
        writer.add_chat_template(CHAT_TEMPLATE)

    def tensor(name: str, *shape: int, scale: float = 0.08) -> None:
        writer.add_tensor(name, (random.standard_normal(shape) * scale).astype(np.float32))

    head = width // heads
    tensor("token_embd.weight", len(tokens), width, scale=1.0)
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    tensor("output.weight", len(tokens), width, scale=0.5)
    for i in range(layers):
        block = f"blk.{i}."
        writer.add_tensor(block + "attn_norm.weight", np.ones(width, np.float32))
        writer.add_tensor(block + "ffn_norm.weight", np.ones(width, np.float32))
        tensor(block + "attn_q.weight", heads * head, width)
        tensor(block + "attn_k.weight", kv_heads * head, width)
        tensor(block + "attn_v.weight", kv_heads * head, width)
        tensor(block + "attn_output.weight", width, heads * head)
        tensor(block + "ffn_gate.weight", inner, width)
        tensor(block + "ffn_up.weight", inner, width)
        tensor(block + "ffn_down.weight", width, inner)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_tiny_bert(path: Path, *, context_tokens: int = 64, seed: int = 0) -> Path:
    """Write a model that gives vectors of 16 numbers for texts of a few words, and nothing that they mean."""
    layers, width, heads, inner = 2, 16, 2, 32
    random = np.random.default_rng(seed)
    specials = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    tokens = [*specials, *(f"\u2581{word}" for word in WORDS)]
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name("tiny-random-bert")
    writer.add_context_length(context_tokens)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([token.encode() for token in tokens])
    writer.add_token_types([int(TokenType.CONTROL)] * len(specials) + [int(TokenType.NORMAL)] * len(WORDS))
    writer.add_token_type_count(2)
    for name, token in (("pad", "[PAD]"), ("unk", "[UNK]"), ("bos", "[CLS]"), ("eos", "[SEP]"), ("sep", "[SEP]"), ("mask", "[MASK]")):
        getattr(writer, f"add_{name}_token_id")(tokens.index(token))
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(True)

    def tensor(name: str, *shape: int) -> None:
        writer.add_tensor(name, (random.standard_normal(shape) * 0.3).astype(np.float32))

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(width, np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(width, np.float32))

    tensor("token_embd.weight", len(tokens), width)
    tensor("position_embd.weight", context_tokens, width)
    tensor("token_types.weight", 2, width)
    norm("token_embd_norm")
    for i in range(layers):
        block = f"blk.{i}."
        for part, out, into in (("attn_q", width, width), ("attn_k", width, width), ("attn_v", width, width), ("attn_output", width, width), ("ffn_up", inner, width), ("ffn_down", width, inner)):
            tensor(f"{block}{part}.weight", out, into)
            tensor(f"{block}{part}.bias", out)
        norm(f"{block}attn_output_norm")
        norm(f"{block}layer_output_norm")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
