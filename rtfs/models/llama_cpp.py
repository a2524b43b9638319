"""The provider for local models: GGUF files in this process, through llama.cpp.

A request becomes a plan of slots (`result_plan`) and a prompt (`local_prompt`).  A slot with few possible values
is answered by comparing the probabilities of its labels, less what each label gets after inputs without content: that
calibration is worth 7 to 9 points of accuracy on average, and costs three short evaluations once per function.
Other slots are written, under a grammar where the type asks for one; temperature and seed concern only these.  Replies
are the same bytes each time, whatever ran before and beside them.

Nothing is loaded before the first request; `availability` does not even import the library.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rtfs.errors import DelegationError, RtfsError, missing_extra
from rtfs.models import quantise, weights
from rtfs.models.fingerprint import fingerprint
from rtfs.models.grammar_bounds import NotExpressible
from rtfs.models.llama_call import Call, CallSettings
from rtfs.models.llama_library import installed_version, last_complaint, library
from rtfs.models.llama_limits import CallLimit
from rtfs.models.llama_pool import Pool, open_pool, release_pool
from rtfs.models.llama_weights import Loading, Weights
from rtfs.models.local_profile import Profile
from rtfs.models.offload import Offload
from rtfs.models.protocol import Availability, Chunk, ModelReply, ModelRequest
from rtfs.models.result_plan import Plan, compile_plan
from rtfs.semantics.stopping import Stop, Stopped

log = logging.getLogger("rtfs.models")

MAX_CONTEXT_TOKENS = 8192
_MAX_POOL = 8
_MAX_REMEMBERED = 512  # plans and priors
GPU_LAYERS_VARIABLE = "RTFS_GPU_LAYERS"

T = TypeVar("T")


class LlamaCppProvider:
    """Answers requests with a model file on this machine. Safe to use from several threads.

    Args:
        path_for: the file of a model id; raises DelegationError when there is none. By default `weights.locate` with
            `environ` and `data_dir`.
        profile_for: how a model id is asked; by default what was noted when it was added.
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
        profile_for: Callable[[str], Profile] | None = None,
        environ: Mapping[str, str] | None = None,
        data_dir: Path | None = None,
        pool_size: int | None = None,
        requantise: bool = True,
        calibrate: bool = True,
        max_context_tokens: int = MAX_CONTEXT_TOKENS,
    ) -> None:
        variables: Mapping[str, str] = environ if environ is not None else {}
        if path_for is None:
            folder = data_dir if data_dir is not None else weights.default_data_dir(variables)

            def path_for(model: str) -> Path:
                return weights.locate(model, variables, folder)

            if profile_for is None:

                def profile_for(model: str) -> Profile:
                    return weights.profile(model, variables, folder)

        self._path_for = path_for
        self._profile_for = profile_for or (lambda model: Profile())
        self._gpu_layers = variables.get(GPU_LAYERS_VARIABLE, "").strip()
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
        limit = CallLimit(time.monotonic() + request.timeout_s, request.stop)
        with _translated(request), self._call(request, limit) as call:
            return call.reply()

    def stream(self, request: ModelRequest) -> LocalStream:
        """The same reply while it is written: text token by token, records slot by slot."""
        given_up = Stop()
        limit = CallLimit(time.monotonic() + request.timeout_s, request.stop, given_up)

        def pieces() -> Iterator[Chunk | ModelReply]:
            with _translated(request), self._call(request, limit) as call:
                steps = call.pieces()
                while True:
                    try:
                        yield Chunk(text=next(steps))
                    except StopIteration as end:
                        yield end.value
                        return

        return LocalStream(pieces(), given_up)

    def count_tokens(self, request: ModelRequest) -> int:
        """Tokens of a request's prompt; where the model cannot be loaded, its bytes, of which no token has less than one."""
        try:
            with _translated(request), self._call(request, CallLimit.of_seconds(request.timeout_s)) as call:
                return call.prompt_length()
        except DelegationError:
            texts = [request.doc, request.function, *(str(parameter.value) for parameter in request.parameters)]
            return sum(len(text.encode("utf-8", "replace")) for text in texts)

    def embed(self, model: str, texts: Sequence[str], *, timeout_s: float = 60.0) -> list[list[float]]:
        """A vector of length 1 for each text, from a model that was made for it.

        Raises:
            DelegationError: `model-unavailable` when the model was not; `prompt-too-long`; and as `complete`.
        """
        from rtfs.models.llama_embedding import embed

        with _foreign(), self._pool(model).lease() as loaded:
            return embed(loaded, texts, CallLimit.of_seconds(timeout_s))

    def version(self, model: str) -> str | None:
        """What replies of a model depend on besides the request: its file, how it is asked, and what computes them, since another
        order of additions can tip a close decision. None when it cannot be had.

        The file's SHA-256 where it is noted, else its size with both ends; the same on another machine.
        """
        try:
            path = self._path_for(model)
            profile = self._profile_for(model)
            identity = profile.sha256 or fingerprint(path)
        except (DelegationError, OSError):
            return None
        weights_are = "q8" if self._requantise else "as it is"
        labels_are = "calibrated" if self._calibrate else "raw"
        layers = self._gpu_layers if profile.gpu_layers is None else profile.gpu_layers
        room = "" if self._max_context_tokens == MAX_CONTEXT_TOKENS else f" {self._max_context_tokens} tokens"
        return f"{identity} {profile.form} {weights_are} {labels_are} {installed_version()} {layers}{room}".rstrip()

    def availability(self, model: str) -> Availability:
        if importlib.util.find_spec("llama_cpp") is None:
            error = _not_installed()
            return Availability(usable=False, detail=error.message, hint=error.hint)
        try:
            return Availability(usable=True, detail=str(self._path_for(model)))
        except RtfsError as error:
            return Availability(usable=False, detail=error.message, hint=error.hint)

    def offload(self, model: str) -> Offload:
        """Where a model runs, and why there; it is loaded for this.

        Raises:
            DelegationError: it cannot be.
        """
        with _foreign(), self._pool(model).lease() as loaded:
            return loaded.offload

    @contextlib.contextmanager
    def lease(self, model: str) -> Iterator[tuple[Pool, Weights]]:
        """The pool and weights of a model, for measurements."""
        with _foreign():
            pool = self._pool(model)
            with pool.lease() as loaded:
                yield pool, loaded

    def at_once(self, model: str) -> int:
        """How many requests run at once: one in each context of the pool, whose own queue is not fair."""
        return self._pool_size

    def unload(self) -> int:
        """Free the weights and contexts that no call is using; how many models that were. The next call loads them again."""
        with self._lock:
            pools = list(self._pools.values())
        return sum(pool.unload() for pool in pools)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            pools = list(self._pools.values())
            self._pools.clear()
        for pool in pools:
            release_pool(pool)

    # --- what a call needs -------------------------------------------------------------------

    @contextlib.contextmanager
    def _call(self, request: ModelRequest, limit: CallLimit) -> Iterator[Call]:
        plan = self._plan(request)
        pool = self._pool(request.model)
        with pool.lease() as loaded:
            yield Call(request, plan, pool, loaded, self._settings(request.model, loaded), limit)

    def _settings(self, model: str, loaded: Weights) -> CallSettings:
        profile = self._profile_for(model)
        return CallSettings(
            form=profile.typed_form(loaded.shape),
            prose_form=profile.prose_form(loaded.shape),
            max_context_tokens=self._max_context_tokens,
            prior=self._prior if self._calibrate else None,
        )

    def _plan(self, request: ModelRequest) -> Plan:
        key = (request.result, tuple(request.aliases.items()), request.function)

        def compiled() -> Plan:
            return compile_plan(request.result, request.aliases, function=request.function)

        try:
            hash(key)
        except TypeError:  # an operand of a predicate that has no hash
            return compiled()
        return self._remembered(self._plans, key, compiled)

    def _prior(self, key: Any, make: Callable[[], Any]) -> Any:
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

    def _pool(self, model: str) -> Pool:
        path = self._path_for(model)
        with self._lock:
            if path in self._pools:
                return self._pools[path]
        with self._opening:
            with self._lock:
                if self._closed:
                    raise DelegationError("the provider has been closed", kind="model-unavailable")
                if path in self._pools:
                    return self._pools[path]
            pool = self._open(path, self._loading(model))
            with self._lock:
                if not self._closed:
                    self._pools[path] = pool
                    return pool
        release_pool(pool)
        raise DelegationError("the provider has been closed", kind="model-unavailable")

    def _loading(self, model: str) -> Loading:
        layers = self._profile_for(model).gpu_layers
        if layers is None and self._gpu_layers not in ("", "auto"):
            if not self._gpu_layers.isdecimal():
                raise DelegationError(
                    f"{GPU_LAYERS_VARIABLE} is {self._gpu_layers!r}",
                    kind="model-unavailable",
                    hint="it is `auto`, or a number of layers; 0 switches the GPU off",
                )
            layers = int(self._gpu_layers)
        return Loading(contexts=self._pool_size, gpu_layers=layers)

    def _open(self, path: Path, loading: Loading) -> Pool:
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
                    return open_pool(copy, loading)
                except DelegationError as error:
                    if error.retryable:  # no memory: the file itself takes hardly less
                        raise
                    log.warning("the faster copy %s cannot be loaded; it is removed", copy)
                    copy.unlink(missing_ok=True)  # damaged: the next process makes a new one
        return open_pool(path, loading)


class LocalStream:
    """A reply that is being written; see `protocol.ReplyStream`. Its context is its own until it is over, or closed."""

    def __init__(self, pieces: Iterator[Chunk | ModelReply], given_up: Stop) -> None:
        self._pieces = pieces
        self._given_up = given_up

    def __iter__(self) -> Iterator[Chunk | ModelReply]:
        return self

    def __next__(self) -> Chunk | ModelReply:
        try:
            return next(self._pieces)
        except Stopped:
            if not self._given_up.is_set:  # whoever made the request has
                raise
            raise DelegationError("the stream was cancelled", kind="provider-error") from None

    def cancel(self) -> None:
        """End it from another thread."""
        self._given_up.set()

    def close(self) -> None:
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()


def _not_installed() -> DelegationError:
    error = missing_extra("llama-cpp-python", "local", "A local model")
    return DelegationError(error.message, kind="model-unavailable", hint=error.hint)


@contextlib.contextmanager
def _foreign() -> Iterator[None]:
    """Errors of llama.cpp and of the system become DelegationErrors."""
    try:
        yield
    except DelegationError:
        raise
    except RtfsError as error:
        raise DelegationError(error.message, kind="provider-error") from error
    except (OSError, RuntimeError, MemoryError, ValueError) as error:
        message = f"llama.cpp failed: {str(error) or type(error).__name__}{last_complaint()}"
        raise DelegationError(message, kind="provider-error", retryable=True) from error


@contextlib.contextmanager
def _translated(request: ModelRequest) -> Iterator[None]:
    with _foreign():
        try:
            yield
        except NotExpressible as error:
            message = f"a model cannot answer with a value of type {request.result}: {error}"
            raise DelegationError(message, kind="provider-error") from error
