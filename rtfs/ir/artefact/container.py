"""Artefacts as files: `rtfs compile` writes them, `rtfs run` reads them.

    magic    8 bytes                   what kind of file it is; a transfer as text spoils it
    format   2 bytes                   `schema.FORMAT`, the high byte first
    hash     32 bytes                  BLAKE2b-256 of everything after it: against accidents, not against malice
    payload  a map in canonical CBOR   content (the content hash of the program), sources [[name, text] …], texts, integers,
                                       floats (8 bytes each), code (`writing`)

Reading believes none of it: every part is decoded by a table (`reading`) and looked at (`wellformed`) before anything runs, so that
an artefact made by hand can do no more than a program text made by hand.
"""

from __future__ import annotations

from struct import error as StructError
from struct import unpack

from rtfs.errors import ConfigError
from rtfs.ir.artefact import cbor
from rtfs.ir.artefact.program import Program
from rtfs.ir.artefact.reading import Corrupt, Reader, integer
from rtfs.ir.artefact.schema import FORMAT
from rtfs.ir.artefact.wellformed import check_program
from rtfs.source import ARTEFACT_MAGIC, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_HASH_BYTES = 32
_HEAD_BYTES = len(ARTEFACT_MAGIC) + 2 + _HASH_BYTES
_AGAIN = "compile it again from its source: rtfs compile FILE"


def encode(program: Program, shown: Callable[[Source], tuple[str, str]] = lambda source: (source.name, source.text)) -> bytes:
    """The artefact of a program; the same bytes for the same program.

    Args:
        shown: the name and the text that are kept of a source, for excerpts in errors; the text has the length of the whole one.
    """
    import cbor2

    from rtfs.ir.artefact.hashing import program_hash
    from rtfs.ir.artefact.writing import Writer

    writer = Writer(program.sources)
    writer.program(program)
    payload = cbor2.dumps(
        {
            "content": program_hash(program),
            "sources": [[_bytes(part) for part in shown(source)] for source in writer.sources],
            "texts": [_bytes(text) for text in writer.texts],
            "integers": [_integer_bytes(value) for value in writer.integers],
            "floats": b"".join(writer.floats),
            "code": bytes(writer.out),
        },
        canonical=True,
    )
    return ARTEFACT_MAGIC + FORMAT.to_bytes(2, "big") + _digest(payload) + payload


def decode(data: bytes, name: str) -> Program:
    """The program of an artefact, checked.

    Args:
        name: of the file, for errors.
    Raises:
        ConfigError: `artefact-version`, `artefact-corrupt`.
    """
    if data[: len(ARTEFACT_MAGIC)] != ARTEFACT_MAGIC or len(data) < _HEAD_BYTES:
        raise _corrupt(name, "it is too short")
    version = int.from_bytes(data[len(ARTEFACT_MAGIC) : len(ARTEFACT_MAGIC) + 2], "big")
    if version != FORMAT:
        raise ConfigError(
            f"{name} has format {version}, and this version of RTFS reads format {FORMAT}", kind="artefact-version", hint=_AGAIN
        )
    payload = data[_HEAD_BYTES:]
    if _digest(payload) != data[_HEAD_BYTES - _HASH_BYTES : _HEAD_BYTES]:
        raise _corrupt(name, "its hash does not fit: it was changed or cut off after it was written")
    try:
        program = _reader(cbor.read(payload)).program()
        check_program(program)
    except (Corrupt, cbor.Malformed) as error:
        raise _corrupt(name, str(error)) from None
    except StopIteration:
        raise _corrupt(name, "it ends too early") from None
    except (LookupError, UnicodeDecodeError, StructError):
        raise _corrupt(name, "a number in it leads nowhere") from None
    return program


def content_of(data: bytes) -> bytes:
    """The content hash that an artefact gives itself; `decode` accepted it."""
    found: bytes = cbor.read(data[_HEAD_BYTES:])["content"]
    return found


def _reader(payload: Any) -> Reader:
    """
    Raises:
        Corrupt: a part is missing or of the wrong kind.
    """
    shape = {"content": bytes, "sources": list, "texts": list, "integers": list, "floats": bytes, "code": bytes}
    if type(payload) is not dict or payload.keys() != shape.keys():
        raise Corrupt("its parts are not those of an artefact")
    for key, kind in shape.items():
        if type(payload[key]) is not kind:
            raise Corrupt(f"the part {key} is not what it should be")
    if len(payload["content"]) != _HASH_BYTES:
        raise Corrupt("its content hash has the wrong length")
    if not payload["sources"]:
        raise Corrupt("it has no source")
    sources = []
    for pair in payload["sources"]:
        if type(pair) is not list or len(pair) != 2:
            raise Corrupt("a source is not a name and a text")
        source_name = _text(pair[0])
        if "\0" in source_name:
            raise Corrupt("the name of a source is no file name")
        sources.append(Source(source_name, _text(pair[1])))
    floats = list(unpack(f">{len(payload['floats']) // 8}d", payload["floats"]))
    texts = [_text(item) for item in payload["texts"]]
    integers = [integer(_expect_bytes(item)) for item in payload["integers"]]
    return Reader(payload["code"], texts, integers, floats, sources)


def _corrupt(name: str, why: str) -> ConfigError:
    return ConfigError(f"{name} is not a valid compiled program: {why}", kind="artefact-corrupt", hint=_AGAIN)


def _digest(data: bytes) -> bytes:
    from hashlib import blake2b

    return blake2b(data, digest_size=_HASH_BYTES).digest()


# texts may hold lone surrogates, which UTF-8 proper has no bytes for


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(data: Any) -> str:
    return _expect_bytes(data).decode("utf-8", "surrogatepass")


def _expect_bytes(data: Any) -> bytes:
    if type(data) is not bytes:
        raise Corrupt("bytes were expected")
    return data


def _integer_bytes(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
