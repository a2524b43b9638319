"""The module `llama_cpp`, loaded so that it does not spin, print or surprise; and the devices that it can compute on.

Loading it takes 0.1 s and 40 MB, so nothing here happens before the first request to a local model.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import threading
from collections import deque
from functools import lru_cache
from typing import Any

from rtfs.models.llama_threads import wait_politely, waiting
from rtfs.models.offload import Device

_library: Any = None
_library_lock = threading.Lock()
_wait = ""
"""How threads of llama.cpp wait for each other."""
_complaints: deque[str] = deque(maxlen=4)
"""The last error lines of llama.cpp, for our own messages."""
_log_callback: Any = None  # llama.cpp keeps the pointer, so the object must live

#: GGML_BACKEND_DEVICE_TYPE_GPU and _IGPU: what layers can be put on.
_GPU_TYPES = (1, 2)


def library() -> Any:
    """The module `llama_cpp`, prepared.

    Raises:
        ImportError: it is not installed, or its native library cannot be loaded.
    """
    global _library, _wait
    with _library_lock:
        if _library is None:
            used_by_host = "llama_cpp" in sys.modules
            if not used_by_host:  # read when the native library loads
                wait_politely(os.environ)
            _wait = waiting(os.environ)
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


@lru_cache
def installed_version() -> str:
    """Of the library, without loading it; empty when there is none."""
    from importlib import metadata

    try:
        return metadata.version("llama-cpp-python")
    except metadata.PackageNotFoundError:
        return ""


def how_threads_wait() -> str:
    """How threads of llama.cpp wait for each other: one of the words of `llama_threads.waiting`."""
    return _wait


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


def supports_gpu(lib: Any) -> bool:
    """Whether this llama.cpp was built with a backend that layers can be put on."""
    return bool(lib.llama_supports_gpu_offload())


def gpu_devices(lib: Any) -> list[Device]:
    """The devices that layers can be put on, with their memory as it is now; none where llama.cpp does not tell."""
    native = getattr(getattr(lib, "llama_cpp", None), "_lib", None)
    try:
        count, get, kind = (getattr(native, f"ggml_backend_dev_{name}") for name in ("count", "get", "type"))
        described, memory = (getattr(native, f"ggml_backend_dev_{name}") for name in ("description", "memory"))
    except AttributeError:  # a llama.cpp that does not export them
        return []
    count.restype, kind.restype = ctypes.c_size_t, ctypes.c_int
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    described.restype = ctypes.c_char_p
    memory.restype = None
    memory.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_size_t)]
    found = []
    for i in range(count()):
        device = ctypes.c_void_p(get(i))
        if kind(device) not in _GPU_TYPES:
            continue
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        memory(device, ctypes.byref(free), ctypes.byref(total))
        name = (described(device) or b"GPU").decode("utf-8", "replace")
        found.append(Device(name=name, free_bytes=free.value, total_bytes=total.value))
    return found
