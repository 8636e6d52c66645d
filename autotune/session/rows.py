"""The times of runs of the user's own settings in the own session, in rows of neighbours: they are A/A runs, whatever
they were made for.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from autotune.launch.ask import Ask

MOST_ROWS = 20
"""So many rows are remembered: they count before the search only."""


@dataclass
class OwnRow:
    """Runs that were asked for alike, each right after the one before."""

    ask: Ask
    times_s: list[float] = field(default_factory=list)
    """Of their run sections."""


@dataclass
class OwnRows:
    """The last rows, in order."""

    _rows: deque[OwnRow] = field(default_factory=lambda: deque(maxlen=MOST_ROWS))

    def note(self, ask: Ask, own_s: float | None) -> None:
        """Keep the time of a run of the user's own settings beside its neighbours'; None is a run of other settings,
        which ends their row.
        """
        if not self._rows or not alike(self._rows[-1].ask, ask):
            self._rows.append(OwnRow(ask))
        if own_s is not None:
            self._rows[-1].times_s.append(own_s)

    def like(self, ask: Ask) -> tuple[tuple[float, ...], ...]:
        """Those of runs that were made as `ask` would be; the last one is empty where another run came after them."""
        rows = [tuple(row.times_s) for row in self._rows if alike(row.ask, ask)]
        goes_on = bool(self._rows) and alike(self._rows[-1].ask, ask)
        return tuple(rows) if goes_on else (*rows, ())


def alike(one: Ask, other: Ask) -> bool:
    """Whether two runs differ in their time limit at most."""
    return replace(one, limit_s=0.0) == replace(other, limit_s=0.0)
