"""What one run did beside spikes, of all ranks together: calls, events, recorded vectors, printed lines.

Sessions never come to the end of the script: of their runs nothing is known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from autotune.launch.ask import Run
from autotune.launch.printed import Printed


@dataclass(frozen=True)
class Recorded:
    """Vectors of one kind and length (agent/recorders.py)."""

    kind: str
    length: int
    number: int = 1
    sums: tuple[float, ...] = ()
    """Finite values, their sum, that of their sizes, first halves less second halves."""


@dataclass(frozen=True)
class Beside:
    """What can be told of a run after its end."""

    ranks: int = 1
    dt_ms: float = 0.0
    fixed_step: bool = True
    step_calls: int = 0
    """Calls of the model's functions that NEURON has made at steps."""
    spike_functions: int = 0
    """Sources at whose spikes NEURON has called a function of the model."""
    transitions: int = 0
    """StateTransitionEvents at which NEURON has looked."""
    events: int = 0
    """Events of the interpreter that were executed; of each rank modulo 100, NEURON does not count them."""
    events_left: int = 0
    """Those that were not."""
    vectors: tuple[Recorded, ...] | None = None
    """None in a watched run, which keeps nothing of the model's."""
    printed: Printed = field(default_factory=Printed)


def beside_of(run: Run) -> Beside:
    """What a fresh run did."""
    reports = [report.beside for report in run.reports if report.beside]
    first = run.first
    if run.by_jobs:  # the rest depends on which rank did which job, and which one last
        return Beside(run.ranks, first.dt_ms, not first.cvode, printed=run.printed)

    def total(name: str) -> int:
        return sum(int(report[name]) for report in reports)

    return Beside(
        run.ranks,
        first.dt_ms,
        not first.cvode,
        total("step_calls"),
        total("spike_functions"),
        total("transitions"),
        total("events"),
        total("events_left"),
        _joined([row for report in reports for row in report["vectors"]]) if reports else None,
        run.printed,
    )


def _joined(rows: Sequence[Sequence[object]]) -> tuple[Recorded, ...]:
    """The rows of all ranks, one for each kind and length."""
    found: dict[tuple[str, int], np.ndarray] = {}
    for kind, length, *rest in rows:
        key = (str(kind), int(str(length)))
        found[key] = found.get(key, np.zeros(len(rest))) + np.array(rest, dtype=float)
    return tuple(
        Recorded(kind, length, int(sums[0]), tuple(map(float, sums[1:])))
        for (kind, length), sums in sorted(found.items())
    )
