"""Where the policy file is, and whether it has changed since it was read."""

from __future__ import annotations

import os
import stat

from rtfs.delegation.policy.reading import SHARED_FILE, TABLE, read_policy
from rtfs.errors import ConfigError, RtfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rtfs.delegation.policy.model import Policy

#: A file of nothing but a policy.
FILE = "delegation.toml"
#: The policy file, before any that lies beside the program; empty: none at all.
FILE_VARIABLE = "RTFS_POLICY"
#: Whose overlay holds.
ENVIRONMENT_VARIABLE = "RTFS_ENV"
#: A policy of a thousand rules has 100 kB.
MOST_BYTES = 4 * 2**20
#: Seconds between two looks at a file that is in use.
EVERY_S = 2.0


def find_policy(folder: str | os.PathLike[str], environ: Mapping[str, str]) -> str | None:
    """The path of the policy file for programs of a folder; None when there is none.

    `RTFS_POLICY` when it is set (when it is empty, there is none), else `delegation.toml` in the folder, else `rtfs.toml` if it has
    a table `[delegation]`.

    Raises:
        ConfigError: `RTFS_POLICY` names what is no file.
    """
    named = environ.get(FILE_VARIABLE)
    if named is not None:
        if named and not os.path.isfile(named):
            raise ConfigError(f"{FILE_VARIABLE}: there is no file {named}", hint="check the path; empty means no policy")
        return named or None
    place = "" if os.fspath(folder) == "." else os.fspath(folder)
    path = os.path.join(place, FILE)
    if os.path.isfile(path):
        return path
    shared = os.path.join(place, SHARED_FILE)
    return shared if os.path.isfile(shared) and _has_table(shared) else None


def _has_table(path: str) -> bool:
    """Whether there is a policy in a file that may be for other things only. One that is no TOML may be one."""
    import tomllib

    try:
        with open(path, "rb") as file:
            return TABLE in tomllib.loads(file.read(MOST_BYTES).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return True


def read_text(path: str) -> tuple[str, tuple[int, ...]]:
    """The text of a policy file, and what tells it from its next version.

    Raises:
        ConfigError: it cannot be read, is too large, is no regular file, or not UTF-8.
    """
    try:
        # a pipe would be waited for, and a device never ends
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)  # before it is read: what is written meanwhile makes another version
            if not stat.S_ISREG(found.st_mode):
                raise ConfigError(f"{path} is not a file", hint="name the file itself, such as delegation.toml")
            data = file.read(MOST_BYTES + 1)
    except IsADirectoryError:
        raise ConfigError(f"{path} is not a file", hint="name the file itself, such as delegation.toml") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", hint="check the path") from error
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{path} is larger than {MOST_BYTES:,} bytes")
    try:
        return data.decode("utf-8"), _version(found)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: not UTF-8", kind="invalid-policy", hint="save the file as UTF-8") from error


def load_policy(path: str | os.PathLike[str], environment: str = "") -> Policy:
    """The policy in a file, for an environment.

    Raises:
        ConfigError: it cannot be read; or, `invalid-policy`, see `read_policy`.
    """
    name = os.fspath(path)
    text, _ = read_text(name)
    if os.path.basename(name) == SHARED_FILE and not _has_table(name):
        raise ConfigError(f"{name} has no table [{TABLE}]")
    return read_policy(text, name, environment)


def _version(found: os.stat_result) -> tuple[int, ...]:
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev


class PolicyFile:
    """A policy file that may change while it is in use; see `PolicyEngine`.

    Args:
        environment: whose overlay holds.
        every_s: least seconds between two looks at the file; a look is one `stat`.
        warn: told, once for each version of the file, why the old policy stays.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        environment: str = "",
        every_s: float = EVERY_S,
        warn: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.path = os.path.abspath(path)  # the program may change the folder
        self.environment = environment
        self.every_s = every_s
        self._name = os.fspath(path)
        self._warn = warn
        #: The version that was read last, right or wrong; None: there was no file.
        self._version: tuple[int, ...] | None = None

    def read(self) -> Policy:
        """
        Raises:
            ConfigError: as `load_policy`.
        """
        text, self._version = read_text(self.path)
        return read_policy(text, self._name, self.environment)

    def changed(self) -> Policy | None:
        """The new policy, if the file is another than the one that was read, and is right; raises nothing."""
        try:
            version: tuple[int, ...] | None = _version(os.stat(self.path))
        except OSError:
            version = None
        if version == self._version:
            return None
        self._version = version  # of a wrong file too: it is not read and reported again and again
        if version is None:
            self._warn(f"the policy file {self._name} is gone; what it said last goes on")
            return None
        try:
            return self.read()
        except ConfigError as error:
            self.refuse(error)
            return None

    def refuse(self, error: RtfsError) -> None:
        """Say that the file cannot be used as it is now."""
        place = f" ({error.span})" if error.span is not None else ""
        more = len(getattr(error, "others", ()))
        others = f", and {more} more: see `rtfs policy check`" if more else ""
        self._warn(f"the policy file {self._name} has changed and is wrong; the old policy goes on: {error.message}{place}{others}")
