"""The calibration of a study: the baseline against itself, the part that the search uses, the noise of its times."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from autotune.agent.knobs import NUMERICAL
from autotune.calibrate.baseline import calibrate, recalibrate
from autotune.calibrate.calibration import Calibration
from autotune.calibrate.noise import NoiseRecord, measure_noise
from autotune.calibrate.reproduced import NotReproduced
from autotune.calibrate.short import ShortRun, shorten
from autotune.config import ConfirmConfig, SearchConfig
from autotune.launch.ask import Ask, Run, Runner
from autotune.launch.judge import SessionBroken
from autotune.plan.space import SearchSpace
from autotune.store.folder import StudyFolder
from autotune.verify.acceptance import Acceptance
from autotune.verify.references import Regime, read_references
from autotune.verify.stability import sampled_segments

MOST_FRESH = 4  # A/A runs, where each is a process of its own
SHARED = 3  # A/A runs that are the sample of a trial: one between two others


@dataclass(frozen=True)
class Calibrated:
    """What is known of a model before its search."""

    calibration: Calibration
    short: ShortRun
    noise: NoiseRecord
    space: SearchSpace
    """Without the knobs that cannot be searched, as the calibration has found."""
    acceptance: Acceptance
    """Of the whole run."""
    own: tuple[Run, ...] = ()
    """The last A/A runs, if they were made now: three neighbours, of which the search's first trials can use."""

    @property
    def part(self) -> float:
        """The share of the run that the search uses."""
        stop_ms = self.short.stop_ms
        return 1.0 if stop_ms is None else stop_ms / self.acceptance.observation.facts.t_stop_ms


@dataclass(frozen=True)
class Calibrator:
    """Makes what is missing of a study's calibration."""

    folder: StudyFolder
    fresh: Runner
    """For the repetition and for every run that is timed."""
    further: Runner
    """For runs of which only the raster is used."""
    timed_by: Callable[[Ask, Regime], Runner]
    """Who makes the runs that the search times."""
    timed_before: Callable[[Ask], Sequence[Sequence[float]]]
    """Times of such runs that were made already, on the way to the one who makes them."""
    ask: Ask
    space: SearchSpace
    acceptance: Acceptance
    """As it is before anything is calibrated: baseline, observation, limits."""
    search: SearchConfig
    confirm: ConfirmConfig

    def calibrated(self, noise_runs: int) -> Calibrated:
        """All three parts, the noise from so many runs. Raises BaselineError."""
        calibration = self.folder.kept(Calibration, self._calibrate)
        try:
            return self._timed(calibration, noise_runs)
        except NotReproduced as found:
            if not self.acceptance.limits.statistical or calibration.regime == "random":
                raise
            # It gave the same spikes once and then others: by statistics, as its user agreed.
            rasters = self.folder.rasters
            calibration = recalibrate(self.fresh, self.ask, self.acceptance, self.space, rasters, found)
        self.folder.write(ShortRun())  # first: it fits both calibrations
        self.folder.write(calibration)
        return self._timed(calibration, noise_runs)

    def _calibrate(self) -> Calibration:
        rasters = self.folder.rasters
        made = calibrate(self.fresh, self.further, self.ask, self.acceptance, self.space, rasters, self._part_ms)
        short = self.folder.read(ShortRun)
        if made.regime == "chaotic" and short is not None:
            self.folder.write(self._short(made, short.stop_ms or 0.0))
        return made

    def _part_ms(self) -> float | None:
        """Where the search ends the runs of this model, if it is regular. If its runs are to be made on built networks,
        these prove themselves on that part.
        """
        stop_ms = self.folder.kept(ShortRun, self._short).stop_ms
        self.timed_by(self._timed_ask(self.space, self.acceptance.until(stop_ms), stop_ms), "regular")
        return stop_ms

    def _short(self, made: Calibration | None = None, shown_ms: float = 0.0) -> ShortRun:
        """By what the calibration has found; before there is one, as of a regular model."""
        whole = self._calibrated_by(made) if made else self.acceptance
        return shorten(self.fresh, self.ask, whole, self.search, self.space, shown_ms)

    def _calibrated_by(self, made: Calibration) -> Acceptance:
        references = read_references(self.folder.rasters, made.finer_until_ms)
        return replace(self.acceptance, regime=made.regime, references=references)

    def _timed(self, calibration: Calibration, runs: int) -> Calibrated:
        space, whole = self.space, self._calibrated_by(calibration)
        for knob, reason in calibration.left_out.items():
            space = space.without(knob, reason)
        for knob, values in calibration.only.items():
            space = space.only(knob, values, calibration.note)
        if calibration.unproved:
            space = space.without_class(NUMERICAL, calibration.unproved)
        if space is not self.space:
            self.folder.write(space.plan)
        short = self.folder.kept(ShortRun, lambda: self._short(calibration))
        part = whole.until(short.stop_ms)
        ask = self._timed_ask(space, part, short.stop_ms)
        own: deque[Run] = deque(maxlen=SHARED)

        def remember(run: Run) -> None:
            own.append(run if calibration.regime == "random" else replace(run, raster=part.baseline))

        def timed() -> NoiseRecord:
            runner = self.timed_by(ask, calibration.regime)
            if runner is not self.fresh:
                with suppress(SessionBroken):
                    before = self.timed_before(ask)
                    return measure_noise(runner, ask, part, runs, self.confirm, self.search.objective, before, remember)
            own.clear()
            fewer = min(runs, MOST_FRESH)
            return measure_noise(self.fresh, ask, part, fewer, self.confirm, self.search.objective, on_run=remember)

        noise = self.folder.kept(NoiseRecord, timed)
        return Calibrated(calibration, short, noise, space, whole, tuple(own))

    def _timed_ask(self, space: SearchSpace, part: Acceptance, stop_ms: float | None) -> Ask:
        """What a run of the user's own settings is asked that is timed beside trials."""
        return replace(self.ask, voltages=sampled_segments(part.limits, space.classes, part.baseline), stop_ms=stop_ms)
