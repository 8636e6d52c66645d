"""Ranks that have unlike work: another distribution of the cells."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from pathlib import Path

from autotune.profile.advice.kind import Advice, Known
from autotune.profile.profile import RUN, Profile
from autotune.report.format import counted

UNBALANCED = 0.9
"""Below this balance (mean over maximum of the computation) it is worth a word,"""
BETTER = 0.05
"""if the cells can be dealt out better by so much."""
LINES = {
    True: """objref f, owner
f = new File()
f.ropen("{file}")  // a line a cell: gid rank
owner = new Vector()
while (!f.eof) {{
    gid = f.scanvar()
    if (f.scanvar() == pc.id) owner.append(gid)
}}""",
    False: """lines = (line.split() for line in open("{file}"))  # gid rank
owner = {{int(gid): int(rank) for gid, rank in lines}}
for gid in (gid for gid in range(ncell) if owner[gid] == pc.id()):
    ...""",
}
TABLE = "gid-ranks.txt"


def advice(known: Known) -> Iterator[Advice]:
    """Deal the cells out by their work."""
    profile = known.profile
    balance = profile.balance
    if len(profile.ranks) < 2 or balance is None or balance >= UNBALANCED:
        return
    owners = by_processing_time(profile.cells)
    reachable = balance_of(profile, owners) if owners else None
    if reachable is not None and reachable < balance + BETTER:
        return
    longest = max(profile.computation_s)
    saved_s = longest - sum(profile.computation_s) / len(profile.ranks) / (reachable or 1.0)
    slowest = max(profile.ranks, key=lambda rank: rank.step_s)
    could = f"by the least processing time it would be {reachable:.2f}" if reachable else "whose cells are not known"
    yield Advice(
        "unbalanced",
        "Deal the cells out by their work, the heaviest first to the rank that has least.",
        f"load balance {balance:.2f}: rank {slowest.rank} computes {slowest.step_s:.3g} s, with "
        f"{counted(slowest.cells, 'cell')}; {could}",
        LINES[known.hoc].format(file=TABLE) if owners else "",
        profile.bound(min(max(0.0, saved_s), profile.sections[RUN])),
    )


def by_processing_time(cells: Mapping[int, Mapping[int, float]]) -> dict[int, int]:
    """The rank of each gid by the rule of the least processing time (Graham 1969), from the work of each rank's cells;
    empty unless the gids of all ranks are known.
    """
    if len(cells) < 2 or not all(cells.values()):
        return {}
    work = sorted(((w, gid) for of in cells.values() for gid, w in of.items()), reverse=True)
    loads = [(0.0, rank) for rank in sorted(cells)]
    owners = {}
    for amount, gid in work:
        load, rank = heapq.heappop(loads)
        owners[gid] = rank
        heapq.heappush(loads, (load + amount, rank))
    return owners


def balance_of(profile: Profile, owners: Mapping[int, int]) -> float:
    """Mean over maximum of the ranks' work if each gid were with its owner."""
    work = {gid: amount for of in profile.cells.values() for gid, amount in of.items()}
    loads = dict.fromkeys(profile.cells, 0.0)
    for gid, rank in owners.items():
        loads[rank] += work[gid]
    return sum(loads.values()) / len(loads) / max(loads.values())


def write_table(profile: Profile, file: Path) -> bool:
    """Write the gids with their ranks, a line each; False, and nothing, where they are not known."""
    owners = by_processing_time(profile.cells)
    if owners:
        file.write_text("".join(f"{gid} {rank}\n" for gid, rank in sorted(owners.items())), encoding="utf-8")
    return bool(owners)
