"""Fresh starts of the model, each of which gives pairs of runs: the user's own settings beside a finalist's.

A plain start is two processes that run the user's command to its end, one with each settings: what is printed and
written can be looked at. Where the model has shown that it replays, a start may also be one new process that runs both
settings in turn, several times where building the network takes long; its runs are compared with the fresh baseline as
every other; settings that are given at launch have a second process. The first start of each finalist is a plain one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autotune.calibrate.price import pairs_a_start
from autotune.errors import BaselineError
from autotune.launch.ask import Runner
from autotune.launch.judge import RunFailed
from autotune.measure import Beside, Started
from autotune.search.verified import Verifier
from autotune.session.router import Router
from autotune.settings import UNCHANGED, Changes

Timed = tuple[float, Beside]
"""Seconds of a run, and what the kernel tells of it."""


@dataclass
class Starts:
    """Makes the starts of a confirmation."""

    fresh: Runner
    verifier: Verifier
    """Of what is timed: the whole run, or the part that the search uses."""
    router: Router | None = None
    """Whose sessions may be used; None: two processes a pair."""
    whole: Verifier | None = None
    """Of the whole run, where only a part is timed."""
    _broken: bool = False

    @property
    def part(self) -> float | None:
        """The share of the run that is timed; None: all of it."""
        if self.whole is None or self.verifier.stop_ms is None:
            return None
        return self.verifier.stop_ms / self.whole.acceptance.observation.facts.t_stop_ms

    def finish(self, changes: Changes) -> None:
        """The one whole run of a winner whose times were proved on a part. Raises RunFailed when its result is not
        accepted.
        """
        if self.whole is not None:
            self.whole.accepted(self.fresh, changes)

    @property
    def start_s(self) -> float:
        """What the dearest start takes, in seconds, as far as the user's own run tells: two processes, which in a
        session make several pairs.
        """
        observation = self.verifier.acceptance.observation
        pairs = pairs_a_start(observation) if self.router and self.router.has_sessions else 1
        around_s = observation.wall_s - observation.run_s
        return 2.0 * (around_s + pairs * (self.part or 1.0) * observation.run_s)

    def pairs_of(self, changes: Changes, start: int) -> int:
        """How many pairs a start makes: as many as together take about as long as the start itself."""
        if not self._in_session(changes, start):
            return 1
        return pairs_a_start(self.verifier.acceptance.observation)

    def make(self, changes: Changes, start: int, order: tuple[bool, ...]) -> Started:
        """The pairs of a start; `order` says for each whether the baseline comes first. Where the session breaks it is
        a plain start, of one pair. Raises RunFailed when the finalist fails, and BaselineError.
        """
        if self._in_session(changes, start):
            try:
                return self._started(self._session(changes, order), "session")
            except RunFailed:  # in a plain start these settings were right: the session is at fault
                self._broken = True
                order = order[:1]  # each plain pair costs two processes
        return self._started([self._plain_pair(changes, baseline_first) for baseline_first in order], "fresh")

    def _started(self, pairs: Sequence[tuple[Timed, Timed]], way: str) -> Started:
        times = tuple((own_s, trial_s) for (own_s, _), (trial_s, _) in pairs)
        return Started(times, way, tuple((own, trial) for (_, own), (_, trial) in pairs))

    def _in_session(self, changes: Changes, start: int) -> bool:
        return start > 0 and not self._broken and self.router is not None and self.router.may_restart(changes)

    def _session(self, changes: Changes, order: tuple[bool, ...]) -> list[tuple[Timed, Timed]]:
        assert self.router is not None
        pairs = []
        with self.router.proof.new_start() as runner:
            for baseline_first in order:
                runs = {}
                for own in (baseline_first, not baseline_first):
                    runs[own] = self._timed(runner, UNCHANGED if own else changes)
                pairs.append((runs[True], runs[False]))
        return pairs

    def _plain_pair(self, changes: Changes, baseline_first: bool) -> tuple[Timed, Timed]:
        before = self._baseline() if baseline_first else None
        try:
            trial = self._timed(self.fresh, changes)
        except RunFailed:
            if before is None:
                self._baseline()  # the finalist is at fault only where the user's own settings still run
            raise
        return (self._baseline() if before is None else before), trial

    def _timed(self, runner: Runner, changes: Changes) -> Timed:
        """A run whose result is accepted. Raises RunFailed."""
        run = self.verifier.accepted(runner, changes)
        other = run.disturbed
        shares = (other.others, other.stolen, other.waited) if other else ()
        return self.verifier.time_s(run), Beside(run.interrupted, *shares)

    def _baseline(self) -> Timed:
        """A run of the user's own settings; a single failure is forgiven, a second is not. Raises BaselineError."""
        try:
            return self._timed(self.fresh, UNCHANGED)
        except RunFailed:
            pass
        try:
            return self._timed(self.fresh, UNCHANGED)
        except RunFailed as failure:
            raise BaselineError(
                f"the baseline ran before and fails now: {failure.message}",
                cure=failure.cure,
                details=failure.details,
                log=failure.log,
            ) from failure
