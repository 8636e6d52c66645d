"""What one run of a command leaves behind, and whether a watched run left what the bare ones do.

Only what varies among the bare runs themselves may vary in the watched one; this module must never forgive more.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from autotune.launch import Finished

MARK = "AUTOTUNE_SWEEP_RUN"
"""A variable in the environment of every run: what outlives the run is known by it."""
NUMBER = re.compile(rb"\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
LETTERS = re.compile(rb"[^A-Za-z]+")  # all others are numbers, units' signs and progress bars
LONGEST = 160  # bytes of a line that are shown

Stamps = dict[str, tuple[int, int]]
"""File, relative to the folder → size in bytes and time of last change in ns."""


@dataclass(frozen=True)
class Ending:
    """How a run ended, what it printed, and every file that it made, changed or removed (then None)."""

    exit: str
    wall_s: float
    stdout: bytes
    stderr: bytes
    files: dict[str, bytes | None] = field(repr=False)
    alive: tuple[str, ...] = ()
    """Processes of the run that were alive after it; they are ended by now."""

    @property
    def good(self) -> bool:
        return self.exit == "0"

    def parts(self) -> dict[str, bytes | None]:
        """What is compared, by name."""
        streams = {"exit code": self.exit.encode(), "standard output": self.stdout, "standard error": self.stderr}
        return {**streams, **self.files, "processes left": " ".join(self.alive).encode()}


def ending_of(finished: Finished, folder: Path, before: Stamps, mark: str) -> Ending:
    """The ending of a run that worked somewhere below `folder`, which looked like `before`."""
    now = stamps(folder)
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    files = {name: _content(folder / name) for name in changed if not name.endswith(".pyc")}
    code = f"signal {finished.signal}" if finished.signal else f"{finished.exit_code}"
    how = "time limit" if finished.timed_out else "stopped" if finished.stopped else code
    streams = finished.stdout.read_bytes(), finished.stderr.read_bytes()
    return Ending(how, finished.wall_s, *streams, files, _end_survivors(mark))


def stamps(folder: Path) -> Stamps:
    """Every file and link below `folder`."""
    found = {}
    for parent, folders, names in os.walk(folder):
        for name in (*names, *folders):
            path = Path(parent, name)
            status = path.lstat()
            whole = (0, 0) if path.is_dir() else (status.st_size, status.st_mtime_ns)
            found[str(path.relative_to(folder))] = whole
    return found


def differences(bare: Sequence[Ending], watched: Ending, in_order: bool = True, clock: str = "") -> list[str]:
    """What the watched run changed, a line each; empty if nothing. Lines of several ranks come in any order, and of
    those that match `clock` only the words count.
    """
    *runs, seen = _dateless([_untimed(ending.parts(), clock) for ending in (*bare, watched)])
    names = dict.fromkeys(name for parts in (*runs, seen) for name in parts)
    told = (
        _difference(name, [parts.get(name, b"") for parts in runs], seen.get(name, b""), in_order) for name in names
    )
    return [line for line in told if line]


def varying(bare: Sequence[Ending]) -> list[str]:
    """What is not the same in all bare runs."""
    runs = [ending.parts() for ending in bare]
    names = dict.fromkeys(name for parts in runs for name in parts)
    return [name for name in names if len({parts.get(name, b"") for parts in runs}) > 1]


def _dateless(runs: list[dict[str, bytes | None]]) -> list[dict[str, bytes | None]]:
    """The same with numbers taken out of the names of files that not every run has: a date, a process."""
    everywhere = set.intersection(*map(set, runs))
    return [
        {name if name in everywhere else _blank(name.encode()).decode(): parts[name] for name in parts}
        for parts in runs
    ]


def _untimed(parts: dict[str, bytes | None], clock: str) -> dict[str, bytes | None]:
    if not clock:
        return parts
    line = re.compile(rb"^.*(?:%s).*$" % clock.encode(), re.MULTILINE)
    return {
        name: text and line.sub(lambda found: LETTERS.sub(b" ", found[0]), b"\n".join(_lines(text)))
        for name, text in parts.items()
    }


def _difference(name: str, bare: list[bytes | None], watched: bytes | None, in_order: bool) -> str:
    if watched in bare:
        return ""
    texts = [text for text in bare if text is not None]
    if watched is None or not texts:
        return f"{name}: {_told(bare[0])} → {_told(watched)}"
    if len(set(texts)) > 1 and any(b"\0" in text for text in (*texts, watched)):
        return ""  # no text, and it varies by itself
    lines, seen = [*map(_lines, texts)], _lines(watched)
    if not in_order:
        lines, seen = [sorted(each) for each in lines], sorted(seen)
    if seen in lines:
        return ""
    if any(each != lines[0] for each in lines) and sorted(seen) in map(sorted, lines):  # the order varies by itself
        return ""
    aligned = in_order and len({len(each) for each in (*lines, seen)}) == 1
    known, odd = (_aligned if aligned else _unordered)(lines, seen)
    if not odd and not known:
        return ""
    return f"{name}: {_told(b' | '.join(known[:2]))} → {_told(b' | '.join(odd[:2]))}"


def _aligned(bare: list[list[bytes]], seen: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Lines that differ where those of the bare runs agree, or differ in more than numbers: of a bare run, and seen."""
    known, odd = [], []
    for line, *others in zip(seen, *bare, strict=True):
        fixed = len(set(others)) == 1
        if line not in others and (fixed or _blank(line) not in map(_blank, others)):
            known.append(others[0])
            odd.append(line)
    return known, odd


def _unordered(bare: list[list[bytes]], seen: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Lines of all bare runs that are missing, and lines like none that varies among the bare runs, numbers aside."""
    counts = [Counter(each) for each in bare]
    common = counts[0]
    for each in counts[1:]:
        common = common & each
    free: Counter[bytes] = Counter()
    for each in counts:
        free |= Counter(map(_blank, (each - common).elements()))
    odd = []
    for line in (Counter(seen) - common).elements():
        if free[_blank(line)] > 0:
            free[_blank(line)] -= 1
        else:
            odd.append(line)
    return [*(common - Counter(seen)).elements()], odd


def _lines(text: bytes) -> list[bytes]:
    """As a terminal shows them: of a progress bar, its last state."""
    return [line.rstrip(b"\r").rpartition(b"\r")[2] for line in text.removesuffix(b"\n").split(b"\n")]


def _blank(line: bytes) -> bytes:
    return b" ".join(NUMBER.sub(b"#", line).split())  # columns are padded


def _told(content: bytes | None) -> str:
    if content is None:
        return "removed"
    return content[:LONGEST].decode(errors="replace") if content else "nothing"


def _content(path: Path) -> bytes | None:
    if path.is_symlink():
        return f"link to {path.readlink()}".encode()
    if path.is_dir():
        return b"folder"
    return path.read_bytes() if path.exists() else None


def _end_survivors(mark: str) -> tuple[str, ...]:
    """Name and end every process that carries this mark."""
    names = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                names.append(process.name())
                process.kill()
        except psutil.Error:
            continue
    return tuple(sorted(names))
