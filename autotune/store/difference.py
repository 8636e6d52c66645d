"""What makes the study that is asked for another one than the study that is there, in words.

Every difference is shown with both values, so that the user knows which of the two was meant. Must never call two
studies different for what may change from one session to the next: the budget, results that the model writes, a
password.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from autotune.store.address import without_password
from autotune.store.records import StudyRecord

MOST_FILES = 5
LONGEST = 80
"""Letters of a value."""


def differences(earlier: StudyRecord, now: StudyRecord, results: tuple[str, ...] = ()) -> list[str]:
    """One a difference; `results` are files that the model's own watched run wrote."""
    changed = list(_keys(earlier.config, now.config))
    # Files that are new since then were no part of the model.
    known = {name: sha for name, sha in earlier.model.files.items() if name not in results}
    files = [_file(name, now) for name, sha in known.items() if now.model.files.get(name) != sha]
    if files:
        more = f", and {len(files) - MOST_FILES} more" if len(files) > MOST_FILES else ""
        changed.append(f"the model's files ({', '.join(files[:MOST_FILES])}{more})")
    if without_password(earlier.storage) != now.storage:
        changed.append(f"storage {_shown(without_password(earlier.storage))}, now {_shown(now.storage)}")
    if changed and earlier.version != now.version:
        changed.append(f"the version of this tool {earlier.version}, now {now.version}")
    return changed


def _keys(earlier: Mapping[str, Any], now: Mapping[str, Any], table: str = "") -> Iterator[str]:
    for name, value in now.items():
        before = earlier.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            yield from _keys(before, value, f"{table}{name}.")
        elif before != value:
            yield f"{table}{name} {_shown(before)}, now {_shown(value)}"


def _file(name: str, now: StudyRecord) -> str:
    return name if name in now.model.files else f"{name} is gone"


def _shown(value: Any) -> str:
    text = "none" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
