"""A store in an object store that speaks S3 (extra `s3`): cold, shared, and as large as anybody wants.

    PREFIX/NAMESPACE/ab/abcdef…    an entry (`stores.frames`) under its key in hexadecimal digits

Rules of the bucket remove what is old; a time to live is looked at here as well.  Finding entries by tag reads all of them, and
figures are not kept: in front of it stands a store that does both well (`stores.tiered`).
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from urllib.parse import quote, unquote

from rtfs.caching.stores.frames import FramedStore, frame
from rtfs.caching.stores.protocol import Entry, Known, StoreUnavailable, without_password
from rtfs.errors import ConfigError, missing_extra

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

#: Seconds to wait for a connection, for an answer, and for all tries of one request together.
CONNECT_S, ANSWER_S, TRIES_S = 2, 10, 15


class ObjectStore(FramedStore):
    """See `stores.protocol.Store`.

    Args:
        address: `s3://BUCKET/PREFIX`; keys, region and endpoint are those of the environment (`AWS_ACCESS_KEY_ID` …).
        ttl_s: of entries that do not say.
        settings: for obstore, in the place of the environment: `endpoint`, `access_key_id` …
        clock: seconds since the epoch.
    Raises:
        ConfigError: the package `obstore` is not installed, or the address is none.
    """

    name = "s3"

    def __init__(
        self,
        address: str,
        *,
        ttl_s: float | None = None,
        settings: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(ttl_s, clock)
        try:
            import obstore
            from obstore.exceptions import BaseError
            from obstore.store import from_url
        except ImportError as error:
            raise missing_extra("obstore", "s3", "a cache in an object store") from error
        from datetime import timedelta

        self._api: Any = obstore
        self._errors: tuple[type[Exception], ...] = (BaseError, OSError)
        scheme, _, rest = address.partition("://")
        bucket, _, prefix = rest.partition("/")
        self.place = without_password(address)
        if "@" in bucket:
            hint = "keys are those of the environment, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            raise ConfigError(f"a key has no place in the address {self.place}", hint=hint)
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        more: dict[str, Any] = {}
        if scheme == "s3":
            more = {
                "client_options": {"timeout": f"{ANSWER_S}s", "connect_timeout": f"{CONNECT_S}s", "allow_http": True},
                "retry_config": {"max_retries": 1, "retry_timeout": timedelta(seconds=TRIES_S)},
            }
        try:
            self._store: Any = from_url(f"{scheme}://{bucket}", **more, **(settings or {}))
        except (*self._errors, ValueError) as error:
            raise ConfigError(f"{self.place} is no address of an object store: {_first_line(error)}") from error

    def _path(self, namespace: str, key: bytes) -> str:
        digits = key.hex()
        return f"{self._prefix}{quote(namespace, safe='')}/{digits[:2]}/{digits}"

    # --- one entry ---

    def _data(self, namespace: str, key: bytes) -> bytes | None:
        with self._translated():
            try:
                data: bytes = self._api.get(self._store, self._path(namespace, key)).bytes()
            except FileNotFoundError:
                return None
        return data

    def put(self, namespace: str, key: bytes, value: bytes, *, ttl_s: float | None = None, tags: tuple[str, ...] = ()) -> bool:
        now = self._clock()
        ttl_s = self._ttl_s if ttl_s is None else ttl_s
        data = frame(namespace, key, value, now, None if ttl_s is None else now + ttl_s, tags)
        with self._translated():
            self._api.put(self._store, self._path(namespace, key), data)
        return True

    def put_many(self, namespace: str, entries: Iterable[Entry]) -> int:
        return sum([self.put(namespace, e.key, e.value, ttl_s=e.ttl_s, tags=e.tags) for e in entries])

    def delete(self, namespace: str, key: bytes) -> bool:
        path = self._path(namespace, key)
        with self._translated():
            try:
                self._api.head(self._store, path)
            except FileNotFoundError:
                return False
            self._api.delete(self._store, path)
        return True

    def _drop(self, namespace: str, key: bytes) -> None:
        with self._translated():
            self._api.delete(self._store, self._path(namespace, key))

    # --- many ---

    def _paths(self, prefix: str) -> list[tuple[str, int]]:
        """(path, size) of objects."""
        with self._translated():
            return [(one["path"], one["size"]) for some in self._api.list(self._store, prefix=prefix) for one in some]

    def _folder(self, namespace: str | None) -> str:
        return self._prefix.rstrip("/") if namespace is None else f"{self._prefix}{quote(namespace, safe='')}"

    def clear(self, namespace: str | None = None) -> int:
        paths = [path for path, _ in self._paths(self._folder(namespace))]
        with self._translated():
            for start in range(0, len(paths), 1000):
                self._api.delete(self._store, paths[start : start + 1000])
        return len(paths)

    def known(self, namespace: str, *, tag: str | None = None) -> Iterator[Known]:
        return iter([known for _, known in self._found(namespace, tag)])

    def items(self, namespace: str, *, tag: str | None = None) -> Iterator[tuple[bytes, bytes]]:
        return iter([(known.key, value) for value, known in self._found(namespace, tag)])

    def _found(self, namespace: str, tag: str | None) -> list[tuple[bytes, Known]]:
        found = []
        for path, _ in self._paths(self._folder(namespace)):
            try:
                key = bytes.fromhex(path.rpartition("/")[2])
            except ValueError:  # somebody else's
                continue
            one = self._read(namespace, key)
            if one is not None and (tag is None or tag in one[1].tags):
                found.append(one)
        return sorted(found, key=lambda one: one[1].created)

    def _spaces(self) -> list[str]:
        start = len(self._prefix)
        return sorted({unquote(path[start:].partition("/")[0]) for path, _ in self._paths(self._folder(None))})

    def namespaces(self) -> list[str]:
        return self._spaces()

    def count(self, namespace: str, counts: Mapping[str, float]) -> None:
        """There is no adding up without reading first, and no lock to do that under."""

    def counts(self, namespace: str) -> dict[str, float]:
        return {}

    def close(self) -> None:
        """There is nothing to let go of."""

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise StoreUnavailable(f"{self.place}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
