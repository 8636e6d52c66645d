"""study.toml → StudyConfig."""

from __future__ import annotations

import difflib
import re
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from autotune.config.mistakes import explain
from autotune.config.study import LONGEST_NAME, StudyConfig
from autotune.errors import UsageError
from autotune.untrusted import text_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


STUDY_FILE = "study.toml"
_MOST_BYTES = 1 << 20
_MOST_PARTS = 200
"""Of a dotted key: the parser needs time and memory by their square (50,000 parts: a minute and 3.6 GB)."""
_BETWEEN = re.compile(r"[=,#\n\[\]{}]")
"""Between keys and values; no dotted key goes across."""


def read_study(path: Path) -> StudyConfig:
    """The study in `path`: a folder that holds study.toml, or such a file.

    Raises UsageError naming file, line, key and what is allowed.
    """
    file = path / STUDY_FILE if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"{path}: no study there ({file} does not exist)", cure=_studies_near(path))
    text = _read_text(file)
    try:
        if any(piece.count(".") > _MOST_PARTS for piece in _BETWEEN.split(text)):
            raise ValueError("a key or a word of so many parts, with dots between, is not read")
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits and the like are no TOMLDecodeError
        what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise UsageError(
            f"{file}: not valid TOML: {what}", cure="Strings need quotes; see docs/reference/study.md."
        ) from error
    data.setdefault("name", _name_after(file.parent.resolve()))
    folder = data.get("folder", "")
    data["folder"] = file.parent.resolve() / folder if isinstance(folder, str) else folder
    return make_config(data, file, text)


def _name_after(folder: Path) -> str:
    """The study's name, if it says none: its folder's, without blanks and what cannot be printed."""
    words = "".join(mark if mark.isprintable() else " " for mark in folder.name).split()
    return "_".join(words).encode()[:LONGEST_NAME].decode(errors="ignore") or "study"


def make_config(data: dict[str, Any], file: Path | None = None, text: str = "") -> StudyConfig:
    """Validate; `file` and its `text` are there to name the place of an error. Raises UsageError."""
    try:
        return StudyConfig.model_validate(data)
    except ValidationError as error:
        raise UsageError("\n".join(explain(problem, file, text) for problem in error.errors())) from error


def _read_text(file: Path) -> str:
    try:
        return text_of(file, _MOST_BYTES)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{file}: cannot be read: {error}", cure="A study.toml is a small text file, in UTF-8."
        ) from error


def _studies_near(path: Path) -> str:
    folder = path.parent if path.parent.is_dir() else Path()
    names = sorted(str(found.parent) for found in folder.glob(f"*/{STUDY_FILE}"))
    nearest = difflib.get_close_matches(str(path), names, n=1)
    if nearest:
        return f"Did you mean {nearest[0]}?"
    if names:
        return f"Studies in {folder}: {', '.join(names)}."
    return "Give a folder with a study.toml, or a command: python -m autotune run -- mpiexec -n 2 python model.py"
