"""Results that one rank writes for all."""

from __future__ import annotations

from collections.abc import Iterator

from autotune.profile.advice.kind import Advice, Known
from autotune.profile.profile import OUTPUT

SHARE = 0.05
"""Of the wall time, from which on the output is worth a word."""
MOST_OF = 0.9
"""One rank writes so much of everything."""
LEAST_MB = 1.0


def advice(known: Known) -> Iterator[Advice]:
    """Let every rank write what it has."""
    profile = known.profile
    written = [rank.written_mb for rank in profile.ranks]
    if len(written) < 2 or profile.share(OUTPUT) < SHARE or sum(written) < LEAST_MB:
        return
    if max(written) < MOST_OF * sum(written):
        return
    busiest = profile.ranks[written.index(max(written))]
    name = "{rank:05d}" if not known.hoc else "%05d"
    yield Advice(
        "output",
        "Let every rank write its own results, and merge the files afterwards.",
        f"the output section takes {profile.sections[OUTPUT]:.2g} s ({profile.share(OUTPUT):.0%} of the run); rank "
        f"{busiest.rank} writes {max(written):.0f} of {sum(written):.0f} MB",
        f"a file for each rank, as spikes-{name}.dat",
        profile.bound(profile.sections[OUTPUT] * (1 - 1 / len(written))),
    )
