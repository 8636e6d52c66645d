"""Which knobs do in a session what they do in a fresh process.

A model may compute something from dt at its first start only, or set after finitialize what a knob sets. So each knob
is compared once; one fresh run with many of them stands for all, and only where that differs, each is tried by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from autotune.agent.knobs import KNOBS
from autotune.launch.judge import RunFailed
from autotune.launch.run import Run
from autotune.plan.space import SearchSpace
from autotune.raster.metrics import identical
from autotune.store.records import Settings

Runs = Callable[[Settings], Run]


@dataclass
class Compared:
    """What is known so far. The runners raise RunFailed."""

    space: SearchSpace
    fresh: Runs
    session: Runs
    fits: Callable[[Settings, Settings], bool]
    """Whether the session that serves the second settings can serve the first, too."""
    unfit: set[str] = field(default_factory=set)
    """Knobs with which a session gives something else."""
    _known: set[str] = field(default_factory=set)
    """Knobs with which it has given the same."""
    _one_by_one: bool = False
    """Many knobs at once gave something else, or broke the session."""

    def know(self, settings: Settings) -> None:
        """A session has given what a fresh process gives with these settings."""
        self._known |= _settable(settings)

    def agrees(self, changes: Settings, run: Run) -> bool:
        """Whether `run`, made in a session, is what a fresh process gives, as far as its knobs are new."""
        new = _settable(changes) - self._known
        if not new or self._together(changes):
            return True
        if self._same(changes, run):
            self.know(changes)
            return True
        self.unfit |= new
        return False

    def covers(self, changes: Settings) -> bool:
        """Whether these knobs are known, from values that the search may try: for a run that is no trial."""
        return _settable(changes) <= self._known or (self._together({}) and _settable(changes) <= self._known)

    def wider(self, changes: Settings) -> Settings:
        """These changes, and another value of every knob that is not known yet, as far as they go together."""
        names = [name for name in self.space.domains if name not in self._known | self.unfit]
        return together(self.space, changes, names, self.fits)

    def _together(self, changes: Settings) -> bool:
        """One comparison for all knobs that are new."""
        wider = self.wider(changes)
        if self._one_by_one or wider == changes:
            return False
        try:
            run = self.session(wider)
            self._one_by_one = not (len(run.raster) and self._same(wider, run))
        except RunFailed:
            self._one_by_one = True
        if not self._one_by_one:
            self.know(wider)
        return not self._one_by_one

    def _same(self, settings: Settings, run: Run) -> bool:
        try:
            fresh = self.fresh(settings)
        except RunFailed:
            return False
        effective = self.space.canonical(run.effective)
        return identical(fresh.raster, run.raster) and self.space.canonical(fresh.effective) == effective


def together(
    space: SearchSpace, beside: Settings, names: Collection[str], fits: Callable[[Settings, Settings], bool]
) -> Settings:
    """The changes `beside`, and with them another value of each of these knobs, as long as all act and it `fits`."""
    chosen = beside
    for name in names:
        domain = space.domains[name]
        for value in (*domain.recommended, *domain.values):
            params = space.with_values(**{**chosen, name: value})
            wider = space.changes(params)
            if wider.keys() > chosen.keys() and not space.refusal(params) and fits(wider, beside):
                chosen = wider
                break
    return chosen


def _settable(changes: Settings) -> set[str]:
    """The knobs that are set inside a process."""
    return {name for name in changes if not KNOBS[name].at_launch}
