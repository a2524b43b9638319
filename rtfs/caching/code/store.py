"""Where published code is kept, and what is known of it besides.

    code          key of an entry -> its signed envelope (`entries`)
    code-state    key of an entry -> how it fares here: active or demoted, when it was used, what checks found; data without a
    signature

Tags find entries by what they do, by how they are called, by the task that they were made for.  An index is believed as little
as the envelope: whoever asks compares what is found with what the signed entry says.
"""

from __future__ import annotations

import json
import time

from rtfs.caching.code.bounds import Drift
from rtfs.caching.code.entries import CodeEntry, CodeRefused, Opened, open_envelope, seal
from rtfs.caching.layer import CacheStats
from rtfs.ir.artefact.hashing import HASH_BYTES
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, Protocol

    from rtfs.caching.code.signing import Signer

    class Store(Protocol):
        """Of `caching.stores.protocol.Store`, what is needed here."""

        def get(self, namespace: str, key: bytes) -> bytes | None: ...

        def put(self, namespace: str, key: bytes, value: bytes, *, tags: tuple[str, ...] = ()) -> bool: ...

        def delete(self, namespace: str, key: bytes) -> bool: ...

        def items(self, namespace: str, *, tag: str | None = None) -> Iterator[tuple[bytes, bytes]]: ...

        def close(self) -> None: ...


CODE, STATE = "code", "code-state"
ACTIVE, DEMOTED = "active", "demoted"


class CodeState(Struct):
    """How an entry fares on this machine.

    Attributes:
        name, text, interface, task, content: as in the entry, for those who list; hashes as hexadecimal digits.
        status: `active`, or `demoted`: not used any more.
        why: of a demotion; `demoted_s`: when it was, 0 while it is active.
        created_s, used_s: seconds since the epoch; `used_s` 0 when it was never used.
        uses: calls that it answered; `abstained`: calls that it left to others; `failed`: errors of its own.
        sampling: part of the calls that are also asked of the model, 0 to 1.
        drift: evidence against it.
    """

    name: str
    text: str
    content: str
    interface: str
    task: str
    created_s: float
    status: str = ACTIVE
    why: str = ""
    demoted_s: float = 0.0
    used_s: float = 0.0
    uses: int = 0
    abstained: int = 0
    failed: int = 0
    sampling: float = 0.0
    drift: Drift = Drift(0.9)

    def to_dict(self) -> dict[str, Any]:
        return {field: getattr(self, field) for field in self._fields if field != "drift"} | {
            "drift": {field: getattr(self.drift, field) for field in Drift._fields}
        }

    @classmethod
    def of(cls, data: bytes) -> CodeState | None:
        """The state that bytes stand for; None when they are damaged, or are what nobody here has written."""
        try:
            found = json.loads(data)
            drift = found.pop("drift")
            state = cls(**found, drift=Drift(**{**drift, "stakes": tuple(drift["stakes"])}))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        return state if _is_sound(state) else None


def _is_sound(state: CodeState) -> bool:
    """Whether everything is of its kind: it is shown, compared and counted on without another look."""
    drift = state.drift
    times = (state.created_s, state.demoted_s, state.used_s)
    figures = (*times, state.uses, state.abstained, state.failed, drift.checks, drift.agreed, *drift.stakes)
    return (
        all(type(text) is str and text.isprintable() for text in (state.name, state.text, state.why))
        and all(_is_hash(text) for text in (state.content, state.interface, *([state.task] if state.task != "" else [])))
        and all(type(figure) in (int, float) and 0 <= figure < _MOST for figure in figures)
        and all(type(part) in (int, float) and 0 <= part <= 1 for part in (state.sampling, drift.level))
        and len(drift.stakes) == len(Drift(0.9).stakes)
        and drift.agreed <= drift.checks
        and state.status in (ACTIVE, DEMOTED)
    )


_MOST = 1e15


def _is_hash(text: Any) -> bool:
    return type(text) is str and len(text) == 2 * HASH_BYTES and not text.strip("0123456789abcdef")


def shown(text: str) -> str:
    """A text that does nothing to a terminal."""
    return "".join([sign if sign.isprintable() else " " for sign in text])


class CodeStore:
    """Published code in a store. Safe to use from several threads.

    Args:
        store: a `caching.stores.protocol.Store`.
        trusted: gives the public keys whose code may run, with whose they are; asked each time.
        clock: seconds since the epoch.
    """

    def __init__(self, store: Store, trusted: Callable[[], Mapping[bytes, str]], clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._trusted = trusted
        self._clock = clock

    def put(self, entry: CodeEntry, signer: Signer, *, sampling: float = 0.0, level: float = 0.9) -> bytes:
        """Keep an entry, active, in the place of an older one of the same key; gives the key.

        Args:
            sampling, level: part of the calls that are checked, and how often the code has to agree then.
        """
        tags = [f"content:{entry.content.hex()}", f"interface:{entry.interface.hex()}"]
        if entry.task is not None:
            tags.append(f"task:{entry.task.hex()}")
        self._store.put(CODE, entry.key, seal(entry, signer), tags=tuple(tags))
        state = CodeState(
            name=shown(entry.name),
            text=shown(entry.text),
            content=entry.content.hex(),
            interface=entry.interface.hex(),
            task="" if entry.task is None else entry.task.hex(),
            created_s=entry.created_s,
            sampling=sampling,
            drift=Drift(level),
        )
        self.set_state(entry.key, state)
        return entry.key

    def open(self, key: bytes) -> Opened | None:
        """The entry of a key, with its signature and its code checked; None when there is none.

        Raises:
            CodeRefused: it may not run here.
        """
        data = self._store.get(CODE, key)
        if data is None:
            return None
        opened = open_envelope(data, self._trusted())
        if opened.entry.key != key:
            raise CodeRefused("published code stands in the place of another", reason="other-code")
        return opened

    def state(self, key: bytes) -> CodeState | None:
        data = self._store.get(STATE, key)
        return None if data is None else CodeState.of(data)

    def set_state(self, key: bytes, state: CodeState) -> None:
        text = json.dumps(state.to_dict(), allow_nan=False)
        tags = (f"content:{state.content}", f"interface:{state.interface}", *((f"task:{state.task}",) if state.task else ()))
        self._store.put(STATE, key, text.encode(), tags=tags)

    def states(self, tag: str | None = None) -> list[tuple[bytes, CodeState]]:
        """(key, state) of all entries, or of those with a tag, in the order of publishing; damaged ones are left out."""
        found = [(key, CodeState.of(data)) for key, data in self._store.items(STATE, tag=tag)]
        return sorted([(key, state) for key, state in found if state is not None], key=lambda pair: (pair[1].created_s, pair[0]))

    def active(self, tag: str) -> list[tuple[bytes, CodeState]]:
        """Those that may be used, newest first."""
        return [(key, state) for key, state in reversed(self.states(tag)) if state.status == ACTIVE]

    def demote(self, key: bytes, why: str) -> None:
        """Use an entry no more."""
        state = self.state(key)
        if state is not None:
            self.set_state(key, state.replace(status=DEMOTED, why=shown(why), demoted_s=self._clock()))

    def used(self, key: bytes, *, uses: int = 0, abstained: int = 0, failed: int = 0, drift: Drift | None = None) -> None:
        """Note what calls have come to since this was told last."""
        state = self.state(key)
        if state is not None:
            self.set_state(
                key,
                state.replace(
                    uses=state.uses + uses,
                    abstained=state.abstained + abstained,
                    failed=state.failed + failed,
                    used_s=self._clock() if uses else state.used_s,
                    drift=state.drift if drift is None else drift,
                ),
            )

    def remove(self, key: bytes) -> bool:
        """Whether there was an entry."""
        self._store.delete(STATE, key)
        return self._store.delete(CODE, key)

    # --- as a layer of cache ---

    name = "L4"

    def invalidate(self, key: bytes) -> bool:
        return self.remove(key)

    def clear(self) -> int:
        """Remove everything; how much there was."""
        return sum([self.remove(key) for key, _ in self.states()])

    def stats(self) -> CacheStats:
        """Hits are calls that code answered, misses those that it left to others; of all processes."""
        states = [state for _, state in self.states()]
        return CacheStats(
            self.name,
            hits=sum([state.uses for state in states]),
            misses=sum([state.abstained + state.failed for state in states]),
            puts=len(states),
            size=sum([state.status == ACTIVE for state in states]),
        )

    def close(self) -> None:
        self._store.close()
