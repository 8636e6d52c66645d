"""The commands, one short function each and no logic: a module for what is used together, and this list of them."""

from __future__ import annotations

from autotune.commands import tuning, profiling, handing_over, looking, clusters  # isort: skip # in the order of --help
from autotune.commands.common import app, tell

__all__ = ["app", "clusters", "handing_over", "looking", "profiling", "tell", "tuning"]
