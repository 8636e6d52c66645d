"""What a run gave beside how long it took: what of it was compared with the user's own run, and with what outcome.

It compares and says; whether a run is accepted for it is decided in `verify`.
"""

from autotune.results.compared import (
    FARTHEST,
    Compared,
    State,
    Where,
    condensed,
    distance_of,
    in_words,
    violation_of,
    worst,
)

__all__ = ["FARTHEST", "Compared", "State", "Where", "condensed", "distance_of", "in_words", "violation_of", "worst"]
