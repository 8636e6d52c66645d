"""Who makes a run: a session, where this model has earned one and these settings may use it, or a fresh process.

The router is a Runner for runs that are not timed (`run`), and tells the search which Runner makes a trial and the
baseline runs beside it (`runner_for`), so that both sides of a pair are made in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

from autotune.config import RunConfig, SearchConfig
from autotune.launch.ask import Ask, Run, Runner
from autotune.launch.judge import SessionBroken
from autotune.launch.run import FreshRunner
from autotune.observe import Observation
from autotune.plan.space import SearchSpace
from autotune.results import Compared as Looked
from autotune.results import worst
from autotune.session.compared import Compared
from autotune.session.pool import Pool
from autotune.session.proof import Proof
from autotune.session.record import SessionRecord
from autotune.session.worth import obstacle
from autotune.settings import Changes
from autotune.verify.acceptance import Acceptance
from autotune.verify.references import Regime

MOST_BROKEN = 3
SLOW_FACTOR, SLOW_SLACK_S = 3.0, 20.0


@dataclass
class Router:
    """The sessions of one study; close() ends them."""

    fresh: FreshRunner
    space: SearchSpace
    acceptance: Acceptance
    """Its baseline is that of the whole run."""
    search: SearchConfig
    wishes: RunConfig
    known: SessionRecord | None = None
    """What an earlier driver of this study found out."""
    on_record: Callable[[SessionRecord], object] = field(default=lambda record: None)
    """Told as soon as it is decided whether there are sessions, and of each that breaks."""
    on_decision: Callable[[SessionRecord], object] = field(default=lambda record: None)
    """Told what has been decided."""
    on_looked: Callable[[Changes, tuple[Looked, ...]], object] = field(default=lambda changes, looked: None)
    """Told what of a fresh run was compared before results with its knobs count in sessions."""
    record: SessionRecord | None = None
    _decided_at: float | None = None
    """The part of the run for which it was decided."""
    _broken: int = 0
    _regime: Regime = "regular"

    @cached_property
    def proof(self) -> Proof:
        """The sessions that have proved themselves."""
        pool = Pool(self.fresh, self.observation.facts.ranks)
        slow_s = SLOW_FACTOR * self.observation.wall_s + SLOW_SLACK_S
        return Proof(
            pool,
            self.space,
            self.acceptance.baseline,
            slow_s,
            same_beside=self._same_beside,
            compare=lambda changes: self.compared.next_to(changes),
            know=lambda changes: self.compared.know(changes),
        )

    @cached_property
    def compared(self) -> Compared:
        """Which knobs do in a session what they do in a fresh process."""
        return Compared(
            self.space,
            fresh=self.fresh,
            session=self.proof.run_again,
            fits=self._fit,
            blame=self.blame,
            same_beside=self._same_beside,
            files=bool(self.acceptance.files.names),
        )

    def decide(self, ask: Ask, regime: Regime = "regular") -> SessionRecord:
        """Whether runs like `ask` are made in sessions, and how; found out once, and anew for a shorter part of the run
        where sessions would not have paid for the longer one.
        """
        if self.record is None or self._open(ask):
            self._decided_at = self._stop_ms(ask)
            self._keep(self._decided(ask, regime, self._decided_at / self.observation.facts.t_stop_ms))
        assert self.record is not None
        return self.record

    def runner_for(self, ask: Ask, regime: Regime = "regular") -> Runner:
        """Who makes the run of a trial and the baseline runs beside it; knobs that are new to the sessions are compared
        with a fresh process now.
        """
        self._regime = regime
        self.decide(ask, regime)
        return self.proof if self._serves(ask) and self.compared.agrees(ask) else self.fresh

    @property
    def has_sessions(self) -> bool:
        """Whether this model has earned sessions, as far as is known."""
        return self.record is not None and bool(self.record.way) and not self._given_up

    def settled(self, ask: Ask) -> bool:
        """Whether it is known who makes such a run, so that nothing needs to be run to find out."""
        if self.record is None or self._open(ask):
            return False
        if not self.record.way or not self.proof.replays(ask.changes):
            return True
        return self.proof.settled(ask) and self.compared.settled(ask)

    def replays(self, ask: Ask) -> bool:
        """Whether a session makes such a run, as far as is known."""
        return self._serves(ask) and self.compared.knows(ask.changes)

    def costly(self) -> set[str]:
        """Knobs with which every run needs a fresh process, while others need none."""
        if not self.has_sessions:
            return set()
        names = (name for name in self.space.domains if not self.proof.replays((name,)))
        return {*names, *self.compared.unfit}

    def may_restart(self, changes: Changes) -> bool:
        """Whether new processes may run these settings and the user's own in turn: they are known to give the same."""
        if not self.has_sessions or not self.proof.known(changes):
            return False
        return self.proof.replays(changes) and self.compared.knows(changes)

    def own_rows(self, ask: Ask) -> tuple[tuple[float, ...], ...]:
        """Times of the user's own settings in the own session so far, in rows of neighbours (`Proof.own_rows`)."""
        return self.proof.own_rows(ask) if self.has_sessions else ()

    def run(self, ask: Ask) -> Run:
        """One run that is not timed: in a session where that is sound, else in a fresh process. Raises RunFailed."""
        self.decide(ask)
        if self._serves(ask) and self.compared.covers(ask):
            try:
                return self.proof.run(ask)
            except SessionBroken as broken:
                self.blame(broken)
        return self.fresh.run(ask)

    def blame(self, broken: SessionBroken) -> None:
        """A session broke under settings that are fine in a fresh process: after a few of these, fresh processes it
        is.
        """
        self._broken += 1
        record = replace(self.record or SessionRecord(), broken=tuple(self.proof.lost))
        if self._given_up:
            record = replace(record, way="", note=f"given up after {self._broken} sessions that broke")
            self.close()
        self._keep(record)

    def close(self) -> None:
        """End all sessions."""
        self.proof.pool.close()

    @property
    def observation(self) -> Observation:
        return self.acceptance.observation

    @property
    def _given_up(self) -> bool:
        return self._broken >= MOST_BROKEN

    def _same_beside(self, ask: Ask, run: Run) -> bool:
        if not ask.changes:
            return True
        whole = replace(self.acceptance, regime=self._regime).until(ask.stop_ms)
        looked = whole.compared_beside(run, ask.changes, self.space.safety(ask.changes))
        if run.way == "fresh":
            self.on_looked(ask.changes, looked)
        return worst(looked) is None

    def _stop_ms(self, ask: Ask) -> float:
        return self.observation.facts.t_stop_ms if ask.stop_ms is None else ask.stop_ms

    def _open(self, ask: Ask) -> bool:
        """It was decided against sessions, but for a longer part of the run."""
        way = self.record is not None and self.record.way
        shorter = self._decided_at is not None and self._stop_ms(ask) < self._decided_at
        return not way and not self._given_up and shorter

    def _keep(self, record: SessionRecord) -> None:
        news = self.record is None or self.record.note != record.note
        self.record = record
        self.on_record(record)
        if news:
            self.on_decision(record)

    def _decided(self, ask: Ask, regime: Regime, part: float) -> SessionRecord:
        if self.known is not None and not self.known.way:
            return self.known
        why = "as you asked"
        if self.wishes.resident != "never":
            launched = bool(self.fresh.command.launcher)
            why = obstacle(self.observation, self.acceptance.baseline, self.space, self.search, regime, launched, part)
        if why:
            return SessionRecord(note=why)
        how = self.observation.takeover
        assert how is not None
        earlier = self.known or SessionRecord()
        way, note = self.proof.choose(how, self.observation.runs, earlier.way, ask)
        self.proof.lost[:] = earlier.broken
        return SessionRecord(way, note, earlier.broken)

    def _serves(self, ask: Ask) -> bool:
        if self.record is None or not self.record.way:
            return False
        return self.proof.replays(ask.changes) and self.proof.serves(ask)

    def _fit(self, changes: Changes, beside: Changes) -> bool:
        return self.proof.replays(changes) and self.proof.group(changes) == self.proof.group(beside)
