"""`python -m benches.schemas`: how much of JSON Schema types can say, and whether they then say the same as a validator.

Each schema of the JSON Schema Test Suite (draft 2020-12, required cases) is read by `from_json_schema`.  Where nothing was left
out, each instance is asked of the type and of the `jsonschema` library, and the two have to agree.  What was left out is counted by
keyword.

    python -m benches.schemas               the summary
    python -m benches.schemas --list        and each schema that no type can say, with the reason
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtfs.types.from_schema import Note, from_json_schema
from rtfs.types.json_algebra import whole
from rtfs.types.matching import checker
from rtfs.values.maps import Map
from rtfs.values.sequences import Vector

SUITE = Path(__file__).parents[1] / "tests" / "data" / "json-schema-test-suite" / "draft2020-12"


@dataclass
class Case:
    """One schema of the suite with its instances."""

    file: str
    description: str
    schema: Any
    tests: list[dict[str, Any]]


@dataclass
class Outcome:
    """What became of the suite."""

    schemas: int = 0
    said: int = 0
    instances: int = 0
    agreed: int = 0
    disagreements: list[str] = field(default_factory=list)
    left_out: list[tuple[Case, list[Note]]] = field(default_factory=list)


def cases(folder: Path = SUITE) -> Iterator[Case]:
    for path in sorted(folder.glob("*.json")):
        for group in json.loads(path.read_text(encoding="utf-8")):
            yield Case(path.stem, group["description"], group["schema"], group["tests"])


def value_of(data: Any) -> Any:
    """JSON as an RTFS value: keys are strings, and a number without a fraction is an integer."""
    if isinstance(data, dict):
        return Map([(key, value_of(item)) for key, item in data.items()])
    return Vector([value_of(item) for item in data]) if isinstance(data, list) else whole(data)


def compare(case: Case, outcome: Outcome) -> None:
    """Ask the type and the validator about each instance of a case, and count."""
    from jsonschema import Draft202012Validator

    outcome.schemas += 1
    type, definitions, notes = from_json_schema(case.schema)
    beyond = [note for note in notes if note.asserts]
    if beyond:
        outcome.left_out.append((case, beyond))
    else:
        outcome.said += 1
    check = checker(type, definitions.get)
    validator = None if beyond else Draft202012Validator(case.schema)
    for test in case.tests:
        accepted = check(value_of(test["data"])) is None
        # what was left out can only make a type wider
        expected = validator.is_valid(test["data"]) if validator is not None else test["valid"]
        if validator is not None:
            outcome.instances += 1
            outcome.agreed += accepted == expected
        understood = "$schema" not in {note.keyword for note in beyond}
        if accepted != expected and (validator is not None or (expected and understood)):
            outcome.disagreements.append(f"{case.file}: {case.description}: {test['description']}: {type} accepts: {accepted}")


def run(folder: Path = SUITE) -> Outcome:
    outcome = Outcome()
    for case in cases(folder):
        compare(case, outcome)
    return outcome


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benches.schemas", description="JSON Schema as types, against jsonschema.")
    parser.add_argument("--list", action="store_true", help="each schema that no type can say")
    options = parser.parse_args(argv)
    outcome = run()
    beyond = outcome.schemas - outcome.said
    print("JSON Schema Test Suite, draft 2020-12, required cases")
    print(
        f"schemas:   {outcome.schemas}; a type says {outcome.said} whole, {beyond} ({100 * beyond / outcome.schemas:.1f}%) in part"
    )
    print(f"instances: {outcome.instances} of the schemas said whole; agreement with jsonschema on {outcome.agreed}")
    counts = Counter(keyword for _, notes in outcome.left_out for keyword in {note.keyword for note in notes})
    print("left out:  " + ", ".join(f"{keyword} {count}" for keyword, count in counts.most_common()))
    for line in outcome.disagreements:
        print("DISAGREES: " + line)
    if options.list:
        for case, notes in outcome.left_out:
            print(f"  {case.file}: {case.description}: {'; '.join(map(str, notes))}")
    return 1 if outcome.disagreements else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
