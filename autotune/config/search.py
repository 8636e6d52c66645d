"""[search]: how long, and over what."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, field_validator

from autotune.agent.knobs import KNOBS
from autotune.config.section import Section, seconds


class SearchConfig(Section):
    """How long to search, and over which knobs."""

    trials: int = Field(default=30, ge=1, description="number of trials, the baseline among them")
    time_budget_s: float | None = Field(
        default=None,
        gt=0,
        description="seconds after which no new trial is begun; where neither it nor trials nor budget is given, a "
        "search costs as much as 4 runs of the model (12 where trials are whole runs or processes of their own), or "
        "15 s if that is more, and its first trials, which try the knobs in turn",
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
        default=0.5,
        gt=0,
        description="where the run is longer, the search uses a part of it that takes about so many seconds, a tenth "
        "of the run at least; inf: always the whole",
    )
    short_spikes: int = Field(
        default=200,
        ge=1,
        description="a part of the run that the search uses holds at least so many spikes, or a quarter of all where "
        "that is less",
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
