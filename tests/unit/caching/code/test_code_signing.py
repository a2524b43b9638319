"""Keys and signatures: files of one person, and signatures that fit nothing else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

pytest.importorskip("cryptography")

from rtfs.caching.code.signing import Signer, is_signed, own_signer, parse_key, printed_key, trust, trusted_keys
from rtfs.errors import ConfigError


def test_a_signature_fits_its_data_and_key_alone() -> None:
    signer, other = Signer.new(), Signer.new()
    signature = signer.sign(b"data")
    assert is_signed(b"data", signer.public, signature)
    assert not is_signed(b"date", signer.public, signature)
    assert not is_signed(b"data", other.public, signature)
    for at in range(len(signature)):
        bad = bytearray(signature)
        bad[at] ^= 1
        assert not is_signed(b"data", signer.public, bytes(bad))
    assert not is_signed(b"data", b"\0" * 32, signature)
    assert not is_signed(b"data", signer.public, b"")


def test_a_signature_for_another_purpose_does_not_fit() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    secret = os.urandom(32)
    plain = Ed25519PrivateKey.from_private_bytes(secret).sign(b"data")  # the same key, without what says that it is code
    assert not is_signed(b"data", Signer(secret).public, plain)


def test_the_key_is_made_once_for_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    signer = own_signer(str(folder))
    assert own_signer(str(folder)).public == signer.public
    assert stat.S_IMODE((folder / "signing.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert trusted_keys(str(folder)) == {signer.public: "own key"}
    assert sorted(path.name for path in folder.iterdir()) == ["signing.key", "trusted-keys"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_that_others_can_read_is_not_used(tmp_path: Path, mode: int) -> None:
    own_signer(str(tmp_path))
    (tmp_path / "signing.key").chmod(mode)
    with pytest.raises(ConfigError, match="others can read"):
        own_signer(str(tmp_path))


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_list_that_others_can_change_is_not_used(tmp_path: Path, mode: int) -> None:
    trust(str(tmp_path), Signer.new().public, "somebody")
    (tmp_path / "trusted-keys").chmod(mode)
    with pytest.raises(ConfigError, match="others can change"):
        trusted_keys(str(tmp_path))


@pytest.mark.parametrize("text", ["", "not a key", "00" * 31, "00" * 33, "zz" * 32])
def test_a_file_that_is_no_key(tmp_path: Path, text: str) -> None:
    (tmp_path / "signing.key").write_text(text)
    (tmp_path / "signing.key").chmod(0o600)
    with pytest.raises(ConfigError, match="no signing key"):
        own_signer(str(tmp_path))


def test_the_list_of_keys(tmp_path: Path) -> None:
    first, second = Signer.new().public, Signer.new().public
    assert trusted_keys(str(tmp_path)) == {}
    trust(str(tmp_path), first, "Ada # the first\n  of them")
    trust(str(tmp_path), second, "")
    assert trusted_keys(str(tmp_path)) == {first: "Ada the first of them", second: ""}
    with (tmp_path / "trusted-keys").open("a") as file:
        file.write("# a remark\n\n  \ned25519:12 short\n")
    with pytest.raises(ConfigError, match=r"line 6.*no public key"):
        trusted_keys(str(tmp_path))


@pytest.mark.parametrize("text", ["", "ed25519:", "ed25519:" + "0" * 63, "0" * 64, "rsa:" + "0" * 64, "ed25519:" + "g" * 64])
def test_texts_that_are_no_keys(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_key(text)
    assert parse_key(printed_key(b"\1" * 32)) == b"\1" * 32
