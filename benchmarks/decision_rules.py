"""How often is the verdict right? Thousands of simulated studies, from A/A over search to confirmation.

    python benchmarks/decision_rules.py [--markdown] [--studies 2000]

A simulated clock stands in for the machine: log-normal noise, slow drift (autocorrelated), bursts that slow a few
runs in a row, and in one row a background load that starts somewhere in the confirmation. All decisions are made by
`autotune.measure` itself. Each study

* times identical settings ten times; if their spread says that a gain of 10 % can be resolved, it also gives the pairs;
* scores 40 trials against the baseline runs before and after each; the best three become finalists;
* confirms them. Nothing is planted (A/A), or one trial in eight is 10 % faster.

The naive rule for contrast: best of 40 trials against a single baseline run.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool

import numpy as np
from scipy import stats

from autotune.measure import (
    DEFAULT_PAIRS,
    aa_spread,
    confirm,
    neighbour_log_ratios,
    paired_ratio,
    pairs_needed,
)
from autotune.measure.significance import Floats, p_values

AA_RUNS, TRIALS, FINALISTS, MOST_PAIRS = 10, 40, 3, 20
GAIN, ALPHA, MINIMUM_GAIN = 0.10, 0.01, 0.02
RESAMPLES = 199  # few, for speed; `confirm` takes 9999 by default


@dataclass(frozen=True)
class Machine:
    """How a machine disturbs a run. Sizes are natural logarithms of time: 0.03 is about 3 %."""

    name: str
    noise: float  # standard deviation from run to run
    drift: float  # standard deviation of a slow, autocorrelated part
    burst_chance: float  # that a burst starts at a run
    burst: float  # mean size of a burst, which lasts three runs on average
    load: float = 0.0  # of a background load that starts in the confirmation and stays


QUIET = Machine("quiet node", 0.01, 0.01, 0.005, 0.2)
MACHINES = (
    QUIET,
    Machine("quiet node, a load of +50 % starts", 0.01, 0.01, 0.005, 0.2, load=0.4),
    Machine("desktop", 0.02, 0.02, 0.01, 0.3),
    Machine("desktop in use", 0.03, 0.03, 0.02, 0.3),
    Machine("two busy cores", 0.15, 0.10, 0.08, 0.5),
)


class Clock:
    """Wall seconds of simulated runs, one after the other, on one machine."""

    def __init__(self, machine: Machine, rng: np.random.Generator, load_from: int = 0) -> None:
        self.machine, self.rng, self.load_from = machine, rng, load_from
        self.runs = 0
        self._drift = rng.normal(0, machine.drift)
        self._in_burst = False

    def run(self, speedup: float = 1.0) -> float:
        """Seconds of a run whose settings are so much faster than the baseline's."""
        machine, rng, memory = self.machine, self.rng, 0.95
        self._drift = memory * self._drift + rng.normal(0, machine.drift * (1 - memory**2) ** 0.5)
        self._in_burst = rng.random() < (2 / 3 if self._in_burst else machine.burst_chance)
        log_s = self._drift + rng.normal(0, machine.noise)
        if self._in_burst:
            log_s += machine.burst * rng.uniform(0.5, 1.5)
        if self.runs >= self.load_from:
            log_s += machine.load
        self.runs += 1
        return float(np.exp(log_s)) / speedup


@dataclass(frozen=True)
class Outcome:
    """One simulated study. `correct`: the winner is really faster; `covered`: its interval holds the true speed-up."""

    resolvable: bool
    pairs: int
    improved: bool
    correct: bool
    covered: bool
    naive_speedup: float


def simulate(machine: Machine, planted: bool, seed: int) -> Outcome:
    """One study from its first run to its verdict."""
    rng = np.random.default_rng([seed, planted])
    first_pair = AA_RUNS + 2 * TRIALS + 1
    clock = Clock(machine, rng, load_from=first_pair + int(rng.integers(1, 2 * FINALISTS * DEFAULT_PAIRS)))
    speedups = np.where(rng.permutation(TRIALS) < TRIALS // 8, 1 + GAIN, 1.0) if planted else np.ones(TRIALS)

    noise = aa_spread(neighbour_log_ratios([clock.run() for _ in range(AA_RUNS)]), shared_runs=True)
    needed = pairs_needed(noise, GAIN, alpha=ALPHA, minimum_gain=MINIMUM_GAIN, finalists=FINALISTS, high=MOST_PAIRS)
    pairs = needed or DEFAULT_PAIRS

    before = single = clock.run()
    times, ratios = [], []
    for speedup in speedups:
        times.append(clock.run(float(speedup)))
        after = clock.run()
        ratios.append(paired_ratio(before, times[-1], after))
        before = after
    finalists = {str(i): partial(clock.run, float(speedups[i])) for i in np.argsort(ratios)[:FINALISTS]}

    result = confirm(
        clock.run, finalists, pairs=pairs, alpha=ALPHA, minimum_gain=MINIMUM_GAIN, seed=seed, resamples=RESAMPLES
    )
    best = result.best
    truth = float(speedups[int(best.finalist)]) if best else 1.0
    return Outcome(
        resolvable=needed is not None,
        pairs=pairs,
        improved=best is not None,
        correct=truth > 1,
        covered=best is not None and best.speedup.low <= truth <= best.speedup.high,
        naive_speedup=single / min(times),
    )


def share(outcomes: Sequence[Outcome], of: Callable[[Outcome], bool]) -> str:
    """Percentage of outcomes with its 95 % interval."""
    if not outcomes:
        return "–"
    hits = sum(map(of, outcomes))
    interval = stats.binomtest(hits, len(outcomes)).proportion_ci()
    return f"{hits / len(outcomes):.1%} ({interval.low:.1%}–{interval.high:.1%})"


def verdict_rows(studies: int, processes: int) -> list[list[str]]:
    """A row a machine: what the rule says when nothing is there, and when 10 % is."""
    rows = []
    with Pool(processes) as pool:
        for machine in MACHINES:
            null = pool.map(partial(simulate, machine, False), range(studies), chunksize=50)
            real = pool.map(partial(simulate, machine, True), range(studies), chunksize=50)
            seen = [outcome for outcome in real if outcome.resolvable]
            found = [outcome for outcome in real if outcome.improved]
            rows.append(
                [
                    machine.name,
                    share(null, lambda o: o.improved),
                    f"{np.median([o.naive_speedup for o in null]):.2f}",
                    f"{len(seen) / len(real):.0%}",
                    f"{np.mean([o.pairs for o in seen]):.1f}" if seen else "–",
                    share(seen, lambda o: o.correct),
                    share(real, lambda o: o.correct),
                    share(found, lambda o: o.covered),
                ]
            )
    return rows


VERDICTS = (
    "machine",
    "A/A: false “improved”",
    "A/A: naive “speed-up”",
    "10 % called resolvable",
    "pairs then",
    "10 % found if resolvable",
    "10 % found in all",
    "interval of winner holds truth",
)


def candidate_tests() -> dict[str, Callable[[Floats], Floats]]:
    """The tests that were compared, from rows of log speed-ups beyond the minimum gain to p-values."""
    return {
        "t-test": lambda x: stats.ttest_1samp(x, 0, axis=1, alternative="greater").pvalue,
        "sign": lambda x: stats.binom.sf((x > 0).sum(axis=1) - 1, x.shape[1], 0.5),
        "Wilcoxon, all pairs": lambda x: stats.wilcoxon(x, axis=1, alternative="greater", method="exact").pvalue,
        "Wilcoxon, disturbed set aside": p_values,
    }


TESTS = ("machine", "true gain", *candidate_tests())


def test_rows(studies: int) -> list[list[str]]:
    """How often each test calls one finalist faster, with the default pairs at the first level of Holm's correction."""
    rows = []
    for machine in MACHINES:
        for gain in (0.0, MINIMUM_GAIN, GAIN):
            excess = np.array([_pairs(machine, gain, seed) for seed in range(studies)]) - np.log1p(MINIMUM_GAIN)
            proved = [float(np.mean(test(excess) < ALPHA / FINALISTS)) for test in candidate_tests().values()]
            rows.append([machine.name, f"{gain:.0%}", *(f"{value:.1%}" for value in proved)])
    return rows


def _pairs(machine: Machine, gain: float, seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    clock = Clock(machine, rng, load_from=int(rng.integers(1, 2 * DEFAULT_PAIRS)))
    logs = []
    for trial_first in rng.integers(2, size=DEFAULT_PAIRS):
        speedups = (1 + gain, 1.0) if trial_first else (1.0, 1 + gain)
        first, second = (clock.run(speedup) for speedup in speedups)
        logs.append(np.log(second / first) if trial_first else np.log(first / second))
    return logs


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool) -> None:
    """Print one table, aligned for the terminal or as Markdown."""
    print(f"\n{title}\n")
    widths = [max(len(line[i]) for line in (header, *rows)) for i in range(len(header))]
    edge, middle = ("| ", " | ") if markdown else ("", "  ")
    lines = [header, *([["-" * width for width in widths]] if markdown else []), *rows]
    for line in lines:
        cells = middle.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(f"{edge}{cells}{edge[::-1]}".rstrip())


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", type=int, default=2000, help="simulated studies for each figure")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--markdown", action="store_true", help="tables for the documentation")
    options = parser.parse_args()
    title = f"Verdicts of {options.studies} studies a figure (95 % intervals in brackets)"
    show(title, VERDICTS, verdict_rows(options.studies, options.processes), markdown=options.markdown)
    title = f"The choice of the test: one finalist “proved” at p < {ALPHA}/{FINALISTS} with {DEFAULT_PAIRS} pairs"
    show(title, TESTS, test_rows(options.studies), markdown=options.markdown)


if __name__ == "__main__":
    main()
