"""Studies to look at, made from the records that docs/images keeps of `make demo`: what a page must stand."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from autotune.raster.files import write_raster
from autotune.raster.raster import Raster
from autotune.report.html.studied import Studied, read_studied
from autotune.store.folder import StudyFolder, open_finished
from autotune.store.records import Trial

DEMO = Path(__file__).parents[2] / "docs" / "images" / "demo"
SCRIPT = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">"


def improved(place: Path) -> StudyFolder:
    """The demo, with rasters: the best one's spikes are 0.1 ms late from 100 ms on."""
    shutil.copytree(DEMO, place)
    folder = open_finished(place)[0]
    folder.rasters.mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    gids, times = rng.integers(0, 64, 1599), np.round(rng.uniform(0.0, 350.0, 1599), 3)
    write_raster(folder.baseline_raster, Raster.from_arrays(gids, times))
    winner = next(trial for trial in folder.trials() if str(trial.number) == confirmed(folder)["winner"])
    late = np.where(times > 100.0, times + 0.1, times)
    write_raster(folder.raster_of(winner.changes), Raster.from_arrays(gids, late))
    return folder


def without_a_gain(place: Path) -> StudyFolder:
    """The same search, whose finalist was not proved to be faster."""
    folder = improved(place)
    said = confirmed(folder)
    said["verdict"], said["winner"] = "no improvement", None
    for finding in said["findings"]:
        finding |= {"proved": False, "corrected_p": 0.4, "speedup": {"estimate": 1.01, "low": 0.97, "high": 1.05}}
        finding["speedup"]["confidence"] = 0.95
    (place / "confirmation.json").write_text(json.dumps(said))
    return folder


def with_failures(place: Path, many: int = 6) -> StudyFolder:
    """Trials of every verdict, whose reasons are as nasty as a model's last words may be."""
    folder = improved(place)
    first = folder.trials()[0]
    for number, verdict in enumerate(
        ("crashed", "timeout", "unstable", "not applicable", "diverged", "crashed") * many
    ):
        reason = SCRIPT if verdict == "crashed" else f"it | was *{verdict}* " + "at_a_long_path/" * 12
        folder.write_trial(_another(first, 100 + number, verdict, reason))
    return folder


def of_many_trials(place: Path, number: int) -> Studied:
    """A search of so many trials more, read: their files would take longer to write than all else."""
    studied, rng = read_studied(*open_finished(improved(place).path)), np.random.default_rng(2)
    trials = list(studied.answer.trials)
    for at, ratio in enumerate(rng.uniform(0.55, 1.5, number)):
        verdict = "accepted" if at % 3 else "diverged"
        trials.append(replace(_another(trials[0], 100 + at, verdict, "" if at % 3 else "a spike moved"), ratio=ratio))
    return replace(studied, answer=replace(studied.answer, trials=tuple(trials)))


def confirmed(folder: StudyFolder) -> Any:
    """What the study says at its end."""
    return json.loads((folder.path / "confirmation.json").read_text())


def _another(trial: Trial, number: int, verdict: Any, reason: str) -> Trial:
    ratio = None if verdict in ("crashed", "timeout", "not applicable") else 0.4
    return replace(trial, number=number, verdict=verdict, reason=reason, ratio=ratio, violation=2.0)
