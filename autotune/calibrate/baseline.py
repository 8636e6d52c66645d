"""The baseline against itself: does the model reproduce its own raster, how large is the error of its own dt, and does
a small perturbation send it another way?

A tuner compares everything with the baseline, so a baseline that changes by itself proves nothing. A run is made only
when a knob that is searched needs it, and its raster is kept, so that a study that was killed does not repeat it. A run
that is not the user's own (at another dt, perturbed) never condemns the user's model: where it fails, what needed it is
left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from autotune.agent.knobs import NUMERICAL, ROUND_OFF
from autotune.calibrate.notes import FIXED_DT, chaotic_notes, regular_notes, too_few
from autotune.config import AcceptConfig
from autotune.errors import BaselineError
from autotune.launch.ask import Ask, Perturbation, Run, Runner
from autotune.launch.judge import RunFailed
from autotune.observe import Observation, voltage_digests
from autotune.plan.space import SearchSpace
from autotune.raster import Raster, read_raster, write_raster
from autotune.raster.metrics import first_divergence_ms, identical, moved
from autotune.report.format import counted
from autotune.settings import Changes
from autotune.verify.acceptance import Acceptance
from autotune.verify.band import null_band
from autotune.verify.error import Ruler, ruler
from autotune.verify.evidence import too_little
from autotune.verify.files import OwnFiles, structure
from autotune.verify.references import HALF, NULL, PERTURBED, QUARTER, REPEAT, Regime
from autotune.verify.stability import convergence_order, not_finite, own_instability
from autotune.verify.traces import OwnTraces

_SEED = "Seed its random numbers by a fixed number, not by the time, the process or the rank, and try again"
_BY_JOB = (
    "Which rank does which job changes from run to run: let random numbers depend on the job, not on the rank or the "
    "time, leave nothing of a job behind (sections, events), and try again"
)
COUNTS_STEPS = "your script counts steps, or does something else at another dt"
_STATISTICAL = "or say `statistical = true` under [accept] to compare rates, ISI CV and correlations only."


@dataclass(frozen=True)
class Calibration:
    """What runs of the user's own settings say."""

    RECORD: ClassVar[str] = "calibration"

    repeat_run_s: float
    """The run section of the second baseline run, seconds."""
    regime: Regime = "regular"
    """How rasters of this model can be compared: spike by spike, after a while by statistics only, or by statistics
    only.
    """
    why: str = "two runs of your own settings give the same spikes"
    """The regime in words."""
    half_dt_distance: float | None = None
    """Raster distance between the user's dt and half of it; None when no numerical knob is searched."""
    half_dt_shift_ms: float | None = None
    """The largest shift of a matched spike between the two: the error that the user already lives with."""
    own_error_ms: float | None = None
    """Error of the user's dt against dt/4 (Ruler.error_ms): the yardstick of numerical knobs."""
    in_range: bool = True
    """A quarter of the user's dt says of its error what half of it says."""
    order: float | None = None
    """Order of convergence from dt, dt/2 and dt/4; 1 is expected of the default method."""
    runs: tuple[str, ...] = ()
    """The rasters that were kept, rasters/<name>.npz."""
    note: str = ""
    dt_is_fixed: bool = False
    """The model sets its own dt after finitialize, so that no other can be tried."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Knobs that cannot be searched as it turned out, with the reason."""
    only: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """Knobs of which only these values can be searched, for the reason in `note`."""
    finer_until_ms: float | None = None
    """Where the runs at dt/2 and dt/4 end; None where they were made of the whole run."""
    unproved: str = ""
    """Why no change of the numbers can be judged, as it turned out."""


class _LeftOut(Exception):
    """A run that is not the user's own shows that some knobs cannot be searched."""

    def __init__(self, why: str, knobs: Iterable[str], *, dt_is_fixed: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.knobs = tuple(knobs)
        self.dt_is_fixed = dt_is_fixed


@dataclass
class _Calibrator:
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
        for name in (HALF, QUARTER):
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
            try:
                run = (self.yardsticks if seed == 1 else self.runner).run(
                    replace(self.ask, perturbation=Perturbation(mv, seed))
                )
                self.files.learn(run.files, f"{name}-{seed}")
                return run
            except RunFailed as failure:
                why = f"a run that starts {mv:g} mV higher or lower fails, so that no rounding can be judged"
                raise _LeftOut(f"{why}: {failure.message}", self.space.of_class(ROUND_OFF, NUMERICAL)) from failure

        return self.raster(f"{name}-{seed}", make)

    def at_dt(self, name: str, divisor: int) -> Raster:
        """The baseline at a part of its own dt. Raises _LeftOut where the model cannot be run so."""

        steps = self.space.step_knobs

        def make() -> Run:
            try:
                runner = self.fresh if self.fresh and self.traces.own and name == QUARTER else self.yardsticks
                ask = replace(self.ask, stop_ms=self.finer_until_ms)
                run = runner.run(ask.setting(self.space.finer(divisor)))
            except RunFailed as failure:
                raise _LeftOut(f"at dt/{divisor} your model fails: {failure.message}", steps) from failure
            if not self.space.is_finer(run.effective, divisor):
                raise _LeftOut(FIXED_DT, steps, dt_is_fixed=True)
            end_ms = self.finer_end_ms
            if abs(run.t_ms - end_ms) > 1.5 * self.observation.facts.dt_ms:
                ended = f"at dt/{divisor} it ended at t = {run.t_ms:g} ms, not at {end_ms:g} ms"
                raise _LeftOut(f"your script counts steps: {ended}", steps)
            other = structure(self.files, self.limits, run.files, self.observation.facts.dt_ms / divisor)
            if other:  # what is written says nothing of its error then, the spikes and traces do
                self.counts_steps = self.counts_steps or other
            else:
                self.files.learn(run.files, name)
            if name == QUARTER:
                self.traces.keep(run, finest=True)
            return run

        return self.raster(name, make)

    def at_longer_dt(self) -> None:
        """A look at the files of a run at a longer dt, which may show that the script counts steps; where it does, at
        a whole multiple, too: what is written at times of its own may need a step that goes into them.
        """
        seen = self._structure_at(self.space.coarser())
        multiple = self.space.coarser(multiple=True)
        if not seen or multiple is None or multiple == self.space.coarser():
            self.counts_steps = seen
        elif whole := self._structure_at(multiple):
            self.counts_steps = whole
        else:
            self.multiples_only = seen

    def _structure_at(self, longer: Changes | None) -> str:
        if longer is None or self.fresh is None or not self.files.names:
            return ""
        try:
            run = self.fresh.run(self.ask.setting(longer))
        except RunFailed:
            return ""  # a trial will say so
        return structure(self.files, self.limits, run.files, self.space.step_ms(longer))

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
        """Whether a perturbation as small as the error of a step sends the network another way."""
        return self.parted(self.perturbed(NULL, self.limits.null_mv, 1))

    def nulls(self) -> None:
        for seed in range(1, self.limits.null_runs + 1):
            self.perturbed(NULL, self.limits.null_mv, seed)


def calibrate(
    fresh: Runner,
    further: Runner,
    ask: Ask,
    acceptance: Acceptance,
    space: SearchSpace,
    folder: Path,
    part_ms: Callable[[], float | None] = lambda: None,
) -> Calibration:
    """Run the baseline once more, and whatever the classes of the searched knobs need; rasters go to `folder`.

    `part_ms` says where the search ends a run of a regular model, if early: there the runs at a finer dt end, too.

    The repetition is `fresh`; `further` makes the runs after it, of which only the rasters are used, not the times.
    `acceptance` holds baseline, observation and limits. Raises NotReproduced when two runs of the same command give
    different rasters and its limits say nothing of statistics.
    """
    observation, baseline, limits = acceptance.observation, acceptance.baseline, acceptance.limits
    work = _Calibrator(
        further, ask, observation, baseline, space, limits, folder, acceptance.traces, acceptance.files, fresh
    )
    classes = space.classes
    if NUMERICAL in classes:
        _check_voltages(observation, space)
    repeat = own_run(fresh, replace(ask, voltages=limits.sampled_segments), observation)
    if not (identical(baseline, repeat.raster) and voltage_digests(repeat) == observation.voltage_digests):
        if not limits.statistical or identical(baseline, repeat.raster):
            raise NotReproduced(observation, baseline, repeat.raster)
        return _by_statistics(
            replace(work, runner=fresh), NotReproduced(observation, baseline, repeat.raster), repeat.run_s
        )
    acceptance.beside.learn(repeat)
    acceptance.files.learn(repeat.files)
    acceptance.traces.keep(repeat)
    plain = Calibration(repeat.run_s)
    try:
        work.at_longer_dt()
        classes = work.classes
        # The files of a part of a run are not those of the whole.
        regime, why = _regime(work, classes, part_ms if not acceptance.files.names else lambda: None)
        plain = replace(plain, regime=regime, why=why)
        measured = _without_counted(_with_finer(plain, work) if _finer_wanted(work, classes) else plain, work)
    except _LeftOut as out:
        left_out = dict.fromkeys(out.knobs, out.why)
        measured = replace(
            plain,
            note=out.why,
            left_out=left_out,
            dt_is_fixed=out.dt_is_fixed,
            unproved=_unproved_without_finer(work, out.knobs),
        )
    return replace(measured, runs=tuple(work.made), finer_until_ms=work.finer_until_ms)


def _without_counted(found: Calibration, work: _Calibrator) -> Calibration:
    """Without the steps at which the script writes other files than it does at the user's own."""
    if work.counts_steps:
        why = f"{COUNTS_STEPS}: {work.counts_steps}"
        left_out = found.left_out | dict.fromkeys(work.space.step_knobs, why)
        return replace(found, left_out=left_out, note="; ".join(filter(None, (why, found.note))))
    if work.multiples_only:
        why = f"your script writes something else where a step is no whole multiple of yours: {work.multiples_only}"
        return replace(found, only=work.space.multiples(), note="; ".join(filter(None, (why, found.note))))
    return found


def own_run(runner: Runner, ask: Ask, observation: Observation) -> Run:
    """A run of the user's own settings, which was observed before. Raises BaselineError when it fails."""
    try:
        return runner.run(ask)
    except RunFailed as failure:
        raise BaselineError(
            f"the model ran once with its own settings and then failed: {failure.message}",
            cure=_found_files(observation) or failure.cure,
            details=failure.details,
            log=failure.log,
        ) from failure


def _found_files(observation: Observation) -> str:
    """What a model that looks for results of its own has found in the second run; empty where it had written none."""
    if not observation.written:
        return ""
    names = ", ".join(observation.written[:3])
    return f"The first run wrote {names}, which later runs find: let the model not do less because of it. "


def _seed(observation: Observation) -> str:
    return _BY_JOB if observation.facts.by_jobs else _SEED


def _regime(work: _Calibrator, classes: Set[str], part_ms: Callable[[], float | None]) -> tuple[Regime, str]:
    """How this model can be compared, by perturbed runs and, where dt is searched, finer ones; makes the null runs that
    a chaotic one needs.
    """
    regime: Regime = "regular"
    why = Calibration.why
    if len(work.baseline) and {ROUND_OFF, NUMERICAL} & classes and work.parted(_round_off(work)):
        regime, why = "chaotic", f"a perturbation of {work.limits.perturb_mv:g} mV sends your network another way"
    elif _finer_wanted(work, classes):
        work.finer_until_ms = part_ms()
        work.at_dt(HALF, 2)
        quarter = work.at_dt(QUARTER, 4)
        if work.finer_ruler.distance(work.finer_baseline, quarter) > work.limits.chaos and work.sensitive():
            work.forget_finer()
            regime, why = "chaotic", f"a perturbation of {work.limits.null_mv:g} mV sends your network another way"
    if regime == "chaotic":
        work.nulls()
    return regime, why


def _finer_wanted(work: _Calibrator, classes: Set[str]) -> bool:
    something = len(work.baseline) > 0 or work.traces.own is not None
    return something and NUMERICAL in classes and not work.observation.facts.cvode


def _with_finer(calibration: Calibration, work: _Calibrator) -> Calibration:
    """The error of the user's own dt, from runs at dt/2 and dt/4."""
    baseline, half, quarter = work.finer_baseline, work.at_dt(HALF, 2), work.at_dt(QUARTER, 4)
    wide = ruler(work.limits, work.finer_end_ms, windows=2)
    order = convergence_order(wide.error_ms(baseline, half), wide.error_ms(half, quarter))
    measured = replace(
        calibration,
        half_dt_distance=work.finer_ruler.distance(baseline, half),
        half_dt_shift_ms=work.finer_ruler.largest_shift_ms(baseline, half),
        own_error_ms=wide.error_ms(baseline, quarter),
        order=order if calibration.regime == "regular" else None,
    )
    dt_ms = work.observation.facts.dt_ms
    if calibration.regime == "chaotic":
        nulls = tuple(raster for name, raster in work.made.items() if name.startswith(NULL))
        doubts = chaotic_notes(null_band(baseline, nulls, work.ruler, work.limits), quarter, dt_ms, work.limits)
    else:
        apart = work.finer_ruler.distance(baseline, quarter)
        doubts = regular_notes(apart, measured.order, measured.own_error_ms, dt_ms, work.limits)
    notes = own_instability(work.observation.voltages, work.limits) + doubts
    unproved = _unproved(work, quarter)
    note = "; ".join([*notes, unproved] if unproved else notes)
    return replace(measured, unproved=unproved, in_range=not doubts, note=note)


def _unproved(work: _Calibrator, finer: Raster) -> str:
    """Why the spikes that depend on dt at all are too few; a stimulus's own do not, whatever dt does to the cells."""
    facts, dependent = work.observation.facts, moved(work.finer_baseline, finer)
    if not facts.has_sections:
        return ""  # there is nothing that dt could do
    why = too_little(dependent, work.finer_end_ms, facts.sources, work.limits)
    if not why:
        return ""
    if work.traces.own is not None:
        traces = work.traces.too_little(work.finer_end_ms, facts.membranes)
        if not traces:
            return ""
        why = f"{why}; of what is recorded: {traces}"
    still = len(work.finer_baseline) - len(dependent)
    if not still:
        return why
    of = f"{still} of {counted(len(work.finer_baseline), 'spike')}"
    return f"{of} do not depend on dt, as those of a stimulus; without them {why}"


def _unproved_without_finer(work: _Calibrator, knobs: Iterable[str]) -> str:
    """Why the spikes are too few for the other knobs that change the numbers, where what is recorded has no yardstick;
    no trial need show it.
    """
    space, facts = work.space, work.observation.facts
    for knob in knobs:
        space = space.without(knob, "")
    if NUMERICAL not in space.classes or not facts.has_sections:
        return ""
    why = too_little(work.baseline, facts.t_stop_ms, facts.sources, work.limits)
    return f"{why}; and no run at dt/4 tells how far off what is recorded may be" if why else ""


def _round_off(work: _Calibrator) -> Raster:
    """The baseline with a perturbation as small as round-off; a second one where the first is seen in the raster."""
    limits = work.limits
    first = work.perturbed(PERTURBED, limits.perturb_mv, 1)
    if identical(first, work.baseline):
        return first
    second = work.perturbed(PERTURBED, limits.perturb_mv, 2)
    return max(first, second, key=lambda raster: work.ruler.distance(work.baseline, raster))


def _check_voltages(observation: Observation, space: SearchSpace) -> None:
    """No step can be called stable by the yardstick of a run that is none."""
    reason = not_finite(observation.voltages)
    if reason:
        others = json.dumps(space.of_class(NUMERICAL))
        raise BaselineError(
            f"the model's own run is unstable: {reason}",
            cure=f"Repair it, or search other knobs only: exclude = {others} under [search].",
        )


class NotReproduced(BaselineError):
    """The model gave another result with the same settings: `other`, not the baseline."""

    def __init__(self, observation: Observation, baseline: Raster, other: Raster) -> None:
        when = first_divergence_ms(baseline, other)
        self.other = other
        self.why = "two runs of the same command gave different results" + (
            f", from t = {when:g} ms on" if when is not None else " (the sampled voltages differ)"
        )
        super().__init__(
            f"the model does not reproduce itself: {self.why}",
            cure=_found_files(observation) + _seed(observation) + ("." if when is None else f"; {_STATISTICAL}"),
        )


def recalibrate(
    fresh: Runner, ask: Ask, acceptance: Acceptance, space: SearchSpace, folder: Path, found: NotReproduced
) -> Calibration:
    """The calibration of a model that has reproduced itself and then, as was `found`, not, and whose user agrees to
    statistics. Raises BaselineError where these say nothing.
    """
    work = _Calibrator(fresh, ask, acceptance.observation, acceptance.baseline, space, acceptance.limits, folder)
    return _by_statistics(work, found, own_run(fresh, ask, acceptance.observation).run_s)


def _by_statistics(work: _Calibrator, found: NotReproduced, repeat_run_s: float) -> Calibration:
    """What is allowed is what further runs of the same settings do; the other result that was found is one of them."""
    work.keep(f"{REPEAT}-1", found.other)
    for number in range(2, work.limits.null_runs + 1):
        work.raster(f"{REPEAT}-{number}", lambda: own_run(work.runner, work.ask, work.observation))
    if null_band(work.baseline, tuple(work.made.values()), work.ruler, work.limits) is None:
        raise BaselineError(
            f"the model does not reproduce itself, and {too_few(work.limits)}",
            cure=f"{_seed(work.observation)}, or make the run longer.",
        )
    note = f"{found.why}: no spike can be compared; trials are judged by statistics alone, as you agreed"
    return Calibration(repeat_run_s, "random", found.why, runs=tuple(work.made), note=note)
