"""Many runs on one built network: bit for bit the fresh ones, in both versions, or not done at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from model_bench import Bench, chosen, stay_sound

from autotune.launch.ask import Ask, Perturbation
from autotune.raster.metrics import identical

STUDIES = Path(__file__).parent.parent.parent / "studies"
pytestmark = [
    pytest.mark.newest,
    pytest.mark.ci,
]  # on the older one CI replays the NetPyNE network of test_frameworks.py

KNOBS = ["nspike", "gid_compress", "bin_queue", "dt", "cache_efficient", "node_order", "step_wait", "multisend"]
TWO = "mpiexec -n 2 "


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("line", "way"),
    [
        ("nrniv -mpi hoc_net.hoc", "stdinit()"),  # ends in runworker, done, quit
        ("python keeps_voltages.py", "finitialize()"),
        ("nrniv -mpi settles_first.hoc", "stdinit()"),  # an init() of its own, with a presimulation
        pytest.param("python early_finitialize.py", "stdinit()", marks=pytest.mark.slow),
        ("python {studies}/ring/ring.py --rings 4 --tstop 50", "stdinit()"),
        pytest.param("python {studies}/balanced/balanced.py --tstop 50", "stdinit()", marks=pytest.mark.slow),
        pytest.param("python {studies}/artificial/artificial.py --tstop 20", "stdinit()", marks=pytest.mark.slow),
    ],
)
def test_replays_on_two_ranks_are_the_fresh_run_before_and_after_other_settings(
    line: str, way: str, bench: Bench
) -> None:
    record, router = chosen(bench, TWO + line.format(studies=STUDIES), KNOBS)
    try:
        assert record.way == way, record.note
        assert stay_sound(router) >= 1
        perturbed = Ask(60, perturbation=Perturbation(0.01, 1))
        run = router.run(perturbed)
        assert run.way == "session"
        assert identical(run.raster, router.fresh.run(perturbed).raster)
        assert not router.proof.lost
    finally:
        router.close()


@pytest.mark.parametrize(
    "line",
    ["nrniv custom_init.hoc", "python small_ring.py", "python several_runs.py", "python handles_vectors.py two-runs 1"],
)
def test_one_process_is_copied_for_each_run(line: str, bench: Bench) -> None:
    record, router = chosen(bench, line, KNOBS)
    try:
        assert record.way == "fork", record.note
        finer = Ask(60, {"dt": 0.0125})
        assert identical(router.proof.run(finer).raster, router.fresh.run(finer).raster)
        assert identical(router.proof.run(Ask(60)).raster, router.acceptance.baseline)
    finally:
        router.close()


@pytest.mark.mpi
@pytest.mark.parametrize(
    "parts",
    [
        pytest.param("--played", marks=pytest.mark.slow),
        pytest.param("--gaps", marks=pytest.mark.slow),
        "--variable",
        pytest.param("--noise", marks=pytest.mark.slow),
        "--played --gaps --noise",
    ],
)
def test_what_finitialize_starts_again_itself_replays(parts: str, version: str, special: Path, bench: Bench) -> None:
    if version < "9":  # the RANDOM variables of NMODL came with NEURON 9
        parts = parts.replace("--noise", "") or pytest.skip("no RANDOM variables")
    bench.extra = (special,)
    record, router = chosen(bench, f"{TWO} python many_parts.py {parts}", KNOBS)
    try:
        assert record.way == "finitialize()", record.note
        stay_sound(router)
    finally:
        router.close()


@pytest.mark.mpi
def test_numbers_that_a_stream_has_drawn_ahead_cannot_be_put_back(version: str, special: Path, bench: Bench) -> None:
    if version < "9":
        pytest.skip("the RANDOM variables of NMODL came with NEURON 9")
    bench.extra = (special,)
    record, router = chosen(bench, f"{TWO} python many_parts.py --noise --stale", KNOBS)
    router.close()
    assert "replay 1 differs" in record.note


@pytest.mark.mpi
@pytest.mark.parametrize("option", ["--streams", "--weights", "--hoc", "--python"])
def test_what_finitialize_does_not_put_back_is_put_back(option: str, bench: Bench) -> None:
    record, router = chosen(bench, TWO + "python wears_out.py " + option, KNOBS)
    router.close()
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
    record, router = chosen(bench, TWO + line, KNOBS)
    router.close()
    assert record.way == ""
    assert why in record.note
