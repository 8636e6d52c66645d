"""Are the files of a run the same as those of the user's own run? Judged by the class of what was changed, with the
model's own error as the yardstick: what its files do from one run to the next, under a perturbation, and at dt/2 and
dt/4 or at a tighter tolerance of the variable step.

A file that cannot be read proves nothing, and is named. The rules and their reasons are in
docs/explanation/same-spikes.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import ClassVar

from autotune.agent.driver.ask import refining
from autotune.agent.knobs import EXACT, NUMERICAL
from autotune.config import AcceptConfig
from autotune.launch.results import Results
from autotune.results import FARTHEST, Compared
from autotune.results.folder import matches
from autotune.results.measure import Apart, Measured
from autotune.settings import Changes, changing
from autotune.store.folder import StudyFolder
from autotune.verify.references import HALF, LONGER, QUARTER, TIGHTER

OWN = "own"
ROUNDING = 1e-6
"""Share of the largest number of a variable: what a change of rounding may do to any of them."""
OF_THE_MACHINE = 1e-3
"""Numbers that differ by a larger share between two runs of the same settings are clocks, ids and the like."""
SINCE_1970 = (1.5e9, 2.5e9)
"""Seconds (and ms, us, ns) of which a number that differs from run to run is a time of day."""
REPEATED = 4.0
"""So many times as much as the user's own runs differ, an exact knob may."""
SINGLE = 3.0
"""A single number may be so many times as far from its place as all numbers together: the flank of a spike."""
MOST_RUNS = 12
PARTS = ("total", "largest", "sum", "power")


@dataclass(frozen=True)
class OwnFilesRecord:
    """How the files of further runs of the user's model differ from those of the watched run."""

    RECORD: ClassVar[str] = "files"

    runs: dict[str, tuple[Measured, ...]] = field(default_factory=dict)
    """By what the run was: own-1, own-2, …, perturbed-1, half-dt, quarter-dt, tighter, and longer-dt where files have
    another structure then; files that are the same are left out.
    """


class OwnFiles:
    """What is known of the files of a model; it grows with each of its own runs."""

    def __init__(
        self,
        names: Sequence[str] = (),
        record: OwnFilesRecord | None = None,
        on_record: Callable[[OwnFilesRecord], object] = lambda record: None,
    ) -> None:
        """`names`: of the files of the watched run that are compared; `on_record` is told of each run."""
        self.names = tuple(names)
        self._runs = dict(record.runs) if record else {}
        self._on_record = on_record

    def learn(self, files: Sequence[Measured] | None, what: str = OWN) -> None:
        """A further run of the model: with its own settings, or another one that shows its own error."""
        own = sum(name.startswith(OWN) for name in self._runs)
        name = f"{OWN}-{own + 1}" if what == OWN else what
        if files is None or (what == OWN and own >= MOST_RUNS) or name in self._runs:
            return
        self._runs[name] = tuple(each for each in files if each.presence != "same")
        self._on_record(OwnFilesRecord(dict(self._runs)))

    def of(self, name: str) -> list[Measured]:
        """How a file came out in the user's own runs, where it was another."""
        return [each for run in self._own for each in run if each.name == name]

    def changes_by_itself(self, name: str, variable: str) -> bool:
        """Whether a variable holds dates, times or names: what differs between two runs of the same settings."""
        every = (apart for measured in self.of(name) for apart in measured.apart if apart.name == variable)
        return any(each.problem or _of_the_machine(each) for each in every)

    def error(self, name: str, variable: str, *, own: bool) -> Apart:
        """The model's own error of a variable, the most of any run: between runs of the same settings (`own`), or also
        under a perturbation and at a finer dt.
        """
        most = Apart(variable)
        counted = any(each.name == name and _other_structure(each) for each in self._runs.get(LONGER, ()))
        for what, run in self._runs.items():
            if what == LONGER or (own and not what.startswith(OWN)):
                continue
            scale = 1.5 if what == HALF else 1.0  # a first-order method moves 1.5 times as far to dt/4
            by_step = counted and what in (HALF, QUARTER)  # there it holds other steps than the user's, unless thinned
            its = [each for each in run if each.name == name]
            thinned = () if what == TIGHTER else tuple(apart for each in its for apart in each.thinned)
            same_rows = () if by_step else tuple(apart for each in its for apart in each.apart)
            for apart in (*same_rows, *thinned):  # the variable step writes no rows of the same steps
                if apart.name == variable and not apart.problem:
                    known = {part: max(getattr(most, part), scale * getattr(apart, part)) for part in PARTS}
                    most = replace(most, **known)
        return most

    @property
    def _own(self) -> list[tuple[Measured, ...]]:
        return [run for name, run in self._runs.items() if name.startswith(OWN)]

    @property
    def has_new(self) -> bool:
        """Whether own runs write files of other names each time."""
        return any(each.presence == "new" for run in self._own for each in run)


def own_files(folder: StudyFolder, results: Results | None) -> OwnFiles:
    """What a study knows of the files of its model so far; of nothing, where files are not kept from its runs."""
    return OwnFiles(results.names if results else (), folder.read(OwnFilesRecord), folder.write)


@dataclass(frozen=True)
class FileJudge:
    """Judges the files of one run."""

    own: OwnFiles
    limits: AcceptConfig
    changes: Changes
    safety: str

    def judged(self, files: Sequence[Measured]) -> tuple[Compared, ...]:
        """Each file that was compared or could not be."""
        return tuple(verdict for each in files if (verdict := self._file(each)) is not None)

    def _file(self, found: Measured) -> Compared | None:
        """The verdict on one file; None for a new one where the user's own runs write new ones, too."""
        name, earlier = found.name, self.own.of(found.name)
        if found.presence in ("same", "spikes") and not found.renamed:
            return Compared("file", name, "identical" if found.presence == "same" else "within")
        if found.renamed and not any(each.renamed for each in earlier):
            return self._different(name, f"is not written, but {found.renamed} is")
        if found.presence == "missing":
            if any(each.presence == "missing" for each in earlier):
                return Compared("file", name, "not compared", says="is not written in each of your own runs")
            return self._different(name, "is not written")
        if found.presence == "new":
            return None if self.own.has_new else self._different(name, "is new: your run does not write it")
        if found.presence == "not understood":
            return self._not_understood(found)
        return self._differs(found)

    def _not_understood(self, found: Measured) -> Compared:
        changes_by_itself = bool(self.own.of(found.name))
        required = matches(found.name, self.limits.files.required)
        if required or (self.safety == EXACT and not changes_by_itself):
            return self._different(found.name, f"its bytes are others than in your run ({found.why})")
        return Compared("file", found.name, "not compared", says=found.why)

    def _differs(self, found: Measured) -> Compared:
        """By the variable that is farthest from where it should be."""
        earlier = self.own.of(found.name)
        if found.reordered and self.safety == EXACT and not any(each.reordered for each in earlier):
            return self._different(found.name, "its rows are in another order")
        graded = [(self._distance(found.name, each), each) for each in found.apart]
        distance, worst = max(graded, key=lambda pair: pair[0], default=(0.0, None))
        if worst is None or distance <= 1:
            return Compared("file", found.name, "within", distance)
        return replace(self._different(found.name, self._says(found.name, worst, distance)), distance=distance)

    def _distance(self, name: str, apart: Apart) -> float:
        """How far a variable is from the user's own, 1 at the border; 0 for one that differs by itself."""
        tolerance = self._tolerance(name, apart.name)
        if tolerance is not None and not apart.problem:
            return _over(apart.largest, tolerance)
        if self.own.changes_by_itself(name, apart.name):
            return 0.0
        if apart.problem or (apart.rows and self.safety != NUMERICAL):
            return FARTHEST
        if self.safety == EXACT:
            times, floor = REPEATED, 0.0
        else:
            times = self.limits.error_factor - 1 if self.safety == NUMERICAL else 1.0
            floor = max(ROUNDING * apart.size, 1.01 * apart.resolution)
            if apart.largest <= floor:
                return apart.largest / floor if floor else 0.0
        error = self.own.error(name, apart.name, own=self.safety == EXACT)
        if not error.total:
            return _over(apart.largest, floor)
        return max(
            _over(apart.total, times * error.total),
            _over(apart.largest, max(floor, SINGLE * times * error.largest)),
            # Errors of random signs add up to as much as the root of the sum of their squares.
            _over(apart.sum, times * max(error.sum, error.total)),
            _over(apart.power, times * max(error.power, error.total * apart.size)),
        )

    def _tolerance(self, name: str, variable: str) -> float | None:
        for key, value in self.limits.files.tolerances.items():
            file, _, wanted = key.partition(":")
            if matches(name, (file,)) and (not wanted or fnmatchcase(variable, wanted)):
                return value
        return None

    def _says(self, name: str, apart: Apart, distance: float) -> str:
        variable = f"{apart.name}: " if apart.name and apart.name not in ("values", "lines") else ""
        if apart.rows and self.safety != NUMERICAL:
            return f"{variable}has one row {'more' if apart.rows > 0 else 'less'} than in your run"
        if apart.problem:
            return f"{variable}{apart.problem}{self._at_dt}"
        by = f"{variable}numbers are off by up to {apart.largest:.3g}{self._at_dt}"
        if distance >= FARTHEST:
            return f"{by}, in your own runs they never are"
        if self.safety != EXACT and not self.own.error(name, apart.name, own=False).total:
            return f"{by}, {distance:.2g} times what rounding does; no run shows an error of your own of it"
        return f"{by}, {distance:.2g} times what your own error allows"

    @property
    def _at_dt(self) -> str:
        step = self.changes.get(refining().name)
        return "" if step is None else f" at {refining().name} = {step:g}"

    def _different(self, name: str, says: str) -> Compared:
        return Compared("file", name, "different", FARTHEST, f"{name}: {says}")


def _other_structure(found: Measured) -> bool:
    return found.presence != "differs" or any(apart.problem for apart in found.apart)


def _of_the_machine(apart: Apart) -> bool:
    """Whether a number that differs between two runs of the same settings is a clock, a count or an id."""
    if apart.largest > OF_THE_MACHINE * apart.size or (apart.largest >= 1 and apart.largest == round(apart.largest)):
        return True
    return any(low * unit < apart.size < high * unit for unit in (1, 1e3, 1e6, 1e9) for low, high in (SINCE_1970,))


def _over(value: float, allowed: float) -> float:
    """A distance on the scale on which what is allowed is 1."""
    return 0.0 if not value else min(FARTHEST, value / allowed) if allowed else FARTHEST


def structure(own: OwnFiles, limits: AcceptConfig, files: Sequence[Measured] | None, dt_ms: float) -> str:
    """Which file of a run at another dt has another structure, in words: its script counts steps of its own.

    Empty where none has; numbers are not looked at.
    """
    judge = FileJudge(own, limits, changing(refining().name, dt_ms), NUMERICAL)
    bare = [replace(each, apart=tuple(apart for apart in each.apart if apart.problem)) for each in files or ()]
    return next((each.says for each in judge.judged(bare) if each.state == "different"), "")
