"""The processes of one watched run and what they started, as the agent has noted them (agent/seen.py): which command
simulates, where the given one only starts it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from autotune.agent.seen import FOLDER, INSIDE, PROCESS, SIMULATES, STARTS
from autotune.launch import launchers
from autotune.launch.process import GUARD
from autotune.launch.secrets import without_secrets
from autotune.launch.words import NRNIV, PYTHON, unwrapped
from autotune.untrusted import json_of

WORKER = re.compile(r"--multiprocessing-fork|from multiprocess(?:ing)?[. ].*|joblib\.externals\.loky\.\S*", re.DOTALL)
OPEN_MPI = {"prterun": "mpiexec", "orterun": "mpirun"}  # what its mpiexec becomes
DAEMONS = {*OPEN_MPI, "prted", "orted", "hydra_pmi_proxy", "hydra_bstrap_proxy", "slurmstepd"}
NOT_THE_MODEL = ("-c", "-V", "--version")


@dataclass(frozen=True)
class Noted:
    """One process at one moment."""

    kind: str
    pid: int
    words: tuple[str, ...]
    """With which it was started; of a program that it starts: this one's."""
    folder: str
    ancestors: tuple[tuple[int, tuple[str, ...]], ...]
    """From its parent up to the command itself."""
    copy: bool = False
    """It is a copy (fork) of a process that had imported NEURON."""

    host: str = ""

    @property
    def worker(self) -> bool:
        """It was made by multiprocessing or the like, by a copy or by a start with words of its own."""
        return self.copy or any(map(WORKER.fullmatch, self.words[1:]))

    @property
    def line(self) -> tuple[str, ...]:
        """The words of the outermost launcher above it, below the command itself; else its own."""
        inner = [words for _, words in self.ancestors[:-1]][::-1]
        return next((words for words in inner if words and is_launcher(words[0])), self.words)


_NOTED = TypeAdapter(Noted)


@dataclass(frozen=True)
class Family:
    """All that was noted of one run; empty for runs that do not observe."""

    noted: tuple[Noted, ...] = ()

    @property
    def pythons(self) -> tuple[Noted, ...]:
        """Processes that the agent's way in has reached, whether they imported NEURON or not."""
        return self._of(PROCESS)

    @property
    def with_agent(self) -> tuple[Noted, ...]:
        """Processes in whose NEURON the agent is."""
        return self._of(INSIDE)

    @property
    def simulating(self) -> tuple[Noted, ...]:
        """Processes that came to a finitialize, whether they reported or not."""
        return self._of(SIMULATES)

    def workers(self, reported: Iterable[int]) -> tuple[Noted, ...]:
        """Workers that simulate; a process that itself `reported` is one only if it was started as one."""
        there = set(reported)
        return tuple(p for p in self.simulating if p.worker or (p.pid not in there and self._forked(p)))

    def inner(self, folder: Path) -> list[str]:
        """The commands that simulate, where the given one starts them: as a shell in `folder` takes them."""
        started = {n.words: n for n in self._of(STARTS) if may_simulate(n.words)}
        inside = [n for n in self.pythons if n.words and _is_hoc_program(n.words[0])]
        below = [n for n in (*self.simulating, *inside) if n.ancestors and not n.worker]
        seen = {n.line: n for n in below if may_simulate(n.line)}
        return list(dict.fromkeys(_shell(words, n.folder, folder) for words, n in (started or seen).items()))

    def started(self, reported: Iterable[int], folder: Path) -> str:
        """The command that simulates, and has `reported`, where a Python process of the given one, or a launcher
        that this one starts, only starts it; empty where it simulates itself, or a shell or the like starts it.
        """
        there, pythons = set(reported), {n.pid for n in self.pythons}
        below = (
            n
            for n in self.simulating
            if n.pid in there and any(pid in pythons or _starts_ranks(words) for pid, words in n.ancestors)
        )
        return next((_shell(n.line, n.folder, folder) for n in below), "")

    def one_launcher(self, reported: Iterable[int]) -> str:
        """The launcher that started all of these, if one did, below the command itself: mpiexec, for example."""
        there = set(reported)
        mine = [
            [(pid, words) for pid, words in n.ancestors if _starts_ranks(words)]
            for n in self.simulating
            if n.pid in there
        ]
        if not mine or not all(mine) or len({above[-1][0] for above in mine}) > 1:
            return ""
        name = Path(mine[0][-1][1][0]).name
        return OPEN_MPI.get(name, name)

    def entered(self, program: str) -> Noted | None:
        """A process of this program, nrniv for example, that the way in has reached."""
        return next((n for n in self.pythons if n.words and Path(n.words[0]).name == program), None)

    def _of(self, kind: str) -> tuple[Noted, ...]:
        return tuple(noted for noted in self.noted if noted.kind == kind)

    def _forked(self, process: Noted) -> bool:
        """It has the words of its parent: a copy that imported NEURON itself."""
        return bool(process.ancestors) and process.words == process.ancestors[0][1]


def read_family(folder: Path, parallel: bool) -> Family:
    """What the processes of the run in this folder have left; torn notes are left out. `parallel`: the command has a
    launcher, which is no part of the family.
    """
    found = []
    for file in sorted((folder / FOLDER).glob("*.json")):
        try:
            noted = _NOTED.validate_python(json_of(file, shown=without_secrets))
        except (ValueError, OSError):
            continue
        above = noted.ancestors
        guard = next((at for at, (_, words) in enumerate(above) if str(GUARD) in words), None)
        above = above[:guard]
        while parallel and guard is None and above and not _starts_ranks(above[-1][1]):
            above = above[:-1]  # of a daemon on another node, which the command's own launcher has put there
        while parallel and above and _starts_ranks(above[-1][1]):
            above = above[:-1]
        found.append(replace(noted, ancestors=above))
    return Family(tuple(found))


def is_launcher(word: str) -> bool:
    """Whether this program starts ranks."""
    return bool(launchers.named(word)) or Path(word).name in OPEN_MPI


def may_simulate(words: Sequence[str]) -> bool:
    """Whether a command can be one that runs NEURON, as far as its words tell."""
    if len(words) == 1:  # of os.system: a line for the shell
        words = _split(words[0])
    if _is_shell_line(words):
        words = _split(words[2])
    words = unwrapped(tuple(words)).words
    if len(words) < 2 or words[1] in NOT_THE_MODEL:
        return False
    return is_launcher(words[0]) or _is_hoc_program(words[0]) or bool(PYTHON.fullmatch(Path(words[0]).name))


def _starts_ranks(words: Sequence[str]) -> bool:
    if not words:
        return False
    name = Path(words[0]).name.partition(":")[0]  # slurmstepd: [4711.0]
    return is_launcher(words[0]) or name in DAEMONS


def _is_hoc_program(word: str) -> bool:
    name = Path(word).name
    return name == "special" or bool(NRNIV.fullmatch(name))


def _is_shell_line(words: Sequence[str]) -> bool:
    return len(words) == 3 and words[1] == "-c" and Path(words[0]).name in ("sh", "bash", "dash")


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _shell(words: Sequence[str], folder: str, here: Path) -> str:
    """The words as a line for the shell, from the folder `here`."""
    if len(words) == 1:
        line = words[0]
    elif _is_shell_line(words):
        line = words[2]
    else:
        first = OPEN_MPI.get(Path(words[0]).name, words[0])
        line = shlex.join([first, *words[1:]])
    return line if Path(folder) == here or not folder else f"cd {shlex.quote(folder)} && {line}"
