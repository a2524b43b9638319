"""`rtfs code` and `rtfs crystallise`: from a log to code that answers, and back."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

pytest.importorskip("cryptography")

from rtfs.caching.code.signing import Signer, printed_key
from rtfs.cli.main import main

#: The model `rules` plays the part of a model: it answers at once, and always.
ASKING = """(defn topic ^:delegation :local-model "rules"
  ^{:rules [["crash|freeze" "bug"] ["card|pin" "card"] [:else "other"]]}
  "What is it about?" [message :string] :-> [:enum "bug" "card" "other"] "other")
"""
RUN = ASKING + "(doseq [line (read-lines (first @args))] (println (topic line)))"
WORDS = ("crash", "freeze", "card", "pin", "hello", "thanks", "bye")
FILL = (
    *("the", "a", "please", "today", "when", "i", "it", "was", "then", "on", "and", "with", "my", "new", "for", "so", "again"),
    *("we", "had", "quite", "some", "trouble", "here"),
)


class Home:
    """A home of one's own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        names = ("DATA", "STATE", "CONFIG", "CACHE")
        self.environ = {"HOME": str(folder), **{f"RTFS_{name}_DIR": str(folder / f"rtfs-{name.lower()}") for name in names}}

    def __call__(self, *argv: str, **environ: str) -> tuple[int, str, str]:
        code = main(list(argv), {**self.environ, **environ})
        out, err = self._capsys.readouterr()
        return code, out, err

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)


@pytest.fixture
def rtfs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Home:
    return Home(tmp_path, capsys)


def lines(count: int, seed: int) -> str:
    made = random.Random(seed)
    texts = []
    for _ in range(count):
        words = [made.choice(FILL) for _ in range(made.randrange(4, 9))]
        words.insert(made.randrange(len(words)), made.choice(WORDS))
        texts.append(" ".join(words))
    return "\n".join(texts)


def records(rtfs: Home) -> list[dict[str, object]]:
    return [json.loads(line) for line in rtfs("logs", "-n", "5000", "--json")[1].splitlines()]


def test_from_the_log_to_code_and_back(rtfs: Home) -> None:
    program, first, second = rtfs.write("topics.rtfs", RUN), rtfs.write("first", lines(500, 1)), rtfs.write("second", lines(200, 2))
    assert rtfs("run", program, first)[0] == 0
    code, out, _ = rtfs("crystallise", "topic", "--file", program)
    assert code == 1
    assert "RTFS_LOG=full" in out
    rtfs("logs", "clear")
    assert rtfs("run", program, first, RTFS_LOG="full")[0] == 0
    code, out, err = rtfs("crystallise", "topic", "--file", program, "--agreement", "0.9", "--dry-run", "-o", str(rtfs.folder / "made.rtfs"))
    assert (code, "not published: --dry-run" in out) == (0, True), out + err
    assert "(has? " in (rtfs.folder / "made.rtfs").read_text()
    assert rtfs("code")[2] == "rtfs: nothing was published\n"
    code, out, _ = rtfs("crystallise", "topic", "--file", program, "--agreement", "0.9", "--sample", "0", "--json")
    made = json.loads(out)
    assert (code, made["published"], made["held_out"]["bound"] >= 0.9) == (0, True, True)
    rtfs("logs", "clear")

    expected = rtfs("run", program, second, "--no-cache")[1]
    assert {record["source"] for record in records(rtfs)} == {"model"}
    rtfs("logs", "clear")
    code, out, _ = rtfs("run", program, second)
    by_code = [record for record in records(rtfs) if record["source"] == "code"]
    assert len(by_code) > 80
    assert {record["cache"] for record in by_code} == {"L4"}
    same = sum(one == other for one, other in zip(out.splitlines(), expected.splitlines(), strict=True))
    assert same >= 190

    code, out, _ = rtfs("crystallise", "--status", "topic")
    assert code == 0
    assert f"active   topic  {len(by_code)} answered" in out
    assert rtfs("crystallise", "--list")[1] == rtfs("code", "ls")[1]
    code, out, _ = rtfs("code", "show", made["hash"][:8])
    assert "verified: agreement" in out
    assert "signed by ed25519:" in out
    assert rtfs("code", "rm", made["hash"])[0] == 0
    assert rtfs("code", "show", made["hash"])[0] == 2
    rtfs("logs", "clear")
    rtfs("run", program, second)
    assert {record["source"] for record in records(rtfs)} == {"model"}


def test_status_of_nothing(rtfs: Home) -> None:
    assert rtfs("crystallise", "--list")[0] == 0
    assert rtfs("crystallise", "--status", "topic")[0] == 1
    assert rtfs("crystallise", "--list", "topic")[0] == 2
    assert rtfs("crystallise", "topic")[0] == 2
    program = rtfs.write("topics.rtfs", ASKING)
    assert rtfs("crystallise", "topic", "--file", program, "--agreement", "1")[0] == 2
    assert rtfs("crystallise", "subject", "--file", program)[0] == 2
    assert rtfs("crystallise", "topic", "--file", program)[0] == 1


PROGRAM = ASKING + """
(defn by-words [message :string] :-> [:enum "bug" "card" "other"]
  (if (string-contains message "crash") "bug" (throw :abstain "not a crash")))
"""


def test_publishing_what_one_has_written(rtfs: Home) -> None:
    program = rtfs.write("program.rtfs", PROGRAM)
    good, bad = rtfs.write("good", '[["a crash"] "bug"]\n[["crash"] "bug"]'), rtfs.write("bad", '[["a crash"] "card"]')
    code, _, err = rtfs("code", "publish", "by-words", "--file", program, "--tests", bad)
    assert code == 2
    assert "RTFS-C006" in err
    assert '0 of 1 tests right; first, number 1: "bug" and not "card"' in err
    code, _, err = rtfs("code", "publish", "by-words", "--file", program, "--tests", rtfs.write("none", ""))
    assert code == 2
    assert "there are no tests\n  hint: write [[operand …] value]" in err
    code, _, err = rtfs("code", "publish", "by-word", "--file", program, "--tests", good)
    assert "hint: did you mean by-words?" in err
    code, out, _ = rtfs("code", "publish", "by-words", "--file", program, "--tests", good, "--for", "topic", "--json")
    assert code == 0
    hashes = {one["name"]: one["hash"] for one in map(json.loads, rtfs("hash", program, "--json")[1].splitlines())}
    assert json.loads(out)["hash"] == hashes["by-words"]
    data = rtfs.write("data", "a crash\nhello")
    assert rtfs("run", rtfs.write("run.rtfs", RUN), data)[1] == "bug\nother\n"
    assert [record["source"] for record in records(rtfs)] == ["code", "model"]
    assert "None" not in rtfs("logs")[1]
    assert "by-words  active" in rtfs("cache", "ls", "code")[1]
    assert json.loads(rtfs("cache", "stats", "code", "--json")[1])["code"]["hits"] == 1
    assert rtfs("cache", "verify", "code")[1] == "code: 1 whole, 0 not\n"
    rtfs("cache", "clear")
    assert rtfs("run", "--no-cache=code", str(rtfs.folder / "run.rtfs"), data)[1] == "bug\nother\n"
    assert [record["source"] for record in records(rtfs)][2:] == ["model", "model"]
    assert len(rtfs("code")[1].splitlines()) == 1
    for words in (("by-words", "--tests", good), ("by-words", "--file", program)):
        assert rtfs("code", "publish", *words)[0] == 2
    assert rtfs("code", "publish", "by-words", "--file", program, "--tests", good, "--for", "nobody")[0] == 2
    assert rtfs("code", "publish", "by-words", "--file", program, "--tests", program)[0] == 2


def test_code_by_its_hash_in_a_policy(rtfs: Home) -> None:
    program = rtfs.write("program.rtfs", '(defn kind "?" [m :string] :-> :string "own body") (println (kind "a crash"))')
    code = rtfs.write("code.rtfs", '(defn kind [m :string] :-> :string (str m "!"))')
    tests = rtfs.write("tests", '[["x"] "x!"]')
    made = json.loads(rtfs("code", "publish", "kind", "--file", code, "--tests", tests, "--json")[1])["hash"]
    policy = rtfs.write("delegation.toml", f'[[rules]]\nsymbol = "kind"\ntarget = "code:{made}"\n')
    code_, out, err = rtfs("run", program, "--policy", policy)
    assert (code_, out) == (0, "a crash!\n"), err


def test_keys(rtfs: Home) -> None:
    (own,) = rtfs("code", "keys")[1].splitlines()
    assert own.endswith(" own key")
    friend = printed_key(Signer.new().public)
    assert rtfs("code", "trust", friend, "a", "friend")[0] == 0
    assert rtfs("code", "keys")[1].splitlines() == [own, f"{friend} a friend"]
    assert rtfs("code", "trust", "ed25519:00")[0] == 2
    assert rtfs("code", "nonsense")[0] == 2


def test_code_of_a_key_that_is_not_trusted_any_more(rtfs: Home) -> None:
    program, good = rtfs.write("program.rtfs", PROGRAM), rtfs.write("good", '[["a crash"] "bug"]')
    made = json.loads(rtfs("code", "publish", "by-words", "--file", program, "--tests", good, "--for", "topic", "--json")[1])["hash"]
    (rtfs.folder / "rtfs-config" / "trusted-keys").write_text("")
    code, out, err = rtfs("run", rtfs.write("run.rtfs", RUN), rtfs.write("data", "a crash\na crash"))
    assert (code, out) == (0, "bug\nbug\n")
    assert err.count("is not trusted; it is not run") == 1
    assert [record["source"] for record in records(rtfs)] == ["model", "model"]
    assert "not trusted" in rtfs("code", "show", made)[2]
    code, out, _ = rtfs("cache", "verify", "code")
    assert (code, out.count("is not trusted; it is not run")) == (1, 1)
