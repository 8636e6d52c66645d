"""The words of a program: what python, nrniv and special do with theirs (those of a launcher: launchers/).

It must never look at files or at the environment, and never guess silently: what it does not know it takes for a flag.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from autotune.launch.launchers.grammar import options

Form = Literal["python", "python -m", "nrniv -python", "nrniv", "special -python", "special", "other"]

PYTHON = re.compile(r"python[\d.]*|pypy[\d.]*|\{python\}")
NRNIV = re.compile(r"nrniv|nrngui")

# Options of nrniv and special (`nrniv -h`, and InterViews' own) whose value is the next word.
NRNIV_ONE_VALUE = options("-NSTACK -NFRAME -dll -pyexe -mswin_scale -bbs_nhost -display -geometry -font -title -name")
PYTHON_ONE_VALUE = options("-W -X --check-hash-based-pycs")
ENV_ONE_VALUE = options("-u -C -a --unset --chdir --argv0")
ENV_SPLIT = re.compile(r"(?:-([iv0]*)S|--split-string=?)(.*)", re.DOTALL)
CLUSTER = re.compile(r"-[iv0]+")
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)


@dataclass(frozen=True)
class Unwrapped:
    """What stands behind `env`."""

    words: tuple[str, ...]
    """The program that it starts."""
    emptied: str = ""
    """The option with which it takes all variables away."""
    set: frozenset[str] = frozenset()
    """The variables that it sets or takes away."""


def unwrapped(program: tuple[str, ...]) -> Unwrapped:
    """`program` without `env` and its options."""
    if not program or Path(program[0]).name != "env":
        return Unwrapped(program)
    words, emptied, names, at = list(program), "", set(), 1
    while at < len(words):
        word = words[at]
        option, _, value = word.partition("=")
        split = ENV_SPLIT.fullmatch(word)
        if word in ("-", "--ignore-environment") or (CLUSTER.fullmatch(word) and "i" in word):
            emptied = word
        if split:
            emptied = "-i" if "i" in (split[1] or "") else emptied
            glued = bool(split[2])
            words[at : at + (1 if glued else 2)] = shlex.split(split[2] if glued else "".join(words[at + 1 : at + 2]))
            continue
        if emptied == word:
            pass
        elif word in ("-u", "--unset"):
            names.add("".join(words[at + 1 : at + 2]))
        elif option == "--unset" or word.startswith("-u"):
            names.add(value or word[2:])
        elif ASSIGNMENT.fullmatch(word):
            names.add(option)
        elif not word.startswith("-"):
            break
        at += 2 if word in ENV_ONE_VALUE else 1
    inner = unwrapped(tuple(words[at:]))
    return Unwrapped(inner.words, emptied or inner.emptied, frozenset(names) | inner.set)


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


def python_flags(program: tuple[str, ...]) -> str:
    """The letters of python's own options, without those that have a value: "uE" of `python -uE model.py`."""
    words = program[1 : python_target(program)]
    return "".join(word[1:] for word in words if word[:1] == "-" and word[:2] not in ("--", "-W", "-X"))


def first_file(program: tuple[str, ...]) -> int:
    """Index of the first file argument of nrniv or special: a file, `-c statement`, or - for standard input."""
    at = 1
    while at < len(program) and program[at].startswith("-") and program[at] not in ("-c", "-"):
        at += 2 if program[at] in NRNIV_ONE_VALUE else 1
    return min(at, len(program))
