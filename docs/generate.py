"""The reference tables of the documentation, made from the program's own tables.

    python docs/generate.py            write them
    python docs/generate.py --check    say which are stale, exit 1 if any is (tests/test_docs.py does the same)
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).parent
NOTE = "<!-- made by docs/generate.py: do not edit -->\n"

#: The topics of the standard library in the order of the page.
TITLES = {
    "arithmetic": "Arithmetic",
    "numerals": "Reading and showing numbers",
    "comparison": "Comparison",
    "predicates": "Predicates",
    "strings": "Strings",
    "regex": "Regular expressions",
    "collections": "Vectors, lists and maps",
    "sequences": "Sequences",
    "ordering": "Order",
    "higher_order": "Functions over sequences",
    "functions": "Functions of functions",
    "errors": "Errors",
    "json": "JSON",
    "effects": "Effects and state",
}


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(map(cell, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def operands(low: int, high: int | None) -> str:
    if high is None:
        return f"{low} or more"
    return str(low) if low == high else f"{low} to {high}"


def standard_library() -> str:
    from rtfs.runtime import Runtime
    from rtfs.semantics.builtins.effects import effect_builtins
    from rtfs.semantics.library import TOPICS, standard_library
    from rtfs.semantics.signatures import signature

    library = standard_library()
    topics: dict[str, dict[str, list[str]]] = {}  # topic -> own name of the function -> all its names
    entries = {}
    for label, entry in library.items():
        topics.setdefault(TOPICS[label], {}).setdefault(entry.name, []).append(label)
        entries[entry.name] = entry
    effects = effect_builtins(Runtime(models=None).machine)
    for label, entry in effects.items():
        topics.setdefault("effects", {}).setdefault(entry.name, []).append(label)
        entries[entry.name] = entry
    missing = topics.keys() - TITLES.keys()
    assert not missing, f"no title for {missing}"
    names = len(library) + len(effects)
    out = [
        NOTE,
        "# Standard library\n",
        f"{names} names. Every function is a value: it can be bound, passed and returned. Another number of operands than its type "
        "allows is an `arity-mismatch`, an operand of the wrong kind a `type-error`.\n",
        "In the types, a name of one letter is any type, the same at every place. `[:seq T]` is whatever gives items of type `T`: "
        "a vector or list, a string (its characters as strings), a map (its entries, `[:tuple K V]`), nil (nothing). What follows "
        "`&` may come any number of times. Where a function is wanted, a keyword does as well. Of several types, the first that "
        "the operands fit tells the result.\n",
    ]
    for topic, title in TITLES.items():
        if topic not in topics:
            continue
        out.append(f"## {title}\n")
        if topic == "effects":
            out.append("These reach the host; which of them a program may use is a matter of [permissions](../embedding.md).\n")
        rows = []
        for own, labels in sorted(topics[topic].items()):
            entry = entries[own]
            shown = " ".join(f"`{label}`" for label in sorted(labels, key=lambda label: (label != own, label)))
            rows.append((shown, "<br>".join(f"`{shape}`" for shape in signature(entry)), entry.doc))
        out.append(table(("name", "type", "what it does"), rows))
    return "\n".join(out)


def special_forms() -> str:
    from rtfs.syntax.analyse import HARD_CORE
    from rtfs.syntax.analyse.core import SPECIAL_FORMS, find_handler
    from rtfs.syntax.core_macros import CORE_MACROS

    by_handler: dict[Callable[..., object], list[str]] = {}
    for name in list(SPECIAL_FORMS):  # finding a handler imports its module
        by_handler.setdefault(find_handler(name), []).append(name)
    rows = []
    for handler, labels in sorted(by_handler.items(), key=lambda pair: min(pair[1])):
        shown = " ".join(f"`{label}`" for label in sorted(labels))
        doc = " ".join((handler.__doc__ or "").strip().split("\n\n")[0].split())
        rows.append((shown, doc))
    macros: dict[Callable[..., object], list[str]] = {}
    for name, function in CORE_MACROS.items():
        macros.setdefault(function, []).append(name)
    macro_rows = []
    for function, labels in sorted(macros.items(), key=lambda pair: min(pair[1])):
        doc = " ".join((function.__doc__ or "").strip().split("\n\n")[0].split())
        macro_rows.append((" ".join(f"`{label}`" for label in sorted(labels)), doc))
    core = " ".join(f"`{name}`" for name in sorted(HARD_CORE))
    return "\n".join(
        [
            NOTE,
            "# Special forms and core macros\n",
            f"A list that begins with the name of a special form must have its shape. {core} cannot be bound to anything else; "
            "the other words may be used as names, and then lose their meaning inside.\n",
            "## Special forms\n",
            table(("form", "shape"), rows),
            "## Core macros\n",
            table(("macro", "shape"), macro_rows),
        ]
    )


def _value(action: argparse.Action) -> str:
    if action.choices is not None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return str(action.metavar or action.dest.upper())


def capabilities() -> str:
    from rtfs.runtime import Runtime

    runtime = Runtime(models=None)
    rows = []
    for found in runtime.capabilities.all():
        allowed = "yes" if runtime.host.permissions.permits(found) else "no"
        takes = f"`{found.type}`" if found.type else operands(found.low, found.high)
        rows.append((f"`:{found.name}`", takes, ", ".join(found.effects), allowed, found.doc))
    return "\n".join(
        [
            NOTE,
            "# Capabilities\n",
            "What `(call :id operands…)` reaches. *Unasked* says whether a program in a `Runtime()` may use it when nobody said "
            "otherwise; `rtfs run` also lets a program read files in its own folder and the current one. Where "
            "a type is declared, models that may have the capability called ([tools](../tools.md)) get it as a schema.\n",
            table(("id", "takes", "effects", "unasked", "what it does"), rows),
        ]
    )


def errors() -> str:
    from rtfs.cli.explanations import EXPLANATIONS
    from rtfs.errors import FAMILIES, KINDS

    groups = {
        "P": "Reading",
        "A": "Analysis: before the form runs",
        "R": "Running",
        "L": "Limits: `catch` never sees them",
        "H": "Effects",
        "D": "Models",
        "C": "Settings",
        "X": "Bugs in RTFS",
    }
    out = [
        NOTE,
        "# Errors\n",
        "Every error has a code for the report, a kind, which `(:type e)` gives as a keyword, and a name for `catch`: "
        "`(catch DivisionByZero e …)` and `(catch :division-by-zero e …)` are the same. `Exception`, `Error`, `RuntimeError` and "
        "`_` catch everything that can be caught. `rtfs explain CODE` shows an example.\n",
    ]
    for letter, title in groups.items():
        rows = []
        for kind, (name, code) in KINDS.items():
            if code.startswith(f"RTFS-{letter}"):
                found = EXPLANATIONS.get(kind)
                rows.append((code, f"`{kind}`", f"`{name}`", f"{found.meaning} {found.fix}" if found else ""))
        out += [f"## {title}\n", table(("code", "kind", "name for `catch`", "meaning, and what usually helps"), rows)]
    out += [
        "## Families\n",
        "A keyword for `catch` that covers several kinds.\n",
        table(
            ("family", "kinds"), [(f"`:{family}`", " ".join(f"`{k}`" for k in sorted(kinds))) for family, kinds in FAMILIES.items()]
        ),
    ]
    return "\n".join(out)


def command_line() -> str:
    from rtfs.cli.main import COMMANDS, command_module, help_text, make_parser

    out = [
        NOTE,
        "# Command line\n",
        "Results go to standard output, everything else to standard error. Exit codes: 0 fine, 1 the program failed or problems "
        "were found, 2 misuse, 70 a bug in RTFS, 130 interrupted, 141 nobody reads the output.\n",
        "```\n" + help_text() + "\n```\n",
    ]
    for name in COMMANDS:
        parser = make_parser(name, command_module(name))
        usage = (parser.usage or f"rtfs {name} [options]").replace("usage: ", "")
        rows = []
        for action in parser._actions:  # the text that argparse makes of them differs between versions of Python
            labels = action.option_strings or [str(action.metavar or action.dest)]
            value = "" if not action.option_strings or action.nargs == 0 else f" {_value(action)}"
            if "--help" not in labels:
                rows.append((" ".join(f"`{label}{value}`" for label in labels), action.help or ""))
        description = (parser.description or "").strip()
        out += [f"## rtfs {name}\n", f"```\n{usage}\n```\n", description + "\n", table(("option", "meaning"), rows)]
    out.append(
        "## Environment\n\n"
        "| variable | what it sets |\n|---|---|\n"
        "| `RTFS_REMOTE_BASE_URL` | the server for remote models, up to and without `/chat/completions`; else `OPENAI_BASE_URL` |\n"
        "| `RTFS_REMOTE_API_KEY` | its key; else `OPENAI_API_KEY`, or one that `rtfs keys` has stored |\n"
        "| `RTFS_POLICY` | the policy file; empty: none |\n"
        "| `RTFS_ENV` | the environment of the policy file whose overlay holds |\n"
        "| `RTFS_LOCAL_MODEL_PATH` | a GGUF file that answers for local models |\n"
        "| `RTFS_GPU_LAYERS` | layers of local models for the GPU: a number, or `auto`, as many as [fit](local-models.md#gpu) |\n"
        "| `RTFS_DATA_DIR` | where weights are kept; by default the user's data folder |\n"
        "| `RTFS_CACHE_DIR` | where files are kept that can be made again; by default the user's cache folder |\n"
        "| `RTFS_CONFIG_DIR` | where `prices.toml` and stored keys are; by default the user's configuration folder |\n"
        "| `RTFS_PRICES` | a table of what models cost, for [budgets](budgets.md) |\n"
        "| `RTFS_CONFIDENCE` | the file with what [scores are worth](logs.md#right-and-wrong); empty: none |\n"
        "| `RTFS_CACHE` | `off`: files are compiled anew and models asked anew each time |\n"
        "| `RTFS_CACHE_STORE` | a store of [answers](caching.md) that several machines share: `redis://…`, `s3://…` |\n"
        "| `RTFS_LOG` | `off`: delegated calls leave no records; `full`: with arguments and values |\n"
        "| `RTFS_STATE_DIR` | where the log of delegated calls is; by default the user's state folder |\n"
        "| `RTFS_METRICS` | `on`: metrics of delegated calls go to an OpenTelemetry collector, as the variables `OTEL_…` say |\n"
        "| `NO_COLOR` | no colours |\n"
        "| `RTFS_DEBUG` | a bug in RTFS is shown with Python's traceback |\n"
    )
    return "\n".join(out)


def policy() -> str:
    from rtfs.delegation.policy import fields
    from rtfs.delegation.policy.caching import CACHE
    from rtfs.delegation.policy.kinds import Field

    def rows(table_fields: tuple[Field, ...]) -> str:
        return table(("key", "value", "meaning"), [(f"`{f.name}`", f.kind.expected, f.doc) for f in table_fields])

    out = [
        NOTE,
        "# Keys of a policy file\n",
        "What they are for is told in [Policies](../policy.md). Every key may be left out, but a rule needs one of `target`, "
        "`weights` and `engine`.\n",
        "## The file, or the table `[delegation]`\n",
        rows(fields.POLICY.fields),
        "## `[[rules]]`\n",
    ]
    groups: list[list[Field]] = []
    for field in fields.RULE.fields:
        if field.group:
            groups.append([])
        groups[-1].append(field)
    for group in groups:
        out += [f"### {group[0].group}\n", rows(tuple(group))]
    for title, kind in (
        ("`metadata` of a rule", fields.METADATA),
        ("`budget`", fields.BUDGET),
        ("`cache`", CACHE),
        ("`[settings]`", None),
        ("`[tenants.NAME]`", fields.TENANT),
        ("`[engines.NAME]`", fields.ENGINE),
        ("`[environments.NAME]`", fields.ENVIRONMENT),
    ):
        out += [f"## {title}\n", rows(fields.SETTINGS if kind is None else kind.fields)]
    return "\n".join(out)


def performance() -> str:
    """The figures of the last whole run of the benchmarks; only `python -m benches --docs` measures anew."""
    sys.path.insert(0, str(FOLDER.parent))
    from benches import printing

    return printing.page(json.loads((FOLDER.parent / "benches" / "results.json").read_text(encoding="utf-8")))


def repairs() -> str:
    from rtfs.types.coercion import costs

    groups = {
        "Finding the value": "decoded",
        "The JSON itself": "trailing-comma",
        "Numbers, labels and texts": "number-text",
        "Structure": "key-style",
    }
    starts = list(groups.values())
    assert [kind for kind in costs.KINDS if kind in starts] == starts
    out = [
        NOTE,
        "# Repairs of replies\n",
        "What is overlooked when a model's reply is [read as a value](../delegation.md#how-a-reply-is-read), and what it costs. "
        "The same repair at the same place of several items costs once.\n",
    ]
    rows: dict[str, list[tuple[str, ...]]] = {title: [] for title in groups}
    title = ""
    for kind, (points, words) in costs.KINDS.items():
        title = next((name for name, first in groups.items() if first == kind), title)
        rows[title].append((f"`{kind}`", str(points), words))
    for title, found in rows.items():
        out += [f"## {title}\n", table(("repair", "points", "what is done"), found)]
    limits = [
        ("`string`, `any`", str(costs.TEXT_LIMIT)),
        ("other scalars and enumerations", str(costs.SCALAR_LIMIT)),
        ("arrays, maps, records", str(costs.STRUCTURE_LIMIT)),
        ("each entry of the records inside, named types counted once", f"{costs.ENTRY_LIMIT} more"),
        ("a union", "the highest of its options"),
    ]
    out += [
        "## Limits\n",
        f"A reply that costs more than its type puts up with is refused. At most {costs.MOST_ENTRIES} entries are counted. "
        f"A value that the reply announces (`Final answer: …`) counts {costs.ANNOUNCED_BONUS} points less against the others.\n",
        table(("type", "points"), limits),
    ]
    return "\n".join(out)


def presets() -> str:
    from rtfs.models.presets import PRESETS

    rows = [
        (
            f"`{p.name}:{p.example}`",
            p.server,
            p.base_url,
            f"`{p.url_variable}`",
            f"`{p.key_variable}`" + ("" if p.needs_key else ", if the server wants one") if p.key_variable else "none",
            p.quirks,
        )
        for p in PRESETS
    ]
    return "\n".join(
        [
            NOTE,
            "# Presets\n",
            "The word before the colon of a model id says [which server](../delegation.md#remote-models) is asked; what follows is "
            "the server's own name for the model.\n",
            table(("such as", "server", "address", "another address in", "key in", "what is special"), rows),
        ]
    )


PAGES: dict[str, Callable[[], str]] = {
    "reference/standard-library.md": standard_library,
    "reference/special-forms.md": special_forms,
    "reference/capabilities.md": capabilities,
    "reference/repairs.md": repairs,
    "reference/policy.md": policy,
    "reference/presets.md": presets,
    "errors.md": errors,
    "cli.md": command_line,
    "performance.md": performance,
}


def stale() -> list[str]:
    """The pages whose files are not what would be written now."""
    out = []
    for name, make in PAGES.items():
        path = FOLDER / name
        if not path.is_file() or path.read_text(encoding="utf-8") != make():
            out.append(name)
    return out


def main(argv: list[str]) -> int:
    if argv == ["--check"]:
        found = stale()
        for name in found:
            print(f"docs/{name} is stale: run python docs/generate.py")
        return 1 if found else 0
    for name, make in PAGES.items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(make(), encoding="utf-8")
        print(f"docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
