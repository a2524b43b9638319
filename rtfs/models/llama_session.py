"""One context of llama.cpp, held so that it can neither abort the process nor answer differently the second time.

Replies are the same bytes cold or warm, in every context and process, because of four rules, each measured:
flash attention is off; no prompt is read in a piece of one token, so at least the last two tokens of a prompt are read
anew; only tokens that were read as prompt are reused, never generated ones; a context holds one sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rtfs.errors import DelegationError
from rtfs.models.llama_library import last_complaint
from rtfs.models.llama_limits import CallLimit
from rtfs.models.llama_weights import CONTEXT_STEP, Weights

#: Tokens read at once: the time limit is looked at between pieces too (0.2 s on one slow core).
PIECE_TOKENS = 128
#: What llama_decode gives when it was stopped.
_STOPPED = 2


class Session:
    """One context: the tokens read so far and the logits after the last one. Used by one thread at a time.

    Args:
        threads: how many threads are to compute so many tokens at once, asked each time; changes nothing but the time.
    """

    def __init__(self, weights: Weights, threads: Callable[[int], int]) -> None:
        self.weights = weights
        self.lib = weights.lib
        self.size = 0
        self.prompt: list[int] = []
        """Tokens in the cache that were read as prompt; what was generated after them is not kept."""
        self.position = 0
        self._threads = threads
        self._threads_set = 1
        self._context: Any = None
        self._limit: CallLimit | None = None
        self._batch = self.lib.llama_batch_init(PIECE_TOKENS, 0, 1)

    def begin(self, limit: CallLimit) -> None:
        """What is done from now on heeds a limit."""
        self._limit = limit
        if self._context:
            limit.guard(self.lib, self._context)

    def reserve(self, tokens: int) -> None:
        """Make the context large enough; a larger one starts empty."""
        if tokens <= self.size:
            return
        self._free_context()
        size = min(self.weights.context_tokens, -(-tokens // CONTEXT_STEP) * CONTEXT_STEP)
        params = self.lib.llama_context_default_params()
        params.n_ctx = size
        params.n_batch = params.n_ubatch = PIECE_TOKENS
        params.n_seq_max = 1
        params.n_threads = params.n_threads_batch = 1
        params.flash_attn_type = 0
        if not self.weights.offload.layers:  # else a GPU that has no room would be given the cache and large products
            params.offload_kqv = params.op_offload = False
        params.no_perf = True
        self._context = self.lib.llama_init_from_model(self.weights.model, params)
        if not self._context:
            raise DelegationError(f"llama.cpp cannot make a context of {size} tokens{last_complaint()}", kind="provider-error")
        if self._limit is not None:
            self._limit.guard(self.lib, self._context)
        self._threads_set = 1
        self.size = max(size, tokens)
        self.prompt, self.position = [], 0

    def read(self, tokens: Sequence[int]) -> None:
        """Make `tokens` the content of the context, reusing what is already there.

        Raises:
            DelegationError: the limit has passed; Stopped: the call was given up.
        """
        kept = 0
        limit = min(len(self.prompt), len(tokens) - 2)
        while kept < limit and self.prompt[kept] == tokens[kept]:
            kept += 1
        self.rewind(kept)
        del self.prompt[kept:]
        while self.position < len(tokens):
            self.check()
            rest = len(tokens) - self.position
            count = min(rest, PIECE_TOKENS if rest != PIECE_TOKENS + 1 else PIECE_TOKENS - 1)
            piece = tokens[self.position : self.position + count]
            self._decode(piece, self.position + count == len(tokens))
            self.prompt.extend(piece)

    def check(self) -> None:
        """Raise when the limit has passed."""
        if self._limit is not None:
            self._limit.check()

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
        threads = self._threads(count)
        if threads != self._threads_set:
            self.lib.llama_set_n_threads(self._context, threads, threads)
            self._threads_set = threads
        code = self.lib.llama_decode(self._context, batch)
        if code != 0:
            self.lib.llama_memory_clear(self.lib.llama_get_memory(self._context), True)
            self.prompt, self.position = [], 0
            if code == _STOPPED:
                self.check()
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
