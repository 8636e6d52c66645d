"""study.toml → StudyConfig, with errors that name the file, the line, the key and what is allowed."""

from __future__ import annotations

import difflib
import math
import re
import shlex
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    field_validator,
    model_validator,
)

from autotune.agent.knobs import KNOBS
from autotune.agent.protocol import Sampling
from autotune.errors import UsageError
from autotune.measure import FEWEST_STARTS, Rule
from autotune.untrusted import text_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

STUDY_FILE = "study.toml"
_MOST_BYTES = 1 << 20
_LONGEST_NAME = 120
_LONGEST = 80  # of a wrong value, in a message


Workspace = Literal["auto", "overlay", "library", "put back", "copy", "in place"]


_DURATION = re.compile(r"(?:([\d.]+)\s*h)?\s*(?:([\d.]+)\s*min)?\s*(?:([\d.]+)\s*s?)?")


def seconds(text: str) -> float:
    """What "90", "90s", "10min", "2h" and "1h30min" are in seconds. Raises ValueError for anything else."""
    found = _DURATION.fullmatch(text.strip())
    if not text.strip() or found is None:
        raise ValueError('a time is written like "90s", "10min", "2h" or "1h30min"')
    hours, minutes, rest = (float(part or 0) for part in found.groups())
    return 3600.0 * hours + 60.0 * minutes + rest


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*")
    @classmethod
    def _a_number(cls, value: Any) -> Any:
        if isinstance(value, float) and math.isnan(value):
            raise ValueError("nan is no number")
        return value


class SearchConfig(_Section):
    """How long to search, and over which knobs."""

    trials: int = Field(default=30, ge=1, description="number of trials, the baseline among them")
    time_budget_s: float | None = Field(
        default=None,
        gt=0,
        description="seconds after which no new trial is begun; without it the number of trials alone decides",
    )
    budget: float | None = Field(
        default=None,
        gt=0,
        description='time for the whole study, calibration and proof included: seconds, or "10min", "2h", "1h30min"; '
        "the search ends early enough for the proof",
    )
    seed: int = Field(default=0, ge=0, description="seed of the sampler and of the order of runs")
    objective: Literal["run", "total"] = Field(
        default="run", description="what is timed: the run section, or the whole process"
    )
    short_s: float | None = Field(
        default=5.0,
        gt=0,
        description="where the run is longer, the search uses a part of it that takes about so many seconds, a tenth "
        "of the run at least; inf: always the whole",
    )
    short_spikes: int = Field(
        default=200, ge=1, description="a part of the run that the search uses holds at least so many spikes"
    )
    repeats: int = Field(default=1, ge=0, description="how often a promising trial is measured again")
    cap: float = Field(
        default=3.0,
        gt=1,
        description="a trial is stopped when it has taken so many times what the best one would have",
    )
    knobs: tuple[str, ...] | None = Field(
        default=None, description="the only knobs that are searched; without it all that can act"
    )
    exclude: tuple[str, ...] = Field(default=(), description="knobs that are left as they are")
    values: dict[str, tuple[StrictBool | StrictInt | StrictFloat | StrictStr, ...]] = Field(
        default_factory=dict, description="values to search in place of the tuner's, by knob: values = {dt = [0.05]}"
    )

    environments: tuple[Path, ...] = Field(
        default=(), description="folders of other Python environments (with bin/python and neuron) to try the model in"
    )

    @field_validator("budget", mode="before")
    @classmethod
    def _seconds(cls, given: Any) -> Any:
        return seconds(given) if isinstance(given, str) else given

    @field_validator("values")
    @classmethod
    def _some(cls, values: dict[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
        cls._known(tuple(values))
        for name, given in values.items():
            if not given:
                raise ValueError(f"{name} has no value; to leave it as it is: exclude = [{name!r}]")
        return values

    @field_validator("knobs", "exclude")
    @classmethod
    def _known(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in names or ():
            if name not in KNOBS:
                nearest = difflib.get_close_matches(name, KNOBS, n=1)
                hint = f"did you mean {nearest[0]}?" if nearest else f"the knobs are {', '.join(KNOBS)}"
                raise ValueError(f"there is no knob {name!r}; {hint}")
        return names


def _none_below_zero(tolerances: dict[str, float]) -> dict[str, float]:
    for name, value in tolerances.items():
        if not value >= 0:
            raise ValueError(f"{name} = {value} is below 0")
    return tolerances


class FilesConfig(_Section):
    """Which of the files that your model writes are compared, and how closely; the defaults need no table. A file is
    named by a glob, relative to the command's folder or by its name alone, a variable of it (a column, a dataset, a
    key) behind a colon.
    """

    ignore: tuple[str, ...] = Field(default=(), description="globs of files that are not compared")
    required: tuple[str, ...] = Field(
        default=(),
        description="globs of files that must be compared: a trial is rejected where one cannot be read and its bytes "
        "are others",
    )
    tolerances: dict[str, float] = Field(
        default_factory=dict,
        description="the largest difference of a number that is accepted, in the unit of the file, in place of the "
        'model\'s own error: tolerances = {"lfp.npy" = 1e-3, "*.csv:v" = 0.1}',
    )

    keep_winner: bool = Field(
        default=False,
        description="whether the files of one more run with the best settings are kept, in winner/ of the study folder",
    )

    @field_validator("tolerances")
    @classmethod
    def _positive(cls, tolerances: dict[str, float]) -> dict[str, float]:
        return _none_below_zero(tolerances)


class TracesConfig(_Section):
    """When a recorded trace is still the same result, and where spikes are looked for if NEURON looks for none. A trace
    is named by its variable, as soma(0.5).v or Cell[2].dend(0.5).cai, or by its Vector's own label; a glob, in which
    brackets stand for themselves.
    """

    ignore: tuple[str, ...] = Field(default=(), description="globs of traces that are not compared")
    tolerances: dict[str, float] = Field(
        default_factory=dict,
        description="the largest difference of a value that is accepted, in the unit of the trace, in place of the "
        'model\'s own error: tolerances = {"soma(0.5).v" = 0.5, "*.cai" = 1e-6}',
    )
    floor: float = Field(
        default=0.001,
        gt=0,
        description="a root mean square error of so large a share of a trace's range is always small enough; ten times "
        "that for its largest difference",
    )
    largest: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="under numerical knobs no value may be further from your own run, spikes aside, than this share of "
        "the trace's range",
    )
    threshold_mv: float = Field(
        default=Sampling.threshold_mv,
        description="a voltage that rises to so many mV is a spike, in a model in which NEURON looks for none",
    )
    most_values: int = Field(
        default=25_000_000,
        ge=0,
        description="as many of the vectors that a rank records are compared as hold so many values at dt/4; 0: none",
    )

    @field_validator("tolerances")
    @classmethod
    def _positive(cls, tolerances: dict[str, float]) -> dict[str, float]:
        return _none_below_zero(tolerances)


class AcceptConfig(_Section):
    """When a changed raster is still the same result; the reasons are in docs/explanation/same-spikes.md."""

    window_ms: float = Field(
        default=1.0, gt=0, description="a spike that numerical knobs shift by at most so many ms is the same spike"
    )
    unmatched: float = Field(
        default=0.0, ge=0, lt=1, description="share of the spikes that may lack their partner under numerical knobs"
    )
    error_factor: float = Field(
        default=4.0,
        ge=1,
        description="numerical knobs may have so many times the error of your own dt, both measured against dt/4",
    )
    floor_ms: float = Field(
        default=0.1, ge=0, description="an error of numerical knobs of so many ms is always small enough"
    )
    tail: float = Field(
        default=2.0,
        ge=0,
        description="under numerical knobs the last spike of a cell may lack its partner if it lies nearer to the "
        "end of the run than so many times the largest shift",
    )
    least_order: float = Field(
        default=0.5,
        description="a warning is given when halving your dt lowers its error with an order of convergence below this",
    )
    horizon: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="in a chaotic network numerical knobs must follow the run at dt/4 for this share of the time "
        "for which your own dt does",
    )
    round_off_horizon: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="in a chaotic network round-off knobs must follow the baseline for this share of the time for "
        "which a perturbed run does",
    )
    chaos: float = Field(
        default=0.01,
        gt=0,
        lt=1,
        description="two runs count as parted, and a network as chaotic, from this share of spikes without a "
        "partner on",
    )
    perturb_mv: float = Field(
        default=1e-10,
        gt=0,
        description="the perturbation of all voltages, in mV, beyond whose effect round-off knobs may not go",
    )
    null_mv: float = Field(
        default=0.1,
        gt=0,
        description="the perturbation of all voltages, in mV, that draws the null runs of a chaotic network",
    )
    null_runs: int = Field(default=7, ge=3, description="number of null runs of a chaotic network beside the baseline")
    alpha: float = Field(
        default=0.01, gt=0, lt=0.5, description="chance that a chaotic network fails its own statistics"
    )
    tolerance: float = Field(
        default=0.02,
        ge=0,
        lt=1,
        description="relative change of a statistic of a chaotic network that is always allowed",
    )
    groups: int = Field(
        default=8,
        ge=1,
        description="a chaotic network is cut into so many groups of cells, and spans of time, each with a rate "
        "of its own",
    )
    bin_ms: float = Field(
        default=5.0,
        gt=0,
        description="spikes of a chaotic network are counted in bins of so many ms before they are correlated",
    )
    least_spikes: int = Field(
        default=200, ge=1, description="a chaotic network with fewer spikes than this makes no statistics"
    )
    resolution: float = Field(
        default=0.1,
        gt=0,
        description="a chaotic network whose rate varies by a larger share between null runs makes no statistics",
    )
    evidence_spikes: int = Field(
        default=20, ge=1, description="numerical knobs are searched where your own run has at least so many spikes"
    )
    evidence_until: float = Field(
        default=0.75,
        ge=0,
        le=1,
        description="numerical knobs are searched where your own run has a spike after this share of its time",
    )
    evidence_cells: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="numerical knobs are searched where at least this share of the cells fired, and two of several; "
        "0: one is enough",
    )
    statistical: bool = Field(
        default=False,
        description="judge a model that does not reproduce itself by its statistics alone; false: refuse it",
    )
    lowest_mv: float = Field(
        default=-250.0, description="a voltage below so many mV is unstable, unless your own run goes as low"
    )
    highest_mv: float = Field(
        default=250.0, description="a voltage above so many mV is unstable, unless your own run goes as high"
    )
    range_margin: float = Field(
        default=0.1,
        ge=0,
        description="where your own run leaves the range of voltages, a trial may go further by this share of "
        "your run's range",
    )
    ringing_steps: int = Field(
        default=Sampling.ringing_steps,
        ge=2,
        description="a voltage whose slope changes its sign at more than so many steps in a row rings, which is "
        "unstable",
    )
    ringing_mv: float = Field(
        default=0.05,
        ge=0,
        description="a voltage that alternates by less than so many mV from step to step does not ring",
    )
    ringing_factor: float = Field(
        default=2.0, ge=1, description="where your own run rings, a trial may ring so many times as far"
    )
    sampled_segments: int = Field(
        default=Sampling.most, ge=1, description="the most segments of a rank whose voltages are sampled"
    )
    least_segments: int = Field(
        default=Sampling.least, ge=1, description="the fewest segments of a rank whose voltages are sampled"
    )
    segments_a_sample: int = Field(
        default=Sampling.segments_a_sample,
        ge=1,
        description="one of so many segments of a rank has its voltage sampled, within the fewest and the most",
    )
    files: FilesConfig = Field(
        default=FilesConfig(), description="a table of its own, on the files that your model writes"
    )

    traces: TracesConfig = TracesConfig()

    @property
    def sampling(self) -> Sampling:
        """What the agent must know of this."""
        return Sampling(
            self.sampled_segments,
            self.least_segments,
            self.segments_a_sample,
            self.ringing_steps,
            self.traces.threshold_mv,
        )

    def cells_wanted(self, cells: int) -> int:
        """How many of so many cells must show something; one of several says nothing of the others."""
        share = self.evidence_cells
        return max(math.ceil(share * cells), min(2, cells)) if share > 0 else 0


class ConfirmConfig(_Section):
    """How the finalists meet the baseline once more, in fresh processes."""

    pairs: int | None = Field(
        default=None,
        ge=FEWEST_STARTS,
        description="the most fresh starts for each finalist, in place of most_pairs; the proof ends as soon as it can",
    )
    most_pairs: int = Field(
        default=16,
        ge=FEWEST_STARTS,
        description="the most fresh starts of the model for each finalist; each gives one pair of runs or more",
    )
    wanted_gain: float | None = Field(
        default=None,
        gt=0,
        description="the gain that this machine should be able to show; without it 0.03 above minimum_gain",
    )
    claim: Literal["whole", "part"] = Field(
        default="whole",
        description="what the proof times: the whole run, or the part that the search uses; then the winner makes one "
        "whole run for its result, and the answer says on which part its time was proved",
    )
    finalists: int = Field(
        default=3,
        ge=1,
        description="how many of the best trials may be confirmed, one after the other until one is proved",
    )
    alpha: float = Field(
        default=0.01, gt=0, lt=0.5, description="family-wise error rate of the test that proves a gain"
    )
    minimum_gain: float = Field(
        default=0.02, ge=0, lt=1, description="smallest gain that is worth a change: 0.02 is 2 % faster"
    )
    confidence: float = Field(default=0.95, gt=0, lt=1, description="confidence level of the interval of a speed-up")

    @property
    def gain_to_show(self) -> float:
        """The gain that this machine should be able to show."""
        return self.minimum_gain + 0.03 if self.wanted_gain is None else self.wanted_gain

    @property
    def most(self) -> int:
        """The most starts of a finalist."""
        return self.pairs or self.most_pairs

    def rule(self, floor: float, alpha: float | None = None) -> Rule:
        """The rule of the proof; `floor`: the spread of this machine's A/A pairs."""
        return Rule(
            self.alpha if alpha is None else alpha,
            self.minimum_gain,
            self.confidence,
            self.most,
            floor,
        )

    @model_validator(mode="after")
    def _enough(self) -> ConfirmConfig:
        if self.wanted_gain is not None and self.wanted_gain <= self.minimum_gain:
            raise ValueError(f"a wanted_gain of {self.wanted_gain:g} must be above minimum_gain, {self.minimum_gain:g}")
        return self


class NoiseConfig(_Section):
    """How the noise of this machine is measured before the search."""

    runs: int = Field(default=6, ge=4, description="baseline runs in a row that are timed against each other")


class RunConfig(_Section):
    """How the user's command is run."""

    timeout_s: float = Field(
        default=86400.0,
        gt=0,
        description="time limit in seconds of the watched run; every later run has the shorter of it and ten "
        "times the watched run plus a minute",
    )
    end_grace_s: float = Field(
        default=60.0, gt=0, description="how many seconds the other ranks may go on after the first rank has ended"
    )
    workspace: Workspace = Field(
        default="auto",
        description="how your files are kept from trials: by an overlay over them, by a library in each process, or by "
        "being put back after each run; auto: by the first of these that works here; or by a scratch copy of the "
        "command's folder; in place: not at all",
    )
    resident: Literal["auto", "never"] = Field(
        default="auto",
        description="auto: the runs of the search share built networks where the model replays bit for bit; "
        "never: each is a fresh process",
    )


class ClusterConfig(_Section):
    """What your cluster needs beside the options of `submit`."""

    setup: tuple[str, ...] = Field(
        default=(), description='lines of the job script before the work begins: setup = ["module load openmpi"]'
    )
    options: tuple[str, ...] = Field(
        default=(), description='further options of the scheduler, one a line: options = ["--account=abc"]'
    )
    parallel_environment: str = Field(
        default="mpi", description="SGE's parallel environment, which places the ranks; qconf -spl lists them"
    )


class StudyConfig(_Section):
    """Everything that a study is told before it starts."""

    name: str = Field(min_length=1, pattern=r"^[^/\s]+$", description="name of the study, without spaces or slashes")
    command: tuple[str, ...] = Field(min_length=1, description="the command that runs the model, as typed in a shell")
    folder: Path = Field(default=Path(), description="working directory of the command; the folder of study.toml")
    search: SearchConfig = SearchConfig()
    accept: AcceptConfig = AcceptConfig()
    confirm: ConfirmConfig = ConfirmConfig()
    noise: NoiseConfig = NoiseConfig()
    run: RunConfig = RunConfig()
    cluster: ClusterConfig = ClusterConfig()

    @field_validator("name")
    @classmethod
    def _a_folder(cls, name: str) -> str:
        if name in (".", "..") or len(name.encode(errors="replace")) > _LONGEST_NAME or not name.isprintable():
            raise ValueError(
                f"a name of at most {_LONGEST_NAME} printable characters, which the study's folder bears, not . or .."
            )
        return name

    @field_validator("command", mode="before")
    @classmethod
    def _split(cls, command: Any) -> Any:
        return tuple(shlex.split(command)) if isinstance(command, str) else command

    @field_validator("command")
    @classmethod
    def _words(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if any("\0" in word for word in words):
            raise ValueError("no word of a command holds a NUL")
        return words

    @field_validator("folder")
    @classmethod
    def _a_path(cls, folder: Path) -> Path:
        if "\0" in str(folder):
            raise ValueError("no path holds a NUL")
        return folder

    def environments(self) -> tuple[Path, ...]:
        """The further environments, as absolute paths; relative ones are seen from the model's folder."""
        return tuple((self.folder / path.expanduser()).resolve() for path in self.search.environments)


def read_study(path: Path) -> StudyConfig:
    """The study in `path`: a folder that holds study.toml, or such a file.

    Raises UsageError naming file, line, key and what is allowed.
    """
    file = path / STUDY_FILE if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"{path}: no study there ({file} does not exist)", cure=_studies_near(path))
    text = _read_text(file)
    try:
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
    return "_".join(words).encode()[:_LONGEST_NAME].decode(errors="ignore") or "study"


def make_config(data: dict[str, Any], file: Path | None = None, text: str = "") -> StudyConfig:
    """Validate; `file` and its `text` are there to name the place of an error. Raises UsageError."""
    try:
        return StudyConfig.model_validate(data)
    except ValidationError as error:
        raise UsageError("\n".join(_explain(problem, file, text) for problem in error.errors())) from error


def _explain(problem: Any, file: Path | None, text: str) -> str:
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
