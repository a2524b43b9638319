"""Several pieces of work in a branch each, of which the values are wanted together and in order: `pmap`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from rtfs.errors import EvalError, LimitExceeded
from rtfs.semantics.branch import Branch
from rtfs.semantics.branches import MAX_NESTING, Branches
from rtfs.semantics.calls import call
from rtfs.semantics.stopping import Stopped
from rtfs.semantics.typecheck import optional_check, validation_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.semantics.machine import Machine
    from rtfs.semantics.namespace import Namespace
    from rtfs.source import Span
    from rtfs.types.nodes import Type


def values_of_branches(
    machine: Machine,
    namespace: Namespace,
    functions: Sequence[Any],
    names: tuple[str, ...] | None,
    types: Sequence[Type | None],
    spans: Sequence[Span | None],
) -> list[Any]:
    """The values of functions without parameters, for `parallel`; each of its type, if it has one."""
    checks = [optional_check(type_, namespace.lookup_type) for type_ in types]

    def work(index: int) -> Any:
        value, check = call(functions[index], []), checks[index]
        if check is not None and (mismatch := check(value)) is not None:
            error = validation_error(f"parallel {names[index] if names else index}", mismatch)
            error.span = spans[index]
            raise error
        return value

    if machine.expanding:
        return [work(index) for index in range(len(functions))]
    return together(machine.with_branches(), work, len(functions))


def together(branches: Branches, work: Callable[[int], Any], count: int, most: int | None = None) -> list[Any]:
    """The values of `work(0)` … `work(count - 1)`.

    Args:
        most: how many may be under way at once; as many as the machine allows when None.
    Raises:
        EvalError: that of the first item that fails, in the order of the items: those before it go on, those after it are called
            off. LimitExceeded, and whatever else a program cannot catch: at once.
    """
    if branches.me().nesting >= MAX_NESTING:
        return [work(index) for index in range(count)]
    group = _Group(branches, work, count, most)
    branches.add(group)
    try:
        while not group.is_settled:
            group.changed.clear()
            branches.wait(group.changed)
    finally:
        branches.remove(group)
        group.call_off()
        branches.unwind(lambda: not group.running)
    if group.error is not None:
        raise group.error
    return group.values


class _Group:
    """The items of one `together`; a source of branches."""

    def __init__(self, branches: Branches, work: Callable[[int], Any], count: int, most: int | None) -> None:
        self._branches = branches
        self._work = work
        self._most = count if most is None else most
        self._begun = 0
        self._end = count  # those before it are wanted: all, or up to the first that has failed
        self._like = branches.branch(lambda: None)
        self._like.shared = {} if self._like.shared is None else self._like.shared
        self.running: dict[int, Branch] = {}
        self.values: list[Any] = [None] * count
        self.error: BaseException | None = None
        self.changed = threading.Event()

    def following(self) -> Branch | None:
        index = self._begun
        if index >= self._end or len(self.running) >= self._most:
            return None
        self._begun = index + 1
        like = self._like
        branch = self.running[index] = Branch(self._branches, lambda: self._work(index), like.nesting, like.context)
        branch.shared = like.shared
        branch.when_ended(lambda: self._ended(index, branch))
        return branch

    @property
    def is_settled(self) -> bool:
        """Whether the outcome is known."""
        return self._begun >= self._end and all(index > self._end for index in self.running)

    def _ended(self, index: int, branch: Branch) -> None:
        del self.running[index]
        error = branch.error
        if error is None:
            self.values[index] = branch.value
        elif not isinstance(error, Stopped):  # it was called off
            at = index if isinstance(error, EvalError) and not isinstance(error, LimitExceeded) else -1
            if at < self._end:
                self._end, self.error = at, error
                self.call_off(at)
        self.changed.set()

    def call_off(self, after: int = -1) -> None:
        """Nobody wants the items after this one any more."""
        self._end = min(self._end, self._begun)
        for index, branch in list(self.running.items()):
            if index > after:
                branch.stop.set()
