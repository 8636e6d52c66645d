"""A finished study as one web page: the answer, its proof and what it cost, for readers who never heard of the tool.

One file that asks no network: plotly and the figures' numbers lie inside. It must open fast whatever the size of the
study, so that figures and tables are bounded; and every value of the study is text, never markup.
"""

from __future__ import annotations

from autotune.report.html.page import page
from autotune.report.html.sections import sections
from autotune.report.html.studied import Studied, read_studied
from autotune.store.folder import StudyFolder
from autotune.store.records import StudyRecord


def html_report(folder: StudyFolder, study: StudyRecord) -> str:
    """The whole page. Raises UsageError when the study has not come to its end."""
    return report_of(read_studied(folder, study))


def report_of(studied: Studied) -> str:
    """The page of a study that was read before."""
    return page(f"{studied.best.study}: how it runs fastest", sections(studied))
