"""What a delegated call asks, and what was answered, as hashes: the same for the same, on every machine.

The hash of a request is over the function's name, docstring, parameters with types, result, the types they name, the options that
shape a reply, and the operands.  The model is no part of it, so that what two models made of one question can be compared.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from rtfs.errors import LimitExceeded
from rtfs.semantics.protocols import DelegatedCall
from rtfs.values.meter import unmetered
from rtfs.values.printing import quote_string, to_readable

#: Of the metadata: what the model sees, or what bounds its reply.
_SHAPING = ("examples", "max-tokens", "temperature", "seed", "tools")
_MOST_FUNCTIONS = 1_000
#: Of a value's text. A small value can have an endless one, where parts of it are shared.
_MOST_PIECES = 200_000


class Requests:
    """Makes the hashes; what all calls of a function share is hashed once. Safe to use from several threads."""

    def __init__(self) -> None:
        #: identity of the function's options -> (the options, the types it names, the hash's state after all that is fixed, the
        #: hash of the function)
        self._begun: dict[int, tuple[dict[str, Any], dict[str, Any], Any, str]] = {}

    def hash_of(self, call: DelegatedCall) -> str | None:
        """32 hexadecimal digits; None where an operand is too large to be written."""
        texts = [readable(arg) for arg in call.args]
        if None in texts:
            return None
        state = self._fixed(call)[2].copy()
        state.update(repr(texts).encode())
        return str(state.hexdigest())

    def function_hash(self, call: DelegatedCall) -> str:
        """16 hexadecimal digits: of all that calls of the function have in common, and of its `:rules`. Another version of a
        function has another one, and so has a function of the same name in another program."""
        return self._fixed(call)[3]

    def _fixed(self, call: DelegatedCall) -> tuple[dict[str, Any], dict[str, Any], Any, str]:
        begun = self._begun.get(id(call.options))
        # the options belong to one function; a type may have been defined anew
        if begun is not None and begun[0] is call.options and (begun[1] is call.aliases or begun[1] == call.aliases):
            return begun
        parts = [
            call.name,
            call.doc,
            [(name, str(type_)) for name, type_ in call.parameters],
            str(call.result),
            sorted([(name, str(type_)) for name, type_ in call.aliases.items()]),
            [(name, readable(call.options[name])) for name in _SHAPING if name in call.options],
        ]
        state = blake2b(repr(parts).encode(), digest_size=16)
        if len(self._begun) >= _MOST_FUNCTIONS:
            self._begun.clear()
        whole = state.copy()
        whole.update(repr(readable(call.options.get("rules"))).encode())
        begun = self._begun[id(call.options)] = (call.options, call.aliases, state, whole.hexdigest()[:16])
        return begun


def readable(value: Any) -> str | None:
    """The text of a value, that reads back; None when it is too large. No step of the run that it belongs to."""
    if type(value) is str:  # most operands are; it has no parts
        return quote_string(value)
    try:
        text: str = unmetered(lambda: to_readable(value, _MOST_PIECES))
        return text
    except LimitExceeded:
        return None


def value_hash(text: str) -> str:
    """The hash of a value, by its text; 32 hexadecimal digits."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def hash_of(value: Any) -> str | None:
    """The hash of a value; None when it is too large for one."""
    text = readable(value)
    return None if text is None else value_hash(text)
