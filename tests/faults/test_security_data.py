"""Files that somebody else made are data: a few bytes never take much memory, open another file, or run anything."""

from __future__ import annotations

import io
import os
import pickle
import resource
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from autotune.best import read_best
from autotune.config import read_study
from autotune.errors import UsageError
from autotune.raster import read_raster
from autotune.results.pair import measured
from autotune.traces.files import SUFFIX, TracesError, read_traces

GIGABYTE = 1 << 30


@contextmanager
def little_memory() -> Iterator[None]:
    """A quarter of a gigabyte above what this process has: whatever asks for more gets none."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + GIGABYTE // 4, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def header(shape: object, dtype: str = "<f8") -> bytes:
    """The beginning of an .npy file."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": dtype, "fortran_order": False, "shape": shape})
    return out.getvalue()


def archive(file: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in members.items():
            new.writestr(f"{name}.npy", data)
    return file


def a_claim(folder: Path) -> Path:
    """10^9 spikes in 200 bytes."""
    return archive(folder / "a.npz", gid=header((10**9,), "<i8"), time_ms=header((10**9,)))


def a_bomb(folder: Path) -> Path:
    """260 MB of zeros in 260 kB."""
    return archive(folder / "b.npz", gid=header((260 << 17,)) + bytes(260 << 20), time_ms=header((1,)) + bytes(8))


def a_lie(folder: Path) -> Path:
    """A directory that says less than is packed."""
    file = archive(folder / "c.npz", gid=header((10,), "<i8") + bytes(1 << 20), time_ms=header((10,)) + bytes(80))
    with zipfile.ZipFile(file, "a") as new:
        new.getinfo("gid.npy").file_size = len(header((10,), "<i8")) + 80
        new.writestr("x", b"")
    return file


def a_pickle(folder: Path) -> Path:
    np.savez(folder / "d.npz", gid=np.array([Evil(folder / "taken")], object), time_ms=np.zeros(1))
    return folder / "d.npz"


def an_empty_dataset(folder: Path) -> Path:
    """10^10 spikes that HDF5 would make up."""
    with h5py.File(folder / "e.h5", "w") as file:
        for name in ("node_ids", "timestamps"):
            file.create_dataset(f"spikes/all/{name}", shape=(10**10,), dtype="f8", chunks=(1000,))
    return folder / "e.h5"


def a_huge_chunk(folder: Path) -> Path:
    with h5py.File(folder / "f.h5", "w") as file:
        for name in ("node_ids", "timestamps"):
            column = file.create_dataset(
                f"spikes/all/{name}",
                shape=(10,),
                maxshape=(None,),
                dtype="f8",
                chunks=(400_000_000,),
                compression="gzip",
            )
            column.attrs["units"] = "ms"
    return folder / "f.h5"


def a_link(folder: Path) -> Path:
    """Spikes that lie in another file."""
    with h5py.File(folder / "other.h5", "w") as file:
        file["spikes/all/node_ids"], file["spikes/all/timestamps"] = np.arange(3), np.arange(3.0)
    with h5py.File(folder / "g.h5", "w") as file:
        file["spikes"] = h5py.ExternalLink("other.h5", "/spikes")
    return folder / "g.h5"


def an_external_dataset(folder: Path) -> Path:
    """Times that are the bytes of somebody's file."""
    (folder / "secret").write_bytes(bytes(24))
    with h5py.File(folder / "h.h5", "w") as file:
        file["spikes/all/node_ids"] = np.arange(3)
        file.create_dataset("spikes/all/timestamps", (3,), "f8", external=[(str(folder / "secret"), 0, 24)])
    return folder / "h.h5"


def a_packed_text(folder: Path) -> Path:
    """What numpy would unpack by its name."""
    import gzip

    (folder / "i.gz").write_bytes(gzip.compress(b"1.0 1\n" * 1000))
    return folder / "i.gz"


def a_pipe(folder: Path) -> Path:
    """Whoever opens it waits for ever."""
    os.mkfifo(folder / "j.npz")
    return folder / "j.npz"


class Evil:
    """Unpickling it makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> object:
        return (os.mkdir, (str(self.file),))


@pytest.mark.parametrize(
    "make",
    [
        a_claim,
        a_bomb,
        a_lie,
        a_pickle,
        an_empty_dataset,
        a_huge_chunk,
        a_link,
        an_external_dataset,
        a_packed_text,
        a_pipe,
    ],
    ids=lambda make: make.__name__,
)
def test_no_raster_does_more_than_hold_spikes(tmp_path: Path, make: Callable[[Path], Path]):
    file = make(tmp_path)
    with little_memory(), pytest.raises(UsageError, match=file.name):
        read_raster(file)
    assert not (tmp_path / "taken").exists()


@pytest.mark.parametrize("make", [a_bomb, a_pickle, an_empty_dataset, an_external_dataset], ids=lambda m: m.__name__)
def test_nor_does_a_file_that_a_model_writes(tmp_path: Path, make: Callable[[Path], Path]):
    file = make(tmp_path)
    beside = tmp_path / f"own{file.suffix}"
    beside.write_bytes(file.read_bytes() + b"\0")
    for own, other in ((file, beside), (beside, file)):
        with little_memory():
            found = measured("result", own, other)
        assert found.presence in ("not understood", "differs")
    (tmp_path / "p.pkl").write_bytes(pickle.dumps(Evil(tmp_path / "taken")))
    (tmp_path / "q.pkl").write_bytes(pickle.dumps(Evil(tmp_path / "taken too")))
    assert measured("p", tmp_path / "p.pkl", tmp_path / "q.pkl").why == "a pickle is never opened"
    assert not list(tmp_path.glob("taken*"))


def test_a_packed_variable_of_matlab_is_as_large_as_it_looks(tmp_path: Path):
    scipy.io.savemat(tmp_path / "a.mat", {"v": np.zeros(34 << 20)}, do_compression=True)
    scipy.io.savemat(tmp_path / "b.mat", {"v": np.zeros(3)})
    with little_memory():
        found = measured("a.mat", tmp_path / "b.mat", tmp_path / "a.mat")
    assert "claims to hold" in found.apart[0].problem


def test_traces_hold_numbers_only(tmp_path: Path):
    index = b'{"passes": [{"t_start_ms": 0, "t_stop_ms": 1, "dt_ms": 0.1, "cvode": false}], "traces": [%s]}'
    entry = b'{"name": "v", "kind": "x", "pass": 0, "member": 0, "times": null, "interval_ms": null, "of": 1}'
    file = archive(tmp_path / f"0{SUFFIX}", **{"0": header((10**9,))})
    with zipfile.ZipFile(file, "a") as new:
        new.writestr("index.json", index % entry)
    traces = read_traces(tmp_path)
    assert traces is not None
    (key,) = traces.keys
    with pytest.raises(TracesError, match="another length than its header says"):
        traces.read(key)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"schema_version": 1, "a": NaN}', "NaN is no number"),
        ('{"schema_version": 1, "a": 1e999}', "no number of JSON"),
        ('{"schema_version": 1, "a": %s}' % ("1" * 5000), "not JSON"),
        ('{"schema_version": 1, "a": "\\u0000"}', "a NUL"),
        (" " * (33 << 20), "more than 32 MB"),
    ],
    ids=["deep", "nan", "infinite", "digits", "nul", "long"],
)
def test_an_answer_is_json_of_a_sane_size(tmp_path: Path, text: str, says: str):
    (tmp_path / "best.json").write_text(text)
    with pytest.raises(UsageError, match=says):
        read_best(tmp_path / "best.json")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("a" + ".a" * 50_000 + " = 1", "so many parts"),
        ("a = {a" + " . a" * 50_000 + " = 1}", "so many parts"),
        ("a = " + "1" * 5000, "not valid TOML"),
        ('name = ".."\ncommand = "python x.py"', "not . or .."),
        ('name = "a\\u001b[31m"\ncommand = "python x.py"', "printable"),
        ('name = "%s"\ncommand = "python x.py"' % ("x" * 300), "at most 120"),
        ('command = ["python", "a\\u0000b"]', "no word of a command holds a NUL"),
        ("folder = 3\ncommand = 'x'", "folder = 3"),
        ("command = 'x'\n[accept]\nwindow_ms = nan", "window_ms = nan"),
        ("command = 'x'\n[accept]\nlowest_mv = nan", "nan is no number"),
        ("# " + "x" * (1 << 20), "more than 1 MB"),
    ],
    ids=[
        "deep",
        "dotted",
        "dotted inside",
        "digits",
        "above",
        "escape",
        "long",
        "nul",
        "folder",
        "nan",
        "nan too",
        "huge",
    ],
)
def test_a_study_is_a_small_text_that_names_a_folder_of_its_own(tmp_path: Path, text: str, says: str):
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(UsageError, match=says):
        read_study(tmp_path)
