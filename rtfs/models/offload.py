"""How many layers of a model are put on GPUs: what fits their free memory, and why it is not more.

A decision from figures alone.  llama.cpp counts layers from the end: one layer is the output, two are the output and the last
block, and so on; a model of n blocks has n + 1 of them.  What a layer needs on a device is its weights and, for a block, its part
of the caches of all contexts.

That layers run on a GPU changes the last bits of the logits, so replies are the same bytes only among runs with the same
layers on the same device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rtfs.models.gguf_file import ModelShape

#: Left free on each device, for the buffers of the computation and for what else uses it: this share, and at least so many bytes.
RESERVED_SHARE = 0.10
RESERVED_BYTES = 512 << 20

REBUILD = (
    "build llama-cpp-python for the GPU: CMAKE_ARGS=-DGGML_CUDA=on pip install --force-reinstall --no-binary llama-cpp-python "
    "llama-cpp-python"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A GPU."""

    name: str
    free_bytes: int
    total_bytes: int

    @property
    def usable_bytes(self) -> int:
        return max(0, self.free_bytes - max(RESERVED_BYTES, round(self.total_bytes * RESERVED_SHARE)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Offload:
    """Where a model runs."""

    layers: int
    """For llama.cpp's `n_gpu_layers`; 0: the CPU does everything."""
    of: int
    """How many there are, the output included; 0 where that was not looked at."""
    reason: str
    """Why so many, in a sentence."""
    hint: str | None = None
    needed_bytes: int = 0
    """What these layers take on the devices, as estimated."""

    @property
    def place(self) -> str:
        """In a few words."""
        if self.layers == 0:
            return "CPU"
        return "GPU" if self.layers >= self.of else f"GPU and CPU, {self.layers} of {self.of} layers on the GPU"


def on_cpu(reason: str, hint: str | None = None, of: int = 0) -> Offload:
    return Offload(layers=0, of=of, reason=reason, hint=hint)


def plan_offload(
    shape: ModelShape | None,
    *,
    built_for_gpu: bool,
    devices: Sequence[Device],
    context_tokens: int,
    contexts: int,
    wanted: int | None = None,
) -> Offload:
    """The layers that go onto the devices.

    Args:
        shape: of the model file; None when its header could not be read.
        built_for_gpu: whether this llama.cpp can use a GPU at all.
        devices: with their memory as it is now; several share the layers in proportion to it.
        context_tokens: of each context.
        contexts: how many there may be at once.
        wanted: layers that the user asks for: 0 switches the GPU off, more are limited to what fits; None: as many as fit.
    """
    if wanted == 0:
        return on_cpu("the GPU is switched off for this model")
    if not built_for_gpu:
        return on_cpu("this llama.cpp was built without GPU support", REBUILD if devices else None)
    if not devices:
        return on_cpu("llama.cpp finds no GPU on this machine", "is the driver installed, and the device visible to this process?")
    if shape is None:
        return on_cpu("the header of the model file could not be read, so nobody knows what would fit")
    room = sum(device.usable_bytes for device in devices)
    names = " and ".join(device.name for device in devices)
    costs = layer_costs(shape, context_tokens=context_tokens, contexts=contexts)
    most = len(costs) if wanted is None else min(wanted, len(costs))
    layers = used = 0
    for cost in costs[:most]:
        if used + cost > room:
            break
        used += cost
        layers += 1
    figures = f"{size_text(room)} can be used on {names}"
    if layers == 0:
        return on_cpu(
            f"not even one layer fits: it needs {size_text(costs[0])}, and {figures}",
            "end what else uses the GPU, or take a smaller model or quantisation",
            len(costs),
        )
    if layers == len(costs):
        reason = f"all {layers} layers fit: they need {size_text(used)}, and {figures}"
    elif layers == most:
        reason = f"{layers} of {len(costs)} layers, as was asked for; they need {size_text(used)}, and {figures}"
    else:
        reason = f"{layers} of {len(costs)} layers fit: all need {size_text(sum(costs))}, and {figures}"
    return Offload(layers=layers, of=len(costs), reason=reason, needed_bytes=used)


def layer_costs(shape: ModelShape, *, context_tokens: int, contexts: int) -> list[int]:
    """Bytes on a device of each layer, in the order in which llama.cpp puts them there: the output, then blocks from the last."""
    cells = context_tokens * contexts
    blocks = [weights + cache * cells for weights, cache in zip(shape.block_bytes, shape.cache_bytes, strict=True)]
    return [shape.output_bytes, *reversed(blocks)]


def memory_needed(shape: ModelShape, *, context_tokens: int, contexts: int) -> int:
    """Bytes of a model with its contexts, wherever it runs; without the buffers of the computation."""
    return shape.size_bytes + sum(shape.cache_bytes) * context_tokens * contexts


def size_text(size: float) -> str:
    """Bytes for people: `98 MB`, `4.1 GB`."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
