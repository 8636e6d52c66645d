"""A whole study on a scripted machine, in copies of this process that die at a write: what a resumed study must equal.

One watched and one plain run are real; every later one is the plain one with the settings in effect and the time that
they are given here. The clock stands still. What is written goes through two seams: `os.replace`, by which every record
and raster appears, and the appending to Optuna's journal.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autotune import begin
from autotune.begin import config_of
from autotune.calibrate import noise
from autotune.launch.ask import Ask, Run
from autotune.launch.run import FreshRunner
from autotune.machine import Disturbed, describe_machine
from autotune.pipeline import tune
from autotune.report.progress import Progress
from autotune.settings import Effective
from autotune.store.journal import Journal
from autotune.store.opening import open_storage

DIED, UNFINISHED = 9, 1
FACTORS: dict[tuple[str, Any], float] = {("self_queue", True): 0.7, ("dt", 0.05): 0.8, ("dt", 0.1): 0.6}
# What says when, how long, or how busy the machine was; and who wrote a line of the journal.
OF_THE_DAY = re.compile(r'"(finished|created|datetime_start|datetime_complete|worker_id)": ?("[^"]*"|[\d.e-]+)')


class ScriptedStudy:
    """Runs `study` in folders that it is given; `die` says at which write a copy of the process ends."""

    def __init__(self, study: Path, real: Callable[..., Run], patch: pytest.MonkeyPatch) -> None:
        self.study = study
        self._real = real
        self._runs: dict[bool, Run] = {}
        patch.setattr(FreshRunner, "_once", lambda runner, ask, job, *beside: self._run(runner, ask, job))
        patch.setattr(begin, "neuron_of", lambda *words, **named: "")  # which takes half a second each time
        patch.setattr(time, "monotonic", lambda: 1000.0)
        machine = describe_machine()
        patch.setattr(noise, "describe_machine", lambda: machine)
        patch.setattr(Run, "disturbed", Disturbed(0.0, 0.0))

    def _run(self, runner: FreshRunner, ask: Ask, job: Any) -> Run:
        if job.observe not in self._runs:
            self._runs[job.observe] = self._real(runner, Ask(60.0, voltages=8), replace(job, settings={}, voltages=8))
        run = self._runs[job.observe]
        if job.observe:
            return run
        factor = 1.0
        for knob, value in ask.changes.items():
            factor *= FACTORS.get((knob, value), 1.1)
        sections = {**run.sections, "run": factor}
        effective = Effective({**run.effective, **ask.changes})
        return replace(run, effective=effective, run_s=factor, wall_s=2 * factor, sections=sections)

    def whole(self, out: Path) -> None:
        """From here to the end, in this process."""
        tune(config_of(self.study, None, Path.cwd()), out, storage=None, fresh=False, progress=Progress())

    def dies(self, out: Path, at: int, before: bool) -> bool:
        """Whether a copy of this process died at its write number `at`, before or after it; else it came to its end."""
        child = os.fork()
        if child == 0:
            try:
                with dying(at, before):
                    self.whole(out)
                os._exit(0)
            except BaseException as error:
                print(repr(error), flush=True)
                os._exit(UNFINISHED)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, DIED), f"the copy that was to die at write {at} ended with {code}"
        return code == DIED

    def writes(self, out: Path) -> int:
        """How many writes a whole study makes."""
        with counting() as counted:
            self.whole(out)
        return counted[0]


@contextmanager
def counting(then: Callable[[int, bool], None] = lambda number, before: None) -> Iterator[list[int]]:
    """Count the writes; `then` is called before and after each, with its number from 0."""
    count = [0]

    def counted(write: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*words: Any, **named: Any) -> Any:
            number = count[0]
            count[0] += 1
            then(number, True)
            answer = write(*words, **named)
            then(number, False)
            return answer

        return wrapped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", counted(os.replace))
        patch.setattr(Journal, "append_logs", counted(Journal.append_logs))
        yield count


@contextmanager
def dying(at: int, before: bool) -> Iterator[None]:
    """This process ends at that write, as by SIGKILL: nothing is tidied, no buffer is written."""

    def die(number: int, is_before: bool) -> None:
        if (number, is_before) == (at, before):
            os._exit(DIED)

    with counting(die):
        yield


def contents(out: Path) -> dict[str, str]:
    """What a study folder says: each file but for dates, and of the journal what its trials are."""
    found = {}
    for file in sorted(path for path in out.rglob("*") if path.is_file()):
        name = str(file.relative_to(out))
        if name.startswith(("optuna.journal", "agent/", ".lock")):
            continue
        data = file.read_bytes()
        found[name] = OF_THE_DAY.sub(r'"\1": #', data.decode()) if name.endswith(".json") else data.hex()
    trials = open_storage(out).get_all_trials(0)
    told = [(t.number, t.state.name, t.params, t.values, t.constraints, t.user_attrs) for t in trials]
    return {**found, "trials of the journal": json.dumps(told, default=str, indent=1)}


def remove(journal: Path) -> None:
    """Harm to Optuna's journal: somebody cleans up."""
    journal.unlink()


def overwrite(journal: Path) -> None:
    """Harm to Optuna's journal: a disk that lies."""
    journal.write_bytes(b"x" * journal.stat().st_size + b"\n")
