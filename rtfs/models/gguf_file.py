"""The header of a GGUF file: what model is in it, how large its parts are, and whether the file is whole.

Read without any library, because it has to be looked at before llama.cpp sees the file: numbers decide what fits on a GPU,
and a file that was cut short is told from one of another format.  Nothing in the file is trusted: every length is held against the
bytes that are there.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAGIC = b"GGUF"
# byte sizes of GGUF's scalar value types by their number; 8 is a string, 9 an array
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
#: Type of a tensor -> (items in a block, bytes of a block), as in ggml's table of types.
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98),
    19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
    40: (64, 36), 41: (128, 18),
}  # fmt: skip
#: More of anything is no model that exists.
_MOST = 1_000_000
_CACHE_ITEM_BYTES = 2  # float16


class NotGguf(ValueError):
    """The file is no GGUF file that can be read, or not all of one. The message says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """What is in a model file."""

    architecture: str
    name: str
    parameters: int
    context_tokens: int
    """What the model was trained for; 0 when the file does not say."""
    size_bytes: int
    """Of all its tensors."""
    block_bytes: tuple[int, ...]
    """Weights of each block (layer), in order."""
    output_bytes: int
    """Weights after the last block; where the file has none of its own, the embeddings serve a second time."""
    cache_bytes: tuple[int, ...]
    """For each block, what one token of context takes in the cache."""
    has_template: bool
    """Whether it says how a conversation is written."""
    embeds: bool
    """Whether it was made to give a vector for a text, instead of the next token."""


def read_shape(path: Path) -> ModelShape:
    """The shape of a model file.

    Raises:
        NotGguf: it is none, or damaged, or cut short.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        if stream.read(4) != MAGIC:
            raise NotGguf(f"{path.name} is not a GGUF file")
        try:
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _shape(_Reader(data, path.name))
        except (struct.error, OverflowError):
            raise NotGguf(f"{path.name} is cut short: it ends within its header") from None


class _Reader:
    """Reads values one after the other."""

    def __init__(self, data: mmap.mmap, name: str) -> None:
        self.data = data
        self.name = name
        self.at = 4

    def number(self, form: str) -> Any:
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def count(self, what: str, most: int = _MOST) -> int:
        value = int(self.number("<Q"))
        if value > most:
            raise NotGguf(f"{self.name} is damaged: it claims to have {value} {what}")
        return value

    def text(self) -> str:
        length = self.count("characters in a text", len(self.data))
        if self.at + length > len(self.data):
            raise struct.error
        self.at += length
        return bytes(self.data[self.at - length : self.at]).decode("utf-8", "replace")

    def value(self, kind: int) -> Any:
        """A value; an array as a list of its numbers, of its texts only how many they are."""
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY:
            raise NotGguf(f"{self.name} is damaged: there is no value of type {kind}")
        item = self.number("<I")
        count = self.count("items in an array", len(self.data))
        if item in _SCALARS:
            form = f"<{count}{_SCALARS[item][1:]}"
            values = struct.unpack_from(form, self.data, self.at)
            self.at += struct.calcsize(form)
            return list(values)
        if item != _STRING:
            raise NotGguf(f"{self.name} is damaged: there is no array of type {item}")
        # a vocabulary has 100,000s of them: the shortest loop that steps over them
        at, data, unpack = self.at, self.data, struct.Struct("<Q").unpack_from
        for _ in range(count):
            at += 8 + unpack(data, at)[0]
        self.at = at
        return count


def _shape(reader: _Reader) -> ModelShape:
    version = reader.number("<I")
    if version not in (2, 3):
        raise NotGguf(f"{reader.name} is of version {version} of GGUF; versions 2 and 3 can be read")
    tensors = reader.count("tensors")
    about: dict[str, Any] = {}
    for _ in range(reader.count("entries")):
        key = reader.text()
        about[key] = reader.value(reader.number("<I"))
    sizes: dict[str, int] = {}
    parameters = end = 0
    for _ in range(tensors):
        name = reader.text()
        count = 1
        for _ in range(reader.number("<I")):
            count *= reader.number("<Q")
        block, block_bytes = BLOCKS.get(reader.number("<I"), (1, 0))
        offset = reader.number("<Q")
        parameters += count
        sizes[name] = -(-count // block) * block_bytes
        end = max(end, offset + sizes[name])
    alignment = about.get("general.alignment", 32)
    begin = -(-reader.at // alignment) * alignment if isinstance(alignment, int) and alignment > 0 else reader.at
    if begin + end > len(reader.data):
        raise NotGguf(f"{reader.name} is cut short: it has {len(reader.data):,} bytes of {begin + end:,}")
    return _described(about, sizes, parameters)


def _described(about: dict[str, Any], sizes: dict[str, int], parameters: int) -> ModelShape:
    architecture = str(about.get("general.architecture", ""))

    def number(key: str, default: int = 0) -> int:
        value = about.get(f"{architecture}.{key}", default)
        return value if isinstance(value, int) and 0 <= value <= 1 << 40 else default

    blocks = min(number("block_count"), 10_000)
    block_bytes = [0] * blocks
    outside: dict[str, int] = {}
    for name, size in sizes.items():
        first, _, rest = name.partition(".")
        block = rest.partition(".")[0] if first == "blk" else ""
        if block.isdecimal() and int(block) < blocks:
            block_bytes[int(block)] += size
        else:
            outside[name] = size
    output = sum(size for name, size in outside.items() if name.startswith("output"))
    if "output.weight" not in outside:
        output += outside.get("token_embd.weight", 0)
    return ModelShape(
        architecture=architecture,
        name=str(about.get("general.name", "")),
        parameters=parameters,
        context_tokens=number("context_length"),
        size_bytes=sum(sizes.values()),
        block_bytes=tuple(block_bytes),
        output_bytes=output,
        cache_bytes=tuple(map(_cache_bytes(about, architecture, number), range(blocks))),
        has_template=bool(about.get("tokenizer.chat_template")),
        embeds=about.get(f"{architecture}.pooling_type", 0) not in (0, None) or architecture.endswith("bert"),
    )


def _cache_bytes(about: dict[str, Any], architecture: str, number: Callable[..., int]) -> Callable[[int], int]:
    noted = about.get(f"{architecture}.attention.head_count")
    # where each block has another number of them, the width of one is that of the block with the most
    most = max((n for n in noted if isinstance(n, int)), default=0) if isinstance(noted, list) else number("attention.head_count")
    heads = max(1, most)
    width = number("embedding_length") // heads
    lengths = number("attention.key_length", width) + number("attention.value_length", width)
    shared = about.get(f"{architecture}.attention.head_count_kv", heads)

    def of(block: int) -> int:
        # some models have another number of them in each block
        kv_heads = shared[block] if isinstance(shared, list) and block < len(shared) else shared
        return lengths * _CACHE_ITEM_BYTES * (kv_heads if isinstance(kv_heads, int) else heads)

    return of
