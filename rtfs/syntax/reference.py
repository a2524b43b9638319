"""The reference reader: the grammar file read by Lark, one method per rule.

It defines what the reader must do and is some ten times slower; tests compare the two, and `generate.py` takes the terminals
from it.  Nothing on a program's way imports this module.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput

from rtfs.errors import IncompleteInput, ParseError, RtfsError
from rtfs.source import Source, Span
from rtfs.syntax import build
from rtfs.values.forms import MetaForm, list_form
from rtfs.values.scalars import Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import Vector

_CONSTANTS = {"true": True, "false": False, "nil": None}
_TEXTS: dict[str, Any] = {"TIMESTAMP": Timestamp, "UUID": Uuid, "RESOURCE": ResourceHandle}


def grammar_folder() -> Path:
    """Where `rtfs.lark` is: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "_grammar"
    return installed if installed.is_dir() else package.parent / "grammar"


@lru_cache(maxsize=1)
def lark_parser() -> Lark:
    """The LALR parser built from the grammar file."""
    path = grammar_folder() / "rtfs.lark"
    return Lark(
        path.read_text(encoding="utf-8"),
        start="program",
        parser="lalr",
        lexer="contextual",
        source_path=str(path),
        import_paths=[str(path.parent)],
        maybe_placeholders=False,
    )


class _Forms(Transformer):  # type: ignore[misc,type-arg]
    """Rule by rule from tokens to `(form, start, end)`; bracket tokens give the offsets."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source

    def _collection(self, children: list[Any]) -> tuple[int, int, list[Any], list[int]]:
        inner = children[1:-1]
        offsets = [offset for _, start, end in inner for offset in (start, end)]
        return children[0].start_pos, children[-1].end_pos, [form for form, _, _ in inner], offsets

    def __getattr__(self, rule: str) -> Any:
        if rule == "list":  # a method of that name would hide the type in the annotations of this class
            return self.read_list
        raise AttributeError(rule)

    def program(self, children: list[Any]) -> list[Any]:
        return children

    def _form(self, children: list[Any]) -> Any:
        return children[0]

    def atom(self, children: list[Token]) -> Any:
        token = children[0]
        start, end = int(token.start_pos or 0), int(token.end_pos or 0)
        kind, text = token.type, str(token)
        value: Any
        if kind in _TEXTS:
            value = _TEXTS[kind](text)
        elif kind == "SPECIAL_FLOAT":
            value = build.special_float(text)
        elif kind == "FLOAT":
            value = build.float_value(text)
        elif kind == "INTEGER":
            value = build.integer_value(text, self.source, start)
        elif kind == "STRING":
            value = build.string_value(self.source, start, end)
        elif kind in ("KEYWORD", "LOCAL", "MODEL"):
            value = Keyword(text[1:])
        elif text in _CONSTANTS:
            value = _CONSTANTS[text]
        else:
            value = Symbol(text, (self.source, start, end, None))
        return value, start, end

    def read_list(self, children: list[Any]) -> Any:
        start, end, items, offsets = self._collection(children)
        return build.build_list(self.source, start, end, items, offsets), start, end

    def vector(self, children: list[Any]) -> Any:
        start, end, items, offsets = self._collection(children)
        return Vector(items, (self.source, start, end, offsets)), start, end

    def map(self, children: list[Any]) -> Any:
        start, end, items, offsets = self._collection(children)
        return build.build_map(self.source, start, end, items, offsets), start, end

    def anonymous_fn(self, children: list[Any]) -> Any:
        start, end, items, offsets = self._collection(children)
        return build.anonymous_function(self.source, start, end, items, offsets), start, end

    def _prefix(self, children: list[Any]) -> Any:
        token, (form, _, end) = children
        start = token.start_pos
        name = build.PREFIXES[str(token)]
        quoted = list_form(Symbol(name, (self.source, start, start + len(token), None)), form)
        quoted.where = (self.source, start, end, None)
        return quoted, start, end

    quote = quasiquote = unquote = unquote_splicing = context_ref = _prefix

    def delegation(self, children: list[Any]) -> Any:
        form, _, end = children[-1]
        target = str(children[1])[1:]
        model = None
        if len(children) == 4:
            model = build.string_value(self.source, children[2].start_pos, children[2].end_pos)
        start = children[0].start_pos
        return MetaForm(build.delegation_meta(target, model), form, (self.source, start, end, None)), start, end

    def metadata(self, children: list[Any]) -> Any:
        token, (meta, _, _), (form, _, end) = children
        return MetaForm(meta, form, (self.source, token.start_pos, end, None)), token.start_pos, end


def read_with_lark(source: Source) -> list[Any]:
    """The forms of a text, read by the grammar itself.

    Raises:
        ParseError: the text is not RTFS; IncompleteInput when only its end is missing.
    """
    from lark.exceptions import VisitError

    try:
        tree = lark_parser().parse(source.text)
        return [form for form, _, _ in _Forms(source).transform(tree)]
    except UnexpectedInput as error:
        at = min(error.pos_in_stream or 0, len(source.text))
        kind = IncompleteInput if getattr(getattr(error, "token", None), "type", "") == "$END" else ParseError
        raise kind("the text does not follow the grammar", span=Span(source, at, at)) from error
    except VisitError as error:
        if isinstance(error.orig_exc, RtfsError):
            raise error.orig_exc from None
        raise
