"""What a function's metadata may say about how its calls are carried out.

    (defn classify ^:delegation :local-model "smollm2" ^{:max-tokens 8 :examples [["great!" "praise"]]} …)

| option            | value                                          | default |
|-------------------|------------------------------------------------|---------|
| `:max-tokens`     | positive integer                               | 256     |
| `:temperature`    | number, 0 to 2                                 | 0       |
| `:seed`           | integer                                        | 0       |
| `:timeout-s`      | positive number of seconds, each request       | 60      |
| `:examples`       | vector of `[args result]`                      | none    |
| `:rules`          | patterns and tables for model `rules`          | none    |
| `:budget`         | limits for all calls in one run                | none    |
| `:call-budget`    | limits for each call                           | none    |
| `:tools`          | capabilities and functions (`semantics.tools`) | none    |
| `:max-rounds`     | how often the model may call tools             | 8       |
| `:max-tool-calls` | how many calls of them in all                  | 32      |
| `:cache`          | which answers of earlier calls are used        | `:exact` where there are caches |

`args` of an example is a vector of as many values as the function has parameters; with one parameter, it may be the value
itself.  Limits are maps as in `with-budget`: `{:usd 0.01 :tokens 2000 :calls 50 :seconds 60}`.  `:cache` is `:none`,
`:exact`, `:semantic` or `:sample`, or a map with that as `:mode` and with `:samples`, `:ttl-s`, `:min-confidence`, `:errors-s`
and `:nothing-s` (`docs/caching.md`).  Other keys of the metadata are
somebody else's; one that looks like a slip of the pen gives a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtfs.caching.wish import NO_WISH, CacheWish
from rtfs.delegation.allowance import Allowance
from rtfs.errors import ConfigError, EvalError, nearest
from rtfs.semantics.protocols import DelegatedCall
from rtfs.types.nodes import ANY
from rtfs.values.maps import Map
from rtfs.values.printing import preview
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import List, Vector

if TYPE_CHECKING:
    from rtfs.models.rules import RuleSet
    from rtfs.syntax import nodes as ast

Example = tuple[tuple[Any, ...], Any]
_NAMES = (
    *("max-tokens", "temperature", "seed", "timeout-s", "examples", "rules", "budget", "call-budget", "cache"),
    *("tools", "max-rounds", "max-tool-calls"),
)
_MOST_TOKENS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """The options of one call, checked."""

    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0
    timeout_s: float = 60.0
    examples: tuple[Example, ...] = ()
    rules: RuleSet | None = None
    """What the provider `rules` goes by (`models.rules`)."""
    budget: Allowance | None = None
    """For all calls of the function in one run."""
    call_budget: Allowance | None = None
    """For this call, with its retries and second tries."""
    cache: CacheWish = NO_WISH
    """Which answers of earlier calls may be used."""
    max_rounds: int = 8
    """Replies that call tools; then the model has to answer."""
    max_tool_calls: int = 32
    """Calls of tools in all of them."""
    warnings: tuple[str, ...] = ()
    """Sentences for the author of the program."""

    @classmethod
    def of(cls, call: DelegatedCall) -> CallOptions:
        """Read them from the call's metadata.

        Raises:
            EvalError: `invalid-delegation`; names the option and what it should be.
        """
        found = call.options
        if not found:
            return _DEFAULTS
        read = _READ.get(id(found))
        if read is None or read[0] is not found:
            read = (found, cls._of(call, found))
            if len(_READ) >= _MOST_READ:
                _READ.clear()
            _READ[id(found)] = read
        return read[1]

    @classmethod
    def _of(cls, call: DelegatedCall, found: dict[str, Any]) -> CallOptions:
        values: dict[str, Any] = {}
        if "max-tokens" in found:
            values["max_tokens"] = _checked(call, "max-tokens", _is_integer, "a positive integer", 1, _MOST_TOKENS)
        if "temperature" in found:
            values["temperature"] = float(_checked(call, "temperature", _is_number, "a number from 0 to 2", 0, 2))
        if "seed" in found:
            values["seed"] = _checked(call, "seed", _is_integer, "an integer from 0 to 2147483647", 0, 2**31 - 1)
        if "timeout-s" in found:
            seconds = _checked(call, "timeout-s", _is_number, "a number of seconds from 0.001 to 86400", 0.001, 86_400)
            values["timeout_s"] = float(seconds)
        for name, most in (("max-rounds", 1_000), ("max-tool-calls", 10_000)):
            if name in found:
                expected = f"an integer from 0 to {most:,}"
                values[name.replace("-", "_")] = _checked(call, name, _is_integer, expected, 0, most)
        if "examples" in found:
            values["examples"] = _examples(call)
        if "rules" in found:
            values["rules"] = _rules(call)
        for name in ("budget", "call-budget"):
            if name in found:
                values[name.replace("-", "_")] = _allowance(call, name)
        if "cache" in found:
            values["cache"] = _cache_wish(call)
        warnings = []
        for name in found:
            near = nearest(name, _NAMES) if name not in _NAMES and name != "strict" else []
            if near:
                warnings.append(f"{call.name}: `:{name}` is not an option of delegation; did you mean `:{near[0]}`?")
        return cls(**values, warnings=tuple(warnings))


def problem_of(spec: ast.Fn) -> EvalError | None:
    """What each call of a function with a hint would say of its options; None: nothing."""
    if spec.meta is None:
        return None
    params = spec.params if spec.rest is None else (*spec.params, spec.rest)
    call = DelegatedCall(
        target="", model="", name=spec.name or "anonymous", doc="", parameters=tuple([("", ANY) for _ in params]), args=(),
        result=ANY, strict=True, options={key.name: value for key, value in spec.meta.items() if type(key) is Keyword}, aliases={},
        span=spec.span, body=lambda: None,
    )  # fmt: skip
    try:
        CallOptions._of(call, call.options)
    except EvalError as error:
        return error
    return None


_DEFAULTS = CallOptions()
#: identity of a function's metadata -> (the metadata, so that it stays; what it says): read with the first call
_READ: dict[int, tuple[dict[str, Any], CallOptions]] = {}
_MOST_READ = 1_000


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _checked(call: DelegatedCall, name: str, is_kind: Any, expected: str, low: float, high: float) -> Any:
    value = call.options[name]
    if not is_kind(value) or not low <= value <= high:
        raise _wrong(call, name, expected, value)
    return value


def _wrong(call: DelegatedCall, name: str, expected: str, value: Any, hint: str | None = None) -> EvalError:
    return EvalError(
        f"{call.name}: the option `:{name}` should be {expected}, got {preview(value, 80)}",
        kind="invalid-delegation",
        span=call.span,
        hint=hint,
    )


def _cache_wish(call: DelegatedCall) -> CacheWish:
    given = call.options["cache"]
    try:
        return CacheWish.of(given)
    except ConfigError as error:
        raise _wrong(call, "cache", error.message, given, error.hint) from None


def _allowance(call: DelegatedCall, name: str) -> Allowance:
    given = call.options[name]
    if not isinstance(given, Map) or not all(isinstance(key, Keyword) for key, _ in given.items()):
        raise _wrong(call, name, "a map of limits, such as {:usd 0.01 :calls 50}", given)
    try:
        return Allowance.of({key.name: value for key, value in given.items()})
    except ConfigError as error:
        message = f"{call.name}: the option `:{name}`: {error.message}"
        raise EvalError(message, kind="invalid-delegation", span=call.span, hint=error.hint) from None


#: identity of the rules in a program -> (they themselves, so that they stay; what they say): all functions that one form makes
#: share them
_READ_RULES: dict[int, tuple[Any, RuleSet]] = {}


def _rules(call: DelegatedCall) -> RuleSet:
    from rtfs.models.rules import RuleSet

    given = call.options["rules"]
    read = _READ_RULES.get(id(given))
    if read is not None:
        return read[1]
    try:
        rules = RuleSet.of(given)
    except ConfigError as error:
        message = f"{call.name}: the option `:rules`: {error.message}"
        raise EvalError(message, kind="invalid-delegation", span=call.span, hint=error.hint) from None
    if len(_READ_RULES) >= _MOST_READ:
        _READ_RULES.clear()
    _READ_RULES[id(given)] = (given, rules)
    return rules


def _examples(call: DelegatedCall) -> tuple[Example, ...]:
    given = call.options["examples"]
    count = len(call.parameters)
    expected = f"a vector of [args result], with {count} in args"
    if not isinstance(given, (Vector, List)):
        raise _wrong(call, "examples", expected, given)
    examples: list[Example] = []
    for pair in given.items():
        if not isinstance(pair, (Vector, List)) or len(pair) != 2:
            raise _wrong(call, "examples", expected, pair)
        args, result = pair.items()
        if isinstance(args, (Vector, List)) and len(args) == count:
            examples.append((tuple(args.items()), result))
        elif count == 1:
            examples.append(((args,), result))
        else:
            raise _wrong(call, "examples", expected, pair)
    return tuple(examples)
