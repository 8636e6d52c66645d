"""The machine is described, and what makes its times worth little is said before anything is searched."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from autotune.agent import books
from autotune.calibrate.noise import measure_noise
from autotune.config import AcceptConfig, ConfirmConfig
from autotune.launch.ask import Ask, Run
from autotune.machine import (
    Disturbed,
    Machine,
    container_cores,
    describe_machine,
    disturbed_by,
    physical_cores,
    told_by_the_kernel,
    usable_cores,
    warnings,
)
from autotune.verify.acceptance import Acceptance

CALM = Machine(cores=8, threads=16, usable=16, load=0.1, governor="performance", quota_cores=None)


@dataclass(frozen=True)
class StillRunner:
    """A model that always takes the same time and does the same."""

    made: Run

    def run(self, ask: Ask) -> Run:
        return self.made


def test_this_machine_is_described_as_it_is():
    machine = describe_machine()
    assert 1 <= machine.cores <= machine.threads == psutil.cpu_count()
    assert 1 <= machine.usable <= machine.threads
    assert machine.load >= 0.0
    assert machine.quota_cores is None or machine.quota_cores > 0.0


def test_a_machine_with_room_and_quiet_needs_no_warning():
    assert warnings(CALM, ranks=4, threads=2) == []


@pytest.mark.parametrize(
    ("machine", "cores"),
    [
        (replace(CALM, cores=4), "4"),
        (replace(CALM, usable=2), "2"),
        (replace(CALM, quota_cores=1.5), "1"),
        (replace(CALM, allowed_cores=3), "3"),
    ],
)
def test_ranks_times_threads_beyond_the_cores_are_warned_of(machine: Machine, cores: str):
    assert any(line.startswith(f"4 ranks x 2 threads on {cores} cores:") for line in warnings(machine, 4, 2))


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (replace(CALM, load=20.0), "busy (load 20.0 on 8 cores)"),
        (replace(CALM, governor="powersave"), "governor is 'powersave'"),
        (replace(CALM, quota_cores=2.0), "may use 2 of 8 cores"),
    ],
)
def test_what_else_disturbs_times_is_warned_of(machine: Machine, words: str):
    (warning,) = warnings(machine, ranks=1, threads=1)
    assert words in warning


def test_cores_that_may_be_used_are_limited_by_affinity_and_container_and_are_never_none():
    assert CALM.usable_cores == 8
    assert replace(CALM, usable=2).usable_cores == 2
    assert replace(CALM, allowed_cores=3).usable_cores == 3  # six logical CPUs of three cores
    assert replace(CALM, quota_cores=3.5).usable_cores == 3
    assert replace(CALM, quota_cores=0.5).usable_cores == 1
    assert usable_cores() == describe_machine().usable_cores


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        ("0::/", {}, None),
        ("0::/jobs/one", {"jobs/one/cpu.max": "max 100000"}, None),
        ("0::/jobs/one", {"jobs/one/cpu.max": "max 100000", "jobs/cpu.max": "250000 100000"}, 2.5),
        ("0::/jobs/one", {"jobs/one/cpu.max": "50000 100000", "jobs/cpu.max": "400000 100000"}, 0.5),
        ("4:memory:/a\n3:cpu,cpuacct:/a", {"cpu,cpuacct/a/cpu.cfs_quota_us": "-1"}, None),
        (
            "3:cpu,cpuacct:/a\n0::/",
            {"cpu,cpuacct/a/cpu.cfs_quota_us": "150000", "cpu,cpuacct/a/cpu.cfs_period_us": "100000"},
            1.5,
        ),
    ],
)
def test_the_limit_of_a_container_is_the_smallest_of_its_groups(
    tmp_path: Path, own: str, files: dict[str, str], limit: float | None
):
    (tmp_path / "own").write_text(own)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert container_cores(tmp_path, tmp_path / "own") == limit


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system knows no affinity")
@pytest.mark.skipif(physical_cores() < 2, reason="one core")
def test_in_a_cpuset_no_more_ranks_and_threads_are_tried_than_it_has_cores(tmp_path: Path, autotune, make_study):
    study = make_study(tmp_path / "ring", "{python} small_ring.py --tstop 5")
    one = {min(os.sched_getaffinity(0))}
    driver = autotune.start("plan", study, cwd=tmp_path, preexec_fn=partial(os.sched_setaffinity, 0, one))
    printed, errors = driver.communicate(timeout=120)
    assert driver.returncode == 0, errors
    assert "1 rank(s) on 1 core(s): no core is free for threads" in " ".join(printed.split())
    ranks = "parse_command('mpiexec -n {ranks} nrniv init.hoc'.split(), Path('/')).ranks"
    program = f"from pathlib import Path; from autotune.launch import parse_command; print({ranks})"
    limited = partial(os.sched_setaffinity, 0, one)
    asked = subprocess.run([sys.executable, "-c", program], preexec_fn=limited, capture_output=True, text=True)
    assert asked.stdout.strip() == "1"


def test_the_warning_is_part_of_what_is_printed_and_kept_before_the_search(ring):
    crowded = replace(ring.observation, facts=replace(ring.observation.facts, ranks=1000, threads=2))
    acceptance = Acceptance(ring.baseline, crowded, AcceptConfig())
    beyond = measure_noise(StillRunner(ring.run), Ask(limit_s=60), acceptance, 4, ConfirmConfig(), "run")
    assert any(line.startswith("1000 ranks x 2 threads on") for line in beyond.advice)
    assert beyond.machine.cores == describe_machine().cores


def test_what_others_took_is_told_by_the_kernels_books_and_not_by_the_times_of_runs():
    booked_s = {"busy": 18.0, "stolen": 2.0, "every": 20.0, "at": 5.0}
    assert disturbed_by(booked_s, own_s=10.0) == Disturbed(others=pytest.approx(6 / 20), stolen=pytest.approx(2 / 20))
    assert disturbed_by(booked_s, own_s=30.0).others == 0.0
    assert disturbed_by(dict.fromkeys(booked_s, 0.0), own_s=0.0) == Disturbed(0.0, 0.0)


def test_the_kernel_tells_for_how_long_somebody_waited_for_a_core():
    booked_s = {"busy": 4.0, "stolen": 0.0, "every": 8.0, "waited": 1.0, "at": 4.0}
    assert disturbed_by(booked_s, own_s=4.0) == Disturbed(0.0, 0.0, pytest.approx(0.25))
    lines = told_by_the_kernel([Disturbed(0.0, 0.0, 0.02), Disturbed(0.0, 0.0, 0.25)])
    assert lines == ["During the A/A runs some program waited for a core in 2% to 25% of the time."]


def test_where_the_kernel_does_not_tell_nothing_is_known():
    assert disturbed_by({"at": 5.0}, own_s=10.0) is None
    assert disturbed_by({"busy": 1.0, "stolen": 0.0, "every": 2.0, "at": 1.0}, own_s=0.0).waited is None


def test_the_books_of_a_run_are_those_between_two_readings_and_nothing_where_the_kernel_does_not_tell(monkeypatch):
    before = books.books()
    started = time.process_time()
    while time.process_time() - started < 0.1:
        pass
    booked_s = books.since(before)
    if not books.STAT.exists():
        pytest.skip("this kernel does not tell")
    assert 0.05 <= booked_s["busy"] <= booked_s["every"] + 0.02  # ticks of 10 ms, as floats
    assert 0.0 <= booked_s["stolen"] <= booked_s["busy"] + 0.02
    monkeypatch.setattr(books, "STAT", Path("/nowhere/stat"))
    monkeypatch.setattr(books, "PRESSURE", Path("/nowhere/pressure"))
    assert books.since(before).keys() == {"at"}


@pytest.mark.skipif(not books.books().get("waited"), reason="this kernel does not tell its pressure")
def test_more_programs_than_cores_show_as_pressure():
    before = books.books()
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        time.sleep(0.5)
        assert books.since(before)["waited"] > 0.0
    finally:
        for each in busy:
            each.kill()
            each.wait()


def test_disturbed_runs_are_told_and_quiet_ones_are_not():
    assert told_by_the_kernel([Disturbed(0.02, 0.0), Disturbed(0.3, 0.0)]) == [
        "During the A/A runs other programs took 2% to 30% of the cores."
    ]
    assert told_by_the_kernel([Disturbed(0.02, 0.01)] * 3) == []
    assert told_by_the_kernel([]) == []
