"""A run and its verdict: make it, compare its result with the baseline, see whether its settings took effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from autotune.launch.ask import Ask, Run, Runner
from autotune.launch.judge import RunFailed
from autotune.plan.space import SearchSpace
from autotune.results import Compared
from autotune.settings import UNCHANGED, Changes
from autotune.store.folder import StudyFolder
from autotune.store.records import LookedAt
from autotune.verify.acceptance import Acceptance
from autotune.verify.judgement import Judgement
from autotune.verify.stability import sampled_segments

UNMEASURED_VIOLATION = 2.0  # above every raster distance: a crash is no near miss


@dataclass(frozen=True)
class Verifier:
    """Makes runs of one study and judges them; all of the same part of the run."""

    space: SearchSpace
    acceptance: Acceptance
    """Of that part."""
    limit_s: float
    """After so long a run that needs no speed to be right must be hanging."""
    objective: str = "run"
    stop_ms: float | None = None
    keep: Callable[[Changes, Run], object] | None = None
    """Is given every accepted run of the whole model with other settings than the user's, for the report."""
    on_looked: Callable[[Changes, tuple[Compared, ...]], object] = field(default=lambda changes, compared: None)
    """Told what of an accepted run that came to the script's end was compared."""

    def until(self, stop_ms: float | None) -> Verifier:
        """The same for runs that end early; None for the whole run."""
        return replace(self, acceptance=self.acceptance.until(stop_ms), stop_ms=stop_ms)

    def ask(self, changes: Changes = UNCHANGED, limit_s: float | None = None) -> Ask:
        """What a run with these changes is asked to do; what is sampled does not depend on them."""
        sampled = sampled_segments(self.acceptance.limits, self.space.classes, self.acceptance.baseline)
        return Ask(
            self.limit_s if limit_s is None else limit_s, changes=changes, voltages=sampled, stop_ms=self.stop_ms
        )

    def judge(self, run: Run, changes: Changes) -> Judgement:
        """The verdict on a run with these changes."""
        judgement = self.acceptance.judge(run, self.space.safety(changes))
        other = self._another_effect(run, changes)
        if other and judgement.verdict == "accepted":
            return replace(judgement, verdict="not applicable", reason=other, violation=UNMEASURED_VIOLATION)
        return self._beside(run, changes, judgement) if judgement.verdict == "accepted" else judgement

    def _beside(self, run: Run, changes: Changes, judgement: Judgement) -> Judgement:
        """The same, if the run also does beside its spikes what the user's own runs do; of these, one more is known."""
        if not changes:
            self.acceptance.learn(run)
            return judgement
        return judgement.beside(self.acceptance.compared_beside(run, changes, self.space.safety(changes)))

    def _another_effect(self, run: Run, changes: Changes) -> str:
        """What took effect that was not asked for, or an empty string."""
        refused = self.space.refused(changes, run.effective)
        if refused:
            return ", ".join(f"{name} = {a} was asked for, {b} took effect" for name, (a, b) in refused.items())
        own, others = set(self.acceptance.observation.rounding), {report.rounding for report in run.reports}
        if own and others - own:
            return "what was loaded has set the processor to round otherwise than in your own run (MXCSR)"
        return ""

    def accepted(self, runner: Runner, changes: Changes = UNCHANGED) -> Run:
        """One run with these changes. Raises RunFailed when its result is not accepted or they took no effect."""
        run = runner.run(self.ask(changes))
        judgement = self.judge(run, changes)
        if judgement.verdict != "accepted":
            raise NotAccepted(f"in a {run.way} run: {judgement.verdict}: {judgement.reason}")
        if self.keep and changes and self.stop_ms is None:
            self.keep(changes, run)
        if changes and run.way == "fresh":
            self.on_looked(changes, judgement.looked)
        return run

    def time_s(self, run: Run) -> float:
        """What is timed, in seconds."""
        return run.time_s(self.objective)


class NotAccepted(RunFailed):
    """A run came to its end with another result than it should have."""

    def __init__(self, message: str) -> None:
        super().__init__("crashed", message)


def remember_looked(folder: StudyFolder, changes: Changes, compared: tuple[Compared, ...]) -> None:
    """Write down what of a finalist's run was compared."""
    folder.write((folder.read(LookedAt) or LookedAt()).with_run(changes, compared))


def remember_looked_before_sessions(folder: StudyFolder, changes: Changes, compared: tuple[Compared, ...]) -> None:
    """Write down what was compared of a fresh run with knobs before their results in sessions count."""
    folder.write((folder.read(LookedAt) or LookedAt()).with_run_before_sessions(changes, compared))
