"""The baseline against itself: does the model reproduce its own raster, how large is the error of its own step, and
does a small perturbation send it another way?

A tuner compares everything with the baseline, so a baseline that changes by itself proves nothing. A run that is not
the user's own never condemns the user's model: where it fails, what needed it is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Set
from dataclasses import replace
from pathlib import Path

from autotune.agent.knobs import NUMERICAL, ROUND_OFF
from autotune.calibrate.calibration import Calibration
from autotune.calibrate.notes import chaotic_notes, regular_notes, too_few
from autotune.calibrate.other_runs import LeftOut, OtherRuns
from autotune.calibrate.reproduced import NotReproduced, own_run, seed_cure
from autotune.errors import BaselineError
from autotune.launch.ask import Ask, Runner
from autotune.observe import Observation, voltage_digests
from autotune.plan.space import SearchSpace
from autotune.raster import Raster
from autotune.raster.metrics import identical, moved
from autotune.report.format import counted
from autotune.verify.acceptance import Acceptance
from autotune.verify.band import null_band
from autotune.verify.error import ruler
from autotune.verify.evidence import too_little
from autotune.verify.references import HALF, NULL, PERTURBED, REPEAT, Regime
from autotune.verify.stability import convergence_order, not_finite, own_instability

COUNTS_STEPS = "your script counts steps, or does something else at another dt"


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

    `part_ms` says where the search ends a run of a regular model, if early: there the runs at a finer dt end, too. It
    is asked before any run but the repetition.

    The repetition is `fresh`; `further` makes the runs after it, of which only the rasters are used, not the times.
    `acceptance` holds baseline, observation and limits. Raises NotReproduced when two runs of the same command give
    different rasters and its limits say nothing of statistics.
    """
    observation, baseline, limits = acceptance.observation, acceptance.baseline, acceptance.limits
    work = OtherRuns(
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
        regime, why = _regime(work, classes, part_ms)
        plain = replace(plain, regime=regime, why=why)
        measured = _without_counted(_with_finer(plain, work) if _finer_wanted(work, classes) else plain, work)
    except LeftOut as out:
        left_out = dict.fromkeys(out.knobs, out.why)
        measured = replace(
            plain,
            note=out.why,
            left_out=left_out,
            dt_is_fixed=out.dt_is_fixed,
            unproved=_unproved_without_finer(work, out.knobs),
        )
    return replace(measured, runs=tuple(work.made), finer_until_ms=work.finer_until_ms)


def recalibrate(
    fresh: Runner, ask: Ask, acceptance: Acceptance, space: SearchSpace, folder: Path, found: NotReproduced
) -> Calibration:
    """The calibration of a model that has reproduced itself and then, as was `found`, not, and whose user agrees to
    statistics. Raises BaselineError where these say nothing.
    """
    work = OtherRuns(fresh, ask, acceptance.observation, acceptance.baseline, space, acceptance.limits, folder)
    return _by_statistics(work, found, own_run(fresh, ask, acceptance.observation).run_s)


def _by_statistics(work: OtherRuns, found: NotReproduced, repeat_run_s: float) -> Calibration:
    """What is allowed is what further runs of the same settings do; the other result that was found is one of them."""
    work.keep(f"{REPEAT}-1", found.other)
    for number in range(2, work.limits.null_runs + 1):
        work.raster(f"{REPEAT}-{number}", lambda: own_run(work.runner, work.ask, work.observation))
    if null_band(work.baseline, tuple(work.made.values()), work.ruler, work.limits) is None:
        raise BaselineError(
            f"the model does not reproduce itself, and {too_few(work.limits)}",
            cure=f"{seed_cure(work.observation)}, or make the run longer.",
        )
    note = f"{found.why}: no spike can be compared; trials are judged by statistics alone, as you agreed"
    return Calibration(repeat_run_s, "random", found.why, runs=tuple(work.made), note=note)


def _without_counted(found: Calibration, work: OtherRuns) -> Calibration:
    """Without the steps at which the script writes other files than it does at the user's own."""
    if work.counts_steps:
        why = f"{COUNTS_STEPS}: {work.counts_steps}"
        left_out = found.left_out | dict.fromkeys(work.space.step_knobs, why)
        return replace(found, left_out=left_out, note="; ".join(filter(None, (why, found.note))))
    if work.multiples_only:
        why = f"your script writes something else where a step is no whole multiple of yours: {work.multiples_only}"
        return replace(found, only=work.space.multiples(), note="; ".join(filter(None, (why, found.note))))
    return found


def _regime(work: OtherRuns, classes: Set[str], part_ms: Callable[[], float | None]) -> tuple[Regime, str]:
    """How this model can be compared, by perturbed runs and, where dt is searched, finer ones; makes the null runs that
    a chaotic one needs.
    """
    regime: Regime = "regular"
    why = Calibration.why
    until_ms = part_ms() if {ROUND_OFF, NUMERICAL} & classes else None
    if len(work.baseline) and {ROUND_OFF, NUMERICAL} & classes and work.parted(_round_off(work)):
        regime, why = "chaotic", f"a perturbation of {work.limits.perturb_mv:g} mV sends your network another way"
    elif _finer_wanted(work, classes):
        # The files of a part of a run are not those of the whole.
        work.finer_until_ms = None if work.files.names else until_ms
        if not work.observation.facts.cvode:
            work.at_dt(HALF, 2)
        finest = work.finest()
        if work.finer_ruler.distance(work.finer_baseline, finest) > work.limits.chaos and work.sensitive():
            work.forget_finer()
            regime, why = "chaotic", f"a perturbation of {work.limits.null_mv:g} mV sends your network another way"
    if regime == "chaotic":
        work.nulls()
    return regime, why


def _finer_wanted(work: OtherRuns, classes: Set[str]) -> bool:
    something = len(work.baseline) > 0 or work.traces.own is not None
    return something and NUMERICAL in classes


def _with_finer(calibration: Calibration, work: OtherRuns) -> Calibration:
    """The error of the user's own dt, from runs at dt/2 and dt/4, or of a variable step, from one at a tighter
    tolerance. Chaos has no order of convergence: there dt/2 shows nothing that dt/4 does not, but of files.
    """
    baseline = work.finer_baseline
    fixed = not work.observation.facts.cvode
    half = work.at_dt(HALF, 2) if fixed and (calibration.regime == "regular" or work.files.names) else None
    finest = work.finest()
    wide = ruler(work.limits, work.finer_end_ms, windows=2)
    measured = replace(calibration, own_error_ms=wide.error_ms(baseline, finest))
    if half is not None and calibration.regime == "regular":
        measured = replace(
            measured,
            half_dt_distance=work.finer_ruler.distance(baseline, half),
            half_dt_shift_ms=work.finer_ruler.largest_shift_ms(baseline, half),
            order=convergence_order(wide.error_ms(baseline, half), wide.error_ms(half, finest)),
        )
    if calibration.regime == "chaotic":
        nulls = tuple(raster for name, raster in work.made.items() if name.startswith(NULL))
        band = null_band(baseline, nulls, work.ruler, work.limits)
        doubts = chaotic_notes(band, finest, work.step, work.limits)
        if band is None:  # no other step gives the identical raster
            return replace(measured, unproved=too_few(work.limits), in_range=False, note="; ".join(doubts))
    else:
        apart = work.finer_ruler.distance(baseline, finest)
        doubts = regular_notes(apart, measured.order, measured.own_error_ms, work.step, work.limits)
    notes = own_instability(work.observation.voltages, work.limits) + doubts
    unproved = _unproved(work, finest)
    note = "; ".join([*notes, unproved] if unproved else notes)
    return replace(measured, unproved=unproved, in_range=not doubts, note=note)


def _unproved(work: OtherRuns, finer: Raster) -> str:
    """Why the spikes that depend on the step at all are too few; those of a stimulus do not."""
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
    return f"{of} do not depend on {work.step.name}, as those of a stimulus; without them {why}"


def _unproved_without_finer(work: OtherRuns, knobs: Iterable[str]) -> str:
    """Why the spikes are too few for the other knobs that change the numbers, where what is recorded has no yardstick;
    no trial need show it.
    """
    space, facts = work.space, work.observation.facts
    for knob in knobs:
        space = space.without(knob, "")
    if NUMERICAL not in space.classes or not facts.has_sections:
        return ""
    why = too_little(work.baseline, facts.t_stop_ms, facts.sources, work.limits)
    return f"{why}; and no run at {work.step.finest} tells how far off what is recorded may be" if why else ""


def _round_off(work: OtherRuns) -> Raster:
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
