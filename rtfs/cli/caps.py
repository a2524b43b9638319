"""List the capabilities that programs can ask the host for, their effects, and whether `rtfs run` allows them unasked."""

from __future__ import annotations

from rtfs.cli.options import add_output
from rtfs.cli.terminal import json_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.capabilities.registry import Permissions
    from rtfs.cli.terminal import Terminal
    from rtfs.runtime import Runtime


def arguments(parser: Any) -> None:
    add_output(parser)


def execute(options: Any, terminal: Terminal) -> int:
    from rtfs.capabilities.registry import DEFAULT_ALLOW, Permissions
    from rtfs.cli.options import FILE_ALLOW
    from rtfs.runtime import Runtime

    runtime = Runtime(environ=terminal.environ, models=None)
    permissions = Permissions((*DEFAULT_ALLOW, *FILE_ALLOW))
    if options.json:
        for capability in runtime.capabilities.all():
            allowed = permissions.permits(capability)
            record = {"id": capability.name, "effects": list(capability.effects), "allowed": allowed, "doc": capability.doc}
            terminal.result(json_line(record))
    else:
        for line in capability_lines(runtime, permissions):
            terminal.result(line)
        terminal.note("* needs --allow ID, or --allow :EFFECT; files are read in the program's folder and the current one only")
    return 0


def capability_lines(runtime: Runtime, permissions: Permissions) -> list[str]:
    """A line for each capability; `*` before those that are not allowed."""
    capabilities = runtime.capabilities.all()
    width = max([len(capability.name) for capability in capabilities], default=0)
    effects = max([len(",".join(capability.effects)) for capability in capabilities], default=0)
    return [
        f"{' ' if permissions.permits(c) else '*'} :{c.name:<{width}}  {','.join(c.effects):<{effects}}  {c.doc}"
        for c in capabilities
    ]
