"""study.toml → StudyConfig, with errors that name the file, the line, the key and what is allowed."""

from __future__ import annotations

import difflib
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
from autotune.measure import minimum_pairs

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

STUDY_FILE = "study.toml"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SearchConfig(_Section):
    """How long to search, and over which knobs."""

    trials: int = Field(default=30, ge=1, description="number of trials, the baseline among them")
    time_budget_s: float | None = Field(default=None, gt=0, description="stop asking for trials after so many seconds")
    seed: int = Field(default=0, ge=0, description="seed of the sampler and of the order of runs")
    objective: Literal["run", "total"] = Field(
        default="run", description="what is timed: the run section, or the whole process"
    )
    short_s: float | None = Field(
        default=20.0,
        gt=0,
        description="search on a part of the run about so many seconds long, where the run is longer; inf: never",
    )
    short_spikes: int = Field(default=200, ge=1, description="such a part holds at least so many spikes")
    repeats: int = Field(default=2, ge=0, description="how often a promising trial is measured again")
    cap: float = Field(
        default=3.0, gt=1, description="a trial is stopped after so many times what the best needs beside it"
    )
    knobs: tuple[str, ...] | None = Field(default=None, description="search these knobs only")
    exclude: tuple[str, ...] = Field(default=(), description="leave these knobs as they are")
    values: dict[str, tuple[StrictBool | StrictInt | StrictFloat | StrictStr, ...]] = Field(
        default_factory=dict, description="values to search instead of the tuner's, by knob: values = {dt = [0.05]}"
    )

    environments: tuple[Path, ...] = Field(
        default=(), description="folders of other Python environments (with bin/python and neuron) to try the model in"
    )

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


class AcceptConfig(_Section):
    """When a changed raster is still the same result; the reasons are in docs/explanation/same-spikes.md."""

    window_ms: float = Field(default=1.0, gt=0, description="numerical knobs: largest shift of a matched spike")
    unmatched: float = Field(
        default=0.0, ge=0, lt=1, description="numerical knobs: share of spikes that may stay unmatched"
    )
    error_factor: float = Field(
        default=4.0, ge=1, description="numerical knobs: error of a trial over that of your own dt, both at dt/4"
    )
    floor_ms: float = Field(default=0.1, ge=0, description="numerical knobs: an error that is always small enough")
    tail: float = Field(
        default=2.0,
        ge=0,
        description="numerical knobs: the last spike of a cell may lack its partner within so many of the largest "
        "shifts before the end",
    )
    least_order: float = Field(
        default=0.5, description="numerical knobs: an order of convergence below this is told as a warning"
    )
    horizon: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="numerical knobs, chaotic: share of the time for which your own dt follows dt/4",
    )
    round_off_horizon: float = Field(
        default=0.5, ge=0, le=1, description="round-off knobs, chaotic: share of the time until a perturbed run parts"
    )
    chaos: float = Field(
        default=0.01, gt=0, lt=1, description="share of unmatched spikes from which two runs count as parted"
    )
    perturb_mv: float = Field(
        default=1e-10, gt=0, description="round-off knobs: the perturbation that is their measure"
    )
    null_mv: float = Field(default=0.1, gt=0, description="chaotic: the perturbation that draws the null runs")
    null_runs: int = Field(default=7, ge=3, description="chaotic: number of null runs beside the baseline")
    alpha: float = Field(
        default=0.01, gt=0, lt=0.5, description="chaotic: chance that the same model fails the statistics"
    )
    tolerance: float = Field(default=0.02, ge=0, lt=1, description="chaotic: relative change that is always allowed")
    groups: int = Field(default=8, ge=1, description="chaotic: groups of cells, and spans of time, with their own rate")
    bin_ms: float = Field(default=5.0, gt=0, description="chaotic: counts are correlated in bins of this length")
    least_spikes: int = Field(default=200, ge=1, description="chaotic: fewer spikes make no statistics")
    resolution: float = Field(
        default=0.1, gt=0, description="chaotic: a rate that varies by more between null runs makes no statistics"
    )
    statistical: bool = Field(
        default=False, description="judge a model that does not reproduce itself by its statistics alone"
    )
    lowest_mv: float = Field(default=-250.0, description="voltages below are unstable")
    highest_mv: float = Field(default=250.0, description="voltages above are unstable")
    range_margin: float = Field(
        default=0.1, ge=0, description="unless your own go as far, but for this share of their own range"
    )
    ringing_steps: int = Field(
        default=Sampling.ringing_steps, ge=2, description="a slope that alternates at more steps in a row is unstable"
    )
    ringing_mv: float = Field(default=0.05, ge=0, description="if each of these alternations is larger than this")
    ringing_factor: float = Field(default=2.0, ge=1, description="and than so many times those of your own run")
    sampled_segments: int = Field(
        default=Sampling.most, ge=1, description="segments of a rank whose voltages are sampled, at most"
    )
    least_segments: int = Field(default=Sampling.least, ge=1, description="the same, at least")
    segments_a_sample: int = Field(
        default=Sampling.segments_a_sample, ge=1, description="in between, one segment of so many is sampled"
    )

    @property
    def sampling(self) -> Sampling:
        """What the agent must know of this."""
        return Sampling(self.sampled_segments, self.least_segments, self.segments_a_sample, self.ringing_steps)


class ConfirmConfig(_Section):
    """How the finalists meet the baseline once more, in fresh processes."""

    pairs: int | None = Field(
        default=None, ge=5, description="paired runs for each finalist; by default as many as the A/A spread asks for"
    )
    most_pairs: int = Field(default=16, ge=5, description="the most pairs, where the A/A spread asks for more")
    wanted_gain: float | None = Field(
        default=None,
        gt=0,
        description="the gain that the number of pairs is chosen to show; by default 0.03 above the minimum gain",
    )
    finalists: int = Field(default=3, ge=1, description="how many of the best trials are confirmed")
    alpha: float = Field(default=0.01, gt=0, lt=0.5, description="family-wise error rate of the test")
    minimum_gain: float = Field(default=0.02, ge=0, lt=1, description="smallest gain that is worth a change")
    confidence: float = Field(default=0.95, gt=0, lt=1, description="of the interval of a speed-up")

    @property
    def gain_to_show(self) -> float:
        """The gain that the number of pairs is chosen to show."""
        return self.minimum_gain + 0.03 if self.wanted_gain is None else self.wanted_gain

    @model_validator(mode="after")
    def _enough(self) -> ConfirmConfig:
        least = minimum_pairs(self.alpha, self.finalists)
        if self.pairs is not None and self.pairs < least:
            finalists = f"{self.finalists} finalist{'s' * (self.finalists > 1)}"
            raise ValueError(
                f"{self.pairs} pairs prove nothing at alpha {self.alpha:g} with {finalists}; at least {least}"
            )
        if self.wanted_gain is not None and self.wanted_gain <= self.minimum_gain:
            raise ValueError(f"a wanted_gain of {self.wanted_gain:g} must be above minimum_gain, {self.minimum_gain:g}")
        return self


class NoiseConfig(_Section):
    """How the noise of this machine is measured before the search."""

    runs: int = Field(default=6, ge=4, description="baseline runs in a row, timed against each other")


class RunConfig(_Section):
    """How the user's command is run."""

    timeout_s: float = Field(
        default=86400.0,
        gt=0,
        description="time limit of the watched run in seconds; every later run has the shorter one of it and ten times "
        "what the watched run took, plus a minute",
    )
    end_grace_s: float = Field(
        default=60.0, gt=0, description="how long the other ranks may go on after the first rank has ended"
    )
    workspace: Literal["auto", "in place", "copy"] = Field(
        default="auto",
        description="where trials run: in the model's folder or a scratch copy; auto: a copy if the model writes there",
    )
    resident: Literal["auto", "never"] = Field(
        default="auto",
        description="many trials of the search on one built network, if it replays bit for bit; never: fresh processes",
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

    @field_validator("command", mode="before")
    @classmethod
    def _split(cls, command: Any) -> Any:
        return tuple(shlex.split(command)) if isinstance(command, str) else command

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
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{file}: not valid TOML: {error}", cure="Strings need quotes; see docs/reference/study.md."
        ) from error
    data.setdefault("name", "_".join(file.parent.resolve().name.split()) or "study")
    data["folder"] = file.parent.resolve() / data.get("folder", "")
    return make_config(data, file, text)


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
    return f"{place}{name} = {problem['input']!r}: {message}" + (f" ({meaning})" if meaning else "")


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
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}") from error


def _studies_near(path: Path) -> str:
    folder = path.parent if path.parent.is_dir() else Path()
    names = sorted(str(found.parent) for found in folder.glob(f"*/{STUDY_FILE}"))
    nearest = difflib.get_close_matches(str(path), names, n=1)
    if nearest:
        return f"Did you mean {nearest[0]}?"
    if names:
        return f"Studies in {folder}: {', '.join(names)}."
    return "Give a folder with a study.toml, or a command: python -m autotune run -- mpiexec -n 2 python model.py"
