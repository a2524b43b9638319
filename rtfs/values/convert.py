"""Python values to RTFS values and back: the embedding boundary.

| Python                              | RTFS            | back to Python        |
|-------------------------------------|-----------------|-----------------------|
| `None bool int float str`           | the same        | the same              |
| `list`, `tuple`                     | vector          | `list`                |
| `dict` (keys converted: str stays)  | map             | `dict`, keywords as `str` without colon |
| `Keyword` (`rtfs.kw("a")`)          | keyword         | `str` without colon   |
| `datetime`, `UUID`                  | timestamp, uuid | `datetime`, `UUID`    |
| `Enum` member                       | its value       |                       |
| dataclass, pydantic model           | map with keyword keys |                 |
| callable                            | function        | a callable, as a result of `run`; inside a value, itself |
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Set
from collections.abc import Sequence as PySequence

from rtfs.errors import ConfigError, RtfsError, ToolError
from rtfs.values.functions import Builtin, Function
from rtfs.values.maps import Map
from rtfs.values.meter import look
from rtfs.values.scalars import ErrorValue, Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import List, Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_UNCHANGED = (
    type(None),
    bool,
    int,
    float,
    str,
    Keyword,
    Symbol,
    Timestamp,
    Uuid,
    ResourceHandle,
    Vector,
    List,
    Map,
    Function,
    Builtin,
    ErrorValue,
)


_MAX_KEY_DEPTH = 100


def to_rtfs(value: Any) -> Any:
    """A Python value as an RTFS value; RTFS values pass unchanged, containers are copied.

    Raises:
        ConfigError: the type has no RTFS counterpart, or the value contains itself.
    """
    try:
        return _to_rtfs(value, 0)
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> ConfigError:
    return ConfigError("the value is nested too deep to be converted, or contains itself", hint="use raw=True for RTFS values")


def _to_rtfs(value: Any, depth: int) -> Any:
    if type(value) in _UNCHANGED:
        return value
    if depth > 5_000:
        raise _too_deep()
    if isinstance(value, enum.Enum):
        return _to_rtfs(value.value, depth + 1)
    if isinstance(value, (bool, int, float, str)):  # subclasses lose their class
        for base in (bool, int, float, str):
            if isinstance(value, base):
                return base(value)
    if isinstance(value, Mapping):
        return Map([(_to_rtfs(k, depth + 1), _to_rtfs(v, depth + 1)) for k, v in value.items()])
    if isinstance(value, Set):
        raise ConfigError("a Python set has no RTFS counterpart", hint="pass a sorted list")
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise ConfigError("bytes have no RTFS counterpart", hint="decode them to str first")
    if isinstance(value, PySequence):
        return Vector.adopt([_to_rtfs(v, depth + 1) for v in value])
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return Map([(Keyword(f), _to_rtfs(getattr(value, f), depth + 1)) for f in value.__dataclass_fields__])
    if hasattr(value, "model_dump") and not isinstance(value, type):  # pydantic, without importing it
        return Map([(Keyword(k), _to_rtfs(v, depth + 1)) for k, v in value.model_dump().items()])
    kind = type(value)
    if kind.__module__ == "datetime" and kind.__name__ == "datetime":
        return Timestamp(_timestamp_text(value))
    if kind.__module__ == "uuid" and kind.__name__ == "UUID":
        return Uuid(str(value))
    if hasattr(value, "__rtfs_value__"):  # a callable that a runtime made of an RTFS function
        return value.__rtfs_value__
    if callable(value):
        return wrap_callable(value)
    raise ConfigError(
        f"a Python {kind.__qualname__} has no RTFS counterpart",
        hint="pass None, bool, int, float, str, list, tuple, dict, dataclass, datetime, UUID or a callable",
    )


def _timestamp_text(value: Any) -> str:
    from datetime import UTC

    moment = value.astimezone(UTC) if value.tzinfo else value
    millis = f".{moment.microsecond // 1000:03d}" if moment.microsecond else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{millis}Z"


def wrap_callable(function: Any, name: str | None = None) -> Builtin:
    """A Python callable as an RTFS function: it gets Python values and its result is converted back."""
    label = name or getattr(function, "__name__", None) or "python-function"

    def call(*args: Any) -> Any:
        look()
        try:
            return to_rtfs(function(*[to_python(a) for a in args]))
        except RtfsError:
            raise
        except Exception as error:  # the host's own failure, as an error that the program can catch
            raise ToolError(f"{label} raised {foreign_text(error)}") from error

    call.written = function  # type: ignore[attr-defined]  # what it is, for who describes it
    low, high = _arity(function)
    return Builtin(label, call, low, high, doc=(getattr(function, "__doc__", None) or "").strip().split("\n")[0])


def foreign_text(error: BaseException) -> str:
    """Class and words of an error that is not RTFS's own; its words may fail too."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def _arity(function: Any) -> tuple[int, int | None]:
    import inspect  # 10 ms to import: only when a host passes callables

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 0, None
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    low = sum(p.default is p.empty for p in positional)
    return low, None if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(positional)


def to_python(value: Any) -> Any:
    """An RTFS value as plain Python; what has no Python counterpart (functions, error values) passes unchanged.

    Keywords become `str` without the colon, also as map keys, so `{:a 1}` is `{"a": 1}`; when that would make two keys
    one, or when the value is nested too deep for Python's stack, a ConfigError says so.
    """
    try:
        return _to_python(value)
    except RecursionError:
        raise _too_deep() from None


def _to_python(value: Any) -> Any:
    kind = type(value)
    if kind is Vector or kind is List:
        return [_to_python(v) for v in value.items()]
    if kind is Map:
        out: dict[Any, Any] = {}
        for k, v in value.items():
            key = _python_key(k, 0)
            if key in out:
                raise ConfigError(
                    f"two keys of the map become the same Python key {key!r}", hint="use raw=True to get the RTFS map"
                )
            out[key] = _to_python(v)
        return out
    if kind is Keyword:
        return value.name
    if kind is Symbol:
        return value.name
    if kind is Timestamp:
        return _parse_timestamp(value.text)
    if kind is Uuid:
        import uuid

        return uuid.UUID(value.text)
    if kind is ResourceHandle:
        return value.text
    return value


def _python_key(key: Any, depth: int) -> Any:
    if depth > _MAX_KEY_DEPTH:  # Python hashes a tuple on the C stack
        raise _too_deep()
    kind = type(key)
    if kind is Vector or kind is List:
        return tuple([_python_key(k, depth + 1) for k in key.items()])
    if kind is Map:
        return tuple([(_python_key(k, depth + 1), _python_key(v, depth + 1)) for k, v in key.items()])
    return _to_python(key)


def _parse_timestamp(text: str) -> Any:
    from datetime import datetime

    try:
        return datetime.fromisoformat(text.replace("_", ".").replace("Z", "+00:00"))
    except ValueError:  # the shape is right but no such day exists
        return text
