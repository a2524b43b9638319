"""A faster copy of a model file, made once.

SmolLM2 is published as Q4_1, for which llama.cpp has no repacked kernels: written anew as Q8_0 it reads prompts 2.2
times as fast, with the same label accuracy (96.8 % against 96.4 %), for half a second of work and 145 MB of cache.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import struct
import tempfile
from pathlib import Path
from typing import IO, Any

#: `general.file_type` of files that gain from it (llama.cpp's LLAMA_FTYPE_MOSTLY_Q4_1).
_SLOW_FILE_TYPES = frozenset({3})
_HEAD_BYTES = 1 << 20
# byte sizes of GGUF's scalar value types by their number; 8 is a string, 9 an array
_SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9


def faster_copy(source: Path, folder: Path, library: Any) -> Path:
    """The Q8_0 copy of a Q4_1 file, made if it is not in the cache; `source` itself when it would gain nothing.

    The name of the copy carries the identity of its source, so that a changed source is never answered by an old copy.
    It appears in one step: processes may race.

    Args:
        folder: the cache folder; made if missing.
        library: the module `llama_cpp`.
    Raises:
        OSError: the copy cannot be written.
        RuntimeError: llama.cpp refused.
    """
    if file_type(source) not in _SLOW_FILE_TYPES:
        return source
    copy = folder / "models" / f"{source.stem}.{identity(source)}.q8_0.gguf"
    if copy.is_file():
        return copy
    copy.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=copy.parent, prefix=".", suffix=".part")
    os.close(handle)
    try:
        _requantise(source, Path(name), library)
        with Path(name).open("rb+") as written:
            os.fsync(written.fileno())
        Path(name).replace(copy)
    finally:
        Path(name).unlink(missing_ok=True)
    return copy


def identity(path: Path) -> str:
    """Twelve hexadecimal digits that change when the file does: from its size, time of change and first MiB."""
    stat = path.stat()
    digest = hashlib.sha256(f"{stat.st_size} {stat.st_mtime_ns}".encode())
    with path.open("rb") as stream:
        digest.update(stream.read(_HEAD_BYTES))
    return digest.hexdigest()[:12]


def _requantise(source: Path, target: Path, library: Any) -> None:
    library.llama_backend_init()
    params = library.llama_model_quantize_default_params()
    params.ftype = library.LLAMA_FTYPE_MOSTLY_Q8_0
    params.allow_requantize = True
    params.nthread = min(4, os.cpu_count() or 1)
    code = library.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(params))
    if code != 0:
        raise RuntimeError(f"llama_model_quantize returned {code} for {source}")


def file_type(path: Path) -> int | None:
    """The `general.file_type` of a GGUF file; None when it has none or is not a GGUF file that we can read."""
    with contextlib.suppress(OSError, EOFError, KeyError, struct.error), path.open("rb") as stream:
        if stream.read(4) != b"GGUF":
            return None
        _, _, entries = struct.unpack("<IQQ", stream.read(20))
        for _ in range(entries):
            key = stream.read(_length(stream))
            (kind,) = struct.unpack("<I", stream.read(4))
            if key == b"general.file_type":
                value = stream.read(_SCALAR_BYTES[kind])
                return int.from_bytes(value, "little") if len(value) == _SCALAR_BYTES[kind] else None
            _skip(stream, kind)
    return None


def _length(stream: IO[bytes]) -> int:
    (value,) = struct.unpack("<Q", stream.read(8))
    if value > 1 << 32:  # not a length that any real file has: the header is damaged
        raise EOFError
    return int(value)


def _skip(stream: IO[bytes], kind: int) -> None:
    if kind == _STRING:
        stream.seek(_length(stream), os.SEEK_CUR)
    elif kind == _ARRAY:
        (item,) = struct.unpack("<I", stream.read(4))
        count = _length(stream)
        if item in _SCALAR_BYTES:
            stream.seek(count * _SCALAR_BYTES[item], os.SEEK_CUR)
        else:
            for _ in range(count):
                _skip(stream, item)
    else:
        stream.seek(_SCALAR_BYTES[kind], os.SEEK_CUR)
