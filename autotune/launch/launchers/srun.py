"""Slurm's srun, inside an allocation: it starts ranks of any MPI that speaks PMI."""

from __future__ import annotations

import re
from collections.abc import Mapping

from autotune.launch.launchers.grammar import Grammar, options
from autotune.launch.launchers.launcher import Binding, Launcher


class Srun(Launcher):
    name = "Slurm"
    programs = ("srun",)
    install = "srun is there on clusters with Slurm only; on this machine: mpiexec -n 2 …"
    grammar = Grammar(
        ranks=options("-n --ntasks"),  # -c is the number of CPUs of each
        folder=options("-D --chdir"),
        one_value=options(
            """-A -B -C -G -J -L -M -N -S -T -c -d -e -i -m -o -p -q -r -t -w -x --account --bcast --clusters --comment
            --constraint --core-spec --cores-per-socket --cpu-bind --cpu-freq --cpus-per-gpu --cpus-per-task --deadline
            --dependency --distribution --error --exclude --export --extra-node-info --gpu-bind --gpus --gpus-per-node
            --gpus-per-task --gres --hint --input --job-name --jobid --licenses --mem --mem-bind --mem-per-cpu
            --mem-per-gpu --mpi --network --nodefile --nodelist --nodes --ntasks-per-core --ntasks-per-gpu
            --ntasks-per-node --ntasks-per-socket --open-mode --output --partition --priority --qos --relative
            --reservation --signal --sockets-per-node --task-epilog --task-prolog --threads --threads-per-core --time
            --wait"""
        ),
    )
    version_text = re.compile(r"slurm\S* ([\d.]+)")
    any_mpi = True
    libraries = ()
    alone = (
        "Name the PMI that your MPI speaks: srun --mpi=pmix … (srun --mpi=list tells what this Slurm knows), or start "
        "the ranks with the mpiexec of that MPI."
    )
    world_variable = "SLURM_STEP_NUM_TASKS"

    placing = re.compile(
        r"-[cmB]\S*|--(cpus-per-task|cpu-bind|distribution|hint|extra-node-info|relative|(cores|ntasks)-per-socket"
        r"|ntasks-per-(core|node)|threads-per-core)"
    )
    placing_variable = re.compile(r"SLURM_(CPU_BIND\w*|CPUS_PER_TASK|DISTRIBUTION|HINT|THREADS_PER_CORE)")
    binding = Binding(
        core=("--cpus-per-task=1", "--cpu-bind=cores"),
        cores=("--cpus-per-task={cpus}", "--cpu-bind=cores"),
        none=("--cpu-bind=none",),
    )

    def default_ranks(self, environment: Mapping[str, str]) -> int | None:
        """That of the allocation."""
        tasks = environment.get("SLURM_NTASKS", "")
        return int(tasks) if tasks.isdecimal() else None

    def cure(self, printed: str) -> str:
        if "srun: error" not in printed:
            return ""
        return "Ask for no more ranks than the allocation has room for, or make a larger one: salloc --ntasks=…"
