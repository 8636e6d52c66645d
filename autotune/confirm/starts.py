"""Fresh starts of the model, each of which gives pairs of runs: the user's own settings beside a finalist's.

A plain start is two processes that run the user's command to its end, one with each settings: what is printed and
written can be looked at. Where the model has shown that it replays, a start may also be one new process that runs both
settings in turn, several times where building the network takes long; its runs are compared with the fresh baseline as
every other. The first start of each finalist is a plain one.
"""

from __future__ import annotations

from dataclasses import dataclass

from autotune.calibrate.price import pairs_a_start
from autotune.errors import BaselineError
from autotune.launch.ask import Runner
from autotune.launch.judge import RunFailed
from autotune.measure import Started
from autotune.search.verified import Verifier
from autotune.session.router import Router
from autotune.settings import UNCHANGED, Changes


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
        """What a plain start takes, in seconds, as far as the user's own run tells."""
        observation = self.verifier.acceptance.observation
        around_s = observation.wall_s - observation.run_s
        return 2.0 * (around_s + (self.part or 1.0) * observation.run_s)

    def pairs_of(self, changes: Changes, start: int) -> int:
        """How many pairs a start makes: as many as together take about as long as the start itself."""
        if not self._in_session(changes, start):
            return 1
        return pairs_a_start(self.verifier.acceptance.observation)

    def make(self, changes: Changes, start: int, order: tuple[bool, ...]) -> Started:
        """The pairs of a start; `order` says for each whether the baseline comes first. Raises RunFailed when the
        finalist fails, and BaselineError.
        """
        if self._in_session(changes, start):
            try:
                return Started(self._session(changes, order), "session")
            except RunFailed:  # in a plain start these settings were right: the session is at fault
                self._broken = True
        return Started(tuple(self._plain_pair(changes, baseline_first) for baseline_first in order), "fresh")

    def _in_session(self, changes: Changes, start: int) -> bool:
        return start > 0 and not self._broken and self.router is not None and self.router.may_restart(changes)

    def _session(self, changes: Changes, order: tuple[bool, ...]) -> tuple[tuple[float, float], ...]:
        assert self.router is not None
        pairs = []
        with self.router.proof.new_start() as runner:
            for baseline_first in order:
                times = {}
                for own in (baseline_first, not baseline_first):
                    times[own] = self._time_s(runner, UNCHANGED if own else changes)
                pairs.append((times[True], times[False]))
        return tuple(pairs)

    def _plain_pair(self, changes: Changes, baseline_first: bool) -> tuple[float, float]:
        before = self._baseline_s() if baseline_first else None
        try:
            trial_s = self._time_s(self.fresh, changes)
        except RunFailed:
            if before is None:
                self._baseline_s()  # the finalist is at fault only where the user's own settings still run
            raise
        return (self._baseline_s() if before is None else before), trial_s

    def _time_s(self, runner: Runner, changes: Changes) -> float:
        """Seconds of a run whose result is accepted. Raises RunFailed."""
        return self.verifier.time_s(self.verifier.accepted(runner, changes))

    def _baseline_s(self) -> float:
        """Seconds of the user's own settings; a single failure is forgiven, a second is not. Raises BaselineError."""
        try:
            return self._time_s(self.fresh, UNCHANGED)
        except RunFailed:
            pass
        try:
            return self._time_s(self.fresh, UNCHANGED)
        except RunFailed as failure:
            raise BaselineError(
                f"the baseline ran before and fails now: {failure.message}",
                cure=failure.cure,
                details=failure.details,
                log=failure.log,
            ) from failure
