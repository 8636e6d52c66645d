"""What a script records is written as NEURON has filled it, on both versions, by Python and by hoc."""

from __future__ import annotations

from dataclasses import replace

import pytest
from model_bench import LIMIT_S, Bench

from autotune.launch.ask import Ask
from autotune.launch.run import Manner


@pytest.mark.parametrize(
    "line",
    [
        "python one_cell.py nothing every-step --tstop 20",
        "python one_cell.py nothing interval --tstop 20 --cvode",
        "python one_cell.py apcount times --tstop 30",
        "nrniv one_cell.hoc",
    ],
)
def test_a_recorded_vector_is_written_as_the_script_sees_it(line: str, bench: Bench) -> None:
    runner = replace(bench.runner(line), manner=Manner(traces=10))
    run = runner.run(Ask(LIMIT_S))
    printed = next(words for text in bench.plain(line).stdout if (words := text.split())[:1] == ["recorded"])
    assert run.traces is not None
    assert len(run.traces.keys) == run.traces.recorded == 1  # t is no result
    trace = run.traces.read(run.traces.keys[0])
    assert len(trace.values) == int(printed[1]) > 2
    assert float(trace.values.sum()) == pytest.approx(float(printed[2]), rel=1e-5)
    assert trace.times_ms is not None
    assert len(trace.times_ms) == len(trace.values)
    assert trace.times_ms[0] < 8
    assert (trace.times_ms[1:] > trace.times_ms[:-1]).all()


def test_a_trace_has_the_name_of_its_variable_or_its_own_label(bench: Bench) -> None:
    runner = replace(bench.runner("python recorded_names.py"), manner=Manner(traces=10))
    traces = runner.run(Ask(LIMIT_S)).traces
    assert traces is not None
    *names, artificial, labelled = [traces.name(key) for key in traces.keys]
    variables = ["soma(0.5).v", "soma(0.833333).m_hh", "soma(0.5).ina", "ExpSyn[0].i", "Cell[1].soma(0.5).v"]
    assert names == variables
    assert artificial == "Vector[5]"
    assert labelled == "gate"
