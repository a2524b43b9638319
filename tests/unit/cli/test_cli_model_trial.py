"""`rtfs models add NAME FILE`, `test`, `bench` and `serve`."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rtfs.cli import serving
from rtfs.cli.main import main
from rtfs.models import serving as plans
from rtfs.models.offload import Device
from rtfs.models.serving import Hardware
from tests.support.tiny_gguf import write_tiny_gguf

GB = 10**9


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"RTFS_DATA_DIR": str(tmp_path / "data"), "RTFS_CACHE_DIR": str(tmp_path / "cache"), "HOME": str(tmp_path)}


@pytest.fixture
def mine(environ: dict[str, str], tiny: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    assert main(["models", "add", "mine", str(tiny), "--link"], environ) == 0
    capsys.readouterr()
    return environ


# --- add -------------------------------------------------------------------------------------


def test_a_file_is_added_under_a_name_and_listed_with_its_hash(environ, tiny, capsys):
    digest = hashlib.sha256(tiny.read_bytes()).hexdigest()
    argv = ["models", "add", "mine", str(tiny), "--sha256", digest, "--form", "chat", "--gpu-layers", "0"]
    assert main(argv, environ) == 0
    out, err = capsys.readouterr()
    assert out == f"{environ['RTFS_DATA_DIR']}/models/mine/tiny.gguf\n"
    assert digest in err
    assert main(["models", "list", "--json"], environ) == 0
    records = {r["name"]: r for r in map(json.loads, capsys.readouterr().out.splitlines())}
    assert records["mine"]["sha256"] == digest
    assert records["mine"]["size_bytes"] == tiny.stat().st_size
    assert records["mine"]["abilities"] == {"context_tokens": 2048, "tools": False, "json_schema": True, "logprobs": True, "embeddings": False}
    assert records["anthropic:…"]["abilities"]["context_tokens"] is None  # it depends on which
    assert records["rules"]["abilities"]["logprobs"]
    assert main(["models", "path", "mine"], environ) == 0


@pytest.mark.parametrize(
    "argv, words",
    [
        (["add", "mine", "nowhere.gguf"], "there is no file"),
        (["add", "../evil", "{tiny}"], "cannot be the name"),
        (["add", "rules", "{tiny}"], "always there"),
        (["add", "mine", "{tiny}", "--sha256", "0" * 64], "SHA-256"),
        (["add", "mine", "{tiny}", "--form", "odd"], "the form of a prompt"),
        (["add", "mine", "{tiny}", "--gpu-layers", "-2"], "layers"),
        (["add", "smollm2", "--link"], "for a file that you name"),
        (["add", "mine"], "there is no model `mine` to add"),
        (["add", "a", "b", "c"], "takes a NAME"),
        (["test"], "takes the NAME"),
        (["list", "x"], "takes no NAME"),
        (["tset", "x"], "choose from"),
    ],
)
def test_misuse_is_explained(environ, tiny, capsys, argv, words):
    assert main(["models", *(word.replace("{tiny}", str(tiny)) for word in argv)], environ) == 2
    assert words in capsys.readouterr().err


# --- test ------------------------------------------------------------------------------------


def test_a_local_model_answers_and_says_where_it_runs(mine, capsys):
    pytest.importorskip("llama_cpp")
    assert main(["models", "test", "mine", "--json"], mine) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"]
    assert found["answer"] in ("animal", "plant", "tool")
    assert (found["provider"], found["answered_by"]) == ("llama.cpp", "tiny.gguf")
    assert found["runs_on"]
    assert found["because"]
    assert found["seconds"] > 0
    assert main(["models", "test", "mine"], mine) == 0
    assert "runs on" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["echo", "rules"])
def test_what_comes_with_rtfs_answers(environ, capsys, name):
    assert main(["models", "test", name], environ) == 0
    assert capsys.readouterr().out.startswith(f"{name}: animal")


@pytest.mark.parametrize(
    "name, kind, hint",
    [
        ("smollm2", "model-unavailable", "rtfs models add smollm2"),
        ("smolm2", "unknown-model", "did you mean `smollm2`?"),
        ("openai:gpt-4o", "model-unavailable", "rtfs keys set OPENAI_API_KEY"),
        ("ollama:llama", "model-unavailable", "is the server running"),
    ],
)
def test_no_answer_says_why_and_what_to_do(environ, capsys, name, kind, hint):
    environ["OLLAMA_HOST"] = "127.0.0.1:9"
    assert main(["models", "test", name, "--json"], environ) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["kind"]) == (False, kind)
    assert hint in found["hint"]
    assert main(["models", "test", name], environ) == 1
    assert "hint: " in capsys.readouterr().out


def test_a_damaged_file_is_told(mine, tiny, capsys, tmp_path):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny.read_bytes()[:-1000])
    assert main(["models", "test", "smollm2"], mine | {"RTFS_LOCAL_MODEL_PATH": str(cut)}) == 1
    assert "cut short" in capsys.readouterr().out


# --- bench -----------------------------------------------------------------------------------


def test_speeds_are_measured(mine, capsys):
    pytest.importorskip("llama_cpp")
    assert main(["models", "bench", "mine", "--json", "--rounds", "1"], mine) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rounds"] == 1
    assert min(found["prompt_tokens_per_s"], found["tokens_per_s"], found["first_token_s"], found["load_s"]) > 0
    assert main(["models", "bench", "mine", "--rounds", "1"], mine) == 0
    assert "tokens/s" in capsys.readouterr().out
    assert main(["models", "bench", "echo", "--rounds", "1"], mine) == 0
    assert "not measured" in capsys.readouterr().out
    assert main(["models", "bench", "mine", "--rounds", "0"], mine) == 2


def test_a_server_is_measured_by_what_arrives():
    from rtfs.models.protocol import Chunk, ModelReply, Usage
    from rtfs.models.speed import measured

    now = [0.0]

    class Server:
        """Takes 0.5 s to its first token and 0.1 s for each of the 10 that follow."""

        def __init__(self, tokens: int | None) -> None:
            self.usage = Usage(completion_tokens=tokens)

        def stream(self, request: Any) -> Any:
            now[0] += 0.5
            for i in range(11):
                yield Chunk(text="x")
                now[0] += 0.1 if i < 10 else 0
            yield ModelReply(text="x" * 11, usage=self.usage)

    class Plain:
        """The same without streams."""

        def complete(self, request: Any) -> Any:
            now[0] += 0.5 if request.max_tokens == 1 else 1.5
            return ModelReply(text="x", usage=Usage(completion_tokens=min(11, request.max_tokens)))

    for server in (Server(11), Server(None), Plain()):
        found = measured(server, "m", clock=lambda: now[0])
        assert found.first_token_s == pytest.approx(0.5)
        assert found.tokens_per_s == pytest.approx(10)
        assert found.prompt_tokens_per_s is None


# --- serve -----------------------------------------------------------------------------------


def printed(argv: list[str], environ: dict[str, str], capsys: Any) -> tuple[int, dict[str, Any]]:
    code = main(["models", "serve", *argv, "--print", "--json"], environ)
    return code, {r["engine"]: r for r in map(json.loads, capsys.readouterr().out.splitlines())}


def test_the_commands_of_this_machine_are_printed(mine, tiny, capsys, monkeypatch):
    monkeypatch.setattr(plans, "hardware", lambda: Hardware(cores=4, available_bytes=8 * GB))
    code, found = printed(["mine", "--port", "9090", "--context", "512", "--parallel", "3"], mine, capsys)
    assert code == 0
    assert found.keys() == set(plans.ENGINES)
    python = found["llama.cpp"]["command"]
    assert python[:3] == [sys.executable, "-m", "llama_cpp.server"]
    assert python[python.index("--model") + 1] == str(tiny.resolve())
    assert python[python.index("--interrupt_requests") + 1] == "false"
    native = found["llama-server"]["command"]
    assert native[native.index("--ctx-size") + 1] == str(512 * 3)
    assert native[native.index("--n-gpu-layers") + 1] == "0"
    assert found["llama-server"]["fits"]
    assert not found["vllm"]["fits"]
    assert "wants a GPU" in found["vllm"]["refusal"]


def test_nothing_that_does_not_fit_is_started(mine, capsys, monkeypatch):
    monkeypatch.setattr(plans, "hardware", lambda: Hardware(cores=4, available_bytes=100_000))
    started: list[Any] = []
    monkeypatch.setattr(serving, "run", lambda *operands: started.append(operands))
    assert main(["models", "serve", "mine"], mine) == 2
    assert "can be had" in capsys.readouterr().err
    assert started == []
    code, found = printed(["mine"], mine, capsys)
    assert code == 1
    assert not any(record["fits"] for record in found.values())


def test_where_no_server_is_installed_the_command_is_shown(mine, capsys, monkeypatch):
    monkeypatch.setattr(plans, "runnable", lambda engine: "pip install it")
    assert main(["models", "serve", "mine"], mine) == 1
    out, err = capsys.readouterr()
    assert "llama_cpp.server" in out
    assert "pip install it" in err


@pytest.mark.parametrize(
    "argv, words",
    [(["--port", "0"], "--port"), (["--context", "1"], "--context"), (["--parallel", "0"], "--parallel"), (["--engine", "vlm"], "did you mean vllm?"), (["--host", "a b"], "no host"), (["--host", "-x"], "")],
)  # fmt: skip
def test_options_that_make_no_sense(mine, capsys, argv, words):
    assert main(["models", "serve", "mine", *argv], mine) == 2
    assert words in capsys.readouterr().err


def test_a_model_elsewhere_is_for_vllm(mine, capsys, monkeypatch):
    card = Device(name="H100", free_bytes=80 * GB, total_bytes=80 * GB)
    monkeypatch.setattr(plans, "hardware", lambda: Hardware(cores=4, available_bytes=8 * GB, gpus=(card, card)))
    code, found = printed(["Qwen/Qwen3-32B"], mine, capsys)
    assert code == 0
    assert found["vllm"]["command"][:3] == ["vllm", "serve", "Qwen/Qwen3-32B"]
    assert "--tensor-parallel-size" not in found["vllm"]["command"]  # 64 GB and a tenth fit into 72 GB
    _, found = printed(["Qwen/Qwen3-72B", "--engine", "sglang"], mine, capsys)
    assert not found["sglang"]["fits"]  # 158 GB do not fit into 144
    assert main(["models", "serve", "maker/model", "--engine", "llama.cpp"], mine) == 2
    assert main(["models", "serve", "no-such"], mine) == 1


def test_a_server_is_a_child_that_goes_with_us(mine, tmp_path):
    """A stand-in for llama_cpp.server, as a module of its name that does nothing but run."""
    package = tmp_path / "site" / "llama_cpp"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    note = tmp_path / "note"
    (package / "server.py").write_text(f"import os, time\nopen({str(note)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)\n")
    for name in plans.SERVER_MODULES:
        (tmp_path / "site" / f"{name}.py").write_text("")
    path = os.pathsep.join([str(tmp_path / "site"), str(Path(__file__).parents[3])])
    command = [sys.executable, "-m", "rtfs", "models", "serve", "mine", "--engine", "llama.cpp"]
    process = subprocess.Popen(command, env={**mine, "PYTHONPATH": path}, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 30
        while not (note.exists() and note.read_text()) and time.monotonic() < deadline:
            time.sleep(0.02)
        child = int(note.read_text())
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGTERM
    assert "serves mine at http://127.0.0.1:8080/v1" in err
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
