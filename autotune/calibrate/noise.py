"""A/A: the user's own settings timed against themselves, before anything is searched.

The spread of these pairs says how small a gain this machine can show at all; a search for less would only find noise.
"""

from __future__ import annotations

from dataclasses import dataclass

from autotune.config import StudyConfig
from autotune.errors import BaselineError
from autotune.launch.judge import RunFailed
from autotune.launch.run import FreshRunner
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


@dataclass(frozen=True)
class NoiseRecord:
    """What the A/A runs said."""

    times_s: tuple[float, ...]
    """The objective of each run, in order."""
    noise: Noise
    visible_gain: float
    """The smallest gain (0.1 is 10 % faster) that the confirmation can be expected to prove."""
    pairs: int
    """The number of pairs that the confirmation will make for each finalist."""
    advice: tuple[str, ...]
    machine: Machine


def measure_noise(runner: FreshRunner, config: StudyConfig, ranks: int, threads: int) -> NoiseRecord:
    """Run the baseline several times in a row. Raises BaselineError when it fails."""
    try:
        times = tuple(runner.run().time_s(config.search.objective) for _ in range(config.noise.runs))
    except RunFailed as failure:
        raise BaselineError(
            f"the baseline ran before and fails now: {failure.message}", cure=failure.cure, details=failure.details
        ) from failure
    noise = aa_spread(neighbour_log_ratios(times), shared_runs=True)
    confirm = config.confirm
    pairs = confirm.pairs or choose_pairs(noise, config)
    machine = describe_machine()
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
        advice=(*lines, *warnings(machine, ranks, threads)),
        machine=machine,
    )


def choose_pairs(noise: Noise, config: StudyConfig) -> int:
    """As many pairs as the wanted gain needs on this machine, within what the user allows."""
    confirm = config.confirm
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
