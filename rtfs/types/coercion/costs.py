"""What each repair of a reply costs, and how much a type puts up with.

One point is a slip of style that leaves no doubt; six is a value picked out of a sentence.  The numbers are an order, not a
measure: they make the plainest of several readings win, and refuse a reply that is more repair than answer.
"""

from __future__ import annotations

from rtfs.types.nodes import (
    AnyType,
    ArrayType,
    IntersectionType,
    Lookup,
    MapOfType,
    Primitive,
    RecordType,
    RefinedType,
    TupleType,
    Type,
    TypeRef,
    UnionType,
    VectorType,
)

#: kind of repair -> (points, what is done). The documentation shows this table.
KINDS: dict[str, tuple[int, str]] = {
    # finding the value
    "decoded": (0, "a JSON string is decoded where the text itself would do as well"),
    "thinking": (1, "`<think>…</think>` before the answer is left out"),
    "fence": (1, "the contents of a fenced block or of a tag such as `<answer>` are taken"),
    "marks": (1, "quotes, emphasis, brackets or a full stop around the value are removed"),
    "escaped": (2, 'the whole JSON was escaped once too often: `{\\"a\\": 1}`'),
    "text-around": (3, "an object or array is taken out of the prose around it"),
    "wrapper": (3, "the value of an object's only key, or an array's only item, is taken"),
    "several": (2, "several objects, one after the other, are read as one array"),
    "stated": (3, "a line such as `Answer: card` states the value"),
    "sentence": (6, "a short sentence names exactly one label or number, without doubt or negation"),
    # the JSON itself
    "trailing-comma": (1, "a comma after the last item"),
    "quotes": (1, "single, typographic, triple or backtick quotes"),
    "unquoted-key": (1, "a key without quotes"),
    "unquoted-text": (1, "a text without quotes"),
    "comment": (1, "a comment"),
    "literal": (1, "`None`, `True` and the like for `null` and `true`"),
    "escapes": (1, "a line break inside a string, or a backslash that escapes nothing"),
    "separator": (1, "`=`, `=>` or `;` where JSON has `:` or `,`"),
    "repeated-key": (1, "a key that stands twice with the same value"),
    "missing-comma": (2, "no comma between two items"),
    "missing-bracket": (3, "a bracket that was forgotten, since more text follows"),
    "missing-quote": (4, "the last closing quote was forgotten, since its brackets follow"),
    "cut-off": (4, "the reply ends before its brackets are closed, with nothing required missing"),
    "cut-entry": (4, "an entry that may be absent is left out because the reply ends inside it"),
    "mended": (8, "the `json_repair` library had to be asked"),
    # scalars
    "number-text": (1, "a number between quotes"),
    "number-style": (1, "`1,234`, `1 234`, `+5`, `.5`, `007`"),
    "currency": (2, "a currency beside a number"),
    "unit": (2, "a unit beside a number"),
    "percent": (2, "`12%` where a whole number is wanted"),
    "number-words": (2, "`three`, `5 million`"),
    "truth-word": (1, "`yes`, `no`, `on`, `off`, `ja`, `non` … for true and false"),
    "truth-number": (3, "1 and 0 for true and false"),
    "null-word": (1, "`none`, `nil`, `N/A` or an empty string for null"),
    "number-as-text": (2, "a number or boolean where a string is wanted, as it was written"),
    "label-style": (1, "a label in other letters: case, hyphens, blanks, accents"),
    "label-typo": (5, "a label with a slip of one letter (two in long ones), and no other label near it"),
    "timestamp-style": (2, "another spelling of the same instant: a blank for the `T`, an offset for the `Z`"),
    "uuid-style": (1, "a UUID in braces, with `urn:uuid:`, or without hyphens"),
    "blanks": (1, "blanks around a text"),
    # structure
    "key-style": (1, "a key in another case or style: `firstName`, `first_name`, `First Name`"),
    "key-typo": (4, "a key with a slip of one letter (two in long ones)"),
    "extra-key": (2, "a key that the record does not have is left out"),
    "null-absent": (1, "null for a key that may be absent: the key is left out"),
    "json-in-text": (2, "a string that holds the JSON of the value"),
    "single-item": (3, "one item where an array is wanted"),
    "comma-list": (3, "`a, b, c` where an array of labels or numbers is wanted"),
    "bullets": (3, "a bulleted or numbered list where an array is wanted"),
    "lines": (4, "`key: value` lines where an object is wanted"),
    "single-field": (4, "a bare value where a record with one entry is wanted"),
    "pairs": (3, "an array of `{key, value}` objects where a map is wanted"),
}

#: Points by which a reading that "Final answer:" or the like precedes is preferred to others.
ANNOUNCED_BONUS = 2

#: Points that a type puts up with unless the caller says otherwise.
TEXT_LIMIT = 6
SCALAR_LIMIT = 8
STRUCTURE_LIMIT = 16
#: … and for each entry of the records inside a structure, up to so many entries.
ENTRY_LIMIT = 2
MOST_ENTRIES = 32

_STRUCTURES = frozenset({"list", "vector", "map"})


def default_limit(type: Type, lookup: Lookup) -> int:
    """The points that a reply of this type may cost: 6 for text, 8 for other scalars, 16 for a structure and 2 more for
    each entry of the records that it is made of (named types once, 32 entries at most); a union has its options' highest."""
    entries = 0
    base = 0
    seen: set[str] = set()
    waiting = [type]
    while waiting:
        part = waiting.pop()
        if isinstance(part, TypeRef):
            target = None if part.name in seen else lookup(part.name)
            seen.add(part.name)
            if target is not None:
                waiting.append(target)
            continue
        structure = False
        if isinstance(part, UnionType):
            waiting += part.options
        elif isinstance(part, IntersectionType):
            waiting += part.parts
        elif isinstance(part, RefinedType):
            waiting.append(part.base)
        elif isinstance(part, RecordType):
            structure = True
            entries += len(part.entries)
            waiting += [entry.type for entry in part.entries]
        elif isinstance(part, (VectorType, ArrayType)):
            structure = True
            waiting.append(part.item)
        elif isinstance(part, TupleType):
            structure = True
            waiting += part.items
        elif isinstance(part, MapOfType):
            structure = True
            waiting.append(part.value)
        else:
            structure = isinstance(part, Primitive) and part.name in _STRUCTURES
            text = isinstance(part, AnyType) or (isinstance(part, Primitive) and part.name == "string")
            base = max(base, TEXT_LIMIT if text else SCALAR_LIMIT)
        if structure:
            base = STRUCTURE_LIMIT
    return base + ENTRY_LIMIT * min(entries, MOST_ENTRIES)
