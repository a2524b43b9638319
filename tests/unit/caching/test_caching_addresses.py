"""Addresses of caches are looked at when a runtime starts, and the message says where they come from."""

from __future__ import annotations

import io
from typing import Any

import pytest

from rtfs.caching.addresses import check_address
from rtfs.caching.opening import open_caches
from rtfs.cli.main import main
from rtfs.errors import ConfigError
from rtfs.runtime import Runtime

GOOD = [
    ("redis", ["redis://localhost:6379/0", "redis://:secret@[::1]:6380/3", "rediss://cache.example.com", "unix:///run/redis.sock?db=2"]),
    ("obstore", ["s3://answers", "s3://my.bucket-1/a/b c", "s3://Old_Bucket/x"]),
]
WRONG = [
    ("ftp://host/x", "begins with none of"),
    ("me:secret@host", "begins with none of"),
    ("redis://", "there is no host"),
    ("redis://:secret@host:port/0", "Port could not be cast"),
    ("redis://:secret@host:70000/0", "Port out of range"),
    ("redis://[::1", "Invalid IPv6"),
    ("redis://host:0/1", "no port 0"),
    ("redis://:secret@host/answers", "`answers` is no number of a database"),
    ("unix://", "there is no path"),
    ("s3://", "there is no bucket"),
    ("s3:///prefix", "there is no bucket"),
    ("s3://a b/x", "no name of a bucket"),
    ("s3://bucket:9000/x", "no name of a bucket"),
    ("s3://me:secret@bucket/x", "a key has no place"),
    ("s3://bucket/../other", "the prefix leads elsewhere"),
]


@pytest.mark.parametrize(("package", "addresses"), GOOD, ids=lambda part: part if isinstance(part, str) else None)
def test_addresses_of_stores(package: str, addresses: list[str]) -> None:
    pytest.importorskip(package)
    for address in addresses:
        check_address(address)


@pytest.mark.parametrize(("address", "problem"), WRONG, ids=[address for address, _ in WRONG])
def test_what_is_no_address_is_told_at_the_start(
    address: str, problem: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=problem):
        open_caches({"shared": address})
    with pytest.raises(ConfigError, match=f"^caches: shared: .*{problem}"):
        Runtime(caches={"store": True, "shared": address}, stderr=io.StringIO())
    if "://" in address:
        with pytest.raises(ConfigError, match=f"^caches: .*{problem}"):
            Runtime(caches=address)
    monkeypatch.setenv("RTFS_CACHE_STORE", address)
    for command in (["eval", "1"], ["cache", "stats"]):
        assert main(command) == 2
        err = capsys.readouterr().err
        assert "RTFS_CACHE_STORE: " in err
        assert problem in err
        assert "hint: " in err
        assert "secret" not in err
    assert main(["eval", "1", "--no-cache"]) == 0


def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    found: Any = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("redis", "obstore") else found(name))
    for address, extra in (("redis://host", "redis"), ("s3://bucket", "s3")):
        with pytest.raises(ConfigError, match=r"RTFS_CACHE_STORE") as caught:
            check_address(address, "RTFS_CACHE_STORE")
        assert caught.value.kind == "missing-extra"
        assert f"[{extra}]" in (caught.value.hint or "")
