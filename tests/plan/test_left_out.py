"""What is left out later, because it cannot be built or a run has shown it, takes with it what acts only beside it; and
plan.json is the whole of a search space.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autotune.agent.driver.facts import LaunchFacts, ModelFacts
from autotune.launch.build import BuildFailed
from autotune.plan.builds import build_ahead
from autotune.plan.making import make_space
from autotune.plan.space import LeftOut, Plan, SearchSpace
from autotune.settings import Changes
from autotune.store.folder import StudyFolder

LAUNCH = LaunchFacts(mod_files=("/model/leak.mod",), environments=(("/old", (8, 2, 7)), ("/new", (9, 0, 1))))


@pytest.fixture
def space(ring):
    """`space(only)`: of the observed ring, on a machine with cores to spare, with mechanisms and other NEURONs."""

    def make(only: tuple[str, ...] | None = None, **launch: Any) -> SearchSpace:
        facts = replace(ring.observation.facts, cores=8, launch=replace(LAUNCH, **launch))
        own = {"mod_flags": "own", "neuron": "/own", "maxstep": None, "binding": "none"}
        facts = replace(facts, histogram=(300, 100), baseline={**facts.baseline, **own})  # an exchange every 0.25 ms
        return make_space(replace(ring.observation, facts=facts), only)

    return make


def reasons(space: SearchSpace) -> dict[str, str]:
    assert not {left.knob for left in space.out} & space.domains.keys()
    assert space.baseline.keys() == space.domains.keys()
    return {left.knob: left.reason for left in space.out}


@pytest.mark.parametrize(
    ("knob", "dependent", "why"),
    [
        ("nspike", "gid_compress", "it acts only with spike compression (nspike above 0)"),
        ("coreneuron", "cell_permute", "it acts only with CoreNEURON"),
        ("multisend", "multisend_subintervals", "it acts only with the multisend exchange"),
        ("threads", "busywait", "it acts only with more than one thread"),
        ("neuron", "cache_efficient", "no effect in this NEURON (version 9 is always cache efficient)"),
        ("neuron", "busywait", "NEURON 9 aborts when threads spin"),
    ],
)
def test_a_knob_that_goes_takes_along_what_acts_only_beside_it(space, knob, dependent, why):
    found = space()
    assert dependent in found.domains
    without = found.without(knob, "its reason")
    assert reasons(without)[knob] == "its reason"
    assert reasons(without)[dependent] == why
    assert reasons(space(tuple(without.domains)))[dependent] == "left out as you asked"
    assert without.domains.keys() == found.domains.keys() - {left.knob for left in without.out}


def test_what_can_still_act_stays(space):
    found = space().without("dt", "its script counts steps")
    assert found.domains.keys() == space().domains.keys() - {"dt"}
    assert found.without("dt", "again") == found


def test_values_that_go_take_along_what_acts_only_beside_them(space):
    found = space()
    same_version = found.only("neuron", ("/own", "/new"), "leak.mod does not compile")
    assert {"cache_efficient", "busywait"} <= found.domains.keys() - same_version.domains.keys()
    assert same_version.domains["neuron"].values == ("/own", "/new")
    assert "neuron" not in found.only("neuron", ("/own",), "leak.mod does not compile").domains


class NoCompiler:
    """A builder that can build nothing of the named knobs' making."""

    def __init__(self, *knobs: str) -> None:
        self.knobs = knobs

    def built(self, changes: Changes) -> None:
        if changes.keys() & set(self.knobs):
            raise BuildFailed("leak.mod does not compile", details="line 1\nline 2\nerror: no such file\n")


@pytest.mark.parametrize(("knob", "dependent"), [("coreneuron", "cell_permute"), ("neuron", "busywait")])
def test_what_cannot_be_built_goes_by_the_same_rule(space, knob, dependent):
    found = space()
    builder: Any = NoCompiler(knob)
    built = build_ahead(found, builder)
    why = reasons(built)[knob]
    assert why == "leak.mod does not compile | line 1 | line 2 | error: no such file"
    assert built == found.without(knob, why)
    assert dependent not in built.domains


def test_the_plan_that_is_written_down_is_the_whole_of_the_space(space, tmp_path: Path):
    found = space().without("dt", "its script counts steps")
    assert {"maxstep", "neuron", "nspike", "bin_queue"} <= found.domains.keys()  # None, text, numbers, yes and no
    assert LeftOut("dt", "its script counts steps") in found.out
    folder = StudyFolder(tmp_path / "study")
    folder.create()
    folder.write(found.plan)
    plan = folder.read(Plan)
    folder.close()
    assert plan is not None
    again = SearchSpace.of(plan, found.facts)
    assert again == found
    for name, domain in found.domains.items():  # 1 == True == 1.0, but NEURON is not asked for a True of threads
        assert [*map(type, again.domains[name].values)] == [*map(type, domain.values)]
        assert type(again.baseline[name]) is type(found.baseline[name])
    assert [*again.domains] == [*found.domains], "in this order Optuna is asked"


def test_a_plan_says_nothing_of_the_model(ring):
    facts: ModelFacts = ring.observation.facts
    plan = make_space(ring.observation).plan
    other = replace(facts, dt_ms=0.05)
    assert SearchSpace.of(plan, other).facts is other
