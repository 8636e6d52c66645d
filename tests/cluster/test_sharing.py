"""Who is alive, who makes which trial, whose turn it is: real processes that hold a study folder, and die."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from autotune.errors import UsageError
from autotune.settings import Params
from autotune.store import locks
from autotune.store import workers as store_workers
from autotune.store.folder import StudyFolder
from autotune.store.shared import SharedFolder, read_claims
from autotune.store.workers import SILENT_S, Worker, Workers, this_worker

HOLDER = """
import sys, time
from pathlib import Path
from autotune.settings import Params
from autotune.store.shared import SharedFolder
from autotune.store.workers import this_worker

folder = SharedFolder(Path(sys.argv[1]), this_worker("7_1", "a processor", 4))
with folder.joined():
    folder.create()
    with folder.asking():
        folder.claim(3, Params({"dt": 0.05}))
    if sys.argv[2] == "shares":
        folder.share()
    print(folder.name, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Another worker, in a process of its own, which claims trial 3: the process and its name."""
    started = []

    def start(turn: str = "shares") -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, tmp_path / "study", turn],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.communicate()


def workers(tmp_path: Path) -> Workers:
    return Workers(tmp_path / "study" / "cluster" / "workers")


def test_a_worker_and_its_claim_live_as_long_as_its_process(holder, tmp_path):
    process, name = holder()
    assert [each.name for each in workers(tmp_path).living()] == [name]
    assert read_claims(tmp_path / "study", workers(tmp_path))[3].params == {"dt": 0.05}
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert workers(tmp_path).living() == []
    assert read_claims(tmp_path / "study", workers(tmp_path)) == {}
    assert [each.ended for each in workers(tmp_path).all()] == [""]  # it could not say so


def test_a_worker_that_ends_says_so(holder, tmp_path):
    process, _ = holder()
    process.communicate("\n")
    (worker,) = workers(tmp_path).all()
    assert (worker.ended, worker.job, worker.node_type) == ("done", "7_1", "a processor, 4 cores")
    assert workers(tmp_path).living() == []


@pytest.mark.parametrize(("silent_s", "alive"), [(0.0, True), (SILENT_S + 1.0, False)])
def test_a_silent_worker_of_another_machine_is_given_time_before_it_is_dead(tmp_path, silent_s, alive):
    """Its lock looks free from here; that may be the file system's fault."""
    elsewhere = replace(this_worker("", "a processor", 4), name="elsewhere", machine="another")
    joined = workers(tmp_path).join(elsewhere)
    joined._lock.close()
    long_ago = time.time() - silent_s
    os.utime(tmp_path / "study" / "cluster" / "workers" / "elsewhere.lock", (long_ago, long_ago))
    assert workers(tmp_path).alive("elsewhere") is alive
    joined._left.set()


def test_a_driver_is_refused_beside_workers_and_a_worker_beside_a_driver(holder, tmp_path):
    process, _ = holder()
    with pytest.raises(UsageError, match="workers are at work on this study") as told:
        StudyFolder(tmp_path / "study").create()
    assert "cancel" in told.value.cure
    process.communicate("\n")
    alone = StudyFolder(tmp_path / "study")
    alone.create()
    with pytest.raises(UsageError, match="another run works on this study"):
        SharedFolder(tmp_path / "study", this_worker("", "", 1)).create()
    alone.close()


def test_one_worker_at_a_time_has_the_turn_and_a_dead_one_loses_it(holder, tmp_path):
    process, _ = holder("keeps its turn")
    with (tmp_path / "study" / "cluster" / "steps.lock").open("w") as turn:
        with pytest.raises(BlockingIOError):
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process.kill()
        fcntl.flock(turn, fcntl.LOCK_EX)
    process.wait()  # the kernel lets go of one lock after the other
    me = SharedFolder(tmp_path / "study", this_worker("", "", 1))
    with me.joined():
        me.create()
        assert me.first  # nobody that lives has begun
        assert me.take()
        me.close()


def test_only_the_first_worker_takes_back_what_a_killed_one_has_left(holder, tmp_path):
    holder()
    me = SharedFolder(tmp_path / "study", this_worker("", "", 1))
    with me.joined():
        me.create()
        assert not me.first
        me.share()
        (me.path / "scratch" / "of-a-dead-one").mkdir()
        me.close()
    (left,) = (me.path / "scratch").iterdir()
    assert left.name.startswith("7_1-")  # of the one that is alive


def test_the_time_of_a_step_is_that_of_the_worker_that_it_took_longest(tmp_path):
    me = SharedFolder(tmp_path / "study", this_worker("", "", 1))
    with me.joined():
        me.create()
        me._write("spent", {"search": 1000.0, "observe": 0.0})
        for step in ("search", "observe"):
            with me.spending(step):
                pass
        assert me.spent()["search"] == 1000.0
        assert 0.0 < me.spent()["observe"] < 1000.0
        me.close()


def test_two_workers_have_seeds_of_their_own(tmp_path):
    names = [Worker(f"7_{task}-100", "n1", 100, "here") for task in (1, 2)]
    assert len({SharedFolder(tmp_path, worker).salt for worker in names} | {StudyFolder(tmp_path).salt}) == 3


@pytest.mark.parametrize("option", sorted(locks.LOCAL_ONLY))
def test_a_file_system_whose_locks_hold_on_one_node_only_is_refused(tmp_path, monkeypatch, option):
    class Mounted:
        fstype, mountpoint, opts = "nfs4", str(tmp_path), f"rw,vers=3,{option}"

    monkeypatch.setattr(locks.psutil, "disk_partitions", lambda all: [Mounted])
    with pytest.raises(UsageError, match=f"nfs4 at .* is mounted with {option}"):
        locks.check_locks(tmp_path / "study")


def test_a_lock_that_keeps_nobody_out_is_noticed(tmp_path, monkeypatch):
    locks.check_locks(tmp_path / "study")
    monkeypatch.setattr(locks.fcntl, "flock", lambda file, how: None)
    with pytest.raises(UsageError, match="does not keep others out"):
        locks.check_locks(tmp_path / "study")


@pytest.mark.parametrize("beats", [True, False])
def test_a_living_worker_of_another_machine_whose_lock_is_not_seen_shows_that_locks_do_not_hold(
    tmp_path, monkeypatch, beats
):
    """On a file system with locks of one node only, which its mount does not tell; a dead one proves nothing."""
    monkeypatch.setattr(store_workers, "BEAT_S", 0.1)
    joined = workers(tmp_path).join(replace(this_worker("", "a processor", 4), name="elsewhere", machine="another"))
    joined._left.wait(0.2)
    fcntl.flock(joined._lock, fcntl.LOCK_UN)  # as it looks from here
    if not beats:
        joined._left.set()
        for heart in [thread for thread in threading.enumerate() if thread.name == "heartbeat"]:
            heart.join(5.0)  # it may be at its last beat
    me = SharedFolder(tmp_path / "study", this_worker("", "", 1))
    if beats:
        with pytest.raises(UsageError, match="has no locks between nodes"), me.joined():
            pass
    else:
        with me.joined():
            pass
    joined._left.set()


def test_claims_are_settled_and_trials_of_others_are_seen(tmp_path):
    me = SharedFolder(tmp_path / "study", this_worker("", "", 1))
    with me.joined():
        me.create()
        me.claim(0, Params({}))
        assert list(me.claims()) == [0]
        me.settle(0)
        assert me.claims() == {}
        me.close()
