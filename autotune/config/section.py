"""A table of study.toml, and what is written in several of them."""

from __future__ import annotations

import math
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

_DURATION = re.compile(r"(?:([\d.]+)\s*h)?\s*(?:([\d.]+)\s*min)?\s*(?:([\d.]+)\s*s?)?")


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*")
    @classmethod
    def _a_number(cls, value: Any) -> Any:
        if isinstance(value, float) and math.isnan(value):
            raise ValueError("nan is no number")
        return value


def seconds(text: str) -> float:
    """What "90", "90s", "10min", "2h" and "1h30min" are in seconds. Raises ValueError for anything else."""
    found = _DURATION.fullmatch(text.strip())
    if not text.strip() or found is None:
        raise ValueError('a time is written like "90s", "10min", "2h" or "1h30min"')
    hours, minutes, rest = (float(part or 0) for part in found.groups())
    return 3600.0 * hours + 60.0 * minutes + rest


def none_below_zero(tolerances: dict[str, float]) -> dict[str, float]:
    for name, value in tolerances.items():
        if not value >= 0:
            raise ValueError(f"{name} = {value} is below 0")
    return tolerances
