"""Interpreted code that dominates: what of it could be NEURON's own compiled code."""

from __future__ import annotations

from collections.abc import Iterator

from autotune.profile.advice.kind import Advice, Known
from autotune.profile.profile import CONNECTING, CREATING, SET_UP

SHARE = 0.5
"""Of the wall time; a set-up that is longer dominates."""
INSTEAD = {
    True: "Vector methods instead of loops over elements; forall and SectionList; procedures of templates in NMODL; "
    "or build the network in Python, whose loops are faster",
    False: "Vector methods or numpy instead of loops over elements; h.allsec() once; lists of gids instead of searches",
}


def advice(known: Known) -> Iterator[Advice]:
    """Make the set-up shorter; no setting of the run can bring more than the rest."""
    profile = known.profile
    set_up_s = sum(profile.sections[part] for part in (CREATING, CONNECTING, SET_UP))
    share = set_up_s / profile.wall_s if profile.wall_s > 0.0 else 0.0
    if share < SHARE:
        return
    lines = profile.python.get("set-up", ())[:3]
    where = "; most of it in " + ", ".join(f"{name} ({s:.2g} s)" for name, s in lines) if lines else ""
    parts = ", ".join(f"{part} {profile.sections[part]:.2g} s" for part in (CREATING, CONNECTING, SET_UP))
    yield Advice(
        "set-up",
        "Make the set-up shorter: settings of the run can change only the rest.",
        f"set-up is {share:.0%} of the command ({parts}){where if not known.hoc else '; hoc cannot be seen inside'}",
        INSTEAD[known.hoc],
        profile.bound(set_up_s),
    )
