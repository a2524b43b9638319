"""Programs that no analyser made: nodes with parts changed, exchanged, repeated and left out at random."""

from __future__ import annotations

from random import Random
from typing import Any

from rtfs.ir.artefact import schema
from rtfs.ir.artefact.program import Prepared
from rtfs.syntax import nodes as ast
from rtfs.values.struct import Struct
from tests.support.artefacts import parts

#: Kind of field -> the class of what stands there.
_CLASSES: dict[str, Any] = {"node": ast.Node, "pattern": ast.Pattern}


def mutated(form: Prepared, random: Random) -> Prepared:
    """The form with one to four changes in its node."""
    node = form.node
    for _ in range(random.choice((1, 1, 2, 4))):
        node = _changed(node, random)
    return form.replace(node=node)


def _changed(root: ast.Node, random: Random) -> ast.Node:
    found = parts(root)
    bindings = [b for part in found for b in _bindings(part)]
    target = random.choice(found)
    fields = [(field, kind) for field, kind in schema.NODES[schema.NUMBERS[type(target)]][1] if kind != "span"] if (
        type(target) in schema.NUMBERS
    ) else []
    if not fields:
        return root
    field, kind = random.choice(fields)
    value = getattr(target, field)
    plain = kind.rstrip("?")
    new: Any = value
    if plain in _CLASSES:
        new = random.choice([part for part in found if isinstance(part, _CLASSES[plain])] or [value])
        if kind.endswith("?") and random.random() < 0.3:
            new = None
    elif plain in ("nodes", "patterns", "parts"):
        new = _shuffled(value, random)
    elif kind == "flag":
        new = not value
    elif plain == "binding" and bindings:
        new = random.choice(bindings)
        if kind.endswith("?") and random.random() < 0.3:
            new = None
    elif plain == "scope" and value is not None:
        new = ast.Scope(list(_shuffled((*value.bindings, *random.sample(bindings, min(1, len(bindings)))), random)))
    elif plain == "choice":
        new = random.choice(schema.CHOICES[type(target), field])
    elif plain == "type" and kind.endswith("?"):
        new = None
    elif plain == "name" and value is not None:
        new = random.choice(["a", "map", "x y" if random.random() < 0.1 else "inc", "f"])
    if bindings and random.random() < 0.1:
        binding = random.choice(bindings)
        binding.late = not binding.late
    return _replaced(root, target, field, new)


def _shuffled(items: tuple[Any, ...], random: Random) -> tuple[Any, ...]:
    changed = list(items)
    if changed:
        what = random.random()
        if what < 0.35:
            del changed[random.randrange(len(changed))]
        elif what < 0.7:
            changed.insert(random.randrange(len(changed) + 1), random.choice(changed))
        else:
            random.shuffle(changed)
    return tuple(changed)


def _bindings(part: Struct) -> list[ast.Binding]:
    found = []
    for field in part._fields:
        value = getattr(part, field)
        if isinstance(value, ast.Binding):
            found.append(value)
        elif isinstance(value, ast.Scope):
            found += value.bindings
    return found


def _replaced(item: Any, target: Struct, field: str, new: Any) -> Any:
    """A copy in which one field of one part has another value; what was not on the way is shared."""
    if item is target:
        return item.replace(**{field: new})
    if isinstance(item, Struct) and not isinstance(item, ast.Scope):
        changed = {f: _replaced(getattr(item, f), target, field, new) for f in item._fields}
        if all(changed[f] is getattr(item, f) for f in item._fields):
            return item
        return type(item)(**changed)
    if type(item) is tuple:
        made = tuple([_replaced(part, target, field, new) for part in item])
        return item if all(a is b for a, b in zip(made, item, strict=True)) else made
    return item
