"""L1: an engine is asked once for each kind of call, and calls that stay here do not even look.

python examples/caches/plans.py
"""

import rtfs
from rtfs.delegation.context import CallContext
from rtfs.delegation.engine import Decision, Listeners
from rtfs.delegation.targets import LOCAL, RemoteModel

PROGRAM = """
(defn area [w h] (* w h))
(defn summary "What does the text say, in a sentence?" [text] (str "A text of " (count text) " characters."))
(defn areas [n] (reduce + (map (fn [i] (area i i)) (range n))))
"""


class ByName(Listeners):
    """Sends summaries to a model, and keeps everything else here."""

    name = "by-name"

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.model = "echo"

    def resolve(self, symbol: str, *, tags: frozenset[str] | None = None, tenant: str = "") -> None:
        """Nothing is decided ahead of a call."""

    def needs(self, symbol: str) -> frozenset[str]:
        """Decisions depend on nothing of a call but the function."""
        return frozenset({"tags", "tenant"})

    def decide(self, context: CallContext) -> Decision:
        self.asked += 1
        if context.symbol == "summary":
            return Decision(RemoteModel(self.model), "summaries are worth a model", 0.9, engine=self.name)
        return Decision(LOCAL, "the function can do that", 1.0, engine=self.name)


def main() -> None:
    engine = ByName()
    with rtfs.Runtime(engine=engine) as runtime:
        runtime.run(PROGRAM)
        runtime.run("(areas 1000)")
        for text in ("One.", "Two, in other words.", "Three."):
            runtime.function("summary")(text)
        plans = runtime.delegation.plans
        stats = plans.stats()
        print(f"the engine was asked {engine.asked} times for {stats.hits + stats.misses:,} calls")
        for _, plan in plans.by_agent("summary"):
            print(f"summary: {plan.target}, confidence {plan.confidence}: {plan.reasoning}")

        engine.model = "claude"
        engine.tell()  # decisions are others now: all plans are forgotten
        print(f"plans after the change: {plans.stats().size}")


if __name__ == "__main__":
    main()
