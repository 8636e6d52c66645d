"""Which MPI starts the user's ranks, which library belongs to it, and the proof that both make one world.

NEURON and mpi4py load an MPI library at run time; one that does not belong to the launcher gives N serial copies of the
model and exit code 0. This module must never take a library because its name looks right (a wheel's libmpi.so can be a
linker script of 20 bytes), and never replace one that the user has chosen.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from autotune.errors import MpiError
from autotune.launch import launchers
from autotune.launch.command import Command, find_program
from autotune.launch.launchers import Launcher
from autotune.launch.process import Finished, run

BINARY_STARTS = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")

WORLD_MARK = "autotune-world "
# Run by the tuner's own interpreter in the model's folder, whose files must not be imported.
WORLD_PROGRAM = f"""
import sys
sys.path[:] = [folder for folder in sys.path if folder]
import json, os
try:
    from mpi4py import MPI
    world = MPI.COMM_WORLD
    seen = dict(rank=world.rank, size=world.size, met=world.allreduce(1), library=MPI.Get_library_version()[:40])
except Exception as error:
    seen = dict(error=str(error)[:300])
seen["announced"] = os.environ.get(sys.argv[1])
sys.stdout.write({WORLD_MARK!r} + json.dumps(seen) + chr(10))
sys.stdout.flush()
"""


@dataclass(frozen=True)
class Mpi:
    """The MPI that a command's launcher belongs to."""

    launcher: Path
    kind: Launcher
    version: str  # empty when the launcher does not say it
    library: Path | None
    how: str  # how the library was found, or why not

    @property
    def family(self) -> str:
        """As the user reads it: Open MPI."""
        return self.kind.name


def find_mpi(command: Command, env: Mapping[str, str]) -> Mpi | None:
    """Find the MPI of a command's launcher and its library; None for a serial command.

    `env` is that of `launch_environment`; its MPI_LIB_NRN_PATH, if set, is kept. Raises MpiError if the launcher is not
    there.
    """
    if not command.launcher:
        return None
    launcher = find_program(command.launcher[0], command.cwd, env)
    if launcher is None:
        raise MpiError(f"{command.launcher[0]}: not found.", cure=launchers.install(command.launcher[0]))
    kind, version = _identify(launcher, env)
    chosen = env.get("MPI_LIB_NRN_PATH")
    if chosen:
        return Mpi(launcher, kind, version, Path(chosen), "MPI_LIB_NRN_PATH is set in your environment")
    owner, owner_kind = launcher, kind
    if kind.any_mpi:
        found = find_program("mpiexec", command.cwd, env) or find_program("mpirun", command.cwd, env)
        if found is None:
            how = f"{launcher.name} has no MPI library, and no mpiexec on PATH tells of one"
            return Mpi(launcher, kind, version, None, how)
        owner, owner_kind = found, _identify(found, env)[0]
    names = dict.fromkeys((*kind.libraries, *owner_kind.libraries))
    library = next(_libraries(owner, owner_kind.library_folders, names), None)
    how = f"{library} belongs to {owner}" if library else f"no MPI library was found in the folders beside {owner}"
    return Mpi(launcher, kind, version, library, how)


def mpi_environment(mpi: Mpi | None, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that make NEURON and mpi4py load the launcher's library, and those that the launcher itself
    needs. Variables that `env` has already are left out.
    """
    if mpi is None:
        return {}
    variables = mpi.kind.variables(root=os.geteuid() == 0)
    if mpi.library is not None:
        # mpi4py's wheels read MPI4PY_LIBMPI; an mpi4py that was built for one MPI ignores it.
        variables |= {"MPI_LIB_NRN_PATH": str(mpi.library), "MPI4PY_LIBMPI": str(mpi.library)}
    return {name: value for name, value in variables.items() if name not in (env or {})}


def check_world(
    command: Command, mpi: Mpi | None, env: Mapping[str, str], ranks: int | None = None, timeout_s: float = 60.0
) -> None:
    """Prove that launcher and library make one world of `ranks` ranks (default: as many as the command asks for).

    A tiny mpi4py program is run by the tuner's interpreter under the command's own launcher words; `env` is the whole
    environment of a run. Nothing is done for a serial command. Raises MpiError.
    """
    if mpi is None:
        return
    asked = command.asked_ranks(ranks)
    env = {name: value for name, value in env.items() if name not in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")}
    with tempfile.TemporaryDirectory(prefix="autotune-world-") as folder:
        finished = run(
            [*command.render_launcher(ranks), sys.executable, "-c", WORLD_PROGRAM, mpi.kind.world_variable],
            cwd=command.cwd,
            env={**env, **mpi_environment(mpi, env)},
            stdout=Path(folder, "stdout.txt"),
            stderr=Path(folder, "stderr.txt"),
            timeout_s=timeout_s,
        )
        _judge(_seen(finished), asked, command, mpi, finished)


def _identify(launcher: Path, env: Mapping[str, str]) -> tuple[Launcher, str]:
    """Ask the launcher what it is."""
    try:
        answer = subprocess.run(
            [launcher, "--version"],
            env=dict(env),
            capture_output=True,
            timeout=20,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MpiError(f"{launcher} --version: {error}", cure="Check that this launcher works by itself.") from error
    text = (answer.stdout + answer.stderr).decode(errors="replace")
    return launchers.identify(launcher.name, text)


def _libraries(launcher: Path, folders: Iterable[str], names: Iterable[str]) -> Iterator[Path]:
    """Yield the real libraries of `launcher`'s installation: beside the folder it is called from, then beside the one
    that its links lead to.
    """
    triplet = f"{platform.machine()}-linux-gnu"
    prefixes = dict.fromkeys((launcher.absolute().parent.parent, launcher.resolve().parent.parent))
    for prefix in prefixes:
        for folder in folders:
            for name in names:
                path = prefix / folder.format(triplet=triplet) / name
                if path.is_file() and path.open("rb").read(4) in BINARY_STARTS:
                    yield path


def _seen(finished: Finished) -> list[dict[str, object]]:
    """What the ranks of the tiny program reported. Some launchers put the rank's number before each line."""
    text = finished.stdout.read_text(errors="replace")
    found: list[dict[str, object]] = []
    for part in text.split(WORLD_MARK)[1:]:
        with suppress(json.JSONDecodeError):  # a torn line is a rank that was not seen
            found.append(json.JSONDecoder().raw_decode(part)[0])
    return found


def _judge(seen: list[dict[str, object]], asked: int, command: Command, mpi: Mpi, finished: Finished) -> None:
    good = [rank for rank in seen if rank.get("size") == asked == rank.get("met")]
    if {rank["rank"] for rank in good} == set(range(asked)) and len(seen) == asked:
        return
    launcher = f"{command.launcher[0]} ({mpi.family} {mpi.version})".replace(" )", ")")
    errors = [str(rank["error"]) for rank in seen if "error" in rank]
    alone = [rank for rank in seen if rank.get("size") == 1]
    cure = "Try the launcher by itself until this works: mpiexec -n 2 python -m mpi4py.bench helloworld"
    if finished.timed_out:
        what = f"the ranks did not meet in {finished.wall_s:.0f} s"
    elif errors:
        what = f"mpi4py cannot load an MPI library: {errors[0]}"
        cure = "Set MPI_LIB_NRN_PATH and MPI4PY_LIBMPI to the libmpi of this launcher."
    elif len(alone) == len(seen) > 0 and asked > 1:
        what = f"it started {len(alone)} separate worlds of 1 rank, each with {alone[0]['library']}"
        cure = mpi.kind.alone
        if alone[0]["announced"] == str(asked):
            what += f", though the launcher told each rank that there are {asked}"
    elif seen:
        what = f"{len(seen)} ranks were seen: " + ", ".join(f"{rank['rank']} of {rank['size']}" for rank in seen[:8])
        cure = "Check the launcher's options."
    else:
        what = f"it {finished.describe()} without starting a rank"
        cure = mpi.kind.cure(finished.tail(40)) or cure
    raise MpiError(
        f"{launcher} was asked for {asked} rank{'s' * (asked != 1)}, but {what}. Library: {mpi.how}.",
        cure=cure,
        details=finished.tail(20),
    )
