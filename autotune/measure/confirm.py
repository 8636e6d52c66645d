"""The last word: are the finalists of a search really faster than the baseline, in fresh starts of the model?

The winner of a search is the luckiest of many, so its own times prove nothing. Here the finalists meet the baseline
again, one after the other, the most promising first, in new pairs of runs whose order a coin decides. After each start
the rule of `sequential.py` says whether the gain is proved, whether it can be proved at all, or whether to go on; the
next finalist is asked about only where the one before has failed, with half of its alpha.

This module starts no process (the starts come in as callables) and adds none that the rule does not ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from autotune.measure.pairs import log_speedup
from autotune.measure.sequential import Decision, Look, Rule
from autotune.measure.significance import Interval, alpha_after

TEST = "sequential one-sided t test with a floor from A/A pairs, and exact signed-rank test, on log ratios by start"

Verdict = Literal["improved", "no improvement"]


class NoPair(Exception):
    """A run gave no usable time; the text says why. Raised by the callables given to `confirm`."""


@dataclass(frozen=True)
class Pair:
    """Two neighbouring runs, baseline and finalist; wall seconds of the objective."""

    finalist: str
    index: int
    baseline_first: bool
    baseline_s: float
    trial_s: float
    start: int = -1
    """The fresh start that this pair belongs to, from 0; pairs of one start are no independent evidence."""
    way: str = ""
    """How its runs were made: "fresh" (each in a process of its own) or "session" (one process for all of a start; two
    where the finalist's settings are given at launch)."""
    baseline_interrupted: int = 0
    """How often the kernel took a core from a rank (involuntary context switches); told, and never judged by."""
    trial_interrupted: int = 0
    baseline_others: float | None = None
    """The share of all cores that other programs took meanwhile, 0 to 1, by the kernel's books; None where it does not
    tell. Told, and never judged by, as the next ones."""
    trial_others: float | None = None
    baseline_stolen: float | None = None
    """The share that the host of a virtual machine took."""
    trial_stolen: float | None = None
    baseline_waited: float | None = None
    """The share of the time in which some program, perhaps a rank, waited for a core."""
    trial_waited: float | None = None


@dataclass(frozen=True)
class Beside:
    """What the kernel tells of one run: see Pair."""

    interrupted: int = 0
    others: float | None = None
    stolen: float | None = None
    waited: float | None = None


@dataclass(frozen=True)
class Dropped:
    """A finalist whose run failed in pair `index`; it is out of the contest."""

    finalist: str
    index: int
    reason: str


Event = Pair | Dropped


@dataclass(frozen=True)
class Started:
    """One fresh start: seconds of baseline and finalist for each of its pairs, of which it may have made fewer than it
    was asked for, and how its runs were made.
    """

    times_s: tuple[tuple[float, float], ...]
    way: str = ""
    beside: tuple[tuple[Beside, Beside], ...] = ()
    """What the kernel tells of each pair's runs, where it is known."""


MakeStart = Callable[[int, tuple[bool, ...]], Started]
"""Makes a start of this number, from 0; the tuple says for each of its pairs whether the baseline comes first."""


@dataclass(frozen=True)
class Finding:
    """What the starts say about one finalist."""

    finalist: str
    speedup: Interval
    p_value: float
    corrected_p: float
    proved: bool
    set_aside: tuple[int, ...] = ()
    starts: int = 0
    decision: Decision = "go on"
    """Why no more starts were made."""


@dataclass(frozen=True)
class Confirmation:
    """The verdict with everything that it rests on; `winner` is the finalist that was proved, or None."""

    RECORD: ClassVar[str] = "confirmation"

    verdict: Verdict
    winner: str | None
    findings: tuple[Finding, ...]
    dropped: tuple[Dropped, ...]
    samples: tuple[Pair, ...]
    pairs: int
    """Of the winner, else of the finalist with the most."""
    alpha: float
    minimum_gain: float
    confidence: float
    seed: int
    test: str = TEST
    part: float | None = None
    """The share of the run on which its times were proved, 0 to 1; None: the whole."""
    node_type: str = ""
    """On which it was proved: processor and cores; empty in records from before this was written down."""

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, numbers and strings, for JSON."""
        return asdict(self)

    @property
    def best(self) -> Finding | None:
        """The winner's finding; None without a winner."""
        return next((finding for finding in self.findings if finding.finalist == self.winner), None)


def confirm(
    finalists: Mapping[str, MakeStart],
    rule: Rule,
    *,
    seed: int = 0,
    pairs_of: Callable[[str, int], int] = lambda finalist, start: 1,
    on_progress: Callable[[Event], None] | None = None,
    completed: Iterable[Event] = (),
    run_failed: type[Exception] = NoPair,
) -> Confirmation:
    """Make starts of each finalist, in the order given, until one is proved or none is left.

    A finalist that raises `run_failed` is dropped with its reason. Each event is given to `on_progress` as soon as it
    is known; the same events given back as `completed` go on where they stopped. `pairs_of` says how many pairs a start
    of a finalist makes.

    Raises:
        ValueError: a time that is not positive.
    """
    events = list(completed)
    findings: list[Finding] = []
    for place, (name, start) in enumerate(finalists.items()):
        asked = replace(rule, alpha=alpha_after(place, rule.alpha))
        look: Look | None = None
        while look is None or look.decision == "go on":
            if any(isinstance(event, Dropped) and event.finalist == name for event in events):
                look = None
                break
            number = len(starts_of(events, name))
            if number and (look := judged(events, name, asked)).decision != "go on":
                break
            made = _make(name, number, start, pairs_of(name, number), seed, run_failed, first=_pairs(events, name))
            for event in made:
                events.append(event)
                if on_progress is not None:
                    on_progress(event)
        if look is not None:
            factor = rule.alpha / asked.alpha
            findings.append(
                Finding(
                    name,
                    look.speedup,
                    look.p_value,
                    min(1.0, factor * look.p_value),
                    look.proved,
                    starts=look.starts,
                    decision=look.decision,
                )
            )
            if look.proved:
                break
    return _concluded(tuple(findings), events, rule, seed)


def judged(events: Sequence[Event], finalist: str, rule: Rule) -> Look:
    """What the rule says of a finalist by the starts so far, of which there must be one."""
    starts = starts_of(events, finalist)
    return rule.look([float(np.mean(logs)) for logs in starts], [len(logs) for logs in starts])


def starts_of(events: Iterable[Event], finalist: str) -> list[list[float]]:
    """The log speed-ups of each start of a finalist, in order."""
    found: dict[int, list[float]] = {}
    for event in events:
        if isinstance(event, Pair) and event.finalist == finalist:
            found.setdefault(event.start, []).append(log_speedup(event.baseline_s, event.trial_s))
    return [found[start] for start in sorted(found)]


def coins(seed: int, finalist: str, start: int, pairs: int) -> tuple[bool, ...]:
    """Whether the baseline comes first, for each pair of a start: fair coins that a seed fixes."""
    rng = np.random.default_rng([seed, start, *finalist.encode()])
    return tuple(bool(coin) for coin in rng.integers(2, size=pairs))


def event_from_dict(values: Mapping[str, Any]) -> Event:
    """The event of which `dataclasses.asdict` made these values."""
    return Dropped(**values) if "reason" in values else Pair(**values)


def _pairs(events: Iterable[Event], finalist: str) -> int:
    return sum(isinstance(event, Pair) and event.finalist == finalist for event in events)


def _make(
    name: str, number: int, start: MakeStart, pairs: int, seed: int, run_failed: type[Exception], first: int
) -> list[Event]:
    order = coins(seed, name, number, pairs)
    try:
        started = start(number, order)
    except run_failed as failure:
        return [Dropped(name, first, str(failure))]
    made: list[Event] = []
    order = order[: len(started.times_s)]
    beside = started.beside or ((Beside(), Beside()),) * len(order)
    told = zip(order, started.times_s, beside, strict=True)
    for index, (baseline_first, (baseline_s, trial_s), (own, trial)) in enumerate(told):
        log_speedup(baseline_s, trial_s)  # refuses times that are not positive before anyone stores them
        times_s = float(baseline_s), float(trial_s)
        pair = Pair(name, first + index, baseline_first, *times_s, number, started.way)
        kernel = {f"baseline_{key}": value for key, value in asdict(own).items()}
        made.append(replace(pair, **kernel, **{f"trial_{key}": value for key, value in asdict(trial).items()}))
    return made


def _concluded(findings: tuple[Finding, ...], events: Sequence[Event], rule: Rule, seed: int) -> Confirmation:
    winner = next((finding.finalist for finding in findings if finding.proved), None)
    samples = tuple(event for event in events if isinstance(event, Pair))
    by_finalist = [sum(pair.finalist == finding.finalist for pair in samples) for finding in findings]
    return Confirmation(
        verdict="improved" if winner else "no improvement",
        winner=winner,
        findings=findings,
        dropped=tuple(event for event in events if isinstance(event, Dropped)),
        samples=samples,
        pairs=by_finalist[-1] if winner else max(by_finalist, default=0),
        alpha=rule.alpha,
        minimum_gain=rule.minimum_gain,
        confidence=rule.confidence,
        seed=seed,
        test=f"{TEST}, alpha = {rule.alpha:g}",
    )
