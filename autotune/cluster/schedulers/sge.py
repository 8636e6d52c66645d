"""SGE: Grid Engine and what has come of it. Its parallel environment decides how ranks are spread over nodes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from autotune.cluster.schedulers.scheduler import Array, Scheduler
from autotune.errors import UsageError


class Sge(Scheduler):
    name = "SGE"
    submit = ("qsub",)
    directive = "#$"
    job_id = re.compile(r"Your job(?:-array)? (\d+)")
    cancel = ("qdel",)

    def directives(self, array: Array) -> Sequence[str]:
        if array.nodes:
            raise UsageError(
                "SGE does not take --nodes: its parallel environment spreads the ranks",
                cure='Name another one in study.toml: [cluster] parallel_environment = "…"',
            )
        return [
            f"-N {array.name}",
            f"-t 1-{array.workers}",
            f"-pe {array.parallel_environment} {array.ranks}",
            *([f"-q {array.partition}"] if array.partition else []),
            *([f"-l h_rt={array.clock()}"] if array.time_s else []),
            *(["-l exclusive=true"] if array.exclusive else []),
            "-S /bin/bash",
            "-V",
            "-j y",
            f"-o {array.log_file()}",
        ]

    def is_here(self, environment: Mapping[str, str]) -> bool:
        return super().is_here(environment) and "SGE_ROOT" in environment

    def job_here(self, environment: Mapping[str, str]) -> str:
        job, task = environment.get("JOB_ID", ""), environment.get("SGE_TASK_ID", "undefined")
        if "SGE_ROOT" not in environment:
            return ""
        return f"{job}.{task}" if job and task != "undefined" else job
