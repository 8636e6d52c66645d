"""The simulated clock of the decision-rule benchmark: a pytest plugin for the tests of measuring and confirming."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def rules() -> ModuleType:
    """`benchmarks/decision_rules.py` as a module."""
    path = Path(__file__).parents[1] / "benchmarks" / "decision_rules.py"
    spec = importlib.util.spec_from_file_location("decision_rules", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
