"""Servers of caches that tests start themselves: Redis where it is installed, and one that speaks S3."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest


class Servers:
    """Started when first asked for. A test that needs one that is not installed is skipped.

    Args:
        folder: for their files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._redis: Redis | None = None
        self._s3: Any = None
        self._buckets: set[str] = set()

    def redis(self) -> str:
        """Its address."""
        if self._redis is None:
            self._redis = Redis(self._folder)
            self._redis.start()
        return self._redis.address

    def s3(self, bucket: str) -> dict[str, str]:
        """What `ObjectStore` needs to know of it; the bucket is there."""
        pytest.importorskip("obstore", reason="the package obstore is not installed: pip install 'rtfs-lang[s3]'")
        moto = pytest.importorskip("moto.server", reason="moto is not installed: no server that speaks S3")
        if self._s3 is None:
            self._s3 = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
            self._s3.start()
        _, port = self._s3.get_host_and_port()
        settings = {
            "endpoint": f"http://127.0.0.1:{port}",
            "access_key_id": "test",
            "secret_access_key": "test",
            "region": "us-east-1",
        }
        if bucket not in self._buckets:
            import http.client

            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("PUT", f"/{bucket}")
            assert connection.getresponse().status == 200
            connection.close()
            self._buckets.add(bucket)
        return settings

    def stop(self) -> None:
        if self._redis is not None:
            self._redis.stop()
        if self._s3 is not None:
            self._s3.stop()


class Redis:
    """A server of its own, that keeps everything it is given; it can be stopped and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        pytest.importorskip("redis", reason="the package redis is not installed: pip install 'rtfs-lang[redis]'")
        binary = shutil.which("redis-server")
        if binary is None:
            pytest.skip("there is no redis-server here")
        self._binary, self._folder = binary, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"redis://127.0.0.1:{self._port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", str(self._port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--appendonly", "yes", "--save", ""]
        self._process = subprocess.Popen([self._binary, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("redis-server did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None
