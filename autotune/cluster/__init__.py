"""A study on a cluster: its workers are the tasks of a scheduler's job array, which starts and ends them. Nothing of
ours runs on the login node.
"""

from autotune.cluster.status import Status, status_of
from autotune.cluster.submission import Submission, Wishes, cancel, job_script, read_submission, submit

__all__ = ["Status", "Submission", "Wishes", "cancel", "job_script", "read_submission", "status_of", "submit"]
