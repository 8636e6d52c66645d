"""Traces as ranks leave them: read one at a time, kept, told apart on other ranks, gone when nobody needs them."""

from __future__ import annotations

import gc
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from autotune.traces import TracesError, pairs, read_traces
from autotune.traces.files import taken

T = np.arange(0, 20.01, 0.05)


def written(file: Path, traces: Sequence[np.ndarray], t_start_ms: float = 0.0) -> Path:
    """What agent/traces.py writes of a rank that has recorded these at every fixed step, in one pass."""
    rows = [
        {
            "name": f"Vector[{n}]",
            "kind": "every step",
            "pass": 0,
            "member": n,
            "times": None,
            "interval_ms": None,
            "of": 3,
        }
        for n in range(len(traces))
    ]
    passes = [{"t_start_ms": t_start_ms, "t_stop_ms": t_start_ms + 20.0, "dt_ms": 0.05, "cvode": False}]
    with zipfile.ZipFile(file, "w") as archive:
        for number, values in enumerate(traces):
            with archive.open(f"{number}.npy", "w") as member:
                np.lib.format.write_array(member, values)
        archive.writestr("index.json", json.dumps({"passes": passes, "traces": rows}))
    return file


def waves(count: int) -> list[np.ndarray]:
    return [np.sin(T / (1 + n)) for n in range(count)]


def test_a_trace_has_the_times_of_its_steps(tmp_path: Path) -> None:
    written(tmp_path / "000000.traces", waves(1), t_start_ms=-5)
    traces = read_traces(tmp_path)
    assert traces is not None
    trace = traces.read(traces.keys[0])
    assert (trace.name, traces.recorded) == ("Vector[0]", 3)
    np.testing.assert_allclose(trace.times_ms, T - 5)
    assert len(trace.until(5.0).values) == 201


def test_traces_on_other_ranks_are_known_by_what_they_look_like(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    a, b, c = waves(3)
    written(one / "000000.traces", [a, b, c])
    written(two / "000000.traces", [c + 1e-6, a])
    written(two / "000001.traces", [b])
    own, run = read_traces(one), read_traces(two)
    assert own is not None
    assert run is not None
    found = pairs(run, own)
    assert found is not None
    assert [(mine.rank, mine.place, theirs.place) for mine, theirs in found] == [(0, 1, 0), (1, 0, 1), (0, 0, 2)]
    (two / "000001.traces").unlink()
    assert pairs(read_traces(two), own) is None


def test_they_go_with_the_last_who_holds_them_unless_they_are_kept(tmp_path: Path) -> None:
    file = written(tmp_path / "rank.traces", waves(2))
    traces = taken([(0, file), (1, tmp_path / "never")], tmp_path)
    assert traces is not None
    assert not file.exists()
    own = traces.folder
    kept = traces.keep(tmp_path / "kept" / "own")
    assert kept.same(traces, kept.keys[0])
    del traces
    gc.collect()
    assert not own.exists()
    assert len(kept.read(kept.keys[1]).values) == len(T)


def test_a_torn_file_is_told_and_no_part_of_it_is_read(tmp_path: Path) -> None:
    file = written(tmp_path / "000000.traces", waves(2))
    file.write_bytes(file.read_bytes()[:-100])
    traces = read_traces(tmp_path)
    assert traces is not None
    with pytest.raises(TracesError, match=r"000000\.traces"):
        traces.keys  # noqa: B018
