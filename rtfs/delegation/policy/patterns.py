"""The kind `patterns`: rules by which the model `rules` answers, in a policy file instead of in the function (`models.rules`)."""

from __future__ import annotations

from rtfs.delegation.policy.kinds import Kind
from rtfs.delegation.policy.problems import Problems
from rtfs.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.delegation.policy.places import Path

#: The key of the entry for operands that nothing fits.
ELSE_TEXT = ":else"


class Patterns(Kind):
    """An array of `[pattern, value]` or `[pattern, value, score]`, or a table of such arrays for the fields of a record: given as a
    `models.rules.RuleSet`."""

    @property
    def expected(self) -> str:
        return 'an array such as [["lost|stolen", "urgent"], [":else", "other", 0.3]], or a table of them by field'

    def read(self, value: Any, path: Path, problems: Problems) -> Any:
        from rtfs.models.rules import RuleSet
        from rtfs.values.maps import Map
        from rtfs.values.scalars import Keyword

        try:
            if isinstance(value, dict):
                return RuleSet.of(Map([(Keyword(name), _rules(entries)) for name, entries in value.items()]))
            if isinstance(value, list):
                return RuleSet.of(_rules(value))
        except ConfigError as error:
            return problems.error(path, f"is wrong: {error.message}", hint=error.hint or f"write {self.expected}")
        return self.wrong(value, path, problems)


def _rules(entries: Any) -> Any:
    """TOML as the metadata of a function would have it."""
    from rtfs.values.convert import to_rtfs
    from rtfs.values.scalars import Keyword
    from rtfs.values.sequences import Vector

    if not isinstance(entries, list):
        return to_rtfs(entries)  # refused with a message
    found = []
    for entry in entries:
        items = [to_rtfs(item) for item in entry] if isinstance(entry, list) else [to_rtfs(entry)]
        if items[:1] == [ELSE_TEXT]:
            items[0] = Keyword("else")
        found.append(Vector(items))
    return Vector(found)
