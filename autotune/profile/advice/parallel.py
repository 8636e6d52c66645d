"""Ranks: too few, too many, or all of them doing the same."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from autotune.profile.advice.kind import Advice, Known
from autotune.profile.profile import CONNECTING, CREATING, RUN, SET_UP
from autotune.report.format import counted

EXCHANGE_SHARE = 0.5
"""Of the run section, above which there are more ranks than work."""
SAME_WORK = 0.02
"""Beside cells a rank has a few point processes of its own."""
LOOP = {
    True: """for (gid = pc.id; gid < ncell; gid += pc.nhost) {
    cell = new Cell()
    pc.set_gid2node(gid, pc.id)
}""",
    False: """for gid in range(pc.id(), ncell, pc.nhost()):
    cells[gid] = Cell()
    pc.set_gid2node(gid, pc.id())""",
}


def advice(known: Known) -> Iterator[Advice]:
    """One of: run in parallel, really in parallel, or with fewer ranks."""
    profile, facts = known.profile, known.observation.facts
    ranks = len(profile.ranks)
    shared_s = sum(profile.sections[part] for part in (CREATING, CONNECTING, SET_UP, RUN))
    if ranks == 1 and not facts.launch.mpi and facts.cells > 1 and facts.cores > 1:
        used = min(facts.cores, facts.cells)
        yield Advice(
            "parallel",
            "Run it in parallel: the command is serial, but its cells have gids.",
            f"{counted(facts.cells, 'cell')} with a gid on one rank, {facts.cores} cores",
            "\n".join(_parallel_command(known, used)),
            profile.bound(shared_s * (1 - 1 / used)),
        )
    elif ranks > 1 and _all_build_all(known):
        yield Advice(
            "not parallel",
            "Deal the cells out: every rank builds and computes all of them.",
            f"each of {ranks} ranks has {counted(profile.ranks[0].trees, 'cell')} and computes them, "
            f"{facts.cells} have a gid in all",
            LOOP[known.hoc],
            profile.bound(shared_s * (1 - 1 / ranks)),
        )
    elif ranks > facts.cores and len({rank.host for rank in profile.ranks}) == 1:
        yield Advice(
            "more ranks than cores",
            "Take no more ranks than cores.",
            f"{ranks} ranks on {counted(facts.cores, 'core')}",
            "mpiexec -n {ranks} …  # python -m autotune profile --ranks 1,2,4 -- … shows how it scales",
        )
    elif ranks > 1 and facts.step_s > 0.0:
        exchange_s = facts.exchange_s - facts.barrier_s  # the wait for the slowest is none of it
        share = exchange_s / max(facts.run_s, 1e-9)
        if share > EXCHANGE_SHARE:
            yield Advice(
                "more ranks than work",
                "Try fewer ranks, with {ranks} in the command: they wait for each other more than they compute.",
                f"spike exchange is {share:.0%} of the run section, with {facts.cells / ranks:.0f} cells a rank",
                bound=profile.bound(exchange_s),
            )


def _all_build_all(known: Known) -> bool:
    """Every rank has the same trees, and either the same spikes, or as much work as all gids together."""
    ranks, gids = known.profile.ranks, known.profile.cells
    if not ranks[0].trees or len({(rank.trees, rank.segments) for rank in ranks}) > 1:
        return False
    owned = sum(rank.cells for rank in ranks)
    if owned >= ranks[0].trees * len(ranks):  # all have a gid: the same ones everywhere?
        return bool(gids.get(0)) and all(gids.get(rank.rank, {}).keys() == gids[0].keys() for rank in ranks)
    if len({rank.spikes for rank in ranks}) == 1 and ranks[0].spikes > 0:
        return True
    of_all = sum(sum(of.values()) for of in gids.values())
    return owned == ranks[0].trees and all(abs(rank.work - of_all) < SAME_WORK * of_all for rank in ranks)


def _parallel_command(known: Known, ranks: int) -> Iterator[str]:
    words = list(known.command)
    if words and words[0].rpartition("/")[2] in ("nrniv", "special") and "-mpi" not in words:
        words.insert(1, "-mpi")
    yield shlex.join(["mpiexec", "-n", str(ranks), *words])
    if not known.hoc:
        yield "# in the script, before anything else of NEURON: h.nrnmpi_init()"
