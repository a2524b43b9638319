"""The relations between types and the operations on them, under one name (reference 4.5).

`relation` decides subtyping, consistency and overlap; `lattice` makes joins, meets and differences, and the types of values.
"""

from __future__ import annotations

from rtfs.types.lattice import join, meet, subtract, type_of, widened
from rtfs.types.relation import is_consistent, is_inhabited, is_subtype, overlap

__all__ = ["is_consistent", "is_inhabited", "is_subtype", "join", "meet", "overlap", "subtract", "type_of", "widened"]
