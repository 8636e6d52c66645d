"""The Optuna storage: it opens or says why not, survives SIGKILL, and never takes a rejected trial for the best."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.storages import InMemoryStorage, RDBStorage
from optuna.storages.journal import JournalFileOpenLock, JournalFileSymlinkLock
from optuna.trial import TrialState

import autotune.store.journal
from autotune.errors import UsageError
from autotune.search.sampler import make_sampler
from autotune.store.journal import JournalLock
from autotune.store.opening import JOURNAL, open_storage
from autotune.store.optuna import (
    StoredTrial,
    best_accepted,
    delete_study,
    open_study,
    reconcile,
    tell_measured,
    tell_unmeasured,
)

SPACE = {"dt": FloatDistribution(0.0, 1.0)}

WRITER = """
import sys
from pathlib import Path
from autotune.search.sampler import make_sampler
from autotune.store.opening import open_storage
from autotune.store.optuna import open_study, tell_measured
study = open_study(open_storage(Path(sys.argv[1])), "ring", 0, lambda seed: make_sampler(seed, 10**6))
while True:
    trial = study.ask()
    trial.suggest_float("dt", 0.0, 1.0)
    trial.set_user_attr("reason", "x" * 4000)
    tell_measured(study, trial, 1.0, 0.0)
    print(trial.number, flush=True)
"""

HOLDER = """
import os, signal, sys
from pathlib import Path
from autotune.store.journal import JournalLock
JournalLock(Path(sys.argv[1])).acquire()
os.kill(os.getpid(), signal.SIGKILL)
"""

WAITER = """
import sys
from pathlib import Path
from autotune.store.journal import JournalLock
print("waiting", flush=True)
JournalLock(Path(sys.argv[1])).acquire()
print("mine", flush=True)
"""


def new_study(seed: int = 0, n_startup: int = 10) -> optuna.Study:
    return open_study(InMemoryStorage(), "ring", seed, lambda drawn: make_sampler(drawn, n_startup))


def journal_study(folder: Path) -> optuna.Study:
    return open_study(open_storage(folder), "ring", 0, make_sampler)


# What opens, and what does not


def test_default_is_a_journal_in_the_study_folder(tmp_path: Path) -> None:
    tell_measured(study := journal_study(tmp_path), study.ask(SPACE), 0.9, 0.0)
    assert (tmp_path / JOURNAL).is_file()
    assert journal_study(tmp_path).best_value == 0.9


@pytest.mark.parametrize("form", ["{}", "journal://{}"])
def test_a_journal_may_be_elsewhere(tmp_path: Path, form: str) -> None:
    open_study(open_storage(tmp_path / "unused", form.format(tmp_path / "other.log")), "ring", 0, make_sampler)
    assert (tmp_path / "other.log").read_bytes().startswith(b'{"op_code"')


def test_sqlite_url(tmp_path: Path) -> None:
    storage = open_storage(tmp_path, f"sqlite:///{tmp_path}/study.db")
    assert isinstance(storage, RDBStorage)
    tell_measured(study := open_study(storage, "ring", 0, make_sampler), study.ask(SPACE), 0.9, 0.0)
    assert study.best_value == 0.9


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("foo://somewhere", "foo"),
        ("://", "cannot be read"),
        ("postgresql://me:secret@host:notaport/db", "cannot be read"),
        ("postgresql://me:secret@127.0.0.1:1/db", "postgresql://me@127.0.0.1:1/db"),
        ("sqlite:////no/such/folder/study.db", "/no/such/folder/study.db"),
        ("/no/such/folder/journal", "/no/such/folder/journal"),
    ],
)
def test_a_storage_that_cannot_be_opened_is_a_usage_error(tmp_path: Path, url: str, part: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_storage(tmp_path, url)
    assert part in caught.value.message
    assert caught.value.cure
    assert "secret" not in f"{caught.value}{caught.value.details}"


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    (notes := tmp_path / "notes.txt").write_bytes(b"first line\nsecond, without an end")
    with pytest.raises(UsageError, match="not an Optuna journal"):
        open_storage(tmp_path, str(notes))
    assert notes.read_bytes() == b"first line\nsecond, without an end"


def test_a_journal_damaged_in_the_middle_is_a_usage_error(tmp_path: Path) -> None:
    study = journal_study(tmp_path)
    tell_measured(study, study.ask(SPACE), 0.9, 0.0)
    journal = tmp_path / JOURNAL
    journal.write_bytes(journal.read_bytes().replace(b'"op_code":5', b'"op_co', 1))
    with pytest.raises(UsageError, match="damaged") as caught:
        open_storage(tmp_path)
    assert "made anew" in caught.value.cure


def test_opening_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    optuna.logging.set_verbosity(optuna.logging.INFO)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tell_measured(study := journal_study(tmp_path), study.ask(SPACE), 0.9, 0.0)
    assert capfd.readouterr() == ("", "")


# Killed writers


def never(seconds: float) -> None:
    """In place of time.sleep, where nothing is to be waited for."""
    pytest.fail(f"it waited for {seconds} s")


def test_no_told_trial_is_lost_by_sigkill_and_torn_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            told += [int(line) for line in itertools.islice(writer.stdout, 20)]
            writer.kill()
            told += [int(line) for line in writer.stdout]
        with (tmp_path / JOURNAL).open("ab") as journal:
            journal.write(b'{"op_code":9,"worker_id":"torn')
        subprocess.run([sys.executable, "-c", HOLDER, tmp_path / JOURNAL], check=False)
        with monkeypatch.context() as patch:
            patch.setattr(autotune.store.journal.time, "sleep", never)
            trials = journal_study(tmp_path).trials
        assert [trials[number].state for number in told] == [TrialState.COMPLETE] * len(told)
    assert len(told) >= 60


def test_a_torn_line_is_cut_and_a_copy_kept(tmp_path: Path) -> None:
    tell_measured(study := journal_study(tmp_path), study.ask(SPACE), 0.9, 0.0)
    journal = tmp_path / JOURNAL
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code":4,"worker')
    open_storage(tmp_path)
    assert journal.read_bytes() == whole
    assert (tmp_path / "optuna.journal.torn").read_bytes() == whole + b'{"op_code":4,"worker'


def test_a_line_torn_by_another_process_is_cut_before_the_next_record(tmp_path: Path) -> None:
    study = journal_study(tmp_path)
    with (tmp_path / JOURNAL).open("ab") as journal:
        journal.write(b'{"op_code":4,"worker')
    tell_measured(study, study.ask(SPACE), 0.9, 0.0)
    assert journal_study(tmp_path).best_value == 0.9


def test_a_dead_process_s_lock_does_not_stall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (journal := tmp_path / JOURNAL).touch()
    killed = subprocess.run([sys.executable, "-c", HOLDER, journal], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert os.path.lexists(f"{journal}.lock")
    with monkeypatch.context() as patch:
        patch.setattr(autotune.store.journal.time, "sleep", never)
        (lock := JournalLock(journal)).acquire()
    lock.release()
    assert sorted(path.name for path in tmp_path.iterdir()) == [JOURNAL]


@pytest.mark.parametrize("lock_class", [JournalLock, JournalFileSymlinkLock, JournalFileOpenLock])
def test_a_lock_that_may_be_held_is_waited_for(tmp_path: Path, lock_class: type) -> None:
    (journal := tmp_path / JOURNAL).touch()
    lock = lock_class(journal if lock_class is JournalLock else str(journal))
    lock.acquire()
    with subprocess.Popen([sys.executable, "-c", WAITER, journal], stdout=subprocess.PIPE, text=True) as waiter:
        assert waiter.stdout is not None
        assert waiter.stdout.readline() == "waiting\n"
        with pytest.raises(subprocess.TimeoutExpired):
            waiter.wait(timeout=0.5)
        lock.release()
        assert waiter.stdout.readline() == "mine\n"


# Telling


def test_the_best_trial_is_the_best_accepted_one() -> None:
    study = new_study()
    tell_measured(study, study.ask(SPACE), 1.0, 0.0)
    tell_measured(study, study.ask(SPACE), 0.2, 0.7)
    tell_unmeasured(study, study.ask(SPACE), 10.0)
    tell_measured(study, study.ask(SPACE), 0.8, -1.0)
    assert study.best_trial.number == 3
    best = best_accepted(study.trials)
    assert best is not None
    assert best.number == 3
    assert [t.state.name for t in study.trials] == ["COMPLETE", "COMPLETE", "PRUNED", "COMPLETE"]
    assert study.trials[2].values is None


def test_without_an_accepted_trial_there_is_no_best() -> None:
    tell_measured(study := new_study(), study.ask(SPACE), 0.2, 0.7)
    assert best_accepted(study.trials) is None


@pytest.mark.parametrize(
    ("ratio", "violation"), [(float("nan"), 0.0), (float("inf"), 0.0), (0.0, 0.0), (0.9, float("inf"))]
)
def test_a_value_that_is_no_measurement_is_refused(ratio: float, violation: float) -> None:
    study = new_study()
    trial = study.ask(SPACE)
    with pytest.raises(ValueError, match="finite"):
        tell_measured(study, trial, ratio, violation)
    with pytest.raises(ValueError, match="cannot be accepted"):
        tell_unmeasured(study, trial, 0.0)
    assert study.trials[0].state == TrialState.RUNNING


def n_bad_proposals(rejected_as: str) -> int:
    """Of 40 proposals after a random start, those in the bad half, which is the faster one and is rejected."""
    study = new_study(seed=1)
    proposals = []
    for _ in range(50):
        trial = study.ask()
        dt = trial.suggest_float("dt", 0.0, 1.0)
        if trial.suggest_categorical("compress", [True, False]):
            trial.suggest_int("nspike", 1, 100, log=True)
        proposals.append(dt)
        if dt >= 0.5:
            tell_measured(study, trial, dt, 0.0)
        elif rejected_as == "unmeasured":
            tell_unmeasured(study, trial, 10.0)
        elif rejected_as == "measured":
            tell_measured(study, trial, 0.1 + dt, 0.5 - dt)
        else:
            study.tell(trial, state=TrialState.FAIL)
    return sum(dt < 0.5 for dt in proposals[10:])


def test_tpe_learns_from_rejected_and_from_unmeasured_trials() -> None:
    ignored = n_bad_proposals("failed")
    assert n_bad_proposals("unmeasured") < 0.75 * ignored
    assert n_bad_proposals("measured") < 0.75 * ignored


def test_conditional_knobs_are_proposed_without_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        n_bad_proposals("unmeasured")


def test_proposals_are_reproducible_and_a_resumed_study_does_not_repeat_them(tmp_path: Path) -> None:
    def first_proposals(study: optuna.Study) -> list[float]:
        return [study.ask(SPACE).params["dt"] for _ in range(3)]

    first = first_proposals(journal_study(tmp_path))
    assert first == first_proposals(new_study())
    assert set(first).isdisjoint(first_proposals(journal_study(tmp_path)))


# Resuming


def record(number: int, ratio: float | None = 0.9, violation: float = 0.0) -> StoredTrial:
    return StoredTrial(number, {"dt": 0.25}, SPACE, ratio, violation, {"verdict": f"of {number}"})


def test_running_trials_are_told_from_their_record_or_failed(tmp_path: Path) -> None:
    dead = journal_study(tmp_path)
    for _ in range(4):
        dead.ask(SPACE)
    optuna.Trial(dead, dead.trials[3]._trial_id).set_constraint("raster", 5.0)  # died between constraint and tell
    study = journal_study(tmp_path)
    done = reconcile(study, {1: record(1), 2: record(2, None, 5.0), 3: record(3, 0.5, 5.0)})
    assert (done.failed, done.told, done.added) == ((0,), (1, 2, 3), ())
    assert [t.state.name for t in study.trials] == ["FAIL", "COMPLETE", "PRUNED", "COMPLETE", "WAITING"]
    assert study.trials[1].user_attrs == {"verdict": "of 1"}
    assert study.best_trial.number == 1


def test_an_interrupted_trial_is_run_again(tmp_path: Path) -> None:
    dead = journal_study(tmp_path)
    dead.enqueue_trial({"dt": 0.125})
    recipe, proposed = dead.ask(SPACE), dead.ask(SPACE)
    study = journal_study(tmp_path)
    assert reconcile(study, {}).failed == (0, 1)
    study.enqueue_trial({"dt": 0.125}, skip_if_exists=True)
    again = [study.ask(SPACE).params for _ in range(2)]
    assert again == [recipe.params, proposed.params]


def test_deleting_a_study_leaves_the_others() -> None:
    study = new_study()
    open_study(study._storage, "other", 0, make_sampler)
    for _ in range(2):
        delete_study(study._storage, "ring")
    assert optuna.get_all_study_names(study._storage) == ["other"]


def test_a_lost_storage_is_rebuilt_with_the_same_numbers(tmp_path: Path) -> None:
    finished = {0: record(0, 1.0), 1: record(1, 0.3, 2.0), 4: record(4, None, 9.0), 5: record(5, 0.8)}
    study = journal_study(tmp_path)
    done = reconcile(study, finished)
    assert (done.failed, done.told, done.added) == ((), (), (0, 1, 4, 5))
    rebuilt = journal_study(tmp_path).trials
    assert [t.number for t in rebuilt if t.state != TrialState.FAIL] == [0, 1, 4, 5]
    assert [rebuilt[n].user_attrs["verdict"] for n in finished] == ["of 0", "of 1", "of 4", "of 5"]
    assert rebuilt[1].constraints == {"raster": 2.0}
    assert study.best_trial.number == 5
    assert rebuilt[5].params == {"dt": 0.25}
    assert study.ask({**SPACE, "n": IntDistribution(1, 9)}).number == 6


def test_reconciling_twice_changes_nothing(tmp_path: Path) -> None:
    study = journal_study(tmp_path)
    finished = {0: record(0), 2: record(2)}
    reconcile(study, finished)
    before = (tmp_path / JOURNAL).read_bytes()
    done = reconcile(study, finished)
    assert (done.failed, done.told, done.added) == ((), (), ())
    assert (tmp_path / JOURNAL).read_bytes() == before
