"""A/A: the user's own settings timed against themselves, before anything is searched.

The spread of these pairs says how small a gain this machine can show at all; a search for less would only find noise.
No baseline run goes by without its raster being compared: a model that reproduces itself four times of five would have
the first unlucky trial's knob blamed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import ClassVar, Literal

from autotune.calibrate.reproduced import NotReproduced
from autotune.config import ConfirmConfig
from autotune.errors import BaselineError
from autotune.launch.ask import Ask, Run, Runner
from autotune.launch.judge import RunFailed
from autotune.machine import (
    Disturbed,
    Machine,
    describe_machine,
    told_by_the_kernel,
    warnings,
)
from autotune.measure import (
    Confirmation,
    Noise,
    aa_spread,
    advice,
    log_speedup,
    neighbour_log_ratios,
    paired_ratio,
    repeated_spread,
    starts_of,
    with_more,
)
from autotune.store.records import Sample, Trial
from autotune.verify.acceptance import Acceptance

DISTURBED = 3.0  # spreads of neighbouring baseline runs


@dataclass(frozen=True)
class NoiseRecord:
    """What the A/A runs said."""

    RECORD: ClassVar[str] = "noise"

    times_s: tuple[float, ...]
    """The objective of each run, in order."""
    noise: Noise
    visible_gain: float
    """The smallest gain (0.1 is 10 % faster) that the confirmation can be expected to prove."""
    pairs: int
    """The most fresh starts that the confirmation makes for each finalist."""
    advice: tuple[str, ...]
    machine: Machine
    disturbed: tuple[Disturbed, ...] = ()
    """Of each of the last runs, which were made for this: what else the cores did."""
    settings: Noise | None = None
    """The spread of a sample of changed settings, where it is clearly larger than that of the baseline; None else."""

    @property
    def floor(self) -> float:
        """What the spread of a finalist's pairs is never taken to be less than."""
        return (self.settings or self.noise).spread

    @property
    def unsteady(self) -> str:
        """Where changed settings differ more from run to run than the baseline: what can be proved, in a sentence."""
        if self.settings is None:
            return ""
        return (
            f"Two runs with the same changed settings differ by {self.settings.spread:.1%}, two of your own by "
            f"{self.noise.spread:.1%}: only a gain of {self.visible_gain:.1%} or more can be proved."
        )

    def after(self, trials: Sequence[Trial], confirm: ConfirmConfig, proof: Confirmation | None = None) -> NoiseRecord:
        """The same with what the search (and the proof) has shown since: by its own baseline runs, those before and
        after each sample, and by settings that were measured more than once. Where these differ more from sample to
        sample (or from start to start) than the baseline does, less can be proved than was promised before the search.
        The trial of the user's own settings is left out, because it may rest on runs that are counted already.
        """
        own = [trial for trial in trials if trial.changes and trial.answered_from is None]
        samples = [sample for trial in own for sample in trial.samples]
        noise = with_more(self.noise, [log_speedup(s.before_s, s.after_s) for s in samples])
        ratios = [[_log_ratio(s) for s in trial.samples if not _disturbed(s, noise)] for trial in own]
        if proof is not None:
            starts = [starts_of(proof.samples, finding.finalist) for finding in proof.findings]
            ratios += [[fmean(logs) for logs in each] for each in starts]
        settings = repeated_spread(ratios, noise)
        after = replace(self, noise=noise, settings=settings)
        if settings is None:
            return after
        return replace(after, visible_gain=max(self.visible_gain, confirm.rule(settings.upper).visible_gain()))


def measure_noise(
    runner: Runner,
    ask: Ask,
    acceptance: Acceptance,
    runs: int,
    confirm: ConfirmConfig,
    objective: Literal["run", "total"],
    before: Sequence[Sequence[float]] = (),
    on_run: Callable[[Run], object] = lambda run: None,
) -> NoiseRecord:
    """Run the baseline several times in a row, in sessions where the search is made in them. Raises BaselineError when
    it fails or gives another raster, and SessionBroken.

    `before`: times of runs like these that were made for something else, in rows of neighbours of which the last goes
    on; only so many are run as are missing to the pairs of neighbours that `runs` in a row have. `on_run` is told of
    these.
    """
    rows, beside = [list(row) for row in before] or [[]], list[Disturbed]()
    while _neighbours(rows) < runs - 1:
        run = _made(runner, ask, acceptance)
        on_run(run)
        rows[-1].append(run.time_s(objective))
        beside += [run.disturbed] if run.disturbed else []
    times = tuple(time_s for row in rows for time_s in row)
    noise = aa_spread([ratio for row in rows for ratio in neighbour_log_ratios(row)], shared_runs=True)
    rule = confirm.rule(noise.upper)
    machine = describe_machine()
    facts = acceptance.observation.facts
    lines = advice(noise, rule, wanted_gain=confirm.gain_to_show, run_s=min(times))
    return NoiseRecord(
        times_s=times,
        noise=noise,
        visible_gain=rule.visible_gain(),
        pairs=rule.most_starts,
        advice=(*lines, *told_by_the_kernel(beside), *warnings(machine, facts.ranks, facts.threads)),
        machine=machine,
        disturbed=tuple(beside),
    )


def _log_ratio(sample: Sample) -> float:
    return math.log(paired_ratio(sample.before_s, sample.trial_s, sample.after_s))


def _disturbed(sample: Sample, noise: Noise) -> bool:
    """Whether the baseline runs before and after it differ by more than noise: a trial that looked fast beside a
    disturbed baseline, and so was measured again, says nothing of its own steadiness.
    """
    return abs(log_speedup(sample.before_s, sample.after_s)) > DISTURBED * noise.spread


def _neighbours(rows: Sequence[Sequence[float]]) -> int:
    return sum(max(0, len(row) - 1) for row in rows)


def _made(runner: Runner, ask: Ask, acceptance: Acceptance) -> Run:
    try:
        run = runner.run(ask)
    except RunFailed as failure:
        raise BaselineError(
            f"the baseline ran before and fails now: {failure.message}",
            cure=failure.cure,
            details=failure.details,
            log=failure.log,
        ) from failure
    if not acceptance.reproduces(run):
        raise NotReproduced(acceptance.observation, acceptance.baseline, run.raster)
    acceptance.learn(run)
    return run
