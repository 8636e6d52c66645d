"""Which shared libraries this process has loaded: the proof that a build, an engine or an installation is in use.

Where the system does not tell (no /proc), nothing is claimed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import List

BUILD_RECORD = "build.json"  # what the tuner leaves in the folder of each of its builds


def loaded_libraries(word: str) -> List[str]:
    """The paths of the loaded files whose name contains `word`, sorted."""
    try:
        with open("/proc/self/maps") as maps:
            lines = [line.split(None, 5) for line in maps]
    except OSError:
        return []
    return sorted({line[5].strip() for line in lines if len(line) == 6 and word in os.path.basename(line[5])})


def build_record(library: str) -> Path:
    """Where the record of the build that made `library` is, if the tuner made it."""
    return Path(library).parent.parent / BUILD_RECORD
