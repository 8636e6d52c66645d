"""Printed lines are compared without what says nothing of the model: times, dates, addresses, progress, greetings."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given, strategies

from autotune.launch.printed import comparable, of_the_launcher, read_printed, warns


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("took 1.25 s", "took 0.3 s"),
        ("took 1 min 3 s", "took 59 seconds"),
        ("finished in 12.5", "finished in 3.0"),
        ("[12:30:01] step 10", "[09:05:59] step 10"),
        ("started Wed Nov 25 21:29:10 2026", "started Thu Nov 26 1:02:03 2026"),
        ("2026-11-25 21:29 done", "2027-01-02 00:00 done"),
        ("object at 0x7f1c22b0", "object at 0x55d6"),
        ("run 313e0d97-364c-4c9e-96d6-fff684d6db51", "run 6d4d231f-4581-41ef-90ec-487aa98e90b7"),
        ("pid 12345", "pid 987"),
        (" 33%|███▎      | 33/100 [00:01<00:02, 33.1it/s]", "100%|██████████| 100/100 [00:03<00:00, 29.9it/s]"),
        ("\r 10 %\r 50 %\r100 %", "100 %"),
        ("\x1b[32mv = -65.0\x1b[0m", "v = 3.25"),
        ("step 3", "step 42"),
        ("memory: 123456 kB", "memory: 99 kB"),
    ],
)
def test_what_differs_from_run_to_run_is_masked(one: str, other: str) -> None:
    assert comparable(one) == comparable(other) != ""


@given(strategies.floats(-1e15, 1e15), strategies.sampled_from(["%.6g", "%.16g", "%e", "%.3f"]))
def test_a_number_is_one_however_it_is_printed(value: float, written: str) -> None:
    shown = written % value
    assume(set(shown) & set(".e"))  # an integer is kept, if it is not small
    assert comparable(f"\t{shown} ") == "#"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("calls: 120000", "calls: 0"),
        ("done", "failed"),
        ("cell a fires", "cell b fires"),
        ("v = -65.0", "g = -65.0"),
    ],
)
def test_what_the_model_says_is_not(one: str, other: str) -> None:
    assert comparable(one) != comparable(other)


def test_greetings_are_left_out_and_warnings_are_kept(tmp_path: Path) -> None:
    out, err = tmp_path / "out", tmp_path / "err"
    rule = "-" * 74
    out.write_text(
        f'NEURON -- VERSION 9.0.2\nnumprocs=2\n "mod/a.mod" "b.mod"\n\n{rule}\nWARNING: Open MPI says so\n{rule}\nhi\n'
    )
    err.write_text("WARNING: CVode.event(...) for delivery at time step nearest 3 discarded.\n" * 3)
    printed = read_printed(out, err)
    assert {line: count for line, count in printed.lines.items() if line != "hi"} == dict.fromkeys(printed.warnings, 3)
    assert printed.lines["hi"] == 1
    assert list(printed.warnings.values()) == [err.read_text().splitlines()[0]]


def test_the_same_file_counts_once(tmp_path: Path) -> None:
    (tmp_path / "both").write_text("a line\n")
    assert read_printed(tmp_path / "both", tmp_path / "both").lines == {"a line": 1}


def test_python_and_mpi_warn_of_other_things() -> None:
    assert warns("Warning: mechanism x is unstable")
    assert not warns("model.py:3: DeprecationWarning: this warning is of Python")
    assert not warns("mpiexec: Warning: a rank is bound to one core")
    assert of_the_launcher("[host:123] PMIX ERROR: unreachable")
