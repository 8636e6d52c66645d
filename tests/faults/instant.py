"""A search whose runs take no time: what is left is what the driver itself costs."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil

from autotune.config import AcceptConfig, SearchConfig
from autotune.launch.ask import Ask, Run
from autotune.plan.space import make_space
from autotune.search import loop
from autotune.search.sampler import make_sampler
from autotune.search.trial import TrialRunner
from autotune.search.verified import Verifier
from autotune.settings import Changes, Effective
from autotune.store.folder import StudyFolder
from autotune.store.optuna import open_storage, open_study
from autotune.store.records import Trial
from autotune.verify.acceptance import Acceptance

KNOBS = ("dt", "nspike", "gid_compress", "bin_queue", "self_queue", "step_wait")


@dataclass
class Instant:
    """Makes every run from a real one, at once; no two take the same time."""

    real: Run
    made: int = 0

    def prepare(self, changes: Changes) -> None:
        """There is nothing to build."""

    def run(self, ask: Ask) -> Run:
        self.made += 1
        effective = Effective({**self.real.effective, **ask.changes})
        return replace(self.real, run_s=1.0 + 1e-7 * self.made, effective=effective, way="fresh")


@dataclass
class Costs:
    """Of the driver, one figure a trial."""

    at_s: list[float] = field(default_factory=list)
    handles: list[int] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)
    disk_bytes: list[int] = field(default_factory=list)

    def quarter(self, which: int, values: list[Any]) -> float:
        """The growth a trial in a quarter of the search, 0 to 3."""
        size = len(values) // 4
        part = values[which * size : (which + 1) * size]
        return float(part[-1] - part[0]) / (len(part) - 1)


def searched(ring: Any, place: Path, trials: int, look_every: int = 1) -> Costs:
    """Search for so many trials in a study folder at `place`; `ring` is a watched run (conftest.Watched)."""
    folder = StudyFolder(place)
    folder.create()
    space = make_space(ring.observation, KNOBS)
    verifier = Verifier(space, Acceptance(ring.baseline, ring.observation, AcceptConfig()), 60.0)
    runner = TrialRunner(Instant(ring.run), verifier, SearchConfig(repeats=0))
    study = open_study(open_storage(place), "instant", 0, make_sampler)
    costs, process = Costs(), psutil.Process()

    def look(trial: Trial) -> None:
        costs.at_s.append(time.perf_counter())
        if trial.number % look_every == 0:
            costs.handles.append(process.num_fds())
            costs.resident_mb.append(process.memory_info().rss / 2**20)
            costs.disk_bytes.append(disk_bytes(place))

    with patch.object(loop, "why_stop", lambda known: "enough" if len(known.trials) >= trials else ""):
        loop.search(study, runner, folder, SearchConfig(trials=trials, repeats=0), look)
    folder.close()
    return costs


def disk_bytes(place: Path) -> int:
    """What a folder holds."""
    return sum(os.lstat(os.path.join(parent, name)).st_size for parent, _, names in os.walk(place) for name in names)
