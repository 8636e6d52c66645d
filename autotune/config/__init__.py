"""What a study is told: study.toml as checked, frozen values, one module a table.

A mistake is told with file, line and key.
"""

from __future__ import annotations

from autotune.config.accept import AcceptConfig, FilesConfig, TracesConfig
from autotune.config.confirm import ConfirmConfig, NoiseConfig
from autotune.config.reading import STUDY_FILE, make_config, read_study
from autotune.config.run import ClusterConfig, RunConfig, Workspace
from autotune.config.search import SearchConfig
from autotune.config.section import seconds
from autotune.config.study import StudyConfig

__all__ = [
    "STUDY_FILE",
    "AcceptConfig",
    "ClusterConfig",
    "ConfirmConfig",
    "FilesConfig",
    "NoiseConfig",
    "RunConfig",
    "SearchConfig",
    "StudyConfig",
    "TracesConfig",
    "Workspace",
    "make_config",
    "read_study",
    "seconds",
]
