"""The provider for local models: GGUF files in this process, through llama.cpp.

A request becomes a plan of slots (`result_plan`) and a plain prompt (`local_prompt`).  A slot with few possible values
is answered by comparing the probabilities of its labels, less what each label gets after inputs without content: that
calibration is worth 7 to 9 points of accuracy on average, and costs three short evaluations once per function.
Other slots are written, under a grammar where the type asks for one; temperature and seed concern only these.  Replies
are the same bytes each time, whatever ran before and beside them.

Nothing is loaded before the first request; `availability` does not even import the library.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rtfs.errors import DelegationError, RtfsError, missing_extra
from rtfs.models import quantise, weights
from rtfs.models.grammar_bounds import NotExpressible
from rtfs.models.llama_decoding import InvalidGrammar, Written, score_labels, write
from rtfs.models.llama_engine import Pool, Session, last_complaint, library, open_pool, release_pool
from rtfs.models.local_prompt import CONTENT_FREE, PlainPrompt, chat_messages, content_free, plain_prompt
from rtfs.models.protocol import Availability, ModelReply, ModelRequest, Usage
from rtfs.models.result_plan import (
    Constant,
    Fields,
    Items,
    Labels,
    Line,
    Plan,
    Prose,
    compile_plan,
    items_json,
    line_json,
    written_slots,
)

log = logging.getLogger("rtfs.models")

MAX_CONTEXT_TOKENS = 8192
_MAX_POOL = 8
_MAX_REMEMBERED = 512  # plans and priors
_MARGIN = 16  # tokens of room after a prompt, beyond what an answer needs

T = TypeVar("T")


class LlamaCppProvider:
    """Answers requests with a model file on this machine. Safe to use from several threads.

    Args:
        path_for: the file of a model id; raises DelegationError when there is none. By default `weights.locate` with
            `environ` and `data_dir`.
        cache_dir: where the faster copy of a model file is kept.
        pool_size: how many requests run at once (47 MB each); by default the number of cores, at most 8.
        requantise: make and use the faster copy where it helps.
        calibrate: take the labels' priors off their scores.
    """

    name = "llama.cpp"

    def __init__(
        self,
        path_for: Callable[[str], Path] | None = None,
        *,
        cache_dir: Path,
        environ: Mapping[str, str] | None = None,
        data_dir: Path | None = None,
        pool_size: int | None = None,
        requantise: bool = True,
        calibrate: bool = True,
        max_context_tokens: int = MAX_CONTEXT_TOKENS,
    ) -> None:
        if path_for is None:
            variables: Mapping[str, str] = environ if environ is not None else {}
            folder = data_dir if data_dir is not None else weights.default_data_dir(variables)

            def path_for(model: str) -> Path:
                return weights.locate(model, variables, folder)

        self._path_for = path_for
        self._cache_dir = cache_dir
        self._pool_size = pool_size or min(_MAX_POOL, os.cpu_count() or 1)
        self._requantise = requantise
        self._calibrate = calibrate
        self._max_context_tokens = max_context_tokens
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._pools: dict[Path, Pool] = {}
        self._closed = False
        self._plans: dict[Any, Plan] = {}
        self._priors: dict[Any, Any] = {}

    # --- the protocol ------------------------------------------------------------------------

    def complete(self, request: ModelRequest) -> ModelReply:
        deadline = time.monotonic() + request.timeout_s
        try:
            plan = self._plan(request)
            pool = self._pool(self._path_for(request.model))
            return _Call(self, request, plan, pool, deadline).reply()
        except RtfsError as error:
            if isinstance(error, DelegationError):
                raise
            raise DelegationError(error.message, kind="provider-error") from error
        except NotExpressible as error:
            message = f"a model cannot answer with a value of type {request.result}: {error}"
            raise DelegationError(message, kind="provider-error") from error
        except (OSError, RuntimeError, MemoryError, ValueError) as error:
            message = f"llama.cpp failed: {str(error) or type(error).__name__}{last_complaint()}"
            raise DelegationError(message, kind="provider-error", retryable=True) from error

    def availability(self, model: str) -> Availability:
        if importlib.util.find_spec("llama_cpp") is None:
            error = _not_installed()
            return Availability(usable=False, detail=error.message, hint=error.hint)
        try:
            return Availability(usable=True, detail=str(self._path_for(model)))
        except RtfsError as error:
            return Availability(usable=False, detail=error.message, hint=error.hint)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            pools = list(self._pools.values())
            self._pools.clear()
        for pool in pools:
            release_pool(pool)

    # --- what a call needs -------------------------------------------------------------------

    def _plan(self, request: ModelRequest) -> Plan:
        key = (request.result, tuple(request.aliases.items()), request.function)

        def compiled() -> Plan:
            return compile_plan(request.result, request.aliases, function=request.function)

        try:
            hash(key)
        except TypeError:  # an operand of a predicate that has no hash
            return compiled()
        return self._remembered(self._plans, key, compiled)

    def prior(self, key: Any, make: Callable[[], Any]) -> Any:
        """What labels score without content; the same for the same key, so it does not matter which call computes it."""
        return self._remembered(self._priors, key, make)

    def _remembered(self, table: dict[Any, T], key: Any, make: Callable[[], T]) -> T:
        with self._lock:
            if key in table:
                return table[key]
        made = make()
        with self._lock:
            while len(table) >= _MAX_REMEMBERED:
                table.pop(next(iter(table)))
            return table.setdefault(key, made)

    def _pool(self, path: Path) -> Pool:
        with self._lock:
            if path in self._pools:
                return self._pools[path]
        with self._opening:
            with self._lock:
                if self._closed:
                    raise DelegationError("the provider has been closed", kind="model-unavailable")
                if path in self._pools:
                    return self._pools[path]
            pool = self._open(path)
            with self._lock:
                if not self._closed:
                    self._pools[path] = pool
                    return pool
        release_pool(pool)
        raise DelegationError("the provider has been closed", kind="model-unavailable")

    def _open(self, path: Path) -> Pool:
        try:
            lib = library()
        except ImportError as error:
            raise _not_installed() from error
        if self._requantise:
            try:
                copy = quantise.faster_copy(path, self._cache_dir, lib)
            except (OSError, RuntimeError) as error:
                log.warning("no faster copy of %s could be made (%s); it is used as it is", path, error)
                copy = path
            if copy != path:
                try:
                    return open_pool(copy, self._pool_size)
                except DelegationError:  # a damaged copy: the next process makes a new one
                    log.warning("the faster copy %s cannot be loaded; it is removed", copy)
                    copy.unlink(missing_ok=True)
        return open_pool(path, self._pool_size)

    @property
    def calibrates(self) -> bool:
        return self._calibrate

    @property
    def max_context_tokens(self) -> int:
        return self._max_context_tokens


def _not_installed() -> DelegationError:
    error = missing_extra("llama-cpp-python", "local", "A local model")
    return DelegationError(error.message, kind="model-unavailable", hint=error.hint)


class _Call:
    """One request on its way to a reply."""

    def __init__(self, provider: LlamaCppProvider, request: ModelRequest, plan: Plan, pool: Pool, deadline: float) -> None:
        self.provider = provider
        self.request = request
        self.plan = plan
        self.pool = pool
        self.weights = pool.weights
        self.deadline = deadline
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.to_write = written_slots(plan)
        self.score: float | None = None
        self.mass: float | None = None
        self.finish = "stop"

    def reply(self) -> ModelReply:
        if isinstance(self.plan, Prose):
            text = self._prose(self.plan)
        else:
            prompt = plain_prompt(self.request, self.plan)
            start = self.weights.start() + self.weights.tokens(prompt.head + prompt.inputs)
            with self.pool.session(start, self.deadline) as session:
                text = self._slots(session, prompt, start, self.plan, None)
            self.prompt_tokens += len(start)
        return ModelReply(
            text=text,
            usage=Usage(prompt_tokens=self.prompt_tokens, completion_tokens=self.completion_tokens),
            score=self.score,
            label_mass=self.mass,
            finish_reason=self.finish,
            model=self.weights.path.name,
        )

    def _prose(self, plan: Prose) -> str:
        tokens = self.weights.chat(chat_messages(self.request))
        stops: tuple[str, ...] = ()
        if tokens is None:
            prompt = plain_prompt(self.request, plan)
            tokens = self.weights.start() + self.weights.tokens(prompt.head + prompt.inputs + prompt.slot())
            stops = ("\n\n",)
        with self.pool.session(tokens, self.deadline) as session:
            self._read(session, tokens, self.request.max_tokens)
            self.prompt_tokens += len(tokens)
            return self._write(session, stops=stops, max_chars=plan.max_chars).text.strip()

    def _slots(self, session: Session, prompt: PlainPrompt, start: list[int], plan: Plan, label: str | None) -> str:
        """The JSON of a plan's answer; `label` says in words which part of the result it is."""
        if isinstance(plan, Constant):
            return plan.json
        if isinstance(plan, Fields):
            entries = []
            for field in plan.fields:
                inner = field.label if label is None else f"{label} {field.label}"
                text = self._slots(session, prompt, start, field.plan, inner)
                if not (field.optional and text == "null"):
                    entries.append(f"{field.json_key}: {text}")
            return "{" + ", ".join(entries) + "}"
        asked = prompt.slot(label[:1].upper() + label[1:] if label else None)
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
        if self.provider.calibrates and self.request.parameters:
            key = (self.weights.path, prompt.head, tuple(p.name for p in self.request.parameters), tuple(slot), plan.texts)
            prior = self.provider.prior(key, lambda: self._prior(session, prompt, slot, labels))
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
            tokens = self.weights.start() + self.weights.tokens(prompt.head + content_free(self.request, text)) + slot
            total = total + self._scores(session, tokens, labels)
        return total / len(CONTENT_FREE)

    def _scores(self, session: Session, tokens: list[int], labels: list[list[int]]) -> Any:
        self._read(session, tokens, max(map(len, labels)))
        return score_labels(session, labels, self.deadline)

    def _label_tokens(self, plan: Labels) -> list[list[int]]:
        """The labels' tokens. One that is the beginning of another gets a line break, so that both can win."""
        tokens = [self.weights.tokens(" " + text) for text in plan.texts]
        whole = [tuple(t) for t in tokens]
        beginnings = {t[:n] for t in whole for n in range(1, len(t))}
        end = self.weights.tokens("\n")
        return [[*t, *end] if tuple(t) in beginnings or whole.count(tuple(t)) > 1 else t for t in tokens]

    # --- reading and writing -----------------------------------------------------------------

    def _read(self, session: Session, tokens: Sequence[int], answer_tokens: int) -> None:
        limit = min(self.provider.max_context_tokens, self.weights.context_tokens)
        if len(tokens) + _MARGIN > limit:
            raise DelegationError(
                f"the prompt has {len(tokens)} tokens, and the model takes {limit - _MARGIN}",
                kind="prompt-too-long",
                hint="shorten the arguments, or pass them to the function in parts",
            )
        session.reserve(min(limit, len(tokens) + answer_tokens + _MARGIN))
        session.read(tokens, self.deadline)

    def _write(
        self, session: Session, *, stops: Sequence[str], max_chars: int | None = None, grammar: str | None = None
    ) -> Written:
        # every slot that is still to be written has a fair share of what is left
        share = (self.request.max_tokens - self.completion_tokens) // max(1, self.to_write)
        self.to_write -= 1
        written = write(
            session,
            max_tokens=max(1, share),
            deadline=self.deadline,
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
