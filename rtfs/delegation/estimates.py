"""How many tokens a prompt has, before anybody has counted them: a high estimate, for any model.

All calls of a function have the same prompt but for their operands, so the rest is weighed once for it.
"""

from __future__ import annotations

import json
from dataclasses import fields
from operator import attrgetter

from rtfs.models.prompt import ReplyShape, argument_text, call_text, chat_messages, mark_of, retry_messages
from rtfs.models.protocol import ModelRequest

#: What the protocol adds to each message and to the whole (four tokens a message with OpenAI's models), generously.
_TOKENS_PER_MESSAGE = 8
_MOST_FUNCTIONS = 1_000
#: Of a request: what is not the same for all calls of a function, and what no prompt shows.
_OTHERS = frozenset(
    ("parameters", "model", "previous", "rules", "max_tokens", "temperature", "seed", "timeout_s", "answer_now", "stop")
)
#: All the others, as one tuple: tuples compare what is the same object without a look at it.
_shared_of = attrgetter(*[field.name for field in fields(ModelRequest) if field.name not in _OTHERS])

#: Letters and blanks of a text; what all its other signs count.
Weight = tuple[int, int]


class _Fixed:
    """What the prompts of a function have in common."""

    __slots__ = ("letters", "others", "shared", "signature", "tokens")

    def __init__(self, request: ModelRequest, texts: list[str]) -> None:
        shape = ReplyShape.of(request.result, request.aliases.get)
        call = call_text(request, tuple([p.value for p in request.parameters]), shape)
        self.shared = _shared_of(request)
        self.signature = [(p.name, p.type) for p in request.parameters]
        #: Of everything but the call.
        self.tokens = generous_tokens(request) - estimated_tokens(call)
        varying = [weight_of(text) for text in _varying(texts)]
        letters, others = weight_of(call)
        #: Of the call without its operands.
        self.letters = letters - sum([one for one, _ in varying])
        self.others = others - sum([other for _, other in varying])

    def holds(self, request: ModelRequest) -> bool:
        """Whether a request is one more call of the function."""
        return self.shared == _shared_of(request) and self.signature == [(p.name, p.type) for p in request.parameters]


class Estimates:
    """Estimates prompts. Safe to use from several threads."""

    def __init__(self) -> None:
        self._fixed: dict[tuple[str, int], _Fixed] = {}

    def tokens(self, request: ModelRequest) -> int:
        """The same as `generous_tokens`, in a quarter of its time."""
        if request.previous is not None or request.rounds:
            return generous_tokens(request)
        texts = [argument_text(p.value) for p in request.parameters]
        key = (request.function, id(request.result))
        fixed = self._fixed.get(key)
        if fixed is None or not fixed.holds(request):
            if len(self._fixed) >= _MOST_FUNCTIONS:
                self._fixed.clear()
            fixed = self._fixed[key] = _Fixed(request, texts)
        letters, others = weight_of("".join(_varying(texts)))
        return fixed.tokens + _tokens(fixed.letters + letters, fixed.others + others)


def _varying(texts: list[str]) -> list[str]:
    """What of the text of a call depends on its operands: they themselves, and the mark before and after each."""
    return [*texts, mark_of(texts) * (2 * len(texts))]


def generous_tokens(request: ModelRequest) -> int:
    """A high estimate of the tokens of a request's prompt, for any model."""
    shape = ReplyShape.of(request.result, request.aliases.get)
    messages = [*chat_messages(request, shape), *retry_messages(request, shape)]
    schema = 0 if shape.schema is None else estimated_tokens(json.dumps(shape.schema))
    for tool in request.tools:
        schema += estimated_tokens(tool.name + tool.doc + json.dumps(tool.schema)) + _TOKENS_PER_MESSAGE
    for done in request.rounds:
        texts = [done.text, *[c.id + c.name + c.arguments for c in done.calls], *[r.id + r.text for r in done.results]]
        schema += sum([estimated_tokens(text) + _TOKENS_PER_MESSAGE for text in texts])
    return schema + _TOKENS_PER_MESSAGE + sum([estimated_tokens(m["content"]) + _TOKENS_PER_MESSAGE for m in messages])


def estimated_tokens(text: str) -> int:
    """As many as a tokenizer makes of a text, or more: two tokens for every five letters and blanks, one for every other sign of
    ASCII (some take digits one by one), and for a sign beyond ASCII as many as it has bytes, less one.

    With SmolLM2's tokenizer, which knows little but English, that is 1.5 to 2 times the real number for English, programs and JSON,
    about the number for German, Russian, Chinese and Japanese, and 0.85 of it for Arabic and for hexadecimal digits. Larger
    vocabularies need fewer.
    """
    return _tokens(*weight_of(text))


def weight_of(text: str) -> Weight:
    """What a text counts, so that the weights of its parts add up to its own."""
    raw = text.encode("utf-8", "surrogatepass")
    others = len(raw.translate(None, _LETTERS))  # bytes
    beyond = len(raw) - len(text)
    wide = sum([byte >= 0x80 for byte in raw]) if beyond else 0
    return len(raw) - others, others - wide + beyond


def _tokens(letters: int, others: int) -> int:
    return -(-2 * letters // 5) + others


_LETTERS = b" abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
