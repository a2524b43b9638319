"""What a model has called before it answers: the rounds of one delegated call.

    request ─▶ reply with calls ─▶ each: known? operands fit? ─▶ run, as the program would ─▶ results ─▶ next request
                     ▲                                                                            │
                     └────────────────────── at most `:max-rounds` times ◀────────────────────────┘

What goes wrong in a tool is told to the model, which may do better: an unknown name, operands that do not fit, an error that the
program could have caught.  A limit that ran out, an interrupt and a bug pass through, as they would from any call.  Rounds belong
to the call and not to the target: when a target fails, the next one is told what was called already, so that nothing is done twice.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from rtfs.delegation.options import CallOptions
from rtfs.delegation.record import ToolUse
from rtfs.errors import DelegationError, EvalError, LimitExceeded
from rtfs.models.prompt import ReplyShape, json_text
from rtfs.models.protocol import ModelReply, Round, ToolCall, ToolResult, ToolSpec
from rtfs.semantics.tools import Tool
from rtfs.types.coercion import CoercionError, coerce
from rtfs.values.maps import Map

#: Characters of a result that a model is shown.
LONGEST_RESULT = 50_000
_LONGEST_COMPLAINT = 2_000
_LONGEST_NAME = 64


class ToolBox:
    """The tools of one call, and what became of them so far.

    Args:
        redact: takes secrets out of texts that came from outside.
        timer: seconds, monotonic.
    """

    def __init__(
        self,
        tools: tuple[Tool, ...],
        options: CallOptions,
        redact: Callable[[str], str],
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._options = options
        self._redact = redact
        self._timer = timer
        #: name for the model -> tool
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            self._tools[_free(_wire_name(tool.name), self._tools)] = tool
        self.specs = tuple([_spec(name, tool) for name, tool in self._tools.items()])
        self.rounds: tuple[Round, ...] = ()
        self.uses: list[ToolUse] = []

    @property
    def is_over(self) -> bool:
        """Whether the model has called as much as it may, and has to answer."""
        return len(self.rounds) >= self._options.max_rounds or len(self.uses) >= self._options.max_tool_calls

    @property
    def tags(self) -> frozenset[str]:
        """Those of all tools: what is true of a result is true of the requests that it is in."""
        return frozenset().union(*[tool.tags for tool in self._tools.values()])

    def run(self, reply: ModelReply) -> None:
        """Have called what a reply wants, in its order.

        Raises:
            DelegationError: the model has to answer, and does not.
            LimitExceeded: a limit ran out in a tool.
        """
        if self.is_over:
            raise DelegationError(
                f"the model did not answer after {len(self.uses)} calls of tools",
                kind="tool-limit",
                hint="allow more with :max-rounds and :max-tool-calls",
            )
        results = tuple([self._result(call) for call in reply.calls])
        self.rounds = (*self.rounds, Round(calls=reply.calls, results=results, text=reply.text, message=reply.message))

    def _result(self, call: ToolCall) -> ToolResult:
        begin = self._timer()
        outcome, text = self._called(call)
        name = tool.name if (tool := self._tool(call.name)) is not None else self._redact(call.name[:_LONGEST_NAME])
        self.uses.append(ToolUse(name=name, outcome=outcome, latency_s=self._timer() - begin))
        return ToolResult(id=call.id, name=call.name, text=text, failed=outcome != "ok")

    def _called(self, call: ToolCall) -> tuple[str, str]:
        """(outcome, what the model is told)"""
        tool = self._tool(call.name)
        if tool is None:
            return "unknown-tool", f"There is no tool {call.name[:_LONGEST_NAME]!r}. The tools are: {', '.join(self._tools)}."
        if len(self.uses) >= self._options.max_tool_calls:
            return "tool-limit", "No more calls are allowed. Answer with what is known."
        try:
            operands = coerce(call.arguments.strip() or "{}", tool.operands, names=tool.aliases).value
        except CoercionError as error:
            return "invalid-argument", f"The operands do not fit: {error.problem}"
        assert isinstance(operands, Map)
        try:
            value = tool.call(operands)
        except LimitExceeded:
            raise
        except EvalError as error:
            return error.kind, f"It failed: {self._redact(error.message)[:_LONGEST_COMPLAINT]}"  # hints are for people
        return "ok", _shown(value, tool)

    def _tool(self, name: str) -> Tool | None:
        """The tool of a name; models write names as the program does, too."""
        found = self._tools.get(name)
        if found is None:
            found = next((tool for tool in self._tools.values() if tool.name == name), None)
        return found if found is not None else self._tools.get(_wire_name(name.removeprefix("functions.").partition(":")[0]))


def _wire_name(name: str) -> str:
    """A name as the protocols allow it: `io.read-lines` is `io_read-lines`, `even?` is `even_p`."""
    written = name.replace("?", "_p").replace("!", "_x").replace("->", "_to_")
    return re.sub(r"[^A-Za-z0-9_-]", "_", written)[:_LONGEST_NAME] or "tool"


def _free(name: str, taken: dict[str, Tool]) -> str:
    found, number = name, 2
    while found in taken:
        found = f"{name[: _LONGEST_NAME - 4]}_{number}"
        number += 1
    return found


def _spec(name: str, tool: Tool) -> ToolSpec:
    shape = ReplyShape.of(tool.operands, tool.aliases.get)
    assert shape.schema is not None
    doc = tool.doc.strip() or f"The function {tool.name}."
    return ToolSpec(name=name, doc=doc, schema=shape.schema, operands=tool.operands, aliases=tool.aliases)


def _shown(value: Any, tool: Tool) -> str:
    """A result for the model: a text as it is, anything else as JSON."""
    text = value if isinstance(value, str) else json_text(value, tool.result, tool.aliases.get)
    if len(text) <= LONGEST_RESULT:
        return text
    return f"{text[:LONGEST_RESULT]}\n(cut off: these are the first {LONGEST_RESULT:,} of {len(text):,} characters)"
