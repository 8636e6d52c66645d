"""What the folder of a finished study says, as the answer that is handed over (best.py). Nothing is run for it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from statistics import median
from typing import Any

from autotune.best import Best, Bill, Evidence, RasterEvidence, Speedup
from autotune.calibrate.short import ShortRun
from autotune.confirm.elsewhere import Checked, Elsewhere
from autotune.confirm.finalists import winning_trial
from autotune.confirm.restless import disturbances, restless
from autotune.errors import UsageError
from autotune.measure import Confirmation
from autotune.observe import Observation
from autotune.results import in_words
from autotune.search.places import Place, places
from autotune.search.second_look import SecondLook
from autotune.search.simplify import Simplified
from autotune.search.stop import Stopped
from autotune.store.folder import StudyFolder
from autotune.store.records import LookedAt, ModelIdentity, StudyRecord, Trial
from autotune.store.workers import node_type, node_types


def make_best(folder: StudyFolder, study: StudyRecord) -> Best:
    """The answer of a finished study. Raises UsageError when it has not come to its end."""
    observation = folder.read(Observation)
    confirmation = folder.read(Confirmation)
    if observation is None or confirmation is None:
        raise UsageError(
            f"{folder.path}: the study has not come to its end",
            cure="Run the same command again; it goes on where it stopped.",
        )
    trials = folder.trials()
    winner = winning_trial(confirmation, trials)
    searched = sorted({name for trial in trials for name in trial.params})
    baseline = {name: observation.facts.baseline[name] for name in searched}
    return Best(
        study=study.name,
        verdict=confirmation.verdict,
        settings=baseline if winner is None else _as_effective(baseline, winner),
        baseline_settings=baseline,
        changes=dict(winner.changes) if winner else {},
        speedup=_speedup(confirmation),
        model=_model(study, observation),
        environment=observation.environment,
        launch=asdict(observation.facts.launch),
        repeat=study.config | {"search": study.config["search"] | {"trials": max(1, len(trials))}},
        evidence=_evidence(confirmation, trials, winner, observation, folder),
        bill=_bill(folder, confirmation),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        tool=study.version,
    )


def _model(study: StudyRecord, observation: Observation) -> ModelIdentity:
    """The model without the files that its own runs write."""
    own = {name: digest for name, digest in study.model.files.items() if name not in observation.written}
    return replace(study.model, files=own)


def _as_effective(baseline: dict[str, Any], winner: Trial) -> dict[str, Any]:
    """All searched knobs with the winner's values; a knob that cannot act beside them keeps the user's value."""
    return {**baseline, **winner.effective}


def _bill(folder: StudyFolder, confirmation: Confirmation) -> Bill:
    spent_s = sum(folder.spent().values())
    if confirmation.best is None or confirmation.verdict != "improved":
        return Bill(tuning_s=spent_s, saved_s_per_run=None, runs_to_pay=None)
    own_s = median(pair.baseline_s for pair in confirmation.samples) / (confirmation.part or 1.0)
    saved_s = own_s * (1.0 - 1.0 / confirmation.best.speedup.estimate)
    return Bill(tuning_s=spent_s, saved_s_per_run=saved_s, runs_to_pay=math.ceil(spent_s / saved_s))


def _speedup(confirmation: Confirmation) -> Speedup:
    if confirmation.best is None or confirmation.verdict != "improved":
        return Speedup(estimate=1.0, low=1.0, high=1.0, confidence=confirmation.confidence)
    interval = confirmation.best.speedup
    return Speedup(estimate=interval.estimate, low=interval.low, high=interval.high, confidence=interval.confidence)


def _elsewhere(folder: StudyFolder, winner: Trial | None) -> tuple[Checked, ...]:
    """What is known of these settings on other commands; of those of an earlier winner nothing."""
    known = folder.read(Elsewhere)
    return known.commands if known and winner and known.changes == winner.changes else ()


def places_of(folder: StudyFolder, observation: Observation, trials: Sequence[Trial]) -> tuple[Place, ...]:
    """Where the trials of a study were made."""
    here = observation.environment
    known = {"": node_type(here.cpu, here.cores), **node_types(folder.path)}
    return tuple(places(trials, known, (observation.facts.ranks, observation.facts.threads)))


def _evidence(
    confirmation: Confirmation,
    trials: list[Trial],
    winner: Trial | None,
    observation: Observation,
    folder: StudyFolder,
) -> Evidence:
    stopped, simplified, short = folder.read(Stopped), folder.read(Simplified), folder.read(ShortRun)
    second = folder.read(SecondLook) or SecondLook()
    raster = None
    if winner is not None:
        raster = RasterEvidence(
            verdict=winner.verdict,
            safety_class=winner.safety,
            distance=winner.distance or 0.0,
            spikes=winner.spikes or 0,
            baseline_sha256=observation.raster_digest,
            largest_shift_ms=winner.largest_shift_ms,
            mean_shift_ms=winner.mean_shift_ms,
            statistics=winner.statistics,
            until_ms=short.stop_ms if short else None,
        )
    record = folder.read(LookedAt) or LookedAt()
    looked = record.of(winner) if winner else ()
    return Evidence(
        trials=len(trials),
        stopped=stopped.reason if stopped else "",
        trial=winner.number if winner else None,
        verdicts=dict(Counter(trial.verdict for trial in trials)),
        raster=raster,
        looked_at=in_words(looked),
        compared=looked,
        looked_at_before_sessions={
            settings: words for settings, each in record.before_sessions.items() if (words := in_words(each))
        },
        pairs=confirmation.pairs,
        test=confirmation.test,
        corrected_p=confirmation.best.corrected_p if winner and confirmation.best else None,
        findings=list(confirmation.as_dict()["findings"]),
        proved_on=confirmation.part if winner else None,
        machine_changed=restless(trials, confirmation),
        disturbed=tuple(disturbances(trials, confirmation)),
        elsewhere=_elsewhere(folder, winner),
        confirmed_on=confirmation.node_type,
        places=places_of(folder, observation, trials),
        refused=second.refused,
        brings=[asdict(brings) for brings in simplified.settings] if simplified else [],
    )
