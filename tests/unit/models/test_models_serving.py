"""Commands for servers, from made-up hardware."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtfs.errors import ConfigError
from rtfs.models.gguf_file import ModelShape
from rtfs.models.offload import Device
from rtfs.models.serving import ENGINES, Hardware, ServePlan, Wish, hardware, named_size, plan_serving, runnable

GB = 10**9
SEVEN = ModelShape(
    architecture="llama",
    name="seven",
    parameters=7_000_000_000,
    context_tokens=8192,
    size_bytes=4 * GB,
    block_bytes=(120_000_000,) * 32,
    output_bytes=100_000_000,
    cache_bytes=(4096,) * 32,
    has_template=True,
    embeds=False,
)
FILE = Wish(model="seven", path=Path("/models/seven.gguf"), shape=SEVEN)


def gpu(free: int, total: int = 24 * GB, name: str = "RTX") -> Device:
    return Device(name=name, free_bytes=free, total_bytes=total)


def machine(*gpus: Device, available: int | None = 16 * GB) -> Hardware:
    return Hardware(cores=8, available_bytes=available, gpus=gpus)


def value(plan: ServePlan, option: str) -> str:
    return plan.command[plan.command.index(option) + 1]


@pytest.mark.parametrize("engine, option", [("llama.cpp", "--n_gpu_layers"), ("llama-server", "--n-gpu-layers")])
def test_layers_that_fit_go_onto_the_gpu_and_the_rest_needs_memory(engine: str, option: str):
    all_there = plan_serving(engine, FILE, machine(gpu(24 * GB)))
    some = plan_serving(engine, FILE, machine(gpu(5 * GB)))
    none = plan_serving(engine, FILE, machine())
    assert value(all_there, option) == "33"
    assert 0 < int(value(some, option)) < 33
    assert value(none, option) == "0"
    assert (all_there.needed_bytes or 0) < (some.needed_bytes or 0) < (none.needed_bytes or 0)
    assert any("all 33 layers fit" in note for note in all_there.notes)


def test_a_model_that_does_not_fit_is_refused_with_both_figures():
    plan = plan_serving("llama-server", FILE, machine(available=3 * GB))
    # 4 GB of weights, 537 MB of cache, a tenth more
    assert plan.needed_bytes == round((4 * GB + 32 * 4096 * 4096) * 1.1)
    assert plan.refusal == "seven needs about 5.0 GB, and 3.0 GB can be had: take a smaller quantisation, or a smaller --context"
    assert plan_serving("llama-server", FILE, machine(available=None)).refusal is None


def test_several_requests_share_one_context_of_llama_server():
    wish = Wish(model="seven", path=FILE.path, shape=SEVEN, context_tokens=1000, parallel=4)
    plan = plan_serving("llama-server", wish, machine())
    assert (value(plan, "--ctx-size"), value(plan, "--parallel")) == ("4000", "4")
    assert any("one request after the other" in note for note in plan_serving("llama.cpp", wish, machine()).notes)


def test_a_context_is_no_longer_than_the_model_was_made_for():
    wish = Wish(model="seven", path=FILE.path, shape=SEVEN, context_tokens=100_000)
    assert value(plan_serving("llama.cpp", wish, machine()), "--n_ctx") == "8192"


@pytest.mark.parametrize("engine, several", [("vllm", "--tensor-parallel-size"), ("sglang", "--tp")])
def test_large_models_are_shared_by_a_power_of_two_of_gpus(engine: str, several: str):
    cards = [gpu(80 * GB, 80 * GB, "H100")] * 4
    small, large = Wish(model="a/b-7B"), Wish(model="a/b-70B")
    assert several not in plan_serving(engine, small, machine(*cards)).command
    assert value(plan_serving(engine, large, machine(*cards)), several) == "4"  # 154 GB do not fit into two of 72
    two = plan_serving(engine, large, machine(*cards[:2]))
    assert two.refusal is not None
    assert "AWQ" in two.refusal
    assert plan_serving(engine, Wish(model="a/b"), machine(*cards)).refusal is None
    assert any("not checked" in note for note in plan_serving(engine, Wish(model="a/b"), machine(*cards)).notes)


def test_the_share_of_a_gpu_is_of_what_is_free():
    assert value(plan_serving("vllm", Wish(model="a/b-1B"), machine(gpu(12 * GB))), "--gpu-memory-utilization") == "0.45"


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_without_a_gpu_they_are_refused(engine: str):
    plan = plan_serving(engine, FILE, machine())
    assert plan.refusal == f"{engine} wants a GPU, and none is found here"


def test_a_gguf_file_is_named_as_one_to_sglang():
    assert value(plan_serving("sglang", FILE, machine(gpu(24 * GB))), "--load-format") == "gguf"


def test_unknown_engines_and_models_elsewhere():
    with pytest.raises(ConfigError, match="no engine"):
        plan_serving("ollama", FILE, machine())
    with pytest.raises(ConfigError, match="model files"):
        plan_serving("llama.cpp", Wish(model="a/b"), machine())


@pytest.mark.parametrize(
    "model, billions",
    [("Qwen/Qwen3-0.6B", 0.6), ("a/Llama-3.1-70B-Instruct", 70), ("mistralai/Mixtral-8x7B-v0.1", 56), ("x/SmolLM2-135M", 0.135), ("Qwen/Qwen3-30B-A3B", 30), ("moonshotai/Kimi-K2", None), ("a/b2b", None), ("a/4bit", None)],
)  # fmt: skip
def test_sizes_in_names(model: str, billions: float | None):
    assert named_size(model) == (None if billions is None else round(billions * 2e9))


def test_the_address_has_ipv6_in_brackets():
    assert Wish(model="m", host="::1").address == "http://[::1]:8080/v1"


def test_gpus_are_those_that_nvidia_smi_tells_of():
    text = "NVIDIA H100, 80GB HBM3, 1, 2\nNVIDIA RTX 4090, 20000, 24564\nbroken\nTesla, [N/A], 5\n"
    asked: list[list[str]] = []
    found = hardware(lambda command: asked.append(command) or text)
    assert [(gpu.name, gpu.free_bytes, gpu.total_bytes) for gpu in found.gpus] == [("NVIDIA RTX 4090", 20000 << 20, 24564 << 20)]
    assert asked[0][0] == "nvidia-smi"
    assert found.cores >= 1

    def missing(command: list[str]) -> str:
        raise FileNotFoundError

    assert hardware(missing).gpus == ()


def test_what_is_missing_is_named():
    assert runnable("llama.cpp", lambda name: object()) is None
    assert "missing: fastapi" in (runnable("llama.cpp", lambda name: None if name == "fastapi" else object()) or "")
    assert all(runnable(engine) for engine in ENGINES if engine in ("vllm", "sglang"))
