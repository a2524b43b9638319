"""Keys for servers of models: in the keyring of the system where there is one, else in a file that only the user can read.

A key is stored under the name of its environment variable (`OPENAI_API_KEY`), and holds where that variable is not set.  The file
`keys.json` in the config folder has the keys themselves, or, for those in the keyring, only their names.  Values leave
this module for the provider that needs one and for redaction, and for nobody else; whatever lists keys lists names.

An environment that names no folder for settings has no stored keys: an embedder who passes an empty one gets none of the user's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping

from rtfs.errors import ConfigError
from rtfs.folders import config_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FILE_NAME = "keys.json"
SERVICE = "rtfs"
#: Variables that are keys; a provider that looks for another one is not answered from the store.
ENDINGS = ("_KEY", "_TOKEN")
MAX_KEY = 4096  # characters
_VERSION = 1
_PLACES = ("RTFS_CONFIG_DIR", "XDG_CONFIG_HOME", "HOME", "USERPROFILE", "LOCALAPPDATA")
_PATIENCE_S = 5.0
#: (name, value) of the stored keys that this process has given to a provider, for redaction.
handed_out: set[tuple[str, str]] = set()


def keys_path(environ: Mapping[str, str]) -> str | None:
    """The file of stored keys, which may not exist; None where the environment names no folder for it."""
    if not any(environ.get(name) for name in _PLACES):
        return None
    return os.path.join(config_folder(environ), FILE_NAME)


def is_key_name(text: str) -> bool:
    """Whether a text is the name of a variable that can hold a key."""
    letters = text.replace("_", "")
    return text.endswith(ENDINGS) and letters.isascii() and letters.isalnum() and letters.isupper() and not text[0].isdigit()


def check_key(value: str) -> str:
    """The key in what was typed.

    Raises:
        ConfigError: it is none; the value is not in the message.
    """
    key = value.strip()
    if not key:
        raise ConfigError("an empty key is no key", hint="`rtfs keys remove NAME` forgets one")
    if len(key) > MAX_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(
            "that does not look like a key: it has blanks, line breaks or letters beyond ASCII, or is very long",
            hint="give the key alone, on one line",
        )
    return key


class KeyStore:
    """The stored keys of one user.

    Args:
        path: of the file.
        keyring: a module like `keyring`; by default the one that is installed, if it can keep anything.
    """

    def __init__(self, path: str, keyring: Any = "installed") -> None:
        self.path = path
        self._ring = keyring

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> KeyStore | None:
        path = keys_path(environ)
        return None if path is None else cls(path)

    @property
    def keyring(self) -> Any:
        """The module `keyring`, None where it is not installed or has nowhere to keep things."""
        if self._ring == "installed":
            self._ring = installed_keyring()
        return self._ring

    def names(self) -> dict[str, str]:
        """Name -> `keyring` or `file`, sorted.

        Raises:
            ConfigError: the file cannot be read, or others can read it too.
        """
        return {name: "keyring" if entry.get("keyring") else "file" for name, entry in sorted(self._read().items())}

    def get(self, name: str) -> str | None:
        """A key; None when there is none.

        Raises:
            ConfigError: as `names`; or the keyring does not give it.
        """
        entry = self._read().get(name)
        if entry is None:
            return None
        value = self._from_keyring(name) if entry.get("keyring") else entry.get("value")
        return value if isinstance(value, str) and value else None

    def set(self, name: str, value: str, *, in_file: bool = False) -> str:
        """Keep a key; where it is kept: `keyring` or `file`.

        Args:
            in_file: not in the keyring, although there is one.
        Raises:
            ConfigError: it cannot be kept.
        """
        entry: dict[str, Any] = {"value": value}
        if self.keyring is not None and not in_file:
            try:
                self.keyring.set_password(SERVICE, name, value)
                entry = {"keyring": True}
            except Exception as error:  # a keyring may be locked, or without its service: any error of any backend
                raise ConfigError(
                    f"the keyring does not take the key: {type(error).__name__}", hint="unlock it, or use --file"
                ) from None
        self._change(lambda entries: entries.update({name: entry}))
        return "keyring" if entry.get("keyring") else "file"

    def remove(self, name: str) -> bool:
        """Forget a key; whether there was one."""
        entry = self._read().get(name)
        if entry is None:
            return False
        if entry.get("keyring") and self.keyring is not None:
            try:
                self.keyring.delete_password(SERVICE, name)
            except Exception as error:
                if type(error).__name__ != "PasswordDeleteError":  # which says that it is gone already
                    message = f"the keyring does not give the key up: {type(error).__name__}"
                    raise ConfigError(message, hint="unlock it and try again") from None
        self._change(lambda entries: entries.pop(name, None))
        return True

    # --- the file ---

    def _from_keyring(self, name: str) -> str | None:
        if self.keyring is None:
            hint = f"install the package `keyring`, or store it again: rtfs keys set {name}"
            raise ConfigError(f"{name} is in the system's keyring, which cannot be reached here", hint=hint)
        try:
            value: str | None = self.keyring.get_password(SERVICE, name)
        except Exception as error:
            message = f"the keyring does not give {name}: {type(error).__name__}"
            raise ConfigError(message, hint="unlock it and try again") from None
        return value

    def _read(self, *, strict: bool = True) -> dict[str, dict[str, Any]]:
        """The entries of the file; none when it does not exist.

        Args:
            strict: raise when others can read it too.
        """
        import json

        try:
            with open(self.path, encoding="utf-8", errors="replace") as stream:
                if strict:
                    self._check_rights(os.fstat(stream.fileno()))
                found = json.load(stream)
            if found["version"] != _VERSION or not all(isinstance(entry, dict) for entry in found["keys"].values()):
                raise ValueError
            return dict(found["keys"])
        except ConfigError:
            raise
        except FileNotFoundError:
            return {}
        except OSError as error:
            hint = "RTFS_CONFIG_DIR names another folder"
            raise ConfigError(f"{self.path} cannot be read: {error.strerror or error}", hint=hint) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            # no cause and no excerpt: there may be keys in it
            raise ConfigError(f"{self.path} is no file of keys", hint="remove it and store the keys again") from None

    def _check_rights(self, about: os.stat_result) -> None:
        if os.name == "posix" and (about.st_mode & 0o077 or about.st_uid != os.geteuid()):
            raise ConfigError(
                f"{self.path} has keys, and is not yours alone",
                hint=f"chmod 600 {self.path}, if nobody else has read it; else make new keys at the servers",
            )

    def _change(self, change: Any) -> None:
        """Write the file anew. The new file is made under one name that nobody may have made before, which keeps others out."""
        import json

        folder = os.path.dirname(self.path)
        fresh = f"{self.path}.new"
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            handle = self._alone(fresh)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as out:
                    entries = self._read()
                    change(entries)
                    json.dump({"version": _VERSION, "keys": entries}, out, indent=1, sort_keys=True)
                    out.write("\n")
                    out.flush()
                    os.fsync(out.fileno())
                os.replace(fresh, self.path)
            except BaseException:
                os.unlink(fresh)
                raise
        except OSError as error:
            message = f"{self.path} cannot be written: {error.strerror or error}"
            raise ConfigError(message, hint="RTFS_CONFIG_DIR names another folder") from error

    def _alone(self, fresh: str) -> int:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return os.open(fresh, flags, 0o600)
            except FileExistsError:
                if time.monotonic() >= deadline:
                    hint = f"if no other rtfs is running, remove {fresh}"
                    raise ConfigError(f"another process is writing {self.path}", hint=hint) from None
                time.sleep(0.05)

    def kept(self) -> dict[str, str]:
        """Name -> key of those in the file, also of one that others can read; none when it makes no sense."""
        try:
            entries = self._read(strict=False)
        except ConfigError:
            return {}
        return {name: entry["value"] for name, entry in entries.items() if isinstance(entry.get("value"), str)}


def installed_keyring() -> Any:
    """The module `keyring`, when it is installed and has a backend of the system; None otherwise."""
    try:
        import keyring

        backend = keyring.get_keyring()
        # below 1 are those that keep nothing, and files in plain text
        return keyring if float(backend.priority) >= 1 else None
    except Exception:  # not installed, or a backend that fails while it looks for its service
        return None


def kept_in_file(environ: Mapping[str, str]) -> dict[str, str]:
    """Name -> key of the stored keys that lie in the file, for redaction."""
    path = keys_path(environ)
    return KeyStore(path, None).kept() if path is not None and os.path.exists(path) else {}


class KeyedEnviron(Mapping[str, str]):
    """An environment in which a stored key stands where its variable is not set.

    `get` and `[]` see stored keys; iterating, and so whoever copies the environment, does not.
    """

    def __init__(self, environ: Mapping[str, str], store: KeyStore | None = None) -> None:
        self._environ = environ
        self._store = store or KeyStore.of(environ)

    def __getitem__(self, name: str) -> str:
        """
        Raises:
            KeyError: it is neither set nor stored; ConfigError: what is stored cannot be had.
        """
        value = self._environ.get(name)
        if (value is None or not value.strip()) and name.endswith(ENDINGS) and self._store is not None:
            stored = self._store.get(name)
            if stored is not None:
                handed_out.add((name, stored))
                return stored
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)

