"""The runs of the calibration that are not the user's own: at another dt or tolerance, or perturbed.

Each is made once, when a knob that is searched needs it, and its raster is kept in the study folder.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from autotune.agent.knobs import NUMERICAL, ROUND_OFF
from autotune.calibrate.notes import FIXED_DT, OWN_TOLERANCE, TOLERANCE, Step, fixed_step
from autotune.config import AcceptConfig
from autotune.launch.ask import Ask, Perturbation, Run, Runner
from autotune.launch.judge import RunFailed
from autotune.observe import Observation
from autotune.plan.space import SearchSpace
from autotune.raster import Raster, read_raster, write_raster
from autotune.results.measure import Measured
from autotune.settings import Changes
from autotune.verify.error import Ruler, ruler
from autotune.verify.files import OwnFiles, structure
from autotune.verify.references import HALF, LONGER, NULL, PERTURBED, QUARTER, TIGHTER
from autotune.verify.traces import OwnTraces

TIGHTER_BY = 10.0
"""A global error of CVODE goes about with its tolerance: at a tenth of it nine tenths of the own error show."""

EARLY = 0.1
"""Of a run: what parts later would leave less of it, and of the part that is searched, for statistics."""

LAST_STEP = 0.05
"""A loop of fadvance comes so far beyond its end, as a share of the run, by CVODE's last step."""


class LeftOut(Exception):
    """A run that is not the user's own shows that some knobs cannot be searched."""

    def __init__(self, why: str, knobs: Iterable[str], *, dt_is_fixed: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.knobs = tuple(knobs)
        self.dt_is_fixed = dt_is_fixed


@dataclass
class OtherRuns:
    """Makes them, and holds what they show of the model's files and traces."""

    runner: Runner
    """Makes the runs of which only the raster is used."""
    ask: Ask
    observation: Observation
    baseline: Raster
    space: SearchSpace
    limits: AcceptConfig
    folder: Path
    traces: OwnTraces = field(default_factory=OwnTraces)
    files: OwnFiles = field(default_factory=OwnFiles)
    """What is known of the model's files; grows with each run that comes to the end of the script."""
    fresh: Runner | None = None
    """Makes the runs of which what is recorded and written is used, too."""
    made: dict[str, Raster] = field(default_factory=dict)
    finer_until_ms: float | None = None
    counts_steps: str = ""
    """Which file shows at another dt that the script counts steps, in words."""
    multiples_only: str = ""
    """The same where it does not show at whole multiples of the user's own dt."""

    @property
    def yardsticks(self) -> Runner:
        """Makes the runs that show the model's own error."""
        return self.fresh if self.fresh and self.files.names else self.runner

    @property
    def ruler(self) -> Ruler:
        return ruler(self.limits, self.observation.facts.t_stop_ms)

    @property
    def finer_end_ms(self) -> float:
        """Where the runs at a finer dt end."""
        return self.observation.facts.t_stop_ms if self.finer_until_ms is None else self.finer_until_ms

    @property
    def finer_ruler(self) -> Ruler:
        return ruler(self.limits, self.finer_end_ms)

    @property
    def finer_baseline(self) -> Raster:
        """The part of the baseline that they are compared with."""
        return self.baseline if self.finer_until_ms is None else self.baseline.window(-math.inf, self.finer_until_ms)

    def forget_finer(self) -> None:
        """From now on they are made of the whole run."""
        self.finer_until_ms = None
        for name in (HALF, QUARTER, TIGHTER):
            self.made.pop(name, None)
            (self.folder / f"{name}.npz").unlink(missing_ok=True)

    def raster(self, name: str, make: Callable[[], Run]) -> Raster:
        """The raster of this name, from the study folder if an earlier driver made it."""
        file = self.folder / f"{name}.npz"
        return self.keep(name, read_raster(file) if file.is_file() else make().raster)

    def keep(self, name: str, raster: Raster) -> Raster:
        """Keep a raster under this name, as long as there is none."""
        file = self.folder / f"{name}.npz"
        if not file.is_file():
            write_raster(file, raster)
        self.made[name] = read_raster(file)
        return self.made[name]

    def perturbed(self, name: str, mv: float, seed: int) -> Raster:
        def make() -> Run:
            run = self._perturbed(self.yardsticks if seed == 1 else self.runner, mv, seed)
            self.files.learn(run.files, f"{name}-{seed}")
            return run

        return self.raster(f"{name}-{seed}", make)

    def _perturbed(self, runner: Runner, mv: float, seed: int) -> Run:
        try:
            return runner.run(replace(self.ask, perturbation=Perturbation(mv, seed)))
        except RunFailed as failure:
            why = f"a run that starts {mv:g} mV higher or lower fails, so that no rounding can be judged"
            raise LeftOut(f"{why}: {failure.message}", self.space.of_class(ROUND_OFF, NUMERICAL)) from failure

    def at_dt(self, name: str, divisor: int) -> Raster:
        """The baseline at a part of its own dt. Raises LeftOut where the model cannot be run so."""

        steps = self.space.step_knobs

        def make() -> Run:
            try:
                runner = self.fresh if self.fresh and self.traces.own and name == QUARTER else self.yardsticks
                ask = replace(self.ask, stop_ms=self.finer_until_ms)
                run = runner.run(ask.setting(self.space.finer(divisor)))
            except RunFailed as failure:
                raise LeftOut(f"at dt/{divisor} your model fails: {failure.message}", steps) from failure
            if not self.space.is_finer(run.effective, divisor):
                raise LeftOut(FIXED_DT, steps, dt_is_fixed=True)
            end_ms = self.finer_end_ms
            if abs(run.t_ms - end_ms) > 1.5 * self.observation.facts.dt_ms:
                ended = f"at dt/{divisor} it ended at t = {run.t_ms:g} ms, not at {end_ms:g} ms"
                raise LeftOut(f"your script counts steps: {ended}", steps)
            other = structure(self.files, self.limits, run.files, self.observation.facts.dt_ms / divisor)
            self.counts_steps = self.counts_steps or other
            self.files.learn(run.files, name)  # of files with a row a step, the rows of the same steps
            if name == QUARTER:
                self.traces.keep(run, finest=True)
            return run

        return self.raster(name, make)

    @property
    def step(self) -> Step:
        """What the numbers depend on, in words."""
        facts = self.observation.facts
        return TOLERANCE if facts.cvode else fixed_step(facts.dt_ms)

    def finest(self) -> Raster:
        """The run that is taken for right. Raises LeftOut where the model cannot be run so."""
        return self.at_tighter() if self.observation.facts.cvode else self.at_dt(QUARTER, 4)

    def at_tighter(self) -> Raster:
        """The baseline at a part of its own tolerance, where it takes variable steps. Raises LeftOut, without a knob,
        where the model cannot be run so: nothing but its own error is lost then.
        """

        def make() -> Run:
            ask = replace(self.ask, tighter=TIGHTER_BY, stop_ms=self.finer_until_ms)
            try:
                run = (self.fresh or self.runner).run(ask)
            except RunFailed as failure:
                raise LeftOut(f"at {TOLERANCE.finest} your model fails: {failure.message}", ()) from failure
            if not all(report.tightened for report in run.reports if report.simulated):
                raise LeftOut(OWN_TOLERANCE, ())
            if abs(run.t_ms - self.finer_end_ms) > LAST_STEP * self.finer_end_ms:
                ended = f"at {TOLERANCE.finest} it ended at t = {run.t_ms:g} ms, not at {self.finer_end_ms:g} ms"
                raise LeftOut(f"your script counts steps: {ended}", ())
            self.files.learn(run.files, TIGHTER)
            self.traces.keep(run, finest=True)
            return run

        return self.raster(TIGHTER, make)

    def at_longer_dt(self) -> None:
        """A look at the files of a run at a longer dt, which may show that the script counts steps; where it does, at
        a whole multiple, too: what is written at times of its own may need a step that goes into them.
        """
        seen, files = self._structure_at(self.space.coarser())
        multiple = self.space.coarser(multiple=True)
        if seen and multiple is not None and multiple != self.space.coarser():
            whole, files = self._structure_at(multiple)
            if not whole:
                self.multiples_only = seen
                return
            seen = whole
        self.counts_steps = seen
        if seen:
            self.files.learn(files, LONGER)

    def _structure_at(self, longer: Changes | None) -> tuple[str, Sequence[Measured]]:
        """What another structure the files have in a run with these changes, and the files."""
        if longer is None or self.fresh is None or not self.files.names:
            return "", ()
        try:
            run = self.fresh.run(self.ask.setting(longer))
        except RunFailed:
            return "", ()  # a trial will say so
        return structure(self.files, self.limits, run.files, self.space.step_ms(longer)), run.files or ()

    @property
    def classes(self) -> frozenset[str]:
        """Of what can still be searched."""
        space = self.space
        for knob in space.step_knobs if self.counts_steps else ():
            space = space.without(knob, self.counts_steps)
        return space.classes

    def parted(self, other: Raster) -> bool:
        return self.ruler.distance(self.baseline, other) > self.limits.chaos

    def sensitive(self) -> bool:
        """Whether a perturbation as small as the error of a step sends the network another way. Its raster alone
        counts; files of such a run do in chaos only.
        """
        if self.files.names:
            return self.parted(self._perturbed(self.runner, self.limits.null_mv, 1).raster)
        return self.parted(self.perturbed(NULL, self.limits.null_mv, 1))

    def nulls(self) -> None:
        """Make the null runs. One that as little as round-off sends another way early in the run is one already: it is
        the same result by definition, and after they have parted nothing tells how small the first difference was.
        """
        early_ms = EARLY * self.observation.facts.t_stop_ms
        for seed in range(1, self.limits.null_runs + 1):
            small = self.made.get(f"{PERTURBED}-{seed}")
            if small is not None and self.ruler.parting_ms(self.baseline, small) <= early_ms:
                self.keep(f"{NULL}-{seed}", small)
            self.perturbed(NULL, self.limits.null_mv, seed)
