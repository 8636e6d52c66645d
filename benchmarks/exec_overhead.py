"""What `exec` costs: `python benchmarks/exec_overhead.py [--pairs 10] [--tstop 500] [--ranks 1]`.

The ring study's model, started through `exec` and bare, in pairs whose order alternates. Three answers: one that
changes nothing, one that sets a knob to the value which it has (the agent is inside), and the latter with `--spikes`.
Wall time of the whole process, from its start to its end, and of the run section, as the model itself measures it;
ratios to the bare command, with a 95 % interval by bootstrap. The preparation of `exec` is paid once, before the model
starts: the third column tells its seconds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from observing import TIMED, interval
from rich.console import Console
from rich.table import Table

from autotune.best import Best, write_best
from autotune.export import make_best
from autotune.launch.command import launch_environment, parse_command
from autotune.launch.interpreter import ask
from autotune.observe.identity import identify_model
from autotune.store.folder import open_finished

ROOT = Path(__file__).parent.parent
KINDS = {"changes nothing": {}, "a knob as it is": {"secondorder": 0}, "and --spikes": {"secondorder": 0}}


def answer(words: list[str], folder: Path, changes: dict[str, int]) -> Best:
    """The answer of the demo, as if it had been found for this command."""
    shutil.copytree(ROOT / "docs/images/demo", folder / "demo", dirs_exist_ok=True)
    command = parse_command(words, folder)
    best = make_best(*open_finished(folder / "demo"))
    neuron = ask(Path(sys.executable), launch_environment(command, os.environ))["neuron"]
    environment = {**vars(best.environment), "neuron": neuron, "ranks": command.ranks}
    return best.model_copy(
        update={
            "changes": changes,
            "model": identify_model(command),
            "environment": type(best.environment)(**environment),
        }
    )


def timed(words: list[str], folder: Path) -> tuple[float, float]:
    """Wall time of the whole process and of the run section, in seconds."""
    began = time.perf_counter()
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    whole_s = time.perf_counter() - began
    found = TIMED.search(done.stdout)
    assert found is not None, done.stdout
    return whole_s, float(found[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--tstop", type=float, default=500.0)
    parser.add_argument("--ranks", type=int, default=1)
    given = parser.parse_args()
    table = Table("answer", "whole process", "95 %", "exec's own, s", "run section", "95 %")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "model")
        shutil.copytree(ROOT / "studies/ring", folder)
        launcher = ["mpiexec", "-n", str(given.ranks)] if given.ranks > 1 else []
        bare = [*launcher, sys.executable, "ring.py", "--time", "--tstop", f"{given.tstop:g}"]
        for kind, changes in KINDS.items():
            best = Path(name, "best.json")
            write_best(answer(bare, folder, changes), best)
            keeps = ["--spikes", str(Path(name, "out.h5"))] if "spikes" in kind else []
            through = [sys.executable, "-m", "autotune", "exec", *keeps, str(best), "--", *bare]
            pairs = []
            for number in range(given.pairs):
                order = (bare, through) if number % 2 else (through, bare)
                times = {id(words): timed(words, folder) for words in order}
                pairs.append((times[id(through)], times[id(bare)]))
            measured = np.array(pairs)  # pair, side, what
            columns = []
            for what in (0, 1):
                logs = np.log(measured[:, 0, what] / measured[:, 1, what])
                low, high = interval(np.exp(logs))
                columns.append((f"{np.exp(logs.mean()):.3f}", f"{low:.3f} to {high:.3f}"))
            more_s = np.median(measured[:, 0, 0] - measured[:, 1, 0])
            table.add_row(kind, *columns[0], f"{more_s:.2f}", *columns[1])
        table.title = f"{np.median(measured[:, 1, 0]):.1f} s bare, {given.pairs} pairs, {given.ranks} rank(s)"
    Console().print(table)


if __name__ == "__main__":
    main()
