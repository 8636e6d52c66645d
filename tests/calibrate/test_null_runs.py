"""A run that round-off has sent another way early is a null run; one that parts late is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autotune.calibrate.other_runs import OtherRuns
from autotune.config import AcceptConfig
from autotune.launch.ask import Ask
from autotune.raster import Raster
from autotune.raster.metrics import identical

T_STOP_MS = 1000.0


def parting_at(ms: float, late_ms: float = 5.0) -> Raster:
    """A cell that fires each 10 ms, from then on later than it did."""
    times = np.arange(1.0, T_STOP_MS, 10.0)
    return Raster.from_arrays(np.zeros(len(times), dtype=int), np.where(times < ms, times, times + late_ms))


@dataclass
class Pushed:
    """Makes the runs that are perturbed by the seed of each."""

    asked: list[int] = field(default_factory=list)

    def run(self, ask: Ask) -> Any:
        assert ask.perturbation is not None
        self.asked.append(ask.perturbation.seed)
        return SimpleNamespace(raster=parting_at(10.0, 3.0 + 0.1 * ask.perturbation.seed), files=None)


@pytest.mark.parametrize(("parts_ms", "made"), [(80.0, [2, 3]), (150.0, [1, 2, 3])])
def test_what_round_off_sends_another_way_early_is_a_null_run(tmp_path: Path, parts_ms: float, made: list[int]) -> None:
    runner, small = Pushed(), parting_at(parts_ms)
    observation: Any = SimpleNamespace(facts=SimpleNamespace(t_stop_ms=T_STOP_MS))
    limits = AcceptConfig(null_runs=3)
    baseline, space = parting_at(T_STOP_MS), SimpleNamespace()
    work = OtherRuns(runner, Ask(60.0), observation, baseline, space, limits, tmp_path)  # type: ignore[arg-type]
    work.keep("perturbed-1", small)
    work.nulls()
    assert runner.asked == made
    assert identical(work.made["null-1"], small) == (1 not in made)
    assert sorted(work.made) == ["null-1", "null-2", "null-3", "perturbed-1"]
