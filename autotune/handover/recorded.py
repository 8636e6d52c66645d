"""A production run whose spikes, or recorded vectors, are kept: every rank writes its part, and these are merged.

Standard input, output, signals and exit code stay the model's own. A kill leaves the parts, or the whole file; half a
file never has the name that was asked for.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autotune.errors import UsageError
from autotune.machine import usable_cores
from autotune.raster.indices import read_indices
from autotune.raster.parts import merge_parts
from autotune.traces.parts import merge_vectors
from autotune.untrusted import BROKEN, first_problem

FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
SUFFIXES = (".h5", ".hdf5")


@dataclass(frozen=True)
class Outputs:
    """What is to be kept of a run, and where; absolute paths."""

    spikes: Path | None = None
    vectors: Mapping[str, Path] = field(default_factory=dict)
    """Label to file."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that are asked for."""
        return (*filter(None, (self.spikes,)), *self.vectors.values())

    def job(self) -> dict[str, Any]:
        """What the ranks are told."""
        vectors = {label: str(parts_of(file)) for label, file in self.vectors.items()}
        return {"spikes": str(parts_of(self.spikes)) if self.spikes else "", "vectors": vectors}


def outputs(spikes: Path | None, vectors: Sequence[str], folder: Path) -> Outputs:
    """What the options ask for; `vectors` are LABEL=FILE. Raises UsageError for what cannot be written."""
    named = {}
    for text in vectors:
        label, _, name = text.partition("=")
        if not (label and name):
            raise UsageError(f"--vectors {text}: not LABEL=FILE", cure="For example: --vectors soma=soma.h5")
        named[label] = folder / name
    asked = Outputs(folder / spikes if spikes else None, named)
    if len(set(asked.files)) < len(asked.files):
        raise UsageError("two outputs have the same file", cure="Name another one.")
    for file in asked.files:
        if file.suffix.lower() not in SUFFIXES:
            raise UsageError(f"{file}: an HDF5 file is written", cure=f"Name it {file.with_suffix('.h5').name}")
        if not os.access(file.parent, os.W_OK):
            raise UsageError(f"{file.parent}: is not there, or cannot be written", cure="Make the folder first.")
    return asked


def parts_of(file: Path) -> Path:
    """Where the ranks write the parts of this file: beside it, so that all of them reach it."""
    return file.with_name(file.name + ".parts")


def make_folders(asked: Outputs) -> None:
    """Make the folders of parts. Raises UsageError where an earlier run has left some."""
    for file in asked.files:
        try:
            parts_of(file).mkdir()
        except FileExistsError as error:
            raise UsageError(
                f"{parts_of(file)}: holds the parts of another run",
                cure=f"python -m autotune merge {parts_of(file)}, or remove it.",
            ) from error


def run_model(argv: Sequence[str], environment: Mapping[str, str], folder: Path) -> int:
    """Run it as if it were this process; the status as subprocess gives it, negative for a signal."""
    with subprocess.Popen(argv, env=dict(environment), cwd=folder) as process, _forwarding(process):
        return process.wait()


@contextmanager
def _forwarding(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """What this process is told, the model is told. A terminal's Ctrl-C reaches both by itself."""
    before = {number: signal.signal(number, lambda told, _: process.send_signal(told)) for number in FORWARDED}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def merge_outputs(asked: Outputs) -> None:
    """Merge the parts of a run that has ended, and remove them. Raises UsageError where they are not whole."""
    for file in asked.files:
        merge(parts_of(file), file)


def merge(parts: Path, file: Path) -> str:
    """Merge one folder of parts into its file, and remove it; in words what came of it. Raises UsageError."""
    try:
        if "vectors" in read_indices(parts)[0]:
            said = f"{merge_vectors(parts, file, usable_cores()):,} vectors"
        else:
            said = f"{sum(merge_parts(parts, file, usable_cores()).values()):,} spikes"
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}", cure=f"The parts stay in {parts}.") from error
    except BROKEN as error:
        raise UsageError(
            f"{parts}: its index does not fit its parts ({first_problem(error)})", cure="Make the run again."
        ) from error
    shutil.rmtree(parts)
    return said
