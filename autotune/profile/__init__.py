"""Where the time of a run goes, and what to do about it: one watched run, no trials."""

from autotune.profile.advice import Advice, Known, advise, known_of
from autotune.profile.profile import Profile, RankProfile, glimpse, profile_of
from autotune.profile.step import Profiled, profiled

__all__ = [
    "Advice",
    "Known",
    "Profile",
    "Profiled",
    "RankProfile",
    "advise",
    "glimpse",
    "known_of",
    "profile_of",
    "profiled",
]
