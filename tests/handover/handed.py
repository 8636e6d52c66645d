"""Answers as their export would write them, and `exec` as a user types it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from autotune.best import Best
from autotune.launch.command import launch_environment, parse_command
from autotune.launch.interpreter import ask
from autotune.machine import cpu_name
from autotune.observe.identity import identify_model

HERE = Path(__file__).parent
SERIAL = (sys.executable, "prints.py")
TWO = ("mpiexec", "-n", "2", sys.executable, "prints.py", "mpi")


def write_answer(folder: Path, *words: str, ranks: int = 1, safety: str = "numerical", **changes: Any) -> Path:
    """best.json of a study that found `changes` for a command in `folder`; it lies beside this."""
    command = parse_command(words, folder)
    neuron = ask(Path(sys.executable), launch_environment(command, {}))["neuron"]
    half = {"estimate": 2.0, "low": 1.9, "high": 2.1, "confidence": 0.95}
    raster = {"verdict": "accepted", "safety_class": safety, "distance": 0.0, "spikes": 3, "baseline_sha256": ""}
    model = identify_model(command)
    data = {
        "study": "prints",
        "verdict": "improved" if changes else "no improvement",
        "settings": changes,
        "baseline_settings": {},
        "changes": changes,
        "speedup": half,
        "model": {"command": model.command, "folder": model.folder, "files": model.files},
        "environment": {"neuron": neuron, "ranks": ranks, "cpu": cpu_name()}
        | dict.fromkeys(("python", "executable", "mpi", "mpi_library", "host", "platform"), "")
        | {"cores": 2},
        "evidence": {"trials": 1, "trial": 0, "verdicts": {}, "raster": raster, "pairs": 8, "test": ""}
        | {"corrected_p": None, "findings": []},
        "bill": {"tuning_s": 1.0, "saved_s_per_run": None, "runs_to_pay": None},
        "created": "2026-11-26T00:00:00+00:00",
        "tool": "0.1.0",
    }
    file = folder.parent / "best.json"
    file.write_text(Best.model_validate(data).model_dump_json())
    return file


def execute(best: Path, folder: Path, *words: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """`python -m autotune exec`, in `folder`."""
    command = [sys.executable, "-m", "autotune", "exec", *options, str(best), "--", *words]
    return subprocess.run(
        command, cwd=folder, input="a line\n", capture_output=True, text=True, check=False, timeout=120
    )
