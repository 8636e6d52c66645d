"""A file that the user asked for, where he wants it."""

from __future__ import annotations

from pathlib import Path

from autotune.agent import protocol
from autotune.errors import UsageError


def write_output(file: Path, text: str) -> None:
    """Write it, whole or not at all. Raises UsageError when the place cannot be written."""
    try:
        protocol.write_text(file, text)
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror or error}", cure="Name another file.") from error
