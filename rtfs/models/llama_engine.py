"""llama.cpp, held so that it can neither abort the process nor answer differently the second time.

One set of weights per file and process; over it a pool of contexts, each used by one thread at a time (two threads in one
context abort Python).  The library's low-level functions are called directly, because its `Llama` class loads the
weights anew for every context.

Replies are the same bytes cold or warm, in every context and process, because of four rules, each measured:
flash attention is off; no prompt is read in a piece of one token, so at least the last two tokens of a prompt are read
anew; only tokens that were read as prompt are reused, never generated ones; a context holds one sequence.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rtfs.errors import DelegationError

#: Tokens read at once: the time limit is looked at between pieces (0.2 s on one slow core).
PIECE_TOKENS = 128
_CONTEXT_STEP = 2048
_ALL_LAYERS = 0x7FFFFFFF

_library: Any = None
_library_lock = threading.Lock()
_threads_sleep = False
"""Whether waiting threads of llama.cpp sleep; if a host has loaded it first, they may spin."""
_complaints: deque[str] = deque(maxlen=4)
"""The last error lines of llama.cpp, for our own messages."""
_log_callback: Any = None  # llama.cpp keeps the pointer, so the object must live


def library() -> Any:
    """The module `llama_cpp`, prepared; loading it takes 0.1 s and 40 MB.

    Raises:
        ImportError: it is not installed, or its native library cannot be loaded.
    """
    global _library, _threads_sleep
    with _library_lock:
        if _library is None:
            # read when the native library loads: waiting threads must sleep, not spin. On a machine that is busy with
            # something else the default is 12 to 50 times slower
            used_by_host = "llama_cpp" in sys.modules
            if not used_by_host:
                os.environ.setdefault("OMP_WAIT_POLICY", "passive")
            _threads_sleep = os.environ.get("OMP_WAIT_POLICY", "").lower() == "passive"
            try:
                import llama_cpp
            except (RuntimeError, OSError) as error:  # so it reports a native library that does not load
                raise ImportError(str(error)) from error
            if used_by_host:  # its own logging stays; but without a level the package prints every debug line
                log = logging.getLogger("llama-cpp-python")
                log.setLevel(log.level or logging.ERROR)
            else:
                _silence(llama_cpp)
            llama_cpp.llama_backend_init()
            _library = llama_cpp
        return _library


def _silence(lib: Any) -> None:
    """Keep llama.cpp's log off stderr; remember its errors."""
    global _log_callback

    def log(level: int, text: bytes, _: Any) -> None:
        if level == 3:  # GGML_LOG_LEVEL_ERROR
            _complaints.append(text.decode("utf-8", "replace").strip())

    _log_callback = lib.llama_log_callback(log)
    lib.llama_log_set(_log_callback, ctypes.c_void_p(0))


def last_complaint() -> str:
    """What llama.cpp last logged as an error, in parentheses, or nothing."""
    return f" ({_complaints[-1]})" if _complaints else ""


class Weights:
    """A loaded model file: vocabulary and weights, read-only, shared by all contexts."""

    def __init__(self, path: Path) -> None:
        self.lib = lib = library()
        self.path = path
        params = lib.llama_model_default_params()
        params.n_gpu_layers = _ALL_LAYERS if lib.llama_supports_gpu_offload() else 0
        self.model = lib.llama_model_load_from_file(os.fsencode(path), params)
        if not self.model:
            raise DelegationError(
                f"llama.cpp cannot load {path}{last_complaint()}",
                kind="model-unavailable",
                hint="the file may be damaged, or of an architecture that this llama.cpp does not know",
            )
        self.vocab = lib.llama_model_get_vocab(self.model)
        self.n_vocab = int(lib.llama_vocab_n_tokens(self.vocab))
        self.context_tokens = int(lib.llama_model_n_ctx_train(self.model))
        self._adds_bos = bool(lib.llama_vocab_get_add_bos(self.vocab))
        self._bos = int(lib.llama_vocab_bos(self.vocab))
        self._pieces: dict[int, bytes] = {}
        self._buffer_lock = threading.Lock()

    def tokens(self, text: str, *, markers: bool = False) -> list[int]:
        """The tokens of a text; `markers` reads `<|im_start|>` and the like as the special tokens they name."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        out = (ctypes.c_int32 * room)()
        count = self.lib.llama_tokenize(self.vocab, data, len(data), out, room, False, markers)
        if count < 0:
            raise DelegationError("llama.cpp cannot tokenise the prompt", kind="provider-error")
        return list(out[:count])

    def start(self) -> list[int]:
        """The token that every prompt of this model begins with, if there is one."""
        return [self._bos] if self._adds_bos and self._bos >= 0 else []

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for; none for special tokens."""
        found = self._pieces.get(token)
        if found is None:
            buffer = ctypes.create_string_buffer(256)
            length = self.lib.llama_token_to_piece(self.vocab, token, buffer, 256, 0, False)
            found = self._pieces[token] = buffer.raw[: max(0, length)]
        return found

    def ends(self, token: int) -> bool:
        """Whether the token says that the text is complete."""
        return bool(self.lib.llama_vocab_is_eog(self.vocab, token))

    def chat(self, messages: Sequence[tuple[str, str]]) -> list[int] | None:
        """The tokens of a conversation in the model's own template, up to where the answer begins.

        Messages are (role, text).  Markers in the texts stay text, so nothing in them can end a turn.  None when the
        model has no template that llama.cpp knows.
        """
        template = self.lib.llama_model_chat_template(self.model, None)
        if not template:
            return None
        # the template is filled with stand-ins, so that it is read with markers and the texts without
        stand_ins = [f"\x01{i}\x02" for i in range(len(messages))]
        chat = (self.lib.llama_chat_message * len(messages))()
        for slot, (role, _), stand_in in zip(chat, messages, stand_ins, strict=True):
            slot.role, slot.content = role.encode(), stand_in.encode()
        buffer = ctypes.create_string_buffer(4096 + 64 * len(messages))
        length = self.lib.llama_chat_apply_template(template, chat, len(messages), True, buffer, len(buffer))
        if not 0 < length <= len(buffer):
            return None
        rest = buffer.raw[:length].decode("utf-8", "replace")
        out = self.start()
        for (_, text), stand_in in zip(messages, stand_ins, strict=True):
            before, found, rest = rest.partition(stand_in)
            if not found:
                return None
            out += self.tokens(before, markers=True) + self.tokens(text)
        return out + self.tokens(rest, markers=True)

    def close(self) -> None:
        if self.model:
            self.lib.llama_model_free(self.model)
            self.model = None


class Session:
    """One context: the tokens read so far and the logits after the last one. Used by one thread at a time."""

    def __init__(self, weights: Weights, threads_batch: int) -> None:
        self.weights = weights
        self.lib = weights.lib
        self.size = 0
        self.prompt: list[int] = []
        """Tokens in the cache that were read as prompt; what was generated after them is not kept."""
        self.position = 0
        self._threads_batch = threads_batch
        self._context: Any = None
        self._batch = self.lib.llama_batch_init(PIECE_TOKENS, 0, 1)

    def reserve(self, tokens: int) -> None:
        """Make the context large enough; a larger one starts empty."""
        if tokens <= self.size:
            return
        self._free_context()
        size = min(self.weights.context_tokens, -(-tokens // _CONTEXT_STEP) * _CONTEXT_STEP)
        params = self.lib.llama_context_default_params()
        params.n_ctx = size
        params.n_batch = params.n_ubatch = PIECE_TOKENS
        params.n_seq_max = 1
        params.n_threads = 1  # a second one gains 2 % and may cost a factor of 12
        params.n_threads_batch = self._threads_batch
        params.flash_attn_type = 0
        params.no_perf = True
        self._context = self.lib.llama_init_from_model(self.weights.model, params)
        if not self._context:
            raise DelegationError(f"llama.cpp cannot make a context of {size} tokens{last_complaint()}", kind="provider-error")
        self.size = max(size, tokens)
        self.prompt, self.position = [], 0

    def set_threads(self, batch: int) -> None:
        """How many threads read prompts from now on; the number changes nothing but the time."""
        changed, self._threads_batch = batch != self._threads_batch, batch
        if self._context and changed:
            self.lib.llama_set_n_threads(self._context, 1, batch)

    def read(self, tokens: Sequence[int], deadline: float) -> None:
        """Make `tokens` the content of the context, reusing what is already there.

        Raises:
            DelegationError: the deadline (of `time.monotonic`) has passed; what was read by then is kept.
        """
        kept = 0
        limit = min(len(self.prompt), len(tokens) - 2)
        while kept < limit and self.prompt[kept] == tokens[kept]:
            kept += 1
        self.rewind(kept)
        del self.prompt[kept:]
        while self.position < len(tokens):
            check_time(deadline)
            rest = len(tokens) - self.position
            count = min(rest, PIECE_TOKENS if rest != PIECE_TOKENS + 1 else PIECE_TOKENS - 1)
            piece = tokens[self.position : self.position + count]
            self._decode(piece, self.position + count == len(tokens))
            self.prompt.extend(piece)

    def step(self, token: int) -> None:
        """Add one generated token."""
        self._decode((token,), True)

    def rewind(self, position: int) -> None:
        """Forget everything from a position on. The logits are still those of the last token that was read."""
        if position < self.position:
            memory = self.lib.llama_get_memory(self._context)
            if not self.lib.llama_memory_seq_rm(memory, -1, position, -1):
                self.lib.llama_memory_clear(memory, True)
                position = 0
            self.position = position
            del self.prompt[position:]

    def logits(self) -> Any:
        """A copy of the logits after the last token, float32, one for each token of the vocabulary."""
        import numpy as np

        pointer = self.lib.llama_get_logits_ith(self._context, -1)
        return np.ctypeslib.as_array(pointer, shape=(self.weights.n_vocab,)).copy()

    def log_probabilities(self) -> Any:
        """The same as natural logarithms of probabilities, float64."""
        import numpy as np

        x = self.logits().astype(np.float64)
        x -= x.max()
        return x - np.log(np.exp(x).sum())

    def _decode(self, tokens: Sequence[int], wants_logits: bool) -> None:
        batch, count = self._batch, len(tokens)
        batch.n_tokens = count
        for i, token in enumerate(tokens):
            batch.token[i] = token
            batch.pos[i] = self.position + i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = 0
        batch.logits[count - 1] = int(wants_logits)
        code = self.lib.llama_decode(self._context, batch)
        if code != 0:
            self.lib.llama_memory_clear(self.lib.llama_get_memory(self._context), True)
            self.prompt, self.position = [], 0
            message = f"llama.cpp could not go on (code {code}){last_complaint()}"
            raise DelegationError(message, kind="provider-error", retryable=True)
        self.position += count

    def _free_context(self) -> None:
        if self._context:
            self.lib.llama_free(self._context)
        self._context, self.size, self.prompt, self.position = None, 0, [], 0

    def close(self) -> None:
        self._free_context()
        if self._batch is not None:
            self.lib.llama_batch_free(self._batch)
            self._batch = None


class Pool:
    """The contexts over one set of weights. Safe to use from several threads."""

    def __init__(self, weights: Weights, size: int) -> None:
        self.weights = weights
        self.size = size
        self._idle: list[Session] = []
        self._busy = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def session(self, tokens: Sequence[int], deadline: float) -> Iterator[Session]:
        """A context for this thread alone; of the idle ones, the one that has read most of `tokens` already.

        Raises:
            DelegationError: none became free before the deadline.
        """
        with self._changed:
            while self._busy >= self.size:
                if self.size == 0:
                    raise DelegationError("the local model has been closed", kind="model-unavailable")
                check_time(deadline)
                self._changed.wait(max(0.0, deadline - time.monotonic()))
            self._busy += 1
            session = max(self._idle, key=lambda s: _common(s.prompt, tokens), default=None)
            if session is not None:
                self._idle.remove(session)
            # two threads read a prompt nearly twice as fast, as long as the cores have nothing else to do
            threads = 2 if _threads_sleep and self._busy == 1 and self.size > 1 else 1
        try:
            if session is None:
                session = Session(self.weights, threads)
            else:
                session.set_threads(threads)
            yield session
        finally:
            with self._changed:
                self._busy -= 1
                if session is not None:
                    self._idle.append(session)
                self._changed.notify()

    def close(self) -> None:
        """Free contexts and weights, once the calls in progress are done."""
        with self._changed:
            while self._busy:
                self._changed.wait()
            self.size = 0
            self._changed.notify_all()
            for session in self._idle:
                session.close()
            self._idle.clear()
            self.weights.close()


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    count = 0
    for x, y in zip(a, b):
        if x != y:
            break
        count += 1
    return count


def check_time(deadline: float) -> None:
    """Raise when the deadline (of `time.monotonic`) has passed."""
    if time.monotonic() >= deadline:
        raise DelegationError("the local model did not finish in the time allowed", kind="provider-error", retryable=True)


# --- one pool per file and process -----------------------------------------------------------

_pools: dict[Path, tuple[Pool, int]] = {}
_opening: dict[Path, threading.Lock] = {}
_pools_lock = threading.Lock()


def open_pool(path: Path, size: int) -> Pool:
    """The process's pool for a model file, loaded if it is the first use; to be given back with `release_pool`."""
    path = path.resolve()
    with _pools_lock:
        lock = _opening.setdefault(path, threading.Lock())
    with lock:  # one thread loads, the others wait for it; other files are not held up
        with _pools_lock:
            if path in _pools:
                pool, users = _pools[path]
                _pools[path] = (pool, users + 1)
                pool.size = max(pool.size, size)
                return pool
        pool = Pool(Weights(path), size)
        with _pools_lock:
            _pools[path] = (pool, 1)
        return pool


def release_pool(pool: Pool) -> None:
    """Give a pool back; the last user's call frees the memory."""
    with _pools_lock:
        path = pool.weights.path
        found, users = _pools.get(path, (None, 0))
        if found is not pool:
            return
        if users > 1:
            _pools[path] = (pool, users - 1)
            return
        del _pools[path]
    pool.close()
