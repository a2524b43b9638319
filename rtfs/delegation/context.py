"""What is known of a call when it is decided where it goes (source document 003, section 2.2)."""

from __future__ import annotations

from hashlib import blake2b

from rtfs.values.equality import kind_of
from rtfs.values.maps import Map
from rtfs.values.printing import to_readable
from rtfs.values.sequences import Sequence
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MASK = 2**64 - 1


class DelegationMetadata(Struct):
    """What whoever planned the call thinks of it; advice for engines, and no part of a call's identity.

    Attributes:
        confidence: 0 to 1.
        context: names and values that a planner gave along.
        source: who planned it: `planner`, `program`, `user`.
    """

    confidence: float | None = None
    reasoning: str | None = None
    context: tuple[tuple[str, Any], ...] = ()
    source: str | None = None


class CallContext(Struct):
    """One call as engines see it. Two contexts are equal when they describe the same kind of call; metadata does not
    count, nor what depends on values alone, `prompt_chars` and `prompt`.

    Attributes:
        symbol: fully qualified: `module/f`, `f`.
        fingerprint: 64 bits over the kinds of the operands, not their values; 0 when there are none to look at.
        runtime: hash of what surrounds the program: tenant, permissions, policy (64 bits).
        semantic: hash over the operands' values (64 bits); 0 when nobody asked for it.
        tags: `private`, `cheap` … of the function and of the call.
        tenant: on whose behalf the program runs.
        prompt_chars: how long the operands are as text; what it costs and whether it fits depends on it.
        metadata: see `DelegationMetadata`.
        prompt: the operands as text, for engines that look at what is asked; empty when nobody asked for it.
    """

    symbol: str
    fingerprint: int = 0
    runtime: int = 0
    semantic: int = 0
    tags: frozenset[str] = frozenset()
    tenant: str = ""
    prompt_chars: int = 0
    metadata: DelegationMetadata | None = None
    prompt: str = ""

    def _key(self) -> tuple[Any, ...]:
        return self.symbol, self.fingerprint, self.runtime, self.semantic, self.tags, self.tenant

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CallContext) and other._key() == self._key()

    def __hash__(self) -> int:
        return hash(self._key())


def hash_64(*parts: str) -> int:
    """A stable hash of texts, the same on every machine: no hash seed plays a part."""
    digest = blake2b(digest_size=8)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "little"))
        digest.update(raw)
    return int.from_bytes(digest.digest(), "little") & _MASK


def shape_of(value: Any) -> str:
    """The kind of a value, one level into collections: `vector<string>`, `map<keyword,integer|string>`."""
    kind = kind_of(value)
    if isinstance(value, Sequence):
        return f"{kind}<{'|'.join(sorted({kind_of(item) for item in value.items()[:_LOOKED_AT]}))}>"
    if type(value) is Map:
        keys = sorted({kind_of(key) for key in value.keys()[:_LOOKED_AT]})
        values = sorted({kind_of(item) for item in list(value.values())[:_LOOKED_AT]})
        return f"{kind}<{'|'.join(keys)},{'|'.join(values)}>"
    return kind


#: So many items of a collection say what kind they are.
_LOOKED_AT = 32


def fingerprint(args: tuple[Any, ...]) -> int:
    """64 bits over the kinds of operands: what rules about types look at, and part of a plan's key."""
    return hash_64(*[shape_of(arg) for arg in args]) if args else 0


def text_length(args: tuple[Any, ...]) -> int:
    """How many characters operands have as text: of a string its own, of others those with which they print."""
    return sum([len(arg) if type(arg) is str else len(to_readable(arg)) for arg in args])


#: Characters of a prompt that engines see.
MOST_PROMPT_CHARS = 64_000


def prompt_text(args: tuple[Any, ...]) -> str:
    """The operands as one text, cut off where it gets long: strings as they are, others as they print, a line break between two."""
    return "\n".join([arg if type(arg) is str else to_readable(arg) for arg in args])[:MOST_PROMPT_CHARS]


def semantic_hash(args: tuple[Any, ...]) -> int:
    """64 bits over the operands' values."""
    return hash_64(*[to_readable(arg) for arg in args])
