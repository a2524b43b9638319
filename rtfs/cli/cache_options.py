"""Which caches a command uses: `--no-cache`, `--refresh`, `RTFS_CACHE`."""

from __future__ import annotations

import os

from rtfs.errors import ConfigError
from rtfs.folders import answer_cache_folder, compile_cache_folder, data_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rtfs.cli.terminal import Terminal

#: `compile` is that of programs; the others are those of `caching.manager.WORDS`.
CACHE_LAYERS = ("compile", "plan", "reply", "semantic", "code")


def add_caching(parser: Any) -> None:
    """What a program that runs may take out of caches."""
    layers = "compile, plan, reply, semantic, code; all when left out"
    parser.add_argument(
        "--no-cache",
        action="append",
        nargs="?",
        const="all",
        default=[],
        metavar="LAYERS",
        help=f"neither use nor keep what is cached: --no-cache=reply,semantic; {layers} (RTFS_CACHE=off)",
    )
    parser.add_argument(
        "--refresh",
        action="append",
        nargs="?",
        const="all",
        default=[],
        metavar="LAYERS",
        help="use nothing that was cached before, and keep what is made now in its place",
    )


def compile_cache(options: Any, terminal: Terminal) -> str | None:
    """The folder of compiled files, None when there is to be none.

    Raises:
        ConfigError: there is no such layer; `RTFS_CACHE` is neither `on` nor `off`.
    """
    if not wants_caches(terminal) or "compile" in {*cache_layers(options.no_cache), *cache_layers(options.refresh)}:
        return None
    return compile_cache_folder(terminal.environ)


def answer_caches(options: Any, terminal: Terminal) -> dict[str, Any]:
    """The settings of plans and answers, for `caching.opening.open_caches`.

    Raises:
        ConfigError: as in `compile_cache`; `RTFS_CACHE_STORE` is no address.
    """
    off = cache_layers(options.no_cache)
    if getattr(options, "dry_run", False) or not wants_caches(terminal):
        off = list(CACHE_LAYERS)
    settings: dict[str, Any] = {
        "store": answer_cache_folder(terminal.environ),
        "off": [layer for layer in off if layer != "compile"],
        "refresh": [layer for layer in cache_layers(options.refresh) if layer != "compile"],
    }
    shared = None if {"reply", "semantic"} <= {*off} else shared_store(terminal.environ)
    return {**settings, "shared": shared} if shared else settings


def shared_store(environ: Mapping[str, str]) -> str | None:
    """The address of the store of answers that several machines share; None when there is none.

    Raises:
        ConfigError: no store can be there.
    """
    address = environ.get("RTFS_CACHE_STORE")
    if not address:
        return None
    from rtfs.caching.addresses import check_address

    check_address(address, "RTFS_CACHE_STORE")
    return address


def cache_layers(given: list[str]) -> list[str]:
    """The layers that an option names, once each.

    Raises:
        ConfigError: there is no such layer.
    """
    found: list[str] = []
    for word in [word.strip() for text in given for word in text.split(",")]:
        if word == "all":
            found.extend(CACHE_LAYERS)
        elif word in CACHE_LAYERS:
            found.append(word)
        else:
            raise ConfigError(f"there is no layer of cache `{word}`", hint=f"choose from: {', '.join(CACHE_LAYERS)}, all")
    return list(dict.fromkeys(found))


def wants_caches(terminal: Terminal) -> bool:
    """
    Raises:
        ConfigError: `RTFS_CACHE` is neither `on` nor `off`.
    """
    wanted = terminal.environ.get("RTFS_CACHE") or "on"
    if wanted not in ("on", "off"):
        raise ConfigError(f"RTFS_CACHE is {wanted!r}", hint="choose from: on, off; RTFS_CACHE_DIR names the folder")
    return wanted == "on"


def published_code(options: Any, terminal: Terminal) -> str | None:
    """The file with published code, None when there is none or it is not to be used; most users have none, and load nothing for it.

    Raises:
        ConfigError: as in `compile_cache`.
    """
    off = "code" in {*cache_layers(options.no_cache), *cache_layers(options.refresh)}
    if off or not wants_caches(terminal) or getattr(options, "dry_run", False):
        return None
    path = os.path.join(data_folder(terminal.environ), "code.sqlite")  # as in `caching.code.opening`
    return path if os.path.isfile(path) else None
