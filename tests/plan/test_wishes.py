"""What the user may say of the plan, what Amdahl's law takes out of it, and the command that prints it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autotune.agent.driver.facts import ModelFacts
from autotune.agent.knobs import KNOBS, Domain
from autotune.errors import UsageError
from autotune.launch import find_mpi, launch_environment, mpi_environment, parse_command
from autotune.launch.run import FreshRunner, stage_agent
from autotune.observe import Observation, observe
from autotune.plan.making import make_space
from autotune.plan.space import SearchSpace

RING = Path(__file__).parent.parent / "models" / "small_ring.py"


@pytest.fixture(scope="module")
def observation(tmp_path_factory: pytest.TempPathFactory) -> Observation:
    folder = tmp_path_factory.mktemp("observed")
    command = parse_command(["mpiexec", "-n", "2", sys.executable, str(RING), "--maxstep", "0.5"], folder)
    environment = launch_environment(command, os.environ)
    environment |= mpi_environment(find_mpi(command, environment), environment)
    stage_agent(folder / "agent")
    return observe(FreshRunner(command, environment, folder / "agent", folder / "scratch"), None, 120)[0]


def with_times(observation: Observation, **seconds: float) -> Observation:
    return replace(observation, facts=replace(observation.facts, **{"run_s": 10.0, "step_s": 9.0, **seconds}))


def reasons(space: SearchSpace) -> dict[str, str]:
    return {left.knob: left.reason for left in space.out}


def test_a_knob_that_cannot_pay_is_left_out(observation: Observation) -> None:
    quiet = with_times(observation, exchange_s=0.04, barrier_s=0.01)
    space = make_space(quiet, smallest_gain=0.02)
    assert reasons(space)["nspike"] == "at most 0.4 % of the run is exchange: below what this machine can resolve"
    assert reasons(space)["step_wait"] == (
        "at most 0.1 % of the run is the barrier before exchange: below what this machine can resolve"
    )
    assert "dt" in space.domains


def test_a_knob_that_is_named_is_searched_whatever_it_can_bring(observation: Observation) -> None:
    quiet = with_times(observation, exchange_s=0.04, barrier_s=0.01)
    assert "nspike" in make_space(quiet, only=["nspike"], smallest_gain=0.02).domains


def test_waiting_for_slower_ranks_is_exchange_that_can_be_saved(observation: Observation) -> None:
    waiting = with_times(observation, exchange_s=5.0, barrier_s=4.9)
    space = make_space(waiting, smallest_gain=0.02)
    assert space.bound("nspike") == pytest.approx(2.0)
    assert space.bound("maxstep") == pytest.approx(2.0)


def test_without_psolve_no_time_is_known_and_nothing_is_left_out_for_it(observation: Observation) -> None:
    untimed = with_times(observation, step_s=0.0, exchange_s=0.0)
    space = make_space(untimed, smallest_gain=0.02)
    assert "nspike" in space.domains
    assert space.bound("nspike") is None


def test_a_knob_that_needs_another_one_is_left_out_without_it(observation: Observation) -> None:
    space = make_space(observation, only=["gid_compress"])
    assert reasons(space)["gid_compress"] == "it acts only with spike compression (nspike above 0)"
    compressed = replace(observation.facts, baseline={**observation.facts.baseline, "nspike": 4})
    assert "gid_compress" in make_space(observation, only=["nspike", "gid_compress"]).domains
    own = make_space(replace(observation, facts=compressed), only=["nspike", "gid_compress"])
    assert "cannot tell whether gids too" in reasons(own)["gid_compress"]


def test_a_model_that_runs_with_coreneuron_is_told_what_coreneuron_does_not_look_at(observation: Observation) -> None:
    facts = replace(observation.facts, baseline={**observation.facts.baseline, "coreneuron": True})
    space = make_space(replace(observation, facts=facts))
    for name in ("self_queue", "step_wait", "maxstep", "gid_compress", "cache_efficient", "node_order"):
        assert "which does not look at it" in reasons(space)[name]
    assert {"dt", "cell_permute"} <= space.domains.keys()


def test_dependent_knobs_are_no_settings_where_they_cannot_act(observation: Observation) -> None:
    space = make_space(observation)
    asked = {**space.baseline, "multisend": True, "multisend_subintervals": True, "nspike": 4, "step_wait": False}
    assert not {"nspike", "gid_compress", "step_wait"} & set(space.active(asked))
    assert space.active(asked)["multisend_subintervals"] is True
    assert "maxstep" not in space.active({**space.baseline, "self_queue": True})


def test_the_users_own_values_are_searched(observation: Observation) -> None:
    space = make_space(observation, values={"dt": (0.05, 0.03), "nspike": (3,)})
    assert space.domains["dt"].values == (0.025, 0.03, 0.05)  # 0.03 ms divides neither delays nor run
    assert space.domains["nspike"].values == (0, 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dt": (2.5,)}, "search.values.dt: 2.5 ms is above 2 ms, the longest step that the delays allow"),
        ({"nspike": (2.5,)}, "search.values.nspike: 2.5 is not a whole number"),
        ({"dt": (0,)}, "search.values.dt: 0 is not possible"),
        ({"bin_queue": (1,)}, "search.values.bin_queue: 1 is not one of False, True"),
        ({"secondorder": (3,)}, "search.values.secondorder: 3 is not one of 0, 1, 2"),
    ],
)
def test_values_that_cannot_be_are_told_by_name(observation: Observation, values: Any, message: str) -> None:
    with pytest.raises(UsageError) as error:
        make_space(observation, values=values)
    assert error.value.message == message


def test_threads_halve_the_longest_step() -> None:
    facts = ModelFacts(
        (9, 0, 2), 1, 0.025, 100.0, delays_ms=(0.1, 0.2), min_delay_ms=None, threads=2, baseline={"dt": 0.025}
    )
    threaded, alone = KNOBS["dt"].domain(facts), KNOBS["dt"].domain(replace(facts, threads=1))
    assert isinstance(threaded, Domain)
    assert isinstance(alone, Domain)
    assert max(threaded.values) == 0.05
    assert max(alone.values) == 0.1


def test_the_plan_is_printed_from_one_run_and_nothing_is_kept(
    autotune: Any, make_study: Any, listing: Any, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    study = make_study(tmp_path / "ring", search={"values": {"nspike": [2]}}, confirm={"minimum_gain": 0.0})
    study_file = study / "study.toml"
    study_file.write_text(study_file.read_text().replace('{"nspike": [2]}', "{nspike = [2]}"))
    before = listing(tmp_path)
    answer = autotune("plan", "--json", study, cwd=tmp_path, env={"TMPDIR": str(temporary)})
    assert answer.code == 0, str(answer)
    plan = json.loads(answer.stdout)
    nspike = next(entry for entry in plan["in"] if entry["knob"] == "nspike")
    assert nspike == {
        "knob": "nspike",
        "class": "exact",
        "domain": [0, 2],
        "classes": ["exact"] * 2,
        "bound": nspike["bound"],
    }
    assert nspike["bound"] > 1.0
    assert {"knob", "reason", "values"} == set(plan["out"][0])
    assert listing(tmp_path) == before
    table = autotune("plan", "--knobs", "dt", "--", "{python}", study / "small_ring.py", cwd=tmp_path)
    assert "left out as you asked" in table.stdout, str(table)


def test_a_value_for_an_unknown_knob_is_told_with_its_line(autotune: Any, make_study: Any, tmp_path: Path) -> None:
    study = make_study(tmp_path / "ring")
    file = study / "study.toml"
    file.write_text(file.read_text().replace("[search]", "[search]\nvalues = {dtt = [0.05]}"))
    answer = autotune("plan", study, cwd=tmp_path)
    assert answer.code == 2
    assert "study.toml:3: search.values" in answer.stderr, str(answer)
    assert "there is no knob 'dtt'; did you mean dt?" in answer.stderr
