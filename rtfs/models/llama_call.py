"""One request to a local model on its way to a reply: its prompt, slot by slot, and what is made of the answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rtfs.errors import DelegationError
from rtfs.models.llama_decoding import InvalidGrammar, Written, drained, score_labels, writing
from rtfs.models.llama_limits import CallLimit
from rtfs.models.llama_pool import Pool
from rtfs.models.llama_session import Session
from rtfs.models.llama_weights import Weights
from rtfs.models.local_prompt import CONTENT_FREE, PlainPrompt, chat_messages, content_free, plain_prompt, slot_labels
from rtfs.models.protocol import ModelReply, ModelRequest, Usage
from rtfs.models.result_plan import (
    Constant,
    Fields,
    Items,
    Labels,
    Line,
    Plan,
    Prose,
    items_json,
    line_json,
    written_slots,
)

log = logging.getLogger("rtfs.models")

_MARGIN = 16  # tokens of room after a prompt, beyond what an answer needs


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """How a provider asks one model."""

    form: str
    """Of typed results: `plain`, a text to be continued, or `chat`, a conversation in the model's own template."""
    prose_form: str
    """Of free text, likewise."""
    max_context_tokens: int
    prior: Callable[[Any, Callable[[], Any]], Any] | None
    """Gives what is remembered under a key, or made anew; None: labels are compared as they score."""


class Call:
    """One request on its way to a reply."""

    def __init__(
        self, request: ModelRequest, plan: Plan, pool: Pool, weights: Weights, settings: CallSettings, limit: CallLimit
    ) -> None:
        self.request = request
        self.plan = plan
        self.pool = pool
        self.weights = weights
        self.settings = settings
        self.limit = limit
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.to_write = written_slots(plan)
        self.score: float | None = None
        self.mass: float | None = None
        self.finish = "stop"

    def reply(self) -> ModelReply:
        return drained(self.pieces())

    def pieces(self) -> Generator[str, None, ModelReply]:
        """The text of the reply, piece by piece as it becomes certain, and the reply."""
        if isinstance(self.plan, Prose):
            text = yield from self._prose(self.plan)
        else:
            prompt = plain_prompt(self.request, self.plan)
            start = self._start(prompt, prompt.inputs)
            parts: list[str] = []
            with self.pool.session(self.weights, start, self.limit) as session:
                for part in self._slots(session, prompt, start, self.plan, None):
                    parts.append(part)
                    yield part
            text = "".join(parts)
            self.prompt_tokens += len(start)
        return ModelReply(
            text=text,
            usage=Usage(prompt_tokens=self.prompt_tokens, completion_tokens=self.completion_tokens),
            score=self.score,
            label_mass=self.mass,
            finish_reason=self.finish,
            model=self.weights.path.name,
        )

    def prompt_length(self) -> int:
        """Tokens of the prompt, as the reply will say; nothing is asked."""
        if isinstance(self.plan, Prose):
            return len(self._prose_start(self.plan)[0])
        prompt = plain_prompt(self.request, self.plan)
        labels = slot_labels(self.plan)
        slots = [prompt.slot(_capital(label)) for label in labels] if isinstance(self.plan, Fields) else [prompt.slot()]
        return len(self._start(prompt, prompt.inputs)) + sum(len(self.weights.tokens(slot)) for slot in slots)

    def _start(self, prompt: PlainPrompt, inputs: str) -> list[int]:
        """The tokens of a prompt with these inputs, up to where a slot begins."""
        if self.settings.form == "chat":
            tokens = self.weights.chat(prompt.turns(inputs))
            if tokens is not None:
                return tokens
        return self.weights.start() + self.weights.tokens(prompt.head + inputs)

    def _prose(self, plan: Prose) -> Generator[str, None, str]:
        tokens, stops = self._prose_start(plan)
        told = 0
        with self.pool.session(self.weights, tokens, self.limit) as session:
            self._read(session, tokens, self.request.max_tokens)
            self.prompt_tokens += len(tokens)
            steps = self._writing(session, stops=stops, max_chars=plan.max_chars)
            while True:
                try:
                    # blanks at the end may turn out to be the end, or the beginning of a stop
                    sure = next(steps).strip()
                except StopIteration as end:
                    written: Written = end.value
                    break
                if len(sure) > told:
                    yield sure[told:]
                    told = len(sure)
        text = written.text.strip()
        if len(text) > told:
            yield text[told:]
        return text

    def _prose_start(self, plan: Prose) -> tuple[list[int], tuple[str, ...]]:
        """The whole prompt of free text, and what ends the answer: in a conversation when the model knows how one is written."""
        tokens = self.weights.chat(chat_messages(self.request)) if self.settings.prose_form == "chat" else None
        if tokens is not None:
            return tokens, ()
        prompt = plain_prompt(self.request, plan)
        return self.weights.start() + self.weights.tokens(prompt.head + prompt.inputs + prompt.slot()), ("\n\n",)

    def _slots(self, session: Session, prompt: PlainPrompt, start: list[int], plan: Plan, label: str | None) -> Iterator[str]:
        """The JSON of a plan's answer, slot by slot; `label` says in words which part of the result it is."""
        if isinstance(plan, Fields):
            before = "{"
            for field in plan.fields:
                inner = field.label if label is None else f"{label} {field.label}"
                parts = self._slots(session, prompt, start, field.plan, inner)
                first = next(parts)
                if field.optional and first == "null":  # the whole of it: no slot gives `null` and then more
                    continue
                yield f"{before}{field.json_key}: {first}"
                yield from parts
                before = ", "
            yield "{}" if before == "{" else "}"
        else:
            yield plan.json if isinstance(plan, Constant) else self._slot(session, prompt, start, plan, label)

    def _slot(self, session: Session, prompt: PlainPrompt, start: list[int], plan: Plan, label: str | None) -> str:
        """The JSON of one slot."""
        asked = prompt.slot(_capital(label) if label else None)
        slot = self.weights.tokens(asked)
        self.prompt_tokens += len(slot)
        if isinstance(plan, Labels):
            return self._label(session, prompt, start, slot, plan)
        assert isinstance(plan, (Line, Items))
        self._read(session, start + slot, self.request.max_tokens)
        longest = plan.max_chars if isinstance(plan, Line) and plan.grammar is None else None
        try:
            written = self._write(session, stops=("\n",), grammar=plan.grammar, max_chars=longest)
        except InvalidGrammar:
            log.warning("a grammar of ours was refused; the reply is written without it")
            written = self._write(session, stops=("\n",))
        return line_json(plan, written.text) if isinstance(plan, Line) else items_json(plan, written.text)

    # --- labels ------------------------------------------------------------------------------

    def _label(self, session: Session, prompt: PlainPrompt, start: list[int], slot: list[int], plan: Labels) -> str:
        import numpy as np

        labels = self._label_tokens(plan)
        prior: Any = 0.0
        if self.settings.prior is not None and self.request.parameters:
            names = tuple(p.name for p in self.request.parameters)
            key = (self.weights.path, self.settings.form, prompt.head, names, tuple(slot), plan.texts)
            prior = self.settings.prior(key, lambda: self._prior(session, prompt, slot, labels))
        scores = self._scores(session, start + slot, labels)
        best_first = np.exp(scores - prior - (scores - prior).max())
        best = int(best_first.argmax())
        self.score = _least(self.score, float(best_first[best] / best_first.sum()))
        self.mass = _least(self.mass, min(1.0, float(np.exp(scores).sum())))
        self.completion_tokens += len(labels[best])
        return plan.jsons[best]

    def _prior(self, session: Session, prompt: PlainPrompt, slot: list[int], labels: list[list[int]]) -> Any:
        total: Any = 0.0
        for text in CONTENT_FREE:
            tokens = self._start(prompt, content_free(self.request, text)) + slot
            total = total + self._scores(session, tokens, labels)
        return total / len(CONTENT_FREE)

    def _scores(self, session: Session, tokens: list[int], labels: list[list[int]]) -> Any:
        self._read(session, tokens, max(map(len, labels)))
        return score_labels(session, labels)

    def _label_tokens(self, plan: Labels) -> list[list[int]]:
        """The labels' tokens. One that is the beginning of another gets a line break, so that both can win."""
        tokens = [self.weights.tokens(" " + text) for text in plan.texts]
        whole = [tuple(t) for t in tokens]
        beginnings = {t[:n] for t in whole for n in range(1, len(t))}
        end = self.weights.tokens("\n")
        return [[*t, *end] if tuple(t) in beginnings or whole.count(tuple(t)) > 1 else t for t in tokens]

    # --- reading and writing -----------------------------------------------------------------

    def _read(self, session: Session, tokens: Sequence[int], answer_tokens: int) -> None:
        limit = min(self.settings.max_context_tokens, self.weights.context_tokens)
        if len(tokens) + _MARGIN > limit:
            raise DelegationError(
                f"the prompt has {len(tokens)} tokens, and the model takes {limit - _MARGIN}",
                kind="prompt-too-long",
                hint="shorten the arguments, or pass them to the function in parts",
            )
        session.reserve(min(limit, len(tokens) + answer_tokens + _MARGIN))
        session.read(tokens)

    def _write(self, session: Session, **how: Any) -> Written:
        return drained(self._writing(session, **how))

    def _writing(
        self, session: Session, *, stops: Sequence[str], max_chars: int | None = None, grammar: str | None = None
    ) -> Generator[str, None, Written]:
        # every slot that is still to be written has a fair share of what is left
        share = (self.request.max_tokens - self.completion_tokens) // max(1, self.to_write)
        self.to_write -= 1
        written = yield from writing(
            session,
            max_tokens=max(1, share),
            grammar=grammar,
            stops=stops,
            max_chars=max_chars,
            temperature=self.request.temperature,
            seed=self.request.seed,
        )
        self.completion_tokens += written.tokens
        if not written.complete:
            self.finish = "length"
        return written


def _least(a: float | None, b: float) -> float:
    return b if a is None else min(a, b)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
