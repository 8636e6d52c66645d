"""Each knob that acts inside finitialize is set, read back and takes effect, or is refused for its reason, in both
versions of NEURON.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from model_bench import Bench

from autotune.agent.knobs import KNOBS, Domain, Excluded
from autotune.launch import parse_command
from autotune.launch.ask import Run
from autotune.launch.judge import RunFailed
from autotune.observe import merge_facts
from autotune.raster.metrics import identical

RING = "mpiexec -n 2 python small_ring.py --tstop 50"
OFTEN = RING + " --maxstep 0.5"
SERIAL_RING = "python small_ring.py --tstop 50"
CORES = 2
RunModel = Callable[..., Run]


@pytest.fixture(scope="module")
def run(version: str, environments: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> RunModel:
    """`run(line, **settings)`: a watched run; without settings it is the model's baseline and is made once."""
    bench = Bench(tmp_path_factory.mktemp("bench"), environments(f"neuron=={version}"))
    baselines: dict[str, Run] = {}

    def make(line: str, **settings: Any) -> Run:
        if settings:
            return bench.watched(line, settings)[0]
        if line not in baselines:
            baselines[line] = bench.watched(line)[0]
        return baselines[line]

    return make


def facts_of(run: Run, line: str, **changed: Any) -> Any:
    return replace(merge_facts(run, parse_command(line.split(), Path.cwd())), cores=CORES, **changed)


def reason(knob: str, facts: Any) -> str:
    answer = KNOBS[knob].domain(facts)
    assert isinstance(answer, Excluded), answer
    return answer.reason


def exchanges(run: Run) -> int:
    return sum(run.reports[0].histogram)


def took_effect(run: Run, settings: dict[str, Any]) -> bool:
    return {name: run.effective[name] for name in settings} == settings


def test_compressed_spikes_and_gids_without_the_barrier(run: RunModel) -> None:
    settings = {"nspike": 3, "gid_compress": True, "step_wait": False}
    changed = run(RING, **settings)
    assert took_effect(changed, settings)
    assert changed.sections["barrier"] == 0 < run(RING).sections["barrier"]
    assert identical(run(RING).raster, changed.raster)
    assert run(RING).effective["nspike"] == 0
    assert run(RING).effective["step_wait"] is True


def test_the_multisend_exchange_with_both_options_needs_its_maxstep_and_gets_it(run: RunModel) -> None:
    settings = {"multisend": True, "multisend_subintervals": True, "multisend_two_phase": True}
    changed = run(RING, **settings)  # a segmentation fault without set_maxstep
    assert took_effect(changed, settings)
    assert exchanges(changed) == 0 < exchanges(run(RING))  # nothing was gathered
    assert identical(run(RING).raster, changed.raster)


def test_multisend_is_never_tried_beside_threads(run: RunModel) -> None:
    facts = facts_of(run(RING), RING)
    assert KNOBS["multisend"].refusal({"multisend": True, "threads": 2}, facts) == (
        "2 threads: the multisend exchange needs one thread a rank"
    )
    assert not KNOBS["multisend"].refusal({"multisend": False, "threads": 2}, facts)


def test_maxstep_is_offered_where_the_model_exchanges_more_often_than_it_must(run: RunModel) -> None:
    assert KNOBS["maxstep"].domain(facts_of(run(OFTEN), OFTEN)) == Domain((None, 2.0), (2.0,))
    assert reason("maxstep", facts_of(run(RING), RING)) == (
        "spikes are already exchanged as seldom as the delays allow, every 2 ms"
    )
    changed = run(OFTEN, maxstep=2.0)
    assert changed.effective["maxstep"] == 2.0
    assert exchanges(changed) < exchanges(run(OFTEN)) / 3
    assert identical(run(OFTEN).raster, changed.raster)


def test_an_exchange_interval_that_the_script_sets_after_us_is_not_believed(run: RunModel) -> None:
    model = run(OFTEN + " --handler", maxstep=3.0)
    assert model.effective["maxstep"] == pytest.approx(0.5, rel=0.1)


def test_compression_of_delays_of_255_steps_and_more_does_not_abort_the_model(run: RunModel) -> None:
    line = "mpiexec -n 2 python mixed_delays.py"
    changed = run(line, nspike=4)
    assert changed.effective["nspike"] == 4
    assert changed.effective["maxstep"] == pytest.approx(254 * 0.025)
    assert identical(run(line).raster, changed.raster)


def test_a_smaller_dt_does_not_abort_a_model_that_compresses_its_spikes(run: RunModel) -> None:
    line = RING + " --delay 6 --compress 2"  # 240 steps, 480 at half of dt
    changed = run(line, dt=0.0125)
    assert took_effect(changed, {"dt": 0.0125, "nspike": 2})
    assert len(changed.raster)


def test_the_bin_queue_is_never_tried_with_cvode_where_it_loses_events(run: RunModel) -> None:
    line = "mpiexec -n 2 python variable_step.py"
    facts = facts_of(run(line), line)
    assert reason("bin_queue", facts) == "variable step: the bin queue loses events with CVODE"
    assert reason("dt", facts) == "variable step: CVODE chooses its own steps"
    lossy = run(line, bin_queue=True, nspike=4)
    assert len(lossy.raster) < len(run(line).raster)
    assert lossy.effective["nspike"] == 0  # NEURON does not compress with CVODE, and says so when asked


def test_what_neuron_refuses_is_read_back_as_refused(run: RunModel) -> None:
    line = "mpiexec -n 2 python many_gids.py"
    changed = run(line, nspike=4, gid_compress=True)
    assert changed.effective["nspike"] == 4
    assert changed.effective["gid_compress"] is False
    assert reason("gid_compress", facts_of(run(line), line)) == (
        "300 output gids on rank 1: gid compression needs 256 or fewer"
    )


def test_gid_compression_reaches_neuron_which_says_where_it_cannot(
    version: str, environments: Callable[..., Path], tmp_path: Path
) -> None:
    bench = Bench(tmp_path, environments(f"neuron=={version}"))
    for asked in (True, False):
        _, ending = bench.watched("mpiexec -n 2 python many_gids.py", {"nspike": 4, "gid_compress": asked})
        told = any("gid compression" in line for line in ending.stdout + ending.stderr)
        assert told == asked, "NEURON tells of 304 gids that do not fit, if it was asked to compress them"


def test_the_self_queue_is_read_back_as_cleared_with_zero_delays(run: RunModel) -> None:
    line = "mpiexec -n 2 python zero_delay.py"
    assert run(line, self_queue=True).effective["self_queue"] is False
    facts = facts_of(run(line), line)
    assert reason("self_queue", facts) == "zero delays: NEURON clears the self queue"
    assert (
        reason("threads", facts)
        == "the smallest delay, 0 ms, is less than two steps of 0.025 ms: too short for threads"
    )


def test_queue_modes_are_read_back_after_finitialize(run: RunModel) -> None:
    settings = {"bin_queue": True, "self_queue": True}
    changed = run(SERIAL_RING, **settings)
    assert took_effect(changed, settings)
    assert identical(run(SERIAL_RING).raster, changed.raster)


def test_threads_share_the_cells_of_a_rank(run: RunModel) -> None:
    facts = facts_of(run(SERIAL_RING), SERIAL_RING)
    assert KNOBS["threads"].domain(facts) == Domain((1, 2), (2,), "round-off")
    assert "no core is free" in reason("threads", facts_of(run(RING), RING))
    changed = run(SERIAL_RING, threads=2, nspike=4)
    assert took_effect(changed, {"threads": 2})
    assert changed.effective["nspike"] == 0  # one rank
    assert identical(run(SERIAL_RING).raster, changed.raster)


def test_threads_need_two_steps_in_the_smallest_delay_and_free_cores(run: RunModel) -> None:
    threads, facts = KNOBS["threads"], facts_of(run(SERIAL_RING), SERIAL_RING, ranks_tunable=True)
    assert not threads.refusal({"threads": 2, "dt": 0.5}, facts)
    assert "too short for threads" in threads.refusal({"threads": 2, "dt": 0.6}, facts)  # delays of 1 ms
    assert threads.refusal({"threads": 2, "ranks": 2}, facts) == "2 ranks x 2 threads on 2 cores"


def test_busy_waiting_threads_run_in_8_2_and_abort_9(run: RunModel, version: str) -> None:
    facts = facts_of(run(SERIAL_RING), SERIAL_RING)
    if version.startswith("8"):
        assert KNOBS["busywait"].domain(facts) == Domain((False, True))
        changed = run(SERIAL_RING, threads=2, busywait=True)
        assert took_effect(changed, {"threads": 2, "busywait": True})
        assert run(SERIAL_RING).effective["busywait"] is False
        assert identical(run(SERIAL_RING).raster, changed.raster)
    else:
        assert reason("busywait", facts) == "NEURON 9 aborts when threads spin"
        with pytest.raises(RunFailed):
            run(SERIAL_RING, threads=2, busywait=True)


def test_the_order_of_the_integration_moves_spikes(run: RunModel) -> None:
    changed = run(SERIAL_RING, secondorder=2)
    assert took_effect(changed, {"secondorder": 2})
    assert len(changed.raster) == len(run(SERIAL_RING).raster)
    assert not identical(run(SERIAL_RING).raster, changed.raster)


def test_the_order_of_nodes_is_a_knob_of_neuron_9(run: RunModel, version: str) -> None:
    facts = facts_of(run(SERIAL_RING), SERIAL_RING)
    if version.startswith("8"):
        assert reason("node_order", facts) == "no effect in NEURON 8.2"
    else:
        assert KNOBS["node_order"].domain(facts) == Domain((0, 1, 2), safety="round-off")
        changed = run(SERIAL_RING, node_order=2)
        assert took_effect(changed, {"node_order": 2})
        assert identical(run(SERIAL_RING).raster, changed.raster)


def test_cache_efficiency_is_a_knob_of_neuron_8(run: RunModel, version: str) -> None:
    facts = facts_of(run(SERIAL_RING), SERIAL_RING)
    if version.startswith("8"):
        assert run(SERIAL_RING).effective["cache_efficient"] is False
        assert run(SERIAL_RING, cache_efficient=True).effective["cache_efficient"] is True
    else:
        assert "no effect in this NEURON" in reason("cache_efficient", facts)
        assert run(SERIAL_RING, cache_efficient=False).effective["cache_efficient"] is True


def test_dt_survives_the_run_procedure_that_restores_it(run: RunModel) -> None:
    line = "python serial_run.py"
    changed = run(line, dt=0.05)
    assert took_effect(changed, {"dt": 0.05})
    assert not identical(run(line).raster, changed.raster)
