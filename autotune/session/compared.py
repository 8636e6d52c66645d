"""Which knobs do in a session what they do in a fresh process.

A model may compute something from dt at its first start only, or set after finitialize what a knob sets. So each knob
is compared once, before a session's results with it count; one fresh run with many of them stands for all, and only
where that differs, each is tried by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from autotune.agent.knobs import KNOBS
from autotune.launch.ask import Ask, Run, Runner
from autotune.launch.judge import RunFailed, SessionBroken
from autotune.plan.space import SearchSpace
from autotune.raster.metrics import identical
from autotune.settings import UNCHANGED, Changes


@dataclass
class Compared:
    """What is known so far."""

    space: SearchSpace
    fresh: Runner
    session: Callable[[Ask], Run]
    """Makes a run in the session, or gives one that was made there. Raises SessionBroken."""
    fits: Callable[[Changes, Changes], bool]
    """Whether the session that serves the second changes can serve the first, too."""
    blame: Callable[[SessionBroken], object]
    """Told of a session that broke with settings that are fine in a fresh process."""
    same_beside: Callable[[Ask, Run], bool] = field(default=lambda ask, run: True)
    """Whether a fresh run does beside its spikes what the user's own runs do, which no session can show."""
    files: bool = False
    """The model writes files: a script that counts steps shows it at a longer step than at those compared so far."""
    unfit: set[str] = field(default_factory=set)
    """Knobs with which a session gives something else."""
    _known: set[str] = field(default_factory=set)
    """Knobs with which it has given the same."""
    _longest_ms: float = 0.0
    """The longest step at which it has."""
    _one_by_one: bool = False
    """Many knobs at once gave something else, or broke the session."""

    def know(self, changes: Changes) -> None:
        """A session has given what a fresh process gives with these changes."""
        self._known |= _settable(changes)
        self._longest_ms = max(self._longest_ms, self.space.step_ms(changes))

    def agrees(self, ask: Ask) -> bool:
        """Whether a session gives what a fresh process gives; knobs that are new are compared now."""
        new = self._new(ask.changes)
        if new & self.unfit:
            return False
        if not new or self._together(ask) or self._alone(ask):
            return True
        self.unfit |= new
        return False

    def knows(self, changes: Changes) -> bool:
        """Whether a session is known to give what a fresh process gives with these knobs."""
        return _settable(changes) <= self._known

    def settled(self, ask: Ask) -> bool:
        """Whether agrees() knows its answer."""
        new = self._new(ask.changes)
        return not new or bool(new & self.unfit)

    def covers(self, ask: Ask) -> bool:
        """Whether these knobs are known, from values that the search may try: for a run that is no trial."""
        knobs = _settable(ask.changes)
        return knobs <= self._known or (self._together(ask.setting(UNCHANGED)) and knobs <= self._known)

    def next_to(self, changes: Changes) -> Changes | None:
        """The wider changes that one comparison would stand for, where one is due before these count; None where it is
        not, or where each knob is to be compared alone.
        """
        new = self._new(changes)
        return self.wider(changes) if new and not new & self.unfit and not self._one_by_one else None

    def wider(self, changes: Changes) -> Changes:
        """These changes, and another value of every knob that is not known yet, as far as they go together."""
        names = [name for name in self.space.domains if name not in self._known | self.unfit]
        return self.space.together(changes, names, self.fits)

    def _new(self, changes: Changes) -> set[str]:
        """The knobs that are not compared yet, and the step again where it grows."""
        longer = self.files and self.space.step_ms(changes) > max(self._longest_ms, self.space.facts.dt_ms)
        return _settable(changes) - self._known | ({*self.space.step_knobs} & changes.keys() if longer else set())

    def _together(self, ask: Ask) -> bool:
        """One comparison for all knobs that are new."""
        wider = self.wider(ask.changes)
        if self._one_by_one or wider == ask.changes:
            return False
        wide = ask.setting(wider)
        try:
            run = self.session(wide)
            self._one_by_one = not (len(run.raster) and self._same(wide, run))
        except SessionBroken:  # by which of them, or by what else, each alone will show
            self._one_by_one = True
        if not self._one_by_one:
            self.know(wider)
        return not self._one_by_one

    def _alone(self, ask: Ask) -> bool:
        """One comparison for these changes alone."""
        try:
            same = self._same(ask, self.session(ask))
        except SessionBroken as broken:
            if self._fresh(ask):
                self.blame(broken)
            return False
        if same:
            self.know(ask.changes)
        return same

    def _same(self, ask: Ask, run: Run) -> bool:
        fresh = self._fresh(ask)
        if fresh is None:
            return False
        if not self.same_beside(ask, fresh):
            return False
        effective = self.space.canonical(run.effective)
        return identical(fresh.raster, run.raster) and self.space.canonical(fresh.effective) == effective

    def _fresh(self, ask: Ask) -> Run | None:
        try:
            return self.fresh.run(ask)
        except RunFailed:
            return None


def _settable(changes: Changes) -> set[str]:
    """The knobs that are set inside a process."""
    return {name for name in changes if not KNOBS[name].at_launch}
