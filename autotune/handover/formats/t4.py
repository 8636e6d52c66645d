"""T4, the result format of the autotuning community (Kernel Tuner, KTT, autotuning_methodology): every trial.

Schema 1.1.0 of AutoTuningAssociation/autotuning_methodology, schemas/T4.json. Times are in seconds. A time that was cut
off is no measurement and is left out; what the trials of this tool have no word for in T4 is left out, too.
"""

from __future__ import annotations

import json
from statistics import median
from typing import Any

from autotune.handover.answer import Answer
from autotune.store.records import Trial

FILE = "t4.json"
VERSION = "1.1.0"
OBJECTIVE = "time_ratio"
INVALIDITY = {
    "accepted": "correct",
    "diverged": "correctness",
    "unstable": "correctness",
    "crashed": "runtime",
    "timeout": "timeout",
    "not applicable": "constraints",
}


def text(answer: Answer) -> str:
    """All trials, in their order."""
    place = answer.best.environment
    metadata = {
        "platform": place.neuron,
        "device": place.cpu,
        "autotuner": "neuron-autotune",
        "autotuner_version": answer.best.tool,
        "timestamp": answer.study.created,
        "timeunit": "seconds",
    }
    results = [_result(trial, answer) for trial in answer.trials]
    return json.dumps({"schema_version": VERSION, "metadata": metadata, "results": results}, indent=1) + "\n"


def _result(trial: Trial, answer: Answer) -> dict[str, Any]:
    made = trial.samples if trial.answered_from is None else ()  # of the earlier trial that answered
    runtimes = [sample.trial_s for sample in made]
    return {
        "timestamp": trial.finished,
        "configuration": {**answer.plan.baseline, **trial.params},
        "objectives": [OBJECTIVE],
        "times": {"runtimes": runtimes, "framework": max(0.0, trial.wall_s - sum(runtimes))},
        "invalidity": "compile" if trial.not_built else INVALIDITY[trial.verdict],
        "correctness": int(trial.accepted),
        "measurements": [{"name": name, "value": value, "unit": unit} for name, value, unit in _measured(trial)],
    }


def _measured(trial: Trial) -> list[tuple[str, float, str]]:
    """What is known of it: name, value and unit."""
    every = [
        (OBJECTIVE, trial.ratio, ""),
        ("time", median(sample.trial_s for sample in trial.samples) if trial.samples else None, "seconds"),
        ("raster_distance", trial.distance, ""),
        ("spikes", trial.spikes, ""),
    ]
    return [(name, value, unit) for name, value, unit in every if value is not None]
