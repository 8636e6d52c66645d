"""A fresh run: a new process of the user's command with the agent inside, judged by what every rank reported.

It must never believe an exit code alone: Open MPI's wheel ends a timed-out psolve with 0 and a good script that does
not call `quit` with 1.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

import autotune.agent
from autotune.agent.knobs import KNOBS, Built, Start
from autotune.agent.protocol import JOB_VARIABLE, REPORT_PATTERN, Job, RankReport, to_json, write_text
from autotune.errors import AutotuneError
from autotune.launch.command import Command
from autotune.launch.mechanisms import Builder
from autotune.launch.process import Finished
from autotune.launch.process import run as run_process
from autotune.launch.workspace import copy_folder
from autotune.raster import Raster, merge
from autotune.store.records import Settings

Failure = Literal["crashed", "timeout", "no mpi"]
SAME_TIME_MS = 1e-6


class RunFailed(AutotuneError):
    """A run that proves nothing: what happened, its own last lines, and what to do about it."""

    def __init__(self, failure: Failure, message: str, *, cure: str = "", details: str = "") -> None:
        super().__init__(message, cure=cure, details=details)
        self.failure = failure


@dataclass(frozen=True)
class Run:
    """One finished run of the whole model."""

    reports: tuple[RankReport, ...]
    """One of each rank, by rank."""
    raster: Raster
    effective: Settings
    run_s: float
    """Wall time of the run sections, the largest over the ranks."""
    sections: dict[str, float]
    wall_s: float
    exit_code: int | None

    @property
    def ranks(self) -> int:
        return len(self.reports)

    def time_s(self, objective: str) -> float:
        """Seconds of the run section ("run") or of the whole process ("total")."""
        return self.wall_s if objective == "total" else self.run_s

    @property
    def cpu_s(self) -> tuple[float, ...]:
        """CPU time of each rank."""
        return tuple(report.cpu_s for report in self.reports)

    @property
    def t_ms(self) -> float:
        return self.reports[0].t_ms


@dataclass(frozen=True)
class FreshRunner:
    """Runs the user's command again and again, each time in a folder of its own under `scratch`."""

    command: Command
    environment: dict[str, str]
    agent: Path
    scratch: Path
    end_grace_s: float = 60.0
    ours: tuple[Path, ...] = ()
    """Folders that are no part of the model even where they lie inside its folder: the study's own."""
    copied: bool = False
    """Run in a scratch copy of the model's folder."""
    stop_ms: float | None = None
    """End each run early, at this t."""
    clock: bool = False
    """Time by clock events, for a model that does not use pc.psolve."""
    whole: bool = False
    """Time from the end of finitialize to the next one or to the process's end, for a study in which an engine may run
    that has no timers: both sides of a pair are timed in this one way.
    """
    builder: Builder | None = None
    """Makes mechanisms for settings that need their own; without it there are none such."""

    def run(
        self,
        settings: Settings | None = None,
        *,
        observe: bool = False,
        voltages: int = 0,
        timeout_s: float | None = None,
        perturb_mv: float = 0.0,
        perturb_seed: int = 0,
    ) -> Run:
        """Run once with `settings` (what differs from the user's own); `perturb_mv` and `perturb_seed` as in Job.

        Raises RunFailed.
        """
        folder = self.scratch / f"{os.getpid()}-{time.monotonic_ns()}"
        folder.mkdir(parents=True)
        try:
            job = Job(
                str(folder), settings or {}, observe, voltages, self.clock, perturb_mv, perturb_seed, self.stop_ms
            )
            write_text(folder / "job.json", to_json(job))
            start = self._start(settings or {}, folder / "job.json")
            finished = run_process(
                [*start.launcher, *start.program],
                cwd=self._workspace(folder),
                env=start.environment,
                stdout=folder / "stdout.txt",
                stderr=folder / "stderr.txt",
                timeout_s=timeout_s,
                poll=_EndWatch(folder, self.end_grace_s).stuck,
            )
            asked = self.command.asked_ranks((settings or {}).get("ranks"))
            run = _read_run(folder, finished, asked, bool(self.command.launcher), self.whole)
            # The step in which a run is stopped early may still make a spike.
            return run if self.stop_ms is None else replace(run, raster=run.raster.window(-math.inf, self.stop_ms))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _workspace(self, folder: Path) -> Path:
        if not self.copied:
            return self.command.cwd
        copy_folder(self.command.cwd, folder / "model", self.ours)
        return folder / "model"

    def in_a_copy(self) -> FreshRunner:
        """The same runner, each run in a scratch copy of the model's folder."""
        return replace(self, copied=True)

    def until(self, stop_ms: float | None) -> FreshRunner:
        """The same runner, ending each run at `stop_ms`."""
        return replace(self, stop_ms=stop_ms)

    def timed_by(self, clock: bool) -> FreshRunner:
        """The same runner, timing by clock events or not."""
        return replace(self, clock=clock)

    def timed_whole(self, whole: bool) -> FreshRunner:
        """The same runner, timing whole run sections or not."""
        return replace(self, whole=whole)

    def prepare(self, settings: Settings) -> Built | None:
        """Build what `settings` need, so that no build falls between two timed runs. Raises BuildFailed."""
        return self.builder.built(settings) if self.builder else None

    def _start(self, settings: Settings, job: Path) -> Start:
        """The command as typed, with the agent in its environment, and what the launch knobs make of it."""
        ranks = settings.get("ranks")
        words = self.command.with_hoc(self.agent / "pre.hoc", ranks)
        launcher = self.command.render_launcher(ranks)
        path = os.pathsep.join(filter(None, [str(self.agent), self.environment.get("PYTHONPATH", "")]))
        environment = {**self.environment, "PYTHONPATH": path, JOB_VARIABLE: str(job)}
        start = Start(tuple(launcher), tuple(words[len(launcher) :]), environment, self.prepare(settings))
        for name, value in settings.items():
            start = KNOBS[name].launch(start, value, settings)
        return start


def stage_agent(folder: Path) -> None:
    """Copy the agent into `folder`, so that the user's interpreter sees no other package of ours."""
    source = Path(autotune.agent.__file__).parent
    shutil.rmtree(folder, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__", "inject")
    shutil.copytree(source, folder / "autotune_agent", ignore=ignore)
    for file in (source / "inject").iterdir():
        if file.is_file():
            shutil.copy(file, folder)


class _EndWatch:
    """Notices ranks that wait for one that has already ended, which MPI does for ever."""

    def __init__(self, folder: Path, grace_s: float) -> None:
        self._folder = folder
        self._grace_s = grace_s
        self._first_end: float | None = None

    def stuck(self) -> bool:
        if self._first_end is None:
            if any(self._folder.glob(REPORT_PATTERN)):
                self._first_end = time.monotonic()
            return False
        return time.monotonic() - self._first_end > self._grace_s


def _read_run(folder: Path, finished: Finished, asked: int, parallel: bool, whole: bool) -> Run:
    reports, spikes = _read_reports(folder, finished)
    _judge(reports, finished, asked, parallel)
    try:
        raster = merge(_read_spikes(file) for file in spikes)
        effective = {
            name: knob.agree(tuple(r.effective[name] for r in reports))
            for name, knob in KNOBS.items()
            if name in reports[0].effective
        }
    except (ValueError, OSError, KeyError) as error:
        raise RunFailed("crashed", f"the ranks' files cannot be merged: {error}", details=finished.tail()) from error
    sections = _sections(reports, finished.wall_s, whole)
    return Run(tuple(reports), raster, effective, sections["run"], sections, finished.wall_s, finished.exit_code)


def _read_reports(folder: Path, finished: Finished) -> tuple[list[RankReport], list[Path]]:
    found = []
    for file in folder.glob(REPORT_PATTERN):
        try:
            found.append((RankReport.from_json(file.read_text()), file.with_suffix(".npz")))
        except (ValueError, TypeError, OSError) as error:
            raise RunFailed("crashed", f"{file.name}: torn or foreign: {error}", details=finished.tail()) from error
    found.sort(key=lambda pair: (pair[0].rank, pair[0].pid))
    # A helper process of the model that imports NEURON but never runs it is not a rank.
    running = [pair for pair in found if pair[0].sections or pair[0].exception] or found
    return [report for report, _ in running], [file for _, file in running]


def _judge(reports: Sequence[RankReport], finished: Finished, asked: int, parallel: bool) -> None:
    """Raise RunFailed unless every rank that was asked for ran to the same final t in one world."""
    tail = finished.tail()
    if finished.timed_out:
        raise RunFailed("timeout", f"still running after {finished.wall_s:.0f} s", details=tail)
    failed = next((r for r in reports if r.exception), None)
    if failed is not None:
        raise RunFailed("crashed", f"rank {failed.rank}: {failed.exception}", details=tail)
    if finished.stopped:
        raise RunFailed(
            "crashed",
            f"rank {_first_ended(reports)} ended, and the others went on waiting" if reports else "the run was stopped",
            cure="An error on one rank alone leaves the others in a collective; look at its last lines.",
            details=tail,
        )
    if not reports:
        raise RunFailed(
            "crashed",
            f"the command ended ({finished.describe()}) before any rank reported",
            cure="Either the model failed before its end, or the command runs no NEURON that the agent can reach.",
            details=tail,
        )
    if all(r.signal for r in reports):
        raise RunFailed("crashed", f"ended by {reports[0].signal} from outside", details=tail)
    errors = [error for r in reports for error in r.errors]
    if errors:
        raise RunFailed("crashed", f"inside NEURON: {errors[0]}", details=tail)
    _judge_world(reports, asked, parallel, tail)
    silent = [r.rank for r in reports if not r.sections]
    if silent:
        raise RunFailed("crashed", f"rank {silent[0]} ended without a finitialize: nothing was simulated", details=tail)
    times = {round(r.t_ms, 6) for r in reports}
    if len(times) > 1:
        raise RunFailed("crashed", f"the ranks stopped at different times: {sorted(times)} ms", details=tail)


def _first_ended(reports: Sequence[RankReport]) -> int:
    """The rank that ended by itself; the others report when they are stopped."""
    return next((r.rank for r in reports if not r.signal), reports[0].rank)


def _judge_world(reports: Sequence[RankReport], asked: int, parallel: bool, tail: str) -> None:
    alone = [r for r in reports if r.nhost == 1]
    if parallel and asked > 1 and len(alone) == len(reports):
        raise RunFailed(
            "no mpi",
            f"{asked} ranks were asked for, but NEURON ran {len(reports)} serial copies of the model (nhost is 1)",
            cure="Call h.nrnmpi_init() (or import mpi4py) before the network is built, or give nrniv the option -mpi. "
            f"MPI library in the process: {alone[0].library or 'none'}.",
            details=tail,
        )
    nhost = reports[0].nhost
    ranks = [r.rank for r in reports]
    if ranks != list(range(nhost)):
        missing = sorted(set(range(nhost)) - set(ranks))
        raise RunFailed("crashed", f"{len(ranks)} of {nhost} ranks reported; missing: {missing[:8]}", details=tail)


def _read_spikes(file: Path) -> Raster:
    with np.load(file, allow_pickle=False) as data:
        return Raster.from_arrays(data["gid"], data["time_ms"])


def _sections(reports: Sequence[RankReport], wall_s: float, whole: bool) -> dict[str, float]:
    """Seconds of each part of the run, the largest over the ranks."""

    def largest(value: Any) -> float:
        return float(max(sum(value(section) for section in r.sections) for r in reports))

    def run_s(section: Any) -> float:
        if whole:
            return float(section.until_next_s)
        if section.psolve_s > 0.0:
            return float(section.psolve_s)
        return float(section.until_next_s if section.clock_s is None else section.clock_s)

    setup, run = max(r.setup_s for r in reports), largest(run_s)
    return {
        "setup": setup,
        "run": run,
        "output": max(0.0, largest(lambda s: s.until_next_s) - run),
        "launch": max(0.0, wall_s - setup - largest(lambda s: s.until_next_s)),
        "step": largest(lambda s: s.step_s),
        "exchange": largest(lambda s: s.wait_s),
        "barrier": largest(lambda s: s.step_wait_s),
        "dispatch": largest(lambda s: s.send_s),
        "psolve": largest(lambda s: s.psolve_s),
        "cpu": sum(r.cpu_s for r in reports),
    }
