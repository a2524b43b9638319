"""What holds for every test: no model and no network by accident, a home of its own, and how hard hypothesis tries.

Tests marked `model` see the real data folder, where the weights lie; all others see empty temporary ones.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

NIGHTLY = os.environ.get("RTFS_NIGHTLY") == "1"

_SLOW_MACHINES = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("ci", max_examples=200, derandomize=True, deadline=None, database=None, suppress_health_check=_SLOW_MACHINES)
settings.register_profile("nightly", max_examples=10_000, deadline=None, suppress_health_check=_SLOW_MACHINES)
settings.load_profile("nightly" if NIGHTLY else "ci")

#: Variables that name a provider, a key or a proxy: with one of them set, a test could reach a model that costs money.
_REACHES_OUT = ("OPENAI_", "ANTHROPIC_", "RTFS_", "HF_", "XDG_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_KEPT = ("RTFS_NIGHTLY", "RTFS_SEED", "RTFS_UPDATE")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if NIGHTLY:
        for item in items:
            item.add_marker(pytest.mark.timeout(4 * 3600))
        return
    skip = pytest.mark.skip(reason="long: RTFS_NIGHTLY=1 runs it")
    for item in items:
        if item.get_closest_marker("nightly") is not None:
            item.add_marker(skip)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many generated programs ran, of tests that record the property `programs`."""
    reports = [report for found in terminalreporter.stats.values() for report in found if getattr(report, "when", "") == "call"]
    programs = sum(int(value) for report in reports for name, value in report.user_properties if name == "programs")
    if programs:
        terminalreporter.write_line(f"{programs:,} generated programs agreed on every evaluator")


@pytest.fixture(scope="session")
def _empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _isolated(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _empty_home: Path) -> Iterator[None]:
    """No keys, no proxies, an empty home; and sockets to this machine only."""
    if request.node.get_closest_marker("model") is not None:
        monkeypatch.setenv("RTFS_STATE_DIR", str(_empty_home / "state"))
        monkeypatch.setenv("RTFS_CACHE", "off")  # the model is to answer, not what it said yesterday
        yield
        return
    for name in list(os.environ):
        if (name.startswith(_REACHES_OUT) or name.lower() in _PROXIES) and name not in _KEPT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(_empty_home))
    if sys.platform == "win32":
        monkeypatch.setenv("USERPROFILE", str(_empty_home))
    monkeypatch.setenv("RTFS_DATA_DIR", str(_empty_home / "data"))
    monkeypatch.setenv("RTFS_CACHE_DIR", str(_empty_home / "cache"))
    monkeypatch.setenv("RTFS_STATE_DIR", str(_empty_home / "state"))
    shutil.rmtree(_empty_home / "cache" / "answers", ignore_errors=True)  # what a model said to another test
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)
    yield
