"""Files of the compile cache: signed, so that only what this user's RTFS has written is ever looked into.

An entry is Python bytecode.  Whoever could put one there could run code as the user, and a damaged one could do anything; so
nothing is decoded before its signature fits (keyed BLAKE2b, with a key that only the user can read), and a folder or file that
others own or can write to is left alone.  Whatever is wrong with the folder or a file, there is no entry then, and no error.

    magic      8 bytes
    signature  32 bytes, of the entry's `about`, the sizes and the index
    sizes      of the index and of all sections, 8 bytes each, the lowest first
    index
    sections   each known to the index by its digest (`piece`), so that nobody has to look at those that are not needed
"""

from __future__ import annotations

import os
import sys

try:  # `hashlib` loads OpenSSL first, which takes longer than everything that is done here
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

from _operator import _compare_digest

_MAGIC = b"RTFSc\x00\r\n"
_SIGNATURE_BYTES = 32
_SIZE_BYTES = 8
_SIGNED_FROM = len(_MAGIC) + _SIGNATURE_BYTES
_HEAD_BYTES = _SIGNED_FROM + 2 * _SIZE_BYTES
_KEY_BYTES = 32
_KEY_NAME = "key"
_ENDING = ".rtfsc"
_MAX_ENTRY_BYTES = 128 * 2**20
#: Beyond it the entries that were not used for the longest time are removed.
MAX_BYTES = 256 * 2**20
#: A use is noted at most so often.
_NOTE_AFTER_S = 3_600
#: A file that somebody began to write and left behind.
_LEFT_BEHIND_S = 3_600
_OTHERS_WRITE, _OTHERS = 0o022, 0o077
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def digest(*parts: bytes | memoryview) -> bytes:
    """32 bytes that stand for some byte strings, each with its length."""
    made = blake2b(digest_size=32)
    for part in parts:
        made.update(len(part).to_bytes(8, "little"))
        made.update(part)
    return made.digest()


class Store:
    """The entries in one folder, which is made when the first one is written."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    # --- entries ---

    def read(self, name: str, about: bytes) -> tuple[memoryview, memoryview] | None:
        """The index and the sections of an entry.

        Args:
            name: of its file, without the ending.
            about: what `write` was given; an entry about something else is no entry.
        """
        data = self._read(name + _ENDING, _MAX_ENTRY_BYTES, _OTHERS_WRITE)
        if data is None or len(data) < _HEAD_BYTES or data[: len(_MAGIC)] != _MAGIC:
            return None
        key = self._key()
        if key is None:
            return None
        whole = memoryview(data)
        middle = _SIGNED_FROM + _SIZE_BYTES
        end = _HEAD_BYTES + int.from_bytes(whole[_SIGNED_FROM:middle], "little")
        if end + int.from_bytes(whole[middle:_HEAD_BYTES], "little") != len(data):
            return None
        if not _compare_digest(_sign(key, about, whole[_SIGNED_FROM:end]), data[len(_MAGIC) : _SIGNED_FROM]):
            return None
        return whole[_HEAD_BYTES:end], whole[end:]

    def write(self, name: str, about: bytes, index: bytes, sections: bytes = b"") -> bool:
        """Keep an entry, in the place of an older one; whether that was possible."""
        sizes = (len(index).to_bytes(_SIZE_BYTES, "little"), len(sections).to_bytes(_SIZE_BYTES, "little"))
        signed = b"".join((*sizes, index))
        if _SIGNED_FROM + len(signed) + len(sections) > _MAX_ENTRY_BYTES:
            return False
        try:
            os.makedirs(os.path.dirname(self.folder) or ".", exist_ok=True)
            if not os.path.isdir(self.folder):
                os.makedirs(self.folder, 0o700, exist_ok=True)
            key = self._key() or self._new_key()
            if key is None:
                return False
            self._put(name + _ENDING, b"".join((_MAGIC, _sign(key, about, signed), signed, sections)))
            self._prune()
        except OSError:
            return False
        return True

    def clear(self) -> int:
        """Remove all entries; how many there were.

        Raises:
            OSError.
        """
        found = self._entries()
        for _, _, path in found:
            os.unlink(path)
        return len(found)

    # --- files ---

    def _own_folder(self) -> bool:
        try:
            found = os.stat(self.folder)
        except OSError:
            return False
        return _is_own(found, _OTHERS_WRITE)

    def _read(self, name: str, most: int, forbidden: int) -> bytes | None:
        """The content of a file that is the user's alone."""
        if not self._own_folder():
            return None
        try:
            handle = os.open(os.path.join(self.folder, name), os.O_RDONLY | _NO_FOLLOW)
        except OSError:
            return None
        try:
            found = os.fstat(handle)
            if not _is_file(found) or not _is_own(found, forbidden) or found.st_size > most:
                return None
            size, parts = found.st_size, []
            while size > 0:
                part = os.read(handle, size)
                if not part:
                    break
                parts.append(part)
                size -= len(part)
            if name != _KEY_NAME:
                self._note_use(handle, found)
            return parts[0] if len(parts) == 1 else b"".join(parts)
        except OSError:
            return None
        finally:
            os.close(handle)

    def _note_use(self, handle: int, found: os.stat_result) -> None:
        import time

        if time.time() - found.st_mtime > _NOTE_AFTER_S:
            try:
                os.utime(handle)
            except (OSError, TypeError, NotImplementedError):
                pass

    def _put(self, name: str, data: bytes) -> None:
        """Write a file that others see as a whole or not at all."""
        beside = os.path.join(self.folder, f"{name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(beside, os.path.join(self.folder, name))
        except BaseException:
            _remove(beside)
            raise

    # --- the key ---

    def _key(self) -> bytes | None:
        key = self._read(_KEY_NAME, _KEY_BYTES, _OTHERS)
        return key if key is not None and len(key) == _KEY_BYTES else None

    def _new_key(self) -> bytes | None:
        """Make the user's key. Of several processes that do so at once, one wins; entries that the others sign are of no use."""
        if not self._own_folder():
            return None
        self._put(_KEY_NAME, os.urandom(_KEY_BYTES))
        return self._key()

    # --- size ---

    def _entries(self) -> list[tuple[float, int, str]]:
        """(time of the last use, size, path) of all entries."""
        found = []
        with os.scandir(self.folder) as files:
            for file in files:
                if file.name.endswith(_ENDING) and file.is_file(follow_symlinks=False):
                    known = file.stat(follow_symlinks=False)
                    found.append((known.st_mtime, known.st_size, file.path))
        return found

    def _prune(self) -> None:
        found = self._entries()
        total = sum(size for _, size, _ in found)
        if total > MAX_BYTES:
            for _, size, path in sorted(found):
                _remove(path)
                total -= size
                if total <= MAX_BYTES * 3 // 4:
                    break
        self._sweep()

    def _sweep(self) -> None:
        import time

        with os.scandir(self.folder) as files:
            for file in files:
                if file.name.endswith(".tmp") and time.time() - file.stat(follow_symlinks=False).st_mtime > _LEFT_BEHIND_S:
                    _remove(file.path)


def section(data: bytes, start: int) -> tuple[int, int, bytes]:
    """What the index knows a section by: where it begins and ends, and its digest."""
    return start, start + len(data), digest(data)


def piece(sections: memoryview, known: tuple[int, int, bytes]) -> memoryview | None:
    """A section, unless it is not as it was written."""
    found = sections[known[0] : known[1]]
    return found if digest(found) == known[2] else None


def _sign(key: bytes, about: bytes, signed: bytes | memoryview) -> bytes:
    made = blake2b(about, digest_size=_SIGNATURE_BYTES, key=key, person=b"rtfs-code")
    made.update(signed)
    return made.digest()


def _is_file(found: os.stat_result) -> bool:
    return found.st_mode & 0o170000 == 0o100000


def _is_own(found: os.stat_result, forbidden: int) -> bool:
    """Whether something belongs to the user, and nobody else may do what `forbidden` says."""
    if sys.platform == "win32":  # where the folders of a user are the user's own
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & forbidden


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
