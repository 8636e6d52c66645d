"""What watching costs: `python benchmarks/observing.py [--pairs 20] [--python PYTHON] [--beside] [--profile]`.

Runs two models with and without the agent, in the NEURON of PYTHON, and compares the CPU time of their run section as
each model measures it itself (the agent works and never waits). The two runs of a pair share one core at the same time,
so that whatever else this machine does disturbs both: one after the other, they differ by 5 % and more for no reason.
One of them begins 2 s earlier, so that each is alone for a while; which one, changes from pair to pair.

Both models record all of their spikes: the ring study, which integrates, and the artificial study with few connections,
which does hardly anything but make spikes (10^6 of them). As in a study, a first run observes; it says how the others
capture: by reading the model's own vectors, or (`--beside` forces it) beside them. Aim: the geometric mean of the
ratios is below 1.01, of a profile (`--profile`) below 1.03; exit code 1 if its 95 % interval (by bootstrap) lies above
that.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from autotune.launch import launch_environment, parse_command
from autotune.launch.ask import Ask
from autotune.launch.process import Process
from autotune.launch.run import FreshRunner, Manner, stage_agent
from autotune.observe import merge_facts

AIM, AIM_OF_PROFILES = 1.01, 1.03
LIMIT_S = 600.0  # of a run
HEAD_START_S = 2.0
STUDIES = Path(__file__).parent.parent / "studies"
MODELS = {"ring": "--tstop 500", "artificial": "--cells 1000 --inputs 2 --dt 0.5 --tstop 27000"}
# The studies measure with perf_counter.
BY_CPU = """
import runpy, sys, time
time.perf_counter = time.process_time
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
TIMED = re.compile(r"(\d+) spikes in .* run ([\d.]+) s")


class Bench:
    """Runs one command, watched and not."""

    def __init__(self, words: list[str], folder: Path, beside: bool, profile: bool) -> None:
        self.profile = profile
        self.command = parse_command(words, folder)
        self.environment = launch_environment(self.command, os.environ)
        self.out = folder / "out.txt"
        stage_agent(folder / "agent")
        self.runner = FreshRunner(self.command, self.environment, folder / "agent", folder / "scratch")
        observed = self.runner.watch(LIMIT_S)
        self.spikes = len(observed.raster)
        shared = merge_facts(observed, self.command).shared and not beside
        self.runner = replace(self.runner, manner=Manner(shared=shared))

    def pair(self, watched_first: bool) -> float:
        """CPU time of the run section, watched over plain; the one that begins first ends first, too."""
        folder = self.runner.new_folder()
        plain = {"argv": self.command.render(), "cwd": self.command.cwd, "env": self.environment}
        plain |= {"stdout": self.out, "stderr": self.out}
        ask = Ask(LIMIT_S)
        job = replace(self.runner.job(ask), profile=self.profile)
        with self.runner.starting(folder, job, ask.changes) as watched:
            first, second = (watched, plain) if watched_first else (plain, watched)
            with closing(Process(**first)) as one:
                time.sleep(HEAD_START_S)
                with closing(Process(**second)) as other:
                    one.ended(None)
                    other.ended(None)
                    finished = (one if watched_first else other).finished()
                    run = self.runner.read(folder, finished, ask, "fresh")
        spikes, plain_s = printed(self.out)
        assert len(run.raster) == self.spikes == spikes, "the agent saw other spikes than the model"
        return printed(watched["stdout"])[1] / plain_s


def printed(out: Path) -> tuple[int, float]:
    """Spikes and seconds that a model has printed."""
    found = TIMED.search(out.read_text())
    assert found, out.read_text()
    return int(found[1]), float(found[2])


def interval(ratios: np.ndarray) -> tuple[float, float]:
    """95 % interval of the geometric mean, by bootstrap."""
    draws = np.random.default_rng(1).choice(np.log(ratios), (10_000, len(ratios)))
    low, high = np.exp(np.quantile(draws.mean(axis=1), (0.025, 0.975)))
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--beside", action="store_true", help="capture beside the model's vectors even if it need not")
    parser.add_argument("--profile", action="store_true", help="what a profile costs, without the mechanisms' times")
    parser.add_argument("--model", choices=[*MODELS], action="append")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    table = Table("model", "spikes", "captured", "pairs", "ratio", "95 %", title="run section, watched over plain")
    missed = False
    for name in options.model or MODELS:
        program = [options.python, "-c", BY_CPU, str(STUDIES / name / f"{name}.py"), "--time", *MODELS[name].split()]
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(program, Path(folder), options.beside, options.profile)
            ratios = np.array([bench.pair(number % 2 == 0) for number in range(options.pairs)])
        low, high = interval(ratios)
        how = "from its vectors" if bench.runner.manner.shared else "beside them"
        mean = np.exp(np.log(ratios).mean())
        table.add_row(name, f"{bench.spikes}", how, f"{len(ratios)}", f"{mean:.4f}", f"{low:.4f} … {high:.4f}")
        missed |= low > (AIM_OF_PROFILES if options.profile else AIM)
    Console().print(table)
    sys.exit(missed)


if __name__ == "__main__":
    main()
