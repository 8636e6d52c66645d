"""The best settings on other commands of the user: other seeds, longer runs."""

from __future__ import annotations

import shlex

from autotune.report.html.markup import join, paragraph, table
from autotune.report.html.section import Section
from autotune.report.html.studied import Studied

COLUMNS = ("command", "the same?", "what was found")


def section(studied: Studied) -> Section | None:
    """A row a command."""
    checked = studied.best.evidence.elsewhere
    if not checked:
        return None
    rows = [(shlex.join(each.command), "yes" if each.accepted else "no", each.says) for each in checked]
    why = (
        "The best settings were also used on these commands, and the spikes compared with a plain run of each. Times "
        "were not compared here."
    )
    return Section("elsewhere", "On other commands", join([paragraph(why), table("Other commands", COLUMNS, rows)]))
