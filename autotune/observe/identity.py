"""Which model was watched, and where: what a study must find again when it goes on."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

from autotune.launch.ask import Run
from autotune.launch.command import Command
from autotune.launch.mechanisms import compiled_libraries
from autotune.launch.mpi import Mpi
from autotune.machine import cpu_name, physical_cores
from autotune.results.folder import shown
from autotune.store.records import Environment, ModelIdentity


def describe_environment(run: Run, mpi: Mpi | None) -> Environment:
    """Where the study runs, as the ranks and the launcher tell it."""
    first = run.first
    return Environment(
        neuron=first.neuron,
        python=first.python,
        executable=first.executable,
        mpi=f"{mpi.family} {mpi.version}" if mpi else _started_inside(run),
        mpi_library=first.library,
        ranks=run.ranks,
        cpu=cpu_name(),
        cores=physical_cores(),
        host=first.host,
        platform=platform.platform(),
    )


def identify_model(command: Command) -> ModelIdentity:
    """Which model this is: the command and the SHA-256 of its files, the mechanisms that NEURON finds among them."""
    files = [*command.model_files(), *compiled_libraries(command.program_cwd)]
    return ModelIdentity(
        command=tuple(command.argv),
        folder=str(command.cwd),
        files={_relative(file, command.cwd): _sha256(file) for file in files},
    )


def _started_inside(run: Run) -> str:
    """The MPI of ranks that the command starts by itself."""
    if run.ranks < 2:
        return "none"
    return f"MPI started by the command ({Path(run.first.library).name or 'no library seen'})"


def _relative(file: Path, folder: Path) -> str:
    return shown(str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file))


def digest_of(file: Path) -> str:
    """The SHA-256 of a file; empty where there is none."""
    return _sha256(file) if file.is_file() else ""


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
