"""Which shared libraries this process has loaded: the proof that a build, an engine or an installation is in use.

Where the system does not tell (no /proc), nothing is claimed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import List, Sequence

BUILD_RECORD = "build.json"  # what the tuner leaves in the folder of each of its builds


def loaded_libraries(word: str) -> List[str]:
    """The paths of the loaded files whose name contains `word`, sorted."""
    try:
        with open("/proc/self/maps") as maps:
            lines = [line.split(None, 5) for line in maps]
        with open("/proc/self/mountinfo") as mounts:
            points = [line.split()[4] for line in mounts]
    except OSError:
        return []
    found = {line[5].strip() for line in lines if len(line) == 6 and word in os.path.basename(line[5])}
    return sorted(whole_path(path, points) for path in found)


def whole_path(path: str, mount_points: Sequence[str]) -> str:
    """The path of a file that Linux tells from the root of its mount on, as it does where an overlay lies over another;
    as it is where there is none.
    """
    if os.path.exists(path):
        return path
    return next((whole for point in mount_points if os.path.exists(whole := point.rstrip("/") + path)), path)


def build_record(library: str) -> Path:
    """Where the record of the build that made `library` is, if the tuner made it."""
    return Path(library).parent.parent / BUILD_RECORD
