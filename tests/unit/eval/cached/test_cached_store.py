"""Entries that somebody else wrote, that are damaged, or that nobody can write: there is no entry then, and no error."""

from __future__ import annotations

import marshal
import multiprocessing
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rtfs.eval.cached import store as stores
from rtfs.eval.cached.store import Store
from tests.support.stored import everything_is_worth_keeping, run, three_runs, write

ABOUT = b"a" * 32
INDEX = marshal.dumps(("anything", 1, None))
SECTION = b"code and constants"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes are POSIX")
ROOT = pytest.mark.skipif(sys.platform != "win32" and os.geteuid() == 0, reason="root may write anywhere")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(str(tmp_path / "compiled"))
    assert made.write("x", ABOUT, INDEX, SECTION)
    assert read(made) == (INDEX, SECTION)
    return made


def entry(store: Store) -> Path:
    return Path(store.folder, "x.rtfsc")


def read(store: Store) -> tuple[bytes, ...] | None:
    found = store.read("x", ABOUT)
    return None if found is None else tuple([bytes(part) for part in found])


def test_an_entry_is_about_one_thing(store: Store) -> None:
    assert store.read("x", b"b" * 32) is None
    assert store.read("y", ABOUT) is None


def test_an_entry_that_takes_the_place_of_another_is_none(store: Store) -> None:
    other = b"b" * 32
    store.write("y", other, INDEX)
    os.replace(Path(store.folder, "y.rtfsc"), entry(store))
    assert store.read("x", ABOUT) is None


@POSIX
def test_nobody_else_can_read_or_write(store: Store) -> None:
    assert stat.S_IMODE(os.stat(store.folder).st_mode) == 0o700
    for path in Path(store.folder).iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_every_byte_counts(store: Store) -> None:
    whole = entry(store).read_bytes()
    for i in range(len(whole) - len(SECTION)):
        entry(store).write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        assert store.read("x", ABOUT) is None, i


def test_what_is_cut_off_or_added_to_is_none(store: Store) -> None:
    whole = entry(store).read_bytes()
    for data in (b"", whole[:7], whole[:40], whole[:-1], whole + b"\0", b"\0" * len(whole)):
        entry(store).write_bytes(data)
        assert store.read("x", ABOUT) is None


def test_nothing_is_unmarshalled_before_its_signature_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "a.rtfs", "(defn f [x] (inc x)) (f 1)")
    folder = tmp_path / "cache"
    with everything_is_worth_keeping():
        three_runs(path, folder)
    (found,) = folder.glob("*.rtfsc")
    data = bytearray(found.read_bytes())
    data[60] ^= 1
    found.write_bytes(data)
    from rtfs.eval.cached import program

    def never(*_: object) -> None:
        raise AssertionError("unmarshalled")

    with monkeypatch.context() as patch:
        patch.setattr(program, "Program", never)
        assert run(path, folder).results == ["2"]


def test_a_section_counts_when_it_is_used() -> None:
    known = stores.section(SECTION, 3)
    whole = b"abc" + SECTION + b"d"
    assert stores.piece(memoryview(whole), known) == SECTION
    for i in range(3, 3 + len(SECTION)):
        damaged = whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :]
        assert stores.piece(memoryview(damaged), known) is None


def test_code_that_is_damaged_is_compiled_anew(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "a.rtfs",
        "(defn small [x] (+ x 1))\n(defn fib [n] (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))\n"
        "(defn main [n] (reduce (fn [a x] (+ a (fib (small x)))) 0 (range n)))\n[(main 9) (map main [1 2])]",
    )
    folder = tmp_path / "cache"
    later = ("(main 9)", "(fib :a)", "(defn small [x] x)", "(main 9)", "(fib 20)")
    with everything_is_worth_keeping():
        plain = three_runs(path, folder, *later)
    (found,) = folder.glob("*.rtfsc")
    whole = found.read_bytes()
    index, sections = (int.from_bytes(whole[at : at + 8], "little") for at in (40, 48))
    assert sections > 2_000
    found.write_bytes(whole[: 56 + index] + bytes(sections))
    damaged = run(path, folder, *later)
    assert damaged.stored
    assert damaged.seen == plain.seen


def test_a_key_of_another_user_signs_nothing(store: Store) -> None:
    key = Path(store.folder, "key")
    key.write_bytes(b"k" * 32)
    assert store.read("x", ABOUT) is None
    assert store.write("x", ABOUT, INDEX, SECTION)
    assert read(store) == (INDEX, SECTION)


@pytest.mark.parametrize("data", [b"", b"short", b"x" * 33])
def test_a_damaged_key_is_made_anew(store: Store, data: bytes) -> None:
    key = Path(store.folder, "key")
    key.write_bytes(data)
    assert store.read("x", ABOUT) is None
    assert store.write("x", ABOUT, INDEX, SECTION)
    assert len(key.read_bytes()) == 32
    assert read(store) == (INDEX, SECTION)


@POSIX
def test_a_key_that_others_can_read_is_made_anew(store: Store) -> None:
    key = Path(store.folder, "key")
    known = key.read_bytes()
    key.chmod(0o640)
    assert store.read("x", ABOUT) is None
    assert store.write("x", ABOUT, INDEX, SECTION)
    assert key.read_bytes() != known


@POSIX
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_can_write_to_is_left_alone(store: Store, mode: int) -> None:
    before = entry(store).read_bytes()
    os.chmod(store.folder, mode)
    assert store.read("x", ABOUT) is None
    assert not store.write("x", ABOUT, b"other")
    assert entry(store).read_bytes() == before


@POSIX
def test_an_entry_that_others_can_write_to_is_none(store: Store) -> None:
    entry(store).chmod(0o622)
    assert store.read("x", ABOUT) is None
    assert store.write("x", ABOUT, INDEX, SECTION)
    assert read(store) == (INDEX, SECTION)


@POSIX
def test_what_belongs_to_somebody_else_is_left_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(store.folder).st_uid + 1)
    assert store.read("x", ABOUT) is None
    assert not store.write("x", ABOUT, INDEX, SECTION)


@POSIX
def test_links_are_not_followed(store: Store, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    os.replace(entry(store), elsewhere)
    os.symlink(elsewhere, entry(store))
    assert store.read("x", ABOUT) is None
    assert store.write("x", ABOUT, INDEX, SECTION)
    assert not entry(store).is_symlink()


@POSIX
@ROOT
def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    path = write(tmp_path, "a.rtfs", "(defn f [x] (inc x)) (f 1)")
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o500)
    assert run(path, folder).results == ["2"]
    assert run(path, folder / "below").results == ["2"]
    assert not list(folder.iterdir())


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    path = write(tmp_path, "a.rtfs", "(defn f [x] (inc x)) (f 1)")
    file = write(tmp_path, "file", "")
    for folder in (file, file / "below"):
        assert run(path, folder).results == ["2"]
        assert not Store(str(folder)).write("x", ABOUT, INDEX)
    assert file.read_text(encoding="utf-8") == ""


def test_a_folder_may_vanish(store: Store) -> None:
    for path in Path(store.folder).iterdir():
        path.unlink()
    os.rmdir(store.folder)
    assert store.read("x", ABOUT) is None
    assert store.write("x", ABOUT, INDEX, SECTION)
    assert read(store) == (INDEX, SECTION)


def test_what_was_not_used_longest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(str(tmp_path))
    for i in range(8):
        store.write(f"e{i}", ABOUT, bytes(1000))
        os.utime(tmp_path / f"e{i}.rtfsc", (1_000_000 + i, 1_000_000 + i))
    assert store.read("e0", ABOUT) is not None  # which is a use
    monkeypatch.setattr(stores, "MAX_BYTES", 6_000)
    store.write("new", ABOUT, bytes(1000))
    assert sorted(path.name for path in tmp_path.glob("*.rtfsc")) == ["e0.rtfsc", "e6.rtfsc", "e7.rtfsc", "new.rtfsc"]


def test_files_that_were_left_behind_are_swept_up(store: Store) -> None:
    old, new = Path(store.folder, "x.1.tmp"), Path(store.folder, "x.2.tmp")
    old.write_bytes(b"")
    new.write_bytes(b"")
    os.utime(old, (1_000_000, 1_000_000))
    store.write("x", ABOUT, INDEX, SECTION)
    assert not old.exists()
    assert new.exists()


def test_clearing_leaves_the_key(store: Store) -> None:
    assert store.clear() == 1
    assert store.read("x", ABOUT) is None
    assert [path.name for path in Path(store.folder).iterdir()] == ["key"]


def _work(folder: str, n: int, path: str) -> list[str]:
    store = Store(folder)
    found = []
    for i in range(40):
        assert store.write("x", ABOUT, bytes([n]) * (10_000 + n), bytes([n]) * 10_000)
        entry = store.read("x", ABOUT)
        found.append("none" if entry is None else "whole" if len({*entry[0], *entry[1]}) == 1 else "torn")
        if i % 10 == 0:
            found.append(run(Path(path), Path(folder) / "programs").results[0])
    return found


def test_processes_at_once_see_whole_entries_or_none(tmp_path: Path) -> None:
    path = write(tmp_path, "a.rtfs", "(defn f [x] (inc x)) (f 1)")
    with everything_is_worth_keeping(), multiprocessing.get_context("spawn").Pool(3) as pool:
        results = pool.starmap(_work, [(str(tmp_path / "compiled"), n, str(path)) for n in range(3)])
    for result in results:
        assert "torn" not in result
        assert "whole" in result
        assert [found for found in result if found not in ("whole", "none")] == ["2"] * 4


def test_no_entry_is_read_by_another_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rtfs.eval.cached import cache

    path = write(tmp_path, "a.rtfs", "(defn f [x] (inc x)) (f 1)")
    with everything_is_worth_keeping():
        three_runs(path, tmp_path / "cache")
        monkeypatch.setattr(cache, "stamp", lambda: b"another")
        three_runs(path, tmp_path / "cache")


def test_the_stamp_tells_versions_and_edits_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import rtfs
    from rtfs.eval.cached import stamp as stamps

    package = tmp_path / "rtfs"
    for name in ("ir/lower.py", "cli/main.py", "source.py"):
        write(package, name, "1")
    monkeypatch.setattr(stamps, "_ROOT", str(package))
    known = stamps.stamp()
    assert stamps.stamp() == known
    write(package, "cli/main.py", "12")
    assert stamps.stamp() == known, "the command line has no say in how programs are compiled"
    write(package, "ir/lower.py", "12")
    edited = stamps.stamp()
    assert edited != known
    os.utime(package / "ir/lower.py", ns=(1, 1))
    assert stamps.stamp() not in (known, edited)
    write(package, "ir/new.py", "")
    assert len({known, edited, stamps.stamp()}) == 3
    monkeypatch.setattr(rtfs, "__version__", "9.9.9")
    assert stamps.stamp() not in (known, edited)


def test_the_cache_does_not_need_pycache(tmp_path: Path) -> None:
    path = write(tmp_path, "a.rtfs", "(defn f [x] (inc x)) " * 1000 + "(f 1)")
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environ |= {
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPYCACHEPREFIX": str(tmp_path / "none"),
        "PYTHONPATH": str(Path(stores.__file__).parents[3]),
        "RTFS_CACHE_DIR": str(tmp_path / "cache"),
    }
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "rtfs", "run", "--strategy", "ir", str(path)], env=environ, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, "2\n")
    assert len(list((tmp_path / "cache" / "compiled").glob("*.rtfsc"))) == 1
    assert not (tmp_path / "none").exists()
