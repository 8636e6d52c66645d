"""What advice is given where: by the number that causes it, on either side of its limit."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autotune.agent.driver.facts import LaunchFacts, ModelFacts
from autotune.calibrate.calibration import Calibration
from autotune.launch.build import compiler
from autotune.launch.compiled import for_any_processor
from autotune.profile.advice import Known, advise
from autotune.profile.profile import CONNECTING, CREATING, OUTPUT, RUN, SET_UP, START, Profile, RankProfile

FACTS = ModelFacts(
    neuron=(9, 0, 2),
    ranks=2,
    dt_ms=0.025,
    t_stop_ms=1000.0,
    cores=2,
    cells=100,
    run_s=9.0,
    step_s=8.0,
    exchange_s=0.5,
    barrier_s=0.2,
    queue_events=1000,
    launch=LaunchFacts(mpi=True),
)
SECTIONS = {START: 0.5, CREATING: 0.2, CONNECTING: 0.2, SET_UP: 0.1, RUN: 9.0, OUTPUT: 0.0}


def known(ranks: int = 2, spikes: int = 500, calibration: Calibration | None = None, **facts: Any) -> Known:
    """Of a model in which nothing stands in the way, but for what is given."""
    each = [RankProfile(rank, cells=50, trees=50, step_s=8.0, spikes=spikes // ranks + rank) for rank in range(ranks)]
    profile = Profile(10.0, SECTIONS, "", tuple(each))
    observation: Any = SimpleNamespace(facts=replace(FACTS, ranks=ranks, **facts), beside=SimpleNamespace(step_calls=0))
    return Known(profile, observation, hoc=False, command=("python", "net.py"), calibration=calibration)


def names(of: Known) -> list[str]:
    return [advice.name for advice in advise(of)]


def test_a_model_in_which_nothing_stands_in_the_way_is_left_alone() -> None:
    assert names(known()) == []


@pytest.mark.parametrize(("exchange_s", "barrier_s", "wanted"), [(6.0, 1.0, True), (6.0, 2.0, False)])
def test_ranks_that_exchange_more_than_they_compute_are_too_many(
    exchange_s: float, barrier_s: float, wanted: bool
) -> None:
    """The wait for the slowest rank is none of the exchange: that is told as the balance."""
    said = advise(known(exchange_s=exchange_s, barrier_s=barrier_s))
    assert [advice.name for advice in said] == (["more ranks than work"] if wanted else [])
    if wanted:
        assert said[0].bound == pytest.approx(2.0)  # 5 of 10 s
        assert "56%" in said[0].because
        assert "50 cells a rank" in said[0].because


def test_more_ranks_than_cores_are_named() -> None:
    assert names(known(ranks=4)) == ["more ranks than cores"]


def test_a_step_that_a_study_has_found_finer_or_coarser_than_the_spikes_need() -> None:
    fine = Calibration(1.0, own_error_ms=0.001)
    said = advise(known(calibration=fine))
    assert [advice.name for advice in said] == ["dt too fine"]
    assert said[0].bound == pytest.approx(10.0 / 5.5)
    assert "0.001 ms" in said[0].because
    assert names(known(calibration=replace(fine, own_error_ms=0.2))) == []
    assert names(known(calibration=replace(fine, dt_is_fixed=True))) == []
    coarse = replace(fine, own_error_ms=3.0, note="your own dt is not converged: spikes move by 3 ms at dt/2")
    assert names(known(calibration=coarse)) == ["dt too coarse"]
    with_more = known(calibration=replace(coarse, note=f"your script counts steps: v.csv: 9 lines; {coarse.note}"))
    assert [advice.because for advice in advise(with_more)] == [coarse.note]


@pytest.mark.parametrize(("plain", "share"), [(("costly",), 0.5), ((), 0.5), (("costly",), 0.01)])
def test_mechanisms_for_any_processor_are_named_if_they_cost_something(plain: tuple[str, ...], share: float) -> None:
    launch = LaunchFacts(mpi=True, mod_files=("/a model/mod/costly.mod",), plain=plain)
    of = known(launch=launch)
    of = replace(of, profile=replace(of.profile, mechanisms={"costly": share, "hh": 0.4}, mechanisms_run_s=1.0))
    said = advise(of)
    assert [advice.name for advice in said] == (["compiled at -O2"] if plain and share > 0.1 else [])
    if said:
        assert said[0].bound == pytest.approx(10.0 / (10.0 - 9.0 * 0.5 * 0.75))
        assert "'/a model/mod'" in said[0].how
        assert "50% of the run section is spent in costly" in said[0].because


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only code for x86-64 is understood")
@pytest.mark.parametrize(("flags", "plain"), [("-O2", True), ("-O3", True), ("-O3 -mavx2", False)])
def test_for_which_processor_a_library_was_compiled_is_seen_in_its_code(
    tmp_path: Path, flags: str, plain: bool
) -> None:
    found = compiler(os.environ)
    if found is None:
        pytest.skip("there is no C++ compiler")
    source = tmp_path / "kinetics.cpp"
    source.write_text("double rate(double v, double k) { return (v + 40.0) * k / (v - 65.0 * k); }")
    library = tmp_path / "libnrnmech.so"
    subprocess.run([found, *flags.split(), "-shared", "-fPIC", "-o", library, source], check=True)
    assert for_any_processor(library) == plain
    assert not for_any_processor(tmp_path / "none.so")


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({"cvode": True, "queue_events": 100_000}, ["fixed step"]),
        ({"cvode": True, "queue_events": 1_000}, []),
        ({"queue_events": 10, "cells": 1, "launch": LaunchFacts()}, ["variable step"]),
        ({"queue_events": 100_000, "cells": 1, "launch": LaunchFacts()}, []),
        ({"queue_events": 10, "cells": 1, "launch": LaunchFacts(), "t_stop_ms": 50.0}, []),
    ],
)
def test_fixed_and_variable_step_each_where_it_serves(facts: dict[str, Any], wanted: list[str]) -> None:
    assert names(known(ranks=1, spikes=1, **facts)) == wanted
