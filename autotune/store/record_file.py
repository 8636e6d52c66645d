"""A record as a JSON file: written whole or not at all, and read as what others may have written."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from autotune.agent.knobs import KNOBS
from autotune.agent.protocol import write_atomically
from autotune.errors import UsageError
from autotune.store.disk import unreadable
from autotune.store.records import Trial
from autotune.untrusted import bytes_of, check_numbers, first_problem

_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)
"""Made once a kind: it takes longer than to read or write a record with it."""


def write_record(file: Path, record: Any) -> None:
    """Write a record down."""
    text = _adapter(type(record)).dump_json(record, indent=1)
    write_atomically(file, lambda stream: stream.write(text))


def read_record(file: Path, kind: Any) -> Any:
    """The record in a file, None where there is none. Raises UsageError for one that is damaged or cannot be read."""
    if not file.is_file():
        return None
    try:
        text = bytes_of(file)
        check_numbers(text)
        return _adapter(kind).validate_json(text)
    except OSError as error:
        raise unreadable(file, error) from error
    except ValueError as error:
        raise UsageError(
            f"{file}: is damaged or from another version: {first_problem(error)}",
            cure="Remove that file to make this step again, or start afresh with --fresh.",
        ) from error


def unlike_a_trial(trial: Trial, number: int) -> str:
    """What no trial of this tool says, whatever its types are; empty for one that may have been written here."""
    if trial.number != number:
        return f"its number is {trial.number}"
    unknown = [knob for part in (trial.params, trial.effective, trial.changes) for knob in part if knob not in KNOBS]
    if unknown:
        return f"there is no knob {unknown[0][:40]!r}"
    seconds = [s for sample in trial.samples for s in (sample.before_s, sample.trial_s, sample.after_s)]
    times = [*seconds, *([] if trial.ratio is None else [trial.ratio])]
    if not all(0.0 <= each < math.inf for each in times) or not math.isfinite(trial.violation):
        return "a time, a ratio or a violation that cannot be"
    return ""
