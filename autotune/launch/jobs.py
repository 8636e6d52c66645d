"""The spikes of ranks that work at jobs, each by itself or in subworlds, put together so that it does not matter which
rank did a job.

The bulletin board gives a job to whichever rank is free, so neither a spike's rank nor its place in the rank's work
says whose it is: the job's number does, which is the place in the order of `pc.submit`. What no job's number is known
of is named by the rank that did it. Must never unify, drop or add a spike.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence, Set

import numpy as np
from numpy.typing import NDArray

from autotune.agent.protocol import RankReport
from autotune.raster import Raster

Spikes = tuple[NDArray[np.int64], NDArray[np.float64]]
Key = tuple[int, int, int]
STRIDE, WIDE_STRIDE = 10**7, 10**11  # source 5 of job 3 is 30000005 here, wherever gids leave room for that


def by_job(reports: Sequence[RankReport], spikes: Sequence[Spikes]) -> Raster:
    """One raster, in which each job has a range of gids of its own; sources without a gid have negative ones.

    `spikes` are the ids (n,) and times in ms (n,) of each rank, in the order of its sections. Raises ValueError when
    they are not as many as its sections say.
    """
    keys = _keys(reports)
    numbers = {key: number for number, key in enumerate(sorted({key for of_rank in keys for key in of_rank}))}
    jobs: dict[Key, list[Spikes]] = defaultdict(list)
    for report, of_rank, (ids, times) in zip(reports, keys, spikes, strict=True):
        counts = [section.spikes for section in report.sections]
        if sum(counts) != len(ids):
            raise ValueError(f"rank {report.rank}: {len(ids)} spikes, its sections have {sum(counts)}")
        edges = np.cumsum(counts)[:-1]
        parts = zip(np.split(ids, edges), np.split(times, edges), strict=True) if counts else ()
        for key, part in zip(of_rank, parts, strict=False):
            jobs[key].append(part)
    largest = max((int(np.abs(ids).max()) for ids, _ in spikes if len(ids)), default=0)
    stride = STRIDE if largest < STRIDE else WIDE_STRIDE
    named = [_named(parts, numbers[key] * stride) for key, parts in jobs.items()]
    if not named:
        return Raster.from_arrays(np.zeros(0, np.int64), np.zeros(0))
    ids, times = (np.concatenate(column) for column in zip(*named, strict=True))
    return Raster.from_arrays(ids, times)


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


def _named(parts: list[Spikes], first: int) -> Spikes:
    """The spikes of one job with ids from `first` on, those of sources without a gid from -first down."""
    ids, times = (np.concatenate(column) for column in zip(*parts, strict=True))
    # These have numbers by their place in a list, which earlier jobs of the same rank may have lengthened.
    unnamed = -1 - np.unique(-1 - ids[ids < 0])
    order = np.searchsorted(-1 - unnamed, -1 - ids)
    return np.where(ids < 0, -1 - order - first, ids + first), times
