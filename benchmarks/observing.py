"""What watching costs: `python benchmarks/observing.py [--pairs 10] [--python PYTHON]`.

Runs two models with and without the agent, in turn and in random order, in the NEURON of PYTHON, and compares the CPU
time of their run section as each model measures it itself (the agent works and never waits, and wall times of a machine
that does other things as well say nothing about 1 %; `--wall` takes them all the same). Both record all of their
spikes, so that the agent must use the slower of its ways to capture: the ring study, which integrates, and the
artificial study with few connections, which does hardly anything but make spikes (10^6 and more of them). Aim: the
median ratio is below 1.01; exit code 1 if its 95 % interval (by bootstrap) lies above that.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import autotune.launch.run as fresh
from autotune.launch import Finished, launch_environment, parse_command, run_process
from autotune.launch.run import FreshRunner, stage_agent

AIM = 1.01
STUDIES = Path(__file__).parent.parent / "studies"
MODELS = {"ring": "--tstop 200", "artificial": "--cells 4000 --inputs 10 --dt 0.1 --tstop 7500"}
# The studies measure with perf_counter.
BY_CPU = """
import runpy, sys, time
time.perf_counter = time.process_time
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
TIMED = re.compile(r"(\d+) spikes in .* run ([\d.]+) s")


class Bench:
    """Runs one command, watched or not, and remembers what it printed of its spikes and its time."""

    def __init__(self, words: list[str], folder: Path) -> None:
        self.command = parse_command(words, folder)
        self.environment = launch_environment(self.command, os.environ)
        stage_agent(folder / "agent")
        self.runner = FreshRunner(self.command, self.environment, folder / "agent", folder / "scratch")
        self.spikes, self.run_s = 0, 0.0

    def run(self, watched: bool) -> float:
        """Seconds of the run section."""
        if watched:
            captured = len(self.runner.run().raster)
            assert captured == self.spikes or not self.spikes, "the agent saw other spikes than the model"
        else:
            out = self.runner.scratch.parent / "out.txt"
            self.remember(["plain"], stdout=out, stderr=out, cwd=self.command.cwd, env=self.environment)
        return self.run_s

    def remember(self, _: object, **options: object) -> Finished:
        """What FreshRunner takes for run_process."""
        words = self.command.render()
        finished = run_process(words, **options)  # type: ignore[arg-type]
        found = TIMED.search(finished.stdout.read_text())
        assert found, finished.tail()
        self.spikes, self.run_s = int(found[1]), float(found[2])
        return finished


def measure(words: list[str], pairs: int) -> tuple[int, np.ndarray]:
    """Spikes of the model, and the ratio of each pair: watched over plain."""
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(words, Path(folder))
        fresh.run_process = bench.remember  # type: ignore[assignment]
        bench.run(watched=False)
        for _ in range(pairs):
            order = random.sample([True, False], 2)
            times = {watched: bench.run(watched) for watched in order}
            ratios.append(times[True] / times[False])
    return bench.spikes, np.array(ratios)


def interval(ratios: np.ndarray) -> tuple[float, float]:
    """95 % interval of the median, by bootstrap."""
    draws = np.random.default_rng(1).choice(ratios, (10_000, len(ratios)))
    low, high = np.quantile(np.median(draws, axis=1), (0.025, 0.975))
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--wall", action="store_true")
    parser.add_argument("--model", choices=[*MODELS], action="append")
    options = parser.parse_args()
    table = Table("model", "spikes", "pairs", "ratio", "95 %", title="run section, watched over plain")
    missed = False
    for name in options.model or MODELS:
        script = STUDIES / name / f"{name}.py"
        program = [options.python, *([] if options.wall else ["-c", BY_CPU]), str(script)]
        spikes, ratios = measure([*program, "--time", *MODELS[name].split()], options.pairs)
        low, high = interval(ratios)
        table.add_row(name, f"{spikes}", f"{len(ratios)}", f"{np.median(ratios):.4f}", f"{low:.4f} … {high:.4f}")
        missed |= low > AIM
    Console().print(table)
    sys.exit(missed)


if __name__ == "__main__":
    main()
