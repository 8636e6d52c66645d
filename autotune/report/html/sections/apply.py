"""How to run the model with the answer."""

from __future__ import annotations

import shlex

from autotune.handover.formats import named
from autotune.report.html.markup import code, folded, join, paragraph
from autotune.report.html.section import Section
from autotune.report.html.studied import Studied

LANGUAGES = {"python": "In a Python model", "hoc": "In a hoc model"}


def section(studied: Studied) -> Section:
    """Code to paste, in both languages."""
    if not studied.improved:
        return Section("apply", "How to apply it", paragraph("Nothing is to be changed."))
    line = shlex.join(studied.best.model.command)
    body = [
        paragraph("Run the same command with these settings, the model as it is (STUDY is the folder of this study):"),
        code(f"python -m autotune export STUDY -o best.json\npython -m autotune exec best.json -- {line}"),
        paragraph("Or paste one of these into the model. They set what was measured, and nothing else."),
        *(folded(title, code(named(name).text(studied.answer))) for name, title in LANGUAGES.items()),
    ]
    return Section("apply", "How to apply it", join(body))
