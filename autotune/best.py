"""The answer of a study as JSON: settings, proof, and everything needed to know what they were proved on.

Its schema (JSON Schema, draft 2020-12) is in the package and published in docs/reference/best.schema.json; a file is
validated against it when it is written and when it is read. `schema_version` changes when a reader would have to.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from autotune.confirm.elsewhere import Checked
from autotune.errors import UsageError
from autotune.results import Compared
from autotune.search.places import Place
from autotune.store.output import write_output
from autotune.store.records import Environment, ModelIdentity
from autotune.untrusted import first_problem, json_of

SCHEMA_VERSION: Literal[1] = 1
_MOST_WORDS = 300  # of a problem: it repeats what it found
SCHEMA_FILE = Path(__file__).with_name("best.schema.json")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Speedup(_Part):
    """Time of the run section with the user's own settings over that with `settings`; above 1 is faster."""

    estimate: float
    low: float
    high: float
    confidence: float


class RasterEvidence(_Part):
    """How the raster of the best trial compares with the baseline's."""

    verdict: str
    safety_class: str = Field(description="exact, round-off or numerical: the rule that the raster was judged by")
    distance: float = Field(description="0 identical, 1 nothing in common")
    spikes: int
    baseline_sha256: str
    largest_shift_ms: float | None = Field(default=None, description="of a spike that has its partner")
    mean_shift_ms: float | None = Field(default=None, description="of these shifts, without their sign")
    statistics: float | None = Field(
        default=None,
        description="chaotic networks: distance of the worst statistic from the centre of its band over the half "
        "width of the band; 1 is its edge",
    )
    until_ms: float | None = Field(default=None, description="the part of the run that was searched; none: the whole")


class Evidence(_Part):
    """What the verdict rests on."""

    trials: int
    stopped: str = Field(default="", description="why the search ended; empty in files from before this was kept")
    trial: int | None = Field(description="number of the trial that proposed the settings; none without improvement")
    verdicts: dict[str, int]
    raster: RasterEvidence | None
    looked_at: str = Field(
        default="",
        description="what of the best trial was compared with your own run, in words; empty without improvement",
    )
    compared: tuple[Compared, ...] = Field(
        default=(), description="the same in full; a distance of 1 is the border of what is accepted"
    )
    looked_at_before_sessions: dict[str, str] = Field(
        default={},
        description="what of a fresh run was compared with your own run, in words, before the results of sessions with "
        "its knobs counted, for a session never comes to the end of your script; by the settings of that run, as JSON",
    )
    pairs: int
    test: str
    corrected_p: float | None
    findings: list[dict[str, Any]] = Field(description="every finalist with its interval and p-values")
    proved_on: float | None = Field(
        default=None, description="the share of the run on which its times were proved, 0 to 1; none: the whole run"
    )
    machine_changed: str = Field(
        default="", description="how the speed of your own settings changed for good during the study; empty if not"
    )
    disturbed: tuple[str, ...] = Field(
        default=(),
        description="what else ran beside trials and proof, by the kernel's books; none where it was quiet",
    )
    elsewhere: tuple[Checked, ...] = Field(
        default=(),
        description="other commands on which the settings were checked beside a plain run of each (run --also): their "
        "spikes, no times",
    )
    confirmed_on: str = Field(
        default="", description="processor and cores of the node on which it was confirmed; empty in older files"
    )
    places: tuple[Place, ...] = Field(
        default=(),
        description="the types of nodes on which trials were made, where a ratio holds on the type on which it was "
        "measured: the best trial of each, and how the model scales with ranks and threads",
    )
    refused: dict[int, str] = Field(
        default={},
        description="why trials that led the search on a part of the run were no finalists: their whole run was not "
        "accepted; by number",
    )
    brings: list[dict[str, Any]] = Field(
        default=[],
        description="of each setting of the search's best trial: time without it over time with it, beside the others, "
        "with an interval of 95 %, and whether it was kept",
    )


class Bill(_Part):
    """What tuning cost, and when it has paid for itself."""

    tuning_s: float = Field(description="wall time of the whole study")
    saved_s_per_run: float | None = Field(description="what one run of the model saves; none without improvement")
    runs_to_pay: int | None = Field(description="after so many runs the study has paid for itself")


class Best(_Part):
    """best.json: the settings of a study that are proved to be faster, or the user's own."""

    schema_version: Literal[1] = SCHEMA_VERSION
    study: str
    verdict: Literal["improved", "no improvement"]
    settings: dict[str, Any] = Field(description="knob to value, as it took effect")
    baseline_settings: dict[str, Any] = Field(description="the same knobs in the user's own run")
    changes: dict[str, Any] = Field(
        default_factory=dict, description="what of it must be set otherwise than the user has it: what `exec` applies"
    )
    speedup: Speedup
    model: ModelIdentity
    environment: Environment
    launch: dict[str, Any] = Field(
        default_factory=dict, description="what is known of how the command starts: binding words, mod files, nrnivmodl"
    )
    repeat: dict[str, Any] = Field(
        default_factory=dict,
        description="the whole study as study.toml has it, every default and the number of trials among it: a study "
        "that is given this is the same one",
    )
    evidence: Evidence
    bill: Bill
    created: str
    tool: str = Field(description="the version of this tool")


def write_best(best: Best, file: Path) -> None:
    """Write it, whole or not at all. Raises UsageError when the place cannot be written."""
    write_output(file, as_json(best))


def as_json(best: Best) -> str:
    """The text of the file. Raises ValueError where the schema forbids it, which is a mistake of ours."""
    text = best.model_dump_json(indent=2) + "\n"
    if problem := _problem(json.loads(text)):
        raise ValueError(f"best.json would not be as its schema says: {problem}")
    return text


def schema() -> dict[str, Any]:
    """The schema of this code; `make reference` writes it to SCHEMA_FILE, by which files are judged."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Best.model_json_schema()}


def read_best(file: Path) -> Best:
    """An answer that was written before. Raises UsageError for a file that is none, or of another version."""
    try:
        data = json_of(file)
    except OSError as error:
        raise UsageError(
            f"{file}: cannot be read: {error.strerror}", cure="Write it: python -m autotune export DIR -o best.json"
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{file}: not JSON ({error})", cure="Write it again: python -m autotune export DIR -o best.json"
        ) from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise UsageError(
            f"{file}: schema_version {str(version)[:20]}, this tool reads {SCHEMA_VERSION}",
            cure="Export it again from its study: python -m autotune export DIR -o best.json",
        )
    if problem := _problem(data):
        raise UsageError(f"{file}: {problem}", cure="Export it again from its study.")
    try:
        return Best.model_validate(data)
    except ValidationError as error:
        raise UsageError(f"{file}: {first_problem(error)}", cure="Export it again from its study.") from error


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator  # here, because few commands need it

    return Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def _problem(data: Any) -> str:
    """What the schema forbids first, with its place; empty when it allows everything."""
    error = min(_validator().iter_errors(data), key=lambda error: str(error.json_path), default=None)
    return f"{error.json_path}: {error.message}"[:_MOST_WORDS] if error else ""
