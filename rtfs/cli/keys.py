"""Keep keys for servers of models, so that they need not be in the environment.

rtfs keys [list]         which keys are set in the environment, and which are stored; never the keys themselves
rtfs keys set NAME       store a key: it is asked for, and not shown, or read from standard input
rtfs keys remove NAME    forget a stored key
rtfs keys path           the file of stored keys

NAME is a server (openai, anthropic, kimi …) or the name of a variable (OPENAI_API_KEY). A key goes into the system's keyring where
the package `keyring` is installed and has one, else into a file that only you can read. A variable that is set comes before
a key that is stored.
"""

from __future__ import annotations

from rtfs.cli.actions import misused
from rtfs.cli.options import add_output
from rtfs.cli.terminal import is_tty, json_line
from rtfs.errors import ConfigError, nearest
from rtfs.keys import KeyStore, check_key, is_key_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rtfs.cli.terminal import Terminal

ACTIONS = ("list", "set", "remove", "path")


def arguments(parser: Any) -> None:
    indent = "\n       "
    parser.usage = indent.join(
        ["rtfs keys [list] [--json]", "rtfs keys set NAME [--file]", "rtfs keys remove NAME", "rtfs keys path"]
    )
    parser.add_argument("words", nargs="*", metavar="list|set|remove|path NAME", help="what to do; list when left out")
    parser.add_argument("--file", action="store_true", help="set: in the file, although there is a keyring")
    add_output(parser)


def execute(options: Any, terminal: Terminal) -> int:
    action, *rest = options.words or ["list"]
    if action not in ACTIONS:
        misused(options, "keys", ", ".join(ACTIONS), [action])
    if action == "set" and len(rest) > 1:
        options.misuse("a key on the command line can be seen by others: leave it out, it is asked for, or read from a pipe")
    if len(rest) != (action in ("set", "remove")):
        options.misuse(f"rtfs keys {action} takes {'the NAME of one key' if action in ('set', 'remove') else 'no NAME'}")
    store = KeyStore.of(terminal.environ)
    if store is None:
        raise ConfigError("there is no folder for settings", hint="set HOME, or RTFS_CONFIG_DIR")
    if action == "path":
        terminal.result(store.path)
    elif action == "list":
        list_keys(store, options, terminal)
    elif action == "set":
        name = variable(rest[0])
        kept = store.set(name, check_key(typed(name, terminal)), in_file=options.file)
        where = "the system's keyring" if kept == "keyring" else store.path
        terminal.note(f"rtfs: {name} is stored in {where}")
        if terminal.environ.get(name, "").strip():
            terminal.note(f"rtfs: the variable {name} is set too, and comes first")
    elif not store.remove(variable(rest[0])):
        raise ConfigError(f"no {variable(rest[0])} is stored", hint="`rtfs keys` lists those that are")
    return 0


def known_variables() -> dict[str, str]:
    """Server -> the variable of its key."""
    from rtfs.models.openai_compatible import KEY_VARIABLE
    from rtfs.models.presets import PRESETS

    return {preset.name: preset.key_variable for preset in PRESETS if preset.key_variable} | {"remote": KEY_VARIABLE}


def variable(name: str) -> str:
    """The variable that a NAME stands for.

    Raises:
        ConfigError: it stands for none.
    """
    known = known_variables()
    if name in known:
        return known[name]
    if is_key_name(name):
        return name
    near = nearest(name, [*known, *known.values()])
    hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}, or a variable like SERVER_API_KEY"
    raise ConfigError(f"{name!r} is neither a server nor the name of a key", hint=hint)


def typed(name: str, terminal: Terminal) -> str:
    """What is typed where nobody sees it, or the first line of a pipe."""
    if is_tty(terminal.stdin):
        from getpass import getpass

        return getpass(f"{name}: ")
    line: str = terminal.stdin.readline(10_000)
    return line


def found_keys(environ: Mapping[str, str], store: KeyStore | None) -> list[dict[str, Any]]:
    """Each key that is known by name, set or stored: where it is, and who uses it.

    Raises:
        ConfigError: the file of stored keys cannot be used.
    """
    stored = store.names() if store is not None else {}
    users: dict[str, list[str]] = {}
    for server, key in known_variables().items():
        users.setdefault(key, []).append(server)
    found = []
    for name in dict.fromkeys([*users, *stored]):
        places = [place for place in ("environment" if environ.get(name, "").strip() else "", stored.get(name, "")) if place]
        found.append({"name": name, "used": places[0] if places else None, "places": places, "servers": users.get(name, [])})
    return found


def list_keys(store: KeyStore, options: Any, terminal: Terminal) -> None:
    found = found_keys(terminal.environ, store)
    if options.json:
        for record in found:
            terminal.result(json_line(record))
        return
    for line in key_lines(found):
        terminal.result(line)


def key_lines(found: list[dict[str, Any]]) -> list[str]:
    width = max([len(record["name"]) for record in found], default=0)
    out = []
    for record in found:
        places = ["in the environment" if place == "environment" else f"stored ({place})" for place in record["places"]]
        servers = f"  for {', '.join(record['servers'])}" if record["servers"] else ""
        out.append(f"{record['name']:<{width}}  {', '.join(places) or 'none':<18}{servers}")
    return out
