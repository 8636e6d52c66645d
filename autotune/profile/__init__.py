"""Where the time of a run goes, and what to do about it: one watched run, no trials."""

from autotune.profile.advice import Advice, Known, advise
from autotune.profile.profile import Profile, RankProfile, profile_of
from autotune.profile.step import profiled

__all__ = ["Advice", "Known", "Profile", "RankProfile", "advise", "profile_of", "profiled"]
