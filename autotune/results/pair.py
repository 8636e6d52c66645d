"""Two files side by side: first as bytes, then as what they hold.

A file that is equal byte for byte is never parsed. A pickle is never opened, nor a link followed. What cannot be read
says why, and is no error of the comparison.
"""

from __future__ import annotations

import filecmp
import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

from autotune.results.formats.arrays import Variables, compare, held
from autotune.results.formats.binary import hdf5, matlab, npy, npz
from autotune.results.formats.text import LARGEST_SORTED, compare_text, table
from autotune.results.formats.thinned import thinned
from autotune.results.formats.traces import SUFFIX, traces
from autotune.results.formats.tree import json_file
from autotune.results.measure import Apart, Measured, NotUnderstood
from autotune.untrusted import BROKEN

Reader = Callable[[Path], AbstractContextManager[Variables]]

LARGEST_HELD = 500 << 20  # bytes of a file whose format has to be read as a whole
LARGEST_JSON = 200 << 20  # Python's lists take ten times the space of their text
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF", b"RIFF", b"II*\0", b"MM\0*")


def measured(name: str, own: Path | None, other: Path | None, renamed: str = "") -> Measured:
    """How the file of this name differs from the user's own; None where there is none. Raises nothing for what the
    files hold.
    """
    if own is None or other is None:
        return Measured(name, "new" if own is None else "missing")
    try:
        return replace(_measured(name, own, other), renamed=renamed)
    except OSError as error:
        return Measured(name, "not understood", f"cannot be read: {error.strerror or error}")


def _measured(name: str, own: Path, other: Path) -> Measured:
    kinds = [stat.S_IFMT(file.lstat().st_mode) for file in (own, other)]
    if kinds[0] != kinds[1]:
        return _problem(name, "is another kind of file than in your run")
    if kinds[0] == stat.S_IFLNK:
        same = os.readlink(own) == os.readlink(other)
        return Measured(name, "same") if same else _problem(name, "is a link to another place")
    if kinds[0] != stat.S_IFREG:
        return Measured(name, "not understood", "is no ordinary file")
    if filecmp.cmp(own, other, shallow=False):
        return Measured(name, "same")
    try:
        apart, reordered = _compare(own, other)
    except NotUnderstood as why:
        return Measured(name, "not understood", str(why))
    if not apart and not reordered:
        return Measured(name, "same")
    return Measured(name, "differs", apart=tuple(apart), reordered=reordered, thinned=_thinned(own, other, apart))


def _problem(name: str, problem: str) -> Measured:
    return Measured(name, "differs", apart=(Apart("", problem),))


def _compare(own: Path, other: Path) -> tuple[list[Apart], bool]:
    """What differs, and whether rows came in another order. Raises NotUnderstood."""
    empty = [file.stat().st_size == 0 for file in (own, other)]
    if any(empty):
        return [Apart("", "is empty" if empty[1] else "is not empty, as in your run")], False
    read = reader(own)
    if read is None:
        return compare_text(own, other)
    with ExitStack() as stack:
        try:
            mine = stack.enter_context(read(own))
        except NotUnderstood:
            raise
        except BROKEN as error:
            raise NotUnderstood(f"cannot be read: {error}") from error
        try:
            theirs = stack.enter_context(read(other))
            return compare(mine, theirs)
        except NotUnderstood:
            raise
        except BROKEN as error:
            return [Apart("", f"cannot be read as in your run: {str(error)[:120]}")], False


def _thinned(own: Path, other: Path, apart: list[Apart]) -> tuple[Apart, ...]:
    """What differs of the rows of the same steps, where `other` holds more; nothing that cannot be read."""
    if not any(each.problem for each in apart) or other.stat().st_size <= own.stat().st_size:
        return ()
    try:
        read = reader(own)
        if read is not None:
            with read(own) as mine, read(other) as theirs:
                return thinned(mine, theirs)
        if max(file.stat().st_size for file in (own, other)) > LARGEST_SORTED:
            return ()
        tables = [{name: held(column) for name, column in (table(file) or {}).items()} for file in (own, other)]
        return thinned(*tables)
    except (NotUnderstood, *BROKEN):
        return ()


def reader(file: Path) -> Reader | None:
    """What reads a file with this content; None for a text. Raises NotUnderstood."""
    with file.open("rb") as stream:
        start = stream.read(1 << 13)
    size, suffix = file.stat().st_size, file.suffix.lower()
    if suffix in (".pkl", ".pickle", ".p") or (start[:1] == b"\x80" and start[1:2] in b"\2\3\4\5"):
        raise NotUnderstood("a pickle is never opened")
    if start.startswith(b"\x93NUMPY"):
        return npy
    if start.startswith(b"\x89HDF\r\n\x1a\n") or start[512:520] == b"\x89HDF\r\n\x1a\n":
        return hdf5
    held: Reader | None = None
    if start.startswith(b"PK\3\4") and suffix == ".npz":
        held = npz
    elif start.startswith(b"MATLAB 5.0") or suffix == ".mat":
        held = matlab
    elif suffix == ".json":
        held = json_file
    elif suffix == SUFFIX:
        held = traces
    if held is not None:
        if size > (LARGEST_JSON if held is json_file else LARGEST_HELD):
            raise NotUnderstood(f"has {size >> 20} MB, more than is read of this format")
        return held
    if start.startswith(_PICTURES):
        raise NotUnderstood("a picture is compared as bytes only")
    if b"\0" in start:
        raise NotUnderstood("its format is not known")
    return None
