"""What a run in a session is held against: the spikes and the settings of a fresh process."""

from __future__ import annotations

import math
from dataclasses import dataclass

from autotune.launch.ask import Run
from autotune.raster import Raster
from autotune.raster.metrics import first_divergence_ms, identical
from autotune.settings import Effective


@dataclass(frozen=True)
class Reference:
    """What a fresh process gives, and every session must."""

    raster: Raster
    effective: Effective
    """The searched knobs as they took effect."""

    def difference(self, run: Run, effective: Effective, stop_ms: float | None) -> str:
        """How a run with these settings in effect differs, in words; empty when it is the same."""
        expected = self.raster if stop_ms is None else self.raster.window(-math.inf, stop_ms)
        if not identical(run.raster, expected):
            when = first_divergence_ms(expected, run.raster)
            return f"differs from the fresh run from t = {when or 0.0:g} ms on"
        for name, value in self.effective.items():
            if effective.get(name) != value:
                return f"has {name} = {effective.get(name)}, the fresh run {value}"
        return ""
