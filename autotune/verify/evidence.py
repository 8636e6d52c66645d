"""Do the spikes of the user's own run say enough to judge a change of the numbers?

One spike near the beginning shows nothing of the rest of the run: an identical raster would pass a dt that is wrong
from then on. So numerical settings need spikes in number, until late in the run, and of enough cells. Whoever has less
is told what is missing and where to say that it is enough.
"""

from __future__ import annotations

from autotune.config import AcceptConfig
from autotune.raster import Raster
from autotune.report.format import counted


def too_little(spikes: Raster, end_ms: float, cells: int, limits: AcceptConfig) -> str:
    """Why these spikes of a run to `end_ms` cannot judge a change of the numbers, or an empty string.

    `cells` is how many could have fired; 0 where that is not known.
    """
    lacks = []
    if len(spikes) < limits.evidence_spikes:
        lacks.append(f"{counted(len(spikes), 'spike')}, at least {limits.evidence_spikes} are needed (evidence_spikes)")
    if len(spikes) and spikes.times_ms[-1] < limits.evidence_until * end_ms:
        lacks.append(f"none after t = {spikes.times_ms[-1]:g} ms of {end_ms:g} ms (evidence_until)")
    firing, wanted = len(spikes.gid_set), limits.cells_wanted(cells)
    if len(spikes) and firing < wanted:
        lacks.append(f"{firing} of {counted(cells, 'cell')} fired, at least {wanted} are needed (evidence_cells)")
    if not lacks:
        return ""
    return (
        f"the spikes prove too little of a change of the numbers: {', '.join(lacks)}; record more spikes, run longer, "
        "or lower these keys under [accept]"
    )
