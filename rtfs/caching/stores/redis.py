"""A store on a Redis server (extra `redis`), for several machines. Room is the server's business: `maxmemory` and its policy.

    rtfs:e:NAMESPACE:KEY    an entry (`stores.frames`), with the server's own time to live
    rtfs:i:NAMESPACE        sorted set: the keys of a namespace by the time at which they came
    rtfs:t:NAMESPACE:TAG    sorted set: those with a tag
    rtfs:n                  set: the namespaces
    rtfs:c:NAMESPACE        hash: figures that were added up

The server drops entries by itself; what an index still names is found missing when somebody looks, and is removed from it then.
"""

from __future__ import annotations

import time
from contextlib import contextmanager

from rtfs.caching.stores.frames import FramedStore, frame
from rtfs.caching.stores.protocol import Entry, Known, StoreUnavailable, without_password
from rtfs.errors import ConfigError, missing_extra

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

#: Seconds to wait for a connection, and for an answer.
CONNECT_S, ANSWER_S = 1.0, 2.0
_AT_ONCE = 200


class RedisStore(FramedStore):
    """See `stores.protocol.Store`. Connects when it is first used.

    Args:
        address: `redis://:PASSWORD@HOST:PORT/DB`, `rediss://…` for TLS, `unix://PATH`.
        ttl_s: of entries that do not say.
        prefix: of all keys on the server.
        clock: seconds since the epoch.
    Raises:
        ConfigError: the package `redis` is not installed, or the address is none.
    """

    name = "redis"

    def __init__(
        self, address: str, *, ttl_s: float | None = None, prefix: str = "rtfs", clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(ttl_s, clock)
        try:
            import redis
        except ImportError as error:
            raise missing_extra("redis", "redis", "a cache on a Redis server") from error
        self._errors: tuple[type[Exception], ...] = (redis.RedisError, OSError)
        try:
            self._redis: Any = redis.Redis.from_url(address, socket_connect_timeout=CONNECT_S, socket_timeout=ANSWER_S)
        except ValueError as error:
            raise ConfigError(f"{without_password(address)} is no address of a Redis server: {error}") from error
        self.place = without_password(address)
        self._prefix = prefix

    # --- names on the server ---

    def _entry(self, namespace: str, key: bytes) -> bytes:
        return b"%b:e:%b:%b" % (self._prefix.encode(), namespace.encode(), key)

    def _index(self, namespace: str, tag: str | None = None) -> str:
        return f"{self._prefix}:i:{namespace}" if tag is None else f"{self._prefix}:t:{namespace}:{tag}"

    # --- one entry ---

    def _data(self, namespace: str, key: bytes) -> bytes | None:
        with self._translated():
            data: bytes | None = self._redis.get(self._entry(namespace, key))
        return data

    def put(self, namespace: str, key: bytes, value: bytes, *, ttl_s: float | None = None, tags: tuple[str, ...] = ()) -> bool:
        return self.put_many(namespace, (Entry(key, value, ttl_s, tags),)) == 1

    def put_many(self, namespace: str, entries: Iterable[Entry]) -> int:
        count = 0
        with self._translated():
            pipe = self._redis.pipeline(transaction=True)
            for entry in entries:
                now = self._clock()
                ttl_s = self._ttl_s if entry.ttl_s is None else entry.ttl_s
                if ttl_s is not None and ttl_s <= 0:
                    continue
                data = frame(namespace, entry.key, entry.value, now, None if ttl_s is None else now + ttl_s, entry.tags)
                pipe.set(self._entry(namespace, entry.key), data, px=None if ttl_s is None else max(1, int(ttl_s * 1000)))
                pipe.zadd(self._index(namespace), {entry.key: now})
                for tag in entry.tags:
                    pipe.zadd(self._index(namespace, tag), {entry.key: now})
                count += 1
            if count:
                pipe.sadd(f"{self._prefix}:n", namespace)
                pipe.execute()
        return count

    def delete(self, namespace: str, key: bytes) -> bool:
        with self._translated():
            pipe = self._redis.pipeline(transaction=True)
            pipe.delete(self._entry(namespace, key))
            pipe.zrem(self._index(namespace), key)
            return int(pipe.execute()[0]) > 0

    def _drop(self, namespace: str, key: bytes) -> None:
        self.delete(namespace, key)

    # --- many ---

    def clear(self, namespace: str | None = None) -> int:
        count = 0
        for space in self._spaces() if namespace is None else [namespace]:
            with self._translated():
                while keys := self._redis.zrange(self._index(space), 0, _AT_ONCE - 1):
                    count += self._redis.delete(*[self._entry(space, key) for key in keys])
                    self._redis.zrem(self._index(space), *keys)
                tags = list(self._redis.scan_iter(match=_literally(f"{self._prefix}:t:{space}:") + "*", count=1000))
                self._redis.delete(f"{self._prefix}:c:{space}", *tags)
                self._redis.srem(f"{self._prefix}:n", space)
        return count

    def known(self, namespace: str, *, tag: str | None = None) -> Iterator[Known]:
        for _, _, known in self._found(namespace, tag):
            yield known

    def items(self, namespace: str, *, tag: str | None = None) -> Iterator[tuple[bytes, bytes]]:
        for key, value, _ in self._found(namespace, tag):
            yield key, value

    def _found(self, namespace: str, tag: str | None) -> Iterator[tuple[bytes, bytes, Known]]:
        with self._translated():
            keys = self._redis.zrange(self._index(namespace, tag), 0, -1)
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            with self._translated():
                data = self._redis.mget([self._entry(namespace, key) for key in some])
            gone = []
            for key, each in zip(some, data):
                found = None if each is None else self._checked(namespace, key, each)
                if found is None or (tag is not None and tag not in found[1].tags):
                    gone.append(key)
                else:
                    yield key, found[0], found[1]
            if gone:
                with self._translated():
                    self._redis.zrem(self._index(namespace, tag), *gone)

    def _spaces(self) -> list[str]:
        with self._translated():
            return sorted([name.decode() for name in self._redis.smembers(f"{self._prefix}:n")])

    def namespaces(self) -> list[str]:
        return [name for name in self._spaces() if next(self.known(name), None) is not None]

    def count(self, namespace: str, counts: Mapping[str, float]) -> None:
        with self._translated():
            pipe = self._redis.pipeline(transaction=False)
            for name, amount in counts.items():
                pipe.hincrbyfloat(f"{self._prefix}:c:{namespace}", name, amount)
            pipe.execute()

    def counts(self, namespace: str) -> dict[str, float]:
        with self._translated():
            found = self._redis.hgetall(f"{self._prefix}:c:{namespace}")
        return {name.decode(): float(amount) for name, amount in found.items()}

    def close(self) -> None:
        with self._translated():
            self._redis.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise StoreUnavailable(f"{self.place}: {error}") from error


def _literally(text: str) -> str:
    """A pattern that stands for this text only."""
    return "".join([f"\\{c}" if c in "*?[]\\^-" else c for c in text])
