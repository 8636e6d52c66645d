"""Means b: a small library, loaded into every process of a run, between the model and the calls that name a file.

In the watched run it keeps what is about to be overwritten; in later runs it leads every change into a layer of the
run's own and shows the rest as it was. It is compiled once, with the compiler that nrnivmodl needs anyway. It does not
see programs that are linked statically or make system calls of their own.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from autotune.launch.build import cache_folder
from autotune.launch.files.start import Start
from autotune.launch.files.store import Store, remove_tree, written_in

SOURCES = Path(__file__).with_name("preload")
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-shared", "-fPIC", "-O2", "-x", "c")
LIBRARIES = ("-x", "none", "-ldl", "-lpthread")
REAL = ("/dev", "/proc", "/sys", "/run")
UPPER, BEFORE, KEPT = "AUTOTUNE_FILES_UPPER", "AUTOTUNE_FILES_BEFORE", "AUTOTUNE_FILES_KEPT"
PROBE = "import sys; open(sys.argv[1], 'a').write('trial'); assert open(sys.argv[1]).read() == 'usertrial'"
LIMIT_S = 120.0


@dataclass(frozen=True)
class Preload:
    """A library in every process leads what a run writes into a layer of its own."""

    store: Store
    ours: tuple[Path, ...]
    """Folders that stay real: the study's own."""
    cwd: Path
    environment: Mapping[str, str]
    """Of the command; the compiler is found there."""

    name: ClassVar[str] = "library"
    says: ClassVar[str] = "a library in each process leads what a run writes into a folder of its own"

    def missing(self) -> str:
        if sys.platform != "linux":
            return f"not made for {sys.platform}"
        if any(self.cwd.resolve().is_relative_to(folder) for folder in REAL):
            return f"{self.cwd} lies where MPI has its shared memory and sockets"
        if any("\n" in str(folder) for folder in (*self.ours, self.store.folder)):
            return "the name of the study's folder holds a newline"
        try:
            library = _library(self.environment)
        except _NotBuilt as error:
            return str(error)
        self.store.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="probe-", dir=self.store.folder) as name:
            folder = Path(name)
            (folder / "user.txt").write_text("user")
            (folder / "upper").mkdir()
            environment = _variables({}, library, folder / "upper", folder / "before", REAL)
            command = [sys.executable, "-I", "-S", "-c", PROBE, str(folder / "user.txt")]
            said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
            if said.returncode == 0 and (folder / "user.txt").read_text() == "user":
                return ""
        return f"the library does not work here: {said.stderr.strip()[-200:]}"

    @contextmanager
    def watched(self, start: Start) -> Iterator[Start]:
        self.store.begin()
        yield self._with(start, None)
        self.store.end()

    @contextmanager
    def trial(self, start: Start, layer: Path) -> Iterator[Start]:
        upper = layer / "upper"
        upper.mkdir(parents=True, exist_ok=True)
        try:
            yield self._with(start, upper)
        finally:
            remove_tree(layer)

    def wrote(self, layer: Path) -> dict[str, Path]:
        return written_in(layer / "upper")

    def _with(self, start: Start, upper: Path | None) -> Start:
        self.store.before.mkdir(parents=True, exist_ok=True)
        kept = [*REAL, *(str(folder.resolve()) for folder in (*self.ours, self.store.folder))]
        environment = _variables(start.env, _library(self.environment), upper, self.store.before, kept)
        return replace(start, env=environment)


class _NotBuilt(Exception):
    """The library could not be compiled."""


def _variables(
    environment: Mapping[str, str], library: Path, upper: Path | None, before: Path, kept: tuple[str, ...] | list[str]
) -> dict[str, str]:
    loaded = ":".join(filter(None, [str(library), environment.get("LD_PRELOAD", "")]))
    ours = {"LD_PRELOAD": loaded, BEFORE: str(before.resolve()), KEPT: "\n".join(kept)}
    return {**environment, **ours, **({UPPER: str(upper.resolve())} if upper else {})}


def _library(environment: Mapping[str, str]) -> Path:
    """The compiled library, from the cache or made now."""
    compiler = _compiler(environment)
    sources = sorted(SOURCES.glob("*.c"))
    parts = [os.uname().machine, compiler, *(file.read_text() for file in (*sources, SOURCES / "view.h"))]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    home = cache_folder() / "files"
    library = home / f"{key}.so"
    if library.is_file():
        return library
    if " " in str(library) or ":" in str(library):
        raise _NotBuilt(f"{library}: the loader takes no name with a blank or a colon")
    try:
        home.mkdir(parents=True, exist_ok=True)
        with (home / f"{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not library.is_file():
                _compile(compiler, sources, library)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _NotBuilt(f"the library cannot be built in {home}: {error}") from error
    return library


def _compile(compiler: str, sources: list[Path], library: Path) -> None:
    with tempfile.TemporaryDirectory(dir=library.parent) as name:
        made = Path(name, library.name)
        words = [*compiler.split(), *FLAGS, "-o", str(made), *map(str, sources), *LIBRARIES]
        said = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        if said.returncode != 0:
            raise _NotBuilt(f"{compiler} does not compile the library: {said.stderr.strip()[-200:]}")
        made.rename(library)


def _compiler(environment: Mapping[str, str]) -> str:
    path = environment.get("PATH")
    own = environment.get("CC", "")
    if own and shutil.which(own.split()[0], path=path):
        return own
    found = next((found for name in COMPILERS if (found := shutil.which(name, path=path))), None)
    if found is None:
        raise _NotBuilt("no C compiler was found")
    return found
