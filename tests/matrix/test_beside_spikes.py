"""What a run does beside its spikes, on both versions: CoreNEURON is left out where the watched run shows what it would
drop; where it runs all the same, it is told by what it dropped; and nothing else is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from model_bench import LIMIT_S, Bench

from autotune.agent.knobs import EXACT, NUMERICAL, ROUND_OFF
from autotune.config import AcceptConfig
from autotune.launch import find_mpi
from autotune.launch.ask import Ask
from autotune.launch.judge import RunFailed
from autotune.launch.run import FreshRunner
from autotune.observe import observe
from autotune.results import Compared, worst
from autotune.verify.acceptance import Acceptance
from autotune.verify.beside import OwnRuns

pytestmark = pytest.mark.newest

CORENEURON: dict[str, Any] = {"coreneuron": True}
EVENTS = "the model has events of the interpreter after finitialize (CVode.event)"
AT_STEPS = "the model has a function that is called at every step"
DROPPED = {
    "every-step": f"{AT_STEPS} (CVode.extra_scatter_gather)",
    "registered-after-the-start": f"{AT_STEPS} (CVode.extra_scatter_gather)",
    "supervised": f"{AT_STEPS} (nonvint_block_supervisor)",
    "rxd": "the model uses RxD",
    "again": EVENTS,
    "hoc": EVENTS,
    "put-after-the-start": EVENTS,
    "at-a-spike": "the model has a function that is called at a spike (NetCon.record)",
    "transition": "the model has a StateTransitionEvent",
    "recorded-at-intervals": "the model has a Vector that records at an interval of its own",
    "recorded-at-times": "the model has a Vector that records at given times",
    "played-in-steps": "the model has a Vector that is played in steps",
    "rxd-imported": "",
    "supervisor-imported": "",
    "gathered": "",
    "at-the-start": "",
    "recorded": "",
    "played": "",
    "talks": "",
}
"""What each kind of tests/models/beside.py has that CoreNEURON would leave out."""


class Judged:
    """A command whose own runs are known: the watched one and two more."""

    def __init__(self, bench: Bench, line: str) -> None:
        self.runner: FreshRunner = bench.runner(line)
        mpi = find_mpi(self.runner.command, self.runner.environment)
        observation, baseline = observe(self.runner, mpi, LIMIT_S)
        own = OwnRuns()
        own.learn(observation.beside)
        for _ in range(2):
            own.learn(self.runner.run(Ask(LIMIT_S)))
        self.acceptance = Acceptance(baseline, observation, AcceptConfig(), beside=own)

    def difference(self, safety: str, changes: dict[str, Any]) -> Compared | None:
        run = self.runner.run(Ask(LIMIT_S, changes))
        assert all(run.effective[name] == value for name, value in changes.items())
        compared = self.acceptance.compared_beside(run, changes, safety)
        # The yardstick of traces under a numerical knob is a run at dt/4, which nobody made here.
        return worst(tuple(each for each in compared if not (safety == NUMERICAL and each.where == "trace")))


@pytest.fixture(scope="module")
def shared_bench(version: str, environments: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"), environments(f"neuron=={version}"))


@pytest.mark.parametrize("kind", DROPPED)
def test_the_watched_run_shows_what_coreneuron_would_leave_out(shared_bench: Bench, kind: str) -> None:
    run, _ = shared_bench.watched(f"python beside.py {kind}")
    assert run.reports[0].model["no_coreneuron"] == DROPPED[kind]
    assert len(run.raster)


@pytest.mark.parametrize(
    ("kind", "where", "words"),
    [
        ("every-step", "callbacks", "callbacks: 0 of 4000 calls at steps"),
        ("supervised", "callbacks", "callbacks: 0 of 4000 calls at steps"),
        ("again", "output", "warning: WARNING: CVode.event(...)"),
        ("put-after-the-start", "output", "(100 lines like it)"),
        ("at-a-spike", "callbacks", "0 of 1 functions at spikes"),
        ("transition", "callbacks", "0 of 1 StateTransitionEvents"),
        ("recorded-at-intervals", "trace", "hold 1 values, in your run 101"),
        ("recorded-at-times", "trace", "hold 0 values, in your run 4"),
        ("a-weight-recorded", "output", "ignored because not a Range Variable"),
    ],
)
def test_what_coreneuron_drops_counts_against_it(shared_bench: Bench, kind: str, where: str, words: str) -> None:
    """--function: what the run has made is gone when the process ends."""
    found = Judged(shared_bench, f"python beside.py {kind} --function").difference(ROUND_OFF, CORENEURON)
    assert found is not None
    assert found.where == where
    assert words in found.says


def test_what_is_played_in_steps_ends_coreneuron(shared_bench: Bench) -> None:
    with pytest.raises(RunFailed):
        Judged(shared_bench, "python beside.py played-in-steps").difference(ROUND_OFF, CORENEURON)


@pytest.mark.mpi
@pytest.mark.parametrize("kind", ["talks", "recorded"])
def test_what_varies_by_itself_is_no_difference(shared_bench: Bench, kind: str) -> None:
    """Times, dates, hosts, progress and their order, on two ranks."""
    judged = Judged(shared_bench, f"mpiexec -n 2 python beside.py {kind} --function")
    for safety, changes in (
        (EXACT, {"nspike": 3, "gid_compress": True, "step_wait": False}),
        (EXACT, {"self_queue": True, "multisend": True}),
        (ROUND_OFF, CORENEURON),
        (NUMERICAL, {"dt": 0.05}),
    ):
        assert judged.difference(safety, changes) is None


@pytest.mark.parametrize("safety", [EXACT, NUMERICAL])
def test_what_a_knob_does_to_steps_is_no_difference(shared_bench: Bench, safety: str) -> None:
    judged = Judged(shared_bench, "python beside.py every-step")
    assert judged.difference(safety, {"bin_queue": True} if safety == EXACT else {"dt": 0.05}) is None


def test_a_function_at_a_spike_is_called_although_the_agent_watches(shared_bench: Bench) -> None:
    """The model uses both slots of a source: pc.spike_record and NetCon.record."""
    line = "python beside.py at-a-spike"
    bare = [text for text in shared_bench.plain(line).stdout if text.startswith("calls: ")]
    assert bare == ["calls: 10 values: 0"]
    for observe_too in (True, False):
        run, ending = shared_bench.watched(line, observe=observe_too)
        assert bare[0] in ending.stdout
        assert len(run.raster) == 10
