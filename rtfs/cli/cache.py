"""What is cached: compiled programs, plans, answers of models, code.

rtfs cache [path]                       the folder that all of it is in
rtfs cache stats [LAYER…]               how much is kept, how often it was of use, and what that saved
rtfs cache ls [LAYER]                   the last entries, a line each: of answers (`reply`) when no layer is named
rtfs cache show KEY                     all that is known of one entry
rtfs cache why KEY                      what the key stands for, and in what it differs from the entries that are like it
rtfs cache why FIRST SECOND             whether an answer to one text would be served for the other, and which guard refuses
rtfs cache clear [LAYER…]               remove what is kept: of all layers but published code when none is named
rtfs cache verify [LAYER…]              look whether everything is as it was written; what is not is removed
rtfs cache export FILE [LAYER]          all entries as JSON lines; - writes them to standard output

LAYER is compile, plan, reply, semantic or code. KEY is the beginning of a key, four digits or more. Nothing is lost with a cache
but time and money.
"""

from __future__ import annotations

from rtfs.cli.actions import misused
from rtfs.cli.cache_options import CACHE_LAYERS
from rtfs.cli.options import add_output
from rtfs.errors import ConfigError
from rtfs.folders import cache_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.cache_views import View
    from rtfs.cli.terminal import Terminal

ACTIONS = ("path", "stats", "ls", "show", "why", "clear", "verify", "export")


def arguments(parser: Any) -> None:
    parser.usage = "\n       ".join(
        [
            "rtfs cache [path]",
            "rtfs cache stats [LAYER…] [--json]",
            "rtfs cache ls [LAYER] [-n N] [--function NAME] [--model NAME] [--json]",
            "rtfs cache show KEY [--json]",
            "rtfs cache why KEY [--json]",
            "rtfs cache why FIRST SECOND [--json]",
            "rtfs cache clear [LAYER…]",
            "rtfs cache verify [LAYER…] [--json]",
            "rtfs cache export FILE.jsonl|- [LAYER]",
        ]
    )
    parser.add_argument("words", nargs="*", metavar="|".join(ACTIONS), help="what to do; path when left out")
    parser.add_argument("-n", type=int, default=20, metavar="N", dest="count", help="so many of the last entries (20)")
    parser.add_argument("--function", metavar="NAME", help="entries of this function")
    parser.add_argument("--model", metavar="NAME", help="entries of this model")
    add_output(parser)


def execute(options: Any, terminal: Terminal) -> int:
    action, *words = options.words or ["path"]
    if action not in ACTIONS:
        misused(options, "cache", ", ".join(ACTIONS), [action])
    low, high = {"path": (0, 0), "ls": (0, 1), "show": (1, 1), "why": (1, 2), "export": (1, 2)}.get(action, (0, len(CACHE_LAYERS)))
    if not low <= len(words) <= high:
        options.misuse(f"`rtfs cache {action}` takes {'nothing' if not high else f'{low} to {high} words'} more")
    if action == "path":
        terminal.result(cache_folder(terminal.environ))
        return 0
    from rtfs.cli import cache_layers

    if action in ("stats", "clear", "verify"):
        views = cache_layers.views(words or list(CACHE_LAYERS), terminal)
        if action == "clear" and not words:
            views = [view for view in views if view.fills_itself]
        run = {"stats": stats, "clear": clear, "verify": verify}[action]
        return _closing(views, lambda: run(views, options, terminal))
    if action == "why" and len(words) == 2:
        return why_texts(words[0], words[1], options, terminal)
    if action == "ls":
        views = cache_layers.views(words or ["reply"], terminal)
        return _closing(views, lambda: ls(views[0], options, terminal))
    if action == "export":
        views = cache_layers.views(words[1:] or ["reply"], terminal)
        return _closing(views, lambda: export(views[0], words[0], terminal))
    views = cache_layers.views(["reply", "semantic", "code"], terminal)
    return _closing(views, lambda: (show if action == "show" else why)(views, words[0], options, terminal))


def _closing(views: list[View], work: Any) -> int:
    try:
        code: int = work()
        return code
    finally:
        for view in views:
            view.close()


def stats(views: list[View], options: Any, terminal: Terminal) -> int:
    from rtfs.cli.terminal import json_line

    found = {view.word: view.stats() for view in views}
    if options.json:
        terminal.result(json_line(found))
        return 0
    from rtfs.cli.logs import table

    rows = [["layer", "entries", "size", "hits", "misses", "hit rate", "saved"]]
    for word, figures in found.items():
        rows.append(
            [
                word,
                "-" if figures.get("size") is None else f"{figures['size']:,}",
                "-" if figures.get("size_bytes") is None else size_text(figures["size_bytes"]),
                "-" if figures.get("hits") is None else hits_text(figures),
                "-" if figures.get("misses") is None else f"{figures['misses']:,}",
                f"{figures['hit_rate']:.0%}" if figures.get("hits") or figures.get("misses") else "-",
                saved_text(figures),
            ]
        )
    for line in table(rows):
        terminal.result(line)
    for one in found.get("semantic", {}).get("functions", ()):
        terminal.result(budget_text(one))
    return 0


def hits_text(figures: dict[str, Any]) -> str:
    """`12`; `12 (3 errors)`, where errors were kept and were of use."""
    errors = figures.get("negative", 0)
    return f"{figures['hits']:,} ({errors:,} error{'' if errors == 1 else 's'})" if errors else f"{figures['hits']:,}"


def budget_text(one: dict[str, Any]) -> str:
    """Where a function stands with its error budget."""
    state = f"{one['state']} from score {one['threshold']}" if one["threshold"] is not None else one["state"]
    line = f"{one['function']} by meaning: {state}, {one['false']:,} of {one['checks']:,} checks false"
    if not one["checks"]:
        return line
    return f"{line}, precision {one['precision']:.3f} ({one['precision_low']:.3f} to {one['precision_high']:.3f}, 95 %)"


def saved_text(figures: dict[str, Any]) -> str:
    from rtfs.cli.logs import cost_text

    seconds = figures.get("saved_seconds")
    if not figures.get("hits") or seconds is None:
        return "-"
    return ", ".join([f"{seconds:.3g} s", f"{figures['saved_tokens']:,} tokens", cost_text(figures["saved_usd"])])


def size_text(size: int) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size = size / 1000  # type: ignore[assignment]
    return f"{size:,.3g} GB"


def ls(view: View, options: Any, terminal: Terminal) -> int:
    from rtfs.cli.logs import table
    from rtfs.cli.terminal import json_line

    if options.count < 1:
        raise ConfigError(f"-n is {options.count}; it is a number of entries, 1 or more")
    found = list(view.entries(options.function, options.model))[-options.count :]
    if options.json:
        for entry in found:
            terminal.result(json_line(entry))
        return 0
    for line in table([view.row(entry) for entry in found]):
        terminal.result(line)
    if not found:
        terminal.note("rtfs: no such entry is cached")
    return 0


def _one(views: list[View], start: str) -> tuple[View, bytes]:
    """The entry whose key begins so.

    Raises:
        ConfigError: there is none, or there are several.
    """
    if len(start) < 4 or start.strip("0123456789abcdef"):
        raise ConfigError(f"`{start}` is not the beginning of a key", hint="four digits of it or more; `rtfs cache ls` shows them")
    found = [(view, key) for view in views for key in view.all_keys() if key.hex().startswith(start)]
    if not found:
        raise ConfigError(f"nothing is cached under a key that begins with {start}", hint="`rtfs cache ls` shows keys")
    if len(found) > 1:
        raise ConfigError(f"{len(found)} keys begin with {start}", hint="give more digits")
    return found[0]


def show(views: list[View], start: str, options: Any, terminal: Terminal) -> int:
    from rtfs.cli.logs import shown
    from rtfs.cli.terminal import json_line

    view, key = _one(views, start)
    entry = view.entry(key)
    if options.json:
        terminal.result(json_line(entry))
        return 0
    for name, value in view.facts(entry):
        terminal.result(f"{name:<12}  {shown(value)}")
    return 0


def why(views: list[View], start: str, options: Any, terminal: Terminal) -> int:
    from rtfs.cli.terminal import json_line

    view, key = _one(views, start)
    found = view.why(key)
    if options.json:
        terminal.result(json_line({"layer": view.word, "key": key.hex(), "why": found}))
    else:
        for line in found:
            terminal.result(line)
    return 0


def why_texts(first: str, second: str, options: Any, terminal: Terminal) -> int:
    """What the layer of meaning says of two texts; exit code 0 whatever it says."""
    from rtfs.cli.cache_layers import explained
    from rtfs.cli.terminal import json_line

    found = explained(first, second, terminal)
    if options.json:
        terminal.result(json_line(found.to_dict()))
    else:
        for line in found.lines():
            terminal.result(line)
    return 0


def clear(views: list[View], options: Any, terminal: Terminal) -> int:
    for view in views:
        count = view.clear()
        if count is not None:
            terminal.note(f"rtfs: {view.counted(count)} removed")
    return 0


def verify(views: list[View], options: Any, terminal: Terminal) -> int:
    from rtfs.cli.main import FAILED, FINE
    from rtfs.cli.terminal import json_line

    found = {view.word: view.verify() for view in views}
    problems = sum([len(bad) for _, bad in found.values()])
    if options.json:
        terminal.result(json_line({word: {"whole": whole, "problems": bad} for word, (whole, bad) in found.items()}))
    else:
        for word, (whole, bad) in found.items():
            terminal.result(f"{word}: {whole:,} whole, {len(bad):,} not")
            for problem in bad:
                terminal.result(f"  {problem}")
    return FAILED if problems else FINE


def export(view: View, name: str, terminal: Terminal) -> int:
    from rtfs.cli.terminal import json_line, write

    lines = [json_line(entry) for entry in view.entries(None, None)]
    if name == "-":
        for line in lines:
            terminal.result(line)
        return 0
    try:
        with open(name, "w", encoding="utf-8") as file:
            for line in lines:
                write(file, line + "\n")
    except OSError as error:
        raise ConfigError(f"cannot write {name}: {error.strerror}", hint="name another place, or - for standard output") from error
    terminal.note(f"rtfs: {view.counted(len(lines))} written to {name}")
    return 0
