"""A raster that is too large for the memory is, spike by spike, the same as one that is not."""

from __future__ import annotations

import mmap
import zipfile
from pathlib import Path

import numpy as np
import pytest

from autotune.errors import UsageError
from autotune.raster import Raster, files, merge, pairing, raster, read_raster, write_raster
from autotune.raster.metrics import match

SPIKES, MEMORY, CELLS = 20_000, 3_000, 50


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (raster, files, pairing):
        monkeypatch.setattr(module, "HELD", MEMORY)
    monkeypatch.setattr(files, "PIECE", 700)


def drawn(seed: int) -> Raster:
    rng = np.random.default_rng(seed)
    return Raster.from_arrays(rng.integers(-3, CELLS, SPIKES), rng.integers(0, 40_000, SPIKES) * 0.025)


def in_a_file(of: Raster) -> bool:
    """Whether its columns lie in a mapped file, not in memory of their own."""
    base: object = of.times_ms
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base.obj if isinstance(base, memoryview) else base, mmap.mmap)


@pytest.mark.usefixtures("little_memory")
def test_what_the_ranks_wrote_is_merged_through_files_that_do_not_stay(tmp_path: Path):
    whole = drawn(1)
    parts = (Raster.from_arrays(whole.gids[rank::64], whole.times_ms[rank::64]) for rank in range(64))
    merged = merge(parts, tmp_path)
    assert in_a_file(merged)
    assert merged == whole
    assert merged.digest() == whole.digest()
    assert merged.counts().tolist() == np.unique(whole.gids, return_counts=True)[1].tolist()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["spikes.npz", "spikes.h5"])
def test_a_large_file_is_read_in_pieces(tmp_path: Path, name: str, request: pytest.FixtureRequest):
    whole = Raster.from_arrays(np.abs(drawn(1).gids), drawn(1).times_ms)
    write_raster(tmp_path / name, whole)
    request.getfixturevalue("little_memory")
    again = read_raster(tmp_path / name)
    assert in_a_file(again)
    assert again == whole
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.usefixtures("little_memory")
def test_a_large_file_that_is_torn_is_refused_as_a_small_one_is(tmp_path: Path):
    file = tmp_path / "spikes.npz"
    write_raster(file, drawn(1))
    data = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as held:
        at = held.getinfo("time_ms.npy").header_offset
    data[at + 5_000] ^= 1  # the lowest bit of some time or its neighbour
    file.write_bytes(data)
    with pytest.raises(UsageError, match="not a whole npz file"):
        read_raster(file)


def test_spikes_of_large_rasters_are_paired_as_those_of_small_ones(request: pytest.FixtureRequest):
    a = drawn(1)
    moved = a.times_ms + 0.025 * (np.random.default_rng(2).random(SPIKES) < 0.1)
    b = Raster.from_arrays(a.gids[7:], moved[7:])
    expected = match(a, b, 0.1)
    request.getfixturevalue("little_memory")
    found = match(a, b, 0.1)
    assert (found.matched, found.missed, found.extra) == (expected.matched, expected.missed, expected.extra)
    assert np.array_equal(found.shifts_ms, expected.shifts_ms)


def test_a_full_disk_is_told_before_anything_is_written_into_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
):
    request.getfixturevalue("little_memory")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        merge([drawn(1), drawn(2)], tmp_path)
