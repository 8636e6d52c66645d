"""JSON as named variables: lists of numbers are arrays, everything else is a value of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from autotune.results.formats.arrays import Variable, Variables, held
from autotune.results.formats.dates import without_dates


@contextmanager
def json_file(file: Path) -> Iterator[Variables]:
    """The values of a file, by their keys."""
    with file.open("rb") as stream:
        yield dict(_values("", json.load(stream)))


def _values(name: str, value: Any) -> Iterator[tuple[str, Variable]]:
    if isinstance(value, dict):
        yield f"{name}/", held(np.array(0))
        for key, inside in value.items():
            yield from _values(f"{name}/{key}" if name else str(key), inside)
    elif isinstance(value, list):
        yield from _list(name, value)
    elif isinstance(value, str):
        yield name, held(np.array(without_dates(value)))
    elif value is None:
        yield name, held(np.array("null"))
    else:
        yield name, held(_numbers(name, value))


def _list(name: str, values: list[Any]) -> Iterator[tuple[str, Variable]]:
    try:
        array = np.array(values)
    except ValueError:  # of several lengths
        array = np.array(None, object)
    if array.dtype.kind in "biuf" or (array.dtype.kind == "U" and all(isinstance(each, str) for each in values)):
        yield name, held(array)
        return
    for number, inside in enumerate(values):
        yield from _values(f"{name}/{number}", inside)


def _numbers(name: str, value: float | bool) -> np.ndarray[Any, Any]:
    try:
        return np.array(float(value)) if isinstance(value, int) and abs(value) > 2**62 else np.array(value)
    except OverflowError:
        return np.array(str(value))
