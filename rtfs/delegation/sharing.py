"""Equal calls in branches of one program are one request.

The items of a `pmap` share what any of them was answered, for as long as it runs; tickets share requests that are under way.  Only
calls that should be answered the same each time are equal: of one function, with the same operands, at temperature 0.  Whoever gets
another's answer asks nobody.

In a `pmap`, equal calls are one call to budgets.  A ticket's is one of its own, as it would be if the other had just ended, or its
answer came from a cache: whether a budget is enough does not depend on what happened to be quicker.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from rtfs.caching.single_flight import SingleFlight
from rtfs.delegation.allowance import ONE_CALL
from rtfs.delegation.options import CallOptions
from rtfs.delegation.record import Attempt
from rtfs.delegation.requests import Requests
from rtfs.delegation.targets import ModelTarget
from rtfs.delegation.trace import Answer, Trace
from rtfs.errors import DelegationError
from rtfs.semantics.protocols import DelegatedCall


class Sharing:
    """See the module. Safe to use from several threads."""

    def __init__(self) -> None:
        self._flights: SingleFlight[Answer] = SingleFlight()
        self._requests = Requests()

    def answer(
        self, call: DelegatedCall, target: ModelTarget, options: CallOptions, trace: Trace, ask: Callable[[], Answer]
    ) -> Answer:
        """The answer of a target: `ask()`, or that of an equal call.

        Raises:
            What `ask` raises; a DelegationError goes to all that share the request.
        """
        branch = call.branch
        if branch is None or not branch.nesting or options.temperature > 0 or call.tools or call.watcher is not None:
            return ask()
        asked = self._requests.hash_of(call)
        if asked is None:
            return ask()
        key = (target, trace.version, asked)  # with the rules of the function, which are no part of what is asked
        begin = time.perf_counter()
        answer = None if branch.shared is None else branch.shared.get(key)
        if answer is None:

            def work() -> Answer:
                found = ask()
                if branch.shared is not None:
                    branch.shared[key] = found
                return found

            limits = [limit for limit in (trace.budget.remaining_s(), call.remaining_s) if limit is not None]
            try:
                answer, own = self._flights.run((id(branch.shared), key), work, timeout_s=min(limits, default=None), stop=call.stop)
            except TimeoutError:
                trace.budget.check_time()
                raise DelegationError(
                    "an equal call that is under way was not answered in time", kind="model-unavailable", retryable=True
                ) from None
            if own:
                return answer
        if branch.shared is None:
            trace.budget.reserve(ONE_CALL, patience_s=options.timeout_s).settle(ONE_CALL)
        trace.provider = answer.provider
        trace.attempts.append(
            Attempt(
                provider=answer.provider,
                target=target.printed,
                outcome="shared",
                problem="the answer to an equal call",
                latency_s=time.perf_counter() - begin,
                score=answer.reply.score,
                confidence=answer.confidence,
                cost_usd=0.0,
            )
        )
        return answer
