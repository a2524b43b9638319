"""Files that are not what they seem."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rtfs.capabilities.standard import MAX_OPEN_FILES
from rtfs.errors import HostError
from rtfs.runtime import Runtime

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs the files of Unix")


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    return Runtime(models=None, allow=["io.*"], read=[tmp_path, "/dev"], write=[tmp_path])


@pytest.mark.parametrize("capability", ["io.read-file", "io.read-lines", "io.open"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_never_ends_is_not_opened(runtime: Runtime, tmp_path: Path, capability: str, kind: str) -> None:
    path = str(tmp_path / "pipe") if kind == "pipe" else "/dev/zero"
    if kind == "pipe":
        os.mkfifo(path)
    runtime.define("path", path)
    with pytest.raises(HostError, match="not a regular file"):
        runtime.run(f"(call :{capability} path)")


def test_a_link_does_not_lead_out_of_the_folder(runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc")
    runtime.define("path", str(tmp_path / "out" / "passwd"))
    for text in ("(call :io.read-file path)", '(call :io.write-file path "x")', "(call :io.file-exists path)"):
        with pytest.raises(HostError) as caught:
            runtime.run(text)
        assert caught.value.kind == "security-violation"


def test_a_text_that_cannot_be_written_leaves_the_file_as_it_was(runtime: Runtime, tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    path.write_text("before")
    runtime.define("path", str(path))
    with pytest.raises(HostError):
        runtime.run(r'(call :io.write-file path "\ud800")')
    assert path.read_text() == "before"


def test_a_program_does_not_take_all_file_handles(runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    runtime.define("path", str(tmp_path / "a.txt"))
    with pytest.raises(HostError, match="files are open"):
        runtime.run(f"(doseq [i (range {MAX_OPEN_FILES + 1})] (call :io.open path))")
    runtime.close()
