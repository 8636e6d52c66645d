"""Open MPI 4 and 5: mpirun, mpiexec, and what they are links to, orterun (4) and prterun (5)."""

from __future__ import annotations

import re

from autotune.launch.launchers.grammar import Grammar, dashed
from autotune.launch.launchers.launcher import LIBRARY_FOLDERS, Binding, Launcher


class OpenMpi(Launcher):
    name = "Open MPI"
    programs = ("mpiexec", "mpirun", "orterun", "prterun")
    grammar = Grammar(
        ranks=dashed("n np c"),
        folder=dashed("wdir wd"),
        one_value=dashed(
            """H host hostfile machinefile default-hostfile x map-by bind-to rank-by N npernode npersocket ppr path
            prefix output output-filename rf rankfile cpu-set cpu-list cpus-per-proc cpus-per-rank slot-list timeout
            stdin tune am dvm personality launch-agent display runtime-options pset"""
        ),
        two_values=dashed("mca gmca omca prtemca pmixmca gpmixmca"),
    )
    # Debian's 4.1 calls itself OpenRTE; a bare prterun tells its own number, which is not Open MPI's.
    version_text = re.compile(r"\((?:Open MPI|OpenRTE)\) ([\d.]+\w*)|help-prterun|PRRTE")
    libraries = ("libmpi.so.40", "libmpi.so.80", "libmpi.so.20", "libmpi.40.dylib", "libmpi.so", "libmpi.dylib")
    library_folders = (*LIBRARY_FOLDERS, "lib/{triplet}/openmpi/lib")
    world_variable = "OMPI_COMM_WORLD_SIZE"
    farewell = re.compile(
        r"-{70,}|MPI_ABORT was invoked on rank .*|  Proc: \[\[.*|  Errorcode: -?\d+|with errorcode -?\d+\."
        r"|NOTE: invoking MPI_ABORT causes Open MPI to kill all MPI processes\."
        r"|You may or may not see output from other processes, depending on|exactly when Open MPI kills them\."
        r"|\w+ has exited due to process rank .*|terminated by signals sent by \w+ \(as reported here\)\."
        r"|\"abort\"\. This may have caused other processes in the application to be|[\0\ufffd]+"
    )
    session_folders = ("ompi.{pid}", "ompi.{host}.{uid}/pid.{pid}")  # 5, 4

    placing = re.compile(
        r"--?(bind-to|map-by|rank-by|cpu-set|cpu-list|slot-list|rankfile|rf|npernode|npersocket|N|ppr"
        r"|cpus-per-(proc|rank)|by(core|node|slot|socket)|bind-to-\w+)"
    )
    placing_variable = re.compile(r"((OMPI|PRTE)_MCA_)?(hwloc_\w*bind\w*|rmaps_\w*(mapping|policy)\w*)")
    binding = Binding(
        core=("--bind-to", "core"),
        cores=("--map-by", "slot:PE={threads}", "--bind-to", "core"),
        none=("--bind-to", "none"),
    )

    def variables(self, root: bool) -> dict[str, str]:
        names = ("OMPI_ALLOW_RUN_AS_ROOT", "PRTE_ALLOW_RUN_AS_ROOT")
        return {name + end: "1" for name in names for end in ("", "_CONFIRM")} if root else {}

    def cure(self, printed: str) -> str:
        if "listener thread failed to start" in printed:
            return "A killed mpiexec has left its folder: remove ompi.* of no living process in your temporary folder."
        if "slots" not in printed:
            return ""
        return "Ask for fewer ranks, or allow more than this machine's cores: mpiexec --oversubscribe …"
