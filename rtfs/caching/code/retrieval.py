"""Finding published code, and running it: what is found is opened once, loaded into a sandbox of its own, and kept there.

    content hash                                   the very code
    task hash                                      made for what this function asks
    interface hash, and a text that says the same  made for a function of the same types with the same docstring, or with one that
                                                   means the same as far as an embedder can tell, above a high threshold

Opening checks key, signature, code and hashes (`entries`) before anything of it runs; whatever is refused is not tried again until
the library is refreshed.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from rtfs.caching.code.bounds import Drift
from rtfs.caching.code.entries import CodeEntry, CodeRefused, Opened
from rtfs.caching.code.store import ACTIVE, CodeState, CodeStore
from rtfs.errors import ConfigError
from rtfs.values.struct import Struct

if TYPE_CHECKING:
    from rtfs.caching.code.publishing import Load, Run

#: Cosine of two embeddings from which two texts may be one task. High, since near-opposites come to 0.95: a wrong hit is worse than
#: a miss.
THRESHOLD = 0.97
#: Functions that are loaded at a time.
_MOST_LOADED = 64
#: Uses that are noted together: a store is not written at each.
_NOTED_TOGETHER = 256
#: Seconds for which what was found in the store is believed to be still there.
_REFRESH_S = 1.0

T = TypeVar("T")


class TextEmbedder(Protocol):
    """Makes vectors of texts; safe to use from several threads."""

    name: str

    def embed(self, text: str) -> list[float]:
        """A vector of length 1."""
        ...

    def refusal(self, one: str, other: str) -> str | None:
        """Why two texts are not one task, however near they are; None when nothing speaks against it."""
        ...


class Found(Struct):
    """An entry that may answer, as the index says; `is_for` says whether the signed entry agrees.

    Attributes:
        how: `content`, `task`, `text`, or `meaning 0.983`.
        task, interface, text: what was looked for; `text` is that of the entry where it was found by its meaning.
    """

    key: bytes
    content: bytes
    how: str
    task: bytes = b""
    interface: bytes = b""
    text: str = ""

    def is_for(self, entry: CodeEntry) -> bool:
        """Whether an entry is what was looked for."""
        if entry.content != self.content:
            return False
        if self.how == "content":
            return True
        if entry.interface != self.interface or entry.task is None:
            return False
        return entry.task == self.task if self.how == "task" else normalised(entry.text) == normalised(self.text)


class _Loaded:
    """A function in its sandbox, and what calls have come to since the store was told."""

    __slots__ = ("abstained", "failed", "opened", "run", "state", "uses")

    def __init__(self, opened: Opened, run: Run, state: CodeState) -> None:
        self.opened, self.run, self.state = opened, run, state
        self.uses = self.abstained = self.failed = 0


class CodeLibrary:
    """See the module. Safe to use from several threads.

    Args:
        load: (program, name) -> the function, in a sandbox.
        embedder: for tasks in other words; none: texts have to be equal but for layout, capitals and the last sign.
        random: chooses the calls that are also asked of a model.
        timer: seconds, monotonic.
        report: takes a line for the person who runs the program.
    """

    def __init__(
        self,
        store: CodeStore,
        load: Load,
        *,
        embedder: TextEmbedder | None = None,
        threshold: float = THRESHOLD,
        random: Random | None = None,
        timer: Callable[[], float] = time.monotonic,
        report: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.store = store
        self._load = load
        self._embedder = embedder
        self._threshold = threshold
        self._random = random or Random()
        self._timer = timer
        self._next = 0.0
        self._told = False
        self._report = report
        self._lock = threading.RLock()
        self._loaded: OrderedDict[bytes, _Loaded] = OrderedDict()
        self._refused: dict[bytes, CodeRefused] = {}
        self._found: dict[tuple[bytes, bytes, str], Found | None] = {}

    def refresh(self) -> None:
        """Look into the store anew, as others may have published or demoted something. At most once in `_REFRESH_S`."""
        with self._lock:
            now = self._timer()
            if now < self._next:
                return
            self._next = now + _REFRESH_S
            self._found.clear()
            self._refused.clear()
            for key, loaded in list(self._loaded.items()):
                state = self._state(key)
                if state is None or state.created_s != loaded.state.created_s:  # removed, or another one by now
                    del self._loaded[key]
                else:
                    loaded.state = state

    def _state(self, key: bytes) -> CodeState | None:
        """None where there is none, or none can be read."""
        return self._safely(lambda: self.store.state(key))

    def _safely(self, work: Callable[[], T]) -> T | None:
        """What cannot be read is not there, and what cannot be written is not noted: neither is the fault of a call."""
        try:
            return work()
        except CodeRefused:
            raise
        except ConfigError as problem:
            if not self._told:
                self._told = True
                self._report(f"rtfs: published code cannot be used as it should: {problem.message}")
            return None

    # --- finding ---

    def find(self, task: bytes, interface: bytes, text: str) -> Found | None:
        """Active code for a task: made for it, or else for one that says the same."""
        wanted = (task, interface, text)
        with self._lock:
            if wanted in self._found:
                return self._found[wanted]
            found = self._safely(lambda: self._look(task, interface, text))
            self._found[wanted] = found
            return found

    def by_content(self, content: bytes) -> Found | None:
        """Active code by its hash."""
        for key, _ in self._safely(lambda: self.store.active(f"content:{content.hex()}")) or ():
            return Found(key, content, "content")
        return None

    def _look(self, task: bytes, interface: bytes, text: str) -> Found | None:
        for key, state in self.store.active(f"task:{task.hex()}"):
            return Found(key, bytes.fromhex(state.content), "task", task, interface)
        wanted = normalised(text)
        best: tuple[float, bytes, CodeState] | None = None
        vector: list[float] | None = None
        for key, state in self.store.active(f"interface:{interface.hex()}"):
            if not state.task:  # published for its own sake: it answers to its hash only
                continue
            if normalised(state.text) == wanted:
                return Found(key, bytes.fromhex(state.content), "text", task, interface, text)
            if self._embedder is not None:
                other = self._vector(key)
                if other is not None:
                    vector = vector or self._embedder.embed(wanted)
                    score = sum(a * b for a, b in zip(vector, other, strict=True)) if len(vector) == len(other) else 0.0
                    nearest = score >= self._threshold and (best is None or score > best[0])
                    if nearest and self._embedder.refusal(text, state.text) is None:
                        best = score, key, state
        if best is None:
            return None
        return Found(best[1], bytes.fromhex(best[2].content), f"meaning {best[0]:.3f}", task, interface, best[2].text)

    def _vector(self, key: bytes) -> list[float] | None:
        """The embedding in the signed entry, if it is of the embedder that is used here."""
        assert self._embedder is not None
        try:
            opened = self.store.open(key)
        except CodeRefused:
            return None
        found = None if opened is None else opened.entry.embedding
        return vector_of(found[1]) if found is not None and found[0] == self._embedder.name else None

    # --- running ---

    def run(self, found: Found, args: tuple[Any, ...]) -> Any:
        """The value that code gives for operands.

        Raises:
            CodeRefused: it may not run here.
            RtfsError: of the code itself; of the kind `publishing.ABSTAIN` when it leaves the call to others.
        """
        return self._ready(found).run(args)

    def interface(self, found: Found) -> bytes:
        """The interface hash of the code itself, as it was checked.

        Raises:
            CodeRefused.
        """
        return self._ready(found).opened.entry.interface

    def _ready(self, found: Found) -> _Loaded:
        with self._lock:
            loaded = self._loaded.get(found.key)
            if loaded is not None and found.is_for(loaded.opened.entry):
                return loaded
            before = self._refused.get(found.key)
            if before is not None:
                raise CodeRefused(before.message, reason=before.reason, hint=before.hint)
            try:
                loaded = self._open(found)
            except CodeRefused as refused:
                self._refused[found.key] = refused
                self._report(f"rtfs: {refused.message}; it is not run")
                raise
            self._loaded[found.key] = loaded
            while len(self._loaded) > _MOST_LOADED:
                key, old = self._loaded.popitem(last=False)
                self._tell(key, old)
            return loaded

    def _open(self, found: Found) -> _Loaded:
        opened = self._safely(lambda: self.store.open(found.key))
        state = self._state(found.key)
        if opened is None or state is None or state.status != ACTIVE:
            raise CodeRefused("published code is not there any more", reason="not-there")
        if not found.is_for(opened.entry):
            raise CodeRefused("published code is another, or for another task, than the index says", reason="other-code")
        try:
            return _Loaded(opened, self._load(opened.program, opened.entry.name), state)
        except CodeRefused:
            raise
        except Exception as error:  # whatever loading it comes to, the call goes on to the next target
            raise CodeRefused(f"published code does not load: {error}", reason="damaged") from error

    # --- what comes of it ---

    def is_sampled(self, found: Found) -> bool:
        """Whether this call is to be asked of the model too. By chance, as often as the publisher wanted."""
        with self._lock:
            loaded = self._loaded.get(found.key)
            state = loaded.state if loaded is not None else self._state(found.key)
            return state is not None and self._random.random() < state.sampling

    def note(self, found: Found, outcome: str) -> None:
        """Count a call: `used`, `abstained` or `failed`."""
        with self._lock:
            loaded = self._loaded.get(found.key)
            if loaded is None:
                return
            loaded.uses += outcome == "used"
            loaded.abstained += outcome == "abstained"
            loaded.failed += outcome == "failed"
            if loaded.uses + loaded.abstained + loaded.failed >= _NOTED_TOGETHER:
                self._tell(found.key, loaded)

    def checked(self, found: Found, agrees: bool) -> bool:
        """Take note of what a model said of the same operands; whether the code is demoted for it."""
        with self._lock:
            state = self._state(found.key)
            if state is None:
                return False
            drift: Drift = state.drift.after(agrees)
            self._safely(lambda: self.store.used(found.key, drift=drift))
            if not drift.has_fallen or state.status != ACTIVE:
                return False
            why = f"agreed with the model in {drift.agreed} of {drift.checks} checks, and lately below {drift.level:.0%}"
            self._safely(lambda: self.store.demote(found.key, why))
            self._loaded.pop(found.key, None)
            self._found.clear()
            self._report(f"rtfs: the local code of {state.name} is not used any more: it {why}")
            return True

    def flush(self) -> None:
        """Tell the store what calls have come to."""
        with self._lock:
            for key, loaded in self._loaded.items():
                self._tell(key, loaded)

    def _tell(self, key: bytes, loaded: _Loaded) -> None:
        if loaded.uses or loaded.abstained or loaded.failed:
            uses, abstained, failed = loaded.uses, loaded.abstained, loaded.failed
            self._safely(lambda: self.store.used(key, uses=uses, abstained=abstained, failed=failed))
            loaded.uses = loaded.abstained = loaded.failed = 0


def normalised(text: str) -> str:
    """A task in words, without what does not matter to anybody: layout, capitals, the sign at its end."""
    return " ".join(text.split()).casefold().rstrip(" .?!:")


def vector_bytes(vector: list[float]) -> bytes:
    from struct import pack

    return pack(f"<{len(vector)}f", *vector)


def vector_of(data: bytes) -> list[float]:
    from struct import unpack

    return list(unpack(f"<{len(data) // 4}f", data[: len(data) // 4 * 4]))
