"""The words of a command line: where a launcher's options end, and what python, nrniv and special do with theirs.

It must never look at files or at the environment, and never guess silently: what it does not know it takes for a flag.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from autotune.errors import UsageError

Form = Literal["python", "python -m", "nrniv -python", "nrniv", "special -python", "special", "other"]

LAUNCHER = re.compile(r"(mpiexec|mpirun|orterun|prterun|srun)(\.\w+)?")
PYTHON = re.compile(r"python[\d.]*|pypy[\d.]*|\{python\}")
NRNIV = re.compile(r"nrniv|nrngui")


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


COUNT = _set("-n -np --np -c --n --ntasks")
COUNT_SRUN = _set("-n --ntasks")  # srun's -c is cpus per task

# Launcher options whose value is the next word (or the next two words): man pages of mpirun (Open MPI 4 and 5), MPICH's
# Hydra, Intel MPI and srun. An option that is not listed is taken for a flag, unless a bare number follows.
ONE_VALUE = _set(
    """-H -host --host -hosts -hostfile --hostfile -machinefile --machinefile --default-hostfile -x -map-by --map-by
    -bind-to --bind-to -rank-by --rank-by -N -npernode --npernode -npersocket --npersocket -ppn -perhost -ppr --ppr
    -wdir --wdir -wd --wd -path --path -prefix --prefix -output --output -output-filename --output-filename -rf
    -rankfile --rankfile -cpu-set --cpu-set -cpu-list --cpu-list -cpus-per-proc --cpus-per-proc -cpus-per-rank
    --cpus-per-rank -slot-list --slot-list -timeout --timeout -stdin --stdin -tune --tune -am --am -dvm --dvm
    -personality --personality -launch-agent --launch-agent -f -genvlist -envlist -launcher -launcher-exec -bootstrap
    -rmk -iface -usize -prepend-pattern -outfile-pattern -errfile-pattern"""
)
TWO_VALUES = _set(
    """-mca --mca -gmca --gmca -omca --omca -prtemca --prtemca -pmixmca --pmixmca -gpmixmca --gpmixmca -genv -env"""
)
ONE_VALUE_SRUN = _set(
    """-A -c -D -d -e -G -i -J -L -m -M -N -o -p -q -t -w -x -T --account --chdir --constraint --cpu-bind
    --cpus-per-task --dependency --distribution --error --exclude --export --gpus --gres --hint --input --job-name
    --mem --mem-per-cpu --mem-bind --mpi --nodelist --nodes --ntasks-per-node
    --output --partition --qos --reservation --time"""
)
WORKING_FOLDER = _set("-wdir --wdir -wd --wd -D --chdir")

# Options of nrniv and special (`nrniv -h`, and InterViews' own) whose value is the next word.
NRNIV_ONE_VALUE = _set("-NSTACK -NFRAME -dll -pyexe -mswin_scale -bbs_nhost -display -geometry -font -title -name")
PYTHON_ONE_VALUE = _set("-W -X --check-hash-based-pycs")


def launcher_end(words: tuple[str, ...]) -> tuple[int, int | None]:
    """Return where the program begins, and the number of ranks asked for (None: not said, or `{ranks}`)."""
    srun = Path(words[0]).name == "srun"
    counts, one_value = (COUNT_SRUN, ONE_VALUE_SRUN) if srun else (COUNT, ONE_VALUE)
    ranks: int | None = None
    at = 1
    while at < len(words) and words[at].startswith("-"):
        option, equals, value = words[at].partition("=")
        glued = re.fullmatch(r"-n(\d+)", option)
        if option in counts or glued:
            value = glued[1] if glued else value if equals else "".join(words[at + 1 : at + 2])
            ranks = count(option, value)
            at += 1 if glued or equals else 2
        elif equals:
            at += 1
        elif option in TWO_VALUES:
            at += 3
        else:
            followed_by_number = at + 1 < len(words) and words[at + 1].isdecimal()
            at += 2 if option in one_value or followed_by_number else 1
    return min(at, len(words)), ranks


def count(option: str, value: str) -> int | None:
    """Read a number of ranks; None for `{ranks}`. Raises UsageError."""
    if value == "{ranks}":
        return None
    if not value.isdecimal() or int(value) < 1:
        raise UsageError(
            f"{option} {value}: not a number of ranks.",
            cure="Give a whole number of at least 1, or {ranks} to have it tuned.",
        )
    return int(value)


def form_of(program: tuple[str, ...]) -> Form:
    """Say how `program` runs its model."""
    name = Path(program[0]).name
    if PYTHON.fullmatch(name):
        at = python_target(program)
        return "python -m" if at < len(program) and program[at] == "-m" else "python"
    if name == "special":
        return "special -python" if "-python" in program else "special"
    if NRNIV.fullmatch(name):
        return "nrniv -python" if "-python" in program else "nrniv"
    return "other"


def python_target(program: tuple[str, ...]) -> int:
    """Index of python's script, -m or -c."""
    at = 1
    while at < len(program) and program[at].startswith("-") and program[at] not in ("-m", "-c", "-"):
        at += 2 if program[at] in PYTHON_ONE_VALUE else 1
    return at


def first_file(program: tuple[str, ...]) -> int:
    """Index of the first file argument of nrniv or special: a file, `-c statement`, or - for standard input."""
    at = 1
    while at < len(program) and program[at].startswith("-") and program[at] not in ("-c", "-"):
        at += 2 if program[at] in NRNIV_ONE_VALUE else 1
    return min(at, len(program))
