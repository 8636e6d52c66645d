"""Rasters in npz and SONATA files: round trips, atomic writes, and files that are not what they should be."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autotune.errors import UsageError
from autotune.raster import Raster, read_raster, write_raster
from autotune.raster import files as raster_files

SOME = Raster.from_arrays([2**40, 0, 3, 3], [1e-9, 10.025 + 1e-10, 10.025, 1 / 3])
EMPTY = Raster.from_arrays([], [])
KINDS = ("npz", "h5", "hdf5", "dat", "txt", "csv", "tsv")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("raster", [SOME, EMPTY, Raster.from_arrays([5], [3.0])])
def test_what_is_written_is_read_back(tmp_path: Path, kind: str, raster: Raster) -> None:
    path = tmp_path / f"spikes.{kind}"
    write_raster(path, raster)
    assert read_raster(path) == raster


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 2**53), st.floats(-1e9, 1e9)), max_size=20), st.sampled_from(KINDS))
def test_any_raster_survives_any_format(tmp_path: Path, pairs: list[tuple[int, float]], kind: str) -> None:
    raster = Raster.from_arrays([g for g, _ in pairs], [t for _, t in pairs])
    write_raster(tmp_path / f"any.{kind}", raster)
    assert read_raster(tmp_path / f"any.{kind}") == raster


def test_negative_gids_survive_where_the_format_can_hold_them(tmp_path: Path) -> None:
    raster = Raster.from_arrays([-1, 2], [-3.0, 1.5])
    for kind in ("npz", "dat"):
        write_raster(tmp_path / f"a.{kind}", raster)
        assert read_raster(tmp_path / f"a.{kind}") == raster
    with pytest.raises(UsageError, match="gid -1 is negative"):
        write_raster(tmp_path / "a.h5", raster)
    assert not (tmp_path / "a.h5").exists()


def test_unsorted_files_are_sorted(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", gid=np.array([2, 1]), time_ms=np.array([5.0, 1.0]))
    assert read_raster(tmp_path / "a.npz").gids.tolist() == [1, 2]


def test_sonata_files_have_the_published_layout(tmp_path: Path) -> None:
    write_raster(tmp_path / "a.h5", SOME, population="cortex")
    with h5py.File(tmp_path / "a.h5") as file:
        group = file["spikes/cortex"]
        assert file.attrs["magic"] == 0x0A7A
        assert file.attrs["version"].tolist() == [0, 1]
        assert h5py.check_enum_dtype(group.attrs.get_id("sorting").dtype) == {"none": 0, "by_id": 1, "by_time": 2}
        assert group.attrs["sorting"] == 2
        assert group["node_ids"].dtype == np.uint64
        assert group["timestamps"].attrs["units"] == "ms"


def test_libsonata_reads_what_is_written(tmp_path: Path) -> None:
    libsonata = pytest.importorskip("libsonata")
    write_raster(tmp_path / "a.h5", SOME, population="cortex")
    reader = libsonata.SpikeReader(str(tmp_path / "a.h5"))
    assert list(reader.get_population_names()) == ["cortex"]
    assert reader["cortex"].get() == list(zip(SOME.gids.tolist(), SOME.times_ms.tolist(), strict=True))
    assert reader["cortex"].sorting == "by_time"


def two_populations(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        for name, gid in (("exc", 1), ("inh", 2)):
            file[f"spikes/{name}/node_ids"] = np.array([gid], np.uint64)
            file[f"spikes/{name}/timestamps"] = np.array([1.0])
    return path


def test_one_of_several_populations_is_chosen_by_name(tmp_path: Path) -> None:
    path = two_populations(tmp_path / "two.h5")
    assert read_raster(path, population="inh").gids.tolist() == [2]
    with pytest.raises(UsageError, match=r"2 populations \(exc, inh\)"):
        read_raster(path)
    with pytest.raises(UsageError, match="no population 'x'") as caught:
        read_raster(path, population="x")
    assert "exc, inh" in caught.value.cure


def test_sonata_files_in_other_units_or_shapes_are_refused(tmp_path: Path) -> None:
    path = two_populations(tmp_path / "two.h5")
    with h5py.File(path, "a") as file:
        file["spikes/exc/timestamps"].attrs["units"] = "s"
        del file["spikes/inh/timestamps"]
    with pytest.raises(UsageError, match="in 's'"):
        read_raster(path, population="exc")
    with pytest.raises(UsageError, match=r"/spikes/inh has no timestamps"):
        read_raster(path, population="inh")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["voltage"] = [1.0]
    with pytest.raises(UsageError, match=r"no group /spikes"):
        read_raster(tmp_path / "other.h5")


@pytest.mark.parametrize("kind", ["npz", "h5"])
@pytest.mark.parametrize("kept", [0, 3, 100, 0.5, 0.99])
def test_a_truncated_file_is_named_and_refused(tmp_path: Path, kind: str, kept: float) -> None:
    path = tmp_path / f"torn.{kind}"
    rng = np.random.default_rng(0)
    write_raster(path, Raster.from_arrays(rng.integers(0, 9, 5000), rng.random(5000)))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else int(kept)])
    with pytest.raises(UsageError, match=rf"torn\.{kind}"):
        read_raster(path)


@pytest.mark.parametrize("kind", ["npz", "h5"])
def test_text_under_a_wrong_name_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / f"a.{kind}").write_text("1.0 2\n" * 100)
    with pytest.raises(UsageError, match=rf"a\.{kind}"):
        read_raster(tmp_path / f"a.{kind}")


def test_an_npz_of_other_arrays_says_what_it_holds(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", gid=[1], volts=[1.0])
    with pytest.raises(UsageError, match=r"no array time_ms \(arrays found: gid, volts\)"):
        read_raster(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", gid=[1, 2], time_ms=[1.0])
    with pytest.raises(UsageError, match=r"b\.npz: gids have shape"):
        read_raster(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", gid=np.array([object()]), time_ms=[1.0])
    with pytest.raises(UsageError, match=r"c\.npz"):
        read_raster(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", gid=[1], time_ms=[np.nan])
    with pytest.raises(UsageError, match=r"d\.npz: spike 0 .* nan"):
        read_raster(tmp_path / "d.npz")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_raster(tmp_path / "absent.npz")
    with pytest.raises(UsageError, match="is a folder"):
        read_raster(tmp_path)
    with pytest.raises(UsageError, match="there is no folder"):
        write_raster(tmp_path / "absent" / "a.npz", SOME)
    with pytest.raises(UsageError, match=r"extension '\.xyz'"):
        write_raster(tmp_path / "a.xyz", SOME)


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_raster(path, SOME)

    def fail(file: object) -> None:
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        raster_files.write_atomically(path, fail)
    assert read_raster(path) == SOME
    assert os.listdir(tmp_path) == ["a.npz"]


def test_a_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_raster(tmp_path / "a.npz", SOME)
    (tmp_path / "plain").touch()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.npz", "plain")]
    assert modes[0] == modes[1]


def test_killing_a_writer_never_leaves_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_raster(path, SOME)
    code = (
        "import os, sys\n"
        "from autotune.agent.protocol import write_atomically\n"
        "def fill(file):\n    file.write(b'half'); file.flush(); os.kill(os.getpid(), 9)\n"
        "from pathlib import Path\nwrite_atomically(Path(sys.argv[1]), fill)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    assert read_raster(path) == SOME
