"""PBS: OpenPBS and PBS Professional. Not Torque, whose arrays and resources are written differently."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from autotune.cluster.schedulers.scheduler import Array, Scheduler


class Pbs(Scheduler):
    name = "PBS"
    submit = ("qsub",)
    directive = "#PBS"
    job_id = re.compile(r"^(\d+(?:\[\])?\S*)", re.MULTILINE)
    cancel = ("qdel",)

    def directives(self, array: Array) -> Sequence[str]:
        chunks, ranks = (array.nodes, array.ranks_a_node) if array.nodes else (array.ranks, 1)
        place = ["scatter"] * bool(array.nodes) + ["excl"] * array.exclusive
        return [
            f"-N {array.name[:15]}",
            *([f"-J 1-{array.workers}"] if array.workers > 1 else []),  # it refuses an array of one
            f"-l select={chunks}:ncpus={ranks}:mpiprocs={ranks}",
            *([f"-l place={':'.join(place)}"] if place else []),
            *([f"-q {array.partition}"] if array.partition else []),
            *([f"-l walltime={array.clock()}"] if array.time_s else []),
            "-V",
            "-j oe",
            f"-o {array.log_file()}",
        ]

    def is_here(self, environment: Mapping[str, str]) -> bool:
        return super().is_here(environment) and "SGE_ROOT" not in environment

    def job_here(self, environment: Mapping[str, str]) -> str:
        return environment.get("PBS_JOBID", "")
