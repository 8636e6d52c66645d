"""One watched run of the user's own command → Observation: what the model is, where its time goes, and its raster."""

from autotune.observe.facts import merge_facts, voltage_digests
from autotune.observe.identity import digest_of, identify_model
from autotune.observe.observation import Observation, SessionStart
from autotune.observe.step import learnt, observe, observed, watched

__all__ = [
    "Observation",
    "SessionStart",
    "digest_of",
    "identify_model",
    "learnt",
    "merge_facts",
    "observe",
    "observed",
    "voltage_digests",
    "watched",
]
