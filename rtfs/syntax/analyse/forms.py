"""Importing this module fills the table of special forms."""

from rtfs.syntax.analyse import (  # noqa: F401
    bindings,
    control,
    effects,
    functions,
    iteration,
    matching,
    modules,
    quoting,
)
