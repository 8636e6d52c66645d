"""`python -m autotune compare A B`, as it is typed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from autotune.raster import Raster, write_raster

BASE = Raster.from_arrays(np.tile(np.arange(5), 40), np.arange(200) * 1.25)
LATE = Raster.from_arrays(BASE.gids, BASE.times_ms + 0.4)
EMPTY = Raster.from_arrays([], [])


@pytest.fixture
def files(tmp_path):
    def write(a: Raster, b: Raster):
        write_raster(tmp_path / "a.npz", a)
        write_raster(tmp_path / "b.dat", b)
        return "a.npz", "b.dat"

    return write


@pytest.mark.parametrize(
    ("a", "b", "options", "code", "verdict"),
    [
        (BASE, BASE, (), 0, "identical"),
        (BASE, LATE, (), 0, "equivalent"),
        (BASE, LATE, ("--window", "0.3"), 1, "different"),
        (BASE, EMPTY, (), 1, "different"),
        (EMPTY, EMPTY, (), 2, "nothing to compare"),
    ],
)
def test_the_exit_code_is_the_verdict(autotune, tmp_path, files, a, b, options, code, verdict) -> None:
    answer = autotune("compare", *files(a, b), *options, cwd=tmp_path)
    assert answer.code == code, str(answer)
    assert verdict in answer.stdout


def test_json_is_json(autotune, tmp_path, files) -> None:
    answer = autotune("compare", *files(BASE, LATE), "--json", cwd=tmp_path)
    found = json.loads(answer.stdout)
    assert (found["verdict"], found["exit_code"], found["matched"]) == ("equivalent", 0, 200)
    assert found["shift_mean_ms"] == pytest.approx(0.4)


def test_columns_say_what_a_text_file_holds(autotune, tmp_path, files) -> None:
    files(BASE, BASE)
    lines = [f"{gid} {time:.9f}" for gid, time in zip(BASE.gids, BASE.times_ms, strict=True)]
    (tmp_path / "b.dat").write_text("\n".join(lines) + "\n")
    (tmp_path / "a.dat").write_text("\n".join(lines) + "\n")
    answer = autotune("compare", "a.dat", "b.dat", "--columns", "gid time", cwd=tmp_path)
    assert answer.code == 0, str(answer)
    assert "identical" in answer.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [(("a.npz", "missing.dat"), "missing.dat"), (("a.npz", "b.dat", "--window", "-1"), "window")],
)
def test_bad_input_is_one_message_and_exit_code_2(autotune, tmp_path, files, words, said) -> None:
    files(BASE, BASE)
    answer = autotune("compare", *words, cwd=tmp_path)
    assert answer.code == 2, str(answer)
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_picture_is_drawn(autotune, tmp_path, files) -> None:
    pytest.importorskip("matplotlib")
    answer = autotune("compare", *files(BASE, LATE), "--plot", "out.png", cwd=tmp_path)
    assert answer.code == 0, str(answer)
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
