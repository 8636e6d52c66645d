"""One trial: run it beside the baseline, read back what took effect, verify its raster, score it.

A time is never believed alone: each trial stands between two runs of the baseline, and its score is the ratio to them.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from autotune.errors import BaselineError
from autotune.launch.run import FreshRunner, Run, RunFailed
from autotune.measure import paired_ratio
from autotune.observe import SAMPLED_SEGMENTS
from autotune.plan.space import SearchSpace
from autotune.store.records import Settings, Trial, Verdict
from autotune.verify.acceptance import Acceptance, Judgement

UNMEASURED_VIOLATION = 2.0  # above every raster distance: a crash is no near miss
TIME_LIMIT_FACTOR = 5.0
TIME_LIMIT_EXTRA_S = 30.0


@dataclass
class TrialRunner:
    """Makes trials one after another on this machine; remembers the last baseline run, which the next trial shares."""

    runner: FreshRunner
    space: SearchSpace
    acceptance: Acceptance
    known: list[Trial] = field(default_factory=list)
    """Finished trials: a request with the same effect as one of these is answered from it."""
    _last_baseline_s: float | None = None

    def trial(self, number: int, params: Settings) -> Trial:
        """Run trial `number`; the user's model may crash or hang, this does not raise for it. Raises BaselineError
        only.
        """
        started = time.monotonic()
        trial = self._answered(number, params) or self._run(number, params)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        trial = replace(trial, wall_s=time.monotonic() - started, finished=now)
        self.known.append(trial)
        return trial

    def time_limit_s(self) -> float:
        """After this long a trial cannot win any more; its end is a verdict, never a measurement."""
        return TIME_LIMIT_FACTOR * self.acceptance.observation.wall_s + TIME_LIMIT_EXTRA_S

    def run_verified(self, changes: Settings) -> float:
        """One run with `changes`, for confirmation: seconds of the run section. Raises RunFailed when its raster is
        not accepted.
        """
        run = self._settings_run(changes)
        judgement = self.acceptance.judge(run, self.space.safety(changes))
        if judgement.verdict != "accepted":
            raise RunFailed("crashed", f"in a fresh run: {judgement.verdict}: {judgement.reason}")
        return run.run_s

    def _answered(self, number: int, params: Settings) -> Trial | None:
        """The answer of an earlier trial to the same request, or to one that took effect as this request."""
        wanted = self.space.active(params)
        for earlier in self.known:
            if earlier.answered_from is None and wanted in (earlier.params, earlier.effective):
                return replace(earlier, number=number, params=wanted, answered_from=earlier.number)
        return None

    def _run(self, number: int, params: Settings) -> Trial:
        params, changes = self.space.active(params), self.space.changes(params)
        safety = self.space.safety(changes)
        refusal = self.space.refusal(params)
        if refusal:
            return Trial(number, params, "not applicable", refusal, changes=changes, violation=UNMEASURED_VIOLATION)
        before = self._last_baseline_s or self._baseline()
        self._last_baseline_s = None
        trial = Trial(number, params, "crashed", changes=changes, safety=safety, violation=UNMEASURED_VIOLATION)
        try:
            run = self._settings_run(changes)
        except RunFailed as failure:
            verdict: Verdict = "timeout" if failure.failure == "timeout" else "crashed"
            return replace(trial, verdict=verdict, reason=_in_one_line(failure), baseline_before_s=before)
        after = self._last_baseline_s = self._baseline()
        judgement = self._judge(run, params, changes, safety)
        return replace(
            trial,
            verdict=judgement.verdict,
            reason=judgement.reason,
            effective=self.space.canonical(run.effective),
            ratio=paired_ratio(before, run.run_s, after),
            run_s=run.run_s,
            baseline_before_s=before,
            baseline_after_s=after,
            distance=judgement.distance,
            violation=judgement.violation,
            sections=run.sections,
            spikes=len(run.raster),
        )

    def _judge(self, run: Run, params: Settings, changes: Settings, safety: str) -> Judgement:
        refused = [name for name in changes if not same_value(run.effective.get(name), params[name])]
        judgement = self.acceptance.judge(run, safety)
        if refused and judgement.verdict == "accepted":
            asked = ", ".join(
                f"{name} = {params[name]} was asked for, {run.effective.get(name)} took effect" for name in refused
            )
            return Judgement("not applicable", asked, judgement.distance, UNMEASURED_VIOLATION)
        return judgement

    def _settings_run(self, changes: Settings) -> Run:
        voltages = SAMPLED_SEGMENTS if "dt" in changes or not len(self.acceptance.baseline) else 0
        return self.runner.run(changes, voltages=voltages, timeout_s=self.time_limit_s())

    def _baseline(self) -> float:
        """Seconds of the run section with the user's own settings; a single failure is forgiven, a second is not."""
        try:
            return self.runner.run(timeout_s=self.time_limit_s()).run_s
        except RunFailed:
            pass
        try:
            return self.runner.run(timeout_s=self.time_limit_s()).run_s
        except RunFailed as failure:
            raise BaselineError(
                f"the baseline ran before and fails now: {failure.message}", cure=failure.cure, details=failure.details
            ) from failure


def same_value(a: Any, b: Any) -> bool:
    """Equality of two settings; floats within the rounding of decimal fractions."""
    if isinstance(a, float) or isinstance(b, float):
        return a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9)
    return bool(a == b)


def _in_one_line(failure: RunFailed) -> str:
    last = failure.details.strip().splitlines()[-1:] if failure.details else []
    return " | ".join([failure.message, *last])
