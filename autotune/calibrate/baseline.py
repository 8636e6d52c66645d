"""The baseline against itself: does the model reproduce its own raster, how large is the error of its own dt, and does
a small perturbation send it another way?

A tuner compares everything with the baseline, so a baseline that changes by itself proves nothing. A run is made only
when a knob that is searched needs it, and its raster is kept, so that a study that was killed does not repeat it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from autotune.agent.knobs import NUMERICAL, ROUND_OFF
from autotune.config import AcceptConfig
from autotune.errors import BaselineError
from autotune.launch.judge import RunFailed
from autotune.launch.run import FreshRunner, Run
from autotune.observe import Observation, voltage_digests
from autotune.raster import Raster, read_raster, write_raster
from autotune.raster.metrics import first_divergence_ms, identical
from autotune.store.records import Settings
from autotune.verify.band import null_band
from autotune.verify.error import Ruler, ruler
from autotune.verify.stability import EXPECTED_ORDER, convergence_order, not_finite, own_instability

FIXED_DT = "your model sets dt itself after finitialize: no other step can be tried"
Regime = Literal["regular", "chaotic", "random"]
_STATISTICAL = "or say `statistical = true` under [accept] to compare rates, ISI CV and correlations only."
PERTURBED, HALF, QUARTER, NULL, REPEAT = "perturbed", "half-dt", "quarter-dt", "null", "repeat"


@dataclass(frozen=True)
class Calibration:
    """What runs of the user's own settings say."""

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
    order: float | None = None
    """Order of convergence from dt, dt/2 and dt/4; 1 is expected of the default method."""
    runs: tuple[str, ...] = ()
    """The rasters that were kept, rasters/<name>.npz."""
    note: str = ""
    dt_is_fixed: bool = False
    """The model sets its own dt after finitialize, so that no other can be tried."""


@dataclass(frozen=True)
class References:
    """The rasters that a trial is compared with, beside the baseline."""

    perturbed: tuple[Raster, ...] = ()
    """The baseline with a perturbation as small as round-off."""
    finer: tuple[Raster, ...] = ()
    """At dt/2 and at dt/4."""
    null: tuple[Raster, ...] = ()
    """Runs that must be called the same result: the baseline, sent another way."""


class _DtIsFixed(Exception):
    """Another dt was asked for, and the model's own was in effect at the end."""


@dataclass
class _Calibrator:
    make_run: Callable[..., Run]
    """As FreshRunner.run."""
    observation: Observation
    baseline: Raster
    limits: AcceptConfig
    folder: Path
    made: dict[str, Raster] = field(default_factory=dict)

    @property
    def ruler(self) -> Ruler:
        return ruler(self.limits, self.observation.facts.t_stop_ms)

    def run(self, settings: Settings | None = None, **how: Any) -> Run:
        try:
            return self.make_run(settings, **how)
        except RunFailed as failure:
            raise BaselineError(
                f"the model ran once with its own settings and then failed: {failure.message}",
                cure=failure.cure,
                details=failure.details,
            ) from failure

    def raster(self, name: str, make: Callable[[], Run]) -> Raster:
        """The raster of this name, from the study folder if an earlier session made it."""
        file = self.folder / f"{name}.npz"
        if not file.is_file():
            write_raster(file, make().raster)
        self.made[name] = read_raster(file)
        return self.made[name]

    def perturbed(self, name: str, mv: float, seed: int) -> Raster:
        return self.raster(f"{name}-{seed}", lambda: self.run(perturb_mv=mv, perturb_seed=seed))

    def at_dt(self, name: str, divisor: int) -> Raster:
        dt_ms = self.observation.facts.dt_ms / divisor

        def make() -> Run:
            run = self.run({"dt": dt_ms})
            if not math.isclose(run.effective["dt"], dt_ms, rel_tol=1e-6):
                raise _DtIsFixed
            return run

        return self.raster(name, make)

    def parted(self, other: Raster) -> bool:
        return self.ruler.distance(self.baseline, other) > self.limits.chaos

    def sensitive(self) -> bool:
        """Whether a perturbation as small as the error of a step sends the network another way."""
        return self.parted(self.perturbed(NULL, self.limits.null_mv, 1))

    def nulls(self) -> None:
        for seed in range(1, self.limits.null_runs + 1):
            self.perturbed(NULL, self.limits.null_mv, seed)


def calibrate(
    runner: FreshRunner,
    observation: Observation,
    baseline: Raster,
    limits: AcceptConfig,
    *,
    classes: Collection[str],
    folder: Path,
    further: Callable[..., Run] | None = None,
) -> Calibration:
    """Run the baseline once more, and whatever the `classes` of the searched knobs need; rasters go to `folder`.

    `further` makes all runs after this one, as `runner.run` does by default: only their rasters are used, not their
    times.
    Raises BaselineError when two runs of the same command give different rasters and `limits.statistical` is off.
    """
    work = _Calibrator(runner.run, observation, baseline, limits, folder)
    if NUMERICAL in classes:
        _check_voltages(observation)
    repeat = work.run(voltages=limits.sampled_segments)
    if not (identical(baseline, repeat.raster) and voltage_digests(repeat) == observation.voltage_digests):
        return _random(work, repeat)
    work.make_run = further or runner.run
    regime: Regime = "regular"
    why = Calibration.why
    spiking = len(baseline) > 0
    if spiking and ({ROUND_OFF, NUMERICAL} & set(classes)) and work.parted(_round_off(work)):
        regime, why = "chaotic", f"a perturbation of {limits.perturb_mv:g} mV sends your network another way"
    finer = spiking and NUMERICAL in classes and not observation.facts.cvode
    try:
        if finer:
            work.at_dt(HALF, 2)
    except _DtIsFixed:
        return Calibration(repeat.run_s, regime, why, runs=tuple(work.made), note=FIXED_DT, dt_is_fixed=True)
    if finer and regime == "regular" and work.parted(work.at_dt(QUARTER, 4)) and work.sensitive():
        regime, why = "chaotic", f"a perturbation of {limits.null_mv:g} mV sends your network another way"
    if regime == "chaotic":
        work.nulls()
    plain = Calibration(repeat.run_s, regime, why, runs=tuple(work.made))
    return _with_finer(plain, work) if finer else plain


def _with_finer(calibration: Calibration, work: _Calibrator) -> Calibration:
    """The error of the user's own dt, from runs at dt/2 and dt/4."""
    baseline, half, quarter = work.baseline, work.at_dt(HALF, 2), work.at_dt(QUARTER, 4)
    wide = ruler(work.limits, work.ruler.end_ms, windows=2)
    order = convergence_order(wide.error_ms(baseline, half), wide.error_ms(half, quarter))
    measured = replace(
        calibration,
        half_dt_distance=work.ruler.distance(baseline, half),
        half_dt_shift_ms=work.ruler.largest_shift_ms(baseline, half),
        own_error_ms=wide.error_ms(baseline, quarter),
        order=order if calibration.regime == "regular" else None,
        runs=tuple(work.made),
    )
    return _noted(measured, work)


def references(folder: Path) -> References:
    """The rasters that `calibrate` kept in `folder`."""

    def kept(*patterns: str) -> tuple[Raster, ...]:
        return tuple(read_raster(file) for pattern in patterns for file in sorted(folder.glob(f"{pattern}.npz")))

    return References(kept(f"{PERTURBED}-*"), kept(HALF, QUARTER), kept(f"{NULL}-*", f"{REPEAT}-*"))


def _round_off(work: _Calibrator) -> Raster:
    """The baseline with a perturbation as small as round-off; a second one where the first is seen in the raster."""
    limits = work.limits
    first = work.perturbed(PERTURBED, limits.perturb_mv, 1)
    if identical(first, work.baseline):
        return first
    second = work.perturbed(PERTURBED, limits.perturb_mv, 2)
    return max(first, second, key=lambda raster: work.ruler.distance(work.baseline, raster))


def _check_voltages(observation: Observation) -> None:
    """No step can be called stable by the yardstick of a run that is none."""
    reason = not_finite(observation.voltages)
    if reason:
        raise BaselineError(
            f"the model's own run is unstable: {reason}",
            cure='Repair it, or search other knobs only: exclude = ["dt", "secondorder"] under [search].',
        )


def _random(work: _Calibrator, repeat: Run) -> Calibration:
    """A model that does not reproduce itself: refused, unless its user agrees to statistics alone."""
    when = first_divergence_ms(work.baseline, repeat.raster)
    why = "two runs of the same command gave different results" + (
        f", from t = {when:g} ms on" if when is not None else " (the sampled voltages differ)"
    )
    if not work.limits.statistical or when is None:
        raise BaselineError(
            f"the model does not reproduce itself: {why}",
            cure="Seed its random numbers by a fixed number, not by the time, the process or the rank, and try again"
            + ("." if when is None else f"; {_STATISTICAL}"),
        )
    work.raster(f"{REPEAT}-1", lambda: repeat)
    for number in range(2, work.limits.null_runs + 1):
        work.raster(f"{REPEAT}-{number}", work.run)
    runs = tuple(work.made)
    note = f"{why}: no spike can be compared; trials are judged by statistics alone, as you agreed"
    if null_band(work.baseline, tuple(work.made.values()), work.ruler, work.limits) is None:
        note += _too_few(work.limits)
    return Calibration(repeat.run_s, "random", why, runs=runs, note=note)


def _noted(calibration: Calibration, work: _Calibrator) -> Calibration:
    notes = own_instability(work.observation.voltages, work.limits)
    notes += _chaotic_notes(work) if calibration.regime == "chaotic" else _regular_notes(calibration, work)
    return replace(calibration, note="; ".join(notes))


def _regular_notes(calibration: Calibration, work: _Calibrator) -> list[str]:
    notes, limits, dt_ms = [], work.limits, work.observation.facts.dt_ms
    apart = work.ruler.distance(work.baseline, work.made[QUARTER])
    if apart > limits.unmatched:
        notes.append(
            f"your own dt = {dt_ms:g} ms is not converged: at a quarter of it {apart:.1%} of the spikes "
            f"do not match within {limits.window_ms:g} ms"
        )
    order, error = calibration.order, calibration.own_error_ms or 0.0
    if order is not None and order < limits.least_order and error > limits.floor_ms:
        notes.append(
            f"halving your dt = {dt_ms:g} ms does not halve its error (order {order:.1f}, expected "
            f"{EXPECTED_ORDER:.0f}): it is outside the range in which a step can be trusted"
        )
    return notes


def _chaotic_notes(work: _Calibrator) -> list[str]:
    notes, limits = [], work.limits
    nulls = tuple(raster for name, raster in work.made.items() if name.startswith(NULL))
    band = null_band(work.baseline, nulls, work.ruler, limits)
    if band is None:
        return [_too_few(limits).removeprefix("; ")]
    worst = band.worst(work.made[QUARTER])
    if worst.excess > 1:
        notes.append(
            f"your own dt = {work.observation.facts.dt_ms:g} ms is not converged: at a quarter of it {worst.text()}"
        )
    return notes


def _too_few(limits: AcceptConfig) -> str:
    return (
        f"; the run is too short for statistics (fewer than {limits.least_spikes} spikes, or a rate that varies by "
        f"more than {limits.resolution:.0%}): nothing but an identical raster is accepted"
    )
