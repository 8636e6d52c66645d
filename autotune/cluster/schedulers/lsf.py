"""IBM's LSF."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from autotune.cluster.schedulers.scheduler import Array, Scheduler


class Lsf(Scheduler):
    name = "LSF"
    submit = ("bsub",)
    by_stdin = True
    directive = "#BSUB"
    job_id = re.compile(r"Job <(\d+)>")
    cancel = ("bkill",)

    def directives(self, array: Array) -> Sequence[str]:
        minutes = math.ceil((array.time_s or 0) / 60)
        return [
            f'-J "{array.name}[1-{array.workers}]"',
            f"-n {array.ranks}",
            *([f'-R "span[ptile={array.ranks_a_node}]"'] if array.nodes else []),
            *([f"-q {array.partition}"] if array.partition else []),
            *([f"-W {minutes // 60}:{minutes % 60:02d}"] if array.time_s else []),
            *(["-x"] if array.exclusive else []),
            f"-o {array.log_file('%J_%I.txt')}",
        ]

    def job_here(self, environment: Mapping[str, str]) -> str:
        job, task = environment.get("LSB_JOBID", ""), environment.get("LSB_JOBINDEX", "0")
        return f"{job}[{task}]" if job and task != "0" else job
