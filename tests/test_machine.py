"""The machine is described, and what makes its times worth little is said before anything is searched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from autotune.calibrate.noise import measure_noise
from autotune.config import ConfirmConfig
from autotune.launch.ask import Ask
from autotune.machine import Machine, describe_machine, warnings

CALM = Machine(cores=8, threads=16, usable=16, load=0.1, governor="performance", quota_cores=None)


@dataclass(frozen=True)
class StillRun:
    def time_s(self, objective: str) -> float:
        return 2.0


class StillRunner:
    """A model that always takes the same time."""

    def run(self, ask: Ask) -> Any:
        return StillRun()


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
        (replace(CALM, quota_cores=1.5), "1.5"),
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


def test_the_warning_is_part_of_what_is_printed_and_kept_before_the_search():
    observation = SimpleNamespace(facts=SimpleNamespace(ranks=1000, threads=2))
    acceptance: Any = SimpleNamespace(observation=observation, reproduces=lambda run: True)
    beyond = measure_noise(StillRunner(), Ask(60.0), acceptance, 4, ConfirmConfig(), "run")
    assert any(line.startswith("1000 ranks x 2 threads on") for line in beyond.advice)
    assert beyond.machine.cores == describe_machine().cores
