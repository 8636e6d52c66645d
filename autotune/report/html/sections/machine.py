"""Where and on what it was measured."""

from __future__ import annotations

import shlex

from autotune.report.html.markup import command, join, paragraph, table
from autotune.report.html.section import Section
from autotune.report.html.studied import Studied

HOLDS = "The answer holds for this model, this machine, this simulated time and these seeds. Elsewhere, tune again."


def section(studied: Studied) -> Section:
    """The machine, the software, the model."""
    place, model = studied.best.environment, studied.best.model
    rows = [
        ("command", command(shlex.join(model.command))),
        ("processor", f"{place.cpu}, cores that may be used: {place.cores}"),
        ("ranks", place.ranks),
        ("host", place.host),
        ("system", place.platform),
        ("NEURON", place.neuron),
        ("Python", place.python),
        ("MPI", place.mpi or "none"),
        ("measured", studied.answer.measured),
        ("by", f"neuron-autotune {studied.best.tool}"),
    ]
    files = [(name, digest[:16]) for name, digest in sorted(model.files.items())][:50]
    tables = [table("Machine, software and model", ("", ""), rows)]
    if files:
        tables.append(table("Files of the model, and how their SHA-256 begins", ("file", "SHA-256"), files))
    return Section("machine", "The machine and the model", join([paragraph(HOLDS), *tables]))
