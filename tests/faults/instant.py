"""A search whose runs take no time: what is left is what the driver itself costs, trial by trial."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
from optuna.samplers import BaseSampler

from autotune.config import AcceptConfig, SearchConfig
from autotune.launch.ask import Ask, Run
from autotune.plan.making import make_space
from autotune.search import loop
from autotune.search.sampler import make_sampler
from autotune.search.stop import Terms
from autotune.search.trial import TrialRunner
from autotune.search.verified import Verifier
from autotune.settings import Changes, Effective
from autotune.store.folder import StudyFolder
from autotune.store.opening import open_storage
from autotune.store.optuna import open_study
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
    """Of the driver, after each trial."""

    cpu_s: list[float] = field(default_factory=list)
    sampler_s: list[float] = field(default_factory=list)
    """Of these, CPU seconds of the sampler, which looks at all earlier trials."""
    handles: list[int] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    read_bytes: list[int] = field(default_factory=list)
    written_bytes: list[int] = field(default_factory=list)

    def table(self) -> list[dict[str, float]]:
        """What a trial costs in each quarter of the search."""
        return [
            {
                "driver_ms": 1e3 * (_slope(self.cpu_s, part) - _slope(self.sampler_s, part)),
                "sampler_ms": 1e3 * _slope(self.sampler_s, part),
                "handles": self.handles[(part + 1) * len(self.handles) // 4 - 1],
                "resident_kb": 1024 * _slope(self.resident_mb, part),
                "read_kb": _slope(self.read_bytes, part) / 1024,
                "written_kb": _slope(self.written_bytes, part) / 1024,
                "files": _slope(self.files, part),
            }
            for part in range(4)
        ]


def _slope(values: Sequence[float], part: int) -> float:
    """The growth a trial in one quarter, 0 to 3."""
    begin, end = part * len(values) // 4, (part + 1) * len(values) // 4 - 1
    return (values[end] - values[begin]) / (end - begin)


def searched(ring: Any, place: Path, trials: int) -> Costs:
    """Search for so many trials in a study folder at `place`; `ring` is a watched run (conftest.Watched)."""
    folder = StudyFolder(place)
    folder.create()
    space = make_space(ring.observation, KNOBS)
    verifier = Verifier(space, Acceptance(ring.baseline, ring.observation, AcceptConfig()), 60.0)
    runner = TrialRunner(Instant(ring.run), verifier, SearchConfig(repeats=0))
    spent = [0.0]
    study = open_study(open_storage(place), "instant", 0, lambda seed: _timed(make_sampler(seed), spent))
    costs, process = Costs(), psutil.Process()

    def look(trial: Trial) -> None:
        did = process.io_counters()
        costs.cpu_s.append(time.process_time())
        costs.sampler_s.append(spent[0])
        costs.handles.append(process.num_fds())
        costs.resident_mb.append(process.memory_info().rss / 2**20)
        costs.files.append(len(list((place / "trials").iterdir())) if trial.number % 50 == 0 else trial.number + 1)
        costs.read_bytes.append(did.read_chars)
        costs.written_bytes.append(did.write_chars)

    with patch.object(loop, "why_stop", lambda known: "enough" if len(known.trials) >= trials else ""):
        loop.search(study, runner, folder, Terms(SearchConfig(trials=trials, repeats=0)), look)
    folder.close()
    return costs


def _timed(sampler: BaseSampler, spent: list[float]) -> BaseSampler:
    """The same sampler, whose CPU seconds are summed up."""
    for name in ("infer_relative_search_space", "sample_relative", "sample_independent", "after_trial"):
        method = getattr(sampler, name)

        def timed(*given: Any, method: Any = method) -> Any:
            began_s = time.process_time()
            try:
                return method(*given)
            finally:
                spent[0] += time.process_time() - began_s

        setattr(sampler, name, timed)
    return sampler
