"""Is it the same result? A run's raster against the baseline's, by the class of what was changed.

An empty raster proves nothing: without spikes the sampled voltages must be identical, and only exact knobs are judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autotune.agent.knobs import EXACT, ROUND_OFF
from autotune.config import AcceptConfig
from autotune.launch.run import Run
from autotune.observe import Observation, voltage_digests
from autotune.raster import Raster
from autotune.raster.metrics import first_divergence_ms, identical, match
from autotune.store.records import Verdict
from autotune.verify.stability import instability


@dataclass(frozen=True)
class Judgement:
    """The verdict on a raster; `violation` is what the sampler sees: 0 is feasible, more is further away."""

    verdict: Verdict
    reason: str
    distance: float
    violation: float


@dataclass(frozen=True)
class Acceptance:
    """What this model's runs are compared with, and how closely."""

    baseline: Raster
    observation: Observation
    limits: AcceptConfig

    def judge(self, run: Run, safety: str) -> Judgement:
        """The verdict on a run whose changes are of class `safety`."""
        reason = instability([report.voltage for report in run.reports])
        apart = self._distance(run.raster)
        if reason:
            return Judgement("unstable", reason, apart, max(apart, 1.0))
        if abs(run.t_ms - self.observation.facts.t_stop_ms) > 1.5 * max(
            run.reports[0].dt_ms, self.observation.facts.dt_ms
        ):
            reason = f"stopped at t = {run.t_ms:g} ms, the baseline at {self.observation.facts.t_stop_ms:g} ms"
            return Judgement("crashed", reason, apart, max(apart, 1.0))
        if not len(self.baseline):
            return self._judge_voltages(run)
        if identical(self.baseline, run.raster):
            return Judgement("accepted", "", 0.0, 0.0)
        if safety in (EXACT, ROUND_OFF):
            return self._diverged(run, f"a knob of class {safety} must not move a spike", apart)
        return self._judge_shifts(run, apart)

    def _distance(self, raster: Raster) -> float:
        """Share of spikes without a partner within the window; one that may have its partner beyond the end does not
        count.
        """
        whole = len(self.baseline) + len(raster)
        return sum(self._unmatched(raster)) / whole if whole else 0.0

    def _unmatched(self, raster: Raster) -> tuple[int, int]:
        """How many spikes of the baseline are missing, and how many are extra."""
        window = self.limits.window_ms
        end = self.observation.facts.t_stop_ms - window
        missed = match(self.baseline.window(-np.inf, end), raster, window).missed
        extra = match(raster.window(-np.inf, end), self.baseline, window).missed
        return missed, extra

    def _judge_shifts(self, run: Run, apart: float) -> Judgement:
        if apart > self.limits.unmatched:
            missed, extra = self._unmatched(run.raster)
            reason = f"{missed} spikes missed and {extra} extra beyond {self.limits.window_ms:g} ms"
            return self._diverged(run, reason, apart)
        return Judgement("accepted", "", apart, 0.0)

    def _judge_voltages(self, run: Run) -> Judgement:
        if len(run.raster):
            return Judgement("diverged", f"{len(run.raster)} spikes where the baseline has none", 1.0, 1.0)
        if voltage_digests(run) == self.observation.voltage_digests and all(self.observation.voltage_digests):
            return Judgement("accepted", "", 0.0, 0.0)
        return Judgement("diverged", "the sampled voltages differ (no spikes to compare)", 1.0, 1.0)

    def _diverged(self, run: Run, why: str, apart: float) -> Judgement:
        when = first_divergence_ms(self.baseline, run.raster)
        spikes = f"{len(run.raster)} spikes for {len(self.baseline)}"
        at = f", from t = {when:g} ms on" if when is not None else ""
        # A raster that differs within the window has distance 0 and is rejected all the same.
        return Judgement("diverged", f"{why}: {spikes}{at}", apart, max(apart, 1e-6))
