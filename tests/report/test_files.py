"""`compare` on files and folders of results."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from autotune.cli import main


def test_two_folders_are_compared_file_by_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, last in (("a", 1.0), ("b", 2.0)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "v.npy", np.array([0.0, last]))
        (tmp_path / name / "same.txt").write_text("1 2\n")
    (tmp_path / "b" / "new.txt").write_text("1\n")
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    said = capsys.readouterr().out
    assert "v.npy: values: numbers differ by up to 1" in said
    assert "new.txt: is in the second folder only" in said
    assert "1 of 3 files hold the same" in said
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "a")]) == 0


def test_two_files_are_compared_as_files_where_they_are_no_rasters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("a", 1), ("b", 3)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"cells": value}))
        (tmp_path / f"{name}.pkl").write_bytes(b"\x80\x04" + bytes([value]))
    assert main(["compare", "--json", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 1
    assert json.loads(capsys.readouterr().out)["files"][0]["apart"][0]["largest"] == 2
    assert main(["compare", str(tmp_path / "a.pkl"), str(tmp_path / "b.pkl")]) == 2
    assert "a pickle is never opened" in capsys.readouterr().out
    assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "not there.json")]) == 2
