"""A rank's report, read back: a file in a folder to which the model could write, so that nothing of it is believed
before its shape is that of a report.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeInt, TypeAdapter

from autotune.agent.protocol import PROTOCOL, RankReport
from autotune.launch.secrets import without_secrets
from autotune.untrusted import BROKEN, first_problem, json_of

MOST_BYTES = 256 << 20
"""Of one report; it names some thousand bytes a rank, and each cell's cost in a profile."""
MOST_RANKS = 1 << 24


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class _Facts(_Part):
    """What the driver asks of RankReport.model, where a rank has looked at its model (agent/probe.py)."""

    cells: NonNegativeInt
    artificial_cells: NonNegativeInt
    artificial_gids: NonNegativeInt
    sources_without_gid: NonNegativeInt
    output_gids: NonNegativeInt
    sections: NonNegativeInt
    trees: NonNegativeInt
    threads: NonNegativeInt
    recorded: NonNegativeInt = 0
    min_delay_ms: float | None
    delays_ms: list[float]
    gids_without_cell: list[int] = []
    thread_unsafe: list[str]
    lacking_threadsafe: list[str]
    libraries: list[str] = []
    ways: list[str] = []
    traces: list[str] = []
    no_coreneuron: str


class _Voltage(_Part):
    """Of RankReport.voltage (agent/voltages.py)."""

    digest: str = ""
    finite: bool
    lowest_mv: float
    highest_mv: float
    ringing_mv: float


class _Beside(_Part):
    """Of RankReport.beside (agent/beside.py)."""

    step_calls: int
    spike_functions: int
    transitions: int
    events: int
    events_left: int
    vectors: list[list[str | int | float]]


_VERSION = re.compile(r"\d+\.\d+")
_REPORT = TypeAdapter(RankReport)


def read_report(file: Path) -> RankReport:
    """The report in a file. Raises ValueError for one that is torn, foreign or none, and OSError."""
    try:
        said = json_of(file, MOST_BYTES, finite=False, shown=without_secrets)
        if not isinstance(said, dict) or said.get("protocol") != PROTOCOL:
            raise ValueError(f"not a rank report of protocol {PROTOCOL}")
        report = _REPORT.validate_python(said)
        if not (0 <= report.rank < report.nhost <= MOST_RANKS and 0 <= report.subrank < report.subsize <= report.nhost):
            raise ValueError(f"rank {report.rank} of {report.nhost}")
        if report.simulated and not _VERSION.search(report.neuron):
            raise ValueError(f"no version of NEURON in {report.neuron[:40]!r}")
        _check(_Facts, report.model if "cells" in report.model else {})
        _check(_Voltage, report.voltage)
        _check(_Beside, report.beside)
    except OSError:
        raise
    except BROKEN as error:
        raise ValueError(first_problem(error)) from error
    return report


def _check(kind: type[_Part], said: dict[str, Any]) -> None:
    if said:
        kind.model_validate(said)
