"""The host of a runtime: every effect of a program goes through `execute_capability`, is checked, and is recorded."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping

from rtfs.capabilities.registry import CapabilityRegistry, Permissions
from rtfs.errors import RtfsError, ToolError
from rtfs.semantics.faults import arity_error, arity_text
from rtfs.source import Span
from rtfs.values.convert import foreign_text, to_rtfs
from rtfs.values.printing import preview
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.semantics.protocols import CapabilityShape

AUDIT_LENGTH = 10_000
_SHOWN = 200


class AuditEntry(Struct):
    """One effect: which capability, with what, how it went, when (epoch seconds) and how long (seconds)."""

    capability: str
    args: str
    outcome: str
    started: float
    duration_s: float


class RuntimeHost:
    """Implements `semantics.protocols.Host` over a registry, permissions and a context.

    Attributes:
        context: values for `@name`, `context/get` and unbound names, by name.
        audit: the last AUDIT_LENGTH effects, oldest first; secrets of `environ` are taken out of their texts.
    """

    def __init__(
        self,
        registry: CapabilityRegistry,
        permissions: Permissions,
        warn: Callable[[str, Span | None], None],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.registry = registry
        self.permissions = permissions
        self.context: dict[str, Any] = {}
        self.audit: deque[AuditEntry] = deque(maxlen=AUDIT_LENGTH)
        self.on_step: Callable[[str, str, Any], None] | None = None
        self._warn = warn
        self._environ = environ or {}
        self._redact: Callable[[str], str] | None = None

    def execute_capability(self, capability: str, args: list[Any], hints: dict[str, Any]) -> Any:
        started = time.time()
        begun = time.perf_counter()
        outcome = "ok"
        try:
            found = self.registry.find(capability)
            self.permissions.check(found)
            if len(args) < found.low or (found.high is not None and len(args) > found.high):
                raise arity_error(f":{capability}", arity_text(found.low, found.high), len(args))
            return to_rtfs(found.function(*args))
        except RtfsError as error:
            outcome = f"{error.kind}: {error.message}"
            raise
        except Exception as error:
            outcome = foreign_text(error)
            raise ToolError(f"capability :{capability} failed: {outcome}") from error
        finally:
            shown = " ".join([preview(arg, _SHOWN) for arg in args])
            took = time.perf_counter() - begun
            self.audit.append(AuditEntry(capability, self._shown(shown), self._shown(outcome), started, took))

    def describe_capability(self, capability: str) -> CapabilityShape:
        from rtfs.semantics.protocols import CapabilityShape
        from rtfs.semantics.signatures import shapes_of
        from rtfs.semantics.tools import described

        found = self.registry.find(capability)
        self.permissions.check(found)
        names, types = described(found.function)
        return CapabilityShape(names, shapes_of(found.type)[0] if found.type else types, found.low, found.high, found.doc)

    def _shown(self, text: str) -> str:
        """A text as the audit keeps it: short, and without the secrets of the environment."""
        if self._redact is None:
            from rtfs.capabilities.redaction import redactor

            self._redact = redactor(self._environ)
        return self._redact(text)[:_SHOWN]

    def step_started(self, name: str) -> Any:
        if self.on_step is not None:
            self.on_step("started", name, None)
        return (name, time.perf_counter())

    def step_completed(self, step: Any, value: Any) -> None:
        self.context[f"step/{step[0]}"] = value
        self._record_step(step, "ok")
        if self.on_step is not None:
            self.on_step("completed", step[0], value)

    def step_failed(self, step: Any, message: str) -> None:
        self._record_step(step, f"failed: {message}")
        if self.on_step is not None:
            self.on_step("failed", step[0], message)

    def _record_step(self, step: Any, outcome: str) -> None:
        name, begun = step
        took = time.perf_counter() - begun
        self.audit.append(AuditEntry("step", name, self._shown(outcome), time.time() - took, took))

    def context_value(self, key: str) -> tuple[bool, Any]:
        if key in self.context:
            return True, self.context[key]
        return False, None

    def set_context_value(self, key: str, value: Any) -> None:
        self.context[key] = value

    def warn(self, message: str, span: Span | None = None) -> None:
        self._warn(message, span)
