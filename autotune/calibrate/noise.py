"""A/A: the user's own settings timed against themselves, before anything is searched.

The spread of these pairs says how small a gain this machine can show at all; a search for less would only find noise.
No baseline run goes by without its raster being compared: a model that reproduces itself four times of five would have
the first unlucky trial's knob blamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from autotune.calibrate.baseline import NotReproduced
from autotune.config import ConfirmConfig
from autotune.errors import BaselineError
from autotune.launch.ask import Ask, Runner
from autotune.launch.judge import RunFailed
from autotune.machine import Machine, describe_machine, warnings
from autotune.measure import (
    Noise,
    aa_spread,
    advice,
    neighbour_log_ratios,
    pairs_needed,
    recommended_pairs,
    smallest_visible_effect,
)
from autotune.verify.acceptance import Acceptance


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
    """The number of pairs that the confirmation will make for each finalist."""
    advice: tuple[str, ...]
    machine: Machine


def measure_noise(
    fresh: Runner,
    ask: Ask,
    acceptance: Acceptance,
    runs: int,
    confirm: ConfirmConfig,
    objective: Literal["run", "total"],
) -> NoiseRecord:
    """Run the baseline several times in a row. Raises BaselineError when it fails or gives another raster."""
    times = tuple(_timed(fresh, ask, acceptance, objective) for _ in range(runs))
    noise = aa_spread(neighbour_log_ratios(times), shared_runs=True)
    pairs = confirm.pairs or choose_pairs(noise, confirm)
    machine = describe_machine()
    facts = acceptance.observation.facts
    lines = advice(
        noise,
        pairs,
        wanted_gain=confirm.gain_to_show,
        run_s=min(times),
        alpha=confirm.alpha,
        minimum_gain=confirm.minimum_gain,
        finalists=confirm.finalists,
    )
    return NoiseRecord(
        times_s=times,
        noise=noise,
        visible_gain=smallest_visible_effect(
            noise, pairs, alpha=confirm.alpha, minimum_gain=confirm.minimum_gain, finalists=confirm.finalists
        ),
        pairs=pairs,
        advice=(*lines, *warnings(machine, facts.ranks, facts.threads)),
        machine=machine,
    )


def choose_pairs(noise: Noise, confirm: ConfirmConfig) -> int:
    """As many pairs as the wanted gain needs on this machine, within what the user allows."""
    low = recommended_pairs(confirm.alpha, confirm.finalists)
    high = max(low, confirm.most_pairs)
    needed = pairs_needed(
        noise,
        confirm.gain_to_show,
        alpha=confirm.alpha,
        minimum_gain=confirm.minimum_gain,
        finalists=confirm.finalists,
        low=low,
        high=high,
    )
    return high if needed is None else needed


def _timed(fresh: Runner, ask: Ask, acceptance: Acceptance, objective: str) -> float:
    try:
        run = fresh.run(ask)
    except RunFailed as failure:
        raise BaselineError(
            f"the baseline ran before and fails now: {failure.message}", cure=failure.cure, details=failure.details
        ) from failure
    if not acceptance.reproduces(run):
        raise NotReproduced(acceptance.observation, acceptance.baseline, run.raster)
    acceptance.learn(run)
    return run.time_s(objective)
