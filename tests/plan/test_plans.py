"""The plan of five differently shaped models, exactly: what is searched, and why the rest is not.

The knobs that are set when the command is started are planned in tests of their own, as a new one can be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from autotune.agent.knobs import KNOBS
from autotune.launch.run import FreshRunner
from autotune.observe import observe
from autotune.plan.making import make_space
from autotune.report.plan import plan_json

OFF_ON = ["exact", [False, True]]
OFF_GRID = ["numerical", [False, True]]  # NetStims fire between steps
DT = ["numerical", [0.025, 0.03125, 0.04, 0.05, 0.0625, 0.1, 0.08]]  # 0.08 ms does not divide the delays
SECONDORDER = ["numerical", [0, 1, 2]]
NODE_ORDER = ["round-off", [0, 1, 2]]
STEP_WAIT = ["exact", [True, False]]

ONE_RANK = "one rank: no spikes are exchanged"
NO_CORE = "2 rank(s) on 2 core(s): no core is free for threads"
NO_SPINNING = "NEURON 9 aborts when threads spin"
FEW_RANKS = "2 ranks: two phases need 4 or more to send by way of others"
ALWAYS_EFFICIENT = "no effect in this NEURON (version 9 is always cache efficient)"
NO_MULTISEND = "variable step: the multisend exchange is not tried with CVODE"


def seldom(interval: str) -> str:
    return f"spikes are already exchanged as seldom as the delays allow, every {interval} ms"


ON_ONE_RANK = {
    "dt": DT,
    "secondorder": SECONDORDER,
    "threads": ["round-off", [1, 2]],
    "busywait": NO_SPINNING,
    "multisend": ONE_RANK,
    "multisend_subintervals": ONE_RANK,
    "multisend_two_phase": ONE_RANK,
    "nspike": ONE_RANK,
    "gid_compress": ONE_RANK,
    "bin_queue": OFF_GRID,
    "self_queue": OFF_ON,
    "maxstep": ONE_RANK,
    "step_wait": ONE_RANK,
    "cache_efficient": ALWAYS_EFFICIENT,
    "node_order": NODE_ORDER,
}

ARTIFICIAL = {
    "dt": DT,
    "secondorder": "no sections: there is nothing to integrate",
    "threads": NO_CORE,
    "busywait": NO_SPINNING,
    "multisend": OFF_ON,
    "multisend_subintervals": OFF_ON,
    "multisend_two_phase": FEW_RANKS,
    "nspike": ["numerical", [0, 4, 7, 9]],
    "gid_compress": OFF_ON,
    "bin_queue": OFF_GRID,
    "self_queue": OFF_ON,
    "maxstep": seldom("1.14586"),
    "step_wait": STEP_WAIT,
    "cache_efficient": ALWAYS_EFFICIENT,
    "node_order": "no sections: there are no nodes",
}

VARIABLE_STEP = {
    "dt": "variable step: CVODE chooses its own steps",
    "secondorder": "variable step: CVODE chooses its own order",
    "threads": "variable step: threads are not tried with CVODE",
    "busywait": NO_SPINNING,
    "multisend": NO_MULTISEND,
    "multisend_subintervals": NO_MULTISEND,
    "multisend_two_phase": NO_MULTISEND,
    "nspike": "variable step: NEURON does not compress spikes with CVODE",
    "gid_compress": "variable step: NEURON does not compress spikes with CVODE",
    "bin_queue": "variable step: the bin queue loses events with CVODE",
    "self_queue": OFF_ON,
    "maxstep": "variable step: maxstep would bound CVODE's steps too",
    "step_wait": STEP_WAIT,
    "cache_efficient": ALWAYS_EFFICIENT,
    "node_order": NODE_ORDER,
}

MANY_GIDS = {
    "dt": DT,
    "secondorder": SECONDORDER,
    "threads": NO_CORE,
    "busywait": NO_SPINNING,
    "multisend": OFF_ON,
    "multisend_subintervals": OFF_ON,
    "multisend_two_phase": FEW_RANKS,
    "nspike": ["exact", [0, 75, 225]],
    "gid_compress": "300 output gids on rank 1: gid compression needs 256 or fewer",
    "bin_queue": OFF_GRID,
    "self_queue": OFF_ON,
    "maxstep": seldom("3"),
    "step_wait": STEP_WAIT,
    "cache_efficient": ALWAYS_EFFICIENT,
    "node_order": NODE_ORDER,
}

ZERO_DELAY = {
    **MANY_GIDS,
    "threads": "the smallest delay, 0 ms, is less than two steps of 0.025 ms: too short for threads",
    "nspike": ["exact", [0, 2]],
    "gid_compress": OFF_ON,
    "self_queue": "zero delays: NEURON clears the self queue",
}


@pytest.mark.parametrize(
    ("model", "ranks", "expected"),
    [
        pytest.param("small_ring.py", 1, ON_ONE_RANK, id="one rank"),
        pytest.param("artificial.py", 2, ARTIFICIAL, id="artificial cells"),
        pytest.param("variable_step.py", 2, VARIABLE_STEP, id="variable step"),
        pytest.param("many_gids.py", 2, MANY_GIDS, id="more than 256 gids on a rank"),
        pytest.param("zero_delay.py", 2, ZERO_DELAY, id="zero delays"),
    ],
)
def test_the_plan_is_exactly(
    fresh_runner: Callable[..., FreshRunner], model: str, ranks: int, expected: dict[str, Any]
) -> None:
    observation, _ = observe(fresh_runner(model, ranks=ranks), None, 120)
    two_cores = replace(observation.facts, cores=2)  # whatever this machine has
    plan = plan_json(make_space(replace(observation, facts=two_cores)))
    answers: dict[str, Any] = {entry["knob"]: [entry["class"], entry["domain"]] for entry in plan["in"]}
    answers |= {entry["knob"]: entry["reason"] for entry in plan["out"]}
    assert answers.keys() == KNOBS.keys()
    assert {name: answers[name] for name in expected} == expected
