"""IBM's jsrun: ranks are counted as resource sets times tasks in each."""

from __future__ import annotations

import re
from collections.abc import Sequence

from autotune.errors import UsageError
from autotune.launch.launchers.grammar import Grammar, Option, options
from autotune.launch.launchers.launcher import Binding, Launcher, number

TASKS = options("-p --np")
SETS = options("-n --nrs")
TASKS_OF_A_SET = options("-a --tasks_per_rs")


class Jsrun(Launcher):
    name = "jsrun"
    programs = ("jsrun",)
    install = "jsrun is there on IBM's clusters only; on this machine: mpiexec -n 2 …"
    grammar = Grammar(
        ranks=TASKS | SETS,
        folder=options("-h --chdir"),
        one_value=TASKS_OF_A_SET
        | options(
            """-A -D -E -F -K -L -M -N -P -S -U -X -b -c -d -e -f -g -k -l -m -o -r -t --appfile --bind --cpu_per_rs
            --env --env_eval --erf_input --exit_on_error --gpu_per_rs --latency_priority --launch_distribution
            --memory_per_rs --pre_post_exec --progress --rs_per_host --rs_per_socket --save_resources --smpiargs
            --stdio_input --stdio_mode --stdio_stderr --stdio_stdout --use_resources"""
        ),
    )
    any_mpi = True
    libraries = ("libmpi_ibm.so.3", "libmpi_ibm.so")
    world_variable = "JSM_NAMESPACE_SIZE"

    placing = re.compile(
        r"-[bcdlrKUf]\S*|--(bind|cpu_per_rs|launch_distribution|latency_priority|rs_per_(host|socket)|erf_input"
        r"|use_resources)"
    )
    binding = Binding(
        core=("--cpu_per_rs", "1", "--bind", "packed:1"),
        cores=("--cpu_per_rs", "{threads}", "--bind", "packed:{threads}"),
        none=("--bind", "none"),
    )

    def ranks(self, found: Sequence[Option]) -> int | None:
        """Tasks, or resource sets times tasks in each. Raises UsageError."""
        said = {option.name: option for option in found}
        tasks, sets, each = (
            next((said[name] for name in names if name in said), None) for names in (TASKS, SETS, TASKS_OF_A_SET)
        )
        if tasks:
            return number(tasks)
        of_a_set = number(each) if each else 1
        if sets is None or of_a_set is None:
            return None
        count = number(sets)
        if count is None and of_a_set > 1:
            raise UsageError(
                f"{sets.name} {{ranks}} with {of_a_set} tasks in each resource set: {{ranks}} is the number of tasks.",
                cure="Write --np {ranks}, or one task in each resource set.",
            )
        return count * of_a_set if count else None
