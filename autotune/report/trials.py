"""The trials of a study as a pandas table, one row a trial, for people and for their notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from autotune.store.output import write_output
from autotune.store.records import Trial

SECTIONS = ("setup", "run", "output", "exchange", "barrier")


def trials_frame(trials: list[Trial]) -> pd.DataFrame:
    """One row a trial.

    Columns: number, verdict, ratio (paired time ratio), run_s, distance (raster), reason, answered_from, safety,
    spikes, `requested.<knob>` and `effective.<knob>`, and `<section>_s` for set-up, run, output, exchange and
    barrier, in seconds.
    """
    frame: pd.DataFrame = pd.DataFrame([_row(trial) for trial in trials])
    if trials:
        frame = frame.set_index("number")
    return frame


def _row(trial: Trial) -> dict[str, Any]:
    row: dict[str, Any] = {
        "number": trial.number,
        "verdict": trial.verdict,
        "ratio": trial.ratio,
        "distance": trial.distance,
        "safety": trial.safety,
        "spikes": trial.spikes,
    }
    row |= {f"requested.{name}": value for name, value in trial.params.items()}
    row |= {f"effective.{name}": value for name, value in trial.effective.items()}
    row |= {f"{name}_s": trial.sections.get(name) for name in SECTIONS}
    return row | {"answered_from": trial.answered_from, "reason": trial.reason}


def write_csv(frame: pd.DataFrame, file: Path) -> None:
    """Write the table, whole or not at all. Raises UsageError when the place cannot be written."""
    write_output(file, frame.to_csv())
