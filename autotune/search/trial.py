"""One trial: run it beside the baseline, read back what took effect, verify its raster, score it.

A time is never believed alone: each trial stands between two runs of the baseline, and its score is the ratio to them.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from statistics import geometric_mean
from typing import Any

from autotune.agent.knobs import NUMERICAL
from autotune.config import SearchConfig
from autotune.errors import AutotuneError, BaselineError
from autotune.launch.build import BuildFailed
from autotune.launch.judge import RunFailed
from autotune.launch.run import FreshRunner, Run
from autotune.measure import paired_ratio
from autotune.plan.space import SearchSpace
from autotune.search.resident import Residents
from autotune.store.records import Sample, Settings, Trial, Verdict
from autotune.verify.acceptance import Acceptance, Judgement

UNMEASURED_VIOLATION = 2.0  # above every raster distance: a crash is no near miss
LIMIT_SLACK_S = 10.0  # launch and set-up may be slow for reasons that are not the trial's

HANG_FACTOR, HANG_SLACK_S = 10.0, 60.0
Runner = FreshRunner | Residents


@dataclass
class TrialRunner:
    """Makes trials one after another on this machine; remembers the last baseline run, which the next trial shares."""

    runner: FreshRunner
    space: SearchSpace
    acceptance: Acceptance
    config: SearchConfig = field(default_factory=SearchConfig)
    noise: float = 0.0
    """Upper bound of the spread of A/A log ratios: what is closer to the best than this is measured again."""
    residents: Residents | None = None
    """Sessions that make the search's runs on built networks, where the model has earned them."""
    known: list[Trial] = field(default_factory=list)
    """Finished trials: a request with the same effect as one of these is answered from it."""
    _last_baseline: tuple[Runner, float] | None = None

    def until(self, stop_ms: float | None) -> TrialRunner:
        """The same, and the same list of trials, for runs that end early; None for the whole run."""
        return replace(self, runner=self.runner.until(stop_ms), acceptance=self.acceptance.until(stop_ms))

    def trial(self, number: int, params: Settings) -> Trial:
        """Run trial `number`. The model may crash or hang, this does not raise for it; it raises BaselineError only."""
        started = time.monotonic()
        trial = self._answered(number, params) or self._run(number, params)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        trial = replace(trial, wall_s=time.monotonic() - started, finished=now)
        self.known.append(trial)
        return trial

    def run_verified(self, changes: Settings, runner: Runner | None = None) -> float:
        """One run with `changes`, in a fresh process unless another runner is given: seconds of the objective.

        Raises RunFailed when its raster is not accepted or the settings did not take effect.
        """
        run = self._settings_run(runner or self.runner, changes, self.hang_limit_s())
        judgement = self._judge(run, changes)
        if judgement.verdict != "accepted":
            raise RunFailed("crashed", f"in a fresh run: {judgement.verdict}: {judgement.reason}")
        return run.time_s(self.config.objective)

    def baseline(self, runner: Runner | None = None) -> float:
        """Seconds of the objective with the user's own settings; a single failure is forgiven, a second is not.

        Raises BaselineError.
        """
        try:
            return self.run_verified({}, runner)
        except RunFailed:
            pass
        try:
            return self.run_verified({})
        except RunFailed as failure:
            raise BaselineError(
                f"the baseline ran before and fails now: {failure.message}", cure=failure.cure, details=failure.details
            ) from failure

    def best_ratio(self) -> float:
        """The lowest ratio of an accepted trial, at most 1: the user's own settings are always there."""
        return min([1.0, *(t.ratio for t in self.known if t.accepted and t.changes and t.ratio is not None)])

    def time_limit_s(self, baseline_s: float) -> float:
        """After this long a trial that runs beside a baseline of `baseline_s` cannot win; its end is no measurement."""
        observation = self.acceptance.observation
        around = 0.0 if self.config.objective == "total" else observation.wall_s - observation.run_s
        return 2.0 * around + LIMIT_SLACK_S + self.config.cap * self.best_ratio() * baseline_s

    def hang_limit_s(self) -> float:
        """After this long a run that needs no speed to be right must be hanging."""
        return HANG_FACTOR * self.acceptance.observation.wall_s + HANG_SLACK_S

    def _answered(self, number: int, params: Settings) -> Trial | None:
        """The answer of an earlier trial to the same request, or to one that took effect as this request."""
        wanted = self.space.active(params)
        for earlier in self.known:
            # What was refused took effect as something else; its verdict says nothing about that something.
            same_effect = earlier.verdict != "not applicable" and wanted == earlier.effective
            if earlier.answered_from is None and (wanted == earlier.params or same_effect):
                return replace(earlier, number=number, params=wanted, answered_from=earlier.number)
        return None

    def _run(self, number: int, params: Settings) -> Trial:
        params, changes = self.space.active(params), self.space.changes(params)
        trial = Trial(number, params, "not applicable", changes=changes, violation=UNMEASURED_VIOLATION)
        refusal = self.space.refusal(params)
        if refusal:
            return replace(trial, reason=refusal)
        try:
            self.runner.prepare(changes)
        except BuildFailed as failure:
            return replace(trial, reason=_in_one_line(failure))
        trial = self._measured(replace(trial, safety=self.space.safety(changes)))
        for _ in range(self.config.repeats):
            if not (trial.accepted and changes and self._promising(trial)):
                break
            again = self._measured(trial)
            if not again.accepted:
                return replace(again, reason=f"accepted at first, but not when repeated: {again.reason}")
            trial = again
        return trial

    def _promising(self, trial: Trial) -> bool:
        """Whether it may be the best, as far as this machine can tell."""
        return trial.ratio is not None and trial.ratio < self.best_ratio() * math.exp(self.noise)

    def _measured(self, trial: Trial) -> Trial:
        """The trial with one more sample, verified."""
        if self.residents is None:
            return self._sampled(trial, self.runner)
        runner, lost = self.residents.runner_for(trial.changes), self.residents.lost
        measured = self._sampled(trial, runner)
        sound = self.residents.lost == lost
        if sound and (runner is self.runner or self.residents.agrees(trial.changes)):
            return measured
        # What a session said of the trial that broke it, or that a fresh process contradicts, does not count, and no
        # more do the runs beside it.
        self._last_baseline = None
        again = self._sampled(trial, self.runner)
        if not sound and again.verdict not in ("crashed", "timeout"):
            self.residents.blame()
        return again

    def _sampled(self, trial: Trial, runner: Runner) -> Trial:
        """One sample of runs that were all made in the same way."""
        beside, before = self._last_baseline or (None, 0.0)
        if beside is not runner:
            before = self.baseline(runner)
        self._last_baseline = None
        try:
            run = self._settings_run(runner, trial.changes, self.time_limit_s(before))
        except RunFailed as failure:
            verdict: Verdict = "timeout" if failure.failure == "timeout" else "crashed"
            violation = UNMEASURED_VIOLATION
            return replace(trial, verdict=verdict, reason=_in_one_line(failure), violation=violation, ratio=None)
        after = self.baseline(runner)
        self._last_baseline = (runner, after)
        samples = (*trial.samples, Sample(before, run.time_s(self.config.objective), after, run.cpu_s))
        judgement = self._judge(run, trial.changes)
        return replace(
            trial,
            verdict=judgement.verdict,
            reason=judgement.reason,
            effective=self.space.canonical(run.effective),
            ratio=geometric_mean([paired_ratio(s.before_s, s.trial_s, s.after_s) for s in samples]),
            samples=samples,
            distance=judgement.distance,
            violation=judgement.violation,
            sections=trial.sections or run.sections,
            spikes=len(run.raster),
        )

    def _judge(self, run: Run, changes: Settings) -> Judgement:
        refused = [name for name in changes if not same_value(run.effective.get(name), changes[name])]
        judgement = self.acceptance.judge(run, self.space.safety(changes))
        if refused and judgement.verdict == "accepted":
            asked = ", ".join(
                f"{name} = {changes[name]} was asked for, {run.effective.get(name)} took effect" for name in refused
            )
            return Judgement("not applicable", asked, judgement.distance, UNMEASURED_VIOLATION)
        return judgement

    def _settings_run(self, runner: Runner, changes: Settings, timeout_s: float | None) -> Run:
        """Voltages are sampled in every run of a study or in none, so that both sides of a pair pay for it."""
        numerical = any(domain.safety == NUMERICAL for domain in self.space.domains.values())
        wanted = numerical or not len(self.acceptance.baseline)
        voltages = self.acceptance.limits.sampled_segments if wanted else 0
        return runner.run(changes, voltages=voltages, timeout_s=timeout_s)


def same_value(a: Any, b: Any) -> bool:
    """Equality of two settings; floats within the rounding of decimal fractions."""
    if isinstance(a, float) or isinstance(b, float):
        return a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9)
    return bool(a == b)


def _in_one_line(failure: AutotuneError) -> str:
    last = failure.details.strip().splitlines()[-1:] if failure.details else []
    return " | ".join([failure.message, *last])
