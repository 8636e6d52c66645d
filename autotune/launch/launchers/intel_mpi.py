"""Intel MPI: a Hydra that takes -bind-to in silence and does not obey it; its I_MPI_PIN variables bind."""

from __future__ import annotations

import re

from autotune.launch.launchers.grammar import Grammar, dashed
from autotune.launch.launchers.hydra import HYDRA
from autotune.launch.launchers.launcher import Binding, Launcher


class IntelMpi(Launcher):
    name = "Intel MPI"
    programs = ("mpiexec", "mpirun")
    install = "Load your MPI (module load …), or: pip install impi-rt"
    grammar = HYDRA | Grammar(one_value=dashed("s tune gtool gtoolfile hosts-group cpu-bind bind-to binding grr rr"))
    version_text = re.compile(r"Intel\(R\) MPI Library.*?Version ([\d.]+)", re.DOTALL)
    libraries = ("libmpi.so.12", "libmpi.so")
    library_folders = ("lib", "lib64", "lib/release", "lib64/release", "intel64/lib", "intel64/lib/release")
    world_variable = "PMI_SIZE"

    placing = re.compile(r"--?(cpu-bind|binding)")
    placing_variable = re.compile(r"I_MPI_PIN\w*")
    binding = Binding(
        core=("-genv", "I_MPI_PIN_DOMAIN", "core"),
        cores=("-genv", "I_MPI_PIN_DOMAIN", "{cpus}:compact"),
        none=("-genv", "I_MPI_PIN", "0"),
    )
