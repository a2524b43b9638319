"""`rtfs models serve`: a local model for other programs, in a process of its own, or the command that would do it."""

from __future__ import annotations

import os
from contextlib import contextmanager

from rtfs.cli.models import data_folder
from rtfs.cli.terminal import json_line
from rtfs.errors import ConfigError, DelegationError
from rtfs.models.llama_threads import wait_politely

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.models.serving import ServePlan, Wish

#: How long a server has to end, each time it is asked more firmly.
GRACE_S = 3.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(name: str, options: Any, terminal: Terminal) -> int:
    """
    Raises:
        ConfigError: an option makes no sense, or the model cannot be served here.
        DelegationError: there is no such model.
    """
    from rtfs.models.serving import ENGINES, hardware, plan_serving, runnable

    check_numbers(options)
    wish = wish_of(name, options, terminal)
    engine = options.engine or ("vllm" if wish.path is None else None)
    here = hardware()
    if options.only_print:
        engines = [engine] if engine else ENGINES
        plans = [plan_serving(one, wish, here) for one in engines]
        show(plans, wish, options, terminal)
        return 0 if any(plan.refusal is None for plan in plans) else 1
    if engine is None:
        engine = "llama.cpp" if runnable("llama.cpp") is None or runnable("llama-server") is not None else "llama-server"
    plan = plan_serving(engine, wish, here)
    if plan.refusal is not None:
        raise ConfigError(plan.refusal, hint=f"the check: {plan.memory}; `--print` shows what else could be done")
    missing = runnable(engine)
    if missing is not None:
        terminal.note(f"rtfs: {engine} cannot be started from here: {missing}\n  this is the command:")
        show([plan], wish, options, terminal)
        return 1
    return run(plan, wish, terminal)


def check_numbers(options: Any) -> None:
    for value, option, low, high in (
        (options.port, "--port", 1, 65_535),
        (options.context, "--context", 64, 10_000_000),
        (options.parallel, "--parallel", 1, 1024),
    ):
        if not low <= value <= high:
            raise ConfigError(f"{option} is a number from {low} to {high}")
    if not options.host or options.host.startswith("-") or any(c.isspace() for c in options.host):
        raise ConfigError(f"{options.host!r} is no host", hint="127.0.0.1 is this machine alone, 0.0.0.0 is everybody")


def wish_of(name: str, options: Any, terminal: Terminal) -> Wish:
    """What is to be served: a model file of this machine, or the id of a model elsewhere, `maker/model`."""
    from rtfs.models import weights
    from rtfs.models.gguf_file import NotGguf, read_shape
    from rtfs.models.serving import Wish

    wish = Wish(
        model=name,
        host=options.host,
        port=options.port,
        context_tokens=options.context,
        parallel=options.parallel,
        gpu_layers=options.gpu_layers,
    )
    if "/" in name and not name.startswith("-") and name.count("/") == 1:
        return wish
    folder = data_folder(options, terminal)
    path = weights.locate(name, terminal.environ, folder)
    from dataclasses import replace

    layers = options.gpu_layers if options.gpu_layers is not None else weights.profile(name, terminal.environ, folder).gpu_layers
    try:
        return replace(wish, path=path, shape=read_shape(path), gpu_layers=layers)
    except (NotGguf, OSError) as error:
        raise DelegationError(f"the file of {name} cannot be served: {error}", kind="model-unavailable") from error


def show(plans: Sequence[ServePlan], wish: Wish, options: Any, terminal: Terminal) -> None:
    from shlex import join

    for plan in plans:
        if options.json:
            record = {"engine": plan.engine, "command": list(plan.command), "fits": plan.refusal is None, "refusal": plan.refusal}
            record |= {"needed_bytes": plan.needed_bytes, "available_bytes": plan.available_bytes, "notes": list(plan.notes)}
            terminal.result(json_line({**record, "address": wish.address}))
            continue
        terminal.result(f"# {plan.engine}: {plan.memory}")
        for note in plan.notes:
            terminal.result(f"# {note}")
        if plan.refusal is not None:
            terminal.result(f"# not here: {plan.refusal}")
        terminal.result(("# " if plan.refusal else "") + join(plan.command))


@contextmanager
def terminable() -> Iterator[None]:
    """Meanwhile a request to end is an exception, so that nothing is left running."""
    import signal

    def ask(number: int, _: Any) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def end(process: Any) -> None:
    """See that a process ends: by itself, as after Ctrl+C, which it has got too; when asked; or at once."""
    import subprocess

    for ask in (lambda: None, process.terminate, process.kill):
        ask()
        try:
            process.wait(GRACE_S)
            return
        except subprocess.TimeoutExpired:
            continue


def run(plan: ServePlan, wish: Wish, terminal: Terminal) -> int:
    """Start the server and wait for its end; what it prints goes where ours does. Its exit code, or 130 when it was interrupted."""
    import subprocess

    terminal.note(f"rtfs: {plan.engine} serves {wish.model} at {wish.address}; {plan.memory}")
    for note in plan.notes:
        terminal.note(f"rtfs: {note}")
    if wish.host not in _LOOPBACK:
        terminal.note(f"rtfs: whoever can reach {wish.host} can use the model, without a key")
    terminal.note(f"rtfs: to ask it: RTFS_REMOTE_BASE_URL={wish.address} rtfs query PROMPT -m {wish.model}; Ctrl+C ends it")
    environ = {**terminal.environ}
    wait_politely(environ)
    environ.setdefault("PATH", os.defpath)
    with terminable():
        try:
            process = subprocess.Popen(plan.command, stdin=subprocess.DEVNULL, env=environ)
        except OSError as error:
            raise ConfigError(f"{plan.command[0]} cannot be started: {error.strerror or error}") from error
        try:
            code = process.wait()
        finally:
            end(process)
    if code:
        terminal.note(f"rtfs: the server ended with code {code}")
    return 1 if code else 0
