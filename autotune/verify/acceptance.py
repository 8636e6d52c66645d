"""Is it the same result? A run's raster against the baseline's, by the class of what was changed and by what the model
allows (calibrate/). The rules and their reasons are in docs/explanation/same-spikes.md.

An empty raster proves nothing: without spikes the sampled voltages must be identical, and only exact knobs are judged.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field, replace
from functools import cached_property

from autotune.agent.knobs import EXACT, NUMERICAL, ROUND_OFF
from autotune.config import AcceptConfig
from autotune.launch.ask import Run
from autotune.observe import Observation, voltage_digests
from autotune.raster import Raster
from autotune.raster.metrics import first_divergence_ms, identical
from autotune.report.format import counted
from autotune.results import FARTHEST, Compared, distance_of
from autotune.settings import Changes
from autotune.verify.band import NullBand, null_band
from autotune.verify.beside import OwnRuns
from autotune.verify.error import Ruler, ruler
from autotune.verify.evidence import too_little
from autotune.verify.files import FileJudge, OwnFiles
from autotune.verify.judgement import Judgement
from autotune.verify.references import References, Regime
from autotune.verify.stability import bounds, instability, not_finite, silenced
from autotune.verify.traces import OwnTraces

LEAST_VIOLATION = 1e-6  # a raster that differs within the window has distance 0 and is rejected all the same


@dataclass(frozen=True)
class Acceptance:
    """What this model's runs are compared with, and how closely."""

    baseline: Raster
    observation: Observation
    limits: AcceptConfig
    regime: Regime = "regular"
    references: References = field(default_factory=References)
    beside: OwnRuns = field(default_factory=OwnRuns)
    """What the user's own runs do beside spikes: it grows with each."""
    files: OwnFiles = field(default_factory=OwnFiles)
    """What is known of the files that the model writes, in the same way."""
    traces: OwnTraces = field(default_factory=OwnTraces)
    """What they record."""

    def until(self, stop_ms: float | None) -> Acceptance:
        """The same for runs that end early, at `stop_ms`; None for the whole run."""
        if stop_ms is None:
            return self

        def part(rasters: tuple[Raster, ...]) -> tuple[Raster, ...]:
            return tuple(raster.window(-math.inf, stop_ms) for raster in rasters)

        kept = self.references
        return replace(
            self,
            baseline=part((self.baseline,))[0],
            observation=replace(self.observation, facts=replace(self.observation.facts, t_stop_ms=stop_ms)),
            references=References(part(kept.perturbed), part(kept.finer), part(kept.null), kept.finer_until_ms),
            beside=self.beside.until(stop_ms),
            traces=self.traces.until(stop_ms),
        )

    @cached_property
    def unproved(self) -> str:
        """Why no change of the numbers can be judged by this baseline; empty where one can. What is recorded is known
        from the calibration on.
        """
        facts = self.observation.facts
        if not self.few_spikes:
            return ""
        if self.traces.own is None:
            return "" if self.observation.traced else self.few_spikes
        traces = self.traces.too_little(facts.t_stop_ms, facts.membranes)
        return f"{self.few_spikes}; of what is recorded: {traces}" if traces else ""

    @cached_property
    def few_spikes(self) -> str:
        """Why the spikes alone cannot judge it."""
        facts = self.observation.facts
        return too_little(self.baseline, facts.t_stop_ms, facts.sources, self.limits)

    @property
    def has_statistics(self) -> bool:
        """Whether the null runs of a chaotic network part early enough for statistics of what follows."""
        parted = (self._parts_at(null) for null in self.references.null)
        return self._band is not None and max(parted) <= self._ruler.end_ms / 2

    def reproduces(self, run: Run) -> bool:
        """Whether a run of the user's own settings gave the baseline's raster, where this model gives one at all."""
        return self.regime == "random" or identical(self.baseline, run.raster)

    def compared_beside(self, run: Run, changes: Changes, safety: str) -> tuple[Compared, ...]:
        """What of a run was compared beside its spikes, and with what outcome; of a session's run nothing."""
        other = self.beside.difference(run, changes, safety, identical(self.baseline, run.raster))
        files = FileJudge(self.files, self.limits, changes, safety).judged(run.files or ())
        traces = self.traces.compared(run, safety, self.regime, self._same_until_ms(run, safety))
        found = (*filter(None, (other,)), *traces, *files)
        if not self._rests_on_traces(safety) or any(each.state != "not compared" for each in traces):
            return found
        return (*found, Compared("trace", "", "different", FARTHEST, "nothing that is recorded could be compared"))

    def _rests_on_traces(self, safety: str) -> bool:
        """Whether spikes alone prove too little of a change of this class."""
        if not len(self.baseline):
            return safety != EXACT
        return safety == NUMERICAL and bool(self.few_spikes)

    def _same_until_ms(self, run: Run, safety: str) -> float:
        """Until when traces of a chaotic network can be the same."""
        if self.regime != "chaotic" or identical(self.baseline, run.raster):
            return math.inf
        if safety == NUMERICAL and not self.references.finer:
            return 0.0
        if safety == NUMERICAL:
            return self.limits.horizon * self._ruler.parting_ms(self.baseline, self._finest)
        parted = (self._parts_at(each) for each in self.references.perturbed)
        return self.limits.round_off_horizon * min(parted, default=0.0)

    def learn(self, run: Run) -> None:
        """One more of the user's own runs: what differs among these proves nothing."""
        self.beside.learn(run)
        self.traces.learn(run)
        self.files.learn(run.files)

    def judge(self, run: Run, safety: str) -> Judgement:
        """The verdict on the spikes of a run whose changes are of class `safety`, or on its voltages without any."""
        judgement = self._judge(run, safety)
        if judgement.verdict == "not applicable":
            return judgement
        looked = self._looked(run, judgement)
        return replace(judgement, looked=(looked,) if looked else ())

    def _looked(self, run: Run, judgement: Judgement) -> Compared | None:
        """The spikes, or the sampled voltages in their place, as one of the things that were compared; None where
        neither says anything.
        """
        if judgement.verdict != "accepted":
            distance = distance_of(judgement.violation)
            return Compared(judgement.where or "spikes", "", "different", distance, judgement.reason, len(run.raster))
        if not len(self.baseline):
            sampled = Compared("trace", "sampled voltages", "identical", number=len(self.observation.voltage_digests))
            return sampled if self._same_voltages(run) else None
        if identical(self.baseline, run.raster):
            return Compared("spikes", "", "identical", number=len(run.raster))
        return Compared("spikes", "", "within", judgement.graded, number=len(run.raster))

    def _judge(self, run: Run, safety: str) -> Judgement:
        reason = self._unstable(run, safety)
        apart = self._ruler.distance(self.baseline, run.raster)
        if reason:
            return Judgement("unstable", reason, apart, max(apart, 1.0))
        if self._stopped_elsewhere(run):
            reason = f"stopped at t = {run.t_ms:g} ms, the baseline at {self.observation.facts.t_stop_ms:g} ms"
            return Judgement("crashed", reason, apart, max(apart, 1.0))
        if safety == NUMERICAL and self.unproved:
            return Judgement("not applicable", self.unproved, apart, max(apart, 1.0))
        if not len(self.baseline):
            return self._judge_voltages(run, safety)
        return self.judge_raster(run.raster, safety, apart)

    def _unstable(self, run: Run, safety: str) -> str:
        """Only a change of the numbers can make a step unstable; other knobs may sample other segments (ranks)."""
        voltages = [report.voltage for report in run.reports]
        if safety != NUMERICAL:
            return not_finite(voltages)
        return instability(voltages, bounds(self.observation.voltages, self.limits))

    def _stopped_elsewhere(self, run: Run) -> bool:
        """Whether it did not run to the baseline's end.

        A network of artificial cells alone, with the self queue, leaves t at an earlier event than its last spike.
        """
        slack = 1.5 * max(run.first.dt_ms, self.observation.facts.dt_ms)
        if abs(run.t_ms - self.observation.facts.t_stop_ms) <= slack:
            return False
        if self.observation.facts.has_sections:
            return True
        beyond = len(run.raster) > 0 and float(run.raster.times_ms[-1]) > run.t_ms
        return not (beyond and identical(self.baseline, run.raster))

    def judge_raster(self, raster: Raster, safety: str, apart: float | None = None) -> Judgement:
        """The verdict on the spikes alone; the baseline must have some. `apart`: its distance, where it is known."""
        apart = self._ruler.distance(self.baseline, raster) if apart is None else apart
        judgement = self._judge_raster(raster, safety, apart)
        if self.regime != "regular":
            return judgement
        largest, mean = self._ruler.shifts_ms(self.baseline, raster) or (None, None)
        return replace(judgement, largest_shift_ms=largest, mean_shift_ms=mean)

    def _judge_raster(self, raster: Raster, safety: str, apart: float) -> Judgement:
        if len(raster) and identical(self.baseline, raster):
            return Judgement("accepted", "", 0.0, 0.0)
        if not len(raster):
            return self._diverged(raster, "no spikes at all", 1.0)
        if self.regime == "random":
            return self._by_statistics(raster, apart, self._band)
        if safety == EXACT:
            return self._diverged(raster, "a knob of class exact must not move a spike", apart)
        if not self._ruler.comparable(self.baseline, raster):
            why = f"nothing to compare before the last {self.limits.window_ms:g} ms of the run"
            return self._diverged(raster, why, apart)
        if safety == ROUND_OFF:
            return self._round_off(raster, apart)
        return self._numerical(raster, apart)

    @property
    def _ruler(self) -> Ruler:
        return ruler(self.limits, self.observation.facts.t_stop_ms)

    @property
    def _wide(self) -> Ruler:
        """Against the finest run a spike may be a window away from one that is a window away itself."""
        return ruler(self.limits, self.observation.facts.t_stop_ms, windows=2)

    @cached_property
    def _band(self) -> NullBand | None:
        return null_band(self.baseline, self.references.null, self._ruler, self.limits)

    def _round_off(self, raster: Raster, apart: float) -> Judgement:
        """No spike may move before, or (in a regular network) further than, a perturbation of the baseline moves it."""
        size = f"a perturbation of {self.limits.perturb_mv:g} mV"
        moved = [each for each in self.references.perturbed if not identical(each, self.baseline)]
        if not moved:
            return self._diverged(raster, f"a knob of class round-off must not move a spike, {size} does not", apart)
        if self.regime == "chaotic":
            early = self._parts_early(raster, moved, size)
            return self._diverged(raster, early, apart) if early else self._by_statistics(raster, apart, self._band)
        earliest = min(self._moves_at(each) for each in moved)
        if self._moves_at(raster) < earliest - self.limits.window_ms:
            return self._diverged(raster, f"a spike moves earlier than {size} moves one (t = {earliest:g} ms)", apart)
        largest = max(self._ruler.largest_shift_ms(self.baseline, each) or 0.0 for each in moved)
        shift = self._ruler.largest_shift_ms(self.baseline, raster) or 0.0
        if apart > max(self._ruler.distance(self.baseline, each) for each in moved) or shift > largest:
            return self._diverged(raster, f"spikes move further than {size} moves them ({largest:g} ms)", apart)
        return Judgement("accepted", "", apart, 0.0, graded=shift / largest if largest else 0.0)

    def _parts_early(self, raster: Raster, moved: list[Raster], size: str) -> str:
        """When nearby runs of a chaotic network part is a matter of chance, but not of any chance."""
        for when, what in ((self._moves_at, "moves a spike"), (self._parts_at, "leaves the baseline")):
            earliest = min(when(each) for each in moved)
            if when(raster) < self.limits.round_off_horizon * earliest:
                return f"{what} earlier than {size} does (t = {earliest:g} ms)"
        return ""

    def _moves_at(self, raster: Raster) -> float:
        """When it first differs from the baseline at all."""
        when = first_divergence_ms(self.baseline, raster)
        return self.observation.facts.t_stop_ms if when is None else when

    def _parts_at(self, raster: Raster) -> float:
        return self._ruler.parting_ms(self.baseline, raster)

    def _numerical(self, raster: Raster, apart: float) -> Judgement:
        if self.regime == "chaotic":
            early = self._leaves_early(raster)
            if early:
                return self._diverged(raster, early, apart)
            band = self._band
            return self._by_statistics(raster, apart, band and band.widened(self._finest))
        if apart > self.limits.unmatched:
            missed, extra = self._ruler.alone(self.baseline, raster)
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
        return wide.error_ms(raster, self._finest)

    @property
    def _finest(self) -> Raster:
        return self.references.finer[-1] if self.references.finer else self.baseline

    def _leaves_early(self, raster: Raster) -> str:
        """Even a chaotic network follows its finest run for a while; a run that never does is of another network."""
        own = self._ruler.parting_ms(self.baseline, self._finest)
        parts = self._ruler.parting_ms(raster, self._finest)
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

    def _judge_voltages(self, run: Run, safety: str) -> Judgement:
        """Without spikes: an exact knob must leave the sampled voltages alone; else it is for what is recorded."""
        if len(run.raster):
            reason = f"{counted(len(run.raster), 'spike')} where the baseline has none"
            return Judgement("diverged", reason, 1.0, 1.0, where="spikes")
        if self._same_voltages(run) or (safety != EXACT and self.traces.own is not None):
            return Judgement("accepted", "", 0.0, 0.0)
        return Judgement("diverged", "the sampled voltages differ (no spikes to compare)", 1.0, 1.0, where="trace")

    def _same_voltages(self, run: Run) -> bool:
        own = self.observation.voltage_digests
        return voltage_digests(run) == own and any(own)

    def _diverged(self, raster: Raster, why: str, apart: float, violation: float | None = None) -> Judgement:
        when = first_divergence_ms(self.baseline, raster)
        spikes = f"{counted(len(raster), 'spike')} for {len(self.baseline)}"
        at = f", from t = {when:g} ms on" if when is not None else ""
        graded = apart if violation is None else violation
        reason = f"{why}: {spikes}{at}"
        return Judgement("diverged", reason, apart, max(graded, LEAST_VIOLATION), where="spikes")
