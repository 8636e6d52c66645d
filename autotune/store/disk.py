"""What a file system refuses while a study runs, told as something that the user can mend: full, read-only, taken away.

Nothing is lost by it: records are written whole or not at all, so the same command goes on where it stopped. Must never
hide a mistake of our own: what the file system did not refuse keeps its traceback.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autotune.errors import UsageError

PROBE_BYTES = 1 << 18
"""A disk on which not even this can be written is full for us: the reports of a few ranks need as much."""
GOES_ON = "then give the same command again: it goes on where it stopped."
REFUSED = {
    errno.ENOSPC: ("the disk is full", "Make room on it"),
    errno.EDQUOT: ("your quota on this disk is used up", "Make room"),
    errno.EFBIG: ("no file may grow so large here", "Raise the limit (ulimit -f)"),
    errno.EROFS: ("the file system is read-only", "Make it writable, or choose another place with --out"),
    errno.EACCES: ("you may not write there", "Look at its permissions, or choose another place with --out"),
    errno.EPERM: ("you may not write there", "Look at its permissions, or choose another place with --out"),
    errno.EIO: ("the disk does not answer (input/output error)", "Look after the disk"),
    errno.ESTALE: ("the file server has lost it", "Mount it again"),
    errno.ENOTCONN: ("the file server does not answer", "Mount it again"),
    errno.EMFILE: ("too many files are open", "Raise the limit (ulimit -n)"),
    errno.ENFILE: ("too many files are open on this machine", "Close other programs"),
}


@contextmanager
def disk_errors_told(folder: Path) -> Iterator[None]:
    """Raise UsageError for what the file system refuses inside, a study in `folder` being at work."""
    there = folder.exists()
    try:
        yield
    except OSError as error:
        told = in_words(error, folder, there)
        if told is None:
            raise
        raise told from error


def in_words(error: OSError, folder: Path, there: bool = True) -> UsageError | None:
    """What happened and what to do; None where the file system is not at fault. `there`: the study had a folder."""
    place = error.filename if isinstance(error.filename, str) else str(folder)
    number = _number(error)
    if number is None and there and not folder.is_dir():
        return UsageError(f"{folder}: was removed while the study ran", cure="The same command begins it anew.")
    number = number or what_is_refused(folder)
    if number is not None:
        return refusal(number, place)
    if error.errno == errno.ENOENT and Path(place).absolute().is_relative_to(folder.absolute()):
        return UsageError(
            f"{place}: was removed while the study ran", cure="The same command goes on with what is left."
        )
    return None


def _number(error: OSError) -> int | None:
    """Its number, if it is one of REFUSED; copytree collects errors and tells theirs in words only."""
    told = [error.errno, *map(int, re.findall(r"\[Errno (\d+)\]", str(error)))]
    return next((number for number in told if number in REFUSED), None)


def refusal(number: int, place: Path | str) -> UsageError:
    """An errno of REFUSED in words."""
    what, cure = REFUSED[number]
    return UsageError(f"{place}: {what}", cure=f"{cure}; {GOES_ON}")


def unreadable(file: Path, error: OSError) -> UsageError:
    """A file of the study that cannot be read: it may be whole, so nobody is told to remove it."""
    return UsageError(
        f"{file}: cannot be read: {error.strerror or error}",
        cure="Look at its permissions and at the disk: it may belong to another user. Then try again.",
    )


def what_is_refused(folder: Path) -> int | None:
    """The errno with which `folder` refuses a file of PROBE_BYTES; None where it takes it, or where it is gone."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno if error.errno in REFUSED else None
    return None
