"""What a piece of advice is, and what it is made from."""

from __future__ import annotations

from dataclasses import dataclass

from autotune.calibrate.calibration import Calibration
from autotune.launch.command import Command
from autotune.observe import Observation
from autotune.profile.profile import Profile


@dataclass(frozen=True)
class Advice:
    """One thing that the user can change."""

    name: str
    """One word or two, the same in every profile."""
    what: str
    """What to do."""
    because: str
    """The number that caused it."""
    how: str = ""
    """Lines to write, in the model's own language, or the command to try."""
    bound: float | None = None
    """So many times as fast the whole command can become at most; None where that cannot be told."""


@dataclass(frozen=True)
class Known:
    """What is known when advice is given."""

    profile: Profile
    observation: Observation
    hoc: bool
    """The model is written in hoc."""
    command: tuple[str, ...]
    """The program and its words, without a launcher."""
    calibration: Calibration | None = None
    """Of a study, where there is one."""


def known_of(
    profile: Profile, observation: Observation, command: Command, calibration: Calibration | None = None
) -> Known:
    """What is known of the run of a command."""
    script = command.script()
    hoc = not command.form.startswith("python") and (script is None or script.suffix != ".py")
    return Known(profile, observation, hoc, tuple(command.render()[len(command.launcher) :]), calibration)
