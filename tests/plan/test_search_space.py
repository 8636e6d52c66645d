"""What may be tried on a model, over which values, and why the rest may not; from a real observation of two ranks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autotune.agent.knobs import EXACT, NUMERICAL, SAFETY_CLASSES
from autotune.plan.making import make_space
from autotune.plan.space import SearchSpace

FIRST_KNOBS = ("dt", "nspike", "gid_compress", "bin_queue", "self_queue", "cache_efficient")


@pytest.fixture
def space(ring):
    """`space(only, exclude, **facts)`: the search space of the observed ring, with other facts if given."""

    def make(only=FIRST_KNOBS, exclude=(), spikes=None, digests=None, **facts) -> SearchSpace:
        observation = replace(ring.observation, facts=replace(ring.observation.facts, **facts))
        if spikes is not None:
            observation = replace(observation, spikes=spikes)
        if digests is not None:
            observation = replace(observation, voltage_digests=digests)
        return make_space(observation, only, exclude)

    return make


def reason(space: SearchSpace, knob: str) -> str:
    assert knob not in space.domains
    return next(left.reason for left in space.out if left.knob == knob)


def test_every_knob_is_either_searched_or_left_out_with_a_reason(space):
    found = space()
    assert {*found.domains, *(left.knob for left in found.out)} >= set(FIRST_KNOBS)
    assert not set(found.domains) & {left.knob for left in found.out}
    assert all(left.reason for left in found.out)


def test_the_users_own_value_is_among_the_values_of_every_knob(space):
    found = space()
    assert found.baseline["dt"] == 0.025
    for name, domain in found.domains.items():
        assert found.baseline[name] in domain.values
        assert domain.safety in SAFETY_CLASSES


def divides(dt: float, *lengths: float) -> bool:
    return all(abs(length / dt - round(length / dt)) < 1e-6 for length in lengths)


def test_dt_goes_up_to_four_times_the_own_step_first_in_steps_that_divide_delays_and_run(space):
    values = space().domains["dt"].values
    assert values[0] == 0.025
    assert max(values) == 0.1
    divided = [divides(dt, 1.0, 2.0, 100.0) for dt in values]
    assert divided == sorted(divided, reverse=True), "those that do not divide come last"
    assert divided.count(False) == 1
    assert max(space(min_delay_ms=0.05).domains["dt"].values) == 0.05


def test_a_network_whose_delays_no_larger_step_divides_is_offered_one_all_the_same(space):
    own = {**space().facts.baseline, "dt": 0.1}
    found = space(dt_ms=0.1, baseline=own, delays_ms=(0.7, 1.1), min_delay_ms=0.7).domains["dt"]
    assert (found.values, found.safety) == ((0.1, 0.125, 0.2, 0.25, 0.4), NUMERICAL)


@pytest.mark.parametrize("end_ms", [100.0, 100.025])  # psolve(100), while (t < 100) fadvance()
def test_a_loop_that_ends_one_step_late_shuts_no_step_out(space, end_ms):
    assert space(t_stop_ms=end_ms).domains["dt"].values == space(t_stop_ms=100.0).domains["dt"].values


def test_dt_and_the_queue_are_left_to_cvode(space):
    assert "CVODE" in reason(space(cvode=True), "dt")
    assert "loses events with CVODE" in reason(space(cvode=True), "bin_queue")
    assert "CVODE" in reason(space(cvode=True), "nspike")


def test_nspike_is_tried_at_the_percentiles_of_the_observed_histogram(space):
    histogram = (0, 50, 30, 10, 6, 0, 3, 1)  # of 100 exchanges: the median is 1, 95 % have up to 4, 99 % up to 6
    domain = space(histogram=histogram).domains["nspike"]
    assert {0, 1, 4, 6} <= set(domain.values)
    assert domain.recommended == (4,)
    assert domain.safety == EXACT


def test_spikes_are_not_compressed_where_none_are_exchanged(space):
    for knob in ("nspike", "gid_compress"):
        assert reason(space(ranks=1), knob) == "one rank: no spikes are exchanged"
        assert "no connection between ranks" in reason(space(min_delay_ms=None), knob)


def test_gids_are_not_compressed_beyond_256_on_a_rank(space):
    assert "300 output gids on rank 1" in reason(space(output_gids=(256, 300)), "gid_compress")
    assert "gid_compress" in space(output_gids=(256, 256)).domains


def test_the_self_queue_needs_psolve_and_delays(space):
    assert "pc.psolve" in reason(space(psolve=False), "self_queue")
    assert "zero delays" in reason(space(delays_ms=(0.0, 2.0)), "self_queue")


def test_the_bin_queue_moves_events_where_delays_are_off_the_grid(space):
    assert space(artificial_cells=0).domains["bin_queue"].safety == EXACT
    assert space(artificial_cells=0, delays_ms=(1.01,)).domains["bin_queue"].safety == NUMERICAL
    assert space(artificial_cells=40).domains["bin_queue"].safety == NUMERICAL


def test_cache_efficient_acts_in_neuron_8_only(space):
    assert space(neuron=(8, 2, 7)).domains["cache_efficient"].values == (False, True)
    assert reason(space(neuron=(9, 0, 2)), "cache_efficient").startswith("no effect in this NEURON")


def test_what_the_user_leaves_out_is_left_out(space):
    assert reason(space(exclude=("dt",)), "dt") == "left out as you asked"
    assert set(space(only=("bin_queue",)).domains) == {"bin_queue"}


def test_without_spikes_all_knobs_are_searched_and_without_voltages_none(space):
    assert {"dt", "nspike"} <= space(
        spikes=0
    ).domains.keys()  # judged by traces, or left out later: Acceptance.unproved
    assert space(spikes=0, digests=("", "")).domains == {}
    assert "nothing can be verified" in reason(space(spikes=0, digests=("", "")), "dt")


def test_a_knob_that_cannot_act_beside_the_others_is_no_part_of_the_settings(space):
    found = space()
    assert found.active({"nspike": 0, "gid_compress": True}) == {"nspike": 0}
    assert found.changes({"dt": 0.025, "nspike": 2, "gid_compress": False}) == {"nspike": 2}
    assert found.canonical({"nspike": 0, "gid_compress": False, "coreneuron": True, "dt": 0.05}) == {
        "nspike": 0,
        "dt": 0.05,
    }


def test_settings_are_judged_by_the_weakest_promise_among_their_changes(space):
    found = space()
    assert found.safety({}) == EXACT
    assert found.safety({"nspike": 2, "gid_compress": True}) == EXACT
    assert found.safety({"nspike": 2, "dt": 0.05}) == NUMERICAL
