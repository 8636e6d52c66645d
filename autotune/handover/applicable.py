"""What of an answer may be applied: it is data, and whoever applies it need not have made it.

A word of it never becomes a program, an option, a compiler's flag or a source file. Settings must be such that this
tool could have found them; how ranks are bound, which mod files are built and by which nrnivmodl is found out anew,
from the user's own command and environment; an environment with another NEURON must be named by the user.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from autotune.agent.driver.ask import build_wish, home_of
from autotune.agent.driver.facts import LaunchFacts
from autotune.agent.driver.start import BuildWish
from autotune.agent.knobs import KNOBS
from autotune.best import Best
from autotune.errors import UsageError
from autotune.launch.command import Command
from autotune.launch.interpreter import interpreter_of
from autotune.launch.mechanisms import launch_facts, libraries_for, parse_version
from autotune.launch.mpi import Mpi
from autotune.settings import Changes, changes_of


def changes_in(best: Best) -> Changes:
    """What the answer sets. Raises UsageError for what no study could have found."""
    for name, value in best.changes.items():
        if name not in KNOBS:
            raise UsageError(
                f"this tool has no knob {name[:40]}", cure=f"The answer is of version {best.tool[:20]}: use that one."
            )
        if not KNOBS[name].possible(value):
            raise UsageError(
                f"{str(value)[:80]!r} is no value of {name}: the answer was not written by this tool",
                cure="Export it again from its study: python -m autotune export DIR -o best.json",
            )
    return changes_of(best.changes)


def facts_here(
    best: Best,
    command: Command,
    environment: Mapping[str, str],
    mpi: Mpi | None,
    environments: Sequence[Path] = (),
) -> LaunchFacts:
    """How this command can be started otherwise, as it is here and now; `environments` are those that the user named.

    Raises UsageError where the answer needs what is not there.
    """
    home = home_of(best.changes)
    if home and os.path.realpath(home) not in {os.path.realpath(each) for each in environments}:
        raise UsageError(
            f"the answer runs the NEURON of another environment, {home[:200]}",
            cure=f"If it is yours, name it: python -m autotune exec --env {home[:200]} …",
        )
    wish = build_wish(best.changes)
    if wish == BuildWish():  # nothing is built, so that nothing need be known of it
        return launch_facts(command, environment, mpi, libraries=(), neuron=(), executable="")
    facts = launch_facts(
        command,
        environment,
        mpi,
        libraries=libraries_for(command, environment),
        neuron=parse_version(best.environment.neuron),
        executable=str(interpreter_of(command, environment) or ""),
    )
    if best.launch.get("mod_files") and (facts.no_build or not facts.mod_files):
        raise UsageError(
            f"its mechanisms must be built anew: {facts.no_build or 'none are found for this command'}",
            cure="Run nrnivmodl in the model's folder first, with the NEURON that runs it.",
        )
    return facts
