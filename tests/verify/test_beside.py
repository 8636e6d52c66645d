"""What a run does beside its spikes, and what is no difference: the rules one by one."""

from __future__ import annotations

from typing import Any

import pytest

from autotune.agent.knobs import EXACT, NUMERICAL, ROUND_OFF
from autotune.launch.beside import Beside, Recorded
from autotune.launch.printed import Printed, comparable, warns
from autotune.results import FARTHEST, Compared
from autotune.verify.beside import OwnRuns, OwnRunsRecord, difference

CORENEURON: dict[str, Any] = {"coreneuron": True}


def did(*lines: str, **what: Any) -> Beside:
    counts: dict[str, int] = {}
    for line in lines:
        counts[comparable(line)] = counts.get(comparable(line), 0) + 1
    warnings = {comparable(line): line for line in lines if warns(line)}
    return Beside(**{"dt_ms": 0.025, "vectors": (), "printed": Printed(counts, warnings), **what})


def compared(
    own: list[Beside], run: Beside, safety: str = ROUND_OFF, identical: bool = True, **changes: Any
) -> Compared | None:
    return difference(own, run, changes or CORENEURON, safety, identical)  # type: ignore[arg-type]


def reason(*arguments: Any, **more: Any) -> str:
    found = compared(*arguments, **more)
    assert found is not None
    return found.says


def trace(length: int, total: float = 1.0, number: int = 1, kind: str = "every step") -> Recorded:
    return Recorded(kind, length, number, (float(length * number), total, abs(total), 0.0))


def test_calls_at_steps_go_with_the_steps() -> None:
    own = [did(step_calls=120_000)] * 2
    assert reason(own, did(step_calls=0)) == "callbacks: 0 of 120000 calls at steps"
    assert compared(own, did(step_calls=120_000)) is None
    assert compared(own, did(step_calls=60_000, dt_ms=0.05), NUMERICAL) is None
    assert reason(own, did(step_calls=0, dt_ms=0.05), NUMERICAL) == "callbacks: 0 of 60000 calls at steps"


@pytest.mark.parametrize(
    ("own", "run", "word"),
    [
        ({"spike_functions": 3}, {}, "0 of 3 functions at spikes"),
        ({"transitions": 1}, {}, "0 of 1 StateTransitionEvents"),
        ({"events_left": 1}, {"events_left": 301}, "300 events of the interpreter"),
    ],
)
def test_functions_and_events_that_are_left_out(own: dict[str, int], run: dict[str, int], word: str) -> None:
    found = compared([did(**own)] * 2, did(**run))
    assert found is not None
    assert found.where == "callbacks"
    assert word in found.says
    assert compared([did(**own)] * 2, did(**own)) is None


def test_an_exact_knob_executes_as_many_events() -> None:
    own = [did(events=17)] * 2
    assert "another number" in reason(own, did(events=16), EXACT)
    assert compared([did(events=17), did(events=3)], did(events=16), EXACT) is None


def test_recorded_vectors_are_as_long_as_the_steps_make_them() -> None:
    own = [did(vectors=(trace(4001),))] * 2
    found = compared(own, did(vectors=(trace(1),)))
    assert found == Compared(
        "trace", "", "different", FARTHEST, "trace: vectors that record at every step hold 1 values, in your run 4001"
    )
    assert compared(own, did(vectors=(trace(2001),), dt_ms=0.05), NUMERICAL, identical=False) is None
    assert reason(own, did(vectors=(trace(900),), dt_ms=0.05), NUMERICAL, identical=False)
    assert "there are no vectors" in reason(own, did(vectors=()))
    assert "there are 1 vectors" in reason([did(vectors=(trace(10, number=2),))], did(vectors=(trace(10),)))


def test_vectors_at_given_times_stay_as_long_with_another_step() -> None:
    own = [did(vectors=(trace(101, kind="an interval"),))] * 2
    assert compared(own, did(vectors=(trace(101, kind="an interval"),), dt_ms=0.05), NUMERICAL) is None
    assert reason(own, did(vectors=(trace(51, kind="an interval"),), dt_ms=0.05), NUMERICAL)


def test_recorded_values_hold_where_the_spikes_are_the_same() -> None:
    own = [did(vectors=(trace(100, 50.0),))] * 2
    assert "other values" in reason(own, did(vectors=(trace(100, 0.0),)))
    assert compared(own, did(vectors=(trace(100, 50.001),))) is None
    assert "other values" in reason(own, did(vectors=(trace(100, 50.001),)), EXACT)
    assert compared(own, did(vectors=(trace(100, 50.0 + 1e-9),)), EXACT) is None
    assert compared(own, did(vectors=(trace(100, 0.0),)), NUMERICAL, identical=False) is None


def test_values_that_differ_among_the_users_own_runs_prove_nothing() -> None:
    own = [did(vectors=(trace(100, 50.0),)), did(vectors=(trace(100, 20.0),))]
    assert compared(own, did(vectors=(trace(100, 20.0),)), EXACT) is None


def test_a_watched_run_keeps_no_vectors_and_is_not_asked_for_them() -> None:
    assert compared([did(vectors=None)], did(vectors=(trace(10),))) is None


def test_another_number_of_ranks_records_and_prints_for_each() -> None:
    own = [did("ready", "ready", ranks=2, vectors=(trace(100, number=2),))] * 2
    assert compared(own, did("ready", ranks=1, vectors=(trace(100, 5.0),)), ranks=1) is None
    assert "'ready' is not printed" in reason(own, did(ranks=1, vectors=(trace(100),)), ranks=1)


def test_a_warning_that_no_run_of_the_user_has_printed_counts() -> None:
    text = "WARNING: CVode.event(...) for delivery at time step nearest 3 discarded."
    found = compared([did()] * 2, did(text, text), NUMERICAL, identical=False)
    assert found == Compared("output", "", "different", FARTHEST, f"warning: {text} (2 lines like it)")
    assert compared([did(text)] * 2, did(text, text)) is None


def test_a_line_that_every_run_of_the_user_prints_must_come() -> None:
    own = [did("done", "saved")] * 2
    assert compared(own, did("saved", "done")) is None
    assert reason(own, did("saved")) == "output: 'done' is not printed"
    assert reason(own, did("saved"), NUMERICAL, identical=False) == "output: 'done' is not printed"
    assert compared([did("done"), did("saved")], did()) is None
    assert compared([did("done")], did()) is None  # a single run shows not what varies


def test_lines_of_two_ranks_may_run_into_each_other() -> None:
    own = [did("rank a is ready", "rank b is ready", ranks=2)] * 2
    assert compared(own, did("rank a is readyrank b is ready", ranks=2)) is None


def test_a_line_that_comes_often_comes_as_often() -> None:
    own = [did(*["called"] * 300)] * 2
    assert reason(own, did("called")) == "output: 'called' is printed 1 times, in your run 300 times"
    assert compared(own, did(*["called"] * 150), NUMERICAL, identical=False) is None
    clock = [did(*["still running"] * 3)] * 2
    assert compared(clock, did("still running")) is None


def test_a_number_that_is_quite_another_counts_where_the_spikes_are_the_same() -> None:
    own = [did("calls: 120000")] * 2
    assert reason(own, did("calls: 0")) == "output: 'calls: #' for 'calls: 120000' in your run"
    assert compared(own, did("calls: 120003")) is None
    assert compared(own, did("calls: 0"), identical=False) is None
    assert compared([did("calls: 120000"), did("calls: 170")], did("calls: 0")) is None
    assert compared([did("took 120000")] * 2, did("took 300")) is None


def test_new_lines_count_beyond_those_that_vary_by_themselves() -> None:
    assert reason([did("a")] * 2, did("a", "oh no")) == "output: 'oh no' is printed, and in no run of yours"
    varies = [did("a", "on node-ant"), did("a", "on node-bee")]
    assert compared(varies, did("a", "on node-cow")) is None
    assert compared([did("a")] * 2, did("a", "[node:1] PMIX: all is well")) is None
    assert compared([did("a")] * 2, did("a", "hello from 8.2"), neuron="/another/environment") is None


def test_what_is_known_is_written_down_and_whole_runs_are_apart_from_short_ones() -> None:
    written: list[OwnRunsRecord] = []
    whole = OwnRuns(on_record=written.append)
    whole.until(10.0).learn(did("short"))
    whole.learn(did("whole"))
    assert [list(record.runs) for record in written] == [["10"], ["10", "whole"]]
    again = OwnRuns(written[-1])
    assert again.examples == (did("whole"),)
    assert again.until(10.0).examples == (did("short"),)
    assert again.until(20.0).examples == ()
