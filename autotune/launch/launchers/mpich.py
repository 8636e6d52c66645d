"""MPICH and the launcher that comes with it, Hydra."""

from __future__ import annotations

import re

from autotune.launch.launchers.grammar import Grammar, dashed
from autotune.launch.launchers.hydra import HYDRA
from autotune.launch.launchers.launcher import LIBRARY_FOLDERS, Binding, Launcher


class Mpich(Launcher):
    name = "MPICH"
    programs = ("mpiexec", "mpirun")
    grammar = HYDRA | Grammar(
        one_value=dashed("bind-to map-by membind topolib rankmap demux order-nodes gpus-per-proc memory-alloc-kinds")
    )
    version_text = re.compile(r"HYDRA build details:.*?Version:\s+([\d.]+\w*)", re.DOTALL)
    libraries = ("libmpich.so.12", "libmpi.so.12", "libmpi.12.dylib", "libmpich.so", "libmpi.so", "libmpi.dylib")
    library_folders = (*LIBRARY_FOLDERS, "lib/{triplet}/mpich/lib")
    world_variable = "PMI_SIZE"

    placing = re.compile(r"--?(bind-to|binding|map-by|membind|rankmap)")
    placing_variable = re.compile(r"HYDRA_(BINDING|MAPPING|MEMBIND)")
    binding = Binding(
        core=("-bind-to", "core"),
        cores=("-bind-to", "core:{threads}"),
        none=("-bind-to", "none"),
    )
