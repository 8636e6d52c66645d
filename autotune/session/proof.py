"""The proof of a way: a session is used only after it has given what a fresh process gives, and is looked at again.

Its baseline must equal the fresh one, spike for spike, on several replays and after other settings; every later
baseline run in it is compared again. Launch settings have a session for each group of them, which proves itself, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NoReturn

from autotune.agent.driver.ask import to_be_checked
from autotune.agent.knobs import KNOBS
from autotune.errors import AutotuneError, UsageError
from autotune.launch.ask import Ask, Run, Runner
from autotune.launch.judge import RunFailed, SessionBroken
from autotune.observe import SessionStart
from autotune.plan.space import Group, SearchSpace
from autotune.raster import Raster
from autotune.session.pool import NewStart, Pool
from autotune.session.record import FORK
from autotune.session.reference import Reference
from autotune.session.rows import OwnRows, alike
from autotune.settings import UNCHANGED, Changes

REPLAYS = 3  # so often the baseline must be the fresh one, spike for spike, before the first trial
CHECK_EVERY = 10  # in sessions of other launch settings; in the baseline's own every pair checks
OWN = Group()


@dataclass
class Proof:
    """The sessions that have proved themselves. As a Runner it makes each run in the session of its launch settings,
    and raises SessionBroken instead of RunFailed.
    """

    pool: Pool
    space: SearchSpace
    baseline: Raster
    """Of the whole run, in a fresh process."""
    slow_s: float
    """A proof that takes longer for one run is none."""
    how: SessionStart | None = None
    """How the network is started again; None as long as no way is known."""
    same_beside: Callable[[Ask, Run], bool] = field(default=lambda ask, run: True)
    """Whether a fresh run does beside its spikes what the user's own runs do, which no session can show."""
    compare: Callable[[Changes], Changes | None] = field(default=lambda changes: None)
    """Wider changes that are to be compared with a fresh process before a run with these counts; None: there are
    none."""
    know: Callable[[Changes], object] = field(default=lambda changes: None)
    """Told that a session has given what a fresh process gives with these changes."""
    lost: list[str] = field(default_factory=list)
    """What ended sessions before their time."""
    disturbed_by: tuple[Ask, Run] | None = None
    """The run with other settings after which the session still gave the same."""
    _own_rows: OwnRows = field(default_factory=OwnRows)
    _references: dict[Group, Reference | None] = field(default_factory=dict)
    """What the settings of a group alone give; None for a group that has no session."""
    _unchecked: dict[Group, int] = field(default_factory=dict)

    def choose(self, how: SessionStart, runs: int, known: str, ask: Ask) -> tuple[str, str]:
        """Find the way in which this model is started again: its name and a sentence that says how it was proved, or
        an empty name and why there is none. `known`: what an earlier search found is tried alone.
        """
        why = ""
        for way, candidate in self._candidates(how, runs, known):
            self.how = candidate
            try:
                self._prove(OWN, self._own(UNCHANGED), ask)
            except SessionBroken as broken:
                why = why or f"{broken.failure.message} ({way})"
            except UsageError as error:
                why = why or f"{error.message} ({way})"
            else:
                return way, _in_words(way)
        self.how = None
        return "", why

    def serves(self, ask: Ask) -> bool:
        """Whether the launch settings of `ask` have a proven session; it is made if there is none yet."""
        return self._proved(OWN, ask) and self._proved(self.group(ask.changes), ask)

    def settled(self, ask: Ask) -> bool:
        """Whether serves() knows its answer."""
        return {OWN, self.group(ask.changes)} <= self._references.keys()

    def replays(self, knobs: Iterable[str]) -> bool:
        """Whether a run that changes these knobs may be made in a process that makes others."""
        assert self.how is not None
        return self.how.fork or all(KNOBS[name].replays for name in knobs)

    def own_rows(self, ask: Ask) -> tuple[tuple[float, ...], ...]:
        """Times of the runs of the user's own settings so far that were made as `ask` would be, those that proved the
        session among them, in rows of neighbours; the last row is empty where another run came after them.
        """
        return self._own_rows.like(ask)

    def run_again(self, ask: Ask) -> Run:
        """A run of which only the result counts: that with other settings, if it was made as `ask` would be; else as
        `run`.
        """
        if self.disturbed_by is not None and alike(self.disturbed_by[0], ask):
            return self.disturbed_by[1]
        return self.run(ask)

    def group(self, changes: Changes) -> Group:
        return self.space.launch_group(changes)

    def run(self, ask: Ask) -> Run:
        """One run in the session that its changes belong to, which must have been proved."""
        group = self.group(ask.changes)
        run = self._run(group, ask)
        if ask.changes == group.changes and ask.plain:
            self._check(group, run, ask)
        elif group != OWN:
            self._look_after(group, ask)
        return run

    def known(self, changes: Changes) -> bool:
        """Whether the launch settings of these changes, and the user's own, have a session that has proved itself."""
        return None not in (self._references.get(OWN), self._references.get(self.group(changes)))

    @contextmanager
    def new_start(self) -> Iterator[Runner]:
        """Makes runs in new processes, one for each launch settings, as long as the context lasts; they are proved by
        nothing but what they give. The sessions of the search end, to make room for them.
        """
        assert self.how is not None
        self.pool.close()
        started = NewStart(Pool(self.pool.fresh, self.pool.ranks), self.space, self.how)
        try:
            yield started
        finally:
            started.pool.close()

    def _candidates(self, how: SessionStart, runs: int, known: str) -> Iterator[tuple[str, SessionStart]]:
        """The ways to be tried, best first: a fork restores everything."""
        if not self.pool.fresh.command.launcher and known in ("", FORK):
            yield FORK, replace(how, fork=True)
        if runs == 1:
            yield from ((way, replace(how, ways=(way,))) for way in how.ways if known in ("", way))

    def _proved(self, group: Group, ask: Ask) -> bool:
        if group not in self._references:
            known = self._proves(group, self._expected(group), ask) or self._proves_compared(group, ask)
            if not known and not self._proves(group, self._fresh(ask.setting(group.changes)), ask):
                self._references[group] = None
        return self._references[group] is not None

    def _proves(self, group: Group, reference: Reference | None, ask: Ask) -> bool:
        try:
            if reference is not None:
                self._prove(group, reference, ask)
        except (SessionBroken, AutotuneError):
            return False
        return reference is not None

    def _proves_compared(self, group: Group, ask: Ask) -> bool:
        """Prove a group's session by the one fresh run with which its knobs are to be compared anyway; what the
        group's own settings give is then what they give beside it, in that session.
        """
        changes = self.compare(ask.changes)
        wide = self._fresh(ask.setting(changes)) if changes else None
        if not changes or wide is None:
            return False
        own = self._again(group, ask)
        try:
            if not len(wide.raster):
                return False
            compared = self._run(group, own.setting(changes))
            if wide.difference(compared, self.space.canonical(compared.effective), ask.stop_ms):
                self.pool.end(group)
                return False
            run = self._run(group, own)
        except (SessionBroken, AutotuneError):
            self.pool.end(group)
            return False
        self._references[group] = Reference(run.raster, self.space.canonical(run.effective))
        self.know(changes)
        return True

    def _again(self, group: Group, ask: Ask) -> Ask:
        """What a replay of a group's own settings is asked while it is to prove something."""
        return replace(ask, changes=group.changes, perturbation=None, limit_s=min(ask.limit_s, self.slow_s))

    def _fresh(self, ask: Ask) -> Reference | None:
        """What a fresh process gives with these settings."""
        own = replace(ask, perturbation=None)
        try:
            run = self.pool.fresh.run(own)
        except AutotuneError:
            return None
        if not self.same_beside(own, run):
            return None
        return Reference(run.raster, self.space.canonical(run.effective))

    def _own(self, changes: Changes) -> Reference:
        """What the user's own settings give, and those of exact knobs beside them."""
        return Reference(self.baseline, self.space.as_changed(changes))

    def _expected(self, group: Group) -> Reference | None:
        """What a group must give without any fresh run of its own, because it differs from a group that is known, or
        from the user's own start, by exact settings alone.
        """
        rest = self.space.not_exact(group.changes)
        if not rest:
            return self._own(group.changes)
        known = self._references.get(self.group(rest)) if len(rest) < len(group.items) else None
        if known is None:
            return None
        return Reference(known.raster, self.space.as_changed(group.changes, known.effective))

    def _prove(self, group: Group, reference: Reference, ask: Ask) -> None:
        """Replays, a run with other settings, one more replay; where the model has proved itself, and only the launch
        is another, one replay. Raises SessionBroken at the first difference.
        """
        again = self._again(group, ask)
        self._references[group] = reference
        try:
            if not len(reference.raster):
                raise SessionBroken(RunFailed("crashed", "no spikes with these settings: nothing can be shown"))
            for number in range(1, 2 if group != OWN else REPLAYS + 1):
                self._check(group, self._run(group, again), again, f"replay {number}")
            if group == OWN:
                self._disturb(again)
        except BaseException:
            self.pool.end(group)
            self._references[group] = None
            raise

    def _disturb(self, ask: Ask) -> None:
        """Run with other settings and replay: with all that go together, and where these leave something behind, with
        some of them. Settings that fail, or take too long, say nothing of replaying.
        """
        wrong: SessionBroken | None = None
        for changes in self._others():
            other = ask.setting(changes)
            try:
                run = self._run(OWN, other)
            except SessionBroken:
                continue
            try:
                self._check(OWN, self._run(OWN, ask), ask, "the replay after other settings")
            except SessionBroken as broken:
                wrong = broken
            else:
                self.disturbed_by = other, run
                return
        if wrong:
            raise wrong

    def _others(self) -> Iterator[Changes]:
        """Settings to disturb a session with: as many as go together, then the first half of these."""

        def fits(changes: Changes, beside: Changes) -> bool:
            return self.replays(changes) and self.group(changes) == OWN

        names = tuple(self.space.domains)
        every = self.space.together(UNCHANGED, names, fits)
        half = self.space.together(UNCHANGED, tuple(every)[: len(every) // 2], fits)
        yield from (changes for changes in (every, half) if changes)

    def _look_after(self, group: Group, ask: Ask) -> None:
        """Replay a group's own settings every tenth run, and at once after what has proved risky."""
        self._unchecked[group] = self._unchecked.get(group, 0) + 1
        if self._unchecked[group] >= CHECK_EVERY or to_be_checked(ask.changes):
            self._unchecked[group] = 0
            own = replace(ask, changes=group.changes, perturbation=None)
            self._check(group, self._run(group, own), own)

    def _check(self, group: Group, run: Run, ask: Ask, what: str = "a replay") -> None:
        reference = self._references[group]
        assert reference is not None
        difference = reference.difference(run, self.space.canonical(run.effective), ask.stop_ms)
        if difference:
            self._lose(group, RunFailed("crashed", f"{what} {difference}"))

    def _run(self, group: Group, ask: Ask) -> Run:
        assert self.how is not None
        try:
            run = self.pool.session(group, self.how).run(ask)
        except RunFailed as failure:
            self._lose(group, failure)
        self._own_rows.note(ask, run.run_s if group == OWN and not ask.changes and ask.plain else None)
        return run

    def _lose(self, group: Group, failure: RunFailed) -> NoReturn:
        if self.pool.end(group):
            self.lost.append(failure.message)
        raise SessionBroken(failure) from failure


def _in_words(way: str) -> str:
    how = "each is a copy of the process" if way == FORK else f"each is started by {way}"
    return (
        f"trials run on the built network, {how}: the same spikes as in a fresh process on {REPLAYS} replays and after "
        "other settings"
    )
