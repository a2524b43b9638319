"""Published code as bytes: a signed envelope around what is known of one function and the artefact that holds it.

    envelope   a map in CBOR    body (bytes), key (the public key), signature (of the body)
    body       a map in CBOR    what `CodeEntry` has, and the versions that it was made for

Opening one believes nothing, in this order: the key has to be one of those that are trusted, the signature has to fit, the versions
have to be ours, the artefact has to be one that the analyser could have made (`ir.artefact`), and the function in it has to
have the hashes that the entry gives itself.  What fails is a `CodeRefused`, and nothing of it has run.
"""

from __future__ import annotations

from rtfs.caching.code.signing import KEY_BYTES, SIGNATURE_BYTES, is_signed, printed_key
from rtfs.errors import ConfigError
from rtfs.ir.artefact.container import decode
from rtfs.ir.artefact.definitions import Definition, definitions_of
from rtfs.ir.artefact.hashing import HASH_BYTES, VERSION, digest
from rtfs.ir.artefact.program import Program
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Any

    from rtfs.caching.code.signing import Signer

FORMAT = 1
#: Of an envelope: what is larger is no function.
MAX_BYTES = 16 * 2**20

#: Why code is refused.
UNKNOWN_KEY, BAD_SIGNATURE, OTHER_VERSION = "unknown-key", "bad-signature", "other-version"
DAMAGED, OTHER_CODE = "damaged", "other-code"


class CodeRefused(ConfigError):
    """Published code will not be run here, or is not fit to be published; `reason`: one of the words above, or `not-verified`."""

    default_kind = "code-refused"

    def __init__(self, message: str, *, reason: str, **extras: Any) -> None:
        super().__init__(message, **extras)
        self.reason = reason


class CodeEntry(Struct):
    """One function that was published.

    Attributes:
        name: of the function in its artefact.
        content, interface: its hashes (`ir.artefact.definitions`).
        task: hash of the task that it was made for; None when it was published for its own sake.
        text: what it does, in words.
        artefact: the function with all that it needs.
        validation: what was verified before it was published; whole numbers and texts (`publishing`).
        created_s: whole seconds since the epoch.
        embedding: of the text, and the name of the embedder; None when there was none.
    """

    name: str
    content: bytes
    interface: bytes
    task: bytes | None
    text: str
    artefact: bytes
    validation: dict[str, int | str]
    created_s: int
    embedding: tuple[str, bytes] | None = None

    @property
    def key(self) -> bytes:
        """Under which it is kept: the same code for another task is another entry."""
        return entry_key(self.content, self.task)


def entry_key(content: bytes, task: bytes | None) -> bytes:
    return digest(b"entry", content, task or b"")


class Opened(Struct):
    """An entry whose signature and code were checked.

    Attributes:
        signed_by: public key.
    """

    entry: CodeEntry
    program: Program
    function: Definition
    signed_by: bytes


def seal(entry: CodeEntry, signer: Signer) -> bytes:
    """The signed envelope of an entry; the same bytes for the same entry and key."""
    import cbor2

    fields = {field: getattr(entry, field) for field in entry._fields}
    fields |= {"task": entry.task or b"", "embedding": list(entry.embedding or ()), "format": FORMAT, "language": VERSION}
    body = cbor2.dumps(fields, canonical=True)
    return cbor2.dumps({"body": body, "key": signer.public, "signature": signer.sign(body)}, canonical=True)


def open_envelope(data: bytes, trusted: Container[bytes]) -> Opened:
    """The entry in an envelope.

    Args:
        trusted: public keys.
    Raises:
        CodeRefused: see the module.
    """
    body, public = checked_body(data, trusted)
    entry = _entry(body)
    try:
        program = decode(entry.artefact, "published code")
    except ConfigError as error:
        reason = OTHER_VERSION if error.kind == "artefact-version" else DAMAGED
        raise CodeRefused(error.message, reason=reason, hint=error.hint) from None
    function = next((found for found in definitions_of(program) if found.name == entry.name), None)
    if function is None or function.function is None:
        raise CodeRefused(f"published code defines no function {entry.name}", reason=OTHER_CODE)
    if (function.content, function.interface) != (entry.content, entry.interface):
        raise CodeRefused("published code is not what it says it is: its hash is another one", reason=OTHER_CODE)
    return Opened(entry, program, function, public)


_ENVELOPE: dict[str, type] = dict.fromkeys(("body", "key", "signature"), bytes)


def checked_body(data: bytes, trusted: Container[bytes]) -> tuple[bytes, bytes]:
    """(body, public key) of an envelope whose key is trusted and whose signature fits.

    Raises:
        CodeRefused.
    """
    envelope = _map(data) if len(data) <= MAX_BYTES else None
    sizes = () if envelope is None or not _fits(envelope, _ENVELOPE) else (len(envelope["key"]), len(envelope["signature"]))
    if envelope is None or sizes != (KEY_BYTES, SIGNATURE_BYTES):
        raise CodeRefused("published code is damaged: it is no signed envelope", reason=DAMAGED)
    public: bytes = envelope["key"]
    if public not in trusted:
        hint = "if you know whose it is: rtfs code trust KEY"
        raise CodeRefused(f"published code is signed by {printed_key(public)}, which is not trusted", reason=UNKNOWN_KEY, hint=hint)
    body: bytes = envelope["body"]
    if not is_signed(body, public, envelope["signature"]):
        raise CodeRefused("the signature of published code does not fit: it was changed after it was signed", reason=BAD_SIGNATURE)
    return body, public


#: Kinds that the reader of artefacts knows, which are few: no floats, nothing for `None`.
_SHAPE: dict[str, type] = {
    **dict.fromkeys(("name", "text"), str),
    **dict.fromkeys(("content", "interface", "task", "artefact"), bytes),
    **dict.fromkeys(("created_s", "format", "language"), int),
    "validation": dict,
    "embedding": list,
}


def _entry(body: bytes) -> CodeEntry:
    """The entry of a body whose signature fits."""
    found = _map(body)
    if found is not None and (found.get("format"), found.get("language")) != (FORMAT, VERSION):
        raise CodeRefused(
            f"published code is of format {found.get('format')} and language version {found.get('language')}, and this RTFS takes "
            f"{FORMAT} and {VERSION}",
            reason=OTHER_VERSION,
            hint="publish it again from its source with this RTFS",
        )
    if found is None or not _fits(found, _SHAPE):
        raise CodeRefused("published code is damaged: its parts are not those of an entry", reason=DAMAGED)
    embedding, task = found["embedding"], found["task"]
    if (
        any(len(found[name]) != HASH_BYTES for name in ("content", "interface"))
        or len(task) not in (0, HASH_BYTES)
        or list(map(type, embedding)) not in ([], [str, bytes])
        or not all(type(value) in (int, str) for value in found["validation"].values())
    ):
        raise CodeRefused("published code is damaged: a part of its entry is not what it should be", reason=DAMAGED)
    del found["format"], found["language"]
    return CodeEntry(**{**found, "task": task or None, "embedding": tuple(embedding) or None})


def _map(data: bytes) -> dict[str, Any] | None:
    """The map that CBOR stands for; None when it is none."""
    from rtfs.ir.artefact import cbor

    try:
        found = cbor.read(data)
    except cbor.Malformed:
        return None
    return found if type(found) is dict else None


def _fits(found: dict[str, Any], shape: dict[str, type]) -> bool:
    return found.keys() == shape.keys() and all(type(found[key]) is kind for key, kind in shape.items())
