"""Python values as TOML, in a layout that a reader of TOML finds hard."""

from __future__ import annotations

import json
from typing import Any


def written(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(k)} = {written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + "".join(f" {written(item)} , # ]\n" for item in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return str(value).lower() if isinstance(value, (bool, float)) else str(value)


def document(data: dict[str, Any]) -> str:
    """A text in which tables, and arrays of nothing else, have headers."""
    tables = {k: v for k, v in data.items() if isinstance(v, dict)}
    arrays = {k: v for k, v in data.items() if v and isinstance(v, list) and all(isinstance(item, dict) for item in v)}
    lines = [f"{written(k)} = {written(v)}" for k, v in data.items() if k not in tables and k not in arrays]
    for name, table in tables.items():
        lines += [f"[ {written(name)} ]", *(f"{written(k)}={written(v)}" for k, v in table.items())]
    for name, items in arrays.items():
        for item in items:
            lines += [f"[[{written(name)}]]", *(f"{written(k)} = {written(v)}" for k, v in item.items())]
    return "\n".join(lines)
