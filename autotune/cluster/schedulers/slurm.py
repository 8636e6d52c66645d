"""Slurm."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from autotune.cluster.schedulers.scheduler import Array, Scheduler


class Slurm(Scheduler):
    name = "Slurm"
    submit = ("sbatch", "--parsable")
    variables: ClassVar[Mapping[str, str]] = {
        "SLURM_OVERLAP": "1"  # a run beside a session is a second step, which would wait for the end of the first
    }
    directive = "#SBATCH"
    job_id = re.compile(r"^(\d+)", re.MULTILINE)
    cancel = ("scancel",)
    states = ("squeue", "--noheader", "--array", "--format=%i|%T|%r", "--jobs")
    never: ClassVar[Mapping[str, str]] = {
        "PartitionTimeLimit": "its time limit is longer than the partition allows: give a shorter --time",
        "PartitionNodeLimit": "it has not so many nodes for a job: give fewer --nodes, or another --partition",
        "PartitionDown": "the partition is down: give another --partition",
        "PartitionInactive": "the partition is inactive: give another --partition",
        "DependencyNeverSatisfied": "what it depends on has failed",
        "JobHeldUser": "it is held: scontrol release",
        "JobHeldAdmin": "it is held by the site's administrators: ask them",
    }

    def directives(self, array: Array) -> Sequence[str]:
        return [
            f"--job-name={array.name}",
            f"--array=1-{array.workers}",
            # Tasks, not CPUs of one task: that would give Open MPI a single slot.
            f"--ntasks={array.ranks}",
            *([f"--nodes={array.nodes}"] if array.nodes else []),
            *([f"--partition={array.partition}"] if array.partition else []),
            *([f"--time={array.clock()}"] if array.time_s else []),
            *(["--exclusive"] if array.exclusive else []),
            f"--output={array.log_file('%A_%a.txt')}",
            "--open-mode=append",
        ]

    def job_here(self, environment: Mapping[str, str]) -> str:
        array, task = environment.get("SLURM_ARRAY_JOB_ID"), environment.get("SLURM_ARRAY_TASK_ID")
        return f"{array}_{task}" if array and task else environment.get("SLURM_JOB_ID", "")
