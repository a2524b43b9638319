"""Whatever these tests call, it fits the declared types of the built-ins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.signatures import watched


@pytest.fixture(autouse=True, scope="module")
def _as_declared() -> Iterator[None]:
    with watched() as found:
        yield
    assert not found, "\n".join(found)
