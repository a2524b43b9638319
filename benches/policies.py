"""`python -m benches.policies`: how long a policy file of a thousand rules takes to decide a call.

    new function   the first call of a function that the engine has never heard of
    new call       the first call with its tags, tenant and kinds of operands, of a function that has been bound as a program's are
    same again     any further one

Microseconds of CPU time per decision, the median of several passes over 2,000 calls of 400 functions; the making of the
`CallContext` is not in them.  Decisions are checked before they are timed: they have to be those of the first rule whose conditions
hold.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from statistics import median

from rtfs.delegation.context import CallContext, hash_64
from rtfs.delegation.policy.engine import PolicyEngine
from rtfs.delegation.policy.model import Policy
from rtfs.delegation.policy.reading import read_policy

RULES, CALLS, FUNCTIONS = 1_000, 2_000, 400
#: What is asked of new calls and of the same again, in microseconds.
BARS_US = (5.0, 1.0)
WORDS = ("billing", "support", "legal", "search", "triage", "orders", "users", "mail", "docs", "stock")
OUTCOMES = (
    'target = "small"\nfallback = "strong"',
    "weights = { small = 3, strong = 1 }",
    'target = "strong"\ntimeout_s = 5\nretries = 3',
)


def mixed(i: int) -> str:
    """Every condition, in turn."""
    word = WORDS[i % 10]
    return (
        f'symbol = "{word}-{i}/total"',
        f'symbol = "{word}-{i}/*"',
        f'symbol = "*-{word}-{i}"',
        f'symbol = ["*/{word}-*-{i}", "{word}{i}?/[a-f]*"]',
        f'module = "{word}.part{i}"\ntags = ["cheap"]',
        f'tenant = "tenant-{i}"',
        f'symbol = "{word}/*"\nargs = ["string", "vector<integer>"]\ntenant = ["t{i}-*"]',
        f'symbol = "{word}-x/*"\ntags = ["tag{i}"]\nwithout_tags = ["no"]',
    )[i % 8]


#: name -> the conditions of a rule
POLICIES: dict[str, Callable[[int], str]] = {
    "mixed": mixed,
    "names": lambda i: f'symbol = "{WORDS[i % 10]}-{i}/total"',
    "modules": lambda i: f'symbol = "{WORDS[i % 10]}-{i}/*"',
    "middles": lambda i: f'symbol = "*{WORDS[i % 10]}?{i}*"',
    "tenants": lambda i: f'tenant = "tenant-{i}"',
}


def policy(conditions: Callable[[int], str]) -> str:
    rules = [f'[[rules]]\nname = "r{i}"\n{conditions(i)}\n{OUTCOMES[i % 3]}\n' for i in range(RULES)]
    return '[targets]\nsmall = "local:smollm2"\nstrong = "remote:kimi-k2"\n\n' + "\n".join(rules)


def calls(seed: int = 7) -> list[CallContext]:
    """Calls that are all different."""
    draw = random.Random(seed)
    names = []
    for _ in range(FUNCTIONS):
        i, word = draw.randrange(RULES), draw.choice(WORDS)
        some = ("{0}-{1}/total", "{0}-{1}/f", "a/b-{0}-{1}", "{0}.part{1}/go", "helper-{1}", "{0}/sum", "{0}-x/go")
        names.append(draw.choice(some).format(word, i))
    tags = [frozenset(found) for found in ((), ("private",), ("cheap",), ("tag7", "no"), ("tag15",))]
    known = [hash_64("string"), hash_64("string", "vector<integer>"), hash_64("map<keyword,string>")]
    found: dict[CallContext, None] = {}
    while len(found) < CALLS:
        i = draw.randrange(RULES)
        tenant = draw.choice(("", f"tenant-{i}", f"t{i}-eu"))
        found[CallContext(draw.choice(names), draw.choice(known), 0, hash_64(str(len(found))), draw.choice(tags), tenant)] = None
    return list(found)


def check(rules: Policy, contexts: list[CallContext]) -> None:
    """Every decision is that of the first rule that fits."""
    engine = PolicyEngine(rules)
    for context in contexts * 2:
        expected = next((rule for rule in rules.rules if rule.conditions.misses(context) is None), None)
        reasoning = engine.decide(context).reasoning
        assert reasoning.startswith(f"{expected.label} of" if expected else "no rule of"), (context, reasoning)


def per_call_us(work: Callable[[CallContext], object], contexts: list[CallContext]) -> float:
    begin = time.process_time()
    for context in contexts:
        work(context)
    return (time.process_time() - begin) / len(contexts) * 1e6


def measure(name: str, passes: int, contexts: list[CallContext]) -> dict[str, float]:
    """Figures for one of `POLICIES`: ms for the file, microseconds for a call."""
    text = policy(POLICIES[name])
    begin = time.process_time()
    rules = read_policy(text, "delegation.toml")
    read = time.process_time() - begin
    check(rules, contexts[:200])
    one_each = list({context.symbol: context for context in contexts}.values())
    figures: dict[str, list[float]] = {"new function": [], "new call": [], "same again": []}
    for _ in range(passes):
        figures["new function"].append(per_call_us(PolicyEngine(rules).decide, one_each))
        engine = PolicyEngine(rules)
        for context in one_each:
            engine.resolve(context.symbol)
        figures["new call"].append(per_call_us(engine.decide, contexts))
        figures["same again"].append(per_call_us(engine.decide, contexts))
    return {"read_ms": read * 1e3, **{what: median(times) for what, times in figures.items()}}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benches.policies", description="How long a thousand rules take to decide a call.")
    parser.add_argument("--passes", type=int, default=15, metavar="N", help="how often everything is measured (15)")
    options = parser.parse_args(argv)
    contexts = calls()
    missed = False
    print(f"{RULES:,} rules; microseconds per decision (bars: new call {BARS_US[0]:g}, same again {BARS_US[1]:g})")
    for name in POLICIES:
        found = measure(name, options.passes, contexts)
        shown = "  ".join(f"{what} {value:6.2f}" for what, value in found.items() if what != "read_ms")
        print(f"  {name:<8} {shown}   (file read in {found['read_ms']:.0f} ms)")
        missed |= found["new call"] > BARS_US[0] or found["same again"] > BARS_US[1]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
