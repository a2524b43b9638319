"""Text to forms.

The second stage of the pipeline, after `Source`: one regular expression cuts the text into tokens and a loop with an explicit
stack puts them together, so that nesting costs memory and never Python's stack.  The terminals come from `grammar/lexical.lark`
through `terminals.py`; `reference.py` reads the same grammar with Lark, and property tests hold the two together.

Promises: every text gives forms or raises ParseError, nothing else; a text that is the beginning of a valid one raises
IncompleteInput; every collection and symbol knows its span, and a child's span lies within its parent's.
"""

from __future__ import annotations

import gc
import re

from rtfs.errors import IncompleteInput, ParseError
from rtfs.source import Source, Span
from rtfs.syntax import build
from rtfs.syntax.terminals import TERMINALS as T
from rtfs.values.forms import MetaForm, list_form
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword, ResourceHandle, Symbol, Timestamp, Uuid
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

#: Collections inside collections; deeper is an error (a program that deep is noise or an attack).
MAX_DEPTH = 50_000

# One match is blanks and line comments, then one token; the number of the group tells which.
_TYPED, _FLOAT, _INTEGER, _SYMBOL, _OPEN, _CLOSE, _KEYWORD, _STRING, _PUNCTUATION, _PREFIX, _SPECIAL, _DISPATCH, _END = range(1, 14)
_TOKEN = re.compile(
    # atomic: where no token follows, blanks could be cut into pieces in exponentially many ways
    rf"(?>(?:{T['BLANK']}|{T['LINE_COMMENT']})*)(?:"
    # a symbol may start like a number, a uuid or a resource: those go first, and cheaply fail on most symbols
    rf"(?={T['UUID']}|{T['RESOURCE']}|[0-9+-])(?:({T['UUID']}|{T['RESOURCE']}|{T['TIMESTAMP']})|({T['FLOAT']})|({T['INTEGER']}))"
    rf"|({T['SYMBOL']})|([(\[{{])|([)\]}}])|({T['KEYWORD']})|({T['STRING']})|({T['PUNCTUATION']})"
    rf"|(\#\(|~@|['`~])|({T['SPECIAL_FLOAT']})|([@^\#])|(\Z))"
)
_BLANKS = re.compile(rf"(?>(?:{T['BLANK']}|{T['LINE_COMMENT']})*)")
_SHEBANG = re.compile(T["SHEBANG"])
_DELEGATION = re.compile(T["DELEGATION"])
_TARGET = re.compile(rf"(?P<local>{T['LOCAL']})|(?P<model>{T['MODEL']})")
_STRING_ONLY = re.compile(T["STRING"])
_WORD = re.compile(r"[^ \t\r\n,;()\[\]{}\"]*")
_COMMENT_EDGE = re.compile(r"#\||\|#")

_CLOSER = {"(": ")", "[": "]", "{": "}"}
_CONSTANTS = {"true": True, "false": False, "nil": None}
_NAMES = {"(": "list", "[": "vector", "{": "map"}


class _Frame:
    """Something still open: a collection, or a prefix that waits for its form."""

    __slots__ = ("kind", "start", "items", "offsets", "meta", "wraps")

    def __init__(self, kind: str, start: int, meta: Map | None = None) -> None:
        self.kind = kind  # an opening bracket, `#(`, a prefix, or `^`
        self.start = start
        self.items: list[Any] = []
        self.offsets: list[int] = []
        self.meta = meta  # of `^`: the map, once it is known
        self.wraps = kind in _WRAPPERS


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.stack: list[_Frame] = []
        self.anonymous = 0  # open #( … ): they do not nest

    def read(self) -> list[Any]:
        source, text, stack = self.source, self.text, self.stack
        match, interned = _TOKEN.match, Keyword._interned
        top = _Frame("", 0)
        items, offsets = top.items, top.offsets
        at = 0
        if (script := _SHEBANG.match(text)) is not None:
            at = script.end()
        while True:
            token = match(text, at)
            if token is None:
                at = self.unmatched(at)
                continue
            group = token.lastindex
            assert group is not None
            lexeme = token[group]
            at = end = token.end()
            start = end - len(lexeme)
            form: Any
            if group == _SYMBOL:
                form = Symbol(lexeme, (source, start, end, None)) if lexeme not in _CONSTANTS else _CONSTANTS[lexeme]
            elif group == _OPEN:
                if len(stack) > MAX_DEPTH:
                    self.too_deep(start)
                stack.append(top)
                top = _Frame(lexeme, start)
                items, offsets = top.items, top.offsets
                continue
            elif group == _CLOSE:
                form, start = self.close(top, lexeme, start, end)
                top = stack.pop()
                items, offsets = top.items, top.offsets
            elif group == _KEYWORD:
                form = interned.get(lexeme[1:]) or Keyword(lexeme[1:])
            elif group == _INTEGER:
                form = build.integer_value(lexeme, source, start)
            elif group == _STRING:
                form = lexeme[1:-1] if "\\" not in lexeme else build.string_value(source, start, end)
            elif group == _FLOAT:
                form = build.float_value(lexeme)
            elif group == _PUNCTUATION:
                form = Symbol(lexeme, (source, start, end, None))
            elif group == _TYPED:
                form = self.typed(lexeme)
            elif group == _SPECIAL:
                form = build.special_float(lexeme)
            elif group == _END:
                if stack:
                    self.unclosed(top)
                return items
            else:
                if group == _PREFIX:
                    frame: _Frame | None = self.prefix(lexeme, start, end)
                else:
                    at, frame = self.dispatch(lexeme, start)
                if frame is not None:
                    if len(stack) > MAX_DEPTH:
                        self.too_deep(start)
                    stack.append(top)
                    top = frame
                    items, offsets = top.items, top.offsets
                continue

            # a form is complete: prefixes that waited for it are too
            while top.wraps:
                wrapped = self.wrap(top, form, start, end)
                if wrapped is None:  # `^` has its map and waits for the form
                    break
                form, start = wrapped, top.start
                top = stack.pop()
                items, offsets = top.items, top.offsets
            else:
                items.append(form)
                offsets.append(start)
                offsets.append(end)

    def prefix(self, lexeme: str, start: int, end: int) -> _Frame:
        """The frame of `'` `` ` `` `~` `~@` or `#(`."""
        if lexeme == "#(":
            if self.anonymous:
                self.fail("#(…) cannot stand inside another #(…)", start, end, hint="use (fn [x] …) for one of them")
            self.anonymous = 1
        return _Frame(lexeme, start)

    # --- closing ---

    def close(self, top: _Frame, closer: str, start: int, end: int) -> tuple[Any, int]:
        kind = top.kind
        if kind in _WRAPPERS:
            shown = text if (text := self.text[top.start : top.start + 1]) else kind
            self.fail(f"`{shown if kind == '^' else kind}` has no form to apply to", top.start, top.start + len(kind))
        if kind == "":
            self.fail(
                f"Unexpected closing delimiter `{closer}`: nothing is open here",
                start,
                end,
                kind="unexpected-delimiter",
                hint="remove it, or add the opening delimiter it belongs to",
            )
        expected = _CLOSER[kind[-1]]
        if closer != expected:
            line, column = self.source.position(top.start)
            self.fail(
                f"Mismatched delimiter: found `{closer}`, expected `{expected}`",
                start,
                end,
                kind="mismatched-delimiter",
                hint=f"`{kind}` opened at line {line}, column {column} is closed by `{expected}`",
            )
        if kind == "(":
            return build.build_list(self.source, top.start, end, top.items, top.offsets), top.start
        if kind == "[":
            vector = Vector.adopt(top.items)
            vector.where = (self.source, top.start, end, top.offsets)
            return vector, top.start
        if kind == "{":
            return build.build_map(self.source, top.start, end, top.items, top.offsets), top.start
        self.anonymous = 0
        return build.anonymous_function(self.source, top.start, end, top.items, top.offsets), top.start

    def wrap(self, top: _Frame, form: Any, start: int, end: int) -> Any:
        where = (self.source, top.start, end, None)
        if top.kind == "^":
            if top.meta is None:
                top.meta = form
                return None
            return MetaForm(top.meta, form, where)
        name = build.PREFIXES[top.kind]
        quoted = list_form(Symbol(name, (self.source, top.start, top.start + len(top.kind), None)), form)
        quoted.where = where
        return quoted

    # --- rare tokens ---

    def typed(self, lexeme: str) -> Any:
        if lexeme.startswith("resource:"):
            return ResourceHandle(lexeme)
        return Timestamp(lexeme) if "T" in lexeme else Uuid(lexeme)

    def dispatch(self, char: str, start: int) -> tuple[int, _Frame | None]:
        """`@name`, `^…`, `#|…|#` and what is wrong after `#`; gives the next offset and the frame to open, if any."""
        text = self.text
        if char == "@":
            return start + 1, _Frame("@", start)
        if char == "^":
            return self.metadata(start)
        if text.startswith("#|", start):
            return self.block_comment(start), None
        if text.startswith("#{", start):
            self.fail(
                "`#{…}` is reserved: RTFS has no set literal",
                start,
                start + 2,
                kind="reserved-syntax",
                hint="use (distinct [a b c]) or a map with true as values",
            )
        word = _word(text, start)
        if len(word) == 1 and start + 1 == len(text):
            self.fail("`#` is not finished", start, start + 1, incomplete=True)
        self.fail(f"`{word}` is not RTFS: after `#` stands `(`, `|` or `#Inf`, `#-Inf`, `#NaN`", start, start + len(word))

    def metadata(self, start: int) -> tuple[int, _Frame]:
        text = self.text
        delegation = _DELEGATION.match(text, start)
        if delegation is None:
            if text.startswith("{", start + 1) or self._map_follows(start + 1):
                return start + 1, _Frame("^", start)
            word = _word(text, start)
            rest = len(text) == start + len(word)
            incomplete = rest and "^:delegation".startswith(word)
            self.fail(
                f"unknown metadata `{word}`",
                start,
                start + len(word),
                kind="invalid-metadata",
                incomplete=incomplete,
                hint='write ^:delegation :local, ^:delegation :local-model "id", ^:delegation :remote "id" or ^{:key value}',
            )
        at = self.skip(delegation.end())
        target = _TARGET.match(text, at)
        if target is None:
            word = _word(text, at)
            self.fail(
                f"unknown delegation target `{word}`" if word else "^:delegation needs a target",
                at if word else start,
                at + len(word) if word else delegation.end(),
                kind="invalid-metadata",
                incomplete=at + len(word) == len(text),
                hint='the target is :local, :local-model "id" or :remote "id"',
            )
        if target.lastgroup == "local":
            return target.end(), _Frame("^", start, build.delegation_meta("local", None))
        name = target[0]
        at = self.skip(target.end())
        model = _STRING_ONLY.match(text, at)
        if model is None:
            self.fail(
                f"{name} requires a string argument",
                target.start(),
                target.end(),
                kind="invalid-metadata",
                incomplete=at == len(text) or text[at] == '"',
                hint=f'name the model: ^:delegation {name} "model-id"',
            )
        identifier = build.string_value(self.source, model.start(), model.end())
        return model.end(), _Frame("^", start, build.delegation_meta(name[1:], identifier))

    def _map_follows(self, at: int) -> bool:
        at = self.skip(at)
        return at == len(self.text) or self.text[at] == "{"

    def skip(self, at: int) -> int:
        """The offset of the next token: past blanks and comments of both kinds."""
        while True:
            at = _BLANKS.match(self.text, at).end()  # type: ignore[union-attr]
            if not self.text.startswith("#|", at):
                return at
            at = self.block_comment(at)

    def block_comment(self, start: int) -> int:
        depth, at = 0, start
        while (edge := _COMMENT_EDGE.search(self.text, at)) is not None:
            depth += 1 if edge[0] == "#|" else -1
            at = edge.end()
            if not depth:
                return at
        self.fail(
            "block comment is not closed",
            start,
            start + 2,
            kind="unclosed-delimiter",
            incomplete=True,
            hint="close it with `|#`",
        )

    # --- what is wrong ---

    def unmatched(self, at: int) -> NoReturn:
        text = self.text
        start = _BLANKS.match(text, at).end()  # type: ignore[union-attr]
        char = text[start]
        if char == '"':
            self.fail(
                "string is not closed",
                start,
                start + 1,
                kind="unclosed-delimiter",
                incomplete=True,
                hint='close it with `"`; a quote inside a string is written \\"',
            )
        word = _word(text, start) or char
        if word.startswith("//"):
            hint: str | None = "a comment starts with `;`"
        elif word.lstrip("+-.")[:1].isdigit():
            hint = "digits are needed on both sides of the point: 0.5, 5.0" if "." in word else "a name cannot start with a digit"
            if "T" in word and ":" in word:
                hint = "a timestamp is written 2025-06-23T10:30:00Z"
            self.fail(f"`{word}` is neither a number nor a name", start, start + len(word), kind="invalid-literal", hint=hint)
        elif char.isspace():
            self.fail(f"invisible character U+{ord(char):04X}", start, start + 1, hint="replace it by an ordinary space")
        elif not char.isprintable():
            hint = "this does not look like a text file"
            self.fail(f"unexpected character U+{ord(char):04X}", start, start + 1, hint=hint)
        else:
            hint = "names consist of ASCII letters, digits and _ $ + - * / = < > ! ? % ." if ord(char) > 127 else None
            if char in "“”„‟«»‘’‚‛":
                hint = 'a string stands in straight quotes: "…"'
        self.fail(f"unexpected `{char}`", start, start + 1, hint=hint)

    def unclosed(self, top: _Frame) -> NoReturn:
        frame = top
        if frame.kind in _WRAPPERS:
            self.fail(f"`{frame.kind}` has no form to apply to", frame.start, frame.start + len(frame.kind), incomplete=True)
        line, column = self.source.position(frame.start)
        more = len(self.stack) - 1
        self.fail(
            f"Unclosed delimiter: `{frame.kind}` opened at line {line}, column {column} was never closed",
            frame.start,
            frame.start + len(frame.kind),
            kind="unclosed-delimiter",
            incomplete=True,
            hint=f"add `{_CLOSER[frame.kind[-1]]}`" + (f"; {more} more open around it" if more else ""),
            notes=self.next_form(frame.start),
        )

    def next_form(self, start: int) -> tuple[str, ...]:
        """A form that begins a line while something is still open: most likely that was to be closed before it."""
        found = self.text.find("\n(", start)
        if found < 0:
            return ()
        return (f"line {self.source.position(found + 1)[0]} begins a new form: the delimiter may be missing before it",)

    def too_deep(self, start: int) -> NoReturn:
        hint = "is a delimiter missing? else divide it into parts"
        self.fail(f"nested more than {MAX_DEPTH:,} deep", start, start + 1, kind="nesting-too-deep", hint=hint)

    def fail(
        self,
        message: str,
        start: int,
        end: int,
        *,
        kind: str = "unexpected-input",
        hint: str | None = None,
        incomplete: bool = False,
        notes: tuple[str, ...] = (),
    ) -> NoReturn:
        error = IncompleteInput if incomplete else ParseError
        raise error(message, kind=kind, span=Span(self.source, start, end), hint=hint, notes=notes)


_WRAPPERS = frozenset({*build.PREFIXES, "^"})


def _word(text: str, at: int) -> str:
    found = _WORD.match(text, at)
    return found[0][:60] if found else ""


def read_forms(source: Source) -> list[Any]:
    """All forms of a text, in order; blank and comment-only texts give none.

    Raises:
        ParseError: the text is not RTFS, with the place and the next step.
        IncompleteInput: it is a beginning of RTFS; more text could complete it.
    """
    # every form is kept, so looking for garbage meanwhile is in vain, and takes more time than the reading
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _Reader(source).read()
    finally:
        if collecting:
            gc.enable()
