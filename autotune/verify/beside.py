"""Does a run do beside its spikes what the user's own runs do? Calls, events, recorded vectors, printed lines, and
NEURON's own warnings.

The user's own runs are the yardstick here too: what differs among them proves nothing, and each further one is looked
at. Only runs that come to the end of the script are compared; the rules and their reasons are in
docs/explanation/same-spikes.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from autotune.agent.driver.ask import home_of
from autotune.agent.knobs import EXACT, NUMERICAL
from autotune.agent.recorders import EVERY_STEP
from autotune.launch.ask import Run
from autotune.launch.beside import Beside, Recorded, beside_of
from autotune.launch.printed import integers, of_the_launcher, without_numbers
from autotune.results import FARTHEST, Compared, Where
from autotune.settings import Changes
from autotune.store.folder import StudyFolder

MOST_EXAMPLES = 8
ROUND_OFF_SHARE, NEGLIGIBLE = 1e-3, 1e-9  # of the sum of sizes: recorded values under round-off, and by an exact knob
SLACK_STEPS = 2
OFTEN = 20  # a line that came as often as this in each of the user's runs is the model's, and no clock's
MANY = 2.0  # a number that is so many times another has not come from the machine
MOST_LOOKED_AT = 200
SHORTEST_GLUED = 4  # a part of a new line that is so long may be a line of another rank
_SHOWN = 120


@dataclass(frozen=True)
class OwnRunsRecord:
    """What the user's own runs did beside spikes, by where they ended: "whole", or t in ms."""

    RECORD: ClassVar[str] = "beside"

    runs: dict[str, tuple[Beside, ...]] = field(default_factory=dict)


class OwnRuns:
    """What is known of the user's own runs; those that end early apart from the whole ones."""

    def __init__(
        self,
        record: OwnRunsRecord | None = None,
        on_record: Callable[[OwnRunsRecord], object] = lambda record: None,
        stop_ms: float | None = None,
    ) -> None:
        """`on_record` is told of each run that is looked at."""
        self._runs = dict(record.runs) if record else {}
        self._on_record = on_record
        self._stop_ms = stop_ms

    def until(self, stop_ms: float | None) -> OwnRuns:
        """Those that end at `stop_ms`, or the whole ones; what one of the two learns, both know."""
        part = OwnRuns(None, self._on_record, stop_ms)
        part._runs = self._runs
        return part

    def learn(self, run: Run | Beside) -> None:
        """One more of them."""
        known = self.examples
        if isinstance(run, Run) and run.way != "fresh":
            return
        if len(known) < MOST_EXAMPLES:
            self._runs[self._key] = (*known, beside_of(run) if isinstance(run, Run) else run)
            self._on_record(OwnRunsRecord(dict(self._runs)))

    @property
    def examples(self) -> tuple[Beside, ...]:
        return self._runs.get(self._key, ())

    @property
    def _key(self) -> str:
        return "whole" if self._stop_ms is None else f"{self._stop_ms:.17g}"

    def difference(self, run: Run, changes: Changes, safety: str, identical: bool) -> Compared | None:
        """What a fresh run with these changes of class `safety` does otherwise than all of them; `identical`: its
        spikes are the baseline's.
        """
        return difference(self.examples, beside_of(run), changes, safety, identical) if run.way == "fresh" else None


def own_runs(folder: StudyFolder, watched: Beside) -> OwnRuns:
    """What a study knows of them: from its folder, else from the watched run."""
    known = OwnRuns(folder.read(OwnRunsRecord), folder.write)
    if not known.examples:
        known.learn(watched)
    return known


def difference(own: Sequence[Beside], did: Beside, changes: Changes, safety: str, identical: bool) -> Compared | None:
    """What `did` has of its own beside what all of the user's runs did; see OwnRuns.difference."""
    if not own:
        return None
    looks: tuple[tuple[Where, Callable[[], str]], ...] = (
        ("output", lambda: _warnings(own, did)),
        ("callbacks", lambda: _calls(own, did, safety)),
        ("trace", lambda: _recorded(own, did, safety, identical)),
        ("output", lambda: _output(own, did, changes, safety, identical)),
    )
    found = ((where, look()) for where, look in looks)
    return next((Compared(where, "", "different", FARTHEST, reason) for where, reason in found if reason), None)


def _warnings(own: Sequence[Beside], did: Beside) -> str:
    """Warnings that no run of the user's own has printed."""
    known = {line for example in own for line in example.printed.masked}
    masked = did.printed.masked
    for line, text in did.printed.warnings.items():
        if without_numbers(line) not in known:
            count = masked.get(without_numbers(line), 1)
            return f"warning: {text}" + (f" ({count} lines like it)" if count > 1 else "")
    return ""


def _calls(own: Sequence[Beside], did: Beside, safety: str) -> str:
    compared = [example for example in own if example.vectors is not None]
    if not compared or did.vectors is None:
        return ""
    calls = [round(example.step_calls * _steps_ratio(example, did)) for example in compared]
    if min(calls) > 0 and not 0.9 * min(calls) <= did.step_calls <= 1.1 * max(calls):
        return f"callbacks: {did.step_calls} of {calls[0]} calls at steps"
    if all(example.spike_functions for example in compared) and not did.spike_functions:
        return f"callbacks: 0 of {compared[0].spike_functions} functions at spikes (NetCon.record) were called"
    if all(example.transitions for example in compared) and not did.transitions:
        return f"callbacks: 0 of {compared[0].transitions} StateTransitionEvents were looked at"
    left = max(example.events_left for example in compared)
    if did.events_left > left:
        return f"callbacks: {did.events_left - left} events of the interpreter (CVode.event) were not executed"
    if safety == EXACT and did.ranks == compared[0].ranks:
        events = {example.events for example in compared}
        if len(events) == 1 and did.events not in events:
            return "callbacks: another number of events of the interpreter (CVode.event) were executed"
    return ""


def _steps_ratio(own: Beside, did: Beside) -> float:
    """How many times as many steps."""
    return own.dt_ms / did.dt_ms if own.fixed_step and own.dt_ms and did.dt_ms else 1.0


def _recorded(own: Sequence[Beside], did: Beside, safety: str, identical: bool) -> str:
    examples = [example for example in own if example.vectors is not None]
    if not examples or did.vectors is None:
        return ""
    for kind in sorted({row.kind for example in examples for row in example.vectors or ()}):
        reasons = [_of_a_kind(example, did, kind, safety, identical) for example in examples]
        if all(reasons):
            return f"trace: {reasons[0]}"
    return ""


def _of_a_kind(own: Beside, did: Beside, kind: str, safety: str, identical: bool) -> str:
    """How recorded vectors of one kind differ, in words."""
    mine, theirs = ([row for row in each.vectors or () if row.kind == kind] for each in (own, did))
    what = f"vectors that record at {kind}"
    if not theirs:
        return f"there are no {what}, in your run {sum(row.number for row in mine)}"
    ratio = _steps_ratio(own, did) if kind == EVERY_STEP else 1.0
    for a, b in ((mine, theirs), (theirs, mine)):
        back = a is theirs
        for row in a:
            if not any(_as_long(*((other, row) if back else (row, other)), ratio, own.fixed_step) for other in b):
                lengths = ", ".join(str(r.length) for r in theirs[:3]), ", ".join(str(r.length) for r in mine[:3])
                return f"{what} hold {lengths[0]} values, in your run {lengths[1]}"
    if own.ranks != did.ranks:
        return ""
    numbers = [sum(row.number for row in rows) for rows in (mine, theirs)]
    if numbers[0] != numbers[1]:
        return f"there are {numbers[1]} {what}, in your run {numbers[0]}"
    if safety != NUMERICAL and identical and own.fixed_step:
        return _other_values(mine, theirs, NEGLIGIBLE if safety == EXACT else ROUND_OFF_SHARE, what)
    return ""


def _as_long(own: Recorded, did: Recorded, ratio: float, fixed_step: bool) -> bool:
    """Whether one is as long as the other, or was in proportion to the steps; a variable step goes its own way."""
    if min(own.length, did.length) == 0:
        return own.length == did.length
    slack = 1.01 if fixed_step else 2.0
    low, high = sorted((own.length, own.length * ratio))
    return low / slack - SLACK_STEPS <= did.length <= high * slack + SLACK_STEPS


def _other_values(mine: list[Recorded], theirs: list[Recorded], share: float, what: str) -> str:
    """The sums of all, which must agree but for a share of the sum of sizes."""
    a, b = (np.sum([row.sums for row in rows], axis=0) for rows in (mine, theirs))
    allowed = share * max(a[2], b[2])
    if abs(a[0] - b[0]) <= SLACK_STEPS * sum(row.number for row in mine) and np.all(np.abs(a - b)[1:] <= allowed):
        return ""
    return f"{what} hold other values than in your run"


def _output(own: Sequence[Beside], did: Beside, changes: Changes, safety: str, identical: bool) -> str:
    """Lines that are missing, or are others, beside what differs among the user's own runs."""
    if len(own) < 2:
        return ""
    every = [example.printed.masked for example in own]
    here = did.printed.masked
    same_ranks = all(example.ranks == did.ranks for example in own)
    for line in sorted(set.intersection(*(set(lines) for lines in every))):
        counts = {lines[line] for lines in every}
        if not here.get(line) and not _within(line, here):
            return f"output: {_quoted(line)} is not printed"
        often = same_ranks and identical and safety != NUMERICAL and len(counts) == 1 and min(counts) >= OFTEN
        if often and here.get(line) not in counts:
            return f"output: {_quoted(line)} is printed {here.get(line, 0)} times, in your run {counts.pop()} times"
    if not same_ranks or safety == NUMERICAL:
        return ""
    return (_numbers(own, did) if identical else "") or _new_lines(every, here, did.ranks, changes)


def _numbers(own: Sequence[Beside], did: Beside) -> str:
    """An integer that is the same in all of the user's own runs, and quite another one here."""
    common = set.intersection(*(set(example.printed.lines) for example in own))
    for line in sorted(common - did.printed.lines.keys()):
        masked = without_numbers(line)
        if line == masked or sum(1 for other in common if without_numbers(other) == masked) > 1:
            continue
        others = [other for other in did.printed.lines if without_numbers(other) == masked]
        if len(others) == 1 and _far_apart(integers(line), integers(others[0])):
            return f"output: {_quoted(others[0])} for {_quoted(line)} in your run"
    return ""


def _far_apart(own: list[int], here: list[int]) -> bool:
    """Whether numbers differ by more than clocks and counters of the machine do; below 100 they are masked."""
    if len(own) != len(here):
        return max(own, default=0) >= 100 * MANY
    pairs = ((min(pair), max(pair)) for pair in zip(own, here, strict=True))
    return any(high > MANY * low for low, high in pairs)


def _new_lines(every: Sequence[dict[str, int]], here: dict[str, int], ranks: int, changes: Changes) -> str:
    """More new lines than one of the user's own runs has beside the others; another NEURON speaks otherwise."""
    if home_of(changes):
        return ""
    known = {line for lines in every for line in lines}
    unknown = [line for line in here if line not in known and not of_the_launcher(line)][:MOST_LOOKED_AT]
    glued = [line for line in known if len(line) >= SHORTEST_GLUED] if ranks > 1 else []
    new = [line for line in unknown if not _within(line, known) and not any(other in line for other in glued)]
    alone = (
        sum(1 for line in lines if not any(line in other for j, other in enumerate(every) if i != j))
        for i, lines in enumerate(every)
    )
    return f"output: {_quoted(new[0])} is printed, and in no run of yours" if len(new) > max(alone) else ""


def _within(line: str, lines: Iterable[str]) -> bool:
    """Whether it is a part of another line: ranks may write at the same time, and their lines run into each other."""
    return any(line in other for other in lines)


def _quoted(line: str) -> str:
    return f"'{line[:_SHOWN]}'"
