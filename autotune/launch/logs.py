"""What failed runs have printed, kept for whoever wants to know more than the last lines: the latest twenty.

Each log is at most 1 MB, the beginning and the end of both streams, without secrets of the environment; so all of them
stay below 20 MB, however long a study searches.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from autotune.agent.protocol import write_text
from autotune.launch.secrets import as_shown

MOST = 20
LARGEST = 250_000
"""Bytes of the beginning of a stream, and of its end."""


def keep_log(logs: Path, run: Path) -> str:
    """Keep what the run in the folder `run` has printed; the name of the file, empty where nothing can be kept."""
    try:
        logs.mkdir(exist_ok=True)
        known = sorted(logs.glob("failed-*.txt"))
        last = int(known[-1].stem.removeprefix("failed-")) if known else 0
        file = logs / f"failed-{last + 1:06d}.txt"
        streams = [(name, run / f"{name}.txt") for name in ("stdout", "stderr")]
        write_text(file, "\n".join(f"[{name}]\n{_ends(stream)}" for name, stream in streams if stream.is_file()))
        for old in known[: max(0, len(known) + 1 - MOST)]:
            with suppress(FileNotFoundError):
                old.unlink()
    except (OSError, ValueError):  # a full disk must not hide why the run failed
        return ""
    return str(file)


def _ends(stream: Path) -> str:
    with stream.open("rb") as file:
        said = file.read(LARGEST)
        left_out = stream.stat().st_size - 2 * LARGEST
        if left_out > 0:
            file.seek(-LARGEST, os.SEEK_END)
            said += b"\n[%d bytes are left out here]\n" % left_out
        said += file.read(LARGEST)
    return as_shown(said.decode(errors="replace"))
