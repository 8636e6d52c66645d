"""NEURON's Vector as an array, in both versions."""

from __future__ import annotations

from ctypes import c_double, c_int, c_void_p
from typing import Any

import numpy as np

from .library import Library


def floats(vector: Any) -> np.ndarray:
    """A copy of the values. In NEURON 8.2, numpy takes an empty Vector for an object that is no sequence."""
    return np.array(vector, dtype=float) if vector.size() else np.zeros(0)


class VectorMemory:
    """Vectors by the addresses of their C++ objects, which are given with no reference to them."""

    def __init__(self, library: Library) -> None:
        takes = (c_void_p,)
        self._size = library.function("vector_capacity", "_Z15vector_capacityP8IvocVect", gives=c_int, takes=takes)
        self._values = library.function("vector_vec", "_Z10vector_vecP8IvocVect", gives=c_void_p, takes=takes)
        self.known = self._size is not None and self._values is not None

    def size(self, address: int) -> int:
        """How many values it holds."""
        return int(self._size(address))

    def view(self, address: int) -> np.ndarray:
        """The values where they lie, as long as nothing is done to the vector."""
        size, values = self.size(address), self._values(address)
        return np.ctypeslib.as_array((c_double * size).from_address(values)) if size else np.zeros(0)

    def floats(self, address: int) -> np.ndarray:
        """A copy of the values."""
        return self.view(address).copy()
