"""The step: one watched run that tells where its time goes, and a short one that times the mechanisms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autotune.errors import AutotuneError, BaselineError
from autotune.launch.ask import Ask
from autotune.launch.mpi import Mpi
from autotune.launch.run import FreshRunner
from autotune.launch.setup_watch import SetUpWatch
from autotune.observe import Observation, learnt, watched
from autotune.profile.populations import populations_of
from autotune.profile.profile import RUN, Profile, cut_short, profile_of

MECHANISMS_S = 2.0
"""So long the run section of the run that times mechanisms shall take at most, where it can be ended early."""


@dataclass(frozen=True)
class Profiled:
    """A profile, and what the same run has taught about the model."""

    profile: Profile
    observation: Observation | None
    """None when the model did not come to its end."""


def profiled(
    runner: FreshRunner, mpi: Mpi | None, limit_s: float, *, mechanisms: bool = True, environments: Sequence[Path] = ()
) -> Profiled:
    """Run the command once, watched.

    Raises MpiError, BaselineError when the model does not run and nothing was seen of it, and UsageError as observe.
    """
    watch = SetUpWatch()
    try:
        run = watched(runner, lambda: runner.profile(Ask(limit_s), watch))
    except BaselineError as error:
        reports = [report for report in watch.reports if report.profile]
        profile = profile_of(reports, watch) if reports else cut_short(watch)
        if profile is None:
            raise
        return Profiled(replace(profile, failed=error.message), None)
    observation = learnt(run, runner, mpi, environments)
    populations = populations_of(run.reports, run.raster, run.t_ms)
    profile = replace(profile_of(run.reports, watch), populations=populations, notes=observation.notes)
    if mechanisms and observation.facts.has_sections:
        profile = _with_mechanisms(profile, runner, observation, limit_s)
    return Profiled(profile, observation)


def _with_mechanisms(profile: Profile, runner: FreshRunner, observation: Observation, limit_s: float) -> Profile:
    """The same with the times of a second, short run; without them where that fails."""
    facts, run_s = observation.facts, profile.sections[RUN]
    short = run_s > MECHANISMS_S and facts.psolve and not facts.cvode
    stop_ms = facts.t_stop_ms * MECHANISMS_S / run_s if short else None
    try:
        run = runner.profile(Ask(observation.limit_s(limit_s), stop_ms=stop_ms), SetUpWatch(), mechanism_times=True)
    except AutotuneError:
        return profile
    names = {name for report in run.reports for name in report.profile["mechanisms"]}
    times = {name: max(float(r.profile["mechanisms"].get(name, 0.0)) for r in run.reports) for name in names}
    return replace(profile, mechanisms=times, mechanisms_run_s=run.run_s)
