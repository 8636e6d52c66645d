"""Flux's `flux run`: it starts ranks of the MPI that the program loads."""

from __future__ import annotations

import re

from autotune.launch.launchers.grammar import Grammar, options
from autotune.launch.launchers.launcher import Binding, Launcher


class Flux(Launcher):
    name = "Flux"
    programs = ("flux",)
    install = "flux is there on clusters (and inside `flux start`) only; on this machine: mpiexec -n 2 …"
    grammar = Grammar(
        subcommands=frozenset({"run"}),
        ranks=options("-n --ntasks"),
        folder=options("--cwd"),
        one_value=options(
            """-B -N -S -c -g -i -o -q -t --add-file --bank --begin-time --cores --cores-per-task --dependency
            --env --env-file --env-remove --error --flags --gpus-per-node --gpus-per-task --input --job-name
            --log --log-stderr --nodes --output --queue --requires --rlimit --setattr --setopt --signal
            --taskmap --tasks-per-core --tasks-per-node --time-limit --urgency"""
        ),
    )
    any_mpi = True
    world_variable = "FLUX_JOB_SIZE"

    placing = re.compile(
        r"-[cN]\S*|--(cores(-per-task)?|nodes|tasks-per-(core|node)|taskmap|exclusive)|-x|(-o)?cpu-affinity"
    )
    binding = Binding(
        core=("-c", "1", "-o", "cpu-affinity=per-task"),
        cores=("-c", "{threads}", "-o", "cpu-affinity=per-task"),
        none=("-o", "cpu-affinity=off"),
    )
