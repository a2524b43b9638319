"""Kinds of values in a policy file: each reads its value, says what it should have been, and names itself for the documentation.

Own kinds and not pydantic models: a policy file beside a program is read at its start, where importing pydantic alone would take
twice as long as everything else; of its messages nothing but the path could be kept.
"""

from __future__ import annotations

from rtfs.delegation.policy.problems import Problems, shown
from rtfs.errors import nearest
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.delegation.policy.places import Path


class Kind(Struct):
    """What a value may be."""

    @property
    def expected(self) -> str:
        """As in `should be …`, and in the documentation."""
        raise NotImplementedError

    def read(self, value: Any, path: Path, problems: Problems) -> Any:
        """The value as the rest of the package has it; None, and a problem, when it is wrong."""
        raise NotImplementedError

    def wrong(self, value: Any, path: Path, problems: Problems, hint: str | None = None) -> None:
        problems.error(path, f"should be {self.expected}, got {shown(value)}", hint=hint)


class Text(Kind):
    """A text that is not empty."""

    what: str = "a text"

    @property
    def expected(self) -> str:
        return self.what

    def read(self, value: Any, path: Path, problems: Problems) -> Any:
        if isinstance(value, str) and value.strip():
            return value
        return self.wrong(value, path, problems)


class Texts(Kind):
    """A text, or several: given as a tuple.

    Attributes:
        empty: whether there may be none.
    """

    what: str = "a text, or an array of texts"
    empty: bool = False

    @property
    def expected(self) -> str:
        return self.what

    def read(self, value: Any, path: Path, problems: Problems) -> Any:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) and item.strip() for item in items):
            return self.wrong(value, path, problems)
        if not items and not self.empty:
            return problems.error(path, "is an empty array, which nothing could fit", hint="leave the key out to match everything")
        return tuple(items)


class Number(Kind):
    """A number within bounds."""

    what: str
    low: float
    high: float
    whole: bool = False

    @property
    def expected(self) -> str:
        if self.low == self.high:
            return f"{self.low:g}"
        return f"{self.what} from {self.low:g} to {int(self.high) if self.high >= 1 else self.high:,}"

    def read(self, value: Any, path: Path, problems: Problems) -> Any:
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            hint = "write the number alone: the unit is in the name of the key" if isinstance(value, str) else None
            return self.wrong(value, path, problems, hint)
        if not self.low <= value <= self.high:  # NaN is not either
            return self.wrong(value, path, problems)
        return value if self.whole else float(value)


class Choice(Kind):
    """One of several words."""

    names: tuple[str, ...]

    @property
    def expected(self) -> str:
        return "one of " + ", ".join(f'"{name}"' for name in self.names)

    def read(self, value: Any, path: Path, problems: Problems) -> Any:
        if value in self.names:
            return value
        near = nearest(value, self.names) if isinstance(value, str) else []
        return self.wrong(value, path, problems, f'did you mean "{near[0]}"?' if near else None)


class Weights(Kind):
    """Targets with their shares: given as a tuple of (target, weight)."""

    @property
    def expected(self) -> str:
        return "a table of targets and weights, such as { small = 3, strong = 1 }"

    def read(self, value: Any, path: Path, problems: Problems) -> Any:
        if not isinstance(value, dict) or not value:
            return self.wrong(value, path, problems)
        weight = Number("a weight", 0, 1_000_000)
        found = tuple([(name, weight.read(item, (*path, name), problems)) for name, item in value.items()])
        if any(item is None for _, item in found):
            return None
        if not any(item for _, item in found):
            return problems.error(path, "should have a weight above 0")
        return found


class Scalars(Kind):
    """Names and the plain values that are wanted of them."""

    @property
    def expected(self) -> str:
        return "a table of texts, numbers and truth values"

    def read(self, value: Any, path: Path, problems: Problems) -> Any:
        if not isinstance(value, dict) or not all(isinstance(item, (str, int, float, bool)) for item in value.values()):
            return self.wrong(value, path, problems)
        return tuple(value.items())


class Anything(Kind):
    """A table whose keys are somebody else's."""

    @property
    def expected(self) -> str:
        return "a table"

    def read(self, value: Any, path: Path, problems: Problems) -> Any:
        return value if isinstance(value, dict) else self.wrong(value, path, problems)


class Field(Struct):
    """A key of a table.

    Attributes:
        doc: what it does, for the documentation.
        group: the heading under which the documentation lists it; that of the field before it when empty.
    """

    name: str
    kind: Kind
    doc: str
    group: str = ""


class Values(dict["str", "Any"]):
    """The keys of a table that are there and right; `wrong` are the names of the others."""

    wrong: frozenset[str] = frozenset()


class Table(Kind):
    """A table with known keys: given as `Values`.

    Attributes:
        elsewhere: (name, hint) of keys that are easily put here and belong elsewhere.
    """

    fields: tuple[Field, ...]
    elsewhere: tuple[tuple[str, str], ...] = ()

    @property
    def expected(self) -> str:
        return "a table"

    def read(self, value: Any, path: Path, problems: Problems) -> Any:
        if not isinstance(value, dict):
            return self.wrong(value, path, problems)
        known = {field.name: field for field in self.fields}
        out = Values()
        for name, item in value.items():
            field = known.get(name)
            if field is None:
                problems.error((*path, name), "is not a key that is known here", hint=self._hint(name, known), key=True)
                out.wrong |= {name}
                continue
            found = field.kind.read(item, (*path, name), problems)
            if found is not None:
                out[name] = found
            else:
                out.wrong |= {name}
        return out

    def _hint(self, name: str, known: dict[str, Field]) -> str:
        elsewhere = dict(self.elsewhere)
        if name in elsewhere:
            return elsewhere[name]
        plain = name.replace("-", "_")
        near = [other for other in known if other in (plain, f"{plain}s", f"{plain}_s", plain[:-1])] or nearest(plain, known)
        if near:
            return f"did you mean `{near[0]}`?"
        far = nearest(plain, elsewhere)
        return f"`{far[0]}` {elsewhere[far[0]]}" if far else f"known here: {', '.join(known)}"


class Named(Kind):
    """A table whose keys are names that the file chooses: given as `Values`."""

    item: Kind

    @property
    def expected(self) -> str:
        return "a table"

    def read(self, value: Any, path: Path, problems: Problems) -> Any:
        if not isinstance(value, dict):
            return self.wrong(value, path, problems)
        found = {name: self.item.read(item, (*path, name), problems) for name, item in value.items()}
        out = Values({name: item for name, item in found.items() if item is not None})
        out.wrong = frozenset(found.keys() - out.keys())
        return out


class Tables(Kind):
    """An array of tables: given as a list of (position, dict)."""

    item: Table

    @property
    def expected(self) -> str:
        return "an array of tables"

    def read(self, value: Any, path: Path, problems: Problems) -> Any:
        if isinstance(value, dict):
            return self.wrong(value, path, problems, f"write [[{path[-1]}]], with two brackets")
        if not isinstance(value, list):
            return self.wrong(value, path, problems)
        return [(i, self.item.read(item, (*path, i), problems)) for i, item in enumerate(value)]
