"""Model files under names: from a path, by link, and over real sockets from a server that misbehaves."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rtfs.errors import ConfigError, DelegationError
from rtfs.models import named_files
from rtfs.models.local_profile import Profile
from rtfs.models.named_files import add_file, read_record
from rtfs.models.weights import installed, locate, profile
from tests.support.tiny_gguf import write_tiny_gguf


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "Tiny-1B.Q8_0.gguf")


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files_in(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


# --- from this machine -----------------------------------------------------------------------


def test_a_file_gets_a_name_and_its_hash_is_noted(tiny: Path, tmp_path: Path):
    said: list[str] = []
    path = add_file("mine", str(tiny), data_dir=tmp_path, profile=Profile(form="chat", gpu_layers=3), progress=said.append)
    assert path == tmp_path / "models" / "mine" / "Tiny-1B.Q8_0.gguf"
    assert path.read_bytes() == tiny.read_bytes()
    assert files_in(tmp_path) == {"models/mine/Tiny-1B.Q8_0.gguf", "models/mine/model.json"}
    assert digest_of(tiny) in said[-1]
    assert locate("mine", {}, tmp_path) == path
    assert profile("mine", {}, tmp_path) == Profile(form="chat", gpu_layers=3, sha256=digest_of(tiny))
    (found,) = installed(tmp_path)
    assert (found.id, found.sha256, found.path) == ("mine", digest_of(tiny), path)


def test_a_linked_file_stays_where_it_is(tiny: Path, tmp_path: Path):
    path = add_file("mine", str(tiny), data_dir=tmp_path, link=True)
    assert path == tiny.resolve()
    assert files_in(tmp_path) == {"models/mine/model.json"}
    assert locate("mine", {}, tmp_path) == tiny.resolve()


def test_a_new_file_of_a_name_takes_the_place_of_the_old_one_and_keeps_the_profile(tiny: Path, tmp_path: Path):
    add_file("mine", str(tiny), data_dir=tmp_path, profile=Profile(form="plain"))
    other = write_tiny_gguf(tmp_path / "other.gguf", seed=1)
    add_file("mine", str(other), data_dir=tmp_path)
    assert files_in(tmp_path / "models") == {"mine/other.gguf", "mine/model.json"}
    assert profile("mine", {}, tmp_path) == Profile(form="plain", sha256=digest_of(other))


def test_another_hash_than_was_given_adds_nothing(tiny: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match="SHA-256") as caught:
        add_file("mine", str(tiny), data_dir=tmp_path, sha256="0" * 64)
    assert digest_of(tiny) in caught.value.message
    assert files_in(tmp_path) == set()
    add_file("mine", str(tiny), data_dir=tmp_path, sha256=f"SHA256:{digest_of(tiny).upper()}".replace("SHA256", "sha256"))


@pytest.mark.parametrize("text", ["", "abc", "g" * 64, "0" * 63])
def test_a_text_that_is_no_hash_is_refused_first(tiny: Path, tmp_path: Path, text: str):
    with pytest.raises(ConfigError, match="no SHA-256"):
        add_file("mine", str(tiny), data_dir=tmp_path, sha256=text)


def test_a_file_that_is_no_model_or_not_all_of_one_adds_nothing(tiny: Path, tmp_path: Path):
    for content in (b"text", tiny.read_bytes()[:-100]):
        source = tmp_path / "source.gguf"
        source.write_bytes(content)
        with pytest.raises(ConfigError, match="no model file"):
            add_file("mine", str(source), data_dir=tmp_path / "data")
        assert files_in(tmp_path / "data") == set()


def test_a_path_that_is_no_file(tmp_path: Path):
    for source in ("nowhere.gguf", str(tmp_path)):
        with pytest.raises(ConfigError, match="there is no file"):
            add_file("mine", source, data_dir=tmp_path)


# --- changes afterwards ----------------------------------------------------------------------


@pytest.mark.parametrize("source", ["nothing.gguf", "bad.gguf", "http://127.0.0.1:1/a.gguf", "https://127.0.0.1:1/a.gguf"])
@pytest.mark.parametrize("link", [False, True])
def test_what_cannot_be_added_leaves_no_folder(tmp_path: Path, source: str, link: bool):
    (tmp_path / "bad.gguf").write_bytes(b"no model")
    with pytest.raises(ConfigError):
        add_file("foo", source if "://" in source else str(tmp_path / source), data_dir=tmp_path / "data", link=link)
    assert not (tmp_path / "data" / "models" / "foo").exists()
    assert installed(tmp_path / "data") == []


def test_what_has_the_name_stays_when_another_file_cannot_be_added(tiny: Path, tmp_path: Path):
    path = add_file("foo", str(tiny), data_dir=tmp_path)
    (tmp_path / "bad.gguf").write_bytes(b"no model")
    with pytest.raises(ConfigError):
        add_file("foo", str(tmp_path / "bad.gguf"), data_dir=tmp_path)
    assert locate("foo", {}, tmp_path) == path


def test_a_touched_file_is_hashed_once_and_used(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = add_file("mine", str(tiny), data_dir=tmp_path)
    hashed: list[Path] = []
    original = named_files._sha256
    monkeypatch.setattr(named_files, "_sha256", lambda p: hashed.append(p) or original(p))
    assert locate("mine", {}, tmp_path) == path
    assert hashed == []
    os.utime(path, ns=(1, 1))
    assert locate("mine", {}, tmp_path) == locate("mine", {}, tmp_path) == path
    assert hashed == [path]


def test_a_file_with_another_content_is_refused(tiny: Path, tmp_path: Path):
    path = add_file("mine", str(tiny), data_dir=tmp_path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(1, 1))
    with pytest.raises(DelegationError, match="content has changed") as caught:
        locate("mine", {}, tmp_path)
    assert caught.value.kind == "model-unavailable"
    path.unlink()
    with pytest.raises(DelegationError, match="cannot be read"):
        locate("mine", {}, tmp_path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "file": 5}', '{"version": 1, "more": 1}', "\udcff", '{"version": 1, "file": "m.gguf", "sha256": "", "size_bytes": 1, "mtime_ns": 1, "source": "", "form": "odd"}']
)  # fmt: skip
def test_a_note_that_cannot_be_read_is_told_and_lists_nothing(tmp_path: Path, text: str):
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "model.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    for look in (locate, profile):
        with pytest.raises(DelegationError) as caught:
            look("mine", {}, tmp_path)
        assert "rtfs models add mine" in (caught.value.hint or "")
    assert installed(tmp_path) == []


# --- from an address -------------------------------------------------------------------------


class FileServer:
    """Serves one file, and fails as it is told."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.ranges: list[str | None] = []
        self.cut_after: int | None = None
        self.status = 200
        self.knows_ranges = True
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range")
                server.ranges.append(wanted)
                begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.knows_ranges else 0
                if begin >= len(server.data):
                    self.send_error(416)
                    return
                if server.status != 200:
                    self.send_error(server.status)
                    return
                body = server.data[begin:]
                self.send_response(206 if wanted and server.knows_ranges else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body if server.cut_after is None else body[: server.cut_after])

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://user:secret@127.0.0.1:{self._server.server_port}/files/Model%20One.gguf?token=hidden"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(tiny: Path) -> Iterator[FileServer]:
    made = FileServer(tiny.read_bytes())
    yield made
    made.close()


def plain(server: FileServer) -> str:
    return server.address.replace("user:secret@", "")


def test_a_file_is_downloaded_and_nothing_secret_is_noted(server: FileServer, tiny: Path, tmp_path: Path):
    said: list[str] = []
    path = add_file("mine", plain(server), data_dir=tmp_path, sha256=digest_of(tiny), progress=said.append)
    assert path.name == "Model-One.gguf"
    assert path.read_bytes() == tiny.read_bytes()
    assert "hidden" not in json.dumps([said, (tmp_path / "models" / "mine" / "model.json").read_text()])


def test_an_interrupted_download_goes_on(server: FileServer, tiny: Path, tmp_path: Path):
    server.cut_after = 100_000
    with pytest.raises(ConfigError) as caught:
        add_file("mine", plain(server), data_dir=tmp_path, sha256=digest_of(tiny))
    assert "goes on from there" in (caught.value.hint or "")
    assert installed(tmp_path) == []
    server.cut_after = None
    add_file("mine", plain(server), data_dir=tmp_path, sha256=digest_of(tiny))
    assert server.ranges == [None, "bytes=100000-"]
    assert locate("mine", {}, tmp_path).read_bytes() == tiny.read_bytes()


def test_a_server_without_ranges_begins_anew(server: FileServer, tiny: Path, tmp_path: Path):
    server.cut_after = 100_000
    with pytest.raises(ConfigError):
        add_file("mine", plain(server), data_dir=tmp_path, sha256=digest_of(tiny))
    server.cut_after, server.knows_ranges = None, False
    assert add_file("mine", plain(server), data_dir=tmp_path, sha256=digest_of(tiny)).read_bytes() == tiny.read_bytes()


def test_a_rest_of_another_file_is_found_out_and_removed(server: FileServer, tiny: Path, tmp_path: Path):
    server.cut_after = 100_000
    with pytest.raises(ConfigError):
        add_file("mine", plain(server), data_dir=tmp_path, sha256=digest_of(tiny))
    server.cut_after = None
    server.data = b"x" * len(server.data)
    with pytest.raises(ConfigError, match="SHA-256"):
        add_file("mine", plain(server), data_dir=tmp_path, sha256=digest_of(tiny))
    assert files_in(tmp_path) == set()


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_server_that_refuses(server: FileServer, tiny: Path, tmp_path: Path, status: int):
    server.status = status
    with pytest.raises(ConfigError, match=str(status)):
        add_file("mine", plain(server), data_dir=tmp_path, sha256=digest_of(tiny))


def test_no_server_at_all(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be fetched"):
        add_file("mine", "http://127.0.0.1:9/m.gguf", data_dir=tmp_path, sha256="0" * 64)


def test_without_a_hash_only_https_will_do(server: FileServer, tmp_path: Path):
    with pytest.raises(ConfigError, match="over http anybody"):
        add_file("mine", plain(server), data_dir=tmp_path)
    assert server.ranges == []
    with pytest.raises(ConfigError, match="only a file of this machine"):
        add_file("mine", plain(server), data_dir=tmp_path, link=True)


@pytest.mark.parametrize("source, name", [("https://h/a/../%2e%2e%2fpasswd", "passwd.gguf"), ("https://h/", "mine.gguf"), ("https://h/x.GGUF", "x.GGUF"), ("https://h/%00%0a.gguf", "gguf.gguf")])  # fmt: skip
def test_names_from_addresses_stay_names(source: str, name: str):
    assert named_files._file_name(source, "mine") == name


def test_a_record_reads_back(tiny: Path, tmp_path: Path):
    add_file("mine", str(tiny), data_dir=tmp_path, profile=Profile(gpu_layers=0))
    record = read_record(tmp_path / "models" / "mine")
    assert record is not None
    assert (record.source, record.profile, record.size_bytes) == (str(tiny), Profile(gpu_layers=0, sha256=digest_of(tiny)), tiny.stat().st_size)
