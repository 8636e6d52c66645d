"""What a study costs in process starts is what its plan says: no run is made twice, none is made to be thrown away."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import pytest

from autotune.agent.books import books
from autotune.agent.protocol import JOB_VARIABLE
from autotune.calibrate.noise import NoiseRecord
from autotune.config import make_config
from autotune.confirm.confirmation import ConfirmationLog
from autotune.launch.ask import Ask, Run
from autotune.launch.process import Process
from autotune.machine import disturbed_by
from autotune.measure import FEWEST_STARTS
from autotune.pipeline import tune
from autotune.session.proof import REPLAYS
from autotune.session.session import Session
from autotune.store.folder import StudyFolder
from autotune.store.records import Trial

pytestmark = pytest.mark.mpi

MODEL = Path(__file__).parents[1] / "models" / "small_ring.py"
NAPS = """
def nap():
    if not int(h.CVode().queue_mode()) & 1:
        time.sleep(0.06)


naps = h.FInitializeHandler(1, lambda: [h.CVode().event(15.0 * n, nap) for n in range(1, 6)])
"""
"""With the bin queue the ring sleeps less: a gain that is found and proved for sure."""


@dataclass
class Starts:
    """Every start of the user's command: in which step of the road, and what its ranks are asked to do."""

    step: str = ""
    of: dict[str, list[str]] = field(default_factory=dict)
    """The text of each start's job, by step, in order."""
    sections: list[str] = field(default_factory=list)
    """The step of each run on a built network, in order."""

    def note(self, env: dict[str, str]) -> None:
        if JOB_VARIABLE in env:
            self.of.setdefault(self.step, []).append(Path(env[JOB_VARIABLE]).read_text())


class Steps:
    """A progress that shows nothing and tells `starts` which step has begun."""

    def __init__(self, starts: Starts) -> None:
        self._starts = starts

    def step(self, name: str) -> str:
        self._starts.step = name
        return name

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Starts, StudyFolder]:
    """All starts of a study on two ranks, and its folder: baseline and bin queue in a session, the self
    queue, which cannot run twice in a process, in fresh ones."""
    folder = tmp_path_factory.mktemp("starts")
    text = MODEL.read_text().replace("import sys\n", "import sys\nimport time\n")
    slow_setup = NAPS + "time.sleep(0.3)\n"  # so that a session pays for three trials, on any machine
    (folder / MODEL.name).write_text(text.replace("h.stdinit()\n", slow_setup + "h.stdinit()\n"))
    search = {"trials": 3, "knobs": ("bin_queue", "self_queue"), "short_s": inf}
    command = ["mpiexec", "-n", "2", sys.executable, MODEL.name]
    quick: dict[str, Any] = {"noise": {"runs": 4}, "confirm": {"pairs": 5, "finalists": 1, "alpha": 0.05}}
    config = make_config({"name": "starts", "command": command, "folder": folder, "search": search, **quick})
    starts, start, run = Starts(), Process.__init__, Session.run

    def counted(process: Process, *words: Any, **how: Any) -> None:
        starts.note(how["env"])
        start(process, *words, **how)

    def counted_run(session: Session, ask: Ask) -> Run:
        starts.sections.append(starts.step)
        return run(session, ask)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Process, "__init__", counted)
        patch.setattr(Session, "run", counted_run)
        tune(config, folder / "out", storage=None, fresh=False, progress=Steps(starts))
    return starts, StudyFolder(folder / "out")


@pytest.fixture(scope="module")
def study(whole: tuple[Starts, StudyFolder]) -> tuple[list[str], list[Trial]]:
    """The starts in the search, and its trials."""
    starts, folder = whole
    return starts.of["search"], folder.trials()


def of_self_queue(study: tuple[list[str], list[Trial]]) -> tuple[list[bool], Trial]:
    """Which starts of the search ask for the self queue, and the trial that does."""
    starts, trials = study
    (trial,) = (trial for trial in trials if trial.changes.get("self_queue"))
    assert trial.sections["setup"] > 0.0, "the trial was to be made in fresh processes"
    return ['"self_queue": true' in job for job in starts], trial


def test_a_trial_in_fresh_processes_starts_one_for_each_of_its_samples(study) -> None:
    asked, trial = of_self_queue(study)
    assert asked.count(True) == len(trial.samples) >= 1


def test_a_trial_in_fresh_processes_is_timed_between_fresh_baseline_runs_which_its_samples_share(study) -> None:
    asked, trial = of_self_queue(study)
    first = asked.index(True)
    runs = [False, *[True, False] * len(trial.samples)]
    assert asked[first - 1 : first - 1 + len(runs)] == runs


def test_a_search_starts_nothing_beside_its_trials_but_a_session_and_a_run_to_compare_it_with(study) -> None:
    asked, trial = of_self_queue(study)
    fresh = 1 + 2 * len(trial.samples)
    assert fresh <= len(asked) <= fresh + 2


def test_a_whole_study_starts_one_watched_run_a_repetition_a_session_and_the_starts_of_its_proof(whole) -> None:
    starts, folder = whole
    log = folder.read(ConfirmationLog)
    assert log is not None
    made = {(event["finalist"], event["start"]): event["way"] for event in log.events if "way" in event}
    assert len(made) >= FEWEST_STARTS
    assert set(made.values()) == {"fresh", "session"}
    assert len(starts.of["observe"]) == 1
    # The repetition, sessions with what proves them, one run that knobs are compared with; no A/A run has its own.
    assert len(starts.of["calibrate"]) <= 5
    # A plain start is two processes, one in a session a single one.
    assert len(starts.of["confirm"]) == sum(2 if way == "fresh" else 1 for way in made.values())


def test_the_sections_of_a_whole_study_are_those_of_its_samples_and_pairs(whole) -> None:
    starts, folder = whole
    log = folder.read(ConfirmationLog)
    assert log is not None
    in_sessions = [event for event in log.events if event.get("way") == "session"]
    assert starts.sections.count("confirm") == 2 * len(in_sessions) > 0
    assert {"baseline_interrupted", "trial_interrupted"} <= in_sessions[0].keys()
    told = disturbed_by(books(), 0.0) is not None  # else this kernel does not tell
    assert all((event["trial_others"] is not None) == told for event in log.events)
    # The replays that prove the session and the one after other settings are A/A runs, too.
    proof, own = REPLAYS + 2, len(folder.read(NoiseRecord).times_s) - (REPLAYS + 1)
    assert proof + own <= starts.sections.count("calibrate") <= proof + own + 3
    assert len(folder.read(NoiseRecord).disturbed) == own * told
    (baseline,) = [trial.samples[0] for trial in folder.trials() if not trial.changes and trial.answered_from is None]
    assert baseline.before_s == folder.read(NoiseRecord).times_s[-1]  # the last A/A run is the first of the search
    samples = [sample for trial in folder.trials() for sample in trial.samples if sample.way == "session"]
    assert all(len(sample.interrupted) == 3 for sample in samples)
    assert all(len(sample.disturbed) == 3 * told for sample in samples)
    assert starts.sections.count("search") >= 2 * len(samples)
