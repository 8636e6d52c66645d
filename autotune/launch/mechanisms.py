"""What the driver must know to start a command in another way: its mod files, its nrnivmodl, further environments; and
the mechanisms that such a start needs, which `launch/build.py` makes in the tuner's own cache.

Must never write beside the user's model. What is not understood is not touched: the reason goes to the user.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from autotune.agent.driver.ask import build_wish
from autotune.agent.driver.facts import LaunchFacts
from autotune.agent.driver.loading import OPTIONS_VARIABLE
from autotune.agent.driver.start import BuildWish, Built
from autotune.errors import UsageError
from autotune.launch.build import Recipe, build, compiler, neuron_version
from autotune.launch.command import Command, find_program
from autotune.launch.compiled import for_any_processor, mechanism_names
from autotune.launch.mpi import Mpi
from autotune.report.format import format_version
from autotune.settings import Changes

MAKEFILE = "makemod2c_inc"  # what nrnivmodl leaves in its folder: a rule for each mod file
MADE_FROM = re.compile(r"^(?:\./)?\S[^\n:]*?\.(?:c|cpp): (.+?\.mod)\b", re.MULTILINE)
# In a compiled library: what only NEURON 9 and later have to be linked with, and where its NEURON's own library was.
NINE = b"_ZN6neuron9mechanism"
LIBRARY_FOLDER = re.compile(rb"(/[^\0\n:]*/lib(?:64)?)(?=[:\0])")
NO_COMPILER = "no C++ compiler was found"
VERSION_HEADER = "nrnsemanticversion.h"
PROBE = "import neuron, numpy; print('autotune', neuron.h.nrnversion())"


@dataclass(frozen=True)
class Builder:
    """Builds what the settings of a run need, and nothing else."""

    facts: LaunchFacts
    environment: Mapping[str, str]

    def built(self, settings: Changes) -> Built | None:
        """The mechanisms for these settings; None where the user's own are right. Raises BuildFailed."""
        wish = build_wish(settings)
        if not self.facts.mod_files or wish == BuildWish():
            return None
        nrnivmodl = Path(wish.home, "bin", "nrnivmodl") if wish.home else Path(self.facts.nrnivmodl)
        files = tuple(Path(file) for file in self.facts.mod_files)
        return build(Recipe(nrnivmodl, files, wish.flags, wish.coreneuron), self.environment)


def launch_facts(
    command: Command,
    environment: Mapping[str, str],
    mpi: Mpi | None,
    *,
    libraries: Sequence[str],
    neuron: tuple[int, ...],
    executable: str,
    environments: Sequence[Path] = (),
) -> LaunchFacts:
    """What can be changed in how this command starts.

    `libraries` are the mechanism libraries that its ranks had loaded, `neuron` their version of NEURON, `executable`
    their interpreter. Raises UsageError for an environment without NEURON.
    """
    files, problem = _sources(command, environment, libraries)
    nrnivmodl = _nrnivmodl(command, environment, executable)
    if files and not problem:
        problem = _toolchain_problem(nrnivmodl, neuron, environment)
    if command.form == "other" and environments:
        problem = problem or f"{command.program[0]}: not known how to run it in another environment"
    return LaunchFacts(
        mpi=mpi.family if mpi else "",
        placed=bool(mpi and mpi.kind.places(command.launcher[1:], environment)),
        binding=asdict(mpi.kind.binding) if mpi and mpi.kind.binding else {},
        mod_files=tuple(str(file) for file in files),
        plain=mechanism_names(files) if files and for_any_processor(Path(libraries[0])) else (),
        no_build=problem,
        nrnivmodl=str(nrnivmodl or ""),
        environments=tuple((str(home), _version_in(home)) for home in dict.fromkeys(map(Path.resolve, environments))),
    )


def libraries_for(command: Command, environment: Mapping[str, str]) -> list[str]:
    """The libraries of mechanisms that NEURON itself will load for this command, without a run that shows them."""
    places = sorted(_places(command, environment))
    found = (
        [*place.glob("libnrnmech.*"), *place.glob(".libs/libnrnmech.*"), *place.glob("special")] for place in places
    )
    return [str(files[0]) for files in found if files]


def _sources(command: Command, environment: Mapping[str, str], libraries: Sequence[str]) -> tuple[list[Path], str]:
    """The mod files of the loaded mechanisms, and why they cannot be replaced, if so."""
    if not libraries:
        return [], ""
    if len(libraries) > 1:
        return [], f"{len(libraries)} mechanism libraries are loaded: only one can be replaced"
    library = Path(libraries[0]).resolve()
    folder = library.parent.parent if library.parent.name == ".libs" else library.parent
    if folder not in _places(command, environment):
        return [], f"the model loads its mechanisms itself, from {folder}"
    try:
        rules = (folder / MAKEFILE).read_text()
    except OSError:
        return [], f"{folder} does not say which mod files it was built from"
    files = [(folder / name.replace("\\ ", " ")).resolve() for name in MADE_FROM.findall(rules)]
    # none after nrnivmodl in a folder without mod files
    missing = [file for file in files if not file.is_file()]
    if missing:
        return [], f"the mod files of {folder} are not there any more: {missing[0]}"
    return files, ""


def _places(command: Command, environment: Mapping[str, str]) -> set[Path]:
    """The folders from which NEURON itself loads mechanisms for this command, so that -dll or another program does."""
    folder = command.program_cwd
    if command.form.startswith("special"):
        program = find_program(command.program[0], folder, environment)
        return {program.resolve().parent} if program else set()
    if command.form == "other":
        return set()
    named = command.program if command.form.startswith("nrniv") else shlex.split(environment.get(OPTIONS_VARIABLE, ""))
    libraries = [folder / after for before, after in pairwise(named) if before == "-dll"]
    if libraries:
        return {
            file.resolve().parent.parent if file.parent.name == ".libs" else file.resolve().parent for file in libraries
        }
    return {(folder / platform.machine()).resolve()}


def _nrnivmodl(command: Command, environment: Mapping[str, str], executable: str) -> Path | None:
    """The user's own: beside their interpreter or nrniv, else the one on their PATH."""
    program = find_program(command.render()[len(command.launcher)], command.program_cwd, environment)
    beside = [program] if program and not command.form.startswith("special") else []
    candidates = [file.with_name("nrnivmodl") for file in (*beside, Path(executable)) if str(file) != "."]
    found = next((file for file in candidates if file.is_file()), None)
    return found or find_program("nrnivmodl", command.program_cwd, environment)


def _toolchain_problem(nrnivmodl: Path | None, neuron: tuple[int, ...], environment: Mapping[str, str]) -> str:
    if nrnivmodl is None:
        return "no nrnivmodl was found beside your NEURON"
    if compiler(environment) is None:
        return NO_COMPILER
    said = parse_version(neuron_version(nrnivmodl))
    if said != neuron:
        return f"{nrnivmodl} belongs to NEURON {'.'.join(map(str, said)) or 'unknown'}, the model runs another one"
    return ""


def _version_in(home: Path) -> tuple[int, ...]:
    """The version of NEURON in an environment. Raises UsageError when it has none."""
    python = home / "bin" / "python"
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        said = subprocess.run(
            [python, "-c", PROBE], cwd=home, env=own, capture_output=True, text=True, timeout=120, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(
            f"{home}: not an environment ({error})", cure="Name a folder that has bin/python, with neuron installed."
        ) from error
    version = parse_version(said.stdout.partition("autotune")[2])
    if not version:
        raise UsageError(
            f"{home}: NEURON cannot be imported there",
            cure=f"{python} -m pip install neuron",
            details=said.stderr[-500:],
        )
    return version


def compiled_for(library: Path) -> tuple[int, ...]:
    """The version of NEURON that a library of mechanisms was compiled for: (9, 0, 2), or (9,) when that NEURON is not
    there any more; empty when neither 8 nor 9 is recognised.
    """
    code = library.read_bytes()
    if b"nrn_get_mechtype" not in code:
        return ()
    major = 9 if NINE in code else 8
    for folder in {Path(os.fsdecode(found)) for found in LIBRARY_FOLDER.findall(code)}:
        header = folder.parent / "include" / VERSION_HEADER
        version = tuple(map(int, re.findall(r"VERSION_\w+ (\d+)", header.read_text()))) if header.is_file() else ()
        if version[:1] == (major,):  # else another one has been installed there since
            return version
    return (major,)


def compiled_libraries(folder: Path) -> list[Path]:
    """The libraries of mechanisms that NEURON finds in this folder."""
    return [
        library
        for name in (platform.machine(), "x86_64", "arm64", "aarch64")
        for library in (*folder.glob(f"{name}/libnrnmech.*"), *folder.glob(f"{name}/.libs/libnrnmech.*"))
    ]


@dataclass(frozen=True)
class Foreign:
    """Mechanisms that were compiled for another NEURON than the one that runs."""

    what: str
    cure: str
    loads: bool
    """They can be loaded all the same."""


def made_for_another(library: Path, folder: Path, neuron: tuple[int, ...]) -> Foreign | None:
    """Whether `library` in the model's `folder` was compiled for another NEURON than `neuron`; None where it was for
    this one, or where nothing is known.
    """
    made_for = compiled_for(library)
    if not (made_for and neuron) or made_for == neuron[: len(made_for)]:
        return None
    text = f"compiled for NEURON {format_version(made_for)}: {library.relative_to(folder)}"
    runs = f"NEURON {format_version(neuron)}"
    cure = f"Remove the folder {library.relative_to(folder).parts[0]} and run the nrnivmodl of {runs}."
    loads = made_for[0] == neuron[0]
    return Foreign(f"{text}, and {runs} {'runs them' if loads else 'cannot load them'}", cure, loads)


def parse_version(text: str) -> tuple[int, ...]:
    """The numbers of a version in `text`; empty when it has none."""
    match = re.search(r"(\d+)\.(\d+)\.?(\d+)?", text)
    return tuple(int(part or 0) for part in match.groups()) if match else ()
