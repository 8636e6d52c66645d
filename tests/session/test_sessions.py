"""Sessions break, and trials are not lost by it; idle ones are quiet; one for each group of launch settings."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from autotune.config import AcceptConfig, RunConfig, SearchConfig
from autotune.confirm.starts import Starts
from autotune.launch import parse_command
from autotune.launch.ask import Ask, Run
from autotune.launch.files import choose
from autotune.launch.judge import SessionBroken
from autotune.launch.run import FreshRunner
from autotune.observe import observe
from autotune.plan.making import make_space
from autotune.plan.space import SearchSpace
from autotune.raster.metrics import identical
from autotune.search.trial import TrialRunner
from autotune.search.verified import Verifier
from autotune.session.record import SessionRecord
from autotune.session.router import MOST_BROKEN, Router
from autotune.settings import Changes
from autotune.store.records import Trial
from autotune.verify.acceptance import Acceptance

pytestmark = pytest.mark.mpi


SEARCH = SearchConfig(repeats=0)


@dataclass
class Bench:
    """Trials of a model on two ranks whose runs are made in sessions."""

    trials: TrialRunner
    router: Router
    fresh: Counted
    stop_ms: float | None = None

    @property
    def space(self) -> SearchSpace:
        return self.router.space

    def ask(self, **changes: Any) -> Ask:
        params = self.space.with_values(**changes)
        return Ask(60.0, changes=self.space.changes(params), stop_ms=self.stop_ms)

    def trial(self, number: int, **values: Any) -> Trial:
        return self.trials.trial(number, self.space.with_values(**values))


@dataclass
class Counted:
    """Fresh processes; remembers what they were asked."""

    runner: FreshRunner
    asked: list[dict[str, Any]] = field(default_factory=list)

    def prepare(self, changes: Changes) -> None:
        self.runner.prepare(changes)

    def run(self, ask: Ask) -> Run:
        self.asked.append(ask.changes)
        return self.runner.run(ask)


def make_bench(runner: FreshRunner, knobs: list[str], stop_ms: float | None = None) -> Bench:
    observation, baseline = observe(runner, None, 60.0)
    space = make_space(observation, only=knobs)
    acceptance = Acceptance(baseline, observation, AcceptConfig())
    verifier = Verifier(space, acceptance, 60.0).until(stop_ms)
    router = Router(runner, space, acceptance, SearchConfig(), RunConfig())
    record = router.decide(Ask(60.0, stop_ms=stop_ms))
    assert record.way == "stdinit()", record.note
    fresh = Counted(runner)
    router.compared.fresh = fresh
    return Bench(TrialRunner(fresh, verifier, SEARCH, router=router), router, fresh, stop_ms)


@pytest.fixture
def bench(fresh_runner: Callable[..., FreshRunner]) -> Iterator[Bench]:
    one = make_bench(fresh_runner("small_ring.py", "--tstop", "200"), ["nspike", "bin_queue", "self_queue"])
    yield one
    one.router.close()


def ranks(router: Router) -> list[psutil.Process]:
    """The ranks of the baseline's own session."""
    (pid,) = router.proof.pool.pids()
    family = psutil.Process(pid).children(recursive=True)
    return [process for process in family if "small_ring.py" in " ".join(process.cmdline()[1:3])]


def kill(router: Router) -> None:
    for rank in ranks(router):
        rank.send_signal(signal.SIGKILL)


def test_a_trial_in_a_session_has_its_verdict_and_a_ratio(bench: Bench) -> None:
    trial = bench.trial(1, bin_queue=True)
    assert (trial.verdict, trial.effective["bin_queue"]) == ("accepted", True)
    assert {sample.way for sample in trial.samples} == {"session"}
    assert trial.sections["setup"] == 0.0
    assert trial.ratio is not None
    assert bench.router.proof.lost == []


def test_what_cannot_run_twice_in_a_process_gets_fresh_ones(bench: Bench) -> None:
    trial = bench.trial(1, self_queue=True)
    assert (trial.verdict, trial.effective["self_queue"]) == ("accepted", True)
    assert {sample.way for sample in trial.samples} == {"fresh"}
    assert trial.sections["setup"] > 0.0


def test_a_session_that_dies_costs_no_trial_its_verdict(bench: Bench) -> None:
    assert bench.trial(0, nspike=1, bin_queue=True).samples[0].way == "session"  # from now on both knobs are known
    for number in range(1, MOST_BROKEN + 1):
        bench.router.proof.run(bench.ask())
        kill(bench.router)
        trial = bench.trial(number, nspike=number)
        assert (trial.verdict, len(bench.router.proof.lost)) == ("accepted", number), trial.reason
        assert {sample.way for sample in trial.samples} == {"fresh"}, "it was tried once more in a fresh process"
    assert bench.router.runner_for(bench.ask()) is bench.router.fresh
    assert bench.router.record is not None
    assert "given up" in bench.router.record.note
    assert bench.router.record.broken == tuple(bench.router.proof.lost)


def test_a_session_that_dies_while_a_knob_is_compared_costs_nothing(bench: Bench) -> None:
    kill(bench.router)
    trial = bench.trial(1, bin_queue=True)
    assert (trial.verdict, trial.samples[0].way) == ("accepted", "session"), "a new session was started"


def test_a_session_that_hangs_is_ended_in_time(bench: Bench) -> None:
    stopped = ranks(bench.router)
    for rank in stopped:
        rank.suspend()
    with pytest.raises(SessionBroken, match="still running"):
        bench.router.proof.run(bench.ask().within(2.0))
    assert not any(rank.is_running() and rank.status() != psutil.STATUS_ZOMBIE for rank in stopped)


def test_an_idle_session_of_two_ranks_uses_less_than_a_twentieth_of_a_core(bench: Bench) -> None:
    family = ranks(bench.router)
    assert len(family) == 2
    time.sleep(0.5)
    before = [sum(process.cpu_times()[:2]) for process in family]
    time.sleep(5.0)
    used = sum(sum(process.cpu_times()[:2]) for process in family) - sum(before)
    assert used < 0.05 * 5.0


def test_settings_of_the_launch_share_a_session_of_their_own_and_are_proved_in_two_new_processes(
    fresh_runner: Callable[..., FreshRunner],
) -> None:
    runner = fresh_runner("small_ring.py")
    words = ("mpiexec", "-n", "{ranks}", *runner.command.program)
    runner = replace(runner, command=parse_command(words, runner.command.cwd))
    observation, baseline = observe(runner, None, 60.0)
    own = observation.facts.ranks
    other = 1 if own > 1 else 2
    space = make_space(observation, only=["ranks", "bin_queue"], values={"ranks": (other,)})
    acceptance = Acceptance(baseline, observation, AcceptConfig())
    with closing(Router(runner, space, acceptance, SearchConfig(), RunConfig())) as router:
        for settings in ({"ranks": other}, {"ranks": other, "bin_queue": True}, {"bin_queue": True}, {"ranks": other}):
            ask = Ask(60.0, changes=space.changes(space.with_values(**settings)))
            assert router.runner_for(ask) is router.proof
            assert router.proof.run(ask).ranks == settings.get("ranks", own)
            assert identical(router.proof.run(Ask(60.0)).raster, baseline)
        assert len(router.proof.pool.pids()) == 2
        changes = space.changes(space.with_values(ranks=other))
        starts = Starts(Counted(runner), Verifier(space, acceptance, 60.0), router)
        assert router.may_restart(changes)
        made = starts.make(changes, 1, (True, False))
        assert (made.way, len(made.times_s), router.proof.lost) == ("session", 2, [])
        assert router.proof.pool.pids() == [], "the search's sessions made room for them"


def test_settings_of_the_launch_whose_session_has_not_proved_itself_are_proved_in_plain_starts(bench: Bench) -> None:
    changes = bench.ask(self_queue=True).changes
    assert not bench.router.may_restart(changes)
    starts = Starts(bench.fresh, bench.trials.verifier, bench.router)
    assert starts.pairs_of(changes, 1) == 1
    assert starts.make(changes, 1, (True,)).way == "fresh"
    assert bench.fresh.asked == [{}, changes]


def test_one_fresh_run_stands_for_all_knobs_that_go_together(bench: Bench) -> None:
    for number, settings in enumerate(({"nspike": 2}, {"bin_queue": True}, {"nspike": 3, "bin_queue": True})):
        trial = bench.trial(number, **settings)
        assert (trial.verdict, trial.samples[0].way) == ("accepted", "session")
    assert [changes.keys() for changes in bench.fresh.asked] == [{"nspike", "bin_queue"}]
    assert bench.router.proof.lost == []


@pytest.mark.parametrize(("files", "compared_ms"), [(True, [0.05, 0.1]), (False, [0.05])])
def test_where_a_model_writes_files_the_step_is_compared_again_as_it_grows(
    files: bool, compared_ms: list[float], fresh_runner: Callable[..., FreshRunner]
) -> None:
    """A session never comes to the script's end, where a script that counts steps would show it."""
    bench = make_bench(fresh_runner("small_ring.py", "--tstop", "50"), ["dt"])
    with closing(bench.router):
        bench.router.compared.files = files
        for dt_ms in (0.05, 0.05, 0.1, 0.0625, 0.1):
            assert bench.router.runner_for(bench.ask(dt=dt_ms)) is bench.router.proof
        assert [changes["dt"] for changes in bench.fresh.asked] == compared_ms


@pytest.mark.parametrize(("option", "knob", "value"), [("--lazy", "dt", 0.1), ("--after", "nspike", 1)])
def test_a_session_that_a_fresh_process_contradicts_is_not_believed(
    option: str, knob: str, value: object, fresh_runner: Callable[..., FreshRunner]
) -> None:
    bench = make_bench(fresh_runner("second_thoughts.py", option), ["dt", "nspike", "bin_queue"])
    with closing(bench.router):
        ask = bench.ask(**{knob: value})
        in_session, fresh = bench.router.proof.run(ask), bench.fresh.run(ask)
        assert not identical(in_session.raster, fresh.raster) or in_session.effective[knob] != fresh.effective[knob]
        trial = bench.trial(1, **{knob: value})
        assert trial.samples[0].way == "fresh"
        assert trial.verdict in ("diverged", "not applicable")
        assert bench.router.runner_for(ask) is bench.router.fresh
        other = bench.trial(2, bin_queue=True)
        assert (other.verdict, other.samples[0].way) == ("accepted", "session")


def test_a_way_that_is_only_tried_writes_nothing_beside_the_model(fresh_runner: Callable[..., FreshRunner]) -> None:
    runner = fresh_runner("second_thoughts.py", "--init")
    study = runner.scratch.parent / "study"
    runner = replace(
        runner, files=choose(study / "files", runner.command.cwd, runner.environment, ours=[runner.scratch])
    )
    make_bench(runner, ["bin_queue"]).router.close()
    assert not (runner.command.cwd / "touched").exists()


def test_a_short_search_replays_too(fresh_runner: Callable[..., FreshRunner]) -> None:
    bench = make_bench(fresh_runner("small_ring.py", "--tstop", "200"), ["bin_queue", "nspike"], stop_ms=60.0)
    with closing(bench.router) as router:
        trial = bench.trial(1, bin_queue=True)
        assert (trial.verdict, trial.samples[0].way, router.proof.lost) == ("accepted", "session", [])


def test_what_is_decided_is_written_down_at_once_and_holds_for_the_next_driver(ring) -> None:
    seen: list[SessionRecord] = []
    acceptance = Acceptance(ring.baseline, ring.observation, AcceptConfig())
    space = make_space(ring.observation, only=["bin_queue"])
    never = Router(ring.runner, space, acceptance, SEARCH, RunConfig(resident="never"), on_record=seen.append)
    assert not never.decide(Ask(60.0)).way
    assert [record.note for record in seen] == ["as you asked"]
    given_up = SessionRecord(note="given up after 3 sessions that broke", broken=("a", "b", "c"))
    later = Router(ring.runner, space, acceptance, SEARCH, RunConfig(), known=given_up)
    assert later.decide(Ask(60.0)) == given_up


def test_a_process_with_a_helper_thread_is_not_forked(tmp_path: Path) -> None:
    script = (
        "import threading, time; from autotune.agent.session import may_fork; from autotune.agent.simulator import "
        "Simulator; import neuron; sim = Simulator(); print(may_fork(sim)); "
        "threading.Thread(target=time.sleep, args=(1,)).start(); print(may_fork(sim))"
    )
    said = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["True", "False"]
