"""Files whose names hold a number, a date or the id of a process that changes from run to run."""

from __future__ import annotations

import re
from collections.abc import Collection

_DIGITS = re.compile(r"\d+")


def renamed(missing: Collection[str], new: Collection[str]) -> dict[str, str]:
    """Which file that is missing has a counterpart among the new ones, by names that agree but for their digits, where
    it is the only one on both sides.
    """
    ours, theirs = _by_mask(missing), _by_mask(new)
    return {
        names[0]: theirs[mask][0] for mask, names in ours.items() if len(names) == 1 and len(theirs.get(mask, ())) == 1
    }


def _by_mask(names: Collection[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        found.setdefault(_DIGITS.sub("#", name), []).append(name)
    return found
