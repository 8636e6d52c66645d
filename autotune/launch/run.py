"""A fresh run: a new process of the user's command with the agent inside, read back from what every rank left."""

from __future__ import annotations

import math
import os
import re
import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import autotune.agent
from autotune.agent.knobs import KNOBS, Built, Start
from autotune.agent.protocol import JOB_VARIABLE, REPORT_PATTERN, Job, RankReport, Sampling, to_json, write_text
from autotune.errors import UsageError
from autotune.launch.command import Command
from autotune.launch.judge import RunFailed, judge
from autotune.launch.mechanisms import Builder
from autotune.launch.process import Finished
from autotune.launch.process import run as run_process
from autotune.launch.sections import Timing, section_times
from autotune.launch.workspace import Snapshot, copy_folder, snapshot, written
from autotune.raster import Raster, merge
from autotune.store.records import Settings


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

    def timed_by(self, timing: Timing) -> Run:
        """The same run, its section timed in another way."""
        sections = section_times(self.reports, self.wall_s, timing)
        return replace(self, sections=sections, run_s=sections["run"])

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
    place: tuple[str, str] | None = None
    """NEURON and interpreter of the watched run."""
    copied: bool = False
    """Run in a scratch copy of the model's folder."""
    stop_ms: float | None = None
    """End each run early, at this t."""
    sampling: Sampling = field(default_factory=Sampling)
    """How voltages are sampled, in runs that do so."""
    timing: Timing = "psolve"
    shared: bool = False
    """The vectors that the model itself records hold its spikes, as the watched run has shown; runs read them."""
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
        folder = self.new_folder()
        try:
            job = Job(
                folder=str(folder),
                settings=settings or {},
                observe=observe,
                voltages=voltages,
                shared=self.shared,
                clock=self.timing == "clock",
                perturb_mv=perturb_mv,
                perturb_seed=perturb_seed,
                stop_ms=self.stop_ms,
            )
            before = snapshot(self.command.cwd, self.ours) if self.copied else {}
            finished = run_process(
                **self.start(folder, job), timeout_s=timeout_s, poll=EndWatch(folder, self.end_grace_s).stuck
            )
            run = self.read(folder, finished, job.settings)
            self._check_folder(before)
            return run
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def start(self, folder: Path, job: Job) -> dict[str, Any]:
        """What run_process or Process needs to start the command with `job`; its files go to `folder`."""
        file = folder / "job.json"
        write_text(file, to_json(replace(job, sampling=self.sampling)))
        start = self._start(job.settings, file)
        place = self._workspace(folder)
        return {
            "argv": [*start.launcher, *(_moved(word, self.command.cwd, place) for word in start.program)],
            "cwd": place,
            "env": start.environment,
            "stdout": folder / "stdout.txt",
            "stderr": folder / "stderr.txt",
        }

    def read(self, folder: Path, finished: Finished, settings: Settings) -> Run:
        """The run that its ranks left in `folder`. Raises RunFailed, and UsageError when the interpreter is another."""
        asked = self.command.asked_ranks(settings.get("ranks"))
        run = _read_run(folder, finished, asked, bool(self.command.launcher), self.timing)
        self._check_place(run, settings)
        # The step in which a run is stopped early may still make a spike.
        return run if self.stop_ms is None else replace(run, raster=run.raster.window(-math.inf, self.stop_ms))

    def new_folder(self) -> Path:
        """A folder for the files of one run."""
        folder = self.scratch / f"{os.getpid()}-{time.monotonic_ns()}"
        folder.mkdir(parents=True)
        return folder

    def _workspace(self, folder: Path) -> Path:
        if not self.copied:
            return self.command.cwd
        copy_folder(self.command.cwd, folder / "model", (*self.ours, self.scratch))
        return folder / "model"

    def _check_folder(self, before: Snapshot) -> None:
        """A copy that does not protect the user's files must not go on: one run too many is the damage."""
        changed = written(before, snapshot(self.command.cwd, self.ours)) if self.copied else []
        if changed:
            raise UsageError(
                f"{self.command.cwd}: {', '.join(changed[:5])} changed while a copy of the folder ran",
                cure="The model writes there by an absolute path or through a link: give it a relative one, or give "
                '--workspace "in place" if its files may be overwritten.',
            )

    def _check_place(self, run: Run, settings: Settings) -> None:
        """The same Python and NEURON as in the watched run, whatever is first on PATH today."""
        first = run.reports[0]
        if self.place and "neuron" not in settings and (first.neuron, first.executable) != self.place:
            raise UsageError(
                f"this study was made with {self.place[0]} at {self.place[1]}, but the command runs {first.neuron} at "
                f"{first.executable} now",
                cure="Activate the model's environment again, or give --fresh to start anew.",
            )

    def as_watched(self, neuron: str, executable: str) -> FreshRunner:
        """The same runner, that refuses to go on in another interpreter than the watched run's."""
        return replace(self, place=(neuron, executable))

    def in_a_copy(self) -> FreshRunner:
        """The same runner, each run in a scratch copy of the model's folder."""
        return replace(self, copied=True)

    def until(self, stop_ms: float | None) -> FreshRunner:
        """The same runner, ending each run at `stop_ms`."""
        return replace(self, stop_ms=stop_ms)

    def timed_by(self, timing: Timing) -> FreshRunner:
        """The same runner, timing run sections in this way."""
        return replace(self, timing=timing)

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
        binding = self.builder.facts.binding if self.builder else {}
        start = Start(tuple(launcher), tuple(words[len(launcher) :]), environment, self.prepare(settings), binding)
        for name, value in settings.items():
            start = KNOBS[name].launch(start, value, settings)
        return start


def _moved(word: str, folder: Path, place: Path) -> str:
    """A word of the command that names something in `folder`, as it is called in the copy."""
    return word if place == folder else re.sub(rf"(^|=){re.escape(str(folder))}(?=/|$)", rf"\g<1>{place}", word)


def stage_agent(folder: Path) -> None:
    """Copy the agent into `folder`, so that the user's interpreter sees no other package of ours."""
    source = Path(autotune.agent.__file__).parent
    shutil.rmtree(folder, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__", "inject")
    shutil.copytree(source, folder / "autotune_agent", ignore=ignore)
    for file in (source / "inject").iterdir():
        if file.is_file():
            shutil.copy(file, folder)


class EndWatch:
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


def _read_run(folder: Path, finished: Finished, asked: int, parallel: bool, timing: Timing) -> Run:
    reports, spikes = _read_reports(folder, finished)
    judge(reports, finished, asked, parallel)
    try:
        raster = merge(_read_spikes(file) for file in spikes)
        effective = {
            name: knob.agree(tuple(r.effective[name] for r in reports))
            for name, knob in KNOBS.items()
            if name in reports[0].effective
        }
    except (ValueError, OSError, KeyError) as error:
        raise RunFailed("crashed", f"the ranks' files cannot be merged: {error}", details=finished.tail()) from error
    sections = section_times(reports, finished.wall_s, timing)
    return Run(tuple(reports), raster, effective, sections["run"], sections, finished.wall_s, finished.exit_code)


def _read_reports(folder: Path, finished: Finished) -> tuple[list[RankReport], list[Path]]:
    found = []
    for file in folder.glob(REPORT_PATTERN):
        try:
            found.append((RankReport.from_json(file.read_text()), file.with_suffix(".npz")))
        except (ValueError, TypeError, OSError) as error:
            raise RunFailed("crashed", f"{file.name}: torn or foreign: {error}", details=finished.tail()) from error
    found.sort(key=lambda pair: (pair[0].rank, pair[0].pid))
    # A helper process of the model is no rank, whether it simulates something of its own or not.
    running = [pair for pair in found if pair[0].sections or pair[0].exception] or found
    there = {(report.host, report.pid) for report, _ in running}
    running = [pair for pair in running if not any((pair[0].host, pid) in there for pid in pair[0].ancestors)]
    return [report for report, _ in running], [file for _, file in running]


def _read_spikes(file: Path) -> Raster:
    with np.load(file, allow_pickle=False) as data:
        return Raster.from_arrays(data["gid"], data["time_ms"])
