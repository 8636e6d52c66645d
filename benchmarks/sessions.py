"""What sessions save: `python benchmarks/sessions.py [--model ring …] [--exclude KNOB …] [--programs FOLDER]`.

Makes the same study twice, once with trials on one built network and once with a fresh process for each, in random
order, and compares the wall time of the whole study, its confirmation in fresh processes included, and of its steps.
With `--one-rank`: what one trial costs in a fork, in a replay and in a fresh process, for a model on one rank.
`--exclude` leaves knobs out of the search: binding and coreneuron need processes of their own.
`--programs` is the folder of the programs (python, nrniv, mpiexec) of another environment: the NetPyNE model needs one
with netpyne. Aim: 3 or more on both models with 30 trials.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from autotune.launch import launch_environment, parse_command
from autotune.launch.ask import Ask, Runner
from autotune.launch.run import FreshRunner, stage_agent
from autotune.observe import observe
from autotune.session.session import Session
from autotune.settings import UNCHANGED

ROOT = Path(__file__).parent.parent
MODELS = {
    "ring": (ROOT / "studies/ring/ring.py", "mpiexec -n 2 python ring.py --tstop 20"),
    "netpyne": (
        ROOT / "tests/matrix/models/netpyne_network.py",
        "mpiexec -n 2 nrniv -mpi -python netpyne_network.py",
    ),
}
ONE_RANK = "python ring.py --tstop 50"
AIM = 3.0
LIMIT_S = 600.0  # of a run
WAYS = {"never": "fresh", "auto": "resident"}
STEPS = ("observe", "calibrate", "search", "confirm", "whole")


def study(name: str, resident: str, trials: int, exclude: list[str], programs: Path, folder: Path) -> dict[str, float]:
    """Wall seconds of a whole study and of its steps."""
    file, command = MODELS[name]
    place = folder / resident
    place.mkdir()
    shutil.copy(file, place)
    (place / "study.toml").write_text(
        f"command = {json.dumps(command)}\n[run]\nresident = {json.dumps(resident)}\n"
        f"[search]\ntrials = {trials}\nseed = 1\nexclude = {json.dumps(exclude)}\n"
        "[confirm]\nfinalists = 1\npairs = 7\n"
    )
    environment = {**os.environ, "PATH": os.pathsep.join([str(programs), os.environ["PATH"]])}
    out = folder / f"out-{resident}"
    words = [sys.executable, "-m", "autotune", "run", str(place), "--out", str(out)]
    started = time.monotonic()
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    wall_s = time.monotonic() - started
    assert done.returncode == 0, done.stdout + done.stderr
    kept = json.loads((out / "resident.json").read_text())
    assert bool(kept["way"]) == (resident == "auto"), kept
    spent: dict[str, float] = json.loads((out / "spent.json").read_text())
    return {**spent, "whole": wall_s}


def one_rank(runs: int) -> Table:
    """Wall seconds of one trial, and of its run section, in each of the three ways, in turn."""
    table = Table("way", "a trial", "its run section", title=f"one rank: {ONE_RANK}; medians in s, and to fresh")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(MODELS["ring"][0], folder)
        command = parse_command(ONE_RANK.replace("python", sys.executable, 1).split(), folder)
        stage_agent(folder / "agent")
        environment = launch_environment(command, os.environ)
        fresh = FreshRunner(command, environment, folder / "agent", folder / "scratch")
        takeover = observe(fresh, None, LIMIT_S)[0].takeover
        assert takeover is not None
        sessions = {
            "fork": Session(fresh, UNCHANGED, replace(takeover, fork=True), 1),
            "replay": Session(fresh, UNCHANGED, takeover, 1),
        }
        ways: dict[str, Runner] = {"fresh": fresh, **sessions}
        times: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for way in [*ways, *random.sample([*ways] * runs, len(ways) * runs)]:  # the first of each is not counted
            started = time.monotonic()
            run = ways[way].run(Ask(LIMIT_S))
            times[way].append((time.monotonic() - started, run.run_s))
        for session in sessions.values():
            session.close()
    medians = {way: [statistics.median(column) for column in zip(*t[1:], strict=True)] for way, t in times.items()}
    for way, (wall_s, run_s) in medians.items():
        base = medians["fresh"]
        table.add_row(way, f"{wall_s:.3f} ({wall_s / base[0]:.2f})", f"{run_s:.3f} ({run_s / base[1]:.2f})")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--model", choices=[*MODELS], action="append")
    parser.add_argument("--exclude", nargs="+", default=[], metavar="KNOB")
    parser.add_argument("--programs", type=Path, default=Path(sys.executable).parent)
    parser.add_argument("--one-rank", action="store_true")
    options = parser.parse_args()
    if options.one_rank:
        Console().print(one_rank(20))
        return
    table = Table("model", "trials", *STEPS, title="wall time in s, and fresh over resident")
    missed = False
    for name in options.model or MODELS:
        with tempfile.TemporaryDirectory() as folder:
            ways = random.sample([*WAYS], 2)
            spent = {
                way: study(name, way, options.trials, options.exclude, options.programs, Path(folder)) for way in ways
            }
        for way, label in WAYS.items():
            table.add_row(name, label, *(f"{spent[way][step]:.1f}" for step in STEPS))
        ratios = {step: spent["never"][step] / spent["auto"][step] for step in STEPS}
        missed |= ratios["whole"] < AIM
        table.add_row(name, "ratio", *(f"{ratio:.2f}" for ratio in ratios.values()), end_section=True)
    Console().print(table)
    sys.exit(missed)


if __name__ == "__main__":
    main()
