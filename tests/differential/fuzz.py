"""Run many generated programs and show the smallest ones on which evaluators disagree.

    python -m tests.differential.fuzz --count 10000 --seed 1 [--on aggressive] [--turns] [--what aimed] [--show]

Gives how many programs ran and how many seconds of CPU time that took; the exit status is 1 when there was a difference.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from rtfs.ir import optimise
from tests.support.programs.choices import seeded
from tests.support.programs.programs import aimed, general, program
from tests.support.programs.running import Difference, differences, frozen, in_turn, reference
from tests.support.programs.smallest import smallest


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first program; the others count on from there")
    parser.add_argument("--on", action="append", help="an evaluator; all of them when not given")
    parser.add_argument("--turns", action="store_true", help="those that are close to another one by turns, as the nightly run does")
    parser.add_argument("--what", choices=["any", "general", "aimed"], default="any", help="which programs")
    parser.add_argument("--most", type=int, default=10, help="differences after which it stops")
    parser.add_argument("--show", action="store_true", help="print the programs and what the tree gives, and run nothing else")
    options = parser.parse_args(argv)
    optimise.DEBUG = True  # what goes wrong in a pass is seen
    with frozen(*[program(seeded(seed)) for seed in range(5)]):
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    make = {"any": program, "general": general, "aimed": aimed}[options.what]
    found: list[Difference] = []
    kinds: Counter[str] = Counter()
    begun = time.process_time()
    ran = 0
    last = begun
    for seed in range(options.seed, options.seed + options.count):
        pieces = make(seeded(seed))
        if options.show:
            print(f";; {seed}", *pieces, sep="\n")
            for outcome in reference(pieces):
                print("  ", outcome)
                kinds[outcome[0] if outcome[0] == "value" else outcome[1]] += 1
            continue
        difference = differences(pieces, in_turn(seed) if options.turns else options.on)
        ran += 1
        if ran % 1000 == 0:
            print(f";; {ran} programs, {time.process_time() - begun:.0f} s", flush=True)
        if time.process_time() - last > 3:
            print(f";; seed {seed} took {time.process_time() - last:.1f} s", flush=True)
        last = time.process_time()
        if difference is not None:
            found.append(difference)
            print(f";; seed {seed}: {difference}", flush=True)  # at once: looking for a smaller one may take long
            print(f";; seed {seed}: {smallest(difference)}\n", flush=True)
            if len(found) >= options.most:
                break
    seconds = time.process_time() - begun
    print(
        f"{ran} programs, {len(found)} differences, {seconds:.0f} s of CPU time, {ran / max(seconds, 0.001):.1f} programs per second"
    )
    if kinds:
        print(dict(kinds))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
