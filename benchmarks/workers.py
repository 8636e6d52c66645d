"""What a trial costs beside its runs where several workers share a study: `python benchmarks/workers.py`.

Trials take no time: all that is measured is the driver, the study folder and Optuna's storage, from asking under the
lock to telling. `--workers 1 4 16`, `--trials` in all, `--storage postgresql://…` in place of the journal file,
`--sampler tpe` to see what the sampler adds. Workers are processes that wait for each other before the clock
starts. Aim: at most 50 ms a trial at 16 workers.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from optuna.samplers import BaseSampler, RandomSampler
from rich.console import Console
from rich.table import Table

from autotune.config import SearchConfig, make_config
from autotune.pipeline import plan
from autotune.plan.space import SearchSpace
from autotune.search.sampler import make_sampler
from autotune.search.stop import Terms
from autotune.search.together import search_together
from autotune.settings import Params
from autotune.store.folder import StudyFolder
from autotune.store.opening import open_storage
from autotune.store.optuna import delete_study, open_study
from autotune.store.records import Trial
from autotune.store.shared import SharedFolder
from autotune.store.workers import this_worker

MODEL = Path(__file__).parents[1] / "tests" / "models"
AIM_MS = 50.0
SAMPLERS: dict[str, Any] = {"tpe": partial(make_sampler, several=True), "random": RandomSampler}


@dataclass
class Instant:
    """Makes trials in no time: their ratio is drawn from their settings."""

    space: SearchSpace

    @property
    def verifier(self) -> Any:
        return SimpleNamespace(space=self.space)

    in_sessions = False

    def costly(self) -> set[str]:
        return set()

    def trial(self, number: int, params: Params, known: Sequence[Trial]) -> Trial:
        ratio = 0.8 + hash(tuple(sorted(params.items()))) % 1000 / 2500
        changes = self.space.changes(params)
        return Trial(number, params, "accepted", changes=changes, ratio=ratio, finished="now")


def work(space: SearchSpace, out: Path, url: str | None, sampler: str, trials: int, task: int, ready: Barrier) -> None:
    folder = SharedFolder(out, this_worker(f"1_{task}", "benchmark", 1))
    with folder.joined():
        folder.create()
        make: Any = SAMPLERS[sampler]
        made: partial[BaseSampler] = partial(make)
        study = open_study(open_storage(out, url), "benchmark", folder.salt, made)
        folder.share()
        ready.wait(300)
        limits = SearchConfig(trials=trials, knobs=tuple(space.domains))
        search_together(study, Instant(space), folder, Terms(limits), lambda trial: None)  # type: ignore[arg-type]
        folder.close()


def measured(space: SearchSpace, workers: int, trials: int, url: str | None, sampler: str) -> float:
    """Milliseconds a trial."""
    with tempfile.TemporaryDirectory(prefix="autotune-workers-") as name:
        out, context = Path(name, "study"), multiprocessing.get_context("spawn")
        if url:
            delete_study(open_storage(Path(name), url), "benchmark")
        ready = context.Barrier(workers + 1)
        started = [
            context.Process(target=work, args=(space, out, url, sampler, trials, task, ready))
            for task in range(1, workers + 1)
        ]
        for process in started:
            process.start()
        ready.wait(300)
        began = time.monotonic()
        for process in started:
            process.join()
        taken_s = time.monotonic() - began
        numbers = [trial.number for trial in StudyFolder(out).trials()]
        assert numbers == list(range(trials)), "a trial was lost or made twice"
        return 1000 * taken_s / trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--storage")
    parser.add_argument("--sampler", choices=SAMPLERS, default="random")
    given = parser.parse_args()
    # So many values that two workers seldom ask for the same: the second one would have to ask again.
    search = {"values": {"dt": [round(0.02 + step * 1e-4, 4) for step in range(1000)]}}
    command = "{python} small_ring.py --tstop 20"
    config = make_config({"name": "ring", "command": command, "folder": MODEL, "search": search})
    space = plan(config)[1]
    title = f"{given.trials} instant trials, {given.sampler}, {os.cpu_count()} cores"
    table = Table("workers", "ms a trial", "aim", title=title)
    for workers in given.workers:
        cost_ms = measured(space, workers, given.trials, given.storage, given.sampler)
        table.add_row(str(workers), f"{cost_ms:.1f}", f"{AIM_MS:g}" if workers == 16 else "")
    Console().print(table)


if __name__ == "__main__":
    main()
