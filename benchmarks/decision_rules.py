"""How often is the verdict right? Thousands of simulated studies, from A/A over search to confirmation.

    python benchmarks/decision_rules.py [--markdown] [--studies 2000] [--machines TEXT] [--processes N]

A simulated clock stands in for the model's runs: log-normal noise, slow drift (autocorrelated), bursts that slow a few
runs in a row, heavy tails, and in some rows a background load that starts somewhere in the confirmation. Everything
else is the tuner's own, with its default configuration: `measure_noise` times identical settings, `TrialRunner` scores
each trial, repeats the promising ones and stops the hopeless ones, `finalists` chooses, `confirm` looks after every
start and stops when it can. In a study nothing is planted (A/A), or one trial in eight is 10 % faster. A gain counts as
resolvable where the tuner's smallest provable gain (`NoiseRecord.visible_gain`) is 10 % or less before the search, and
still is at the verdict: search and proof may have shown that changed settings are less steady than the baseline.

Each setting is tried once, in a random order: Optuna would only try the faster ones more often.

The naive rule for contrast: the best of all trials against a single baseline run.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from autotune.agent.driver.facts import ModelFacts
from autotune.agent.knobs import EXACT, Domain
from autotune.calibrate.noise import NoiseRecord, measure_noise
from autotune.calibrate.steps import SHARED
from autotune.config import StudyConfig
from autotune.confirm.confirmation import ConfirmationLog, plan_confirmation
from autotune.confirm.starts import Starts
from autotune.launch.ask import Ask, Run
from autotune.launch.judge import RunFailed
from autotune.measure import Confirmation, Finding, Look, Rule, aa_spread, confirm, neighbour_log_ratios
from autotune.measure.significance import Floats, p_values
from autotune.plan.space import SearchSpace
from autotune.raster import Raster
from autotune.search.second_look import second_look
from autotune.search.trial import TrialRunner
from autotune.search.verified import Verifier
from autotune.settings import Changes, Effective, Params
from autotune.store.records import Trial
from autotune.verify.judgement import Judgement

CONFIG = StudyConfig(name="simulated", command=("nothing",))  # the defaults that every user gets
SEARCH, CONFIRM = CONFIG.search, CONFIG.confirm
GAIN, PLANTED = 0.10, 1 / 8
RUN_S = 5.0  # seconds of an undisturbed run of the baseline
KNOB = "dt"  # one knob with a value for each trial; which one does not matter here
LIMIT_S = 1e6  # of a run that is not to be stopped


@dataclass(frozen=True)
class Machine:
    """How a machine disturbs a run. Sizes are natural logarithms of time: 0.03 is about 3 %."""

    name: str
    noise: float  # standard deviation from run to run
    drift: float  # standard deviation of a slow, autocorrelated part
    burst_chance: float  # that a burst starts at a run
    burst: float  # mean size of a burst, which lasts three runs on average
    load: float = 0.0  # of a background load that starts in the confirmation and stays
    tails: float = 0.0  # degrees of freedom of Student's t for the noise from run to run; 0: normal
    modes: float = 0.0  # by which a changed setting is faster or slower in each start, as a coin says


QUIET = Machine("quiet node", 0.01, 0.01, 0.005, 0.2)
MACHINES = (
    QUIET,
    Machine("quiet node, a load of +50 % starts", 0.01, 0.01, 0.005, 0.2, load=0.4),
    Machine("desktop", 0.02, 0.02, 0.01, 0.3),
    Machine("desktop in use", 0.03, 0.03, 0.02, 0.3),
    Machine("two busy cores", 0.15, 0.10, 0.08, 0.5),
    Machine("heavy tails", 0.03, 0.0, 0.0, 0.0, tails=3.0),
    Machine("heavy tails, a load of +50 % starts", 0.03, 0.0, 0.0, 0.0, load=0.4, tails=3.0),
    Machine("quiet node, settings in two modes 20 % apart", 0.01, 0.01, 0.005, 0.2, modes=0.1),
)


class Clock:
    """Wall times of simulated runs, one after the other, on one machine; an undisturbed run of the baseline takes 1."""

    def __init__(self, machine: Machine, rng: np.random.Generator, load_from: int | None = 0) -> None:
        self.machine, self.rng, self.load_from = machine, rng, load_from
        self.runs = 0
        self._drift = rng.normal(0, machine.drift)
        self._in_burst = False

    def run(self, speedup: float = 1.0, *, changed: bool = False) -> float:
        """The time of a run whose settings are so much faster than the baseline's; `changed`: they are not its own."""
        machine, rng, memory = self.machine, self.rng, 0.95
        self._drift = memory * self._drift + rng.normal(0, machine.drift * (1 - memory**2) ** 0.5)
        self._in_burst = rng.random() < (2 / 3 if self._in_burst else machine.burst_chance)
        own = rng.standard_t(machine.tails) * machine.noise if machine.tails else rng.normal(0, machine.noise)
        log_s = self._drift + own
        if self._in_burst:
            log_s += machine.burst * rng.uniform(0.5, 1.5)
        if changed and machine.modes:
            log_s += machine.modes * rng.choice((-1.0, 1.0))
        if self.load_from is not None and self.runs >= self.load_from:
            log_s += machine.load
        self.runs += 1
        return float(np.exp(log_s)) / speedup


class Model:
    """Runs on the clock in place of a model: setting number n is `speedups[n]` times as fast as the baseline."""

    raster = Raster.from_arrays(np.array([0]), np.array([1.0]))

    def __init__(self, clock: Clock, speedups: Floats) -> None:
        self.clock, self.speedups = clock, speedups

    def prepare(self, changes: Changes) -> None:
        """There is nothing to build."""

    def run(self, ask: Ask) -> Run:
        """One run; one that would take longer than its limit is stopped, as in `FreshRunner`."""
        setting = ask.changes.get(KNOB, 0)
        run_s = RUN_S * self.clock.run(float(self.speedups[setting]), changed=setting != 0)
        if run_s > ask.limit_s:
            raise RunFailed("timeout", "too long")
        return Run((), self.raster, Effective({KNOB: setting}), run_s, {"run": run_s}, run_s, 0)


class AllRight:
    """In place of `Acceptance`: every raster is right, only times differ."""

    baseline = Model.raster
    regime = "regular"
    limits = CONFIG.accept
    observation = SimpleNamespace(run_s=RUN_S, wall_s=RUN_S, rounding=(), facts=SimpleNamespace(ranks=1, threads=1))

    def learn(self, run: Run) -> None:
        """Nothing differs among the user's own runs."""

    def compared_beside(self, run: Run, changes: Changes, safety: str) -> tuple[()]:
        """Empty: nothing is done beside the spikes."""
        return ()

    def reproduces(self, run: Run) -> bool:
        """Always."""
        return True

    def judge(self, run: Run, safety: str) -> Judgement:
        """Accepted."""
        return Judgement("accepted", "", 0.0, 0.0)


class Replays:
    """In place of a `Router`: every run may be made once more on the network that is there."""

    def __init__(self, model: Model) -> None:
        self.fresh = self.proof = model

    def settled(self, ask: Ask) -> bool:
        """Nothing needs to be found out."""
        return True

    replays = settled

    def runner_for(self, ask: Ask, regime: str) -> Model:
        """The same for every run."""
        return self.fresh


class Nowhere:
    """In place of a study folder: nothing is kept."""

    def read(self, kind: type) -> None:
        """There is nothing."""

    def write(self, record: object) -> None:
        """It is gone."""


@dataclass(frozen=True)
class Outcome:
    """One simulated study. `promised`: such a gain was called resolvable before the search; `resolvable`: it still was
    at the verdict. `runs`: of the confirmation; `correct`: the winner is really faster; `covered`: its interval
    holds the true speed-up; `first_covered`: so does that of the finalist confirmed first, claimed or not.
    """

    promised: bool
    resolvable: bool
    runs: int
    improved: bool
    correct: bool
    covered: bool
    first_covered: bool | None
    naive_speedup: float


def simulate(machine: Machine, planted: bool, seed: int, gain: float = GAIN) -> Outcome:
    """One study from its first run to its verdict; what is planted is a gain of this size."""
    rng = np.random.default_rng([seed, planted])
    faster = rng.permutation(SEARCH.trials - 1) < (SEARCH.trials - 1) * PLANTED * planted
    speedups = np.array([1.0, *np.where(faster, 1 + gain, 1.0)])
    clock = Clock(machine, rng, load_from=None)
    model = Model(clock, speedups)

    single = clock.run()
    own: list[Run] = []
    runs = CONFIG.noise.runs
    noise = measure_noise(model, Ask(LIMIT_S), AllRight(), runs, CONFIRM, SEARCH.objective, on_run=own.append)
    wanted = max(CONFIRM.gain_to_show, noise.visible_gain)
    judge = verifier(len(speedups))
    runner = TrialRunner(
        model, judge, SEARCH, noise.noise.upper, router=Replays(model), wanted_gain=wanted, own=own[-SHARED:]
    )
    trials: list[Trial] = []
    for number in range(SEARCH.trials):
        trials.append(runner.trial(number, Params({KNOB: number}), trials))

    after = noise.after(trials, CONFIRM)
    second = second_look(runner, Nowhere(), trials, after.floor, CONFIRM.minimum_gain, CONFIRM.finalists)
    result = _confirmation(model, runner.verifier, second.left(trials), after, seed)
    best, first = result.best, next(iter(result.findings), None)
    truth = float(speedups[int(best.finalist)]) if best else 1.0
    return Outcome(
        promised=noise.visible_gain <= GAIN,
        resolvable=noise.after(trials, CONFIRM, result).visible_gain <= GAIN,
        runs=2 * len(result.samples),
        improved=best is not None,
        correct=truth > 1,
        covered=best is not None and best.speedup.low <= truth <= best.speedup.high,
        first_covered=None if first is None else holds(first, float(speedups[int(first.finalist)])),
        naive_speedup=single * RUN_S / min(t.samples[0].trial_s for t in trials if t.changes and t.samples),
    )


def verifier(settings: int) -> Verifier:
    """Judges runs of a knob with so many values, of which the first is the user's own."""
    facts = ModelFacts(neuron=(9, 0, 2), ranks=1, dt_ms=0.025, t_stop_ms=1.0, baseline={KNOB: 0})
    space = SearchSpace({KNOB: Domain(tuple(range(settings)), safety=EXACT)}, (), Params({KNOB: 0}), facts)
    return Verifier(space, AllRight(), LIMIT_S, SEARCH.objective)


def holds(finding: Finding, truth: float) -> bool:
    """Whether the interval of a finding holds the true speed-up."""
    return finding.speedup.low <= truth <= finding.speedup.high


def _confirmation(
    model: Model, verifier: Verifier, trials: Sequence[Trial], noise: NoiseRecord, seed: int
) -> Confirmation:
    """As the pipeline does it; a load, where the machine has one, starts somewhere in it."""
    clock = model.clock
    clock.load_from = clock.runs + int(clock.rng.integers(1, 2 * CONFIRM.most_pairs))
    plan = plan_confirmation(ConfirmationLog(), trials, noise, CONFIRM)
    starts = Starts(model, verifier)
    return confirm(
        {str(trial.number): partial(starts.make, trial.changes) for trial in plan.finalists},
        plan.rule,
        seed=seed,
        run_failed=RunFailed,
    )


def share(outcomes: Sequence[Outcome], of: Callable[[Outcome], bool]) -> str:
    """Percentage of outcomes with its 95 % interval."""
    if not outcomes:
        return "–"
    hits = sum(map(of, outcomes))
    interval = stats.binomtest(hits, len(outcomes)).proportion_ci()
    return f"{hits / len(outcomes):.1%} ({interval.low:.1%}–{interval.high:.1%})"


def verdict_rows(machines: Sequence[Machine], studies: int, processes: int) -> list[list[str]]:
    """A row a machine: what the rule says when nothing is there, and when 10 % is."""
    rows = []
    with Pool(processes) as pool:
        for machine in machines:
            null = pool.map(partial(simulate, machine, False), range(studies), chunksize=50)
            real = pool.map(partial(simulate, machine, True), range(studies), chunksize=50)
            seen = [outcome for outcome in real if outcome.resolvable]
            found = [outcome for outcome in real if outcome.improved]
            first = [outcome for outcome in real + null if outcome.first_covered is not None]
            rows.append(
                [
                    machine.name,
                    share(null, lambda o: o.improved),
                    f"{np.mean([o.runs for o in null]):.1f}",
                    f"{np.median([o.naive_speedup for o in null]):.2f}",
                    f"{np.mean([o.promised for o in real]):.0%}",
                    f"{len(seen) / len(real):.0%}",
                    f"{np.mean([o.runs for o in real]):.1f}",
                    share(seen, lambda o: o.correct),
                    share(real, lambda o: o.correct),
                    share(first, lambda o: bool(o.first_covered)),
                    share(found, lambda o: o.covered),
                ]
            )
    return rows


def small_gains(studies: int, processes: int) -> str:
    """How often a gain of 5 % is found on the quiet node."""
    with Pool(processes) as pool:
        return share(
            pool.map(partial(simulate, QUIET, True, gain=0.05), range(studies), chunksize=50), lambda o: o.correct
        )


VERDICTS = (
    "machine",
    "A/A: false “improved”",
    "runs of its proof",
    "A/A: naive “speed-up”",
    "10 % called resolvable",
    "still, at the verdict",
    "runs of its proof",
    "10 % found if resolvable",
    "10 % found in all",
    "interval of the first holds truth",
    "of the winner",
)

OLD_PAIRS, OLD_FINALISTS = 10, 3  # the rule before: so many pairs for each of three finalists, looked at once


def old_rule(excess: Floats) -> NDArray[np.bool_]:
    """The fixed-size rule that this one replaced: the signed-rank test with Holm's first level, after ten pairs."""
    return p_values(excess[:, :OLD_PAIRS]) < CONFIRM.alpha / OLD_FINALISTS


RULES = ("machine", "true gain", "old rule: proved", "runs", "new rule: proved", "runs")


def rule_rows(machines: Sequence[Machine], studies: int, processes: int) -> list[list[str]]:
    """How often one finalist is called faster by the old and the new rule, and with how many runs."""
    cases = [(machine, gain) for machine in machines for gain in (0.0, CONFIRM.minimum_gain, 0.05, GAIN, 0.30)]
    with Pool(processes) as pool:
        return pool.starmap(partial(_rule_row, studies), cases, chunksize=1)


def _rule_row(studies: int, machine: Machine, gain: float) -> list[str]:
    logs = np.array([_pairs(machine, gain, seed) for seed in range(studies)])
    old = old_rule(logs - np.log1p(CONFIRM.minimum_gain))
    new = [sequence(row, CONFIRM.rule(aa_noise(machine, seed))) for seed, row in enumerate(logs)]
    return [
        machine.name,
        f"{gain:.0%}",
        f"{np.mean(old):.1%}",
        f"{2 * OLD_PAIRS}",
        f"{np.mean([look.proved for look in new]):.1%}",
        f"{2 * np.mean([look.starts for look in new]):.1f}",
    ]


def sequence(logs: Sequence[float], rule: Rule) -> Look:
    """Where the rule stops on a sequence of starts with one pair each."""
    looks = (rule.look(logs[:n]) for n in range(1, len(logs) + 1))
    return next(look for look in looks if look.decision != "go on")


def aa_noise(machine: Machine, seed: int) -> float:
    """The spread of a study's A/A runs on this machine, before any load."""
    clock = Clock(machine, np.random.default_rng([seed, 7]), load_from=None)
    return aa_spread(neighbour_log_ratios([clock.run() for _ in range(CONFIG.noise.runs)]), shared_runs=True).spread


def _pairs(machine: Machine, gain: float, seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    clock = Clock(machine, rng, load_from=int(rng.integers(1, 2 * CONFIRM.most_pairs)))
    logs = []
    for trial_first in rng.integers(2, size=CONFIRM.most_pairs):
        order = (True, False) if trial_first else (False, True)
        first, second = (clock.run(1 + gain if trial else 1.0, changed=trial) for trial in order)
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
    parser.add_argument("--sequences", type=int, help="of starts for each figure of the second table; default: as many")
    parser.add_argument("--machines", default="", help="only those whose name begins so")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--markdown", action="store_true", help="tables for the documentation")
    options = parser.parse_args()
    machines = [machine for machine in MACHINES if machine.name.startswith(options.machines)]
    sequences = options.studies if options.sequences is None else options.sequences
    if options.studies:
        title = f"Verdicts of {options.studies} studies a figure (95 % intervals in brackets)"
        rows = verdict_rows(machines, options.studies, options.processes)
        show(title, VERDICTS, rows, markdown=options.markdown)
        if QUIET in machines:
            print(f"\nGains of 5 % on the quiet node: {small_gains(options.studies, options.processes)} found")
    if sequences:
        title = f"The rule before ({OLD_PAIRS} pairs, looked at once) and the present one, for one finalist"
        show(title, RULES, rule_rows(machines, sequences, options.processes), markdown=options.markdown)


if __name__ == "__main__":
    main()
