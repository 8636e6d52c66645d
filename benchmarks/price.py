"""What proof costs: `python benchmarks/price.py STUDY … [--trials N] [--bare N] [--set table.key=value …]`.

For each study: bare runs of its command, a plain cold loop of Optuna (every trial one fresh process, no baseline, no
check, no proof) over the same knobs, and the whole study as `run` makes it, one after the other, so that all figures of
a row are ratios of one run. Process starts and run sections are counted in the tuner's own launcher; counts are exact,
times are those of this machine. The unit is the median wall time of the bare command.

The gain stands beside each row: a price without it says nothing.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import optuna

from autotune.agent.protocol import JOB_VARIABLE
from autotune.begin import prepare
from autotune.config import StudyConfig, make_config, read_study
from autotune.export import Best
from autotune.launch.ask import Ask
from autotune.launch.judge import RunFailed
from autotune.launch.process import Process
from autotune.launch.run import FreshRunner, stage_agent
from autotune.pipeline import plan, tune
from autotune.plan.space import SearchSpace
from autotune.report.progress import Progress
from autotune.search.loop import suggest
from autotune.session.session import Session
from autotune.store.folder import StudyFolder

HEADER = (
    "study", "verdict", "gain", "trials", "bare run s", "cold loop", "study", "of it: observe calibrate search confirm",
    "study / cold loop", "process starts", "run sections in sessions",
)  # fmt: skip
STEPS = ("observe", "calibrate", "search", "confirm")


@dataclass
class Counts:
    """Starts of the user's command, and runs on built networks, by step of the road."""

    step: str = ""
    starts: Counter[str] = field(default_factory=Counter)
    sections: Counter[str] = field(default_factory=Counter)


class Steps(Progress):
    """Shows nothing, and tells the counts which step has begun."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def step(self, name: str) -> str:
        self._counts.step = name
        return name


@contextmanager
def counting(counts: Counts) -> Iterator[None]:
    """Count every start and every run in a session, as long as the context lasts."""
    start, run = Process.__init__, Session.run

    def counted_start(process: Process, *words: Any, **how: Any) -> None:
        counts.starts[counts.step] += JOB_VARIABLE in (how.get("env") or {})
        start(process, *words, **how)

    def counted_run(session: Session, ask: Ask) -> Any:
        counts.sections[counts.step] += 1
        return run(session, ask)

    Process.__init__, Session.run = counted_start, counted_run  # type: ignore[method-assign]
    try:
        yield
    finally:
        Process.__init__, Session.run = start, run  # type: ignore[method-assign]


def bare_s(config: StudyConfig, runs: int, folder: Path) -> float:
    """Median wall seconds of the command with nothing but the agent's clock in it."""
    runner = _runner(config, folder)
    return median(runner.run(Ask(config.run.timeout_s)).wall_s for _ in range(runs))


def cold_loop_s(config: StudyConfig, space: SearchSpace, folder: Path) -> float:
    """Wall seconds of as many cold Optuna trials over the same knobs."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    runner, study = _runner(config, folder), optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    started = time.monotonic()
    for _ in range(config.search.trials):
        trial = study.ask()
        try:
            run = runner.run(Ask(config.run.timeout_s, changes=space.changes(suggest(trial, space))))
            study.tell(trial, run.time_s(config.search.objective))
        except RunFailed:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return time.monotonic() - started


def row(config: StudyConfig, bare_runs: int, folder: Path) -> list[str]:
    """One study: its price beside that of a cold loop."""
    bare = bare_s(config, bare_runs, folder / "bare")
    cold = cold_loop_s(config, plan(config)[1], folder / "cold")
    counts, started = Counts(), time.monotonic()
    with counting(counts):
        best: Best = tune(config, folder / "study", storage=None, fresh=False, progress=Steps(counts))
    whole = time.monotonic() - started
    spent = StudyFolder(folder / "study").spent()
    return [
        config.name,
        best.verdict,
        f"{best.speedup.estimate:.2f} ({best.speedup.low:.2f} to {best.speedup.high:.2f})",
        str(best.evidence.trials),
        f"{bare:.2f}",
        f"{cold / bare:.1f} runs",
        f"{whole / bare:.1f} runs",
        " ".join(f"{spent.get(step, 0.0) / bare:.1f}" for step in STEPS),
        f"{whole / cold:.2f}",
        " + ".join(str(counts.starts[step]) for step in STEPS),
        " + ".join(str(counts.sections[step]) for step in STEPS),
    ]


def show(rows: Sequence[Sequence[str]]) -> None:
    """Print the rows as Markdown."""
    for line in (HEADER, ["---"] * len(HEADER), *rows):
        print(f"| {' | '.join(line)} |", flush=True)


def with_given(config: StudyConfig, trials: int | None, given: Sequence[str]) -> StudyConfig:
    """The study with another number of trials and other keys, as `table.key=value`."""
    data: dict[str, Any] = config.model_dump()
    if trials is not None:
        data["search"]["trials"] = trials
    for each in given:
        name, _, value = each.partition("=")
        table, _, key = name.partition(".")
        data[table][key] = [part for part in value.split(",") if part] if key in ("knobs", "exclude") else value
    return make_config(data)


def _runner(config: StudyConfig, folder: Path) -> FreshRunner:
    command, environment, _ = prepare(config)
    agent = folder / "agent"
    folder.mkdir(parents=True)
    stage_agent(agent)
    return FreshRunner(command, environment, agent, folder / "scratch", config.run.end_grace_s)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("studies", nargs="+", type=Path)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--bare", type=int, default=5, help="bare runs")
    parser.add_argument("--set", dest="given", action="append", default=[], metavar="TABLE.KEY=VALUE")
    options = parser.parse_args()
    rows = []
    for study in options.studies:
        folder = Path(tempfile.mkdtemp(prefix="autotune-price-"))
        try:
            rows.append(row(with_given(read_study(study), options.trials, options.given), options.bare, folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    show(rows)


if __name__ == "__main__":
    main()
