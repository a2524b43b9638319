"""How many layers go onto GPUs: from figures alone, since the machines of the tests have none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtfs.models.gguf_file import ModelShape
from rtfs.models.llama_library import gpu_devices, supports_gpu
from rtfs.models.offload import RESERVED_BYTES, Device, layer_costs, memory_needed, plan_offload

GB = 10**9


def shape(blocks: int = 32, block: int = 120_000_000, output: int = 100_000_000, cache: int = 4096) -> ModelShape:
    """Of a 7B model in four bits, about."""
    return ModelShape(
        architecture="llama",
        name="seven",
        parameters=7_000_000_000,
        context_tokens=8192,
        size_bytes=blocks * block + 2 * output,
        block_bytes=(block,) * blocks,
        output_bytes=output,
        cache_bytes=(cache,) * blocks,
        has_template=True,
        embeds=False,
    )


def gpu(free: int, total: int = 24 * GB, name: str = "RTX") -> Device:
    return Device(name=name, free_bytes=free, total_bytes=total)


SEVEN = shape()


def plan(*devices: Device, model: ModelShape | None = SEVEN, built: bool = True, wanted: int | None = None, contexts: int = 2):
    return plan_offload(model, built_for_gpu=built, devices=devices, context_tokens=2048, contexts=contexts, wanted=wanted)


def test_all_layers_go_where_they_fit():
    found = plan(gpu(24 * GB))
    assert (found.layers, found.of, found.place) == (33, 33, "GPU")
    # 32 blocks with 2 contexts of 2,048 tokens, and the output
    assert found.needed_bytes == 32 * (120_000_000 + 4096 * 4096) + 100_000_000
    assert "all 33 layers fit" in found.reason
    assert "RTX" in found.reason


def test_as_many_as_fit_the_free_memory_and_not_the_total():
    # of 24 GB a tenth stays free: 5 GB free leave 2.6 GB, which is the output and 18 blocks of 137 MB
    found = plan(gpu(5 * GB))
    assert (found.layers, found.of) == (1 + 18, 33)
    assert found.place == "GPU and CPU, 19 of 33 layers on the GPU"
    assert "19 of 33 layers fit" in found.reason
    assert "4.5 GB" in found.reason  # what all would need
    assert "2.6 GB" in found.reason


def test_two_devices_share():
    assert plan(gpu(5 * GB), gpu(5 * GB, name="GTX")).layers > plan(gpu(5 * GB)).layers
    assert "RTX and GTX" in plan(gpu(5 * GB), gpu(5 * GB, name="GTX")).reason


@pytest.mark.parametrize(
    "found, words",
    [
        (plan(gpu(24 * GB), built=False), "built without GPU support"),
        (plan(), "finds no GPU"),
        (plan(gpu(24 * GB), model=None), "header"),
        (plan(gpu(24 * GB), wanted=0), "switched off"),
        (plan(gpu(2 * GB)), "not even one layer fits: it needs 100 MB, and 0 MB can be used on RTX"),
    ],
)
def test_the_cpu_does_it_for_a_reason_that_is_said(found, words):
    assert found.layers == 0
    assert found.place == "CPU"
    assert words in found.reason


def test_what_to_do_is_said_only_where_something_can_be_done():
    assert plan(built=False).hint is None  # there is no GPU that a rebuild would help
    assert "GGML_CUDA" in (plan(gpu(24 * GB), built=False).hint or "")
    assert plan(gpu(0)).hint


def test_a_wish_is_an_upper_bound():
    assert plan(gpu(24 * GB), wanted=10).layers == 10
    assert "as was asked for" in plan(gpu(24 * GB), wanted=10).reason
    assert plan(gpu(5 * GB), wanted=99).layers == 19
    assert plan(gpu(24 * GB), wanted=99).layers == 33


def test_larger_caches_leave_room_for_fewer_layers():
    assert plan(gpu(5 * GB), contexts=16).layers < plan(gpu(5 * GB), contexts=1).layers


@given(
    st.lists(st.integers(0, 80 * GB), max_size=4),
    st.integers(1, 100),
    st.integers(0, GB),
    st.integers(0, GB),
    st.integers(0, 100_000),
    st.one_of(st.none(), st.integers(0, 200)),
)
def test_what_is_planned_fits_and_one_more_would_not(free, blocks, block, output, cache, wanted):
    devices = [gpu(f, total=max(f, 8 * GB)) for f in free]
    model = shape(blocks, block, output, cache)
    found = plan(*devices, model=model, wanted=wanted)
    costs = layer_costs(model, context_tokens=2048, contexts=2)
    room = sum(device.usable_bytes for device in devices)
    assert 0 <= found.layers <= len(costs)
    assert sum(costs[: found.layers]) <= room
    if found.layers:
        assert found.needed_bytes == sum(costs[: found.layers])
    if devices and found.layers < len(costs) and (wanted is None or found.layers < wanted):
        assert sum(costs[: found.layers + 1]) > room
    assert found.reason


def test_a_part_of_each_device_is_left_alone():
    assert gpu(24 * GB).usable_bytes == 24 * GB - round(2.4 * GB)
    assert Device(name="small", free_bytes=GB, total_bytes=2 * GB).usable_bytes == GB - RESERVED_BYTES
    assert gpu(1).usable_bytes == 0


def test_memory_without_a_gpu():
    assert memory_needed(shape(), context_tokens=2048, contexts=2) == 32 * 120_000_000 + 200_000_000 + 32 * 4096 * 2048 * 2


# --- what llama.cpp tells of its devices ------------------------------------------------------


class Function:
    """A function of a native library: its types can be set."""

    def __init__(self, call: Any) -> None:
        self.call = call

    def __call__(self, *operands: Any) -> Any:
        return self.call(*operands)


def fake_library(devices: list[tuple[int, bytes | None, int, int]]) -> Any:
    """A module `llama_cpp` whose backend has devices: (type, description, free, total)."""

    def of(handle: Any) -> tuple[int, bytes | None, int, int]:
        return devices[handle.value - 1]

    def memory(handle: Any, free: Any, total: Any) -> None:
        free._obj.value, total._obj.value = of(handle)[2:]

    functions = {
        "count": lambda: len(devices),
        "get": lambda i: i + 1,
        "type": lambda handle: of(handle)[0],
        "description": lambda handle: of(handle)[1],
        "memory": memory,
    }
    native = SimpleNamespace(**{f"ggml_backend_dev_{name}": Function(call) for name, call in functions.items()})
    return SimpleNamespace(llama_cpp=SimpleNamespace(_lib=native), llama_supports_gpu_offload=lambda: True)


def test_gpus_are_told_from_other_devices_and_have_their_memory():
    lib = fake_library([(0, b"CPU", 1, 2), (1, b"NVIDIA H200", 5 * GB, 140 * GB), (3, b"BLAS", 0, 0), (2, None, GB, GB)])
    assert gpu_devices(lib) == [
        Device(name="NVIDIA H200", free_bytes=5 * GB, total_bytes=140 * GB),
        Device(name="GPU", free_bytes=GB, total_bytes=GB),
    ]
    assert supports_gpu(lib)


def test_a_library_that_tells_nothing_has_no_devices():
    assert gpu_devices(SimpleNamespace()) == []
    assert gpu_devices(SimpleNamespace(llama_cpp=SimpleNamespace(_lib=SimpleNamespace()))) == []
