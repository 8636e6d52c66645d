"""What would be used to run a model, and what to do about each thing that is missing. Nothing is simulated and
nothing is written.

Each check is one small function that returns a Finding.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from autotune.errors import AutotuneError, ExitCode, MpiError, UsageError
from autotune.launch.command import Command, check_programs, launch_environment
from autotune.launch.interpreter import ask, interpreter_of
from autotune.launch.mechanisms import compiled_for, compiled_libraries, made_for_another, parse_version
from autotune.launch.mpi import check_world, find_mpi, mpi_environment
from autotune.launch.panels import buttons_cure, only_panels
from autotune.launch.ways_in import shut_out
from autotune.machine import describe_machine, warnings
from autotune.report.format import format_version

Status = Literal["ok", "note", "missing"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    status: Status
    text: str
    cure: str = ""


def examine(command: Command | None) -> tuple[list[Finding], ExitCode]:
    """Look at everything that a run of `command` would use; without a command, at what the tuner itself brings."""
    findings = list(_tuner())
    if command is None:
        command_findings, code = _examine_default()
    else:
        command_findings, code = _examine_command(command)
    return findings + command_findings, code


def _tuner() -> Iterator[Finding]:
    machine = describe_machine()
    quota = f", container limit {machine.quota_cores:g}" if machine.quota_cores else ""
    yield Finding(
        "machine",
        "ok",
        f"{machine.cores} cores, {machine.threads} hardware threads, {machine.usable} usable{quota}, "
        f"load {machine.load:.1f}, governor {machine.governor or 'unknown'}",
    )
    for line in warnings(machine, 1, 1):
        yield Finding("machine", "note", line)
    yield Finding("tuner", "ok", f"Python {platform.python_version()} at {sys.executable}")
    compiler = shutil.which("g++") or shutil.which("c++") or shutil.which("clang++")
    if compiler:
        yield Finding("compiler", "ok", compiler)
    else:
        yield Finding(
            "compiler", "note", "no C++ compiler", "Needed only to build mechanisms and CoreNEURON: install g++."
        )


def _examine_default() -> tuple[list[Finding], ExitCode]:
    from autotune.launch.command import parse_command

    command = parse_command(["mpiexec", "-n", "2", "{python}", "-c", "pass"], Path.cwd())
    return _examine_command(command)


def _examine_command(command: Command) -> tuple[list[Finding], ExitCode]:
    environment = launch_environment(command, os.environ)
    try:
        check_programs(command, environment)
    except UsageError as error:
        return [Finding("command", "missing", error.message, error.cure)], ExitCode.USAGE
    findings = [Finding("command", "ok", f"{' '.join(command.argv)} ({command.form}, {command.ranks} rank(s))")]
    findings += _way_in(command, environment)
    interpreter = interpreter_of(command, environment)
    answer = ask(interpreter, environment) if interpreter else {}
    findings.append(_neuron(interpreter, answer))
    findings += _mechanisms(command, parse_version(str(answer.get("neuron", ""))))
    mpi_findings, code = _mpi(command, environment)
    findings += mpi_findings
    missing = any(finding.status == "missing" for finding in findings)
    return findings, code if code else ExitCode.USAGE if missing else ExitCode.DONE


def _way_in(command: Command, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Whether the agent can get into the command, and whether the model starts by itself."""
    shut = shut_out(command, environment)
    if shut:
        yield Finding("agent", "missing", shut.what, shut.cure)
    elif only_panels(command.program, command.program_cwd):
        cure = buttons_cure(command.render(), command.program_cwd)
        yield Finding("run", "note", "the model's files make panels, and nothing in them seems to start a run", cure)


def _neuron(interpreter: Path | None, answer: Mapping[str, Any]) -> Finding:
    if interpreter is None:
        return Finding("NEURON", "note", "the command is not understood: its Python is not known")
    if "neuron" not in answer:
        problem = answer.get("error", "no answer")
        return Finding(
            "NEURON",
            "missing",
            f"{interpreter}: {problem}",
            "Name the Python of your model's environment, or write {python} for the tuner's own.",
        )
    version = str(answer["neuron"]).removeprefix("NEURON -- VERSION ")
    core = ", built with CoreNEURON" if answer.get("coreneuron") else ", without CoreNEURON"
    text = f"{version}{core}; Python {answer['python']} at {answer['executable']}, numpy {answer['numpy']}"
    return Finding("NEURON", "ok", text)


def _mechanisms(command: Command, neuron: tuple[int, ...]) -> Iterator[Finding]:
    """Mod files beside the model, whether they are compiled, and whether that was for the `neuron` that runs it."""
    folder = command.program_cwd
    mods = sorted({*folder.glob("*.mod"), *folder.glob("mod*/*.mod"), *folder.glob("mechanisms/*.mod")})
    libraries = compiled_libraries(folder)
    cores = sorted(folder.glob(f"{platform.machine()}/libcorenrnmech.*"))
    if libraries:
        old = [mod.name for mod in mods if mod.stat().st_mtime > libraries[0].stat().st_mtime]
        yield _compiled(libraries[0], folder, neuron)
        if old:
            yield Finding("mechanisms", "note", f"changed since: {', '.join(old[:5])}", "Run nrnivmodl again.")
    elif mods:
        yield Finding("mechanisms", "missing", f"{len(mods)} mod files, not compiled", "Run nrnivmodl in this folder.")
    else:
        yield Finding("mechanisms", "ok", "no mod files in the working directory: built-in mechanisms only")
    if cores:
        yield Finding("CoreNEURON library", "ok", str(cores[0].relative_to(folder)))


def _compiled(library: Path, folder: Path, neuron: tuple[int, ...]) -> Finding:
    foreign = made_for_another(library, folder, neuron)
    if foreign is None:
        text = f"compiled for NEURON {format_version(compiled_for(library))}: {library.relative_to(folder)}"
        return Finding("mechanisms", "ok", text)
    return Finding("mechanisms", "note" if foreign.loads else "missing", foreign.what, foreign.cure)


def _mpi(command: Command, environment: dict[str, str]) -> tuple[list[Finding], ExitCode]:
    mpi = find_mpi(command, environment)
    if mpi is None:
        return [Finding("MPI", "ok", "not used: the command has no launcher")], ExitCode.DONE
    version = f" {mpi.version}" if mpi.version else ""
    findings = [Finding("MPI", "ok", f"{mpi.family}{version}, launcher {mpi.launcher}")]
    status: Status = "ok" if mpi.library else "missing"
    cure = "" if mpi.library else "Set MPI_LIB_NRN_PATH to the libmpi.so that belongs to the launcher."
    findings.append(Finding("MPI library", status, f"{mpi.library or 'not found'}: {mpi.how}", cure))
    try:
        check_world(command, mpi, environment | mpi_environment(mpi, environment))
    except MpiError as error:
        return [*findings, Finding("MPI world", "missing", error.message, error.cure)], ExitCode.NO_MPI
    except AutotuneError as error:
        return [*findings, Finding("MPI world", "missing", error.message, error.cure)], ExitCode.USAGE
    return [*findings, Finding("MPI world", "ok", f"one world of {command.ranks} ranks")], ExitCode.DONE
