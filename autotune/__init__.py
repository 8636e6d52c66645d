"""Finds the settings that run a NEURON model fastest without changing its spikes, with proof.

    import autotune

    best = autotune.tune("mpiexec -n 2 python model.py")
    print(best.verdict, best.speedup, best.settings)
    best = autotune.load("runs/model")

What `__all__` names is public, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autotune.api import Best, load, tune

__version__ = "0.1.0"
__all__ = ["Best", "load", "tune"]


def __getattr__(name: str) -> Any:
    """Public names when they are first used: what they need takes a second to import."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from autotune import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
