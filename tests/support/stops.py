"""Somebody who gives a call up."""

from __future__ import annotations

from collections.abc import Callable


class GivenUp(BaseException):
    pass


class FakeStop:
    """As models are given one: set once, told to those who asked for it."""

    def __init__(self) -> None:
        self.is_set = False
        self.callbacks: list[Callable[[], None]] = []

    def set(self) -> None:
        self.is_set = True
        for callback in list(self.callbacks):
            callback()

    def check(self) -> None:
        if self.is_set:
            raise GivenUp

    def tell(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.callbacks.append(callback)
        if self.is_set:
            callback()
        return lambda: self.callbacks.remove(callback)
