"""Is the winner right elsewhere, too? Its spikes on other commands of the user, as other seeds or longer runs, against
a plain run of each (`run --also`).

Times are not compared: what is proved of them is proved on the study's own command. What the study has learnt of its
model (regular or chaotic, the class of the change) holds; what it compares with is made anew for each command.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from autotune.agent.driver.ask import refining
from autotune.agent.knobs import EXACT, NUMERICAL, ROUND_OFF
from autotune.config import RunConfig
from autotune.confirm.finalists import winning_trial
from autotune.launch.ask import Ask, Perturbation, Run, Runner
from autotune.launch.command import Command
from autotune.launch.judge import RunFailed
from autotune.launch.run import FreshRunner
from autotune.measure import Confirmation
from autotune.raster import Raster
from autotune.report.format import counted
from autotune.settings import Changes, changes_of
from autotune.store.folder import StudyFolder
from autotune.verify.acceptance import Acceptance
from autotune.verify.references import References

SLOWER = 10.0
"""No run of a command takes so many times as long as its first."""
LEAST_S = 60.0
LONGEST_S = 86_400.0
"""No run without a limit: nobody waits longer for a command that the winner is also checked on."""


@dataclass(frozen=True)
class Checked:
    """What came of one command."""

    command: tuple[str, ...]
    accepted: bool
    says: str
    """In words: what was compared, or why it is not the same."""
    spikes: int = 0
    """Of the plain run."""
    largest_shift_ms: float | None = None
    """Of the spikes that have their partner; none where single spikes are not compared."""


@dataclass(frozen=True)
class Elsewhere:
    """All commands that a winner was checked on."""

    RECORD: ClassVar[str] = "elsewhere"

    changes: Changes
    """The settings of that winner."""
    commands: tuple[Checked, ...] = ()

    def of(self, command: Sequence[str]) -> Checked | None:
        """What is known of a command."""
        return next((each for each in self.commands if each.command == tuple(command)), None)

    def with_one(self, checked: Checked) -> Elsewhere:
        """The same with one more, or another answer for a known one."""
        others = tuple(each for each in self.commands if each.command != checked.command)
        return replace(self, commands=(*others, checked))


@dataclass(frozen=True)
class Elsewheres:
    """Checks one winner: its settings, their class, and how the study's own command is judged."""

    changes: Changes
    safety: str
    acceptance: Acceptance
    limit_s: float
    """Of the first run of each command, which may be any length."""

    def check(self, command: tuple[str, ...], runner: Runner) -> Checked:
        """Two runs of the command, and the further ones with which a network like this must be compared."""
        try:
            own = runner.run(Ask(self.limit_s))
            ask = Ask(max(LEAST_S, SLOWER * own.wall_s))
            tuned = runner.run(ask.setting(self.changes))
            if abs(tuned.t_ms - own.t_ms) > 1.5 * max(own.first.dt_ms, tuned.first.dt_ms):
                says = f"it stopped at t = {tuned.t_ms:g} ms, with your own settings at {own.t_ms:g} ms"
                return Checked(command, False, says, len(own.raster))
            if not len(own.raster):
                return Checked(command, False, "the plain run has no spikes, so that nothing can be compared")
            references = self._references(runner, ask, own)
        except RunFailed as failed:
            return Checked(command, False, f"a run failed: {failed.message}")
        known = self.acceptance.observation
        facts = replace(known.facts, t_stop_ms=own.t_ms)
        acceptance = replace(
            self.acceptance,
            baseline=own.raster,
            observation=replace(known, facts=facts),
            references=references,
        )
        found = acceptance.spikes.judge(tuned.raster, self.safety)
        says = found.reason or _same(own.raster, tuned.raster, found.largest_shift_ms)
        return Checked(command, found.verdict == "accepted", says, len(own.raster), found.largest_shift_ms)

    def _references(self, runner: Runner, ask: Ask, own: Run) -> References:
        """What the raster of this command must be compared with beside that of its plain run."""
        limits, regime = self.acceptance.limits, self.acceptance.regime

        def moved(mv: float, seed: int) -> Raster:
            return runner.run(replace(ask, perturbation=Perturbation(mv, seed))).raster

        if regime == "random":
            return References(null=tuple(runner.run(ask).raster for _ in range(1, limits.null_runs)))
        if self.safety == EXACT or (self.safety == NUMERICAL and regime == "regular"):
            return References()
        perturbed = tuple(moved(limits.perturb_mv, seed) for seed in (1, 2)) if self.safety == ROUND_OFF else ()
        if regime == "regular":
            return References(perturbed)
        null = tuple(moved(limits.null_mv, seed) for seed in range(1, limits.null_runs + 1))
        if self.safety != NUMERICAL:
            return References(perturbed, (), null)
        knob = refining()
        quarter = changes_of({knob.name: knob.finer(own.effective[knob.name], 4)})
        return References(perturbed, (runner.run(ask.setting(quarter)).raster,), null)


def check_elsewhere(
    folder: StudyFolder,
    wishes: RunConfig,
    runner: FreshRunner,
    acceptance: Acceptance,
    also: Sequence[tuple[Command, dict[str, str], object]],
    tell: Callable[[Checked], None],
) -> None:
    """The raster of the winner, if there is one, on these prepared commands beside a plain run of each; one that was
    checked before is told from its record.
    """
    confirmation = folder.read(Confirmation)
    winner = winning_trial(confirmation, folder.trials()) if confirmation else None
    if winner is None:
        return
    done = folder.read(Elsewhere)
    done = done if done is not None and done.changes == winner.changes else Elsewhere(winner.changes)
    limit_s = wishes.timeout_s or LONGEST_S
    checks = Elsewheres(winner.changes, winner.safety, acceptance, limit_s)
    for command, environment, _ in also:
        if done.of(command.argv) is None:
            manner = replace(runner.manner, shared=False)
            there = replace(runner, command=command, environment=environment, manner=manner, results=None)
            done = done.with_one(checks.check(command.argv, there))
            folder.write(done)
        checked = done.of(command.argv)
        assert checked is not None
        tell(checked)


def _same(own: Raster, tuned: Raster, largest_shift_ms: float | None) -> str:
    spikes = counted(len(own), "spike")
    if own == tuned:
        return f"{spikes}, identical"
    if largest_shift_ms is None:
        return f"{spikes}, and the statistics that {'it' if len(own) == 1 else 'they'} had"
    return f"{spikes}, moved by at most {largest_shift_ms:.2g} ms"
