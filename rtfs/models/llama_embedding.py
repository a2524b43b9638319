"""Vectors for texts, from a model file that was made for that: BERT and its kin."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from rtfs.errors import DelegationError
from rtfs.models.llama_library import last_complaint
from rtfs.models.llama_limits import CallLimit
from rtfs.models.llama_weights import Weights

_making = threading.Lock()


def embed(weights: Weights, texts: Sequence[str], limit: CallLimit) -> list[list[float]]:
    """A vector of length 1 for each text.

    Raises:
        DelegationError: the model gives none; a text is too long for it; the time is over.
    """
    import numpy as np

    lib = weights.lib
    if not weights.shape.embeds:
        raise DelegationError(
            f"{weights.path.name} is no embedding model: it writes text",
            kind="model-unavailable",
            hint="add one, e.g. a GGUF file of all-MiniLM-L6-v2",
        )
    tokens = [weights.tokens(text, specials=True) for text in texts]
    most = max(map(len, tokens), default=0)
    if most > weights.context_tokens:
        raise DelegationError(
            f"a text has {most} tokens, and {weights.path.name} takes {weights.context_tokens}", kind="prompt-too-long"
        )
    out: list[list[float]] = []
    if not tokens:
        return out
    with _making:  # one such context at a time: it is gone after the batch of texts
        context, batch = _context(weights, most), lib.llama_batch_init(most, 0, 1)
        try:
            limit.guard(lib, context)
            with limit.watched():
                for some in tokens:
                    limit.check()
                    vector = _vector(lib, context, batch, some, limit).astype(np.float64)
                    out.append((vector / (np.sqrt(vector @ vector) or 1.0)).tolist())
        finally:
            lib.llama_batch_free(batch)
            lib.llama_free(context)
    return out


def _context(weights: Weights, tokens: int) -> Any:
    params = weights.lib.llama_context_default_params()
    # a model that looks at both sides reads a text in one piece
    params.n_ctx = params.n_batch = params.n_ubatch = max(tokens, 32)
    params.n_seq_max = 1
    params.n_threads = params.n_threads_batch = 1
    params.flash_attn_type = 0
    params.embeddings = True
    params.no_perf = True
    context = weights.lib.llama_init_from_model(weights.model, params)
    if not context:
        raise DelegationError(f"llama.cpp cannot make a context for {weights.path.name}{last_complaint()}", kind="provider-error")
    return context


def _vector(lib: Any, context: Any, batch: Any, tokens: Sequence[int], limit: CallLimit) -> Any:
    import numpy as np

    memory = lib.llama_get_memory(context)
    if memory:  # a model of another kind than BERT keeps what it has read
        lib.llama_memory_clear(memory, True)
    batch.n_tokens = len(tokens)
    for i, token in enumerate(tokens):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = token, i, 1, 0, 1
    code = lib.llama_decode(context, batch)
    if code != 0:
        limit.check()
        raise DelegationError(f"llama.cpp could not read a text (code {code}){last_complaint()}", kind="provider-error")
    pointer = lib.llama_get_embeddings_seq(context, 0)
    if not pointer:
        raise DelegationError("the model gave no vector for the text", kind="provider-error")
    return np.ctypeslib.as_array(pointer, shape=(lib.llama_model_n_embd(lib.llama_get_model(context)),)).copy()
