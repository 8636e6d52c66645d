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

import autotune.agent
from autotune.agent.driver.ask import home_of, ranks_of
from autotune.agent.driver.start import Built, Start
from autotune.agent.knobs import KNOBS
from autotune.agent.protocol import JOB_VARIABLE, REPORT_PATTERN, Job, Sampling, Service, to_json, write_text
from autotune.errors import UsageError
from autotune.launch.ask import Ask, Run, Way
from autotune.launch.command import Command
from autotune.launch.mechanisms import Builder
from autotune.launch.printed import read_printed
from autotune.launch.process import Finished
from autotune.launch.process import run as run_process
from autotune.launch.reading import read_run
from autotune.launch.sections import Timing
from autotune.launch.workspace import Snapshot, copy_folder, snapshot, written
from autotune.settings import Changes


@dataclass(frozen=True)
class Manner:
    """How every run after the watched one is made and timed; derived from what was observed (plan/manner.py)."""

    timing: Timing = "psolve"
    shared: bool = False
    """The vectors that the model itself records hold its spikes, as the watched run has shown; runs read them."""
    copied: bool = False
    """Run in a scratch copy of the model's folder."""
    place: tuple[str, str] | None = None
    """NEURON and interpreter of the watched run: a study does not go on in another one."""
    builder: Builder | None = None
    """Makes mechanisms for settings that need their own; without it there are none such."""


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
    sampling: Sampling = field(default_factory=Sampling)
    """How voltages are sampled, in runs that do so."""
    manner: Manner = field(default_factory=Manner)

    def run(self, ask: Ask) -> Run:
        """One run in a new process. Raises RunFailed, and UsageError when a copy does not protect the user's files."""
        return self._once(ask, self.job(ask))

    def job(self, ask: Ask) -> Job:
        """What the ranks of such a run are told; its folder is not known yet."""
        return Job(
            folder="",
            settings=ask.changes,
            voltages=ask.voltages,
            shared=self.manner.shared,
            clock=self.manner.timing == "clock",
            stop_ms=ask.stop_ms,
            perturb_mv=ask.perturbation.mv if ask.perturbation else 0.0,
            perturb_seed=ask.perturbation.seed if ask.perturbation else 0,
        )

    def watch(self, limit_s: float) -> Run:
        """The user's own run, and everything that can be learnt of it. Raises RunFailed."""
        return self._once(Ask(limit_s), Job(folder="", observe=True, voltages=self.sampling.most))

    def start(self, folder: Path, message: Job | Service, changes: Changes) -> dict[str, Any]:
        """What run_process or Process needs to start the command with this message and these changes; its files go to
        `folder`.
        """
        file = folder / "job.json"
        write_text(file, to_json(replace(message, folder=str(folder), sampling=self.sampling)))
        start = self._start(changes, file)
        place = self._workspace(folder)
        return {
            "argv": [*start.launcher, *(_moved(word, self.command.cwd, place) for word in start.program)],
            "cwd": place,
            "env": start.environment,
            "stdout": folder / "stdout.txt",
            "stderr": folder / "stderr.txt",
        }

    def read(self, folder: Path, finished: Finished, ask: Ask, way: Way) -> Run:
        """The run that its ranks left in `folder`. Raises RunFailed, and UsageError when the interpreter is another."""
        asked = self.command.asked_ranks(ranks_of(ask.changes))
        run = read_run(folder, finished, asked, bool(self.command.launcher), self.manner.timing)
        self._check_place(run, ask.changes)
        # The step in which a run is stopped early may still make a spike.
        raster = run.raster if ask.stop_ms is None else run.raster.window(-math.inf, ask.stop_ms)
        return replace(run, raster=raster, way=way)

    def new_folder(self) -> Path:
        """A folder for the files of one run."""
        folder = self.scratch / f"{os.getpid()}-{time.monotonic_ns()}"
        folder.mkdir(parents=True)
        return folder

    def in_a_copy(self) -> FreshRunner:
        """The same runner, each run in a scratch copy of the model's folder."""
        return replace(self, manner=replace(self.manner, copied=True))

    def prepare(self, changes: Changes) -> Built | None:
        """Build what `changes` need, so that no build falls between two timed runs. Raises BuildFailed."""
        return self.manner.builder.built(changes) if self.manner.builder else None

    def _once(self, ask: Ask, job: Job) -> Run:
        folder = self.new_folder()
        try:
            before = snapshot(self.command.cwd, self.ours) if self.manner.copied else {}
            watch = EndWatch(folder, self.end_grace_s)
            finished = run_process(**self.start(folder, job, ask.changes), timeout_s=ask.limit_s, poll=watch.stuck)
            run = replace(
                self.read(folder, finished, ask, "fresh"), printed=read_printed(finished.stdout, finished.stderr)
            )
            self._check_folder(before)
            return run
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _workspace(self, folder: Path) -> Path:
        if not self.manner.copied:
            return self.command.cwd
        copy_folder(self.command.cwd, folder / "model", (*self.ours, self.scratch))
        return folder / "model"

    def _check_folder(self, before: Snapshot) -> None:
        """A copy that does not protect the user's files must not go on: one run too many is the damage."""
        changed = written(before, snapshot(self.command.cwd, self.ours)) if self.manner.copied else []
        if changed:
            raise UsageError(
                f"{self.command.cwd}: {', '.join(changed[:5])} changed while a copy of the folder ran",
                cure="The model writes there by an absolute path or through a link: give it a relative one, or give "
                '--workspace "in place" if its files may be overwritten.',
            )

    def _check_place(self, run: Run, changes: Changes) -> None:
        """The same Python and NEURON as in the watched run, whatever is first on PATH today."""
        first, place = run.reports[0], self.manner.place
        if place and not home_of(changes) and (first.neuron, first.executable) != place:
            raise UsageError(
                f"this study was made with {place[0]} at {place[1]}, but the command runs {first.neuron} at "
                f"{first.executable} now",
                cure="Activate the model's environment again, or give --fresh to start anew.",
            )

    def _start(self, changes: Changes, job: Path) -> Start:
        """The command as typed, with the agent in its environment, and what the launch knobs make of it."""
        ranks = ranks_of(changes)
        words = self.command.with_hoc(self.agent / "pre.hoc", ranks)
        launcher = self.command.render_launcher(ranks)
        path = os.pathsep.join(filter(None, [str(self.agent), self.environment.get("PYTHONPATH", "")]))
        environment = {**self.environment, "PYTHONPATH": path, JOB_VARIABLE: str(job)}
        binding = self.manner.builder.facts.binding if self.manner.builder else {}
        start = Start(tuple(launcher), tuple(words[len(launcher) :]), environment, self.prepare(changes), binding)
        for name, value in changes.items():
            start = KNOBS[name].launch(start, value, changes)
        return start


def _moved(word: str, folder: Path, place: Path) -> str:
    """A word of the command that names something in `folder`, as it is called in the copy."""
    return word if place == folder else re.sub(rf"(^|=){re.escape(str(folder))}(?=/|$)", rf"\g<1>{place}", word)


def stage_agent(folder: Path) -> None:
    """Copy the agent into `folder`, so that the user's interpreter sees no other package of ours."""
    source = Path(autotune.agent.__file__).parent
    shutil.rmtree(folder, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__", "inject", "driver")
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
