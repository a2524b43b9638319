"""Addresses of stores that are no folders, looked at when a runtime starts: without a connection, and before the first call.

    redis://USER:PASSWORD@HOST:PORT/DB   rediss://… (TLS)   unix:///PATH?db=0   s3://BUCKET/PREFIX

What the libraries would take for something else than was meant is refused too: a database that is no number, the port of a bucket.
"""

from __future__ import annotations

from rtfs.caching.stores.protocol import without_password
from rtfs.errors import ConfigError, missing_extra

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

SCHEMES = ("redis", "rediss", "unix", "s3")
FORMS = "write a folder, redis://HOST:PORT/DB or s3://BUCKET/PREFIX"
_ENDPOINT = "an endpoint is AWS_ENDPOINT_URL, keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


def check_address(address: str, whence: str = "") -> None:
    """Whether a store can be at an address.

    Args:
        whence: where the address comes from, for the message: `RTFS_CACHE_STORE`.
    Raises:
        ConfigError: it cannot; `missing-extra`: the library for it is not installed.
    """
    scheme, separator, rest = address.partition("://")
    if not separator or scheme not in SCHEMES:
        problem, hint = "it begins with none of redis://, rediss://, unix:// and s3://", FORMS
    elif scheme == "s3":
        problem, hint = _problem_of_bucket(rest), _ENDPOINT if "@" in rest or ":" in rest.partition("/")[0] else FORMS
    else:
        problem, hint = _problem_of_server(scheme, address), FORMS
    where = f"{whence}: " if whence else ""
    if problem:
        raise ConfigError(f"{where}caches cannot be kept at {_shown(address)}: {problem}", hint=hint)
    package, extra = ("obstore", "s3") if scheme == "s3" else ("redis", "redis")
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise missing_extra(package, extra, f"{where}a cache at {_shown(address)}")


def check_places(caches: str | Mapping[str, Any]) -> None:
    """`check_address` for what is given to `opening.open_caches`, of what in it is an address.

    Raises:
        ConfigError.
    """
    given = {"caches": caches} if isinstance(caches, str) else {f"caches: {name}": caches.get(name) for name in ("store", "shared")}
    for whence, place in given.items():
        if isinstance(place, str) and ("://" in place or whence == "caches: shared"):
            check_address(place, whence)


def _shown(address: str) -> str:
    """Without what may be a password, in whatever place somebody wrote it."""
    return without_password(address) if "://" in address else address.rpartition("@")[2]


def _problem_of_bucket(rest: str) -> str:
    bucket, _, prefix = rest.partition("/")
    if not bucket:
        return "there is no bucket"
    if "@" in bucket:
        return "a key has no place in an address"
    if not bucket[0].isalnum() or not bucket.isascii() or bucket.strip(_OF_BUCKETS):
        return f"`{bucket}` is no name of a bucket"
    return "the prefix leads elsewhere" if {".", ".."} & {*prefix.split("/")} else ""


_OF_BUCKETS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"


def _problem_of_server(scheme: str, address: str) -> str:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        return str(error)
    if scheme == "unix":
        return "" if parts.path.strip("/") else "there is no path of a socket"
    if not parts.hostname:
        return "there is no host"
    if port == 0:
        return "there is no port 0"
    database = parts.path.strip("/")
    return "" if not database or database.isdecimal() else f"`{database}` is no number of a database"
