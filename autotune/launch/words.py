"""The words of a program: what python, nrniv and special do with theirs (those of a launcher: launchers/).

It must never look at files or at the environment, and never guess silently: what it does not know it takes for a flag.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from autotune.launch.launchers.grammar import options

Form = Literal["python", "python -m", "nrniv -python", "nrniv", "special -python", "special", "other"]

PYTHON = re.compile(r"python[\d.]*|pypy[\d.]*|\{python\}")
NRNIV = re.compile(r"nrniv|nrngui")

# Options of nrniv and special (`nrniv -h`, and InterViews' own) whose value is the next word.
NRNIV_ONE_VALUE = options("-NSTACK -NFRAME -dll -pyexe -mswin_scale -bbs_nhost -display -geometry -font -title -name")
PYTHON_ONE_VALUE = options("-W -X --check-hash-based-pycs")


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
