"""What a profile is: the parts of a process's wall time, and of every rank what it had and did.

The parts are those of one process, of the first rank that simulated, from the start of the command to its end; they add
up to the command's wall time, since each is the time between two moments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from autotune.agent.protocol import RankReport
from autotune.launch.setup_watch import Seen, SetUpWatch, total_s
from autotune.observe import Observation
from autotune.profile.populations import Population

START, IMPORTS, CREATING, CONNECTING, SET_UP = "start", "imports", "creating cells", "connecting", "other set-up"
FINITIALIZE, RUN, OUTPUT, EXIT, OWN = "finitialize", "run", "output", "exit", "this profile itself"
TURNS_A_SECOND, TURNS = 20.0, 10
"""So often, and so many times at least, Python gets a turn during a run section that it drives."""
NOT_ASKED = "set-up is not divided: nobody asked for a profile"
NOT_SEEN = "set-up is not divided: the memory of the model's process could not be looked at from outside"


@dataclass(frozen=True)
class RankProfile:
    """One rank."""

    rank: int
    host: str = ""
    cells: int = 0
    """With a gid."""
    trees: int = 0
    """Cells as NEURON integrates them: connected trees of sections, with a gid or without."""
    segments: int = 0
    work: float = 0.0
    """Segments times what is computed in each (agent/complexity.py); a number to compare ranks by."""
    step_s: float = 0.0
    """Integration and events; 0 without psolve."""
    exchange_s: float = 0.0
    """Spike exchange with the barrier before it,"""
    barrier_s: float = 0.0
    """the barrier alone."""
    dispatch_s: float = 0.0
    transfer_s: float = 0.0
    """Gap junctions and split cells."""
    run_s: float = 0.0
    output_s: float = 0.0
    """From the end of the run to the end of the script."""
    cpu_s: float = 0.0
    peak_mb: float = 0.0
    written_mb: float = 0.0
    spikes: int = 0


@dataclass(frozen=True)
class Profile:
    """One run of the user's own settings."""

    wall_s: float
    sections: dict[str, float]
    """Seconds of each part; all together the wall time."""
    undivided: str
    """Why the set-up is not divided; empty when it is."""
    ranks: tuple[RankProfile, ...]
    named: dict[str, float] = field(default_factory=dict)
    """Seconds of each section that the model names itself (`autotune_section`)."""
    python: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    """Of set-up, run and output: the user's lines of Python in which most time was spent, seconds of samples."""
    python_in_run: float = 0.0
    """How often a second Python got a turn during the run section: hardly ever, unless it drives it."""
    cells: dict[int, dict[int, float]] = field(default_factory=dict)
    """Of each rank: the work of each cell whose gid is known."""
    populations: tuple[Population, ...] = ()
    """Of the cells whose gids are known."""
    mechanisms: dict[str, float] = field(default_factory=dict)
    """Seconds of the first thread in each mechanism, largest over the ranks, in the run that timed them,"""
    mechanisms_run_s: float = 0.0
    """whose run section took so long."""
    notes: tuple[str, ...] = ()
    """What else the run has shown, an error of hoc for example at which the model stopped."""
    failed: str = ""
    """Why not all was seen: the model did not come to its end."""

    def share(self, part: str) -> float:
        """Of the wall time."""
        return self.sections.get(part, 0.0) / self.wall_s if self.wall_s > 0.0 else 0.0

    def bound(self, saved_s: float) -> float:
        """The speed-up of the whole command if so many seconds were saved (Amdahl 1967)."""
        return self.wall_s / max(self.wall_s - saved_s, 1e-9)

    @property
    def driven_by_python(self) -> bool:
        """Python gets a turn all through the run section, of which NEURON by itself gives it none."""
        return self.python_in_run > max(TURNS_A_SECOND, TURNS / max(self.sections[RUN], 1e-9))

    @property
    def interpreted(self) -> dict[str, list[tuple[str, float]]]:
        """The lines of Python of the parts in which they, and not NEURON, take time."""
        parts = ("set-up", RUN, OUTPUT) if self.driven_by_python else ("set-up", OUTPUT)
        return {part: self.python[part] for part in parts if self.python.get(part)}

    @property
    def computation_s(self) -> tuple[float, ...]:
        """Of each rank."""
        return tuple(rank.step_s for rank in self.ranks)

    @property
    def balance(self) -> float | None:
        """Mean of the computation over its maximum; 1 is perfect, None where it is not timed."""
        times = self.computation_s
        return sum(times) / len(times) / max(times) if times and max(times) > 0.0 else None

    @property
    def exchange_s(self) -> float | None:
        """What the run section takes beside the computation of the busiest rank."""
        times = self.computation_s
        return max(0.0, self.sections[RUN] - max(times)) if times and max(times) > 0.0 else None


def profile_of(reports: Sequence[RankReport], watch: SetUpWatch) -> Profile:
    """The profile of a run that was asked to tell, from what its ranks said."""
    first = next((report for report in reports if report.simulated), reports[0])
    seen = watch.seen.get(first.pid)
    sections = _sections(first, watch, seen)
    return Profile(
        wall_s=watch.ended_s - watch.began_s,
        sections=sections,
        undivided="" if seen else NOT_SEEN,
        named=_named(seen, first.profile) if seen else {},
        ranks=tuple(map(_rank, reports)),
        python={phase: [(str(n), float(s)) for n, s in of] for phase, of in first.profile["python"].items()},
        python_in_run=first.profile["looks"].get("run", 0) / max(_run_s(first), 1e-9),
        cells={r.rank: {int(g): float(w) for g, w in r.profile.get("cells", ())} for r in reports},
    )


def cut_short(watch: SetUpWatch) -> Profile | None:
    """The profile of a run whose ranks left no report, as those that are killed do: of the one that came furthest, by
    the moments that it noted. None where no rank noted any.
    """
    notes = [note for note in watch.notes if {"pid", "started_s", "inside_s"} <= note.keys()]
    if not notes:
        return None
    note = max(notes, key=lambda each: (len(each), each["pid"]))
    end_s, seen = watch.ended_s, watch.seen.get(note["pid"])
    runs_s = note.get("runs_s", end_s)
    told = {
        **note,
        "first_finitialize_s": note.get("first_finitialize_s", end_s),
        "finitialize_s": note.get("finitialize_s", 0.0),
        "own_s": note.get("own_s", 0.0),
        "ended_s": end_s,
    }
    parts = _parts(told, end_s - runs_s, watch, seen)
    if "runs_s" not in note:  # it died in finitialize, or before
        parts[FINITIALIZE], parts[OUTPUT] = parts[OUTPUT], 0.0
    return Profile(end_s - watch.began_s, parts, "" if seen else NOT_SEEN, (), named=_named(seen, told) if seen else {})


def glimpse(observation: Observation) -> Profile:
    """What the watched run of a plan or a study shows of it, where nobody asked for a profile."""
    told, ranks = observation.sections, range(observation.facts.ranks)
    counts = (observation.rank_cells, observation.rank_trees, observation.rank_spikes, observation.rank_step_s)
    rows = zip(*(of if len(of) == len(ranks) else [0] * len(ranks) for of in counts), strict=True)
    return Profile(
        wall_s=observation.wall_s,
        sections={
            **dict.fromkeys((IMPORTS, CREATING, CONNECTING, FINITIALIZE, EXIT, OWN), 0.0),
            START: told["launch"],
            SET_UP: told["setup"],
            RUN: told["run"],
            OUTPUT: told["output"],
        },
        undivided=NOT_ASKED,
        ranks=tuple(
            RankProfile(rank, cells=int(cells), trees=int(trees), spikes=int(spikes), step_s=float(step_s))
            for rank, (cells, trees, spikes, step_s) in zip(ranks, rows, strict=True)
        ),
    )


def _run_s(report: RankReport) -> float:
    """Seconds of its passes, without what the script does after them."""

    def one(section: Any) -> float:
        if section.psolve_s > 0.0:
            return float(section.psolve_s)
        return float(section.until_next_s if section.clock_s is None else section.clock_s)

    return sum(one(section) for section in report.sections)


def _sections(first: RankReport, watch: SetUpWatch, seen: Seen | None) -> dict[str, float]:
    return _parts(first.profile, _run_s(first), watch, seen)


def _parts(told: dict[str, Any], run_s: float, watch: SetUpWatch, seen: Seen | None) -> dict[str, float]:
    started_s = min(max(told["started_s"], watch.began_s), told["inside_s"])
    set_up_s = told["first_finitialize_s"]
    creating = total_s(seen.creating_s, set_up_s) if seen else 0.0
    connecting = total_s(seen.connecting_s, set_up_s) if seen else 0.0
    rest = told["ended_s"] - set_up_s - told["finitialize_s"] - told["own_s"] - run_s
    parts = {
        START: started_s - watch.began_s,
        IMPORTS: told["inside_s"] - started_s,
        CREATING: creating,
        CONNECTING: connecting,
        SET_UP: set_up_s - told["inside_s"] - creating - connecting,
        FINITIALIZE: told["finitialize_s"],
        RUN: run_s,
        OUTPUT: rest,
        EXIT: watch.ended_s - told["ended_s"],
        OWN: told["own_s"],
    }
    return {name: max(0.0, seconds) for name, seconds in parts.items()}


def _named(seen: Seen, told: dict[str, Any]) -> dict[str, float]:
    if not seen.labels:
        return {}
    ends = [at_s for at_s, _ in seen.labels[1:]] + [told["ended_s"]]
    named: dict[str, float] = {}
    for (at_s, label), end_s in zip(seen.labels, ends, strict=True):
        if label:
            named[label] = named.get(label, 0.0) + end_s - at_s
    return named


def _rank(report: RankReport) -> RankProfile:
    def total(name: str) -> float:
        return float(sum(getattr(section, name) for section in report.sections))

    told, run_s = report.profile, _run_s(report)
    return RankProfile(
        rank=report.rank,
        host=report.host,
        cells=int(report.model.get("cells", 0)),
        trees=int(told.get("trees", 0)),
        segments=int(told.get("segments", 0)),
        work=float(told.get("work", 0.0)),
        step_s=total("step_s"),
        exchange_s=total("wait_s"),
        barrier_s=total("step_wait_s"),
        dispatch_s=total("send_s"),
        transfer_s=total("transfer_s"),
        run_s=run_s,
        output_s=max(0.0, total("until_next_s") - run_s),
        cpu_s=report.cpu_s,
        peak_mb=float(told.get("peak_mb", 0.0)),
        written_mb=float(told.get("written_mb", 0.0)),
        spikes=report.spikes,
    )
