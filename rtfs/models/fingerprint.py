"""Which weights a file holds, without reading all of it.

The size, the beginning (a GGUF file's settings, vocabulary and list of tensors are there) and the end make the fingerprint: it is
the same for copies of a file, and another one for another model, quantisation or fine-tuning.  Reading seven gigabytes for a whole
checksum would take longer than most answers.
"""

from __future__ import annotations

import os
from hashlib import blake2b

#: Bytes that are looked at, at either end.
_LOOKED_AT = 2**20

#: (path, size, time of the last change) -> fingerprint
_KNOWN: dict[tuple[str, int, int], str] = {}


def fingerprint(path: str | os.PathLike[str]) -> str:
    """24 hexadecimal digits.

    Raises:
        OSError.
    """
    found = os.stat(path)
    key = (os.fspath(path), found.st_size, found.st_mtime_ns)
    known = _KNOWN.get(key)
    if known is None:
        digest = blake2b(str(found.st_size).encode(), digest_size=12)
        with open(path, "rb") as file:
            digest.update(file.read(_LOOKED_AT))
            file.seek(max(0, found.st_size - _LOOKED_AT))
            digest.update(file.read(_LOOKED_AT))
        known = _KNOWN[key] = digest.hexdigest()
    return known
