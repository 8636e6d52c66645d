"""Is it worth it: can a model have sessions at all, and would they save more than their proof costs?"""

from __future__ import annotations

from autotune.agent.driver.ask import not_put_back
from autotune.config import SearchConfig
from autotune.observe import Observation
from autotune.plan.space import SearchSpace
from autotune.raster import Raster
from autotune.session.proof import REPLAYS
from autotune.verify.references import Regime


def obstacle(
    observation: Observation,
    baseline: Raster,
    space: SearchSpace,
    search: SearchConfig,
    regime: Regime,
    launched: bool,
    part: float,
) -> str:
    """Why there can be no sessions, or why they would not pay; an empty string where it is worth trying.

    `launched`: the command has a launcher, so that its processes cannot be copied; `part`: the share of the run that
    the search uses, 0 to 1.
    """
    if search.objective == "total":
        return "the whole process is timed"
    if observation.takeover is None:
        return "it integrates nothing"
    if regime == "random":
        return "the model does not reproduce itself"
    if observation.runs > 1 and launched:
        return f"the model makes {observation.runs} runs in one process"
    if not len(baseline):
        return "without spikes it cannot be shown that a replay is the same run"
    lost = not_put_back(space.facts, space.domains)
    if lost:
        return lost
    around_s, run_s = observation.wall_s - observation.run_s, part * observation.run_s
    saved_s, proof_s = 2 * search.trials * around_s, around_s + (REPLAYS + 2) * run_s
    if saved_s < proof_s:
        return (
            f"all but its run section takes {around_s:.2g} s: {search.trials} trials would save {saved_s:.2g} s of it, "
            f"and the proof that the runs of a session are the same ones takes {proof_s:.2g} s"
        )
    return ""
