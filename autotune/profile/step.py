"""The step: one watched run that tells where its time goes, and a short one that times the mechanisms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from autotune.launch.ask import Ask
from autotune.launch.judge import RunFailed
from autotune.launch.mpi import Mpi
from autotune.launch.run import FreshRunner
from autotune.launch.setup_watch import SetUpWatch
from autotune.observe import Observation, observe
from autotune.profile.profile import Profile, profile_of

MECHANISMS_S = 2.0
"""So long the run section of the run that times mechanisms shall take."""


@dataclass(frozen=True)
class Profiled:
    """A profile, and what the same run has taught about the model."""

    profile: Profile
    observation: Observation


def profiled(
    runner: FreshRunner,
    mpi: Mpi | None,
    limit_s: float,
    *,
    mechanisms: bool = True,
    environments: Sequence[Path] = (),
) -> Profiled:
    """Run the command once, watched. Raises as observe."""
    watch = SetUpWatch()
    profiler = _Profiler(runner, watch)
    observation, _ = observe(profiler, mpi, limit_s, environments)
    profile = profile_of(profiler.made, watch)
    if mechanisms and observation.facts.has_sections:
        profile = _with_mechanisms(profile, runner, observation, limit_s)
    return Profiled(profile, observation)
