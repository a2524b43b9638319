"""Where calls of functions go, by the rules of a policy file.

rtfs policy check [FILE]          find all mistakes of a policy file, with line and key
rtfs policy explain FN ARGS…      say where a call goes, and why it goes nowhere else; nothing is asked and nothing runs

ARGS are written as in a program: 42, '"a text"', '[1 2]'. Without a FILE it is RTFS_POLICY, else delegation.toml or rtfs.toml in
the folder of the program, or in the current one.
"""

from __future__ import annotations

from rtfs.cli.actions import misused
from rtfs.cli.options import add_output, folder_of
from rtfs.cli.terminal import json_line, problem_dict
from rtfs.errors import AnalysisError, ConfigError, ParseError, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.delegation.context import CallContext, DelegationMetadata
    from rtfs.delegation.policy.engine import PolicyEngine
    from rtfs.delegation.policy.model import Policy
    from rtfs.syntax import nodes as ast


def arguments(parser: Any) -> None:
    parser.usage = "\n       ".join(
        [
            "rtfs policy check [--strict] [--json] [FILE]",
            "rtfs policy explain [--policy FILE] [--env NAME] [--tag TAG]… [--tenant NAME] [--program FILE] [--json] FN [ARGS…]",
        ]
    )
    parser.add_argument("words", nargs="*", metavar="check|explain …", help="what to do")
    parser.add_argument("--policy", metavar="FILE", help="explain: the policy file")
    parser.add_argument("--env", metavar="NAME", help="the environment whose overlay holds; RTFS_ENV when left out")
    parser.add_argument("--tag", action="append", default=[], metavar="TAG", help="explain: a tag of the call, such as private")
    parser.add_argument("--tenant", default="", metavar="NAME", help="explain: on whose behalf the program runs")
    parser.add_argument("--program", metavar="FILE", help="explain: the program that FN is in; its hint and tags count")
    parser.add_argument("--strict", action="store_true", help="check: warnings count as errors")
    add_output(parser)


def execute(options: Any, terminal: Terminal) -> int:
    action, *rest = options.words or [""]
    if action == "check" and len(rest) <= 1:
        return check(rest[0] if rest else None, options, terminal)
    if action == "explain" and rest:
        return explain(rest[0], rest[1:], options, terminal)
    unknown = [] if action in ("", "check", "explain") else options.words
    misused(options, "policy", "check [FILE], explain FN ARGS…", unknown)


def environment(options: Any, terminal: Terminal) -> str:
    from rtfs.delegation.policy.files import ENVIRONMENT_VARIABLE

    return str(terminal.environ.get(ENVIRONMENT_VARIABLE, "") if options.env is None else options.env)


def policy_path(named: str | None, folder: str, terminal: Terminal) -> str:
    """
    Raises:
        ConfigError: there is none.
    """
    from rtfs.delegation.policy.files import find_policy

    found = named or find_policy(folder, terminal.environ)
    if found is None:
        raise ConfigError(f"there is no policy file in {folder}", hint="name one, or write a delegation.toml")
    return found


# --- check -----------------------------------------------------------------------------------


def check(named: str | None, options: Any, terminal: Terminal) -> int:
    from rtfs.cli.check import verdict
    from rtfs.delegation.policy.files import load_policy

    path = policy_path(named, ".", terminal)
    warnings: list[ConfigError] = []
    errors: list[ConfigError] = []
    try:
        policy = load_policy(path, environment(options, terminal))
        warnings = [*policy.warnings, *missing_engines(policy)]
        errors = broken_engines(policy)
    except ConfigError as error:
        if error.kind != "invalid-policy":
            raise
        errors = [error, *error.others]
        error.others = []
    for problem, severity in [(e, "error") for e in errors] + [(w, "error" if options.strict else "warning") for w in warnings]:
        if options.json:
            terminal.result(json_line(problem_dict(problem, severity)))
        else:
            terminal.result(render(problem, color=terminal.wants_color(terminal.stdout), severity=severity))
    if not options.json:
        terminal.note(verdict(len(errors), len(warnings), 1))
    return 1 if errors or (options.strict and warnings) else 0


def missing_engines(policy: Policy) -> list[ConfigError]:
    """A warning for each engine that no package on this machine offers; none is loaded for that."""
    from rtfs.delegation.engine import engine_names

    known = engine_names() if policy.engines else []
    return [
        ConfigError(f"engine `{name}`: no package installed here offers `{engine.use}`", kind="invalid-policy", span=engine.span)
        for name, engine in policy.engines.items()
        if engine.use not in known
    ]


def broken_engines(policy: Policy) -> list[ConfigError]:
    """An error for each engine of RTFS's own whose options are wrong."""
    from rtfs.delegation.engine import is_brought
    from rtfs.delegation.policy.engine import made_engine

    found = []
    for name, engine in policy.engines.items():
        if is_brought(engine.use):
            try:
                made_engine(policy, name)
            except ConfigError as error:
                found.append(error)
    return found


# --- explain ---------------------------------------------------------------------------------


def explain(name: str, texts: list[str], options: Any, terminal: Terminal) -> int:
    from rtfs.delegation.context import shape_of
    from rtfs.delegation.linking import metadata_of, options_of
    from rtfs.delegation.policy.engine import PolicyEngine
    from rtfs.delegation.policy.explaining import explain as explained
    from rtfs.delegation.policy.explaining import lines
    from rtfs.delegation.policy.files import load_policy
    from rtfs.delegation.tags import tags_of
    from rtfs.delegation.targets import of_hint

    folder = folder_of(options.program) if options.program else "."
    policy = load_policy(policy_path(options.policy, folder, terminal), environment(options, terminal))
    tags = frozenset(tag.removeprefix(":") for tag in options.tag)
    hint = metadata = None
    if options.program:
        function = function_in(options.program, name, options, terminal)
        hint = of_hint(function.hint) if function.hint is not None else None
        tags |= tags_of(options_of(function))
        metadata = metadata_of(options_of(function))
    args = tuple([value_of(text) for text in texts])
    engine = PolicyEngine(policy)
    equip(engine, terminal)
    context = call_context(name, args, tags, options.tenant, metadata)
    found = explained(engine, context, tuple([shape_of(arg) for arg in args]), hint)
    if options.json:
        terminal.result(json_line(found.to_dict()))
    else:
        for line in lines(found):
            terminal.result(line)
    return 0


def equip(engine: PolicyEngine, terminal: Terminal) -> None:
    """Let engines know what they would in a run: earlier calls, and prices."""
    from rtfs.delegation.prices import PriceTable
    from rtfs.delegation.router.past import experience_of, prices_by
    from rtfs.folders import log_path
    from rtfs.models import weights
    from rtfs.models.registry import default_registry

    environ = terminal.environ
    registry = default_registry(environ, weights.default_data_dir(environ), weights.default_cache_dir(environ))
    engine.equip(lambda: experience_of(log_path(environ)), prices_by(registry, lambda: PriceTable.load(environ)))


def call_context(
    name: str, args: tuple[Any, ...], tags: frozenset[str], tenant: str, metadata: DelegationMetadata | None = None
) -> CallContext:
    from rtfs.delegation.context import CallContext, fingerprint, prompt_text, semantic_hash, text_length

    return CallContext(
        name,
        fingerprint(args),
        semantic=semantic_hash(args),
        tags=tags,
        tenant=tenant,
        prompt_chars=text_length(args),
        metadata=metadata,
        prompt=prompt_text(args),
    )


def value_of(text: str) -> Any:
    """The value that a text stands for; it is read, and nothing in it is run.

    Raises:
        ConfigError: it is not one value.
    """
    from rtfs.runtime import Runtime
    from rtfs.source import Source
    from rtfs.syntax.reader import read_forms

    hint = "write it as in a program; texts with quotes: '\"hello there\"'"
    try:
        count = len(read_forms(Source("<argument>", text)))  # first, so that no bracket ends the `quote` below
        if count != 1:
            raise ConfigError(f"{text!r} is {count} values and not one", hint=hint)
        return Runtime(models=None, strategy="tree").run(f"(quote {text}\n)", raw=True)
    except (ParseError, AnalysisError) as error:
        raise ConfigError(f"{text!r} is no value: {error.message}", hint=hint) from error


def function_in(path: str, name: str, options: Any, terminal: Terminal) -> ast.Fn:
    """A function at the top level of a program, without running it.

    Raises:
        ConfigError: there is none of that name.
    """
    from rtfs.cli.options import analysis_runtime, read_program
    from rtfs.errors import nearest
    from rtfs.syntax import nodes as ast

    options.path = []
    nodes = analysis_runtime(folder_of(path), options, terminal).analyse(read_program(path, terminal))
    functions = {node.name: node.value for node in nodes if isinstance(node, ast.Def) and isinstance(node.value, ast.Fn)}
    if name not in functions:
        near = nearest(name, functions)
        hint = f"did you mean `{near[0]}`?" if near else f"`rtfs hash {path}` lists what it defines"
        raise ConfigError(f"{path} defines no function `{name}`", hint=hint)
    return functions[name]
