"""What happens when the smallest model is asked for code: `rtfs models add smollm2`, then `pytest -m model`.

It cannot write any.  That is to be told, and to cost no more than its tries.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("cryptography")

from rtfs.cli.main import main
from rtfs.errors import DelegationError
from rtfs.models import weights

pytestmark = pytest.mark.model

#: The model `rules` answers the calls, since only the code is of interest here.
PROGRAM = """(defn size ^:delegation :local-model "rules" ^{:rules [["[1-9][0-9][0-9]" 3] ["[1-9][0-9]" 2] [:else 1]]}
  "How many digits has the number?" [text :string] :-> :int 0)
(doseq [n (range 300)] (size (str "number " n)))
"""


def test_a_model_that_cannot_write_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed: pip install 'rtfs-lang[local]'")
    data = weights.default_data_dir(os.environ)
    try:
        weights.locate("smollm2", os.environ, data)
    except DelegationError as error:
        pytest.skip(f"{error.message}; {error.hint}")
    home = {"HOME": str(tmp_path), **{f"RTFS_{name}_DIR": str(tmp_path / name) for name in ("DATA", "STATE", "CONFIG", "CACHE")}}
    (tmp_path / "DATA").mkdir()
    (tmp_path / "DATA" / "models").symlink_to(data / "models")
    program = tmp_path / "size.rtfs"
    program.write_text(PROGRAM)
    assert main(["run", str(program), "--quiet"], {**home, "RTFS_LOG": "full"}) == 0
    capsys.readouterr()
    options = ["--model", "smollm2", "--tries", "2", "--agreement", "0.9", "--max-tokens", "600"]
    code = main(["crystallise", "size", "--file", str(program), *options], home)
    out, _ = capsys.readouterr()
    assert code == 1
    assert "smollm2, try 1: " in out
    assert "try 3" not in out
    assert "$0.00" in out
    assert "not published" in out
    assert not (tmp_path / "DATA" / "code.sqlite").exists()
