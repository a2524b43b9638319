"""How a model is served on this machine: the exact command, and whether its memory holds the model.

For a model file: llama.cpp's server in Python (`llama_cpp.server`) and the one in C++ (`llama-server`).  For larger machines: vLLM
and SGLang, which want a GPU and take the id of a model in its makers' format as well.  A decision from figures; what finds them is
`hardware`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rtfs.errors import ConfigError, nearest
from rtfs.models.gguf_file import ModelShape
from rtfs.models.memory import available_bytes
from rtfs.models.offload import Device, memory_needed, plan_offload, size_text

ENGINES = ("llama.cpp", "llama-server", "vllm", "sglang")
#: What llama_cpp.server needs besides llama_cpp: the extra `server` of llama-cpp-python.
SERVER_MODULES = ("uvicorn", "fastapi", "sse_starlette", "starlette_context", "pydantic_settings")
#: For buffers of the computation and the program itself.
_OVERHEAD_SHARE = 0.10
#: What vLLM and SGLang take of a GPU's memory at most: they fill it with their cache.
_GPU_SHARE = 0.90
_HUGGING_FACE_BYTES = 2  # of a parameter, in bfloat16


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What a server can use."""

    cores: int
    available_bytes: int | None
    """Memory; None when nobody knows."""
    gpus: tuple[Device, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be served, and how."""

    model: str
    """Its name for clients: the id here, or `maker/model`."""
    path: Path | None = None
    shape: ModelShape | None = None
    """With a path: what is in the file."""
    host: str = "127.0.0.1"
    port: int = 8080
    context_tokens: int = 4096
    """Of one request, its answer included."""
    parallel: int = 1
    """Requests at once."""
    gpu_layers: int | None = None

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServePlan:
    """The command that serves a model."""

    engine: str
    command: tuple[str, ...]
    """Program and arguments; no shell."""
    needed_bytes: int | None
    """Estimated; None when the size of the model is not known."""
    available_bytes: int | None
    place: str
    """`memory`, or the name of the GPUs."""
    refusal: str | None
    """Why it cannot work here, in a sentence."""
    notes: tuple[str, ...] = ()

    @property
    def memory(self) -> str:
        """What was compared."""
        needed = "an unknown amount" if self.needed_bytes is None else f"about {size_text(self.needed_bytes)}"
        have = "nobody knows how much is free" if self.available_bytes is None else f"{size_text(self.available_bytes)} free"
        return f"needs {needed} of {self.place}; {have}"


def plan_serving(engine: str, wish: Wish, hardware: Hardware) -> ServePlan:
    """The command for an engine, with the memory check.

    Raises:
        ConfigError: there is no such engine, or it does not take such a model.
    """
    if engine not in ENGINES:
        near = nearest(engine, ENGINES)
        hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(ENGINES)}"
        raise ConfigError(f"there is no engine {engine!r}", hint=hint)
    if engine in ("vllm", "sglang"):
        return _on_gpus(engine, wish, hardware)
    if wish.path is None or wish.shape is None:
        raise ConfigError(f"{engine} serves model files, and {wish.model} is the id of a model elsewhere", hint="use --engine vllm")
    return _llama(engine, wish, wish.path, wish.shape, hardware)


def _llama(engine: str, wish: Wish, path: Path, shape: ModelShape, hardware: Hardware) -> ServePlan:
    context = min(wish.context_tokens, shape.context_tokens or wish.context_tokens)
    notes = []
    if context < wish.context_tokens:
        notes.append(f"the model was made for {context} tokens of context, not {wish.context_tokens}")
    parallel = wish.parallel if engine == "llama-server" else 1
    if parallel < wish.parallel:
        notes.append("llama_cpp.server answers one request after the other; --engine llama-server does several at once")
    offload = plan_offload(
        shape,
        built_for_gpu=bool(hardware.gpus),  # whoever has one is taken to have built for it: llama.cpp ignores the number otherwise
        devices=hardware.gpus,
        context_tokens=context,
        contexts=parallel,
        wanted=wish.gpu_layers,
    )
    if hardware.gpus:
        notes.append(f"layers on the GPU: {offload.reason}")
    cores = str(hardware.cores)
    if engine == "llama.cpp":
        command = [sys.executable, "-m", "llama_cpp.server", "--model", str(path), "--model_alias", wish.model]
        command += ["--host", wish.host, "--port", str(wish.port), "--n_ctx", str(context), "--n_gpu_layers", str(offload.layers)]
        # a second request would otherwise cut the first one's stream off
        command += ["--n_threads", cores, "--n_threads_batch", cores, "--interrupt_requests", "false"]
    else:
        command = ["llama-server", "--model", str(path), "--alias", wish.model, "--host", wish.host, "--port", str(wish.port)]
        # its context is shared by the requests at once
        command += ["--ctx-size", str(context * parallel), "--parallel", str(parallel), "--n-gpu-layers", str(offload.layers)]
        command += ["--threads", cores, "--jinja"]
    needed = memory_needed(shape, context_tokens=context, contexts=parallel)
    on_cpu = round((needed - offload.needed_bytes) * (1 + _OVERHEAD_SHARE))
    return ServePlan(
        engine=engine,
        command=tuple(command),
        needed_bytes=on_cpu,
        available_bytes=hardware.available_bytes,
        place="memory",
        refusal=_too_little(wish.model, on_cpu, hardware.available_bytes, "a smaller quantisation, or a smaller --context"),
        notes=tuple(notes),
    )


def _on_gpus(engine: str, wish: Wish, hardware: Hardware) -> ServePlan:
    notes = []
    if wish.shape is not None:
        needed: int | None = memory_needed(wish.shape, context_tokens=wish.context_tokens, contexts=wish.parallel)
        notes.append(f"{engine} reads GGUF files slowly and not of every architecture; the model's own files serve it better")
    else:
        needed = named_size(wish.model)
        notes.append(
            "the size of the model is not in its name, so its memory was not checked"
            if needed is None
            else "weights in 16 bits, by the size in its name; the cache comes on top"
        )
    needed = None if needed is None else round(needed * (1 + _OVERHEAD_SHARE))
    gpus = _enough(needed, hardware.gpus)
    room = sum(round(gpu.free_bytes * _GPU_SHARE) for gpu in hardware.gpus) if hardware.gpus else None
    refusal = None
    if not hardware.gpus:
        refusal = f"{engine} wants a GPU, and none is found here"
    elif gpus is None:
        others = "a smaller model, or one that was quantised (AWQ, GPTQ, FP8)"
        refusal = _too_little(wish.model, needed or 0, room, others) or "the GPUs have too little free memory each"
    # the share is of a GPU's whole memory, and something else may have part of it
    shares = [gpu.free_bytes / gpu.total_bytes * _GPU_SHARE for gpu in hardware.gpus if gpu.total_bytes]
    share = f"{max(0.05, min(shares, default=_GPU_SHARE)):.2f}"
    model, several = str(wish.path or wish.model), str(gpus or 1)
    where = ["--host", wish.host, "--port", str(wish.port)]
    if engine == "vllm":
        command = ["vllm", "serve", model, "--served-model-name", wish.model, *where, "--max-model-len", str(wish.context_tokens)]
        command += ["--max-num-seqs", str(max(wish.parallel, 16)), "--gpu-memory-utilization", share]
        command += ["--tensor-parallel-size", several] if several != "1" else []
    else:
        command = [sys.executable, "-m", "sglang.launch_server", "--model-path", model, "--served-model-name", wish.model, *where]
        command += ["--context-length", str(wish.context_tokens), "--mem-fraction-static", share]
        command += ["--load-format", "gguf"] if wish.path is not None else []
        command += ["--tp", several] if several != "1" else []
    return ServePlan(
        engine=engine,
        command=tuple(command),
        needed_bytes=needed,
        available_bytes=room,
        place=" and ".join(dict.fromkeys(gpu.name for gpu in hardware.gpus)) or "GPU memory",
        refusal=refusal,
        notes=tuple(notes),
    )


def _enough(needed: int | None, gpus: Sequence[Device]) -> int | None:
    """How many GPUs share a model: the least power of two that holds it; None when all do not."""
    if not gpus:
        return None
    count = 1
    while count <= len(gpus):
        best = sorted((gpu.free_bytes for gpu in gpus), reverse=True)[:count]
        if needed is None or needed <= min(best) * _GPU_SHARE * count:
            return count
        count *= 2
    return None


def _too_little(model: str, needed: int, available: int | None, instead: str) -> str | None:
    if available is None or needed <= available:
        return None
    return f"{model} needs about {size_text(needed)}, and {size_text(available)} can be had: take {instead}"


def named_size(model: str) -> int | None:
    """Bytes of a model's weights in 16 bits, by the number of parameters in its id; None when there is none in it.

    `Qwen/Qwen3-0.6B` has 0.6 billion, `Mixtral-8x7B` at most 8 times 7, `Qwen3-30B-A3B` 30: all are loaded.
    """
    name = model.rpartition("/")[2]
    found = re.search(r"(?<![A-Za-z0-9.])(?:(\d{1,3})x)?(\d{1,4}(?:\.\d{1,3})?)([bBmM])(?![A-Za-z0-9])", name)
    if found is None:
        return None
    times, number, unit = found.groups()
    return round(int(times or 1) * float(number) * (1e9 if unit in "bB" else 1e6) * _HUGGING_FACE_BYTES)


# --- what there is ---------------------------------------------------------------------------


def hardware(run: Callable[[list[str]], str] | None = None) -> Hardware:
    """Cores, memory and NVIDIA's GPUs of this machine.

    Args:
        run: replaces the running of a command; gives its output, or raises OSError.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    return Hardware(cores=cores, available_bytes=available_bytes(), gpus=_nvidia(run or _output))


def _nvidia(run: Callable[[list[str]], str]) -> tuple[Device, ...]:
    try:
        text = run(["nvidia-smi", "--query-gpu=name,memory.free,memory.total", "--format=csv,noheader,nounits"])
    except OSError:
        return ()
    found = []
    for line in text.splitlines():
        name, _, rest = line.partition(",")
        figures = [figure.strip() for figure in rest.split(",")]
        if len(figures) == 2 and all(figure.isdecimal() for figure in figures):
            free, total = (int(figure) << 20 for figure in figures)
            found.append(Device(name=name.strip(), free_bytes=free, total_bytes=total))
    return tuple(found)


def _output(command: list[str]) -> str:
    program = shutil.which(command[0])
    if program is None:
        raise FileNotFoundError(command[0])
    try:
        done = subprocess.run(
            [program, *command[1:]], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=True
        )
    except subprocess.SubprocessError as error:
        raise OSError(str(error)) from error
    return done.stdout


def runnable(engine: str, find: Callable[[str], object | None] | None = None) -> str | None:
    """What is missing for an engine to be started from here; None when nothing is.

    Args:
        find: replaces the looking for Python modules.
    """
    from importlib.util import find_spec

    look = find or find_spec
    if engine == "llama.cpp":
        missing = [name for name in ("llama_cpp", *SERVER_MODULES) if look(name) is None]
        return f"pip install 'llama-cpp-python[server]' (missing: {', '.join(missing)})" if missing else None
    if engine == "llama-server":
        return None if shutil.which("llama-server") else "install llama.cpp: there is no program llama-server"
    return "RTFS prints its command, and does not start it"
