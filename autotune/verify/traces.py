"""Are the recorded traces of a run those of the user's own? By the class of what was changed; the rules and their
reasons are in docs/explanation/same-spikes.md.

The user's own dt is the yardstick, as it is for spikes: what lies between it and dt/4 is what the user has lived with;
of a variable step, what lies between its tolerance and a tenth of it.
What differs between two of the user's own runs proves nothing in a trial.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from autotune.agent.knobs import EXACT, NUMERICAL
from autotune.agent.protocol import write_text
from autotune.config import AcceptConfig
from autotune.launch.ask import Run
from autotune.report.format import counted
from autotune.results import FARTHEST, Compared
from autotune.traces import Apart, Key, Ruler, Trace, Traces, TracesError, apart, depends, pairs, read_traces

OWN, FINEST, VARYING = "own", "quarter-dt", "varying.json"
JUMPS = 10.0  # the largest difference of all jumps about where the root mean square grows smoothly
LATE_SHARE = 0.01  # of its range: a trace that moves by less at its end says nothing of the end


@dataclass
class OwnTraces:
    """What is known of the user's own runs; it is kept in the study folder, each trace read when it is needed."""

    folder: Path | None = None
    limits: AcceptConfig = field(default_factory=AcceptConfig)
    stop_ms: float = np.inf
    """Where the runs end that are compared."""
    own: Traces | None = None
    finest: Traces | None = None
    varying: set[Key] = field(default_factory=set)
    """They differ between the user's own runs,"""
    in_session: set[Key] = field(default_factory=set)
    """or between a fresh run and one in a session."""
    _errors: dict[Key, Apart | None] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, limits: AcceptConfig) -> OwnTraces:
        """What a study folder holds of them."""
        file = folder / VARYING
        varying = {Key(*key) for key in json.loads(file.read_text())} if file.is_file() else set()
        own, finest = (read_traces(folder / name) for name in (OWN, FINEST))
        return cls(folder, limits, own=own, finest=finest, varying=varying)

    def until(self, stop_ms: float) -> OwnTraces:
        """The same for runs that end early; what one of the two learns, both know."""
        return replace(self, stop_ms=stop_ms, _errors={})

    def keep(self, run: Run, *, finest: bool = False) -> None:
        """The traces of a run of the user's own settings, or of those at the finest dt."""
        if run.traces is None or self.folder is None:
            return
        kept = run.traces.keep(self.folder / (FINEST if finest else OWN))
        if finest:
            self.finest = kept
        else:
            self.own = kept

    def learn(self, run: Run) -> None:
        """One more run of the user's own settings: what differs in it is no evidence."""
        if self.own is None or run.traces is None or run.by_jobs:
            return
        here = set(run.traces.keys)
        whole = self.stop_ms == np.inf
        new = {key for key in self.own.keys if not (key in here and (not whole or run.traces.same(self.own, key)))}
        if run.way == "session":
            self.in_session |= new
        elif new - self.varying and self.folder is not None:
            self.varying |= new
            write_text(self.folder / VARYING, json.dumps([[k.rank, k.number, k.place] for k in sorted(self.varying)]))

    def too_little(self, end_ms: float, cells: int) -> str:
        """Why these traces cannot judge a change of the numbers, or an empty string; `cells` is how many there are."""
        if self.own is None or self.finest is None:
            return "nothing was recorded in a run of finer steps"
        until = self.limits.evidence_until
        moving = sum(1 for a, b in self._with_finest() if depends(a.until(b.stop_ms), b, until * b.stop_ms, LATE_SHARE))
        wanted = max(1, self.limits.cells_wanted(cells))
        if moving >= wanted:
            return ""
        return (
            f"{counted(moving, 'trace')} that change{'s' * (moving == 1)} with dt after t = {until * end_ms:g} ms "
            f"(evidence_until), at least {wanted} {'is' if wanted == 1 else 'are'} needed for {counted(cells, 'cell')} "
            "(evidence_cells)"
        )

    def compared(self, run: Run, safety: str, regime: str, same_until_ms: float) -> tuple[Compared, ...]:
        """Each trace of a run beside that of the user's own; up to `same_until_ms`, where a chaotic network has not
        parted yet, unless nothing may differ.
        """
        if self.own is None or not self.own.keys:
            return ()
        number = len(self.own.keys)
        why = _obstacle(run, regime)
        if why:
            return (Compared("trace", "", "not compared", says=why, number=number),)
        if run.traces is None:
            return (Compared("trace", "", "different", FARTHEST, "nothing is recorded, in your run there is", number),)
        try:
            found = pairs(run.traces, self.own)
            if found is None:
                there = len(run.traces.keys)
                if len({key.rank for key in run.traces.keys}) != len({key.rank for key in self.own.keys}):
                    return (Compared("trace", "", "not compared", says=f"{there} on other ranks", number=number),)
                says = f"trace: {counted(there, 'recorded vector')}, in your run {number}"
                return (Compared("trace", "", "different", FARTHEST, says, number),)
            stop_ms = min(self.stop_ms, np.inf if safety == EXACT else same_until_ms)
            wanted = ((mine, theirs) for mine, theirs in found if not self._ignored(theirs))
            return tuple(self._one(run, mine, theirs, safety, stop_ms) for mine, theirs in wanted)
        except TracesError as error:
            return (Compared("trace", "", "not compared", says=str(error), number=number),)

    def _one(self, run: Run, mine: Key, theirs: Key, safety: str, stop_ms: float) -> Compared:
        assert self.own is not None
        assert run.traces is not None
        name = self.own.name(theirs)
        if theirs in self.varying or (run.way == "session" and theirs in self.in_session):
            return Compared("trace", name, "not compared", says="it differs between your own runs")
        a, b = run.traces.read(mine).until(stop_ms), self.own.read(theirs).until(stop_ms)
        if a.same(b):
            return Compared("trace", name, "identical")
        tolerance = self._tolerance(theirs)
        if safety == EXACT and tolerance is None:
            return _different(name, FARTHEST, f"a knob of class exact must not change it{_from(a, b)}")
        missing = lacking(a, b, stop_ms)
        if missing:
            return _different(name, FARTHEST, missing)
        if tolerance is None:
            distance, says = self._graded(a, b, theirs, safety, stop_ms)
        else:
            distance, says = _beside_tolerance(apart(a, b, Ruler(self.limits.window_ms, stop_ms=stop_ms)), tolerance)
        if distance is None:
            return Compared("trace", name, "not compared", says=says)
        return Compared("trace", name, "within", distance) if distance <= 1 else _different(name, distance, says)

    def _graded(self, run: Trace, own: Trace, key: Key, safety: str, stop_ms: float) -> tuple[float | None, str]:
        """On the scale on which 1 is the border, and what is largest in words."""
        limits, ruler = self.limits, Ruler(self.limits.window_ms, stop_ms=stop_ms)
        beside = apart(run, own, ruler)
        if beside is None:
            return None, "its times are not known"
        numerical = safety == NUMERICAL
        share = limits.traces.largest if numerical else JUMPS * limits.traces.floor
        graded = [
            (beside.share / share, f"off by {beside.share:.2%} of its range, at most {share:.2%} is accepted"),
            (
                FARTHEST * (beside.lost > 0),
                f"{counted(beside.lost, 'rise')} without a partner within {limits.window_ms:g} ms",
            ),
        ]
        if not numerical:
            graded.append((beside.rms / limits.traces.floor, f"off by {beside.rms:.2%} of its range in the mean"))
            graded.append(
                (beside.shift_ms / limits.floor_ms if limits.floor_ms else 0.0, f"late by {beside.shift_ms:.3g} ms")
            )
        own_error = self._own_error(key) if numerical else None
        if own_error is not None:
            finest = self.finest.read(key)  # type: ignore[union-attr]
            error = apart(run, finest, self._wide(finest))
            if error is not None:
                graded += self._by_own_error(error, own_error)
        return max(graded, key=lambda each: each[0])

    def _by_own_error(self, error: Apart, own: Apart) -> Iterator[tuple[float, str]]:
        """The error of the user's own dt, both against dt/4, is the yardstick."""
        limits = self.limits
        for what, unit, least in (
            ("rms", "of its range in the mean", limits.traces.floor),
            ("largest", "of its range", JUMPS * limits.traces.floor),
            ("beyond", "of its range at its peaks", JUMPS * limits.traces.floor),
            ("shift_ms", "ms", limits.floor_ms),
        ):
            its, allowed = getattr(error, what), max(least, limits.error_factor * getattr(own, what))
            text = "{:.3g} {}" if unit == "ms" else "{:.2%} {}"
            yield (
                its / allowed if allowed else FARTHEST * (its > 0),
                f"off by {text.format(its, unit)}, at most {text.format(allowed, unit)} is accepted "
                f"({limits.error_factor:g} times your own error)",
            )

    def _ignored(self, key: Key) -> bool:
        assert self.own is not None
        return any(_called(self.own.variable(key), glob) for glob in self.limits.traces.ignore)

    def _tolerance(self, key: Key) -> float | None:
        """In the unit of the trace; None where the user has not named it."""
        assert self.own is not None
        name = self.own.variable(key)
        return next((value for glob, value in self.limits.traces.tolerances.items() if _called(name, glob)), None)

    def _own_error(self, key: Key) -> Apart | None:
        if self.finest is None or key not in self.finest.keys:
            return None
        if key not in self._errors:
            assert self.own is not None
            finest = self.finest.read(key)
            self._errors[key] = apart(self.own.read(key), finest, self._wide(finest))
        return self._errors[key]

    def _wide(self, finest: Trace) -> Ruler:
        """Against the finest run a rise may be a window away from one that is a window away itself."""
        return Ruler(2 * self.limits.window_ms, stop_ms=min(self.stop_ms, finest.stop_ms))

    def _with_finest(self) -> Iterator[tuple[Trace, Trace]]:
        assert self.own is not None
        assert self.finest is not None
        for key in self.own.keys:
            if key in self.finest.keys and key not in self.varying and not self._ignored(key):
                yield self.own.read(key), self.finest.read(key)


def _called(name: str, glob: str) -> bool:
    """Whether a trace is meant; NEURON's names are full of brackets, which stand for themselves."""
    return fnmatchcase(name, glob.replace("[", "[[]"))


def _beside_tolerance(beside: Apart | None, tolerance: float) -> tuple[float | None, str]:
    """The distance on the scale on which the user's tolerance is 1, and in words."""
    if beside is None:
        return None, "its times are not known"
    off = beside.share * beside.range
    distance = off / tolerance if tolerance else FARTHEST * (off > 0)
    return distance, f"off by {off:.3g}, at most {tolerance:g} is accepted"


def _obstacle(run: Run, regime: str) -> str:
    if run.by_jobs:
        return "which rank does which job changes from run to run"
    return "the model does not reproduce itself" if regime == "random" else ""


def lacking(a: Trace, b: Trace, stop_ms: float) -> str:
    """What a lacks of b, in words: it is empty, ends early, or is not finite; empty where it lacks nothing."""
    if len(a.values) < 2 <= len(b.values):
        return f"holds {counted(len(a.values), 'value')}, in your run {len(b.values)}"
    if not np.isfinite(a.values).all() and np.isfinite(b.values).all():
        return "holds values that are not finite"
    if a.times_ms is None or b.times_ms is None:
        return "" if len(a.values) == len(b.values) else f"holds {len(a.values)} values, in your run {len(b.values)}"
    ends = [float(min(each.times_ms[-1], stop_ms)) for each in (a, b) if each.times_ms is not None]
    slack = 2 * max(float(np.diff(each.times_ms).max(initial=0.0)) for each in (a, b) if each.times_ms is not None)
    if abs(ends[0] - ends[1]) > slack:
        return f"is filled until t = {ends[0]:g} ms, in your run until {ends[1]:g} ms"
    return ""


def _from(a: Trace, b: Trace) -> str:
    """From when on they differ, where that can be told."""
    if a.times_ms is None or len(a.values) != len(b.values):
        return f": {len(a.values)} values for {len(b.values)}"
    other = np.flatnonzero(~((a.values == b.values) | (np.isnan(a.values) & np.isnan(b.values))))
    return f", from t = {a.times_ms[other[0]]:g} ms on" if len(other) else ""


def _different(name: str, distance: float, says: str) -> Compared:
    return Compared("trace", name, "different", min(distance, FARTHEST), f"trace: {name}: {says}")
