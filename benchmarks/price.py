"""What proof costs: `python benchmarks/price.py [ROW …] [--list] [--study FILE …] [--trials N] [--bare N]`.

The rows are those of `price_rows.py`, all of them where none is named; `--study` takes studies of yours in their place.
For each: bare runs of its command and the whole study as `run` makes it, one after the other; where the price is told
in cold loops, also a plain cold loop of Optuna (every trial one fresh process, no baseline, no check, no proof) over
the same knobs. So all figures of a row are ratios of one run. Process starts and run sections are counted in the
tuner's own launcher; counts are exact, times are those of this machine. The unit is the median wall time of the bare
command.

The gain stands beside each row: a price without it says nothing. So does what the machine did meanwhile.
"""

from __future__ import annotations

import argparse
import resource
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
from price_rows import NETPYNE, ROWS, Row

from autotune.agent.books import books, since
from autotune.agent.protocol import JOB_VARIABLE
from autotune.begin import prepare
from autotune.best import Best
from autotune.calibrate.noise import NoiseRecord
from autotune.config import StudyConfig, make_config, read_study
from autotune.errors import AutotuneError
from autotune.launch.ask import Ask
from autotune.launch.judge import RunFailed
from autotune.launch.process import Process
from autotune.launch.run import FreshRunner, stage_agent
from autotune.machine import disturbed_by
from autotune.pipeline import plan, tune
from autotune.plan.space import SearchSpace
from autotune.report.progress import Progress
from autotune.search.loop import suggest
from autotune.session.session import Session
from autotune.store.folder import StudyFolder

HEADER = (
    "row", "verdict", "gain", "trials", "bare run s", "price", "at most", "study, in bare runs",
    "of it: observe calibrate search confirm", "process starts", "run sections in sessions", "two runs differ by",
    "other programs took",
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


def measured(config: StudyConfig, row: Row | None, bare_runs: int, folder: Path) -> list[str]:
    """One study: its price in the unit of its row."""
    bare = bare_s(config, bare_runs, folder / "bare")
    cold = None
    if row is None or row.unit == "cold loops":
        cold = cold_loop_s(config, plan(config)[1], folder / "cold")
    counts, before, own_s, started = Counts(), books(), _used_s(), time.monotonic()
    with counting(counts):
        best: Best = tune(config, folder / "study", storage=None, fresh=False, progress=Steps(counts))
    whole = time.monotonic() - started
    study = StudyFolder(folder / "study")
    spent, noise = study.spent(), study.read(NoiseRecord)
    runs = {step: spent.get(step, 0.0) / bare for step in STEPS}
    price = whole / cold if cold else runs["confirm"] if row and row.unit == "bare runs of proof" else whole / bare
    beside = disturbed_by(since(before), _used_s() - own_s)
    return [
        config.name,
        best.verdict,
        f"{best.speedup.estimate:.2f} ({best.speedup.low:.2f} to {best.speedup.high:.2f})",
        str(best.evidence.trials),
        f"{bare:.2f}",
        f"{price:.2f} {row.unit if row else 'cold loops'}",
        f"{row.most:g}" if row else "",
        f"{whole / bare:.1f}",
        " ".join(f"{each:.1f}" for each in runs.values()),
        " + ".join(str(counts.starts[step]) for step in STEPS),
        " + ".join(str(counts.sections[step]) for step in STEPS),
        f"{noise.noise.spread:.1%}" if noise else "",
        f"{beside.others:.0%}" if beside else "",
    ]


def line(cells: Sequence[str]) -> None:
    """Print a line of the table as Markdown."""
    print(f"| {' | '.join(cells)} |", flush=True)


def with_given(config: StudyConfig, trials: int | None, given: Sequence[str]) -> StudyConfig:
    """The study with another number of trials and other keys, as `table.key=value`."""
    data: dict[str, Any] = config.model_dump(exclude_unset=True)
    if trials is not None:
        data.setdefault("search", {})["trials"] = trials
    for each in given:
        name, _, value = each.partition("=")
        table, _, key = name.partition(".")
        words = [part for part in value.split(",") if part]
        data.setdefault(table, {})[key] = words if key in ("knobs", "exclude") else value
    return make_config(data)


def _used_s() -> float:
    """CPU time of this process and of those that it has started and that are over."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def _runner(config: StudyConfig, folder: Path) -> FreshRunner:
    command, environment, _ = prepare(config)
    agent = folder / "agent"
    folder.mkdir(parents=True)
    stage_agent(agent)
    return FreshRunner(command, environment, agent, folder / "scratch", config.run.end_grace_s)


def main() -> None:
    """Measure and print."""
    known = {row.name: row for row in ROWS}
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(known))
    parser.add_argument("--list", action="store_true", help="say what the rows are, and measure nothing")
    parser.add_argument("--study", action="append", default=[], type=Path, help="a study of yours")
    parser.add_argument("--programs", type=Path, help="bin folder of the environment that runs the NetPyNE network")
    parser.add_argument("--trials", type=int)
    parser.add_argument("--bare", type=int, default=3, help="bare runs")
    parser.add_argument("--set", dest="given", action="append", default=[], metavar="TABLE.KEY=VALUE")
    options = parser.parse_args()
    if unknown := [name for name in options.rows if name not in known]:
        parser.error(f"there is no row {unknown[0]!r}; the rows are {', '.join(known)}")
    chosen = [known[name] for name in options.rows] or ([] if options.study else list(ROWS))
    if options.list:
        for row in chosen:
            print(f"{row.name}: {row.what}; at most {row.most:g} {row.unit}")
        return
    line(HEADER)
    line(["---"] * len(HEADER))
    for each in (*chosen, *options.study):
        folder = Path(tempfile.mkdtemp(prefix="autotune-price-"))
        row = each if isinstance(each, Row) else None
        try:
            if row:
                config = make_config(row.study(folder / "model", options.programs if row.model == NETPYNE else None))
            else:
                config = read_study(each)
            line(measured(with_given(config, options.trials, options.given), row, options.bare, folder))
        except AutotuneError as error:
            print(f"{row.name if row else each}: {error}", flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
