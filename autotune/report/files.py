"""Two files of results, or two folders of them, side by side: what `compare` says of anything but rasters.

There is no model beside them whose own error could be a yardstick: it tells how far apart they are, and does not judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from autotune.errors import ExitCode, UsageError
from autotune.results.folder import compared_files, files_in, shown
from autotune.results.measure import Apart, Measured
from autotune.results.pair import measured

NEVER_RASTERS = (".npy", ".json", ".mat", ".pkl", ".pickle", ".png", ".pdf", ".traces")


def are_results(a: Path, b: Path) -> bool:
    """Whether these are folders, or files of a format that holds no raster."""
    return (a.is_dir() and b.is_dir()) or any(file.suffix.lower() in NEVER_RASTERS for file in (a, b))


def compare_results(a: Path, b: Path) -> list[Measured]:
    """Every file of both. Raises UsageError where one of the two is not there, or only one is a folder."""
    for place in (a, b):
        if not place.exists():
            raise UsageError(f"{place}: is not there", cure="Name two files, or two folders of results.")
    if a.is_dir() != b.is_dir():
        raise UsageError(f"{a} and {b}: one is a folder, the other a file", cure="Name two files, or two folders.")
    if a.is_dir():
        return list(compared_files(files_in(a), files_in(b)))
    return [measured(shown(a.name), a, b)]


def exit_code_of(found: Iterable[Measured]) -> ExitCode:
    """1 where something differs, 2 where nothing could be compared, else 0."""
    presences = [each.presence for each in found]
    if any(presence in ("differs", "missing", "new") for presence in presences):
        return ExitCode.DIFFERENT
    return ExitCode.DONE if "same" in presences else ExitCode.USAGE


def results_as_dict(found: Iterable[Measured]) -> dict[str, Any]:
    """For JSON."""
    found = list(found)
    return {"files": [asdict(each) for each in found], "exit_code": int(exit_code_of(found))}


def print_results(found: list[Measured], console: Console) -> None:
    """What differs, file by file, and how many are the same."""
    for each in found:
        for line in _lines(each):
            console.print(f"{escape(each.name)}: {escape(line)}", soft_wrap=True)
    same = sum(each.presence == "same" for each in found)
    console.print(f"{same} of {len(found)} files hold the same")


def _lines(found: Measured) -> Iterator[str]:
    """What there is to say of one file; nothing of one that is the same."""
    if found.presence == "missing":
        yield "is in the first folder only"
    elif found.presence == "new":
        yield "is in the second folder only"
    elif found.presence == "not understood":
        yield f"other bytes; not compared: {found.why}"
    if found.reordered:
        yield "its rows are in another order"
    yield from (_variable(apart) for apart in found.apart)


def _variable(apart: Apart) -> str:
    name = f"{apart.name}: " if apart.name else ""
    if apart.problem:
        return name + apart.problem.replace("your run", "the first")
    if apart.rows:
        return f"{name}one row {'more' if apart.rows > 0 else 'less'}"
    return f"{name}numbers differ by up to {apart.largest:.3g}, the largest is {apart.size:.3g}"
