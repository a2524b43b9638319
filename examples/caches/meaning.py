"""L3: a question that means the same as an earlier one is answered from the cache, once that is shown to be safe.

python examples/caches/meaning.py

A desk answers questions of customers. At first each one goes to the model, and is compared with what the cache would have said;
when enough of these checks have agreed, the cache answers by itself. Near misses, with another number, a contrary, or another
question word, are never taken for the same: guards refuse them, and say why. Needs numpy (extra `semantic`); no network, no
weights.
"""

import random

import rtfs
from rtfs.caching.semantic.explain import explain
from rtfs.models.protocol import Availability, ModelReply, ModelRequest, Usage
from rtfs.models.registry import ModelRegistry

PROGRAM = """
(defn answer
  ^:delegation :remote "desk" ^{:cache :semantic}
  "Answer a customer's question in one sentence."
  [question :string] :-> :string
  "Somebody will call you.")
"""
THINGS = ["an account", "a savings plan", "a joint account", "a business account", "a mortgage", "a credit card"]
ACTS = {"open": "Choose it in the app", "close": "Write to us", "rename": "Ask at the desk", "share": "Invite somebody"}
FORMS = [
    "How do I {} {}?",
    "How can I {} {}?",
    "What is the way to {} {}?",
    "Could you tell me how to {} {}?",
    "Please explain how I can {} {}.",
    "how do i {} {}",
    "I want to know how to {} {}.",
    "What is the best way to {} {}?",
]


class Desk:
    """A model that knows the answer to each question, however it is put; a call would cost."""

    name = "desk"

    def __init__(self) -> None:
        self.asked = 0

    def complete(self, request: ModelRequest) -> ModelReply:
        self.asked += 1
        question = request.parameters[0].value.lower()
        act = next(act for act in ACTS if act in question)
        thing = max((thing for thing in THINGS if thing in question), key=len)
        return ModelReply(text=f"{ACTS[act]}: {act} {thing}.", usage=Usage(prompt_tokens=40, completion_tokens=12))

    def availability(self, model: str) -> Availability:
        return Availability(usable=True, detail="here")

    def close(self) -> None:
        """Nothing to release."""


def main() -> None:
    rng = random.Random(3)
    desk = Desk()
    registry = ModelRegistry()
    registry.register("desk", lambda: desk, kind="remote")
    caches = {"store": "memory", "semantic": {"embedder": "hashed", "limit": 0.05, "check_share": 0.03}}
    wrong = 0
    with rtfs.Runtime(models=registry, caches=caches, on_warning=lambda message, span: None) as runtime:
        runtime.run(PROGRAM)
        answer = runtime.function("answer")
        for name, count in (("first", 200), ("then", 200)):
            before = desk.asked
            for _ in range(count):
                act, thing = rng.choice(list(ACTS)), rng.choice(THINGS)
                text = rng.choice(FORMS).format(act, thing) + rng.choice(["", " Thanks.", " Thank you!"])
                wrong += answer(text) != f"{ACTS[act]}: {act} {thing}."
            print(f"{name}: {count} questions, {desk.asked - before} answered by the desk")
        print(f"wrong answers: {wrong}")
        layer = runtime.delegation.caches.semantic
        [(function, standing)] = layer.standings()
        share, low, high = standing.precision
        print(f"{function}: {standing.state} from score {standing.threshold}, {standing.false} of {standing.checks} checks false")
        print(f"precision {share:.3f}, with 95 % certainty between {low:.3f} and {high:.3f}")
        last = next(record for record in reversed(runtime.records.calls) if record.cache == "L3")
        print(f"the last answer by meaning was first given to: {last.cache_note['matched']}")
    for first, second in (
        ("How do I open an account?", "How do I close an account?"),
        ("Remind me in 2 days.", "Remind me in 3 days."),
    ):
        print(*explain(first, second).lines(), sep="\n")


if __name__ == "__main__":
    main()
