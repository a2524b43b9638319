"""`rtfs models test` and `rtfs models bench`: whether a model answers, and how fast."""

from __future__ import annotations

import time

from rtfs.cli.models import model_registry
from rtfs.cli.terminal import json_line
from rtfs.errors import ConfigError, DelegationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.cli.terminal import Terminal
    from rtfs.models.protocol import ModelProvider
    from rtfs.models.registry import ModelRegistry

#: What is asked, and the answers there are.
QUESTION, THING, KINDS = "What kind of thing is this?", "a large brown dog", ("animal", "plant", "tool")


def test(name: str, options: Any, terminal: Terminal) -> int:
    """0: it answered, with a value of the type; 1: it did not."""
    registry = model_registry(options, terminal)
    try:
        found = trial(registry, name, checked_timeout(options.timeout))
    finally:
        registry.close()
    if options.json:
        terminal.result(json_line(found))
    elif found["ok"]:
        for line in trial_lines(found):
            terminal.result(line)
    else:
        terminal.result(f"{name}: no answer ({found['kind']}): {found['problem']}")
        if found["hint"]:
            terminal.result(f"  hint: {found['hint']}")
    return 0 if found["ok"] else 1


def checked_timeout(seconds: float) -> float:
    if not 0.001 <= seconds <= 86_400:
        raise ConfigError("--timeout is a number of seconds from 0.001 to 86400")
    return seconds


def reached(registry: ModelRegistry, name: str) -> tuple[ModelProvider, str]:
    """The provider of a model, and what it calls it. A model of this machine comes before a remote one.

    Raises:
        DelegationError: there is none.
    """
    try:
        provider = registry.resolve("local-model", name)
    except DelegationError as error:
        if error.kind != "unknown-model":
            raise
        provider = registry.resolve("remote", name)
        if not provider.availability(name).usable and ":" not in name:
            raise  # where no server is configured, a local model was meant
    return provider, registry.served_id(name)


def trial(registry: ModelRegistry, name: str, timeout_s: float) -> dict[str, Any]:
    """What came of one question."""
    from rtfs.models.protocol import ModelRequest, Parameter
    from rtfs.models.rules import RuleSet
    from rtfs.types.coercion import CoercionError, coerce
    from rtfs.types.nodes import STRING, EnumType
    from rtfs.values.sequences import Vector

    result = EnumType(KINDS)
    out: dict[str, Any] = {"model": name, "ok": False, "question": f"{QUESTION} {THING}", "type": str(result)}
    begin = time.perf_counter()
    try:
        provider, served = reached(registry, name)
        out["provider"] = provider.name
        out |= placed(provider, served)
        load_s = time.perf_counter() - begin
        request = ModelRequest(
            model=served,
            function="kind",
            doc=QUESTION,
            parameters=(Parameter(name="thing", type=STRING, value=THING),),
            result=result,
            max_tokens=64,
            timeout_s=timeout_s,
            rules=RuleSet.of(Vector([Vector(["dog", "animal"])])) if provider.name == "rules" else None,
        )
        begin = time.perf_counter()
        reply = provider.complete(request)
        seconds = time.perf_counter() - begin
        value = coerce(reply.text, result).value
    except DelegationError as error:
        return {**out, "kind": error.kind, "problem": error.message, "hint": error.hint}
    except CoercionError as error:
        hint = "the model answers, but not with one of the labels: a function that delegates to it needs a body to fall back on"
        return {**out, "kind": "reply-mismatch", "problem": error.problem, "hint": hint}
    usage = reply.usage
    return {
        **out,
        "ok": True,
        "answer": value,
        "score": reply.score,
        "answered_by": reply.model or name,
        "load_s": load_s,
        "seconds": seconds,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
    }


def placed(provider: ModelProvider, model: str) -> dict[str, Any]:
    """Where a model of this machine runs, and why; it is loaded for this."""
    offload = getattr(provider, "offload", None)
    if offload is None:
        return {}
    found = offload(model)
    return {"runs_on": found.place, "because": found.reason, "gpu_layers": found.layers, "gpu_hint": found.hint}


def trial_lines(found: dict[str, Any]) -> list[str]:
    score = "" if found["score"] is None else f", score {found['score']:.2f}"
    out = [f"{found['model']}: {found['answer']}{score}, in {milliseconds(found['seconds'])}"]
    out.append(f"  asked        {found['question']}")
    out.append(f"  answered by  {found['answered_by']} ({found['provider']})")
    if found["prompt_tokens"] is not None:
        out.append(f"  tokens       {found['prompt_tokens']} read, {found['completion_tokens']} written")
    if "runs_on" in found:
        out.append(f"  runs on      {found['runs_on']}: {found['because']}")
        if found["gpu_hint"]:
            out.append(f"               {found['gpu_hint']}")
        out.append(f"  loaded in    {milliseconds(found['load_s'])}")
    return out


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"


def bench(name: str, options: Any, terminal: Terminal) -> int:
    """
    Raises:
        DelegationError: the model does not answer.
    """
    from dataclasses import asdict

    from rtfs.models.speed import ANSWER_TOKENS, PROMPT_TOKENS, measured

    if not 1 <= options.rounds <= 1000:
        raise ConfigError("--rounds is a number from 1 to 1000")
    registry = model_registry(options, terminal)
    try:
        provider, served = reached(registry, name)
        found = measured(provider, served, rounds=options.rounds)
        where = placed(provider, served)
    finally:
        registry.close()
    if options.json:
        terminal.result(json_line({"model": name, "provider": provider.name, **where, **asdict(found)}))
        return 0
    terminal.result(f"{name} ({provider.name}), medians of {found.rounds}")
    if where:
        terminal.result(f"  runs on      {where['runs_on']}: {where['because']}")
    unknown = "not measured: only what a server sends can be seen"
    reading, writing = found.prompt_tokens_per_s, found.tokens_per_s
    terminal.result(f"  reading      {unknown if reading is None else f'{reading:.0f} tokens/s (a prompt of {PROMPT_TOKENS})'}")
    slow = "not measured: the server does not say how many tokens it wrote"
    terminal.result(f"  writing      {slow if writing is None else f'{writing:.1f} tokens/s (an answer of {ANSWER_TOKENS})'}")
    terminal.result(f"  first token  {milliseconds(found.first_token_s)}")
    if found.load_s is not None:
        terminal.result(f"  loading      {milliseconds(found.load_s)}")
    return 0
