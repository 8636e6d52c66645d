"""Are the spikes of a run the same? By the class of what was changed, and by what the model allows: a regular network
spike by spike, a chaotic one by its statistics after a while, one that does not reproduce itself by these alone.

An empty raster proves nothing; the baseline must have spikes.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field, replace
from functools import cached_property

from autotune.agent.knobs import EXACT, ROUND_OFF
from autotune.config import AcceptConfig
from autotune.raster import Raster
from autotune.raster.metrics import first_divergence_ms, identical
from autotune.report.format import counted
from autotune.verify.band import NullBand, null_band
from autotune.verify.error import Ruler, ruler
from autotune.verify.judgement import Judgement
from autotune.verify.references import References, Regime
from autotune.verify.stability import silenced

LEAST_VIOLATION = 1e-6  # a raster that differs within the window has distance 0 and is rejected all the same


@dataclass(frozen=True)
class SpikeJudge:
    """Judges rasters of runs of one length."""

    baseline: Raster
    end_ms: float
    """Where the runs end."""
    limits: AcceptConfig
    regime: Regime = "regular"
    references: References = field(default_factory=References)

    @cached_property
    def ruler(self) -> Ruler:
        """How far two rasters are apart."""
        return ruler(self.limits, self.end_ms)

    @cached_property
    def _wide(self) -> Ruler:
        """Against the finest run a spike may be a window away from one that is a window away itself."""
        return ruler(self.limits, self.end_ms, windows=2)

    @cached_property
    def band(self) -> NullBand | None:
        """What the null runs of a chaotic network allow; None where they make no statistics."""
        return null_band(self.baseline, self.references.null, self.ruler, self.limits)

    @property
    def has_statistics(self) -> bool:
        """Whether the null runs of a chaotic network part early enough for statistics of what follows."""
        parted = (self.parts_at(null) for null in self.references.null)
        return self.band is not None and max(parted) <= self.end_ms / 2

    def judge(self, raster: Raster, safety: str, apart: float | None = None) -> Judgement:
        """The verdict on the spikes alone; the baseline must have some. `apart`: its distance, where it is known."""
        apart = self.ruler.distance(self.baseline, raster) if apart is None else apart
        judgement = self._judge(raster, safety, apart)
        if self.regime != "regular":
            return judgement
        largest, mean = self.ruler.shifts_ms(self.baseline, raster) or (None, None)
        return replace(judgement, largest_shift_ms=largest, mean_shift_ms=mean)

    def _judge(self, raster: Raster, safety: str, apart: float) -> Judgement:
        if len(raster) and identical(self.baseline, raster):
            return Judgement("accepted", "", 0.0, 0.0)
        if not len(raster):
            return self._diverged(raster, "no spikes at all", 1.0)
        if self.regime == "random":
            return self._by_statistics(raster, apart, self.band)
        if safety == EXACT:
            return self._diverged(raster, "a knob of class exact must not move a spike", apart)
        if not self.ruler.comparable(self.baseline, raster):
            why = f"nothing to compare before the last {self.limits.window_ms:g} ms of the run"
            return self._diverged(raster, why, apart)
        if safety == ROUND_OFF:
            return self._round_off(raster, apart)
        return self._numerical(raster, apart)

    def _round_off(self, raster: Raster, apart: float) -> Judgement:
        """No spike may move before, or (in a regular network) further than, a perturbation of the baseline moves it."""
        size = f"a perturbation of {self.limits.perturb_mv:g} mV"
        moved = [each for each in self.references.perturbed if not identical(each, self.baseline)]
        if not moved:
            return self._diverged(raster, f"a knob of class round-off must not move a spike, {size} does not", apart)
        if self.regime == "chaotic":
            early = self._parts_early(raster, moved, size)
            return self._diverged(raster, early, apart) if early else self._by_statistics(raster, apart, self.band)
        earliest = min(self._moves_at(each) for each in moved)
        if self._moves_at(raster) < earliest - self.limits.window_ms:
            return self._diverged(raster, f"a spike moves earlier than {size} moves one (t = {earliest:g} ms)", apart)
        largest = max(self.ruler.largest_shift_ms(self.baseline, each) or 0.0 for each in moved)
        shift = self.ruler.largest_shift_ms(self.baseline, raster) or 0.0
        if apart > max(self.ruler.distance(self.baseline, each) for each in moved) or shift > largest:
            return self._diverged(raster, f"spikes move further than {size} moves them ({largest:g} ms)", apart)
        return Judgement("accepted", "", apart, 0.0, graded=shift / largest if largest else 0.0)

    def _parts_early(self, raster: Raster, moved: list[Raster], size: str) -> str:
        """When nearby runs of a chaotic network part is a matter of chance, but not of any chance."""
        for when, what in ((self._moves_at, "moves a spike"), (self.parts_at, "leaves the baseline")):
            earliest = min(when(each) for each in moved)
            if when(raster) < self.limits.round_off_horizon * earliest:
                return f"{what} earlier than {size} does (t = {earliest:g} ms)"
        return ""

    def _moves_at(self, raster: Raster) -> float:
        """When it first differs from the baseline at all."""
        when = first_divergence_ms(self.baseline, raster)
        return self.end_ms if when is None else when

    def parts_at(self, raster: Raster) -> float:
        """When the first spike of either is without a partner in the other, in ms; the end, if none is."""
        return self.ruler.parting_ms(self.baseline, raster)

    def _numerical(self, raster: Raster, apart: float) -> Judgement:
        if self.regime == "chaotic":
            early = self._leaves_early(raster)
            if early:
                return self._diverged(raster, early, apart)
            band = self.band
            return self._by_statistics(raster, apart, band and band.widened(self.finest))
        if apart > self.limits.unmatched:
            missed, extra = self.ruler.alone(self.baseline, raster)
            silent = silenced(self.baseline, raster)
            reason = f"{counted(missed, 'spike')} missed and {extra} extra beyond {self.limits.window_ms:g} ms" + (
                f", cells that fall silent: {silent}" if silent else ""
            )
            return self._diverged(raster, reason, apart)
        return self._judge_error(raster, apart)

    def _judge_error(self, raster: Raster, apart: float) -> Judgement:
        """Against the finest run, the error of the user's own dt is the yardstick."""
        if not self.references.finer:
            return Judgement("accepted", "", apart, 0.0)
        own, error = self._own_error_ms, self._error_ms(raster)
        allowed = max(self.limits.floor_ms, self.limits.error_factor * own)
        if error <= allowed:
            return Judgement("accepted", "", apart, 0.0, graded=error / allowed if allowed else 0.0)
        reason = (
            f"spikes are off by {error:.3g} ms in the worst cell, at most {allowed:.3g} ms is accepted "
            f"({self.limits.error_factor:g} times your own error, {own:.3g} ms)"
        )
        return self._diverged(raster, reason, apart, max(apart, 1 - allowed / error))

    @cached_property
    def _own_error_ms(self) -> float:
        return self._error_ms(self.baseline)

    def _error_ms(self, raster: Raster) -> float:
        """That of a raster against the finest run, as far as this goes."""
        wide, end_ms = self._wide, self.references.finer_until_ms
        if end_ms is not None and end_ms < wide.end_ms:
            wide, raster = replace(wide, end_ms=end_ms), raster.window(-math.inf, end_ms)
        return wide.error_ms(raster, self.finest)

    @property
    def finest(self) -> Raster:
        """The run that is taken for right."""
        return self.references.finer[-1] if self.references.finer else self.baseline

    def _leaves_early(self, raster: Raster) -> str:
        """Even a chaotic network follows its finest run for a while; a run that never does is of another network."""
        own = self.ruler.parting_ms(self.baseline, self.finest)
        parts = self.ruler.parting_ms(raster, self.finest)
        if parts >= self.limits.horizon * own:
            return ""
        return f"leaves the finest run at t = {parts:g} ms, your own follows it until {own:g} ms"

    def _by_statistics(self, raster: Raster, apart: float, band: NullBand | None) -> Judgement:
        if band is None:
            return self._diverged(raster, "the run is too short for statistics", apart)
        worst = band.worst(raster)
        if worst.excess <= 1:
            return Judgement("accepted", "", apart, 0.0, statistics=worst.excess, graded=worst.excess)
        rejected = self._diverged(raster, worst.text(), apart, 1 - 1 / worst.excess)
        return replace(rejected, statistics=min(worst.excess, sys.float_info.max))

    def _diverged(self, raster: Raster, why: str, apart: float, violation: float | None = None) -> Judgement:
        when = first_divergence_ms(self.baseline, raster)
        spikes = f"{counted(len(raster), 'spike')} for {len(self.baseline)}"
        at = f", from t = {when:g} ms on" if when is not None else ""
        graded = apart if violation is None else violation
        reason = f"{why}: {spikes}{at}"
        return Judgement("diverged", reason, apart, max(graded, LEAST_VIOLATION), where="spikes")
