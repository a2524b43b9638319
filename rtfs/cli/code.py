"""Published code: functions that are known by their content hash, and whose signature is checked before they run.

rtfs code [ls]                                          what was published here, a line each
rtfs code show HASH                                     all that is known of one, its signature checked
rtfs code publish FN --file PROGRAM --tests FILE [--for ASKED]
                                                        verify a function and publish it; for another one that asks a model
rtfs code rm HASH                                       remove it
rtfs code keys                                          whose code may run, one's own first
rtfs code trust KEY [NAME]                              add a key

HASH is a beginning of it that is enough. A file of tests has a line `[[operand …] value]` for each. A policy can send calls to
code:HASH.
"""

from __future__ import annotations

from rtfs.cli.actions import misused
from rtfs.cli.crystallise import opened, state_lines, states, with_embedding
from rtfs.cli.options import add_output, add_path, analysis_runtime, folder_of, read_program
from rtfs.cli.terminal import json_line
from rtfs.errors import ConfigError
from rtfs.folders import config_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.caching.code.entries import Opened
    from rtfs.caching.code.publishing import Example
    from rtfs.caching.code.store import CodeState, CodeStore
    from rtfs.cli.terminal import Terminal

ACTIONS = "ls, show HASH, publish FN, rm HASH, keys, trust KEY"


def arguments(parser: Any) -> None:
    parser.usage = "\n       ".join(
        [
            "rtfs code [ls] [--json]",
            "rtfs code show HASH [--json]",
            "rtfs code publish FN --file PROGRAM --tests FILE [--for ASKED] [--json]",
            "rtfs code rm HASH",
            "rtfs code keys",
            "rtfs code trust KEY [NAME]",
        ]
    )
    parser.add_argument("words", nargs="*", metavar="ACTION", help=f"what to do: {ACTIONS}; ls when left out")
    parser.add_argument("--file", default=None, metavar="PROGRAM", help="publish: the program that defines the function")
    parser.add_argument("--tests", default=None, metavar="FILE", help="publish: what it has to answer")
    parser.add_argument("--for", dest="asked", default=None, metavar="ASKED", help="publish: a function that asks a model")
    add_path(parser)
    add_output(parser)


def execute(options: Any, terminal: Terminal) -> int:
    action, *names = options.words or ["ls"]
    if action == "ls" and not names:
        return listing(options, terminal)
    if action == "show" and len(names) == 1:
        return show(names[0], options, terminal)
    if action == "publish" and len(names) == 1:
        if options.file is None or options.tests is None:
            options.misuse("rtfs code publish needs --file PROGRAM and --tests FILE")
        return publish(names[0], options, terminal)
    if action == "rm" and len(names) == 1:
        store = opened(terminal)
        try:
            found = _of_hash(store, names[0])
            for key, _ in found:
                store.remove(key)
        finally:
            store.close()
        for _, state in found:
            terminal.note(f"rtfs: removed {state.name}, {state.content[:16]}")
        return 0
    if action == "keys" and not names:
        return keys(terminal)
    if action == "trust" and names:
        from rtfs.caching.code.signing import parse_key, trust

        trust(config_folder(terminal.environ), parse_key(names[0]), " ".join(names[1:]))
        return 0
    misused(options, "code", ACTIONS)


def listing(options: Any, terminal: Terminal) -> int:
    found = states(terminal)
    for _, state in found:
        for line in [json_line(state.to_dict())] if options.json else state_lines(state, long=False):
            terminal.result(line)
    if not found and not options.json:
        terminal.note("rtfs: nothing was published")
    return 0


def _of_hash(store: CodeStore, beginning: str) -> list[tuple[bytes, CodeState]]:
    """The entries with one hash: the same code may have been published for several tasks.

    Raises:
        ConfigError: no entry has a hash that begins so, or several different ones have.
    """
    start = beginning.removeprefix("code:").lower()
    if len(start) < 4 or start.strip("0123456789abcdef"):
        raise ConfigError(f"`{beginning}` is not the beginning of a hash", hint="four digits of it or more; `rtfs code` shows them")
    found = [(key, state) for key, state in store.states() if state.content.startswith(start)]
    hashes = {state.content for _, state in found}
    if len(hashes) != 1:
        count = "no code has" if not found else f"{len(hashes)} functions have"
        hint = "give more digits" if found else "`rtfs code` lists what there is"
        raise ConfigError(f"{count} a hash that begins with {beginning}", hint=hint)
    return found


def show(beginning: str, options: Any, terminal: Terminal) -> int:
    store = opened(terminal)
    try:
        found = [(state, store.open(key)) for key, state in _of_hash(store, beginning)]
    finally:
        store.close()
    for state, entry in found:
        if entry is None:
            raise ConfigError(f"the code of {state.name} is not there any more", hint="publish it again, or `rtfs code rm HASH`")
        show_entry(state, entry, options, terminal)
    return 0


def show_entry(state: CodeState, entry: Opened, options: Any, terminal: Terminal) -> None:
    from rtfs.caching.code.signing import printed_key

    document = {
        **state.to_dict(),
        "signed_by": printed_key(entry.signed_by),
        "validation": entry.entry.validation,
        "bytes": len(entry.entry.artefact),
    }
    if options.json:
        terminal.result(json_line(document))
        return
    found = entry.entry.validation
    verified = f"{found['kind']}, {found['agreed']} of {found['covered']} right, of {found['examples']} examples"
    for line in [
        *state_lines(state, long=True),
        f"  hash {state.content}",
        f"  interface {state.interface}",
        f"  verified: {verified}",
        f"  signed by {printed_key(entry.signed_by)}, and whole; {len(entry.entry.artefact):,} bytes",
    ]:
        terminal.result(line)


def publish(name: str, options: Any, terminal: Terminal) -> int:
    from rtfs.caching.code.publishing import make_entry
    from rtfs.caching.code.signing import own_signer
    from rtfs.delegation.crystallise.crystallising import checked
    from rtfs.ir.artefact.definitions import definitions_of

    source = read_program(options.file, terminal)
    inspector = analysis_runtime(folder_of(options.file), options, terminal, optimization="aggressive")
    program = checked(inspector, source.text, options.file)
    task = interface = None
    text = ""
    if options.asked is not None:
        asked = next((one for one in definitions_of(program) if one.name == options.asked), None)
        if asked is None or asked.task is None or asked.function is None:
            hint = "ASKED is a function of the same file, with a docstring and a hint such as ^:delegation :local-model \"smollm2\""
            raise ConfigError(f"{options.file} has no function {options.asked} that asks a model", hint=hint)
        task, interface, text = asked.task, asked.interface, " ".join(asked.function.doc.split())
    tests = read_tests(options.tests, terminal)
    entry, found = make_entry(
        program, name, inspector.sandboxed, tests, kind="tests", task=task, interface=interface, text=text
    )
    signer = own_signer(config_folder(terminal.environ))
    store = opened(terminal)
    store.put(with_embedding(entry, terminal), signer)
    store.close()
    document = {"hash": entry.content.hex(), "tests": found.examples}
    terminal.result(json_line(document) if options.json else f"{name}: {found}; published as {entry.content.hex()}")
    return 0


def read_tests(name: str, terminal: Terminal) -> list[Example]:
    """The tests in a file; nothing of it is evaluated.

    Raises:
        ConfigError: one is none.
    """
    from rtfs.caching.code.publishing import Example
    from rtfs.syntax.reader import read_forms
    from rtfs.values.sequences import Vector

    tests = []
    for number, form in enumerate(read_forms(read_program(name, terminal)), 1):
        pair = form.items() if isinstance(form, Vector) else []
        if len(pair) != 2 or not isinstance(pair[0], Vector):
            raise ConfigError(f"{name}: test {number} is none", hint="write [[operand …] value]")
        tests.append(Example(tuple(pair[0].items()), pair[1]))
    return tests


def keys(terminal: Terminal) -> int:
    from rtfs.caching.code.signing import own_signer, printed_key, trusted_keys

    folder = config_folder(terminal.environ)
    own = own_signer(folder).public
    known = trusted_keys(folder)
    for public in [own, *[key for key in known if key != own]]:
        terminal.result(f"{printed_key(public)} {known[public]}".rstrip())
    return 0
