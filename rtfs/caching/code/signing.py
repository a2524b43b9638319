"""Who may publish code that runs here: keys and signatures (Ed25519, RFC 8032).

A person has one private key, in a file that nobody else can read, and a list of public keys whose code may run.  What is signed is
looked at only after its signature fits and its key is in the list: before that, nothing of it is decoded.

    CONFIG/signing.key       32 bytes as hexadecimal digits, mode 0600
    CONFIG/trusted-keys      a line for each: `ed25519:HEX`, then whose it is; # begins a remark
"""

from __future__ import annotations

import os

from rtfs.errors import ConfigError, missing_extra

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

KEY_NAME, TRUSTED_NAME = "signing.key", "trusted-keys"
KEY_BYTES, SIGNATURE_BYTES = 32, 64
_SCHEME = "ed25519:"
#: Before what is signed: no signature that was made for something else will do.
_PURPOSE = b"rtfs-code\0\1"


class Signer:
    """Signs with a private key.

    Args:
        secret: the 32 bytes of the key.
    Raises:
        ConfigError: `missing-extra`.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = _library().Ed25519PrivateKey.from_private_bytes(secret)
        #: 32 bytes.
        self.public: bytes = self._key.public_key().public_bytes_raw()

    @classmethod
    def new(cls) -> Signer:
        """With a fresh key that is kept nowhere."""
        return cls(os.urandom(KEY_BYTES))

    def sign(self, data: bytes) -> bytes:
        """64 bytes."""
        signature: bytes = self._key.sign(_PURPOSE + data)
        return signature


def is_signed(data: bytes, public: bytes, signature: bytes) -> bool:
    """Whether a signature is that of the owner of a public key under some data.

    Raises:
        ConfigError: `missing-extra`.
    """
    library = _library()
    from cryptography.exceptions import InvalidSignature

    try:
        library.Ed25519PublicKey.from_public_bytes(public).verify(signature, _PURPOSE + data)
    except (InvalidSignature, ValueError):
        return False
    return True


def own_signer(folder: str) -> Signer:
    """The signer of the person whose configuration folder this is; the key is made when there is none, and trusted.

    Raises:
        ConfigError: the key cannot be read or written, is none, or can be read by others; `missing-extra`.
    """
    path = os.path.join(folder, KEY_NAME)
    _library()
    try:
        secret = os.urandom(KEY_BYTES)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        temporary = f"{path}.{os.getpid()}.tmp"
        if not os.path.lexists(path):
            _write_for_owner(temporary, secret.hex() + "\n")
            try:
                os.link(temporary, path)  # as a whole, and only when there is none: another process may be doing the same
            except FileExistsError:
                pass
            finally:
                os.remove(temporary)
        text = _read_for_owner(path, "rwx")
    except OSError as error:
        raise ConfigError(f"the signing key {path}: {error.strerror or error}", hint=_ELSEWHERE) from error
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise ConfigError(f"{path} is no signing key", hint="move it away: the next one to publish gets a new key")
    signer = Signer(secret)
    if signer.public not in trusted_keys(folder):
        trust(folder, signer.public, "own key")
    return signer


def trusted_keys(folder: str) -> Mapping[bytes, str]:
    """Public key -> whose it is; none when there is no list.

    Raises:
        ConfigError: the list cannot be read, has a line that is no key, or others may write to it.
    """
    path = os.path.join(folder, TRUSTED_NAME)
    try:
        text = _read_for_owner(path, "w")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"the list of trusted keys {path}: {error.strerror or error}", hint=_ELSEWHERE) from error
    found: dict[bytes, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        key, _, whose = line.partition("#")[0].strip().partition(" ")
        if key:
            try:
                found[parse_key(key)] = whose.strip()
            except ConfigError as error:
                raise ConfigError(f"{path}, line {number}: {error.message}", hint=error.hint) from None
    return found


def trust(folder: str, public: bytes, whose: str) -> None:
    """Add a key to the list.

    Raises:
        ConfigError: the list cannot be written, or others may write to it.
    """
    known = {**trusted_keys(folder), public: " ".join(whose.replace("#", " ").split())}
    path = os.path.join(folder, TRUSTED_NAME)
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        _write_for_owner(temporary, "".join([f"{printed_key(key)} {name}".rstrip() + "\n" for key, name in known.items()]))
        os.replace(temporary, path)
    except OSError as error:
        raise ConfigError(f"the list of trusted keys {path}: {error.strerror or error}", hint=_ELSEWHERE) from error


def printed_key(public: bytes) -> str:
    return f"{_SCHEME}{public.hex()}"


def parse_key(text: str) -> bytes:
    """The public key that a text stands for.

    Raises:
        ConfigError: it stands for none.
    """
    try:
        public = bytes.fromhex(text.removeprefix(_SCHEME)) if text.startswith(_SCHEME) else b""
    except ValueError:
        public = b""
    if len(public) != KEY_BYTES:
        raise ConfigError(f"{text[:80]!r} is no public key", hint=f"write {_SCHEME} and 64 hexadecimal digits")
    return public


# --- files of one person ---


def _write_for_owner(path: str, text: str) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with open(number, "w", encoding="utf-8") as file:
        file.write(text)


_ELSEWHERE = "RTFS_CONFIG_DIR names another folder"
_OTHERS = {"rwx": 0o077, "w": 0o022}


def _read_for_owner(path: str, refused: str) -> str:
    """The text of a file that others cannot do certain things with."""
    with open(path, encoding="utf-8", errors="replace") as file:
        if os.name == "posix" and os.fstat(file.fileno()).st_mode & _OTHERS[refused]:
            what = "read" if refused == "rwx" else "change"
            raise ConfigError(f"others can {what} {path}", hint=f"chmod 600 {path}; whoever could may have used it")
        return file.read()


def _library() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise missing_extra("cryptography", "sign", "signing code and checking who signed it") from None
    return ed25519
