"""RTFS: a small, safe Lisp hosted in Python, in which a function can be answered by a language model.

    import rtfs

    rtfs.Runtime().run("(map inc [1 2 3])")        # [2, 3, 4]

The names below are the public API.  They are imported when they are first used (PEP 562), so that `import rtfs` costs
nothing; a type checker sees them all the same.
"""

# no `from __future__ import annotations` and no `typing` here: this module imports nothing at all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rtfs import types
    from rtfs.config import Limits
    from rtfs.errors import (
        AnalysisError,
        ConfigError,
        DelegationError,
        EvalError,
        HostError,
        IncompleteInput,
        InternalError,
        LimitExceeded,
        MacroError,
        ParseError,
        RtfsError,
        ToolError,
    )
    from rtfs.models.registry import ModelRegistry
    from rtfs.runtime import Runtime
    from rtfs.values.convert import to_python, to_rtfs
    from rtfs.values.scalars import Keyword, Symbol, kw

__version__ = "0.1.0"

__all__ = [
    "AnalysisError",
    "ConfigError",
    "DelegationError",
    "EvalError",
    "HostError",
    "IncompleteInput",
    "InternalError",
    "Keyword",
    "LimitExceeded",
    "Limits",
    "MacroError",
    "ModelRegistry",
    "ParseError",
    "RtfsError",
    "Runtime",
    "Symbol",
    "ToolError",
    "__version__",
    "kw",
    "parse",
    "to_python",
    "to_rtfs",
    "types",
]

#: module -> what it defines of the public API
_HOMES = {
    "rtfs.config": ("Limits",),
    "rtfs.errors": (
        "AnalysisError",
        "ConfigError",
        "DelegationError",
        "EvalError",
        "HostError",
        "IncompleteInput",
        "InternalError",
        "LimitExceeded",
        "MacroError",
        "ParseError",
        "RtfsError",
        "ToolError",
    ),
    "rtfs.models.registry": ("ModelRegistry",),
    "rtfs.runtime": ("Runtime",),
    "rtfs.values.convert": ("to_python", "to_rtfs"),
    "rtfs.values.scalars": ("Keyword", "Symbol", "kw"),
}


def parse(text: str, *, name: str = "<text>") -> "list[object]":
    """The forms of a text, in order, as RTFS values: code is data.

    Args:
        name: what errors call the text.
    Returns:
        Symbols, keywords, numbers, strings, lists …; empty for a text without forms.
    Raises:
        ParseError: the text is not RTFS; IncompleteInput when only its end is missing.
    """
    from rtfs.source import Source
    from rtfs.syntax.reader import read_forms

    return read_forms(Source(name, text))


def __getattr__(name: str) -> object:
    if name == "types":  # a package: importing it makes it an attribute of this one
        __import__("rtfs.types")
        return globals()[name]
    for home, names in _HOMES.items():
        if name in names:
            module = __import__(home, fromlist=(name,))  # one of the modules listed above
            value: object = getattr(module, name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'rtfs' has no attribute {name!r}")


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__})
