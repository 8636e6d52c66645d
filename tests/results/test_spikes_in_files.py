"""What of a file is the spikes of its run is judged as spikes, whatever their number; the rest is compared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from autotune.raster import Raster
from autotune.results.pair import measured
from autotune.results.spikes import without_spikes

OWN = Raster.from_arrays(np.array([0, 1, 0, 1]), np.array([1.0, 2.0, 11.0, 12.0]))
OTHER = Raster.from_arrays(np.array([0, 1, 0]), np.array([1.05, 2.05, 11.1]))


def write(file: Path, spikes: Raster, lfp: float, late_ms: float = 0.0) -> None:
    """As NetPyNE saves a simulation."""
    spkt, spkid = (spikes.times_ms + late_ms).tolist(), spikes.gids.astype(float).tolist()
    file.write_text(
        json.dumps({"simData": {"spkt": spkt, "spkid": spkid, "LFP": [lfp] * 20}, "net": {"cells": [1, 2]}})
    )


@pytest.mark.parametrize(("lfp", "presence", "differs"), [(1.0, "spikes", []), (1.1, "differs", ["simData/LFP"])])
def test_spikes_beside_other_results(tmp_path: Path, lfp: float, presence: str, differs: list[str]) -> None:
    own, other = tmp_path / "own.json", tmp_path / "other.json"
    write(own, OWN, 1.0)
    write(other, OTHER, lfp)
    found = without_spikes(measured("out.json", own, other), own, OWN, other, OTHER)
    assert (found.presence, [each.name for each in found.apart]) == (presence, differs)


def test_spikes_that_are_not_those_of_the_run_are_compared_as_they_are(tmp_path: Path) -> None:
    own, other = tmp_path / "own.json", tmp_path / "other.json"
    write(own, OWN, 1.0)
    write(other, OTHER, 1.0, late_ms=5.0)
    found = without_spikes(measured("out.json", own, other), own, OWN, other, OTHER)
    assert {each.name for each in found.apart} == {"simData/spkt", "simData/spkid"}
    assert all(each.problem == "3 rows, in your run 4" for each in found.apart)
