"""Where trials were made, and how the model scales there: nothing is run for it, it is read from the study's trials.

A time holds on the type of node on which it was measured, so nothing here compares two types.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from autotune.agent.knobs import RANKS, THREADS
from autotune.store.records import Trial

Size = tuple[int, int]


@dataclass(frozen=True)
class ScalingPoint:
    """One number of ranks and threads of each."""

    ranks: int
    threads: int
    seconds: float
    """The trial's time ratio times the median of the user's own runs on this type of node."""
    speedup: float
    """Over the fewest cores of the table."""
    efficiency: float
    """The speed-up over how many times as many cores: 1 is perfect."""
    trial: int
    fastest: int
    """The fastest trial of this size, whatever else it sets."""
    fastest_ratio: float


@dataclass(frozen=True)
class Scaling:
    """How the model scales with ranks and threads, all other settings the same; fewest cores first."""

    beside: dict[str, Any]
    """The settings that all of its trials have changed."""
    points: tuple[ScalingPoint, ...]


@dataclass(frozen=True)
class Place:
    """A type of node, and what was found on it."""

    node_type: str
    workers: int
    trials: int
    own_s: float | None
    """Median time of the user's own settings."""
    best: int | None
    """The fastest trial that was accepted there."""
    best_ratio: float | None
    best_changes: dict[str, Any]
    scaling: Scaling | None
    """None where trials of one size only were made."""


def places(trials: Sequence[Trial], node_types: Mapping[str, str], own: Size) -> list[Place]:
    """The types of nodes on which these trials were made, those of most trials first; `node_types` of their workers by
    name, `own` the user's numbers of ranks and of threads.
    """
    there: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.answered_from is None:
            there[node_types.get(trial.worker, "")].append(trial)
    found = [_place(node_type, made, own) for node_type, made in there.items()]
    return sorted(found, key=lambda place: (-place.trials, place.node_type))


def _place(node_type: str, trials: Sequence[Trial], own: Size) -> Place:
    timed = [trial for trial in trials if trial.accepted and trial.ratio is not None]
    own_s = [seconds for trial in trials for sample in trial.samples for seconds in (sample.before_s, sample.after_s)]
    best = min((trial for trial in timed if trial.changes), key=_ratio, default=None)
    return Place(
        node_type,
        len({trial.worker for trial in trials}),
        len(trials),
        median(own_s) if own_s else None,
        best.number if best else None,
        best.ratio if best else None,
        dict(best.changes) if best else {},
        _scaling(timed, own, median(own_s)) if own_s else None,
    )


def _scaling(timed: Sequence[Trial], own: Size, own_s: float) -> Scaling | None:
    """Of the settings that were tried in most sizes; of several, those of the fastest trial."""
    alike: dict[str, dict[Size, Trial]] = defaultdict(dict)
    fastest: dict[Size, Trial] = {}
    for trial in sorted(timed, key=_ratio, reverse=True):
        size = trial.changes.get(RANKS, own[0]), trial.changes.get(THREADS, own[1])
        alike[repr(sorted(_beside(trial).items()))][size] = fastest[size] = trial
    sizes = max(alike.values(), key=lambda of: (len(of), -min(map(_ratio, of.values()))), default={})
    if len(sizes) < 2:
        return None
    order = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    least = order[0]

    def point(size: Size) -> ScalingPoint:
        speedup = _ratio(sizes[least]) / _ratio(sizes[size])
        cores = size[0] * size[1] / (least[0] * least[1])
        best = fastest[size]
        return ScalingPoint(
            *size, _ratio(sizes[size]) * own_s, speedup, speedup / cores, sizes[size].number, best.number, _ratio(best)
        )

    return Scaling(_beside(sizes[least]), tuple(map(point, order)))


def _beside(trial: Trial) -> dict[str, Any]:
    return {name: value for name, value in trial.changes.items() if name not in (RANKS, THREADS)}


def _ratio(trial: Trial) -> float:
    assert trial.ratio is not None
    return trial.ratio
