"""Artefacts as files: what is written is read, and anything else is refused, before any of it runs."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtfs.errors import ConfigError
from rtfs.ir.artefact import cbor
from rtfs.ir.artefact.container import _HEAD_BYTES, _digest, decode
from rtfs.ir.artefact.reading import Corrupt, numbers
from rtfs.ir.artefact.writing import Writer
from rtfs.runtime import Runtime
from rtfs.source import ARTEFACT_MAGIC, Artefact, Source

TEXT = """(deftype Amount [:and int [:>= 0]])
(defn fee ^{:unit "cent"} [amount : Amount] : int (let [{:keys [a] :or {a 2.5}} {:b 99999999999999999999}] (* amount 2)))
(println "runs") (fee 21)
"""


def compiled(text: str = TEXT) -> bytes:
    return Runtime(models=None).compile(Source("fee.rtfs", text))


def repaired(head: bytes, payload: bytes) -> bytes:
    return head[: _HEAD_BYTES - 32] + _digest(payload) + payload


def with_parts(**changes: object) -> bytes:
    """An artefact with the right hash, some of whose parts are others."""
    data = compiled()
    return repaired(data, cbor2.dumps(cbor2.loads(data[_HEAD_BYTES:]) | changes, canonical=True))


def refused(data: bytes) -> ConfigError:
    lines: list[str] = []
    runtime = Runtime(models=None, stdout=Lines(lines))
    with pytest.raises(ConfigError) as caught:
        runtime.run_source(Artefact("fee.rtfc", data))
    assert not lines, "nothing ran"
    assert caught.value.hint == "compile it again from its source: rtfs compile FILE"
    return caught.value


class Lines:
    encoding = "utf-8"

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def write(self, text: str) -> int:
        self.lines.append(text)
        return len(text)

    def flush(self) -> None:
        return None


def test_what_is_written_is_read() -> None:
    lines: list[str] = []
    assert Runtime(models=None, stdout=Lines(lines)).run_source(Artefact("fee.rtfc", compiled())) == 42
    assert "".join(lines) == "runs\n"


def test_the_same_program_is_the_same_file() -> None:
    assert compiled() == compiled()


def test_a_compiled_program_is_no_text() -> None:
    with pytest.raises(UnicodeDecodeError):
        compiled().decode("utf-8")


@pytest.mark.parametrize("length", [*range(8, 60), 100, 200])
def test_cut_off(length: int) -> None:
    assert refused(compiled()[:length]).kind == "artefact-corrupt"


@pytest.mark.parametrize("at", [9, 20, 41, 42, 60, 150, -1])
def test_a_flipped_bit(at: int) -> None:
    data = bytearray(compiled())
    data[at] ^= 1
    assert refused(bytes(data)).kind == ("artefact-version" if at == 9 else "artefact-corrupt")


def test_bytes_after_the_end() -> None:
    data = compiled()
    assert refused(data + b"\0").kind == "artefact-corrupt"
    assert "1 bytes after the end" in refused(repaired(data, data[_HEAD_BYTES:] + b"\0")).message


def test_another_version() -> None:
    data = compiled()
    error = refused(ARTEFACT_MAGIC + b"\0\7" + data[10:])
    assert (error.code, error.message) == ("RTFS-C004", "fee.rtfc has format 7, and this version of RTFS reads format 1")


def test_a_file_of_another_kind_is_no_artefact() -> None:
    with pytest.raises(ConfigError, match="not a valid compiled program: it is too short"):
        decode(b"\x7fELF" * 20, "a.out")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"code": b""}, "it ends too early"),
        ({"code": "text"}, "the part code is not what it should be"),
        ({"more": 1}, "its parts are not those of an artefact"),
        ({"sources": []}, "it has no source"),
        ({"sources": [[b"a"]]}, "a source is not a name and a text"),
        ({"sources": [[b"a\0b", b"1"]]}, "the name of a source is no file name"),
        ({"sources": [[b"fee.rtfs", b"x"]]}, "a place outside of fee.rtfs"),
        ({"sources": [[b"fee.rtfs", b"\xff"]]}, "a number in it leads nowhere"),
        ({"texts": []}, "a number in it leads nowhere"),
        ({"texts": [1]}, "bytes were expected"),
        ({"integers": [b"\1" * 200_000]}, "an integer is too long"),
        ({"floats": b"1234567"}, "a number in it leads nowhere"),
        ({"content": b"short"}, "its content hash has the wrong length"),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit(changes: dict[str, object], why: str) -> None:
    assert refused(with_parts(**changes)).message == f"fee.rtfc is not a valid compiled program: {why}"


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "it ends too early"),
        (b"\xf6", "unexpected kind of value at 1"),
        (b"\xc1\x00", "unexpected kind of value at 1"),
        (b"\xd8\x23\x61a", "unexpected kind of value at 1"),  # a regular expression, to cbor2
        (b"\x9f\xff", "no size at 1"),
        (b"\x18\x01", "a size that is not the shortest at 1"),
        (b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "more announced than there is at 9"),
        (b"\x81" * 9 + b"\x00", "nested too deep at 7"),
        (b"\xa2\x61a\x00\x61a\x00", "no new key at 6"),
        (b"\xa1\x00\x00", "no new key at 2"),
    ],
)
def test_payloads_that_are_not_canonical(payload: bytes, why: str) -> None:
    assert refused(repaired(compiled(), payload)).message.endswith(why)


_plain = st.recursive(
    st.one_of(st.integers(0, 2**64 - 1), st.binary(max_size=300), st.text(max_size=30)),
    lambda items: st.one_of(st.lists(items, max_size=30), st.dictionaries(st.text(max_size=5), items, max_size=5)),
    max_leaves=20,
)


@given(_plain)
def test_the_reader_reads_what_cbor2_writes(value: object) -> None:
    if depth_of(value) <= 6:
        assert cbor.read(cbor2.dumps(value, canonical=True)) == value


def depth_of(value: object) -> int:
    inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else None
    return 0 if inner is None else 1 + max([depth_of(item) for item in inner], default=0)


@given(st.binary(max_size=40))
def test_what_the_reader_reads_is_written_the_same(data: bytes) -> None:
    try:
        value = cbor.read(data)
    except cbor.Malformed:
        return
    assert sorted(cbor2.dumps(value, canonical=True)) == sorted(data), "the order of keys is free"


@given(st.lists(st.one_of(st.integers(0, 200), st.integers(0, 2**34))))
def test_numbers(values: list[int]) -> None:
    writer = Writer(())
    for value in values:
        writer.number(value)
    assert list(numbers(bytes(writer.out))) == values


@given(st.binary(max_size=12))
def test_numbers_have_one_spelling(data: bytes) -> None:
    writer = Writer(())
    try:
        for value in numbers(data):
            writer.number(value)
    except Corrupt:
        return
    assert bytes(writer.out) == data
