"""How Python calls functions of programs: as they are, for asyncio, and with their value while a model writes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rtfs.errors import ConfigError
from rtfs.values.convert import to_python, to_rtfs
from rtfs.values.functions import Builtin, Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import RLock
    from typing import Any

    from rtfs.delegation.watching import ValueStream
    from rtfs.semantics.machine import Machine
    from rtfs.semantics.namespace import Namespace
    from rtfs.semantics.stopping import Stop


class Callables:
    """The part of a `runtime.Runtime` that gives out functions of programs."""

    machine: Machine
    namespace: Namespace
    #: Held by the thread that runs a program.
    _lock: RLock

    def _enter(self, work: Callable[[], Any], stop: Stop | None = None) -> Any:
        raise NotImplementedError

    def function(self, name: str, *, raw: bool = False) -> Callable[..., Any]:
        """A function of the program as a Python callable.

        Args:
            raw: take and give RTFS values unconverted.
        Raises:
            ConfigError: the name is not bound, or not to a function.
        """
        return self._callable(self._function(name), name, raw)

    def async_function(self, name: str, *, raw: bool = False) -> Callable[..., Awaitable[Any]]:
        """A function of the program for asyncio; its calls are what `run_async` is to `run`."""
        target = self._function(name)

        async def callable_(*args: Any) -> Any:
            from rtfs.semantics.calls import call

            operands = list(args) if raw else [to_rtfs(arg) for arg in args]
            return await self._in_background(lambda: self._to_python_unless(raw, call(target, operands)))

        callable_.__name__ = callable_.__qualname__ = name
        callable_.__doc__ = target.doc if isinstance(target, Builtin) else target.spec.doc
        return callable_

    def _function(self, name: str) -> Function | Builtin:
        from rtfs.errors import nearest

        if not self.namespace.find(name):
            close = nearest(name, self.namespace.own)
            raise ConfigError(f"no function {name!r} is defined", hint=f"did you mean {close[0]!r}?" if close else None)
        target = self.namespace.values[name]
        if not isinstance(target, (Function, Builtin)):
            raise ConfigError(f"{name!r} is not a function")
        return target

    def _callable(self, target: Function | Builtin, name: str, raw: bool) -> Callable[..., Any]:
        """A function of a program as a Python callable; `to_rtfs` gives the function itself back."""
        from rtfs.semantics.calls import call

        def callable_(*args: Any) -> Any:
            operands = list(args) if raw else [to_rtfs(arg) for arg in args]
            if raw:
                return self._enter(lambda: call(target, operands))
            return self._enter(lambda: self._to_python(call(target, operands)))  # to enter twice would cost twice as much

        callable_.__name__ = callable_.__qualname__ = name
        callable_.__doc__ = target.doc if isinstance(target, Builtin) else target.spec.doc
        callable_.__rtfs_value__ = target  # type: ignore[attr-defined]
        return callable_

    def stream(self, name: str, *args: Any, raw: bool = False) -> ValueStream:
        """Call a delegated function, and have its value while the model writes it; of any other function, only the whole value.

            with rt.stream("summary", text) as values:
                for value in values:
                    show(value)         # partial values, and last the whole one

        Args:
            raw: take and give RTFS values unconverted.
        Raises:
            ConfigError: the name is not bound, or not to a function; a program of this runtime is running, and calls its host.
                Errors of the call are raised by the iteration.
        """
        branches = self.machine.branches
        owned: bool = self._lock._is_owned()  # type: ignore[attr-defined]
        if owned or (branches is not None and branches.here() is not None):  # the thread of the call would wait for this one
            raise ConfigError("Runtime.stream was called by a function that a program of the same runtime called")
        from rtfs.delegation.watching import ValueStream
        from rtfs.semantics.calls import call

        target = self._function(name)
        operands = list(args) if raw else [to_rtfs(arg) for arg in args]

        def work(watcher: Any) -> Any:
            self.machine.watching = (target, watcher)
            try:
                value = call(target, operands)
                return value if raw else self._to_python(value)
            finally:
                self.machine.watching = None

        return ValueStream(
            lambda watcher: self._enter(lambda: work(watcher), watcher.stop), (lambda value: value) if raw else to_python
        )

    async def _in_background(self, work: Callable[[], Any]) -> Any:
        from rtfs.semantics.background import in_background

        def interrupt(stop: Stop) -> None:
            if self.machine.branches is not None:
                self.machine.branches.interrupt(stop)

        return await in_background(lambda stop: self._enter(work, stop), interrupt)

    def _to_python_unless(self, raw: bool, value: Any) -> Any:
        return value if raw else self._to_python(value)

    def _to_python(self, value: Any) -> Any:
        if isinstance(value, (Function, Builtin)):
            return self._callable(value, value.name or "fn", raw=False)
        return to_python(value)
