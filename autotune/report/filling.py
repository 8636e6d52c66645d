"""What optuna-dashboard shows of a study beside its trials: a note, figures, files, and what each setting brings.

It is written by the dashboard's own functions, but into a study in memory, whose attributes are then shown with those
of the real one: the study itself is never changed.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.exceptions import ExperimentalWarning

from autotune.best import write_best
from autotune.handover.told import describe_bill
from autotune.report.format import format_value
from autotune.report.html import report_of
from autotune.report.html.sections import figures, left_out
from autotune.report.html.sections.answer import sentences
from autotune.report.html.studied import Studied

REPORT = "/report"
"""Where the report is served."""
ANSWER_FILE, REPORT_FILE = "best.json", "report.html"
NOT_YET = (
    "The study has not come to its end: what stands here are its trials so far. Open the dashboard again afterwards."
)


@dataclass(frozen=True)
class Filling:
    """What is shown."""

    attributes: dict[str, Any]
    """System attributes of the study, as optuna-dashboard reads them."""
    importances: tuple[dict[str, Any], ...] = ()
    """How much faster the run is with each setting than without it: 1 is twice as fast."""
    report: str = ""
    """The report; empty before the end."""


def fill(studied: Studied, files: Path) -> Filling:
    """All of it; `files` is an empty folder for what can be downloaded."""
    report = report_of(studied)
    write_best(studied.best, files / ANSWER_FILE)
    (files / REPORT_FILE).write_text(report, encoding="utf-8")
    attributes = _attributes(note(studied), figures(studied), files)
    return Filling(attributes, tuple(_importances(studied)), report)


def fill_unfinished() -> Filling:
    """A note only."""
    return Filling(_attributes(NOT_YET, {}, None))


def note(studied: Studied) -> str:
    """The overview, as Markdown."""
    best, own = studied.best, studied.best.baseline_settings
    settings = [(name, format_value(own[name]), format_value(value)) for name, value in best.settings.items()]
    brings = [
        (_setting(each), f"{each['estimate']:.3f} ({each['low']:.3f} to {each['high']:.3f})") for each in studied.brings
    ]
    parts = [
        " ".join(map(_plain, sentences(studied))),
        f"**[The whole report]({REPORT})**. The figures are on the first page, below Optuna's own.",
        _table(("setting", "own", "best"), settings),
        _table(("what each setting brings", "times as fast"), brings),
        _table(("verdict", "trials"), best.evidence.verdicts.items()),
        f"{_plain(_sentence(describe_bill(best.bill)))}.",
        _table(("left out", "why"), left_out.rows(studied)),
    ]
    return "\n\n".join(filter(None, parts))


def _setting(brings: dict[str, Any]) -> str:
    return f"{brings['knob']} {format_value(brings['value'])}"


def _importances(studied: Studied) -> Iterable[dict[str, Any]]:
    for each in sorted(studied.brings, key=lambda one: -float(one["estimate"])):
        faster = max(0.0, float(each["estimate"]) - 1.0)
        yield {"name": each["knob"], "importance": faster, "distribution": "CategoricalDistribution"}


def _attributes(text: str, drawn: dict[str, Any], files: Path | None) -> dict[str, Any]:
    import optuna
    from optuna_dashboard import save_note, save_plotly_graph_object

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        save_note(study, text)
        for name, figure in drawn.items():
            title = {"text": TITLES[name], "x": 0.5, "y": 0.99, "yanchor": "top", "font": {"size": 15}}
            figure.update_layout(title=title, margin_t=84)
            save_plotly_graph_object(study, figure, graph_object_id=name)
        if files is not None:
            store = optuna.artifacts.FileSystemArtifactStore(files)
            for file in (ANSWER_FILE, REPORT_FILE):
                optuna.artifacts.upload_artifact(
                    artifact_store=store, file_path=str(files / file), study_or_trial=study
                )
    attributes: dict[str, Any] = study._storage.get_study_system_attrs(study._study_id)
    return attributes


TITLES = {
    "search": "Time of each trial, by verdict",
    "pairs": "The proof: new pairs of runs",
    "brings": "What each setting brings",
    "raster": "Spikes: own and best",
    "shifts": "How far spikes move",
    "times": "Where the time goes",
    "exchange": "Spikes at each exchange",
}


def _sentence(clause: str) -> str:
    return clause[:1].upper() + clause[1:]


def _plain(value: object) -> str:
    """Text that Markdown leaves alone, in one line."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&$-])", r"\\\1", " ".join(str(value).split()))


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(map(_plain, row))} |" for row in rows]
    return "\n".join([f"| {' | '.join(columns)} |", "|---" * len(columns) + "|", *lines]) if lines else ""
