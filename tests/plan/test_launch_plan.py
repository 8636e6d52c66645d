"""Knobs that need another start of the process: where they apply, where not and why, and what makes a launch group."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from autotune.agent.driver.ask import why_no_coreneuron
from autotune.agent.driver.facts import LaunchFacts, ModelFacts
from autotune.agent.driver.start import Start
from autotune.agent.knobs import KNOBS, Domain, Excluded
from autotune.launch.launchers.open_mpi import OpenMpi
from autotune.plan.space import Group, SearchSpace

OWN = {"coreneuron": False, "cell_permute": 0, "mod_flags": "own", "binding": "core", "neuron": "/own", "threads": 1}
BINDING = asdict(OpenMpi.binding)
LAUNCH = LaunchFacts(
    mpi="Open MPI", binding=BINDING, mod_files=("/model/leak.mod",), environments=(("/old", (8, 2, 7)),)
)
FACTS = ModelFacts((9, 0, 2), ranks=2, dt_ms=0.025, t_stop_ms=100.0, cores=4, launch=LAUNCH, baseline=OWN)


def space(*names: str, facts: ModelFacts = FACTS) -> SearchSpace:
    domains = {name: KNOBS[name].domain(facts) for name in names}
    assert all(isinstance(domain, Domain) for domain in domains.values())
    return SearchSpace(domains, (), {name: facts.baseline.get(name, True) for name in names}, facts)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"psolve": False}, "without pc.psolve"),
        ({"cvode": True}, "variable step"),
        ({"no_coreneuron": "the model uses RxD"}, "the model uses RxD"),
        ({"threads": 4}, "4 threads"),
        ({"launch": replace(LAUNCH, no_build="no C++ compiler was found")}, "no C++ compiler was found"),
    ],
)
def test_coreneuron_is_left_out_with_its_reason_and_so_is_cell_permute(changed, reason):
    for name in ("coreneuron", "cell_permute"):
        answer = KNOBS[name].domain(replace(FACTS, **changed))
        assert isinstance(answer, Excluded)
        assert reason in answer.reason
    assert reason in why_no_coreneuron(replace(FACTS, **changed))


def test_nothing_stands_in_the_way_of_coreneuron_where_it_can_be_tried_or_runs():
    assert why_no_coreneuron(FACTS) == ""
    assert why_no_coreneuron(replace(FACTS, baseline={**OWN, "coreneuron": True})) == ""


def test_a_model_without_mod_files_needs_no_compiler_for_coreneuron_and_has_no_flags():
    facts = replace(FACTS, launch=LaunchFacts())
    assert isinstance(KNOBS["coreneuron"].domain(facts), Domain)
    assert "no compiled mechanisms" in KNOBS["mod_flags"].domain(facts).reason


@pytest.mark.parametrize(
    ("launch", "reason"),
    [
        (LaunchFacts(), "no launcher"),
        (LaunchFacts(mpi="unknown"), "how this launcher (unknown) binds ranks is not known"),
        (LaunchFacts(mpi="Open MPI", binding=BINDING, placed=True), "places the ranks itself"),
    ],
)
def test_binding_is_offered_only_where_its_words_are_known_and_the_command_says_nothing(launch, reason):
    assert reason in KNOBS["binding"].domain(replace(FACTS, launch=launch)).reason


def test_more_ranks_than_cores_leave_nothing_to_bind():
    crowded = replace(FACTS, ranks=8, baseline={**OWN, "binding": "none"})
    assert "8 ranks on 4 cores" in KNOBS["binding"].domain(crowded).reason


def test_more_ranks_than_cores_are_not_bound_to_cores():
    assert KNOBS["binding"].refusal({"binding": "core", "ranks": 8}, FACTS)
    assert not KNOBS["binding"].refusal({"binding": "none", "ranks": 8}, FACTS)


def test_threads_get_cores_of_their_own_and_a_process_start_for_each_number_of_them():
    facts = replace(FACTS, cores=8)
    binding = KNOBS["binding"]
    assert binding.domain(facts).values == ("core", "cores", "none")
    assert "share it" in KNOBS["threads"].refusal({"binding": "core", "threads": 2, "ranks": 2}, facts)
    assert "share it" in KNOBS["threads"].refusal({"threads": 2, "ranks": 2}, facts)
    assert "--bind-to none" in KNOBS["threads"].domain(replace(facts, launch=replace(LAUNCH, placed=True))).reason
    assert binding.refusal({"binding": "cores", "threads": 1, "ranks": 2}, facts)
    assert not binding.refusal({"binding": "cores", "threads": 2, "ranks": 2}, facts)
    start = Start(("mpiexec", "-n", "2"), ("nrniv", "-mpi", "init.hoc"), {}, binding=BINDING)
    launcher = binding.launch(start, "cores", {"binding": "cores", "threads": 4}).launcher
    assert launcher == ("mpiexec", "--map-by", "slot:PE=4", "--bind-to", "core", "-n", "2")
    searched = space("binding", "threads", facts=replace(facts, baseline=OWN))
    four, two = ({"binding": "cores", "threads": number} for number in (4, 2))
    assert searched.launch_group(four) != searched.launch_group(two)
    assert searched.launch_group({"binding": "none", "threads": 2}) == Group((("binding", "none"),))


def test_binding_goes_before_the_launchers_other_words():
    start = Start(("mpiexec", "-n", "2"), ("nrniv", "-mpi", "init.hoc"), {}, binding=BINDING)
    assert KNOBS["binding"].launch(start, "none", {}).launcher == ("mpiexec", "--bind-to", "none", "-n", "2")


def test_cell_permute_acts_in_coreneuron_only_and_never_takes_the_value_that_aborts():
    searched = space("coreneuron", "cell_permute")
    assert searched.domains["cell_permute"].values == (0, 1)
    assert searched.active({"coreneuron": False, "cell_permute": 1}) == {"coreneuron": False}
    assert KNOBS["coreneuron"].refusal({"coreneuron": True, "threads": 2}, FACTS)


def test_a_model_that_uses_coreneuron_already_has_its_cell_permute_to_choose():
    facts = replace(FACTS, baseline={**OWN, "coreneuron": True})
    assert "already" in KNOBS["coreneuron"].domain(facts).reason
    searched = space("cell_permute", facts=facts)
    assert searched.changes({"cell_permute": 1}) == {"cell_permute": 1}
    assert "not known" in KNOBS["nspike"].domain(replace(facts, min_delay_ms=1.0)).reason


def test_beside_coreneuron_acts_what_neuron_hands_over_to_it():
    searched = space("coreneuron", "self_queue", "node_order", "bin_queue")
    params = {"coreneuron": True, "self_queue": True, "node_order": 1, "bin_queue": True}
    assert searched.active(params) == {"coreneuron": True, "bin_queue": True}
    assert searched.active({**params, "coreneuron": False}) == {**params, "coreneuron": False}
    own = replace(FACTS, baseline={**OWN, "coreneuron": True})
    assert not space("self_queue", facts=own).acts("self_queue", {})


def test_busywait_is_searched_only_in_the_neuron_that_survives_it():
    searched = space("neuron", "threads", "busywait")
    params = {"threads": 2, "busywait": True}
    assert "busywait" in searched.active({"neuron": "/old", **params})
    assert "busywait" not in searched.active({"neuron": "/own", **params})
    assert "NEURON 9 aborts" in KNOBS["busywait"].domain(replace(FACTS, launch=LaunchFacts())).reason


def test_what_the_user_has_and_its_multiples_are_steps_worth_trying():
    facts = replace(FACTS, dt_ms=0.03, t_stop_ms=66.0, delays_ms=(0.66,), min_delay_ms=0.66, baseline={"dt": 0.03})
    assert 0.06 in KNOBS["dt"].domain(facts).values


def test_no_more_threads_are_tried_than_a_rank_has_cells_to_deal_them():
    threads = KNOBS["threads"]
    facts = replace(FACTS, cores=16, baseline={**OWN, "binding": "none"})
    assert threads.domain(replace(facts, trees=2)).reason == "2 cell(s) on 2 rank(s): threads do not share a cell"
    assert threads.domain(replace(facts, trees=5)).values == (1, 2, 3)
    assert threads.domain(replace(facts, trees=2, threads=4)).values == (1, 4)
    assert threads.domain(replace(facts, trees=0, artificial_cells=9)).values == (1, 2, 4, 8)
    assert threads.domain(replace(facts, trees=100)).values == threads.domain(facts).values == (1, 2, 4, 8)


def test_a_model_with_threads_may_be_faster_with_fewer():
    facts = replace(FACTS, threads=2, step_s=0.5, run_s=1.0, baseline={**OWN, "threads": 2, "binding": "none"})
    assert KNOBS["threads"].share(facts) is None


def test_settings_with_the_same_launch_part_are_one_group():
    searched = space("neuron", "mod_flags", "coreneuron", "cell_permute")
    own = {"neuron": "/own", "mod_flags": "own", "coreneuron": True}
    assert searched.launch_group({**own, "cell_permute": 0}) == searched.launch_group({**own, "cell_permute": 1})
    assert searched.launch_group(own) != searched.launch_group({**own, "coreneuron": False})
    assert searched.launch_group(own) == Group((("neuron", "/own"), ("mod_flags", "own"), ("coreneuron", True)))


def test_a_knob_that_one_version_lacks_is_searched_in_the_other_only():
    searched = space("neuron", "cache_efficient")
    assert searched.active({"neuron": "/own", "cache_efficient": True}) == {"neuron": "/own"}
    old = {"neuron": "/old", "cache_efficient": True}
    assert searched.active(old) == old
    assert searched.changes(old) == old  # though NEURON 9 reads back True as well: in 8.2 it must be asked for
    alone = replace(FACTS, launch=LaunchFacts())
    assert isinstance(KNOBS["cache_efficient"].domain(alone), Excluded)


def test_without_further_environments_there_is_no_choice_of_neuron():
    assert "--env" in KNOBS["neuron"].domain(replace(FACTS, launch=LaunchFacts())).reason
    assert KNOBS["neuron"].domain(FACTS).values == ("/own", "/old")
