"""Two files side by side, in every format that is read: what differs is named, and what cannot be read says so."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io

from autotune.results.folder import compared_files, files_in
from autotune.results.measure import Apart, Measured
from autotune.results.pair import measured

T = np.arange(100) * 0.025
V = -65 + 10 * np.sin(T)


def csv(file: Path, v: Any) -> None:
    rows = "".join(f"{t:.3f},{x:.6f}\n" for t, x in zip(T, v, strict=True))
    file.write_text("t,v\n" + rows)


def traces(file: Path, v: Any) -> None:
    rows = [{"name": "soma(0.5).v", "kind": "every step", "pass": 0, "member": 0, "times": None, "of": 1}]
    passes = [{"t_start_ms": 0.0, "t_stop_ms": 99 * 0.025, "dt_ms": 0.025, "cvode": False}]
    with zipfile.ZipFile(file, "w") as archive:
        with archive.open("0.npy", "w") as member:
            np.lib.format.write_array(member, np.asarray(v))
        archive.writestr("index.json", json.dumps({"passes": passes, "traces": rows}))


def hdf5(file: Path, v: Any) -> None:
    with h5py.File(file, "w") as root:
        root["report/t"], root["report/v"] = T, v
        root["report/v"].attrs["units"] = "mV"


WRITERS: dict[str, tuple[str, Callable[[Path, Any], None]]] = {
    "v.csv": ("v", csv),
    "v.txt": ("column 2", lambda file, v: np.savetxt(file, np.c_[T, v])),
    "v.npy": ("values", lambda file, v: np.save(file, v)),
    "v.npz": ("v", lambda file, v: np.savez(file, t=T, v=v)),
    "v.json": ("simData/v", lambda file, v: file.write_text(json.dumps({"simData": {"t": [*T], "v": [*v]}}))),
    "v.mat": ("v", lambda file, v: scipy.io.savemat(file, {"v": v})),
    "v.h5": ("report/v", hdf5),
    "v.traces": ("soma(0.5).v", traces),
}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
    return tmp_path / "own", tmp_path / "other"


def found(pair: tuple[Path, Path], name: str) -> Measured:
    return measured(name, pair[0] / name, pair[1] / name)


def only(measure: Measured) -> Apart:
    assert measure.presence == "differs"
    assert len(measure.apart) == 1, measure.apart
    return measure.apart[0]


@pytest.mark.parametrize("name", WRITERS)
def test_the_variable_that_differs_is_named_and_measured(pair: tuple[Path, Path], name: str) -> None:
    variable, write = WRITERS[name]
    changed = V.copy()
    changed[[40, 41]] += 3.0, 4.0
    write(pair[0] / name, V)
    write(pair[1] / name, changed)
    apart = only(found(pair, name))
    assert apart.name == variable
    assert (apart.problem, apart.total, apart.largest) == ("", pytest.approx(5.0), pytest.approx(4.0))
    write(pair[1] / name, V)
    assert found(pair, name).presence == "same"


@pytest.mark.parametrize("name", WRITERS)
def test_an_array_that_is_half_filled_is_called_that(pair: tuple[Path, Path], name: str) -> None:
    _, write = WRITERS[name]
    write(pair[0] / name, V)
    write(pair[1] / name, np.where(np.arange(100) < 50, V, 0.0))
    assert only(found(pair, name)).problem == "filled for half of its length"


@pytest.mark.parametrize("name", WRITERS)
def test_a_value_that_is_nan_where_it_was_none_is_a_problem(pair: tuple[Path, Path], name: str) -> None:
    _, write = WRITERS[name]
    write(pair[0] / name, V)
    write(pair[1] / name, np.where(np.arange(100) == 50, np.nan, V))
    assert "1 values are NaN" in only(found(pair, name)).problem


@pytest.mark.parametrize("name", ["v.npy", "v.npz", "v.mat", "v.h5", "v.json"])
def test_another_number_of_values_is_a_problem(pair: tuple[Path, Path], name: str) -> None:
    _, write = WRITERS[name]
    write(pair[0] / name, V)
    write(pair[1] / name, V[:50])
    assert only(found(pair, name)).problem.startswith(("50 rows, in your run 100", "shape 1 x 50, in your run 1 x 100"))


def test_another_number_of_lines_is_a_problem(pair: tuple[Path, Path]) -> None:
    for folder, rows in zip(pair, (100, 50), strict=True):
        np.savetxt(folder / "v.txt", V[:rows])
    assert only(found(pair, "v.txt")).problem == "50 lines, in your run 100"


def test_a_date_in_a_header_is_no_difference_and_another_word_is_one(pair: tuple[Path, Path]) -> None:
    heads = ("# made on Thu Nov 26 00:56:08 2026\n", "# made on Fri Nov 27 11:06:09 2026\n", "# made by hand in 2026\n")
    for folder, head in zip(pair, heads[:2], strict=True):
        (folder / "v.txt").write_text(head + "1 2\n3 4\n")
    assert found(pair, "v.txt").presence == "same"
    (pair[1] / "v.txt").write_text(heads[2] + "1 2\n3 4\n")
    assert "by hand" in only(found(pair, "v.txt")).problem


def test_the_name_of_a_quantity_is_not_masked_with_its_value(pair: tuple[Path, Path]) -> None:
    for folder, cells in zip(pair, (100, 50), strict=True):
        (folder / "log.txt").write_text(f"cells: {cells}\nspikes: 17\n")
    apart = only(found(pair, "log.txt"))
    assert (apart.name, apart.largest) == ("'cells: #'", 50)


def test_rows_in_another_order_are_the_same_rows(pair: tuple[Path, Path]) -> None:
    rows = [f"{t:.3f} {gid}\n" for gid in range(4) for t in (1.0 + gid, 10.5, 20.25)]
    for folder, order in zip(pair, (rows, rows[6:] + rows[:6]), strict=True):
        (folder / "spikes.txt").write_text("".join(order))
    measure = found(pair, "spikes.txt")
    assert (measure.presence, measure.reordered, measure.apart) == ("differs", True, ())


@pytest.mark.parametrize("suffix", ["txt", "h5", "json"])
def test_rows_in_another_order_are_measured_cell_by_cell(pair: tuple[Path, Path], suffix: str) -> None:
    gids, times = np.repeat(np.arange(3), 2), np.array([1.0, 9.0, 2.0, 8.0, 3.0, 7.0])
    for folder, order, late in zip(pair, ([0, 2, 4, 5, 3, 1], [0, 4, 2, 5, 3, 1]), (0.0, 0.05), strict=True):
        t, gid, file = (times + late)[order], gids[order], folder / f"spikes.{suffix}"
        if suffix == "txt":
            np.savetxt(file, np.c_[t, gid], fmt=["%.3f", "%d"])
        elif suffix == "json":
            file.write_text(json.dumps({"spkt": t.tolist(), "spkid": gid.astype(float).tolist()}))
        else:
            with h5py.File(file, "w") as root:
                root["spikes/a/timestamps"], root["spikes/a/node_ids"] = t, gid
    measure = found(pair, f"spikes.{suffix}")
    assert measure.reordered
    assert only(measure).largest == pytest.approx(0.05)


def test_a_pickle_is_never_opened(pair: tuple[Path, Path]) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(pair[0] / "opened"),)

    for folder, value in zip(pair, (Bomb(), [Bomb()]), strict=True):
        (folder / "results.pkl").write_bytes(pickle.dumps(value))
        np.save(folder / "objects.npy", np.array([value, None], object), allow_pickle=True)
        np.savez(folder / "objects.npz", a=np.array([value, None], object))
    for name in ("results.pkl", "objects.npy", "objects.npz"):
        measure = found(pair, name)
        assert (measure.presence, "never opened" in measure.why) == ("not understood", True)
    assert not (pair[0] / "opened").exists()


@pytest.mark.parametrize("name", ["v.npy", "v.npz", "v.json", "v.mat", "v.h5"])
def test_a_truncated_file_is_a_clear_statement(pair: tuple[Path, Path], name: str) -> None:
    _, write = WRITERS[name]
    for folder in pair:
        write(folder / name, V)
    whole = (pair[0] / name).read_bytes()
    (pair[1] / name).write_bytes(whole[: len(whole) * 2 // 3])
    assert only(found(pair, name)).problem.startswith("cannot be read as in your run")
    (pair[0] / name).write_bytes(whole[: len(whole) // 2])
    assert found(pair, name).presence == "not understood"


def test_links_are_compared_as_links_and_names_may_be_anything(pair: tuple[Path, Path], tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not to be read")
    for folder, target in zip(pair, (secret, tmp_path), strict=True):
        (folder / "out").symlink_to(target)
        Path(os.fsdecode(os.fsencode(folder) + b"/\xff.txt")).write_text("1\n")
        os.mkfifo(folder / "pipe")
    measures = {each.name: each for each in compared_files(*map(files_in, pair))}
    assert only(measures["out"]).problem == "is a link to another place"
    assert measures["pipe"].presence == "not understood"
    assert measures["\\xff.txt"].presence == "same"


def test_files_of_one_folder_alone_are_missing_or_new(pair: tuple[Path, Path]) -> None:
    (pair[0] / "a.txt").write_text("1\n")
    (pair[1] / "b.txt").write_text("1\n")
    (pair[1] / "c.tmp").write_text("1\n")
    found = list(compared_files(*map(files_in, pair), ignore=["*.tmp"]))
    assert [(each.name, each.presence) for each in found] == [("a.txt", "missing"), ("b.txt", "new")]


def test_an_unknown_format_is_compared_as_bytes(pair: tuple[Path, Path]) -> None:
    for folder, last in zip(pair, (b"a", b"b"), strict=True):
        (folder / "x.dat").write_bytes(b"\0\1" + last)
        (folder / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + last)
    assert [found(pair, name).presence for name in ("x.dat", "x.png")] == ["not understood"] * 2


@pytest.mark.parametrize("times", [2, 4])
@pytest.mark.parametrize("first", [0, 1], ids=["from the start", "after the first step"])
@pytest.mark.parametrize("name", ["v.csv", "v.npy", "lfp.npy"])
def test_of_a_file_with_a_row_a_step_the_rows_of_the_same_steps_are_compared(
    pair: tuple[Path, Path], name: str, first: int, times: int
) -> None:
    for folder, dt, error in zip(pair, (0.1, 0.1 / times), (0.0, 0.003), strict=True):
        t = np.arange(first, first + round(40 / dt)) * dt
        v = np.sin(t) + error
        if name == "v.csv":
            np.savetxt(folder / name, np.c_[t, v], fmt="%.9f", delimiter=",", header="t,v", comments="")
        else:
            np.save(folder / name, v if name == "v.npy" else np.tile(v, (3, 1)))
    found = measured(name, pair[0] / name, pair[1] / name)
    assert any(each.problem for each in found.apart)  # it has another structure all the same
    (only,) = found.thinned
    assert only.name == ("v" if name == "v.csv" else "values")
    assert only.largest == pytest.approx(0.003, abs=1e-6)


def test_what_has_other_rows_for_another_reason_is_not_thinned(pair: tuple[Path, Path]) -> None:
    for folder, number in zip(pair, (100, 150), strict=True):
        np.save(folder / "v.npy", np.sin(np.arange(number)))
    assert measured("v.npy", pair[0] / "v.npy", pair[1] / "v.npy").thinned == ()


def test_what_hoc_prints_of_a_vector_is_a_table_with_an_empty_line_at_its_end(pair: tuple[Path, Path]) -> None:
    for folder, values in zip(pair, (V, np.append(V[:-1], V[-1] + 0.5)), strict=True):
        (folder / "v.txt").write_text("".join(f"{each:.4f}\n" for each in values) + "\n")
    found = measured("v.txt", pair[0] / "v.txt", pair[1] / "v.txt")
    assert [(each.name, each.problem) for each in found.apart] == [("column 1", "")]


def test_each_column_of_a_wide_table_has_its_own_name_and_last_digit(pair: tuple[Path, Path]) -> None:
    values = np.tile(V, (600, 1))
    for folder, more in zip(pair, (0.0, 0.25), strict=True):
        rows = ([f"{x + more:.3f}" if k % 2 else f"{x + more:.2f}" for k, x in enumerate(row)] for row in values)
        header = ",".join(f"cell{number}" for number in range(len(V)))
        (folder / "v.csv").write_text("\n".join([header, *map(",".join, rows)]) + "\n")
    first, second = measured("v.csv", pair[0] / "v.csv", pair[1] / "v.csv").apart[:2]
    assert (first.name, first.resolution) == ("cell0", pytest.approx(0.01))
    assert (second.name, second.resolution) == ("cell1", pytest.approx(0.001))


def test_no_column_of_a_wide_table_is_left_out(pair: tuple[Path, Path]) -> None:
    values = np.tile(V[:, None], (1, 600))
    others = values + 1e-4
    others[:, 555] += 50.0
    for folder, table in zip(pair, (values, others), strict=True):
        np.savetxt(folder / "v.txt", table[:80], fmt="%.6f")  # it lies,
        np.savetxt(folder / "w.txt", np.tile(table, (7, 1)), fmt="%.6f")  # and it stands
    largest = {name: max(found(pair, name).apart, key=lambda each: each.largest) for name in ("v.txt", "w.txt")}
    assert {name: each.largest for name, each in largest.items()} == {
        "v.txt": pytest.approx(50.0001),
        "w.txt": pytest.approx(50.0001),
    }
    assert largest["w.txt"].name == "column 556 to column 558"


@pytest.mark.parametrize("head", [True, False], ids=["with its shape", "without"])
def test_a_matrix_of_hoc_is_read_by_its_long_lines_and_has_a_yardstick(pair: tuple[Path, Path], head: bool) -> None:
    for folder, dt, error in zip(pair, (0.1, 0.05), (0.0, 0.003), strict=True):
        t = np.arange(2 + round(40 / dt)) * dt
        lines = [" ".join(f"{x:.5f}" for x in row) for row in (t, 40 * np.sin(t) + error)]
        (folder / "m.txt").write_text("\n".join([f"2 {len(t)}"] * head + lines) + "\n")
    both = found(pair, "m.txt")
    assert {each.name: each.problem for each in both.apart} == {
        f"line {number}": "802 numbers, in your run 402" for number in (1, 2)
    }
    (only,) = both.thinned
    assert (only.name, only.largest) == ("line 2", pytest.approx(0.003, abs=1e-4))


def test_a_matrix_of_hoc_that_stands_is_read_by_its_columns(pair: tuple[Path, Path]) -> None:
    for folder, more in zip(pair, (0.0, 0.5), strict=True):
        (folder / "m.txt").write_text(
            "100 3\n" + "".join(f" {t:g}\t{v:.2f}\t{v + more:.3f}\t\n" for t, v in zip(T, V, strict=True))
        )
    (only,) = found(pair, "m.txt").apart
    assert (only.name, only.largest, only.resolution) == ("column 3", pytest.approx(0.5), pytest.approx(0.001))
