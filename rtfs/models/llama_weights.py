"""A loaded model file: vocabulary, chat template, and weights that all contexts over it share.

The library's low-level functions are called directly, because its `Llama` class loads the weights anew for every context.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rtfs.errors import DelegationError
from rtfs.models.gguf_file import ModelShape, NotGguf, read_shape
from rtfs.models.llama_library import gpu_devices, last_complaint, library, supports_gpu
from rtfs.models.memory import available_bytes
from rtfs.models.offload import Offload, memory_needed, on_cpu, plan_offload, size_text

log = logging.getLogger("rtfs.models")

#: What a context has room for at least; it grows in such steps.
CONTEXT_STEP = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """How a model file is loaded."""

    contexts: int = 1
    """How many there may be over it at once."""
    context_tokens: int = CONTEXT_STEP
    """Of each, for which room on a GPU is kept."""
    gpu_layers: int | None = None
    """Layers for the GPU; None: as many as fit."""


def load(path: Path, loading: Loading) -> Weights:
    """The weights of a file, on the GPU as far as they fit there; on the CPU when that fails.

    Raises:
        DelegationError: it cannot be loaded, or needs more memory than there is.
    """
    lib = library()
    try:
        shape = read_shape(path)
    except NotGguf as error:
        hint = "fetch it again: `rtfs models add` checks what it fetches"
        raise DelegationError(f"the model file {path} cannot be used: {error}", kind="model-unavailable", hint=hint) from error
    except OSError as error:
        message = f"the model file {path} cannot be read: {error.strerror or error}"
        raise DelegationError(message, kind="model-unavailable") from error
    offload = plan_offload(
        shape,
        built_for_gpu=supports_gpu(lib),
        devices=gpu_devices(lib),
        context_tokens=loading.context_tokens,
        contexts=loading.contexts,
        wanted=loading.gpu_layers,
    )
    _check_memory(path, shape, offload)
    if offload.layers:
        try:
            return _tried(Weights(path, shape, offload))
        except DelegationError as error:  # the estimate was too good, or the driver has a mind of its own
            log.warning("%s does not run on the GPU (%s); the CPU does it", path.name, error.message)
            offload = on_cpu(f"with {offload.layers} layers on the GPU it cannot be used: {error.message}", of=offload.of)
    return Weights(path, shape, offload)


def _tried(weights: Weights) -> Weights:
    """Weights over which a context can be made: only then the buffers of a GPU are asked for."""
    params = weights.lib.llama_context_default_params()
    params.n_ctx = min(CONTEXT_STEP, weights.context_tokens)
    context = weights.lib.llama_init_from_model(weights.model, params)
    if not context:
        weights.close()
        raise DelegationError(f"there is no room for a context{last_complaint()}", kind="model-unavailable")
    weights.lib.llama_free(context)
    return weights


def _check_memory(path: Path, shape: ModelShape, offload: Offload) -> None:
    """
    Raises:
        DelegationError: a model that does not fit would make the whole machine crawl.
    """
    needed = memory_needed(shape, context_tokens=CONTEXT_STEP, contexts=1) - offload.needed_bytes
    available = available_bytes()
    if available is not None and needed > available:
        raise DelegationError(
            f"{path.name} needs {size_text(needed)} of memory, and {size_text(available)} can be had now",
            kind="model-unavailable",
            retryable=True,
            hint="end other programs, or take a smaller model or quantisation",
        )


class Weights:
    """A loaded model file: vocabulary and weights, read-only, shared by all contexts."""

    def __init__(self, path: Path, shape: ModelShape, offload: Offload) -> None:
        self.lib = lib = library()
        self.path = path
        self.shape = shape
        self.offload = offload
        params = lib.llama_model_default_params()
        params.n_gpu_layers = offload.layers
        self.model = lib.llama_model_load_from_file(os.fsencode(path), params)
        if not self.model:
            raise DelegationError(
                f"llama.cpp cannot load {path}{last_complaint()}",
                kind="model-unavailable",
                hint="the file may be damaged, or of an architecture that this llama.cpp does not know",
            )
        #: About what of the weights is not on a GPU.
        self.cpu_bytes = max(0, shape.size_bytes - offload.needed_bytes)
        self.vocab = lib.llama_model_get_vocab(self.model)
        self.n_vocab = int(lib.llama_vocab_n_tokens(self.vocab))
        self.context_tokens = int(lib.llama_model_n_ctx_train(self.model))
        self._adds_bos = bool(lib.llama_vocab_get_add_bos(self.vocab))
        self._bos = int(lib.llama_vocab_bos(self.vocab))
        self._pieces: dict[int, bytes] = {}
        self._buffer_lock = threading.Lock()

    def tokens(self, text: str, *, markers: bool = False, specials: bool = False) -> list[int]:
        """The tokens of a text; `markers` reads `<|im_start|>` and the like as the special tokens they name, `specials` puts the
        model's own at the beginning and end."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        out = (ctypes.c_int32 * room)()
        count = self.lib.llama_tokenize(self.vocab, data, len(data), out, room, specials, markers)
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
