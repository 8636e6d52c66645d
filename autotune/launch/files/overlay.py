"""Means a: an overlay over every folder, in a mount namespace of the run's own.

The kernel keeps all that a run writes in its layer, by whatever call it is written, and the namespace goes with the
run. It takes Linux 5.11 or newer, user namespaces (or root), a file system below the study folder that can hold a
layer, and ranks that are started on this machine by the command itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import ClassVar

from autotune.launch.files.namespace import BETWEEN
from autotune.launch.files.start import Start
from autotune.launch.files.store import Store, entries, is_cache, put, remove, remove_tree, replaced, save, written_in

SCRIPT = Path(__file__).with_name("namespace.py")
ELSEWHERE = ("srun", "aprun", "jsrun", "flux", "ibrun", "ssh")
"""Launchers whose ranks descend from a daemon, which no namespace of ours holds."""
PROBE = """
import os, sys
lost = [folder for folder in sys.argv[2:] if not os.access(folder, os.W_OK)]
if lost:
    sys.exit(f'{lost[0]} is not covered: something is mounted in it')
if os.stat('.').st_dev == int(sys.argv[1]):
    sys.exit('it is not covered')
"""
LIMIT_S = 30.0


@dataclass(frozen=True)
class Overlay:
    """Runs write into a layer of their own, which the kernel lays over the whole file system."""

    store: Store
    ours: tuple[Path, ...]
    """Folders that stay real: the study's own."""
    cwd: Path
    launcher: str = ""
    """The program that starts the ranks."""

    name: ClassVar[str] = "overlay"
    says: ClassVar[str] = "each run writes into an overlay of its own over all folders"

    def missing(self) -> str:
        if sys.platform != "linux":
            return f"{sys.platform} has no overlay file system"
        if Path(self.launcher).name in ELSEWHERE:
            return f"ranks that {self.launcher} starts do not descend from this process"
        self.store.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="probe-", dir=self.store.folder) as name:
            layer = Path(name)
            needed = [folder for folder in (str(self.cwd), gettempdir()) if os.access(folder, os.W_OK)]
            command = [sys.executable, "-I", "-S", "-c", PROBE, str(self.cwd.stat().st_dev), *needed]
            (layer / "before" / str(self.cwd.resolve()).lstrip("/")).mkdir(parents=True)
            start = self._inside(Start(tuple(command), {}, self.cwd), layer / "layer", layer / "before")
            try:
                said = subprocess.run(
                    start.argv, cwd=self.cwd, env={}, capture_output=True, text=True, timeout=LIMIT_S, check=False
                )
            except subprocess.TimeoutExpired:
                return f"mounting took more than {LIMIT_S:g} s"
            finally:
                remove_tree(layer / "layer")
        if said.returncode == 0:
            return ""
        lines = said.stderr.strip().splitlines()
        return f"the kernel refuses it: {lines[-1]}" if lines else f"{self.cwd} cannot be covered"

    @contextmanager
    def watched(self, start: Start) -> Iterator[Start]:
        """The run writes into a layer, which becomes the user's when it has ended; what it replaces is kept."""
        self.store.begin()
        layer = self.store.folder / "watched"
        yield self._inside(start, layer, self.store.before)
        upper = layer / "upper"
        hidden = list(replaced(upper))
        made = [entry.name for entry in entries(upper) if entry.kind != "folder" or not os.path.isdir(entry.name)]
        save([name for name in (*hidden, *made) if not is_cache(name)], self.store.before)
        for name in hidden:
            if not os.path.lexists(upper / name.lstrip("/")):
                remove(name)
        put(upper)
        remove_tree(layer)
        self.store.end()

    @contextmanager
    def trial(self, start: Start, layer: Path) -> Iterator[Start]:
        try:
            yield self._inside(start, layer, self.store.before)
        finally:
            remove_tree(layer)

    def wrote(self, layer: Path) -> dict[str, Path]:
        return written_in(layer / "upper")

    def _inside(self, start: Start, layer: Path, before: Path) -> Start:
        for name in ("upper", "work"):
            (layer / name).mkdir(parents=True, exist_ok=True)
        before.mkdir(parents=True, exist_ok=True)
        kept = BETWEEN.join(os.path.normpath(folder.absolute()) for folder in (*self.ours, self.store.folder))
        places = [str((layer / name).absolute()) for name in ("upper", "work")]
        script = (sys.executable, "-I", "-S", "-X", "utf8", str(SCRIPT))
        return replace(start, argv=(*script, *places, str(before), kept, *start.argv))
