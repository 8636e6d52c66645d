"""One trial: run it beside the baseline, read back what took effect, verify its raster, score it.

A time is never believed alone: each trial stands between two runs of the baseline, made in the same way as itself, and
its score is the ratio to them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from statistics import geometric_mean
from typing import Protocol

from autotune.agent.knobs import EXACT
from autotune.calibrate.reproduced import NotReproduced
from autotune.config import SearchConfig
from autotune.errors import AutotuneError, BaselineError
from autotune.launch.ask import Ask, Run, Runner, Way
from autotune.launch.build import BuildFailed
from autotune.launch.judge import RunFailed, SessionBroken
from autotune.measure import paired_ratio
from autotune.results import condensed
from autotune.search.answers import Answers
from autotune.search.stop import may_be_gain
from autotune.search.verified import UNMEASURED_VIOLATION, NotAccepted, Verifier
from autotune.session.router import Router
from autotune.settings import UNCHANGED, Changes, Params
from autotune.store.records import Sample, Trial, Verdict

LIMIT_SLACK_S = 10.0  # launch and set-up may be slow for reasons that are not the trial's
DOUBTS = 3  # so often the baseline is run again where an exact knob has moved a spike: it may be the model itself


class Preparing(Runner, Protocol):
    """A runner of fresh processes, which may have to build something first."""

    def prepare(self, changes: Changes) -> object:
        """Make what these changes need. Raises BuildFailed."""


@dataclass
class TrialRunner:
    """Makes trials one after another on this machine; remembers the last baseline run, which the next trial shares."""

    fresh: Preparing
    verifier: Verifier
    config: SearchConfig = field(default_factory=SearchConfig)
    noise: float = 0.0
    """Upper bound of the spread of A/A log ratios: what is closer to the best than this is measured again."""
    router: Router | None = None
    """Makes the search's runs on built networks, where the model has earned them."""
    wanted_gain: float = 0.0
    """What is looked for, 0.05 for 5 %: a trial that cannot be such a gain is not measured again."""
    own: Sequence[Run] = ()
    """Three runs of the user's own settings, made one after the other right before the search as its runs are: they are
    the sample of the trial that changes nothing."""
    _last_baseline: Run | None = None
    _doubted: bool = False
    _answers: Answers = field(default_factory=Answers)

    def __post_init__(self) -> None:
        self._last_baseline = self.own[-1] if self.own else None

    def trial(self, number: int, params: Params, known: Sequence[Trial] = ()) -> Trial:
        """Run trial `number`, or answer it from one of the `known` trials of the same effect.

        The model may crash or hang, this does not raise for it; it raises BaselineError only.
        """
        started = time.monotonic()
        trial = self._answered(number, params, known) or self._run(number, params, self._answers.best_ratio(known))
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return replace(trial, wall_s=time.monotonic() - started, finished=now)

    def costly(self) -> set[str]:
        """Knobs with which every run needs a fresh process, while others need none."""
        return self.router.costly() if self.router else set()

    @property
    def in_sessions(self) -> bool:
        """Whether trials are made on built networks, one for each group of launch settings."""
        return self.router is not None and self.router.has_sessions

    def may_replay(self, changes: Changes) -> bool:
        """Whether a run with these changes can be made in a session, without anything being run to find out."""
        ask = self.verifier.ask(changes)
        return self.router is not None and self.router.settled(ask) and self.router.replays(ask)

    def replay_s(self, changes: Changes) -> float:
        """Seconds of a run in a session whose result is accepted. Raises SessionBroken and RunFailed."""
        assert self.router is not None
        return self.verifier.time_s(self.verifier.accepted(self.router.proof, changes))

    def time_limit_s(self, baseline_s: float, best: float) -> float:
        """After this long a trial that runs beside a baseline of `baseline_s`, where the `best` ratio so far is this,
        cannot win; its end is no measurement.
        """
        observation = self.verifier.acceptance.observation
        around = 0.0 if self.config.objective == "total" else observation.wall_s - observation.run_s
        return 2.0 * around + LIMIT_SLACK_S + self.config.cap * best * baseline_s

    def _answered(self, number: int, params: Params, known: Sequence[Trial]) -> Trial | None:
        """The answer of an earlier trial to the same request, or to one that took effect as this request."""
        wanted = self.verifier.space.active(params)
        earlier = self._answers.to(wanted, known)
        if earlier is None:
            return None
        return replace(earlier, number=number, params=wanted, answered_from=earlier.number)

    def _run(self, number: int, params: Params, best: float) -> Trial:
        space = self.verifier.space
        params, changes = space.active(params), space.changes(params)
        trial = Trial(number, params, "not applicable", changes=changes, violation=UNMEASURED_VIOLATION)
        refusal = space.refusal(params)
        if refusal:
            return replace(trial, reason=refusal)
        try:
            self.fresh.prepare(changes)
        except BuildFailed as failure:
            return replace(trial, reason=_in_one_line(failure), not_built=True)
        trial = self._measured(replace(trial, safety=space.safety(changes)), best)
        for _ in range(self.config.repeats):
            if not (trial.accepted and changes and self.promising(trial, best)):
                break
            if not may_be_gain(trial, self.noise, self.wanted_gain):
                break
            again = self._measured(trial, best)
            if not again.accepted:
                return replace(again, reason=f"accepted at first, but not when repeated: {again.reason}")
            trial = again
        if trial.verdict == "diverged" and trial.where == "spikes" and trial.safety == EXACT:
            self._doubt()
        return trial

    def promising(self, trial: Trial, best: float) -> bool:
        """Whether it may be the best, as far as this machine can tell."""
        return trial.ratio is not None and trial.ratio < best * math.exp(self.noise)

    def _measured(self, trial: Trial, best: float) -> Trial:
        """The trial with one more sample, verified."""
        if self.router is None:
            return self._sampled(trial, self.fresh, "fresh", best)
        ask, regime = self.verifier.ask(trial.changes), self.verifier.acceptance.regime
        if not self.router.settled(ask):
            self._last_baseline = None  # it will not be right before the trial
        runner = self.router.runner_for(ask, regime)
        if runner is self.router.fresh:
            return self._sampled(trial, self.fresh, "fresh", best)
        try:
            return self._sampled(trial, runner, "session", best)
        except SessionBroken as broken:
            # Nothing that a session said of the trial that broke it counts, nor do the runs beside it.
            again = self._sampled(trial, self.fresh, "fresh", best)
            if again.verdict not in ("crashed", "timeout"):
                self.router.blame(broken)
            return again

    def _sampled(self, trial: Trial, runner: Runner, way: Way, best: float) -> Trial:
        """One sample, of runs that were all made in the same way. Raises SessionBroken."""
        if not trial.changes and len(self.own) == 3 and self.own[0].way == way:
            own, self.own = self.own, ()
            return self._with_sample(trial, own[0], own[1], own[2], way)
        before, self._last_baseline = self._last_baseline, None
        if before is None or before.way != way:
            before = self._baseline(runner, way)
        limit_s = self.time_limit_s(self.verifier.time_s(before), best)
        try:
            run = _made(runner, self.verifier.ask(trial.changes, limit_s), way)
        except RunFailed as failure:
            verdict: Verdict = "timeout" if failure.failure == "timeout" else "crashed"
            violation = UNMEASURED_VIOLATION
            return replace(trial, verdict=verdict, reason=_in_one_line(failure), violation=violation, ratio=None)
        after = self._last_baseline = self._baseline(runner, way)
        return self._with_sample(trial, before, run, after, way)

    def _with_sample(self, trial: Trial, before: Run, run: Run, after: Run, way: Way) -> Trial:
        """The trial with the time of its run between those of two baseline runs, and the verdict on it."""
        before_s, trial_s, after_s = (self.verifier.time_s(each) for each in (before, run, after))
        beside = [each.disturbed for each in (before, run, after)]
        sample = Sample(
            before_s,
            trial_s,
            after_s,
            run.cpu_s,
            way,
            interrupted=tuple(each.interrupted for each in (before, run, after)),
            disturbed=tuple(each for each in beside if each) if all(beside) else (),
        )
        samples = (*trial.samples, sample)
        judgement = self.verifier.judge(run, trial.changes)
        return replace(
            trial,
            verdict=judgement.verdict,
            reason=judgement.reason,
            effective=self.verifier.space.canonical(run.effective),
            ratio=geometric_mean([paired_ratio(s.before_s, s.trial_s, s.after_s) for s in samples]),
            samples=samples,
            distance=judgement.distance,
            where=judgement.where,
            looked=condensed(judgement.looked),
            violation=judgement.violation,
            largest_shift_ms=judgement.largest_shift_ms,
            mean_shift_ms=judgement.mean_shift_ms,
            statistics=judgement.statistics,
            sections=trial.sections or run.sections,
            spikes=len(run.raster),
        )

    def _baseline(self, runner: Runner, way: Way) -> Run:
        """A run of the user's own settings; in a fresh process a single failure is forgiven, a second is not, and
        neither is another result. Raises BaselineError and SessionBroken.
        """
        failure: RunFailed | None = None
        for _ in range(2):
            try:
                return self._own(runner, way)
            except RunFailed as failed:
                failure = failed
                if way == "session":
                    raise SessionBroken(failed) from failed
        assert failure is not None
        raise BaselineError(
            f"the baseline ran before and fails now: {failure.message}",
            cure=failure.cure,
            details=failure.details,
            log=failure.log,
        ) from failure

    def _own(self, runner: Runner, way: Way) -> Run:
        run = _made(runner, self.verifier.ask(), way)
        judgement = self.verifier.judge(run, UNCHANGED)
        if judgement.verdict == "accepted":
            return run
        acceptance = self.verifier.acceptance
        if way == "fresh" and judgement.verdict == "diverged" and not acceptance.reproduces(run):
            raise NotReproduced(acceptance.observation, acceptance.baseline, run.raster)
        raise NotAccepted(f"in a {way} run: {judgement.verdict}: {judgement.reason}")

    def _doubt(self) -> None:
        """An exact knob that moves a spike is either at fault, or the model does not always reproduce itself: the
        baseline is run a few times more, once a search. Raises BaselineError.
        """
        if not self._doubted:
            self._doubted, self._last_baseline = True, None
            for _ in range(DOUBTS):
                self._baseline(self.fresh, "fresh")


def _made(runner: Runner, ask: Ask, way: Way) -> Run:
    """A run that was made in this way: times of a session and of a fresh process must never meet in a pair."""
    run = runner.run(ask)
    if run.way != way:
        raise AssertionError(f"a {way} run was asked for, a {run.way} run was made")
    return run


def _in_one_line(failure: AutotuneError) -> str:
    last = failure.details.strip().splitlines()[-1:] if failure.details else []
    return " | ".join([failure.message, *last])
