"""Where the references of a JSON Schema lead: `$id`, `$anchor`, `$defs` and JSON pointers within one document (draft 2020-12).

Nothing is ever fetched: a reference that leaves the document leads nowhere.
Source: JSON Schema 2020-12 core, sections 8.2 and 9.1; RFC 6901 for pointers.
"""

from __future__ import annotations

from urllib.parse import unquote, urldefrag, urljoin

from rtfs.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Steps to a place in a document; paths are kept, so their lengths add up.
_MAX_PATH = 1_000
#: Keywords whose value is data, not a schema.
_DATA = frozenset({"enum", "const", "default", "examples"})
#: Keywords whose value maps names of any sort to schemas.
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependentRequired"})


def pointer_text(pointer: tuple[str, ...]) -> str:
    """A path as a JSON pointer: `/properties/a~1b`; empty for the whole document."""
    return "".join(["/" + part.replace("~", "~0").replace("/", "~1") for part in pointer])


class References:
    """The places of one document that references can name."""

    def __init__(self, document: Any) -> None:
        self._bases: dict[int, str] = {}  # id of a schema -> its base URI; the document keeps the schemas alive
        self._places: dict[str, tuple[Any, tuple[str, ...]]] = {"": (document, ())}
        self._scan(document)

    def _scan(self, document: Any) -> None:
        waiting: list[tuple[Any, str, tuple[str, ...], bool]] = [(document, "", (), True)]
        while waiting:
            node, base, path, is_schema = waiting.pop()
            if len(path) > _MAX_PATH:
                raise ConfigError("the schema is nested too deep")
            if isinstance(node, list):
                waiting += [(item, base, (*path, str(i)), True) for i, item in enumerate(node)]
            if not isinstance(node, dict):
                continue
            if is_schema:
                if isinstance(node.get("$id"), str):
                    base = urldefrag(urljoin(base, node["$id"]))[0]
                    self._places[base] = (node, path)
                self._bases[id(node)] = base
                for keyword in ("$anchor", "$dynamicAnchor"):
                    if isinstance(node.get(keyword), str):
                        self._places.setdefault(f"{base}#{node[keyword]}", (node, path))
            for key, value in node.items():
                if not is_schema or key not in _DATA:
                    waiting.append((value, base, (*path, key), not (is_schema and key in _NAMED)))

    def find(self, schema: dict[str, Any], reference: str) -> tuple[Any, tuple[str, ...]] | None:
        """The schema that a `$ref` in `schema` names, with its path in the document; None when it is not in the document."""
        base, fragment = urldefrag(urljoin(self._bases.get(id(schema), ""), reference))
        if reference.startswith("#"):
            base = self._bases.get(id(schema), "")
        if fragment and not fragment.startswith("/"):
            return self._places.get(f"{base}#{unquote(fragment)}")
        found = self._places.get(base)
        if found is None:
            return None
        node, path = found
        for part in unquote(fragment).split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and part in node:
                node = node[part]
            elif isinstance(node, list) and part.isdecimal() and int(part) < len(node):
                node = node[int(part)]
            else:
                return None
            path = (*path, part)
        return node, path


def list_at(schema: dict[str, Any], keyword: str, path: tuple[str, ...]) -> list[Any]:
    found = schema.get(keyword, [])
    if not isinstance(found, list):
        raise ConfigError(f"{keyword} at {pointer_text(path) or '/'} is not a list")
    return found


def dict_at(schema: dict[str, Any], keyword: str, path: tuple[str, ...]) -> dict[str, Any]:
    found = schema.get(keyword, {})
    if not isinstance(found, dict):
        raise ConfigError(f"{keyword} at {pointer_text(path) or '/'} is not an object")
    return found


def names_at(schema: dict[str, Any], keyword: str, path: tuple[str, ...]) -> list[str]:
    found = list_at(schema, keyword, path)
    if [name for name in found if not isinstance(name, str)]:
        raise ConfigError(f"{keyword} at {pointer_text(path) or '/'} is not a list of strings")
    return found
