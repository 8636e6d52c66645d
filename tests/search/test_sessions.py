"""Sessions break, and trials are not lost by it; idle ones are quiet; one for each group of launch settings."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from autotune.config import AcceptConfig, SearchConfig
from autotune.launch import parse_command
from autotune.launch.run import FreshRunner, Run
from autotune.observe import observe
from autotune.plan.space import make_space
from autotune.raster.metrics import identical
from autotune.search.resident import MOST_BROKEN, Residents
from autotune.search.runner import TrialRunner
from autotune.verify.acceptance import Acceptance

pytestmark = pytest.mark.mpi


def make_trials(runner: FreshRunner, knobs: list[str], stop_ms: float | None = None) -> TrialRunner:
    """A runner of trials on two ranks, its model replayed."""
    observation, baseline = observe(runner, None)
    space = make_space(observation, only=knobs)
    acceptance = Acceptance(baseline, observation, AcceptConfig())
    trials = TrialRunner(runner, space, acceptance, SearchConfig(repeats=0)).until(stop_ms)
    residents = Residents(trials.runner, space, trials.acceptance)
    assert not residents.obstacle(SearchConfig())
    record = residents.choose()
    assert record.way == "stdinit()", record.note
    return replace(trials, residents=residents)


@pytest.fixture
def trials(fresh_runner: Callable[..., FreshRunner]) -> Iterator[TrialRunner]:
    runner = make_trials(fresh_runner("small_ring.py", "--tstop", "200"), ["nspike", "bin_queue", "self_queue"])
    yield runner
    assert runner.residents is not None
    runner.residents.close()


def ranks(residents: Residents) -> list[psutil.Process]:
    """The ranks of the baseline's own session."""
    (pid,) = residents.pool.pids()
    family = psutil.Process(pid).children(recursive=True)
    return [process for process in family if "small_ring.py" in " ".join(process.cmdline()[1:3])]


def test_a_trial_in_a_session_has_its_verdict_and_a_ratio(trials: TrialRunner) -> None:
    trial = trials.trial(1, trials.space.with_values(bin_queue=True))
    assert (trial.verdict, trial.effective["bin_queue"]) == ("accepted", True)
    assert trial.sections["setup"] == 0.0
    assert trial.ratio is not None
    assert trials.residents is not None
    assert trials.residents.lost == 0


def test_what_cannot_run_twice_in_a_process_gets_fresh_ones(trials: TrialRunner) -> None:
    trial = trials.trial(1, trials.space.with_values(self_queue=True))
    assert (trial.verdict, trial.effective["self_queue"]) == ("accepted", True)
    assert trial.sections["setup"] > 0.0


def test_a_session_that_dies_costs_no_trial_its_verdict(trials: TrialRunner) -> None:
    residents = trials.residents
    assert residents is not None
    for number in range(1, MOST_BROKEN + 1):
        for rank in ranks(residents):
            rank.send_signal(signal.SIGKILL)
        trial = trials.trial(number, trials.space.with_values(nspike=number))
        assert (trial.verdict, residents.lost) == ("accepted", number), trial.reason
        assert trial.sections["setup"] > 0.0, "it was tried once more in a fresh process"
        if number < MOST_BROKEN:
            assert residents.runner_for({}) is residents
            residents.run({}, timeout_s=60)
    assert residents.runner_for({}) is trials.runner
    assert residents.record is not None
    assert "given up" in residents.record.note


def test_a_session_that_hangs_is_ended_in_time(trials: TrialRunner) -> None:
    residents = trials.residents
    assert residents is not None
    stopped = ranks(residents)
    for rank in stopped:
        rank.suspend()
    started = time.monotonic()
    with pytest.raises(Exception, match="still running"):
        residents.run({}, timeout_s=2)
    assert time.monotonic() - started < 10
    assert not any(rank.is_running() and rank.status() != psutil.STATUS_ZOMBIE for rank in stopped)


def test_an_idle_session_of_two_ranks_uses_less_than_a_fiftieth_of_a_core(trials: TrialRunner) -> None:
    assert trials.residents is not None
    family = ranks(trials.residents)
    assert len(family) == 2
    time.sleep(0.5)
    before = [sum(process.cpu_times()[:2]) for process in family]
    time.sleep(5.0)
    used = sum(sum(process.cpu_times()[:2]) for process in family) - sum(before)
    assert used < 0.02 * 5.0


def test_settings_of_the_launch_share_a_session_of_their_own(fresh_runner: Callable[..., FreshRunner]) -> None:
    runner = fresh_runner("small_ring.py")
    words = ("mpiexec", "-n", "{ranks}", *runner.command.program)
    runner = replace(runner, command=parse_command(words, runner.command.cwd))
    observation, baseline = observe(runner, None)
    own = observation.facts.ranks
    other = 1 if own > 1 else 2
    space = make_space(observation, only=["ranks", "bin_queue"], values={"ranks": (other,)})
    with closing(Residents(runner, space, Acceptance(baseline, observation, AcceptConfig()))) as residents:
        assert residents.choose().way
        for settings in ({"ranks": other}, {"ranks": other, "bin_queue": True}, {"bin_queue": True}, {"ranks": other}):
            assert residents.runner_for(settings) is residents
            assert residents.run(settings, timeout_s=60).ranks == settings.get("ranks", own)
            assert identical(residents.run({}, timeout_s=60).raster, baseline)
        assert len(residents.pool.pids()) == 2
        assert residents.lost == 0


def test_one_fresh_run_stands_for_all_knobs_that_go_together(trials: TrialRunner) -> None:
    residents = trials.residents
    assert residents is not None
    compared, fresh = residents.compared, []

    def counted(settings: dict[str, object]) -> Run:
        fresh.append(settings)
        return trials.runner.run(settings)

    compared.fresh = counted
    for number, settings in enumerate(({"nspike": 2}, {"bin_queue": True}, {"nspike": 3, "bin_queue": True})):
        trial = trials.trial(number, trials.space.with_values(**settings))
        assert (trial.verdict, trial.sections["setup"]) == ("accepted", 0.0)
    assert [settings.keys() for settings in fresh] == [{"nspike", "bin_queue"}]
    assert residents.lost == 0


@pytest.mark.parametrize(("option", "knob", "value"), [("--lazy", "dt", 0.1), ("--after", "nspike", 1)])
def test_a_session_that_a_fresh_process_contradicts_is_not_believed(
    option: str, knob: str, value: object, fresh_runner: Callable[..., FreshRunner]
) -> None:
    trials = make_trials(fresh_runner("second_thoughts.py", option), ["dt", "nspike", "bin_queue"])
    residents = trials.residents
    assert residents is not None
    with closing(residents):
        settings = {knob: value}
        in_session = residents.run(settings, timeout_s=60)
        fresh = trials.runner.run(settings)
        assert not identical(in_session.raster, fresh.raster) or in_session.effective[knob] != fresh.effective[knob]
        trial = trials.trial(1, trials.space.with_values(**settings))
        assert trial.sections["setup"] > 0.0, "it was measured in fresh processes"
        assert trial.verdict in ("diverged", "not applicable")
        assert residents.runner_for(settings) is trials.runner
        other = trials.trial(2, trials.space.with_values(bin_queue=True))
        assert (other.verdict, other.sections["setup"]) == ("accepted", 0.0)


def test_a_way_that_is_only_tried_writes_nothing_beside_the_model(fresh_runner: Callable[..., FreshRunner]) -> None:
    runner = fresh_runner("second_thoughts.py", "--init")
    trials = make_trials(runner, ["bin_queue"])
    assert trials.residents is not None
    trials.residents.close()
    assert not (runner.command.cwd / "touched").exists()


def test_a_short_search_replays_too(fresh_runner: Callable[..., FreshRunner]) -> None:
    trials = make_trials(fresh_runner("small_ring.py", "--tstop", "200"), ["bin_queue", "nspike"], stop_ms=60.0)
    assert trials.residents is not None
    with closing(trials.residents) as residents:
        trial = trials.trial(1, trials.space.with_values(bin_queue=True))
        assert (trial.verdict, trial.sections["setup"], residents.lost) == ("accepted", 0.0, 0)


def test_a_process_with_a_helper_thread_is_not_forked(tmp_path: Path) -> None:
    script = (
        "import threading, time; from autotune.agent.resident import may_fork; from autotune.agent.simulator import "
        "Simulator; import neuron; sim = Simulator(); print(may_fork(sim)); "
        "threading.Thread(target=time.sleep, args=(1,)).start(); print(may_fork(sim))"
    )
    said = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["True", "False"]
