"""Signed entries: nothing of one is believed, and nothing of one that was touched runs."""

from __future__ import annotations

from random import Random
from typing import Any

import cbor2
import pytest

pytest.importorskip("cryptography")

from rtfs.caching.code import entries
from rtfs.caching.code.entries import CodeEntry, CodeRefused, open_envelope, seal
from rtfs.caching.code.signing import Signer
from rtfs.ir.artefact import container
from tests.support.published import CODE, entry_of


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.new()


@pytest.fixture(scope="module")
def entry() -> Any:
    return entry_of()


def refused(data: bytes, trusted: Any) -> str:
    with pytest.raises(CodeRefused) as caught:
        open_envelope(data, trusted)
    assert caught.value.code == "RTFS-C006"
    return caught.value.reason


def body_of(entry: CodeEntry, **changes: Any) -> bytes:
    fields = {field: getattr(entry, field) for field in entry._fields}
    fields |= {"embedding": [], "format": entries.FORMAT, "language": entries.VERSION}
    return cbor2.dumps({**fields, **changes}, canonical=True)


def signed(body: bytes, signer: Signer) -> bytes:
    """An envelope around any body, signed by somebody who is trusted: what a trusted but careless or hostile tool could make."""
    return cbor2.dumps({"body": body, "key": signer.public, "signature": signer.sign(body)}, canonical=True)


def test_what_was_sealed_is_opened(signer: Signer, entry: CodeEntry) -> None:
    data = seal(entry, signer)
    assert data == seal(entry, signer)
    opened = open_envelope(data, {signer.public})
    assert opened.entry == entry
    assert opened.signed_by == signer.public
    assert opened.function.content == entry.content
    assert signed(body_of(entry), signer) == data


def test_embeddings_come_back(signer: Signer, entry: CodeEntry) -> None:
    with_one = entry.replace(embedding=("minilm", b"\0\1"), task=None)
    assert open_envelope(seal(with_one, signer), {signer.public}).entry == with_one


def test_keys_that_are_not_trusted(signer: Signer, entry: CodeEntry) -> None:
    assert refused(seal(entry, Signer.new()), {signer.public}) == "unknown-key"
    assert refused(seal(entry, signer), {}) == "unknown-key"


def test_a_key_in_the_place_of_another(signer: Signer, entry: CodeEntry) -> None:
    envelope = cbor2.loads(seal(entry, Signer.new()))
    assert refused(cbor2.dumps({**envelope, "key": signer.public}, canonical=True), {signer.public}) == "bad-signature"


def test_a_signature_of_another_body(signer: Signer, entry: CodeEntry) -> None:
    one, other = cbor2.loads(seal(entry, signer)), cbor2.loads(seal(entry.replace(created_s=1), signer))
    mixed = cbor2.dumps({**one, "signature": other["signature"]}, canonical=True)
    assert refused(mixed, {signer.public}) == "bad-signature"


def test_any_bit_that_is_changed(signer: Signer, entry: CodeEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is decoded of it: the artefact is not looked into before the signature fits."""
    data = seal(entry, signer)
    monkeypatch.setattr(entries, "decode", lambda data, name: pytest.fail("decoded"))
    random = Random(5)
    for at in {*range(120), *random.sample(range(len(data)), 400), len(data) - 1}:
        bad = bytearray(data)
        bad[at] ^= 1 << random.randrange(8)
        assert refused(bytes(bad), {signer.public}) in ("bad-signature", "damaged", "unknown-key")
    for length in random.sample(range(len(data)), 50):
        assert refused(data[:length], {signer.public}) == "damaged"
    assert refused(data + b"\0", {signer.public}) == "damaged"


@pytest.mark.parametrize(
    "data",
    [b"", b"\xa0", b"\x80", b"text", cbor2.dumps({"body": b"", "key": b"\0" * 32, "signature": b"\0" * 63}), cbor2.dumps([1, 2])],
)
def test_what_is_no_envelope(data: bytes, signer: Signer) -> None:
    assert refused(data, {signer.public}) == "damaged"


def test_envelopes_that_are_too_large(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MAX_BYTES", 10)
    assert refused(signed(b"", signer), {signer.public}) == "damaged"


@pytest.mark.parametrize("changes", [{"format": 2}, {"language": entries.VERSION + 1}, {"format": "1"}])
def test_other_versions(signer: Signer, entry: CodeEntry, changes: dict[str, Any]) -> None:
    assert refused(signed(body_of(entry, **changes), signer), {signer.public}) == "other-version"


def test_an_artefact_of_another_version(signer: Signer, entry: CodeEntry) -> None:
    artefact = bytearray(entry.artefact)
    artefact[9] += 1
    assert refused(seal(entry.replace(artefact=bytes(artefact)), signer), {signer.public}) == "other-version"


# --- signed, and wrong all the same ---


@pytest.mark.parametrize(
    "changes",
    [
        {"content": b"\0" * 31},
        {"interface": b""},
        {"task": b"\0"},
        {"name": 1},
        {"validation": {"kind": [1]}},
        {"embedding": [1, 2]},
        {"embedding": ["minilm"]},
        {"created_s": "now"},
        {"more": 1},
        {"artefact": b""},
        {"artefact": b"RTFC"},
    ],
)
def test_entries_that_are_none(signer: Signer, entry: CodeEntry, changes: dict[str, Any]) -> None:
    assert refused(signed(body_of(entry, **changes), signer), {signer.public}) == "damaged"


def test_a_part_that_is_missing(signer: Signer, entry: CodeEntry) -> None:
    body = cbor2.loads(body_of(entry))
    for part in body:
        reason = refused(signed(cbor2.dumps({k: v for k, v in body.items() if k != part}, canonical=True), signer), {signer.public})
        assert reason == ("other-version" if part in ("format", "language") else "damaged")


def test_an_artefact_that_was_touched(signer: Signer, entry: CodeEntry) -> None:
    for at in range(0, len(entry.artefact), 7):
        artefact = bytearray(entry.artefact)
        artefact[at] ^= 4
        reason = refused(seal(entry.replace(artefact=bytes(artefact)), signer), {signer.public})
        assert reason in ("damaged", "other-version", "other-code")


def test_code_that_is_not_what_the_entry_says(signer: Signer, entry: CodeEntry) -> None:
    """As when its hash in the file is mended too: the hash of what is decoded counts."""
    other = entry_of(CODE.replace("crash", "hang"), examples=[e.replace(args=(f"hang {i}",)) for i, e in enumerate(_examples())])
    assert other.content != entry.content
    assert refused(seal(entry.replace(artefact=other.artefact), signer), {signer.public}) == "other-code"
    assert refused(seal(other.replace(content=entry.content), signer), {signer.public}) == "other-code"
    assert refused(seal(entry.replace(interface=b"\1" * 32), signer), {signer.public}) == "other-code"
    assert refused(seal(entry.replace(name="word"), signer), {signer.public}) == "other-code"
    assert refused(seal(entry.replace(name="nothing"), signer), {signer.public}) == "other-code"


def _examples() -> Any:
    from tests.support.published import EXAMPLES

    return EXAMPLES


def test_an_artefact_no_analyser_could_have_made(signer: Signer, entry: CodeEntry) -> None:
    """Its payload is changed and its checksum mended: still nothing but a program gets through."""
    payload = entry.artefact[container._HEAD_BYTES :]
    random = Random(1)
    for _ in range(300):
        bad = bytearray(payload)
        bad[random.randrange(len(bad))] ^= 1 << random.randrange(8)
        artefact = entry.artefact[: container._HEAD_BYTES - 32] + container._digest(bytes(bad)) + bytes(bad)
        data = seal(entry.replace(artefact=artefact), signer)
        try:
            found: Any = open_envelope(data, {signer.public}).function.content
        except CodeRefused as error:
            found = error.reason
        assert found in (entry.content, "damaged", "other-code")
