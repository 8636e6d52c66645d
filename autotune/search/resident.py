"""Trials on built networks: may this model be replayed at all, which settings share a process, is it still sound?

A session is never trusted by itself. It is used only after its baseline has equalled the fresh one, spike for spike, on
several replays and after other settings; every later baseline run in it is compared again; each knob is compared once
with a fresh run, together with others or by itself; and what a session said of the trial that broke it does not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from autotune.agent.knobs import EXACT, KNOBS, Excluded
from autotune.config import SearchConfig
from autotune.errors import AutotuneError, UsageError
from autotune.launch.judge import RunFailed
from autotune.launch.resident import Session, Takeover
from autotune.launch.run import FreshRunner, Run
from autotune.observe import Observation
from autotune.plan.space import SearchSpace
from autotune.raster import Raster
from autotune.raster.metrics import first_divergence_ms, identical
from autotune.search.compared import Compared
from autotune.search.pool import Group, Pool
from autotune.search.recipe import recipe
from autotune.store.records import Settings
from autotune.verify.acceptance import Acceptance

REPLAYS = 3  # so often the baseline must be the fresh one, spike for spike, before the first trial
CHECK_EVERY = 10  # in sessions of other launch settings; in the baseline's own every pair checks
RISKY = ("threads", "bin_queue")  # after these the next trial waits for a check
MOST_BROKEN = 3
HANG_FACTOR, HANG_SLACK_S = 10.0, 60.0
SLOW_FACTOR, SLOW_SLACK_S = 3.0, 20.0
FORK = "fork"


@dataclass(frozen=True)
class ResidentRecord:
    """What was found out about many trials on one built network."""

    way: str = ""
    """How each run is started: one of agent.resident.WAYS, or "fork"; empty where every run is a fresh process."""
    note: str = ""
    """In words: the proof, or why not."""
    broken: tuple[str, ...] = ()
    """What ended sessions before their time."""


@dataclass(frozen=True)
class Reference:
    """What a fresh process gives, and every session must."""

    raster: Raster
    effective: Settings
    """The searched knobs as they took effect."""


@dataclass
class Residents:
    """The sessions of one study, one for each group of launch settings; runs as a FreshRunner does. close() it."""

    fresh: FreshRunner
    """Of single runs; sessions run in a scratch copy of the model's folder unless `in_place`."""
    space: SearchSpace
    acceptance: Acceptance
    """Its baseline is of the part of the run that the search uses."""
    in_place: bool = False
    record: ResidentRecord | None = None
    lost: int = 0
    """How many sessions died or went wrong."""
    _broken: int = 0
    _takeover: Takeover | None = None
    _references: dict[Group, Reference | None] = field(default_factory=dict)
    """What the settings of a group alone give; None for a group that is not replayed."""
    _last: Run | None = None
    """Of the last trial."""
    _unchecked: dict[Group, int] = field(default_factory=dict)

    @cached_property
    def pool(self) -> Pool:
        """The running sessions."""
        return Pool(self.fresh, self.observation.facts.ranks, self.in_place)

    @cached_property
    def compared(self) -> Compared:
        """Which knobs do in a session what they do in a fresh process."""
        return Compared(
            self.space,
            fresh=partial(self.fresh.run, timeout_s=self._hang_s),
            session=partial(self.run, timeout_s=self._hang_s),
            fits=lambda changes, beside: self._replays(changes) and self._group(changes) == self._group(beside),
        )

    @property
    def observation(self) -> Observation:
        return self.acceptance.observation

    def obstacle(self, config: SearchConfig) -> str:
        """Why there can be no resident trials, or why they would not pay; an empty string where it is worth trying."""
        observation = self.observation
        if observation.takeover is None:
            return "it integrates nothing"
        if config.objective == "total":
            return "the whole process is timed"
        if self.acceptance.calibration.regime == "random":
            return "the model does not reproduce itself"
        if observation.runs > 1 and self.fresh.command.launcher:
            return f"the model makes {observation.runs} runs in one process"
        if not len(self.acceptance.baseline):
            return "without spikes it cannot be shown that a replay is the same run"
        if not isinstance(KNOBS["maxstep"].domain(self.space.facts), Excluded):
            return "the model sets its exchange interval itself, and NEURON cannot tell it to put it back"
        part = observation.facts.t_stop_ms / self.space.facts.t_stop_ms
        around_s, run_s = observation.wall_s - observation.run_s, part * observation.run_s
        if 2 * config.trials * around_s < around_s + (REPLAYS + 2) * run_s:
            return f"starting the model takes {around_s:.2g} s only, little beside its run"
        return ""

    def choose(self, known: ResidentRecord | None = None) -> ResidentRecord:
        """Find out how this model is started again, or that it cannot be; what an earlier search found is tried
        alone."""
        why = ""
        for way, takeover in self._candidates(known.way if known else ""):
            self._takeover = takeover
            try:
                self._prove((), self._own({}))
            except (RunFailed, UsageError) as failure:
                why = why or f"{failure.message} ({way})"
                continue
            self.record, self.lost = ResidentRecord(way, _proof(way), known.broken if known else ()), 0
            return self.record
        self._takeover = None
        self.record = ResidentRecord(note=why)
        return self.record

    def runner_for(self, changes: Settings) -> FreshRunner | Residents:
        """Who makes the runs of a trial: these sessions, or fresh processes."""
        if self._takeover is None or self._broken >= MOST_BROKEN:
            return self.fresh
        if self.compared.unfit & set(changes) or not self._replays(changes):
            return self.fresh
        return self if self._serves(()) and self._serves(self._group(changes)) else self.fresh

    def run(
        self,
        changes: Settings,
        *,
        voltages: int = 0,
        timeout_s: float | None = None,
        perturb_mv: float = 0.0,
        perturb_seed: int = 0,
    ) -> Run:
        """One run in the session that these settings belong to. Raises RunFailed, and the session is lost."""
        group = self._group(changes)
        perturbation: dict[str, Any] = {"perturb_mv": perturb_mv, "perturb_seed": perturb_seed}
        try:
            run = self._session(group).run(changes, voltages=voltages, timeout_s=timeout_s, **perturbation)
            if changes == dict(group) and not perturb_mv:
                self._check(group, run)
            elif group:
                self._look_after(group, changes)
            self._last = run if changes else self._last
            return run
        except RunFailed as failure:
            self._lose(group, failure)
            raise

    def once(self, changes: Settings | None = None, **perturbation: Any) -> Run:
        """One run that is not timed: in a session where that is sound, else in a fresh process. Raises RunFailed."""
        changes = changes or {}
        if self.runner_for(changes) is self and self.compared.covers(changes):
            try:
                return self.run(changes, timeout_s=self._hang_s, **perturbation)
            except RunFailed:
                self.blame()
        return self.fresh.run(changes, **perturbation)

    def for_trials(self, runner: FreshRunner, space: SearchSpace, acceptance: Acceptance) -> Residents:
        """These sessions, or new ones where the trials are shorter or the search space is another."""
        if runner == self.fresh and space is self.space:
            self.acceptance = acceptance
            return self
        self.close()
        return Residents(runner, space, acceptance, self.in_place)

    def agrees(self, changes: Settings) -> bool:
        """Whether the last trial, of these changes, is what a fresh process would have given."""
        last = self._last
        return last is None or self.compared.agrees(changes, last)

    def blame(self) -> None:
        """A session broke under a trial that runs in a fresh process: after a few of these, fresh processes it is."""
        self._broken += 1
        if self._broken >= MOST_BROKEN:
            self.record = replace(
                self.record or ResidentRecord(), way="", note=f"given up after {self._broken} sessions that broke"
            )
            self.close()

    def close(self) -> None:
        """End all sessions."""
        self.pool.close()

    def _candidates(self, known: str) -> Iterator[tuple[str, Takeover]]:
        """The ways to be tried, best first: a fork restores everything."""
        takeover = self.observation.takeover
        assert takeover is not None
        if not self.fresh.command.launcher and known in ("", FORK):
            yield FORK, replace(takeover, fork=True)
        if self.observation.runs == 1:
            yield from ((way, replace(takeover, ways=(way,))) for way in takeover.ways if known in ("", way))

    def _serves(self, group: Group) -> bool:
        """Whether this group has a proven session, which is made if there is none yet."""
        if group not in self._references:
            own = self.space.safety(dict(group)) == EXACT and self._proved(group, self._own(dict(group)))
            if not own and not self._proved(group):
                self._references[group] = None
        return self._references[group] is not None

    def _proved(self, group: Group, reference: Reference | None = None) -> bool:
        """Whether a session of this group gives the reference, or what a fresh process with its settings gives."""
        try:
            if reference is None:
                run = self.fresh.run(dict(group), timeout_s=self._hang_s)
                self._prove(group, Reference(run.raster, self.space.canonical(run.effective)))
                self.compared.know(dict(group))
            else:
                self._prove(group, reference)
        except AutotuneError:
            return False
        return True

    def _own(self, changes: Settings) -> Reference:
        """What the user's own settings give, and those of exact knobs beside them."""
        effective = self.space.canonical({**self.space.facts.baseline, **changes})
        return Reference(self.acceptance.baseline, effective)

    def _prove(self, group: Group, reference: Reference) -> None:
        """Replays, a run with other settings, one more replay; where the model has proved itself, and only the launch
        is another, one replay. Raises RunFailed at the first difference."""
        self._references[group] = reference
        if not len(reference.raster):
            raise RunFailed("crashed", "no spikes with these launch settings: nothing can be shown")
        try:
            session = self._session(group)
            for number in range(1, 2 if group else REPLAYS + 1):
                self._check(group, session.run(dict(group), timeout_s=self._proof_s), f"replay {number}")
            if not group:
                self._disturb()
        except RunFailed as failure:
            self._lose(group, failure)
            self._references[group] = None
            raise

    def _disturb(self) -> None:
        """Run with other settings and replay: with all that go together, and where these leave something behind, with
        a piece of advice. Settings that fail, or take too long, say nothing of replaying."""
        advice = (self.space.changes(params) for params in recipe(self.space)[1:])
        possible = (changes for changes in advice if changes and self.compared.fits(changes, {}))
        wrong: RunFailed | None = None
        for settings in filter(None, (self.compared.wider({}), next(possible, {}))):
            try:
                self._session(()).run(settings, timeout_s=self._proof_s)
            except RunFailed as failure:
                self._lose((), failure)
                continue
            try:
                again = self._session(()).run({}, timeout_s=self._proof_s)
                self._check((), again, "the replay after other settings")
            except RunFailed as failure:
                self._lose((), failure)
                wrong = failure
            else:
                return
        if wrong:
            raise wrong

    def _replays(self, changes: Settings) -> bool:
        assert self._takeover is not None
        return self._takeover.fork or all(KNOBS[name].replays for name in changes)

    def _look_after(self, group: Group, changes: Settings) -> None:
        """Replay a group's own settings every tenth run, and at once after what has proved risky."""
        self._unchecked[group] = self._unchecked.get(group, 0) + 1
        if self._unchecked[group] >= CHECK_EVERY or any(name in RISKY for name in changes):
            self._unchecked[group] = 0
            self._check(group, self._session(group).run(dict(group), timeout_s=self._hang_s))

    def _check(self, group: Group, run: Run, what: str = "a replay") -> None:
        reference = self._references[group]
        assert reference is not None
        if not identical(run.raster, reference.raster):
            when = first_divergence_ms(reference.raster, run.raster)
            raise RunFailed("crashed", f"{what} differs from the fresh run from t = {when or 0.0:g} ms on")
        effective = self.space.canonical(run.effective)
        for name, value in reference.effective.items():
            if effective.get(name) != value:
                raise RunFailed("crashed", f"{what} has {name} = {effective.get(name)}, the fresh run {value}")

    def _session(self, group: Group) -> Session:
        assert self._takeover is not None
        return self.pool.session(group, self._takeover)

    def _lose(self, group: Group, failure: RunFailed) -> None:
        if not self.pool.end(group):
            return
        self.lost += 1
        if self.record:
            self.record = replace(self.record, broken=(*self.record.broken, failure.message))

    def _group(self, changes: Mapping[str, object]) -> Group:
        return self.space.launch_group(dict(changes))

    @property
    def _proof_s(self) -> float:
        return SLOW_FACTOR * self.observation.wall_s + SLOW_SLACK_S

    @property
    def _hang_s(self) -> float:
        return HANG_FACTOR * self.observation.wall_s + HANG_SLACK_S


def _proof(way: str) -> str:
    how = "each is a copy of the process" if way == FORK else f"each is started by {way}"
    return (
        f"trials run on the built network, {how}: the same spikes as in a fresh process on {REPLAYS} replays and after "
        "other settings"
    )
