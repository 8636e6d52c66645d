"""The lines that a run printed, so that two runs can be compared: without order, and without what differs from run to
run for reasons of no interest (times, dates, addresses, progress).

Lines of NEURON's and CoreNEURON's own greeting are left out; their warnings are not.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from autotune.launch.secrets import as_shown, without_secrets

MOST_BYTES = 1 << 23
LAST_BYTES = 1 << 20
MOST_LINES = 2_000  # different ones
MOST_WARNINGS = 20
MOST_COMPLAINTS = 3
COMPLAINT = re.compile(  # of hoc, on stderr; after a warning of this kind it goes on
    r"^\S*(?:nrniv|special|python\S*): (?!Assignment to modern physical constant).*$", re.MULTILINE
)
LONGEST = 300

_GREETINGS = (
    r"NEURON -- ",
    r"Duke, Yale, and",
    r"See https?://(www\.)?neuron\.yale",
    r"Additional mechanisms from",
    r"loading membrane mechanisms",
    r"\s*(\"?[\w./-]+\.mod\"?\s*)+$",
    r"numprocs=",
    r"Using neuron-nmodl",
    r"INFO : ",
    r"CoreNEURON run",
    r"--[a-z][a-z-]*=\S*$",  # its options
    r"Warning: no DISPLAY",
    r"--No graphics",
    r"(Try|Tried) loading (an MPI library|libmpi)",
    r"could not dynamically load libmpi",
    r"load_mpi: ",
    r"libmpi\w*\.so",
    r"Is (an MPI library such as )?openmpi, ",
)
_GREETING = re.compile("|".join(_GREETINGS))
# The launcher speaks of itself, and of where it has put the ranks.
_LAUNCHER = re.compile(
    r"mpiexec|mpirun|orterun|\bprte|\bpmix|\bompi|open ?mpi|\bmpich|hydra|\bsrun\b|MPI startup", re.I
)
_WARNING = re.compile(r"\bwarning\b|\bnotice\b|\bdiscarded\b|\bignored\b|\bnot allowed\b|^NEURON: ", re.I)
_PYTHON = re.compile(r"\w+Warning\b|warnings\.warn")

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_WEEKDAYS = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*"
_MONTHS = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_NUMBER = r"\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?"
_UNIT = r"(?:hours?|hrs?|h|minutes?|mins?|seconds?|secs?|s|ms|us|µs|ns)"
_ALWAYS = (
    (re.compile(rf"\b{_WEEKDAYS},? (?={_MONTHS}\b|\d)"), ""),
    (re.compile(rf"\b{_MONTHS} +\d+(?:,? \d{{4}})?|\b\d+ {_MONTHS}(?: \d{{4}})?"), "#"),
    (re.compile(r"\b\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:T(?=\d))?"), "#"),
    (re.compile(r"\b\d{1,3}:\d\d(?::\d\d)?(?:[.,]\d+)?"), "#"),
    (re.compile(r"\b0x[0-9a-f]+", re.I), "#"),
    (  # not the end of 7.735e-06
        re.compile(r"(?<!\d\.)\b(?!\d+e[-+]\d)(?=[0-9a-f-]*\d)(?=[0-9-]*[a-f])[0-9a-f]{4,}(?:-[0-9a-f]{4,})*\b", re.I),
        "#",
    ),
    (re.compile(rf"(?<![\w.])(?:(?:{_NUMBER}) ?{_UNIT}\b[ ,]*)+"), "# s "),
    (re.compile(r"(?<![\w.#])[-+](?=\.?\d)"), ""),
    (re.compile(r"\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+"), "#"),
    (re.compile(r"(?<![\d#])\d{1,2}(?!\d)"), "#"),
    (re.compile(r"(?:[█▉▊▋▌▍▎▏░▒▓]+|([=~*_.>-])\1{2,}>?|#{2,}) *"), "~"),
    (re.compile(r"\s+"), " "),
)
# Whatever number such a line holds may be that of a clock, a process or a memory.
_OF_THE_MACHINE = re.compile(
    r"time|date|took|elapsed|\bin #|wall|cpu|clock|second|speed|fast|\bpid\b|process|memory|rss|\b[kmg]i?b\b|bytes|"
    r"host|rank|core|thread|port|seed|# s\b|%|\bit/s",
    re.I,
)
_INTEGER = re.compile(r"\d+")
_SERIES = re.compile(r"#(?:[\s,;]+#)+")


@dataclass(frozen=True)
class Printed:
    """What a run printed on both streams."""

    lines: dict[str, int] = field(default_factory=dict)
    """How often each line came. Numbers are masked as #, but for integers from 100 on that are no time."""
    warnings: dict[str, str] = field(default_factory=dict)
    """Those that warn, as they are here and as they were printed first."""
    complaints: tuple[str, ...] = ()
    """What hoc said of errors, the first of them; it may have gone on."""

    @property
    def masked(self) -> dict[str, int]:
        """The same with every number masked."""
        counts: Counter[str] = Counter()
        for line, count in self.lines.items():
            counts[without_numbers(line)] += count
        return dict(counts)


def read_printed(*files: Path) -> Printed:
    """What lies in these files, of which the same may be named twice."""
    counts: Counter[str] = Counter()
    warnings: dict[str, str] = {}
    for text in _lines(dict.fromkeys(files)):
        line = comparable(text)
        if line and len(counts) > MOST_LINES:
            line = without_numbers(line)
        if not line or (len(counts) > 2 * MOST_LINES and line not in counts):
            continue
        counts[line] += 1
        if len(warnings) < MOST_WARNINGS and warns(text):
            warnings.setdefault(line, text.strip()[:LONGEST])
    return Printed(dict(counts), warnings, complaints_in(files[-1])[:MOST_COMPLAINTS])


def complaints_in(file: Path) -> tuple[str, ...]:
    """The lines in which hoc says that it stopped at an error."""
    return tuple(dict.fromkeys(map(as_shown, COMPLAINT.findall(printed_in(file)))))


def comparable(text: str) -> str:
    """One line as it is compared; empty where it says nothing of the model."""
    shown = _ANSI.sub("", text.rstrip("\r\n")).rpartition("\r")[2].strip()[:LONGEST]
    if not shown or _GREETING.match(shown):
        return ""
    for pattern, instead in _ALWAYS:
        shown = pattern.sub(instead, shown)
    return without_numbers(shown.strip()) if _OF_THE_MACHINE.search(shown) else shown.strip()


def without_numbers(line: str) -> str:
    """A comparable line with every number masked, and a row of numbers as one."""
    return _SERIES.sub("#", _INTEGER.sub("#", line))


def integers(line: str) -> list[int]:
    """The integers that a comparable line still shows."""
    return [int(number) for number in _INTEGER.findall(line)]


def warns(text: str) -> bool:
    """Whether it is a warning of NEURON or of a mechanism, not of Python or of MPI."""
    return bool(_WARNING.search(text)) and not _PYTHON.search(text) and not _LAUNCHER.search(text)


def of_the_launcher(line: str) -> bool:
    """Whether MPI speaks of itself."""
    return bool(_LAUNCHER.search(line))


def printed_in(file: Path) -> str:
    """What was printed; of a model that prints 1 GB the beginning and the end."""
    with file.open("rb") as stream:
        text = stream.read(MOST_BYTES)
        if rest := file.stat().st_size - len(text):
            stream.seek(max(0, rest - LAST_BYTES), os.SEEK_CUR)
            text += b"\n" + stream.read(LAST_BYTES)
    return text.decode(errors="replace")


def _lines(files: Iterable[Path]) -> Iterator[str]:
    """All lines; not those that a launcher puts between two rules, as Open MPI does with its own messages."""
    for file in files:
        with file.open("rb") as stream:
            text = without_secrets(stream.read(MOST_BYTES).decode(errors="replace"))
        inside = False
        for line in text.split("\n"):
            if re.fullmatch(r"-{74,}", line.strip()):
                inside = not inside
            elif not inside:
                yield line
