"""Whether the servers of models answer: each is asked once which models it has, all of them at the same time.

    no connection ─▶ not running (a server of this machine), not reachable
    401, 403 ──────▶ wrong key, or no key where one is wanted
    5xx ───────────▶ failing
    nothing in time ▶ no answer
    anything else ──▶ reachable

No model is asked anything, and nothing is billed.  Only servers of this machine and those that there is a key for are asked at all:
nobody else is told that somebody looks at what there is.  The connection is in `http`.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rtfs.errors import DelegationError

if TYPE_CHECKING:
    from rtfs.models.http import HttpProvider

#: Seconds that a server has to answer.
WAIT_S = 1.5
NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Reached:
    """What became of asking a server."""

    state: str
    """`reachable`, `not running`, `not reachable`, `wrong key`, `no key`, `failing`, `no answer` or `not asked`."""
    detail: str = ""
    hint: str | None = None

    @property
    def is_there(self) -> bool | None:
        """Whether it answers requests; None when nobody knows."""
        return None if self.state == NOT_ASKED else self.state == "reachable"


def reach(provider: HttpProvider, wait_s: float = WAIT_S) -> Reached:
    """Ask one server; raises nothing."""
    if not provider.may_be_asked:
        return Reached(NOT_ASKED)
    try:
        if provider.is_here and not _is_listening(provider.address, wait_s):
            hint = f"start it, or say in {provider.url_name} where it is"
            return Reached("not running", f"nothing listens at {provider.address}", hint)
        status = provider.list_models(wait_s)
    except DelegationError as error:
        state = "no answer" if error.kind != "model-unavailable" else "not running" if provider.is_here else "not reachable"
        return Reached(state, error.message, error.hint)
    if status in (401, 403):
        said = f"{provider.address} refuses access ({status})"
        if provider.has_key:
            return Reached("wrong key", said, f"check {provider.key_name}")
        return Reached("no key", said, f"set {provider.key_name}, or run: rtfs keys set {provider.key_name}")
    if status >= 500:
        return Reached("failing", f"{provider.address} fails ({status})")
    return Reached("reachable")


def reach_all(providers: Mapping[str, HttpProvider], wait_s: float = WAIT_S) -> dict[str, Reached]:
    """Ask all of them at once; name -> what became of it. Takes little longer than `wait_s`, whatever they do."""
    found: dict[str, Reached] = {}

    def work(name: str, provider: HttpProvider) -> Callable[[], None]:
        def ask() -> None:
            found[name] = reach(provider, wait_s)

        return ask

    threads = [threading.Thread(target=work(*pair), name="rtfs-reach", daemon=True) for pair in providers.items()]
    for thread in threads:
        thread.start()
    until = time.monotonic() + wait_s + 0.5  # an answer that drips is never late for the library
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    late = "it did not answer in time"
    return {name: found.get(name) or Reached("no answer", f"{provider.address}: {late}") for name, provider in providers.items()}


def _is_listening(address: str, wait_s: float) -> bool:
    """Whether a connection to a server of this machine can be opened: much quicker to find out than with a whole request."""
    parts = urlsplit(address)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # there is no such port; what is asked next says so
        return True
    try:
        socket.create_connection((parts.hostname or "", port), timeout=wait_s).close()
    except OSError:
        return False
    return True
