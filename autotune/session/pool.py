"""The running sessions of a study, one for each group of launch settings, kept while there is memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import psutil

from autotune.agent.driver.ask import ranks_of
from autotune.launch.ask import Ask, Run
from autotune.launch.run import FreshRunner
from autotune.observe import SessionStart
from autotune.plan.space import Group, SearchSpace
from autotune.session.session import Session


@dataclass
class Pool:
    """Starts a session when it is asked for and ends them all with close()."""

    fresh: FreshRunner
    """As whom a session is started."""
    ranks: int
    """The user's own number of them."""
    _sessions: dict[Group, Session] = field(default_factory=dict)
    """The one that was used last comes last."""

    def session(self, group: Group, how: SessionStart) -> Session:
        """The session of this group, started if there is none."""
        if group not in self._sessions:
            self._make_room()
            ranks = ranks_of(group.changes) or self.ranks
            self._sessions[group] = Session(self.fresh, group.changes, how, ranks)
        self._sessions[group] = self._sessions.pop(group)
        return self._sessions[group]

    def pids(self) -> list[int]:
        """One process of each session, of which all its others descend."""
        return [session.pid for session in self._sessions.values()]

    def end(self, group: Group) -> bool:
        """End the session of this group; whether there was one."""
        session = self._sessions.pop(group, None)
        if session is not None:
            session.close()
        return session is not None

    def close(self) -> None:
        """End all sessions."""
        for group in list(self._sessions):
            self.end(group)

    def _make_room(self) -> None:
        """End the sessions that were not used for longest while memory is short; the baseline's own stays."""
        others = [group for group in self._sessions if group.changes]
        while others and psutil.virtual_memory().available < 2 * memory_bytes(self._sessions[others[0]].pid):
            self.end(others.pop(0))


@dataclass(frozen=True)
class NewStart:
    """A Runner whose processes are new ones."""

    pool: Pool
    space: SearchSpace
    how: SessionStart

    def run(self, ask: Ask) -> Run:
        """One run in the process of its launch settings."""
        return self.pool.session(self.space.launch_group(ask.changes), self.how).run(ask)


def memory_bytes(pid: int) -> int:
    """What a process and all its descendants hold."""
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for process in family:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
