"""The spikes of ranks that work at jobs, each by itself or in subworlds, put together so that it does not matter which
rank did a job.

The bulletin board gives a job to whichever rank is free, so neither a spike's rank nor its place in the rank's work
says whose it is: the job's number does, which is the place in the order of `pc.submit`. What no job's number is known
of is named by the rank that did it. Must never unify, drop or add a spike.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence, Set
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autotune.agent.protocol import RankReport
from autotune.raster import Raster, merge

Ids = NDArray[np.int64]
Spikes = tuple[Ids, NDArray[np.float64]]
Key = tuple[int, int, int]
STRIDE, WIDE_STRIDE = 10**7, 10**11  # source 5 of job 3 is 30000005 here, wherever gids leave room for that
_NONE = np.empty(0, np.int64)


def by_job(reports: Sequence[RankReport], spikes_of: Callable[[int], Spikes], place: Path | None = None) -> Raster:
    """One raster, in which each job has a range of gids of its own; sources without a gid have negative ones.

    `spikes_of` reads the ids (n,) and times in ms (n,) of the rank of a report, in the order of its sections: twice of
    each, as no more than one rank's are held; `place` as in raster.merge. Raises ValueError when they are not as many
    as its sections say.
    """
    keys = _keys(reports)
    numbers = {key: number for number, key in enumerate(sorted({key for of_rank in keys for key in of_rank}))}
    unnamed: dict[Key, Ids] = defaultdict(lambda: np.empty(0, np.int64))
    largest = 0
    for at, report in enumerate(reports):
        spikes = spikes_of(at)
        largest = max(largest, int(np.abs(spikes[0]).max(initial=0)))
        for key, (ids, _) in zip(keys[at], _parts(report, spikes), strict=False):
            unnamed[key] = np.union1d(unnamed[key], -1 - ids[ids < 0])
    stride = STRIDE if largest < STRIDE else WIDE_STRIDE

    def of_rank(at: int) -> Raster:
        parts = zip(keys[at], _parts(reports[at], spikes_of(at)), strict=False)
        named = [_named(part, unnamed[key], numbers[key] * stride) for key, part in parts]
        ids, times = zip(*named, strict=True) if named else ((), ())
        return Raster.from_arrays(np.concatenate([_NONE, *ids]), np.concatenate([np.empty(0), *times]))

    return merge(map(of_rank, range(len(reports))), place)


def _parts(report: RankReport, spikes: Spikes) -> list[Spikes]:
    """The spikes of each section of a rank."""
    counts = [section.spikes for section in report.sections]
    if sum(counts) != len(spikes[0]):
        raise ValueError(f"rank {report.rank}: {len(spikes[0])} spikes, its sections have {sum(counts)}")
    if not counts:
        return []
    ids, times = spikes
    edges = np.cumsum(counts)[:-1]
    return list(zip(np.split(ids, edges), np.split(times, edges), strict=True))


def _keys(reports: Sequence[RankReport]) -> list[list[Key]]:
    """For each section of each rank: what it is part of, the same in all ranks that simulated it together."""
    split = any(report.subsize < report.nhost for report in reports)
    roots = [report.rank - report.subrank if split else report.rank for report in reports]
    owners: dict[int, set[int]] = defaultdict(set)
    for report, root in zip(reports, roots, strict=True):
        for section in report.sections:
            if section.job is not None:
                owners[section.job].add(root)
    # One job is done once: what several did (pc.context, or another value of hoc_ac_) is named by who did it.
    known = {job for job, of in owners.items() if len(of) == 1}
    return [_of_rank(report, root, known) for report, root in zip(reports, roots, strict=True)]


def _of_rank(report: RankReport, root: int, known: Set[int]) -> list[Key]:
    """Of `known` jobs: the job; else the rank that did it. Then the order there."""
    seen: Counter[tuple[int, int]] = Counter()
    found = []
    for section in report.sections:
        of = (1, section.job) if section.job is not None and section.job in known else (0, root)
        found.append((*of, seen[of]))
        seen[of] += 1
    return found


def _named(part: Spikes, unnamed: Ids, first: int) -> Spikes:
    """Spikes of a job with ids from `first` on, those of sources without a gid from -first down.

    These have numbers by their place in a list, which earlier jobs of the same rank may have lengthened: they count by
    their order among the job's `unnamed` ones.
    """
    ids, times = part
    order = np.searchsorted(unnamed, -1 - ids)
    return np.where(ids < 0, -1 - order - first, ids + first), times
