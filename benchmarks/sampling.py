"""What sampling voltages costs a run: `python benchmarks/sampling.py [--pairs 20] [--model ring]`.

One built network is run again and again in one process, with voltages sampled and without, in turn and in random order,
and the CPU time of each run from its finitialize to its end is compared; what is made of the samples afterwards is a
part of it. Models: the ring study, the balanced study (400 segments), and the small ring of the tests (16 segments, two
of them sampled: smaller than any model that is worth tuning). Aim: the median ratio is below 1.01; exit code 1 if its
95 % interval (by bootstrap) lies above that on one of the studies.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from observing import AIM, LIMIT_S, interval
from rich.console import Console
from rich.table import Table

from autotune.launch import launch_environment, parse_command
from autotune.launch.ask import Ask
from autotune.launch.run import FreshRunner, stage_agent
from autotune.observe import observe
from autotune.session.session import Session
from autotune.settings import UNCHANGED

ROOT = Path(__file__).parent.parent
MODELS = {
    "ring": ("studies/ring/ring.py", "--tstop", "200"),
    "balanced": ("studies/balanced/balanced.py", "--tstop", "500"),
    "small_ring": ("tests/models/small_ring.py", "--tstop", "4000"),
}


def measure(name: str, pairs: int, folder: Path) -> tuple[int, float, np.ndarray]:
    """Segments that are sampled, median CPU seconds of a run without that, and the ratio of each pair."""
    script, *arguments = MODELS[name]
    command = parse_command([sys.executable, str(ROOT / script), *arguments], folder)
    stage_agent(folder / "agent")
    environment = launch_environment(command, os.environ)
    runner = FreshRunner(command, environment, folder / "agent", folder / "scratch")
    observation, _ = observe(runner, None, LIMIT_S)
    takeover, segments = observation.takeover, observation.voltages[0]["segments"]
    assert takeover is not None, "the model cannot be run again"
    plain, ratios = [], []
    with closing(Session(runner, UNCHANGED, replace(takeover, ways=takeover.ways[:1]), 1)) as session:
        session.run(Ask(LIMIT_S, voltages=runner.sampling.most))
        for _ in range(pairs):
            order = random.sample([0, runner.sampling.most], 2)
            times = {voltages: session.run(Ask(LIMIT_S, voltages=voltages)).cpu_s[0] for voltages in order}
            plain.append(times[0])
            ratios.append(times[runner.sampling.most] / times[0])
    return segments, float(np.median(plain)), np.array(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--model", choices=[*MODELS], action="append")
    options = parser.parse_args()
    table = Table("model", "sampled", "CPU s", "pairs", "ratio", "95 %", title="a run, sampled over not sampled")
    missed = False
    for name in options.model or MODELS:
        with tempfile.TemporaryDirectory() as folder:
            segments, cpu_s, ratios = measure(name, options.pairs, Path(folder))
        low, high = interval(ratios)
        numbers = f"{segments}", f"{cpu_s:.2f}", f"{len(ratios)}", f"{np.median(ratios):.4f}"
        table.add_row(name, *numbers, f"{low:.4f} … {high:.4f}")
        missed |= low > AIM and MODELS[name][0].startswith("studies")
    Console().print(table)
    sys.exit(missed)


if __name__ == "__main__":
    main()
