"""Settings that are pasted into a model do what they did in the trial: the same spikes, the same values in effect."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from model_bench import LIMIT_S, MODELS, Bench

from autotune.best import write_best
from autotune.handover.answer import Answer, read_answer
from autotune.handover.formats import named
from autotune.launch.ask import Run
from autotune.launch.command import parse_command
from autotune.launch.interpreter import ask
from autotune.observe.identity import identify_model
from autotune.raster.metrics import identical
from autotune.store.folder import open_finished

pytestmark = pytest.mark.newest

DEMO = Path(__file__).parents[2] / "docs" / "images" / "demo"
LINES = {"python": "mpiexec -n 2 python small_ring.py", "hoc": "mpiexec -n 2 nrniv -mpi hoc_net.hoc"}
SERIAL = {"python": "python small_ring.py", "hoc": "nrniv hoc_net.hoc"}
BEFORE = {"python": r"^h\.stdinit\(\)", "hoc": r"^stdinit\(\)"}
GATHERED = {
    "dt": 0.05,
    "secondorder": 2,
    "nspike": 4,
    "gid_compress": True,
    "bin_queue": True,
    "self_queue": True,
    "step_wait": False,
}
SENT = {"multisend": True, "multisend_subintervals": True, "multisend_two_phase": True, "maxstep": 1.0}
SHARED = {"threads": 2, "dt": 0.0125}  # of one rank: on two cores two ranks have no core left for threads
ENGINE = {"coreneuron": True, "cell_permute": 1}


def pasted(answer: Answer, language: str, folder: Path, models: Path = MODELS[1]) -> None:
    """Put a copy of the model there, with what `export` gives right before its run."""
    name = LINES[language].split()[-1]
    source = (models / name).read_text()
    code = named(language).text(answer)
    both, count = re.subn(BEFORE[language], lambda found: f"{code}\n{found[0]}", source, flags=re.MULTILINE)
    assert count == 1
    folder.mkdir()
    (folder / name).write_text(both)


@pytest.mark.mpi
@pytest.mark.parametrize("settings", [GATHERED, SENT, SHARED, ENGINE], ids=["gathered", "sent", "shared", "engine"])
@pytest.mark.parametrize("language", LINES)
def test_pasted_settings_give_the_raster_of_the_trial(
    bench: Bench, version: str, language: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    own = {"cache_efficient": True} if version.startswith("8") else {"node_order": 1}
    settings = settings if "coreneuron" in settings else {**settings, **own}
    line = SERIAL[language] if "threads" in settings else LINES[language]
    trial, _ = bench.watched(line, settings, observe=False)
    assert {name: trial.effective[name] for name in settings} == settings
    shutil.copytree(DEMO, tmp_path / "study")
    answer = read_answer(*open_finished(tmp_path / "study"))
    pasted(as_found(answer, settings, trial, version), language, tmp_path / "pasted")
    run, ending = replace(bench, extra=[tmp_path / "pasted"]).watched(line, observe=False, shared=True)
    assert ending.exit_code == 0, ending.stderr
    assert len(run.raster) > 0
    assert identical(run.raster, trial.raster)
    told = {name: value for name, value in run.effective.items() if name not in ("gid_compress", "maxstep")}
    assert told == {name: trial.effective[name] for name in told}


def as_found(answer: Answer, settings: dict[str, Any], trial: Run, version: str) -> Answer:
    """The answer of a study in which these settings have won."""
    facts = replace(answer.observation.facts, neuron=tuple(map(int, version.split("."))))
    assert answer.winner is not None
    return replace(
        answer,
        observation=replace(answer.observation, facts=facts),
        winner=replace(answer.winner, changes=settings, effective=trial.effective),
    )


@pytest.mark.mpi
@pytest.mark.parametrize("language", LINES)
def test_pasted_settings_print_what_exec_prints(language: str, tmp_path: Path) -> None:
    """Every spike, of the model as it is with the answer applied, and of the copy with the code in it."""
    programs = Path(sys.executable).parent
    name, words = LINES[language].split()[-1], LINES[language].split()
    line = [*words[:3], str(programs / words[3]), *words[4:]]
    own = tmp_path / "own"
    own.mkdir()
    shutil.copy(MODELS[1] / name, own)
    if language == "python":  # the hoc model prints its spikes by itself
        text = (own / name).read_text()
        (own / name).write_text(text.replace("pc.barrier()", "print(*zip(times, gids), flush=True)\npc.barrier()"))
    shutil.copytree(DEMO, tmp_path / "study")
    found = read_answer(*open_finished(tmp_path / "study"))
    changes = {"dt": 0.05, "nspike": 4, "gid_compress": True, "bin_queue": True}
    assert found.winner is not None
    answer = replace(found, winner=replace(found.winner, changes=changes, effective={}))
    pasted(answer, language, tmp_path / "pasted", own)
    environment = found.best.environment
    neuron = ask(programs / "python", dict(os.environ))["neuron"]
    best = found.best.model_copy(
        update={
            "changes": changes,
            "model": identify_model(parse_command(line, own)),
            "environment": replace(environment, neuron=neuron),
        }
    )
    write_best(best, tmp_path / "best.json")
    write_best(best.model_copy(update={"changes": {}}), tmp_path / "plain.json")
    applied = printed(tmp_path / "best.json", line, own)
    assert applied == printed(tmp_path / "plain.json", line, tmp_path / "pasted")
    assert applied != printed(tmp_path / "plain.json", line, own)


def printed(best: Path, line: list[str], folder: Path) -> list[str]:
    """What the command prints with this answer applied; with one that changes nothing it is started as it is."""
    words = [sys.executable, "-m", "autotune", "exec", str(best), "--", *line]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    lines = sorted(line for line in done.stdout.splitlines() if line.strip())
    assert len(lines) > 1, done.stderr
    return lines
