"""Can the agent get into this command? It comes in by PYTHONPATH and, where nrniv runs hoc, as a file before the
model's own. What shuts it out is found in the command's words, before anything runs.

It must never run anything. What the words do not tell is judged by what comes back (judge.py).
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autotune.errors import UsageError
from autotune.launch.command import Command, find_program
from autotune.launch.words import NRNIV, PYTHON, Unwrapped, first_file, python_flags, python_target, unwrapped

OUR_VARIABLES = ("PYTHONPATH", "AUTOTUNE_JOB")
SHELLS = ("sh", "bash", "dash", "zsh", "ksh")
NO_ENVIRONMENT = {"-genvnone", "-envnone", "--genvnone", "--envnone"}
HOW = "the agent comes in by the variable PYTHONPATH"


@dataclass(frozen=True)
class Shut:
    """What shuts the agent out, and the cure."""

    what: str
    cure: str


def check_way_in(command: Command, environment: Mapping[str, str]) -> None:
    """Raise UsageError when the agent cannot get into this command; `environment` is that of a run."""
    shut = shut_out(command, environment)
    if shut:
        raise UsageError(shut.what, cure=shut.cure)


def shut_out(command: Command, environment: Mapping[str, str]) -> Shut | None:
    """Why the agent cannot get into this command, or None where nothing in its words is against it."""
    words = command.render()[len(command.launcher) :]
    inner = interpreted(tuple(words), command.program_cwd, environment)
    return (
        _shut_by_launcher(command.launcher)
        or _shut_by_env(inner)
        or _shut_by_python(inner.words)
        or _shut_by_nrniv(inner.words, wrapped=inner.words != tuple(words))
        or _shell_around_hoc(inner.words, command.program_cwd)
    )


def interpreted(words: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> Unwrapped:
    """The program that really runs, with its arguments: behind `env`, and behind the first line of a script."""
    found = unwrapped(words)
    program = find_program(found.words[0], folder, environment) if found.words else None
    first = _shebang(program) if program else ()
    if not first:
        return found
    inner = unwrapped(first)
    both = (*inner.words, str(program), *found.words[1:])
    return Unwrapped(both, found.emptied or inner.emptied, found.set | inner.set)


def _shebang(program: Path) -> tuple[str, ...]:
    """The words of a script's first line; empty for other files, and for the launchers of NEURON's own wheel."""
    try:
        with program.open("rb") as file:
            line = file.readline(512)
    except OSError:
        return ()
    if not line.startswith(b"#!"):
        return ()
    words = line[2:].decode(errors="replace").strip().split(maxsplit=1)
    known = NRNIV.fullmatch(program.name) or PYTHON.fullmatch(program.name) or program.name == "special"
    if known or not words:
        return ()
    if Path(words[0]).name == "env":
        return tuple(shlex.split(" ".join(words)))
    return tuple(words)


def _shut_by_launcher(words: tuple[str, ...]) -> Shut | None:
    none = [word for word in words if word in NO_ENVIRONMENT]
    for at, word in enumerate(words):
        option, _, value = word.partition("=")  # of srun
        value = value or "".join(words[at + 1 : at + 2])
        if option == "--export" and not {"ALL", "PYTHONPATH"} & set(value.split(",")):
            none.append(f"--export={value}")
    if not none:
        return None
    return Shut(f"{words[0]} {none[0]}: {HOW}, which the ranks do not get", f"Leave {none[0]} out.")


def _shut_by_env(inner: Unwrapped) -> Shut | None:
    if inner.emptied:
        return Shut(
            f"env {inner.emptied}: {HOW}, which is taken away there",
            f"Leave {inner.emptied} out; variables that must not be there can be taken away one by one (env -u NAME).",
        )
    taken = next((name for name in OUR_VARIABLES if name in inner.set), None)
    if taken:
        return Shut(
            f"env sets or unsets {taken}: {HOW}, which is replaced there",
            f"Set it before the tuner is started instead: export {taken}=…",
        )
    return None


def _shut_by_python(words: tuple[str, ...]) -> Shut | None:
    if not words or not PYTHON.fullmatch(Path(words[0]).name):
        return None
    shutting = [flag for flag in python_flags(words) if flag in "EIS"]
    if shutting:
        flag = f"-{shutting[0]}"
        why = "does not look at it" if flag != "-S" else "does not run what is found there (sitecustomize)"
        return Shut(f"python {flag}: {HOW}, and python {flag} {why}", f"Leave {flag} out.")
    at = python_target(words)
    if at >= len(words) or words[at] == "-":
        return _standard_input(" ".join(words), "python")
    return None


def _shut_by_nrniv(words: tuple[str, ...], wrapped: bool) -> Shut | None:
    name = Path(words[0]).name if words else ""
    if name != "special" and not NRNIV.fullmatch(name):
        return None
    if "-nopython" in words:
        return Shut(f"{name} -nopython: the agent needs Python in NEURON", "Leave -nopython out.")
    at = first_file(words)
    rest = words[at:]
    if any(word in ("-h", "--help", "--version") for word in words[1:at]):
        return Shut(f"{' '.join(words)}: runs no model", "Give the whole command that runs your model.")
    interactive = bool(rest) and rest[-1] == "-" and _is_file(0)
    if not rest or rest[0] == "-" or interactive:
        return _standard_input(" ".join(words), name)
    if wrapped and "-python" not in words:
        line = shlex.join(words)
        return Shut(
            f"{name} runs hoc here behind another program, where the agent cannot get in",
            f"Give the command itself: {line} (variables can be set before the tuner is started).",
        )
    return None


def _standard_input(line: str, program: str) -> Shut:
    return Shut(
        f"{line}: names no file, so that {program} would read the model from standard input, which no run gets",
        f"Write the text into a file and name it: {program} {'model.py' if PYTHON.fullmatch(program) else 'model.hoc'}",
    )


def _shell_around_hoc(words: tuple[str, ...], folder: Path) -> Shut | None:
    """A shell script that runs hoc: PYTHONPATH gets through, but nobody puts our file before the model's own."""
    if len(words) < 2 or Path(words[0]).name not in SHELLS:
        return None
    if words[1] == "-c":
        lines = words[2:3]
    else:
        script = next((folder / word for word in words[1:] if not word.startswith("-")), None)
        try:
            lines = tuple(script.read_text(errors="replace").splitlines()) if script else ()
        except OSError:
            return None
    for line in lines:
        inner = _hoc_in(line)
        if inner:
            return Shut(
                f"{' '.join(words)}: a shell runs {Path(_program_of(inner)).name} with hoc there, where the agent "
                "cannot get in",
                f"Give the command itself: {inner}",
            )
    return None


def _hoc_in(line: str) -> str:
    """The command in a shell's line that runs hoc by nrniv or special; empty where there is none."""
    for part in line.replace("&&", ";").replace("||", ";").split(";"):
        try:
            words = shlex.split(part, comments=True)
        except ValueError:
            continue
        if words[:1] == ["exec"]:
            words = words[1:]
        names = [Path(word).name for word in words]
        hoc = any(name == "special" or NRNIV.fullmatch(name) for name in names) and "-python" not in words
        if hoc and any(word.endswith(".hoc") or word == "-c" for word in words):
            return shlex.join(words)
    return ""


def _program_of(line: str) -> str:
    return next(word for word in shlex.split(line) if Path(word).name == "special" or NRNIV.fullmatch(Path(word).name))


def _is_file(descriptor: int) -> bool:
    """Whether a file was redirected to it."""
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        return False
