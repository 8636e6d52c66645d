"""Some networks, each run once a session: calibrated, with the rasters that the planted cases are made from.

A pytest plugin for the tests of the calibration and of the verdicts.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from autotune.calibrate.baseline import calibrate
from autotune.calibrate.calibration import Calibration
from autotune.config import AcceptConfig
from autotune.launch import find_mpi, launch_environment, mpi_environment, parse_command
from autotune.launch.ask import Ask, Perturbation, Run
from autotune.launch.run import FreshRunner, stage_agent
from autotune.observe import Observation, observe
from autotune.plan.making import make_space
from autotune.raster import Raster
from autotune.verify.acceptance import Acceptance
from autotune.verify.references import read_references

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "tests" / "models"
LIMIT_S = 120.0
# The cell that is clamped is judged by its voltages; its single spike would prove nothing.
VOLTAGES_ALONE = AcceptConfig(evidence_spikes=1, evidence_until=0, evidence_cells=0)
LIMITS = {
    "variable step": AcceptConfig(null_runs=4, resolution=1.0),
    "ringing": VOLTAGES_ALONE,
    "rings by itself": VOLTAGES_ALONE,
}


@dataclass
class Bench:
    """A model with its calibration, and its runs, each made once."""

    folder: Path
    model: Path
    arguments: tuple[str, ...]
    limits: AcceptConfig
    made: dict[Any, Run] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rasters = self.folder / "rasters"
        rasters.mkdir()
        stage_agent(self.folder / "agent")
        self.runner = self.runner_of(self.model, self.arguments)
        self.observation: Observation
        self.observation, self.baseline = observe(self.runner, None, LIMIT_S)
        raw = Acceptance(self.baseline, self.observation, self.limits)
        space = make_space(self.observation)  # knobs of all classes
        self.calibration: Calibration = calibrate(self.runner, self.runner, Ask(LIMIT_S), raw, space, rasters)
        self.references = read_references(rasters)
        self.acceptance = replace(raw, regime=self.calibration.regime, references=self.references)

    def runner_of(self, model: Path, arguments: tuple[str, ...]) -> FreshRunner:
        command = parse_command([sys.executable, str(model), *arguments], self.folder)
        environment = launch_environment(command, os.environ)
        environment |= mpi_environment(find_mpi(command, environment), environment)
        return FreshRunner(command, environment, self.folder / "agent", self.folder / "scratch", 60.0)

    def run(self, **settings: Any) -> Run:
        """The model with these knobs."""
        key = tuple(settings.items())
        if key not in self.made:
            self.made[key] = self.runner.run(Ask(LIMIT_S, settings, self.limits.sampled_segments))
        return self.made[key]

    def perturbed(self, mv: float, seed: int) -> Run:
        """The model, started that far away."""
        return self.runner.run(Ask(LIMIT_S, perturbation=Perturbation(mv, seed)))

    def other(self, *arguments: str, change: tuple[str, str] = ("", "")) -> Raster:
        """Another model: with other arguments, or with a piece of its text changed."""
        key = (arguments, change)
        if key not in self.made:
            text = self.model.read_text()
            assert change[0] in text
            model = self.folder / f"other{len(self.made)}.py"
            model.write_text(text.replace(*change) if change[0] else text)
            self.made[key] = self.runner_of(model, (*self.arguments, *arguments)).run(Ask(LIMIT_S))
        return self.made[key].raster

    def with_limits(self, **limits: Any) -> Acceptance:
        return replace(self.acceptance, limits=self.limits.model_copy(update=limits))


def with_variable_step(folder: Path) -> Path:
    """The balanced network integrated by CVODE, where spikes are not held to a grid: 1e-10 mV send it another way."""
    model, start = folder / "variable_step.py", "    h.stdinit()\n"
    text = (ROOT / "studies" / "balanced" / "balanced.py").read_text()
    assert start in text
    model.write_text(text.replace(start, f"    h.CVode().active(1)\n{start}"))
    return model


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory):
    """`bench(name)`: one of the networks, or the model that rings."""

    @cache
    def make(name: str) -> Bench:
        folder = tmp_path_factory.mktemp(name.replace(" ", "-"))
        limits = LIMITS.get(name, AcceptConfig())
        model, arguments = {
            "ring": (MODELS / "small_ring.py", ("--tstop", "60")),
            "balanced": (
                ROOT / "studies" / "balanced" / "balanced.py",
                ("--tstop", "400", "--dt", "0.05"),
            ),
            "artificial": (MODELS / "artificial.py", ()),
            "ringing": (MODELS / "ringing.py", ()),
            "variable step": (with_variable_step(folder), ("--cells", "100", "--tstop", "220")),
            "rings by itself": (MODELS / "ringing.py", ("--own",)),
        }[name]
        return Bench(folder, model, arguments, limits)

    return make
