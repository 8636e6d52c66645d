"""Times that can be trusted: paired scores, the noise of this machine, the final proof.

Statistics only; nothing here starts a run.
"""

from autotune.measure.confirm import (
    DEFAULT_PAIRS,
    Confirmation,
    Dropped,
    Event,
    Finding,
    Pair,
    RunFailed,
    confirm,
    event_from_dict,
)
from autotune.measure.noise import Noise, aa_spread, advice, pairs_needed, smallest_visible_effect
from autotune.measure.pairs import log_speedup, neighbour_log_ratios, paired_ratio
from autotune.measure.significance import Interval, alpha_after, minimum_pairs, recommended_pairs

__all__ = [
    "DEFAULT_PAIRS",
    "Confirmation",
    "Dropped",
    "Event",
    "Finding",
    "Interval",
    "Noise",
    "Pair",
    "RunFailed",
    "aa_spread",
    "advice",
    "alpha_after",
    "confirm",
    "event_from_dict",
    "log_speedup",
    "minimum_pairs",
    "neighbour_log_ratios",
    "paired_ratio",
    "pairs_needed",
    "recommended_pairs",
    "smallest_visible_effect",
]
