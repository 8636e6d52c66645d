"""NEURON's Vector as an array, in both versions."""

from __future__ import annotations

from typing import Any

import numpy as np


def floats(vector: Any) -> np.ndarray:
    """A copy of the values. In NEURON 8.2, numpy takes an empty Vector for an object that is no sequence."""
    return np.array(vector, dtype=float) if vector.size() else np.zeros(0)
