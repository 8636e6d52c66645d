"""What stands in the terminal: the live view of a study, its trials as a table, its answer, what the doctor found."""

from autotune.report.terminal.answer import answer
from autotune.report.terminal.findings import findings_table
from autotune.report.terminal.live import TerminalProgress
from autotune.report.terminal.studies import studies_table, study_view, trial_view
from autotune.report.terminal.trials import trial_table

__all__ = ["TerminalProgress", "answer", "findings_table", "studies_table", "study_view", "trial_table", "trial_view"]
