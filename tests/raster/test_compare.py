"""Comparing two raster files: verdicts, exit codes, the table, the picture."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from autotune.errors import ExitCode, UsageError
from autotune.raster import Raster, write_raster
from autotune.report.compare import Comparison, compare_files, plot_comparison, print_comparison

GIDS, TIMES = np.tile(np.arange(5), 40), np.arange(200) * 1.25


def files(folder: Path, a: Raster, b: Raster) -> tuple[Path, Path]:
    write_raster(folder / "a.npz", a)
    write_raster(folder / "b.dat", b)
    return folder / "a.npz", folder / "b.dat"


def compared(folder: Path, a: Raster, b: Raster, window_ms: float = 0.5) -> Comparison:
    return compare_files(*files(folder, a, b), window_ms)


BASE = Raster.from_arrays(GIDS, TIMES)
LATE = Raster.from_arrays(GIDS, TIMES + np.where(TIMES > 100, 0.1, 0.0))
EMPTY = Raster.from_arrays([], [])


@pytest.mark.parametrize(
    ("a", "b", "verdict", "code", "distance"),
    [
        (BASE, BASE, "identical", ExitCode.DONE, 0.0),
        (BASE, LATE, "equivalent", ExitCode.DONE, 0.0),
        (BASE, Raster.from_arrays(GIDS, TIMES + 0.6), "different", ExitCode.DIFFERENT, 1.0),
        (BASE, Raster.from_arrays(GIDS[:-1], TIMES[:-1]), "different", ExitCode.DIFFERENT, 1 / 399),
        (BASE, Raster.from_arrays(GIDS + 9, TIMES), "different", ExitCode.DIFFERENT, 1.0),
        (BASE, EMPTY, "different", ExitCode.DIFFERENT, 1.0),
        (EMPTY, BASE, "different", ExitCode.DIFFERENT, 1.0),
        (EMPTY, EMPTY, "nothing to compare", ExitCode.USAGE, 0.0),
        (Raster.from_arrays([1], [2.0]), Raster.from_arrays([1], [2.0]), "identical", ExitCode.DONE, 0.0),
    ],
)
def test_verdict_and_exit_code(
    tmp_path: Path, a: Raster, b: Raster, verdict: str, code: ExitCode, distance: float
) -> None:
    found = compared(tmp_path, a, b)
    assert (found.verdict, found.exit_code) == (verdict, code)
    assert found.distance == pytest.approx(distance)
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert plain["verdict"] == verdict
    assert plain["exit_code"] == int(code)
    assert plain["a"]["spikes"] == len(a)


def test_the_numbers(tmp_path: Path) -> None:
    found = compared(tmp_path, BASE, LATE)
    assert found.first_divergence_ms == 101.25
    assert found.shift_max_abs_ms == pytest.approx(0.1)
    assert found.shift_median_ms == pytest.approx(0.1)
    assert found.shift_mean_ms == pytest.approx(0.1 * 119 / 200)
    assert found.a.rate_hz == pytest.approx(40 * 1000 / (199 * 1.25 + 0.1))
    assert found.a.isi_cv == pytest.approx(0.0, abs=1e-9)
    assert found.spike_distance is None


def test_spike_distance_on_demand(tmp_path: Path) -> None:
    pytest.importorskip("pyspike")
    found = compare_files(*files(tmp_path, BASE, LATE), 0.5, with_spike_distance=True)
    assert found.spike_distance is not None
    assert 0 < found.spike_distance < 0.1


def test_a_bad_file_is_an_error_with_its_name(tmp_path: Path) -> None:
    a, b = files(tmp_path, BASE, LATE)
    b.write_text("1.0 2\n3.5\n")
    with pytest.raises(UsageError, match=r"b\.dat, line 2"):
        compare_files(a, b, 0.5)


@pytest.mark.parametrize("pair", [(BASE, LATE), (EMPTY, EMPTY), (EMPTY, BASE)])
def test_the_table_says_verdict_and_files(tmp_path: Path, pair: tuple[Raster, Raster]) -> None:
    found = compared(tmp_path, *pair)
    out = io.StringIO()
    print_comparison(found, Console(file=out, width=200))
    assert found.verdict in out.getvalue()
    assert "b.dat" in out.getvalue()
    assert "nan" not in out.getvalue()


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot_comparison(compared(tmp_path, BASE, LATE), tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    plot_comparison(compared(tmp_path, EMPTY, LATE), tmp_path / "half.png")
    assert (tmp_path / "half.png").exists()


def test_no_picture_without_matplotlib_or_spikes_or_with_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = compared(tmp_path, BASE, LATE)
    with pytest.raises(UsageError, match=r"out\.pdf"):
        plot_comparison(found, tmp_path / "out.pdf")
    with pytest.raises(UsageError, match="nothing to draw"):
        plot_comparison(compared(tmp_path, EMPTY, EMPTY), tmp_path / "out.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match="matplotlib") as caught:
        plot_comparison(found, tmp_path / "out.png")
    assert "pip install matplotlib" in caught.value.cure
