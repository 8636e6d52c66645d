"""In which formats an answer is handed over: one module a format, found here and listed nowhere.

A format is a module with `FILE`, the name of the file that is written where the user names none, and
`text(answer: Answer) -> str`; the first line of its docstring is what the reference says of it.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from autotune.errors import UsageError

NAMES = tuple(sorted(found.name for found in iter_modules(__path__)))


def named(name: str) -> ModuleType:
    """The format of this name. Raises UsageError."""
    if name not in NAMES:
        raise UsageError(f"there is no format {name!r}", cure=f"The formats are {', '.join(NAMES)}.")
    return import_module(f"{__name__}.{name}")
