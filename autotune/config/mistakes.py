"""What is wrong with a study.toml: the file, the line, the key and what is allowed."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from autotune.config.study import StudyConfig

_LONGEST = 80  # of a wrong value, in a message


def explain(problem: Any, file: Path | None, text: str) -> str:
    keys = [str(part) for part in problem["loc"] if not isinstance(part, int)]
    name = ".".join(keys)
    place = ""
    if file is not None:
        line = _line_of(keys, text)
        place = f"{file}:{line}: " if line else f"{file}: "
    if problem["type"] == "extra_forbidden":
        return f"{place}unknown key {name!r}; {_allowed(keys)}"
    if problem["type"] == "missing":
        return f"{place}key {name!r} is missing"
    message = str(problem["msg"]).removeprefix("Value error, ")
    meaning = _field_description(keys)
    given = _shortened(repr(problem["input"]))
    return f"{place}{name} = {given}: {message}" + (f" ({meaning})" if meaning else "")


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _model_at(keys: list[str]) -> type[BaseModel] | None:
    model: type[BaseModel] = StudyConfig
    for key in keys:
        field = model.model_fields.get(key)
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return None
        model = field.annotation
    return model


def _allowed(keys: list[str]) -> str:
    model = _model_at(keys[:-1])
    names = list(model.model_fields) if model else []
    nearest = difflib.get_close_matches(keys[-1], names, n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    return f"{hint}allowed here: {', '.join(names)}"


def _field_description(keys: list[str]) -> str:
    model = _model_at(keys[:-1])
    field = model.model_fields.get(keys[-1]) if model and keys else None
    return (field.description or "") if field else ""


def _line_of(keys: list[str], text: str) -> int | None:
    """The line on which the last key stands, in the table that the others name."""
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\s*([^\]]+?)\s*\]", line)
        if header:
            table = header.group(1)
            if table == ".".join(keys):
                return number
        key = re.match(r"\s*([A-Za-z0-9_.\"-]+)\s*=", line)
        if key and ".".join(filter(None, [table, key.group(1).strip('"')])) == ".".join(keys):
            return number
    return None
