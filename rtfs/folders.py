"""Where RTFS keeps files of the user's: the folders that the system provides for it, or that the environment names.

As texts: `pathlib` takes longer to load than what is usually done with the result.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

LOG_NAME = "calls.sqlite"


def data_folder(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """The folder for what RTFS must keep: `RTFS_DATA_DIR`, else what the system provides for it."""
    return _folder(environ, platform, "RTFS_DATA_DIR", "XDG_DATA_HOME", ".local/share", "Library/Application Support", "Data")


def cache_folder(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """The folder for what RTFS can make again: `RTFS_CACHE_DIR`, else what the system provides for it."""
    return _folder(environ, platform, "RTFS_CACHE_DIR", "XDG_CACHE_HOME", ".cache", "Library/Caches", "Cache")


def config_folder(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """The folder for what the user has set: `RTFS_CONFIG_DIR`, else what the system provides for it."""
    return _folder(environ, platform, "RTFS_CONFIG_DIR", "XDG_CONFIG_HOME", ".config", "Library/Application Support", "Config")


def state_folder(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """The folder for what RTFS notes down while it works: `RTFS_STATE_DIR`, else what the system provides for it."""
    return _folder(environ, platform, "RTFS_STATE_DIR", "XDG_STATE_HOME", ".local/state", "Library/Application Support", "State")


def compile_cache_folder(environ: Mapping[str, str]) -> str:
    """The folder for compiled programs."""
    return os.path.join(cache_folder(environ), "compiled")


def answer_cache_folder(environ: Mapping[str, str]) -> str:
    """The folder for answers of models."""
    return os.path.join(cache_folder(environ), "answers")


def log_path(environ: Mapping[str, str]) -> str:
    """The file with the records of delegated calls."""
    return os.path.join(state_folder(environ), LOG_NAME)


def _folder(environ: Mapping[str, str], platform: str, own: str, xdg: str, unix: str, mac: str, windows: str) -> str:
    if environ.get(own):
        return os.path.expanduser(environ[own])
    home = environ.get("USERPROFILE" if platform == "win32" else "HOME") or os.path.expanduser("~")
    if platform == "win32":
        base = environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
        return os.path.join(base, "rtfs", windows)
    # the XDG rules: a relative path in the variable is to be ignored
    if environ.get(xdg) and os.path.isabs(environ[xdg]):
        return os.path.join(environ[xdg], "rtfs")
    return os.path.join(home, mac if platform == "darwin" else unix, "rtfs")
