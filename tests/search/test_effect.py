"""A request that takes effect as an earlier one is answered from it, without a run."""

from __future__ import annotations

from collections.abc import Callable

from autotune.config import AcceptConfig, SearchConfig
from autotune.launch.run import FreshRunner
from autotune.observe import observe
from autotune.plan.making import make_space
from autotune.search.trial import TrialRunner
from autotune.search.verified import Verifier
from autotune.verify.acceptance import Acceptance


def test_compression_that_lengthens_the_interval_answers_for_the_longest_maxstep(
    fresh_runner: Callable[..., FreshRunner],
) -> None:
    runner = fresh_runner("small_ring.py", "--maxstep", "0.5")
    observation, baseline = observe(runner, None, 60.0)
    space = make_space(observation, only=["nspike", "maxstep"])
    verifier = Verifier(space, Acceptance(baseline, observation, AcceptConfig()), 60.0)
    trials = TrialRunner(runner, verifier, SearchConfig(repeats=0))
    compressed = trials.trial(1, space.with_values(nspike=2, maxstep=None))
    assert compressed.verdict == "accepted", compressed.reason
    assert compressed.effective == {"nspike": 2, "maxstep": 2.0}  # what keeps it below 255 steps
    same = trials.trial(2, space.with_values(nspike=2, maxstep=2.0), [compressed])
    assert same.answered_from == 1
    assert same.samples == compressed.samples
    other = trials.trial(3, space.with_values(nspike=0, maxstep=2.0), [compressed, same])
    assert other.answered_from is None
    assert other.effective == {"nspike": 0, "maxstep": 2.0}
