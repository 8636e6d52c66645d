"""A fresh run: a new process of the user's command with the agent inside, read back from what every rank left."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import autotune.agent
from autotune.agent import seen
from autotune.agent.driver.ask import home_of, ranks_of
from autotune.agent.driver.start import Built, Start
from autotune.agent.knobs import KNOBS
from autotune.agent.protocol import JOB_VARIABLE, REPORT_PATTERN, Job, Sampling, Service, to_json, write_text
from autotune.errors import UsageError
from autotune.launch.ask import Ask, Run, Way
from autotune.launch.command import Command
from autotune.launch.files import Files, WroteElsewhere
from autotune.launch.files import Start as Placed
from autotune.launch.judge import RunFailed
from autotune.launch.logs import keep_log
from autotune.launch.mechanisms import Builder
from autotune.launch.printed import read_printed
from autotune.launch.process import Finished
from autotune.launch.process import run as run_process
from autotune.launch.reading import left_waiting, read_run
from autotune.launch.results import Results, keep_files
from autotune.launch.sections import Timing
from autotune.launch.setup_watch import SetUpWatch
from autotune.settings import Changes
from autotune.store.disk import refusal, what_is_refused


@dataclass(frozen=True)
class Manner:
    """How every run after the watched one is made and timed; derived from what was observed (plan/manner.py)."""

    timing: Timing = "psolve"
    shared: bool = False
    """The vectors that the model itself records hold its spikes, as the watched run has shown; runs read them."""
    detect: bool = False
    """There are no spikes, or NEURON looks for none: voltages are recorded, and spikes looked for there."""
    traces: int = 0
    """So many of the vectors that a rank records are compared."""
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
    files: Files | None = None
    """What keeps runs from the user's files; None: they are made in place."""
    sampling: Sampling = field(default_factory=Sampling)
    """How voltages are sampled, in runs that do so."""
    manner: Manner = field(default_factory=Manner)
    logs: Path | None = None
    """Where it is kept what failed runs have printed; None: nowhere."""
    results: Results | None = None
    """The files of the watched run, with which those of later runs are compared; None: they are not."""
    keep: Path | None = None
    """Where the files of a run of the whole model are kept; None: they go with the run."""

    def run(self, ask: Ask) -> Run:
        """One run in a new process. Raises RunFailed, and UsageError when the user's files cannot be kept from it."""
        return self._once(ask, self.job(ask))

    def job(self, ask: Ask) -> Job:
        """What the ranks of such a run are told; its folder is not known yet."""
        return Job(
            folder="",
            settings=ask.changes,
            voltages=ask.voltages,
            shared=self.manner.shared,
            detect=self.manner.detect,
            traces=self.manner.traces,
            clock=self.manner.timing == "clock",
            stop_ms=ask.stop_ms,
            perturb_mv=ask.perturbation.mv if ask.perturbation else 0.0,
            perturb_seed=ask.perturbation.seed if ask.perturbation else 0,
            tighter=ask.tighter,
        )

    def watch(self, limit_s: float) -> Run:
        """The user's own run, and everything that can be learnt of it. Raises RunFailed."""
        return self._once(Ask(limit_s), Job(folder="", observe=True, voltages=self.sampling.most))

    def profile(self, ask: Ask, watch: SetUpWatch, *, observe: bool = True, mechanism_times: bool = False) -> Run:
        """A run that tells where its time goes: watched as the user's own, or not, as one that times its mechanisms."""
        observe = observe and not mechanism_times
        job = replace(self.job(ask), observe=observe, voltages=self.sampling.most * observe, profile=True)
        return self._once(ask, replace(job, mechanism_times=mechanism_times), watch.over)

    @contextmanager
    def starting(self, folder: Path, message: Job | Service, changes: Changes) -> Iterator[dict[str, Any]]:
        """What run_process or Process needs to start the command with this message and these changes, as long as the
        context lasts; its files go to `folder`. Raises WroteElsewhere at the end.
        """
        file = folder / "job.json"
        write_text(file, to_json(replace(message, folder=str(folder), sampling=self.sampling)))
        start = self.start_with(changes, file)
        placed = Placed((*start.launcher, *start.program), start.environment, self.command.cwd)
        with self._kept(placed, folder, watched=isinstance(message, Job) and message.observe) as placed:
            yield {
                "argv": list(placed.argv),
                "cwd": placed.cwd,
                "env": dict(placed.env),
                "stdout": folder / "stdout.txt",
                "stderr": folder / "stderr.txt",
            }

    def read(self, folder: Path, finished: Finished, ask: Ask, way: Way) -> Run:
        """The run that its ranks left in `folder`. Raises RunFailed, and UsageError when the interpreter is another or
        the disk refused what the ranks had to write.
        """
        asked = self.command.asked_ranks(ranks_of(ask.changes))
        parallel, place = bool(self.command.launcher), self.command.program_cwd
        try:
            run = read_run(folder, finished, asked, parallel, self.manner.timing, place, self.scratch)
        except RunFailed as failure:
            refused = what_is_refused(self.scratch)
            if refused is None:
                raise
            # Its ranks could not write what they had to: that says nothing of the model or of its settings.
            raise refusal(refused, self.scratch) from failure
        self._check_place(run, ask.changes)
        # The step in which a run is stopped early may still make a spike.
        raster = run.raster if ask.stop_ms is None else run.raster.window(-math.inf, ask.stop_ms)
        return replace(run, raster=raster, way=way)

    def new_folder(self) -> Path:
        """A folder for the files of one run."""
        folder = self.scratch / f"{os.getpid()}-{time.monotonic_ns()}"
        folder.mkdir(parents=True)
        return folder

    def prepare(self, changes: Changes) -> Built | None:
        """Build what `changes` need, so that no build falls between two timed runs. Raises BuildFailed."""
        return self.manner.builder.built(changes) if self.manner.builder else None

    def _once(
        self, ask: Ask, job: Job, beside: Callable[[Path], AbstractContextManager[None]] = lambda _: nullcontext()
    ) -> Run:
        folder = self.new_folder()
        if job.observe:
            (folder / seen.FOLDER).mkdir()
        try:
            watch = EndWatch(folder, self.end_grace_s)
            with self.starting(folder, job, ask.changes) as start, beside(folder):
                finished = run_process(**start, timeout_s=ask.limit_s, poll=watch.stuck)
                # Before the layer goes; what a watched run has written is the user's, also where it failed.
                run = None if job.observe else self._compared(self.read(folder, finished, ask, "fresh"), folder, ask)
            run = run or self.read(folder, finished, ask, "fresh")
            return replace(run, printed=read_printed(finished.stdout, finished.stderr))
        except WroteElsewhere as stray:
            raise RunFailed(
                "crashed", f"the run {stray}", cure='Give --workspace "in place" if trials may write there.'
            ) from stray
        except RunFailed as failure:
            if self.logs is not None:
                failure.log = keep_log(self.logs, folder)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _compared(self, run: Run, folder: Path, ask: Ask) -> Run:
        """The same with what its files are beside those of the watched run; a part of a run writes others."""
        if self.files is None or self.results is None or ask.stop_ms is not None:
            return run
        wrote = self.files.wrote(_layer(folder))
        if self.keep is not None:
            keep_files(wrote, self.command.cwd, self.keep)
        return replace(run, files=self.results.compared(wrote, run.raster))

    @contextmanager
    def _kept(self, start: Placed, folder: Path, watched: bool) -> Iterator[Placed]:
        """The same start, from which the user's files are kept."""
        if self.files is None:
            yield start
            return
        keeping = self.files.watched(start) if watched else self.files.trial(start, _layer(folder))
        with keeping as placed:
            yield placed

    def _check_place(self, run: Run, changes: Changes) -> None:
        """The same Python and NEURON as in the watched run, whatever is first on PATH today."""
        first, place = run.reports[0], self.manner.place
        if place and not home_of(changes) and (first.neuron, first.executable) != place:
            raise UsageError(
                f"this study was made with {place[0]} at {place[1]}, but the command runs {first.neuron} at "
                f"{first.executable} now",
                cure="Activate the model's environment again, or give --fresh to start anew.",
            )

    def start_with(self, changes: Changes, job: Path) -> Start:
        """The command as typed, with the agent in its environment, and what the launch knobs make of it.

        Raises BuildFailed.
        """
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


def _layer(folder: Path) -> Path:
    """Where the files go that the run in `folder` writes."""
    return folder / "layer"


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
        reports = list(self._folder.glob(REPORT_PATTERN))
        if not reports:
            return False
        if self._first_end is None:
            self._first_end = time.monotonic()
        return time.monotonic() - self._first_end > self._grace_s and left_waiting(reports)
