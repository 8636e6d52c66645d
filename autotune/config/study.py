"""A study as its user wishes it: all that it is told before it starts."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from autotune.config.accept import AcceptConfig
from autotune.config.confirm import ConfirmConfig, NoiseConfig
from autotune.config.run import ClusterConfig, RunConfig
from autotune.config.search import SearchConfig
from autotune.config.section import Section

LONGEST_NAME = 120


class StudyConfig(Section):
    """Everything that a study is told before it starts."""

    name: str = Field(min_length=1, pattern=r"^[^/\s]+$", description="name of the study, without spaces or slashes")
    command: tuple[str, ...] = Field(min_length=1, description="the command that runs the model, as typed in a shell")
    folder: Path = Field(default=Path(), description="working directory of the command; the folder of study.toml")
    search: SearchConfig = SearchConfig()
    accept: AcceptConfig = AcceptConfig()
    confirm: ConfirmConfig = ConfirmConfig()
    noise: NoiseConfig = NoiseConfig()
    run: RunConfig = RunConfig()
    cluster: ClusterConfig = ClusterConfig()

    @field_validator("name")
    @classmethod
    def _a_folder(cls, name: str) -> str:
        if name in (".", "..") or len(name.encode(errors="replace")) > LONGEST_NAME or not name.isprintable():
            raise ValueError(
                f"a name of at most {LONGEST_NAME} printable characters, which the study's folder bears, not . or .."
            )
        return name

    @field_validator("command", mode="before")
    @classmethod
    def _split(cls, command: Any) -> Any:
        return tuple(shlex.split(command)) if isinstance(command, str) else command

    @field_validator("command")
    @classmethod
    def _words(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if any("\0" in word for word in words):
            raise ValueError("no word of a command holds a NUL")
        return words

    @field_validator("folder")
    @classmethod
    def _a_path(cls, folder: Path) -> Path:
        if "\0" in str(folder):
            raise ValueError("no path holds a NUL")
        return folder

    def environments(self) -> tuple[Path, ...]:
        """The further environments, as absolute paths; relative ones are seen from the model's folder."""
        return tuple((self.folder / path.expanduser()).resolve() for path in self.search.environments)
