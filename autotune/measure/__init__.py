"""Times that can be trusted: paired scores, the noise of this machine, the final proof.

Statistics only; nothing here starts a run.
"""

from autotune.measure.confirm import (
    Beside,
    Confirmation,
    Dropped,
    Event,
    Finding,
    NoPair,
    Pair,
    Started,
    confirm,
    event_from_dict,
    starts_of,
)
from autotune.measure.noise import Noise, aa_spread, advice, repeated_spread, with_more
from autotune.measure.pairs import log_speedup, neighbour_log_ratios, paired_ratio
from autotune.measure.sequential import FEWEST_STARTS, Look, Rule
from autotune.measure.significance import Interval, alpha_after

__all__ = [
    "FEWEST_STARTS",
    "Beside",
    "Confirmation",
    "Dropped",
    "Event",
    "Finding",
    "Interval",
    "Look",
    "NoPair",
    "Noise",
    "Pair",
    "Rule",
    "Started",
    "aa_spread",
    "advice",
    "alpha_after",
    "confirm",
    "event_from_dict",
    "log_speedup",
    "neighbour_log_ratios",
    "paired_ratio",
    "repeated_spread",
    "starts_of",
    "with_more",
]
