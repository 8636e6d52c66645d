"""What cannot be verified, for want of spikes and of voltages, is told with the true reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from autotune.launch.run import FreshRunner
from autotune.observe import observe
from autotune.plan.making import make_space


def test_sections_whose_voltages_were_lost_are_not_called_missing(fresh_runner: Callable[..., FreshRunner]) -> None:
    observation, _ = observe(fresh_runner("re_init.py", "late", ranks=1), None, 120)
    assert observation.facts.has_sections
    assert not any(observation.voltage_digests)  # else NEURON keeps recorders through re_init, and the reason can go
    older = replace(observation, facts=replace(observation.facts, neuron=(8, 2, 7)))  # which has an exact knob for it
    reasons = {out.knob: out.reason for out in make_space(older).out}
    assert reasons["cache_efficient"] == (
        "the model makes no spikes, and its voltages could not be sampled (as after cvode.re_init()): "
        "nothing can be verified"
    )
