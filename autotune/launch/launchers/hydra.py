"""The options that all descendants of MPICH's Hydra share."""

from __future__ import annotations

from autotune.launch.launchers.grammar import Grammar, dashed

HYDRA = Grammar(
    ranks=dashed("n np"),
    folder=dashed("wdir"),
    one_value=dashed(
        """f hosts host hostfile machinefile configfile genvlist envlist launcher launcher-exec bootstrap bootstrap-exec
        rmk ppn perhost iface nameserver localhost usize prepend-pattern outfile-pattern errfile-pattern path"""
    ),
    two_values=dashed("genv env"),
)
