"""Is it the same result? All of a run against the baseline: its end, its stability, its spikes (spikes.py), and what it
does beside them. The rules and their reasons are in docs/explanation/same-spikes.md.

An empty raster proves nothing: without spikes the sampled voltages must be identical, and only exact knobs are judged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

from autotune.agent.knobs import EXACT, NUMERICAL
from autotune.config import AcceptConfig
from autotune.launch.ask import Run
from autotune.observe import Observation, voltage_digests
from autotune.raster import Raster
from autotune.raster.metrics import identical
from autotune.report.format import counted
from autotune.results import FARTHEST, Compared, distance_of
from autotune.settings import Changes
from autotune.verify.beside import OwnRuns
from autotune.verify.evidence import too_little
from autotune.verify.files import FileJudge, OwnFiles
from autotune.verify.judgement import Judgement
from autotune.verify.references import References, Regime
from autotune.verify.spikes import SpikeJudge
from autotune.verify.stability import bounds, instability, not_finite
from autotune.verify.traces import OwnTraces


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
    def spikes(self) -> SpikeJudge:
        """Judges the spikes alone."""
        facts = self.observation.facts
        return SpikeJudge(self.baseline, facts.t_stop_ms, self.limits, self.regime, self.references)

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
            return self.limits.horizon * self.spikes.ruler.parting_ms(self.baseline, self.spikes.finest)
        parted = (self.spikes.parts_at(each) for each in self.references.perturbed)
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
        apart = self.spikes.ruler.distance(self.baseline, run.raster)
        if reason:
            return Judgement("unstable", reason, apart, max(apart, 1.0))
        if self._stopped_elsewhere(run):
            reason = f"stopped at t = {run.t_ms:g} ms, the baseline at {self.observation.facts.t_stop_ms:g} ms"
            return Judgement("crashed", reason, apart, max(apart, 1.0))
        if safety == NUMERICAL and self.unproved:
            return Judgement("not applicable", self.unproved, apart, max(apart, 1.0))
        if not len(self.baseline):
            return self._judge_voltages(run, safety)
        return self.spikes.judge(run.raster, safety, apart)

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
