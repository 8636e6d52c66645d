"""Many runs on one built network: bit for bit the fresh ones, in both versions, or not done at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from model_bench import Bench

from autotune.config import AcceptConfig
from autotune.observe import observe
from autotune.plan.space import make_space
from autotune.raster.metrics import identical
from autotune.search.resident import ResidentRecord, Residents
from autotune.verify.acceptance import Acceptance

STUDIES = Path(__file__).parent.parent.parent / "studies"
KNOBS = ["nspike", "gid_compress", "bin_queue", "dt", "cache_efficient", "node_order"]
TWO = "mpiexec -n 2 "


def chosen(bench: Bench, line: str) -> tuple[ResidentRecord, Residents]:
    """What a study would find out about this model; close the second."""
    runner = bench.runner(line)
    observation, baseline = observe(runner, None)
    runner = runner.timed_by("psolve" if observation.facts.psolve else "clock")
    space = make_space(observation, only=KNOBS)
    residents = Residents(runner, space, Acceptance(baseline, observation, AcceptConfig()))
    return residents.choose(), residents


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("line", "way"),
    [
        ("python small_ring.py", "stdinit()"),
        ("nrniv -mpi hoc_net.hoc", "stdinit()"),
        ("python small_ring.py --quit runworker", "stdinit()"),
        ("python small_ring.py --quit fall-off", "stdinit()"),
        ("python early_finitialize.py", "stdinit()"),
        ("python keeps_voltages.py", "finitialize()"),
        ("python {studies}/ring/ring.py --tstop 50", "stdinit()"),
        ("python {studies}/balanced/balanced.py --tstop 100", "stdinit()"),
        ("python {studies}/artificial/artificial.py --tstop 100", "stdinit()"),
    ],
)
def test_replays_on_two_ranks_are_the_fresh_run_before_and_after_other_settings(
    line: str, way: str, bench: Bench
) -> None:
    record, residents = chosen(bench, TWO + line.format(studies=STUDIES))
    try:
        assert record.way == way, record.note
        space, baseline = residents.space, residents.acceptance.baseline
        changed = 0
        for name, domain in space.domains.items():
            settings = space.changes(space.with_values(**{name: domain.values[-1]}))
            if not settings or residents.runner_for(settings) is not residents:
                continue
            run = residents.run(settings, timeout_s=60)
            assert run.effective[name] == domain.values[-1]
            changed += 1
            assert identical(residents.run({}, timeout_s=60).raster, baseline), f"after {settings}"
        assert changed >= 2
        assert residents.lost == 0
    finally:
        residents.close()


@pytest.mark.parametrize("line", ["nrniv custom_init.hoc", "python small_ring.py", "python several_runs.py"])
def test_one_process_is_copied_for_each_run(line: str, bench: Bench) -> None:
    record, residents = chosen(bench, line)
    try:
        assert record.way == "fork", record.note
        assert identical(residents.run({"dt": 0.0125}).raster, residents.fresh.run({"dt": 0.0125}).raster)
        assert identical(residents.run({}).raster, residents.acceptance.baseline)
    finally:
        residents.close()


@pytest.mark.mpi
@pytest.mark.parametrize("option", ["--streams", "--weights", "--python"])
def test_what_finitialize_does_not_put_back_is_put_back(option: str, bench: Bench) -> None:
    record, residents = chosen(bench, TWO + "python wears_out.py " + option)
    residents.close()
    assert record.way == "finitialize()", record.note


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("python late_event.py", "replay 1 differs"),
        ("python wears_out.py", "replay 2 differs"),
    ],
)
def test_a_model_that_does_not_replay_is_told_from_one_that_does(line: str, why: str, bench: Bench) -> None:
    record, residents = chosen(bench, TWO + line)
    residents.close()
    assert record.way == ""
    assert why in record.note
