"""Runs of the user's own settings that must give what the baseline gave, and what is said where they do not."""

from __future__ import annotations

from autotune.errors import BaselineError
from autotune.launch.ask import Ask, Run, Runner
from autotune.launch.judge import RunFailed
from autotune.observe import Observation
from autotune.raster import Raster
from autotune.raster.metrics import first_divergence_ms

_SEED = "Seed its random numbers by a fixed number, not by the time, the process or the rank, and try again"
_BY_JOB = (
    "Which rank does which job changes from run to run: let random numbers depend on the job, not on the rank or the "
    "time, leave nothing of a job behind (sections, events), and try again"
)
_STATISTICAL = "or say `statistical = true` under [accept] to compare rates, ISI CV and correlations only."


class NotReproduced(BaselineError):
    """The model gave another result with the same settings: `other`, not the baseline."""

    def __init__(self, observation: Observation, baseline: Raster, other: Raster) -> None:
        when = first_divergence_ms(baseline, other)
        self.other = other
        self.why = "two runs of the same command gave different results" + (
            f", from t = {when:g} ms on" if when is not None else " (the sampled voltages differ)"
        )
        super().__init__(
            f"the model does not reproduce itself: {self.why}",
            cure=_found_files(observation) + seed_cure(observation) + ("." if when is None else f"; {_STATISTICAL}"),
        )


def own_run(runner: Runner, ask: Ask, observation: Observation) -> Run:
    """A run of the user's own settings, which was observed before. Raises BaselineError when it fails."""
    try:
        return runner.run(ask)
    except RunFailed as failure:
        raise BaselineError(
            f"the model ran once with its own settings and then failed: {failure.message}",
            cure=_found_files(observation) or failure.cure,
            details=failure.details,
            log=failure.log,
        ) from failure


def _found_files(observation: Observation) -> str:
    """What a model that looks for results of its own has found in the second run; empty where it had written none."""
    if not observation.written:
        return ""
    names = ", ".join(observation.written[:3])
    return f"The first run wrote {names}, which later runs find: let the model not do less because of it. "


def seed_cure(observation: Observation) -> str:
    return _BY_JOB if observation.facts.by_jobs else _SEED
