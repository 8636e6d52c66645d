"""NEURON's two columns of text: either order, what may stand around the spikes, and broken lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autotune.errors import UsageError
from autotune.raster import Raster, read_raster, write_raster


def read(tmp_path: Path, text: str | bytes, columns: str | None = None) -> Raster:
    path = tmp_path / "out.dat"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_raster(path, columns=columns)


THREE = Raster.from_arrays([7, 3, 7], [1.5, 2.0, 4.25])


@pytest.mark.parametrize(
    "text",
    [
        "1.5 7\n2 3\n4.25 7\n",
        "7 1.5\n3 2\n7 4.25\n",
        "1.5\t7\n2\t3\n4.25\t7",
        "  1.5,7\n2 , 3\n4.25,\t7\n",
        "# spikes of a run\n1.5 7\n\n2 3  # the second\n   \n4.25 7\n\n",
        "% old habit\n// another\n1.5 7\n2 3\n4.25 7\n",
        "time gid\n1.5 7\n2 3\n4.25 7\n",
        "gid,time (ms)\n7,1.5\n3,2\n7,4.25\n",
        "1.5 7\r\n2 3\r\n4.25 7\r\n",
        "\ufeff1.5 7\n2 3\n4.25 7\n",
        "4.25 7\n1.5 7\n2.0 3\n",
        "1.5e0 7.0\n2 3.0\n4.25 7.0\n",
    ],
)
def test_all_the_ways_to_write_the_same_three_spikes(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == THREE


@pytest.mark.parametrize("text", ["", "\n \n", "# nothing fired\n", "# time_ms\tgid\n", "time gid\n"])
def test_no_spikes_is_a_fine_raster(tmp_path: Path, text: str) -> None:
    assert len(read(tmp_path, text)) == 0


@pytest.mark.parametrize(
    ("text", "gids"),
    [
        ("5 3\n", [3]),  # NEURON's habit
        ("1 9\n2 3\n3 7\n", [9, 3, 7]),  # the rising column holds the times
        ("9 1\n3 2\n7 3\n", [9, 3, 7]),
        ("1 2\n2 3\n", [2, 3]),  # both rise: the habit
        ("3 2\n1 1\n", [1, 2]),  # neither does: the habit
        ("# gid time\n1 2\n2 3\n", [1, 2]),  # names decide
    ],
)
def test_the_order_of_whole_columns(tmp_path: Path, text: str, gids: list[int]) -> None:
    assert read(tmp_path, text).gids.tolist() == gids


def test_the_caller_can_say_the_order(tmp_path: Path) -> None:
    assert read(tmp_path, "1 2\n2 3\n", columns="gid time").gids.tolist() == [1, 2]
    with pytest.raises(UsageError, match="cannot be 'both'"):
        read(tmp_path, "1 2\n", columns="both")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1.5 7\n2.5\n4.5 7\n", 2),  # torn in the middle
        ("1.5 7\n2.5 3\n4.5", 3),  # torn at the end
        ("# head\n\n1.5 7\n2.5 3 9\n", 4),
        ("1 2 3\n1 2 3\n", 1),
        ("1.5 7\n2.5 x\n", 2),
        ("1.5 7\nnan 3\n", 2),
        ("1.5 7\n2.5 inf\n", 2),
        ("1.5,7\n2.5 3\n", 2),
        ("1.5 7\n2.5 3.5\n", 2),  # no whole gid
        ("time gid\n2.5 1\n7 1.5\n", 3),
        ("hello world\n", 1),  # no names of columns
        ("time gid\ntime gid\n1.5 7\n", 2),
        ("1.5 7\n% late\n2.5 3\n", 2),
        ("1.5\n2.5\n", 1),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(UsageError, match=rf"out\.dat, line {line}: "):
        read(tmp_path, text)


@pytest.mark.parametrize(
    "raw", [b"1.5 7\n\0\0\0", b"\x89PNG\r\n\x1a\n\0", b"1.5 7\n\xff\xfe\xfa\n", bytes(range(1, 256))]
)
def test_a_binary_file_is_refused(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(UsageError, match=r"out\.dat, line 1: this is a binary file"):
        read(tmp_path, raw)


def test_a_time_too_large_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"out\.dat: spike 0 "):
        read(tmp_path, "1e12 7\n0.5 1\n")


def test_any_other_extension_is_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "spk.std").write_text("1.5 7\n2 3\n4.25 7\n")
    assert read_raster(tmp_path / "spk.std") == THREE


def test_whole_times_written_by_us_keep_their_column(tmp_path: Path) -> None:
    r = Raster.from_arrays([1, 0, 2], [5.0, 5.0, 6.0])
    write_raster(tmp_path / "a.dat", r)
    assert (tmp_path / "a.dat").read_text() == "# time_ms\tgid\n5.0\t0\n5.0\t1\n6.0\t2\n"
    assert read_raster(tmp_path / "a.dat") == r


def test_a_long_file_is_read_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    r = Raster.from_arrays(rng.integers(0, 99, 250_000), rng.random(250_000) * 1e4)
    write_raster(tmp_path / "a.dat", r)
    assert read_raster(tmp_path / "a.dat") == r
