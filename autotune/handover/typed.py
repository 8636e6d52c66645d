"""Whether a command that was typed is one that was proved, word by word; the same for Python and for a shell.

A study's command may hold `{python}`, the tuner's own interpreter, and `{ranks}`: whoever types it writes a name and a
number there. Which NEURON that Python has is not asked here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

PYTHON, RANKS = "{python}", "{ranks}"
_PYTHON = re.compile(r"\{python\}|(.*/)?python[0-9.]*")


def is_typed(typed: Sequence[str], proved: Sequence[str]) -> bool:
    """Every word is the proved one."""
    return len(typed) == len(proved) and all(map(_is_word, typed, proved))


def program_of(proved: Sequence[str]) -> str:
    """The program as it is typed."""
    return "python" if proved[0] == PYTHON else proved[0]


def shell_test(number: int, proved: str) -> str:
    """The condition in sh that argument `number` is the proved word."""
    place = f"${{{number}}}"
    if proved == PYTHON:
        return _case(place, f"{shlex.quote(PYTHON)}|python|python[0-9]*|*/python|*/python[0-9]*")
    if RANKS in proved:
        before, _, after = proved.partition(RANKS)
        return _case(place, f"{shlex.quote(before)}[0-9]*{shlex.quote(after)}")
    return f'[ "{place}" = {shlex.quote(proved)} ]'


def _is_word(typed: str, proved: str) -> bool:
    if typed == proved:
        return True
    if proved == PYTHON:
        return _PYTHON.fullmatch(typed) is not None
    before, ranks, after = proved.partition(RANKS)
    return bool(ranks) and re.fullmatch(f"{re.escape(before)}[0-9]+{re.escape(after)}", typed) is not None


def _case(place: str, pattern: str) -> str:
    return f'{{ case "{place}" in {pattern}) true;; *) false;; esac; }}'
