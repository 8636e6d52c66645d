"""Which shared libraries a process has loaded is told by paths that can be opened."""

from __future__ import annotations

import os
from pathlib import Path

from autotune.agent.libraries import loaded_libraries, whole_path


def test_a_path_that_is_told_from_the_root_of_its_mount_on_is_completed(tmp_path: Path) -> None:
    library = tmp_path / "x86_64" / "libnrnmech.so"
    library.parent.mkdir()
    library.touch()
    assert whole_path("/x86_64/libnrnmech.so", ["/", "/nowhere", str(tmp_path)]) == str(library)
    assert whole_path(str(library), ["/"]) == str(library)
    assert whole_path("/x86_64/gone.so", ["/", str(tmp_path)]) == "/x86_64/gone.so"


def test_what_is_loaded_can_be_opened() -> None:
    found = loaded_libraries("multiarray_umath") or loaded_libraries("libc.so")
    assert found
    assert all(os.path.exists(path) for path in found)
