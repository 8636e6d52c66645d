"""Mechanisms that the tuner builds itself, with the user's own nrnivmodl, in its own cache folder.

It must never write into the user's folders, and never leave a half-made build where another run could find it: a build
is made in a temporary folder beside its place and renamed. The name of its place is a digest of everything that it
depends on, so that a build is never stale.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from autotune.agent.driver.start import Built
from autotune.agent.libraries import BUILD_RECORD
from autotune.errors import AutotuneError
from autotune.launch.process import run
from autotune.launch.secrets import as_shown

CACHE_VARIABLE = "AUTOTUNE_CACHE"
LAYOUT = 1  # of a build's folder; part of its name
LOG = "build.log"
COMPANIONS = (".inc", ".h", ".hpp")  # what a mod file may include from its own folder
INCLUDE = re.compile(r'(?:\bINCLUDE|#\s*include)\s*"([^"\n]+)"')
COMPILERS = ("g++", "c++", "clang++")
VARIABLES = ("CC", "CFLAGS", "CXX", "CXXFLAGS", "INCFLAGS", "LINKFLAGS")  # what nrnivmodl's makefile takes over
# What a linker must not see of the flags for the compiler: it would add code that sets flush-to-zero for the process.
# nrnivmodl gives them to the compiler alone, but nrnivmodl-core to the linker as well; there the last word counts.
UNLINKED = {"-ffast-math": "-fno-fast-math"}
BUILD_LIMIT_S = 1200.0
LAST_LINES = 8
AFTERWORDS = r"^(?:make: \*\*\*|NOTE: |Traceback )"


class BuildFailed(AutotuneError):
    """The mechanisms could not be built; `details` holds the last lines of the build's log."""


@dataclass(frozen=True)
class Recipe:
    """What is built, and how."""

    nrnivmodl: Path
    mod_files: tuple[Path, ...]
    flags: str = ""
    """For the compiler; empty for NEURON's own."""
    coreneuron: bool = False

    @property
    def options(self) -> list[str]:
        """For nrnivmodl."""
        flags = self.flags.split()
        unlinked = " ".join(no for flag, no in UNLINKED.items() if flag in flags)
        return [
            *(["-coreneuron"] if self.coreneuron else []),
            *(["-incflags", self.flags] if self.flags else []),
            *(["-loadflags", unlinked] if unlinked else []),
        ]

    def key(self, environment: Mapping[str, str]) -> str:
        """SHA-256 of everything that the result depends on."""
        native = _processor() if "native" in self.flags else ""
        parts = [
            LAYOUT,
            self.options,
            str(self.nrnivmodl.resolve()),
            neuron_version(self.nrnivmodl),
            {name: environment.get(name) for name in VARIABLES},
            _said(compiler(environment) or "c++", "--version"),
            _said((environment.get("CC") or "cc").split()[0], "--version"),  # NEURON 8.2 compiles mechanisms as C
            platform.machine(),
            native,
            [(file.name, _sha256(file)) for file in _with_included(self.files())],
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def files(self) -> list[Path]:
        """The mod files and what stands beside them to be included, sorted."""
        folders = {file.parent for file in self.mod_files}
        beside = [file for folder in folders for file in folder.iterdir() if file.suffix in COMPANIONS]
        return sorted({*self.mod_files, *beside}, key=lambda file: (file.name, file))


def build(recipe: Recipe, environment: Mapping[str, str]) -> Built:
    """The built mechanisms, from the cache or made now. Raises BuildFailed."""
    home = cache_folder() / "mechanisms"
    place = home / recipe.key(environment)[:32]
    built = _built(recipe, place)
    try:
        if not _is_whole(built):
            home.mkdir(parents=True, exist_ok=True)
            with _alone(place.with_suffix(".lock")):
                if not _is_whole(built):  # another builder may have been first
                    for left in (place, *home.glob(f".{place.name}-*")):  # by a builder that was killed
                        shutil.rmtree(left, ignore_errors=True)
                    _make(recipe, place, environment)
    except OSError as error:
        raise BuildFailed(
            f"the mechanisms cannot be built in {home} ({error})",
            cure=f"Set {CACHE_VARIABLE} to a folder that can be written.",
        ) from error
    return built


def cache_folder() -> Path:
    """Where builds are kept: AUTOTUNE_CACHE, else the platform's place for caches."""
    own = os.environ.get(CACHE_VARIABLE)
    if own:
        return Path(own).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/neuron-autotune"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "neuron-autotune"


def compiler(environment: Mapping[str, str]) -> str | None:
    """The C++ compiler on the user's PATH, if there is one."""
    names = (environment["CXX"].split()[0],) if environment.get("CXX") else COMPILERS
    return next((found for name in names if (found := shutil.which(name, path=environment.get("PATH")))), None)


@cache
def neuron_version(nrnivmodl: Path) -> str:
    """What the nrniv beside this nrnivmodl says of itself; empty when it says nothing."""
    return _said(str(nrnivmodl.with_name("nrniv")), "--version")


def _built(recipe: Recipe, place: Path) -> Built:
    made = place / platform.machine()
    core = made / f"libcorenrnmech{_suffix()}"
    return Built(str(made / f"libnrnmech{_suffix()}"), str(made / "special"), str(core) if recipe.coreneuron else "")


def _is_whole(built: Built) -> bool:
    return all(Path(file).is_file() for file in (built.library, built.special, built.coreneuron) if file)


def _make(recipe: Recipe, place: Path, environment: Mapping[str, str]) -> None:
    work = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        (work / "mod").mkdir()
        for file in recipe.files():
            shutil.copy(file, work / "mod")
        options = recipe.options
        log = work / LOG
        finished = run(
            [str(recipe.nrnivmodl), *options, "mod"],
            cwd=work,
            env={name: value for name, value in environment.items() if name != "PYTHONPATH"},
            stdout=log,
            stderr=log,
            timeout_s=BUILD_LIMIT_S,
        )
        if not finished.ok or not _is_whole(_built(recipe, work)):
            shutil.copy(log, place.with_suffix(".log"))
            raise BuildFailed(
                f"the mechanisms cannot be built: nrnivmodl {' '.join(options)} {finished.describe()}",
                cure=f"The whole log: {place.with_suffix('.log')}",
                details=_last_words(log),
            )
        record = {"flags": recipe.flags, "coreneuron": recipe.coreneuron, "nrnivmodl": str(recipe.nrnivmodl)}
        (work / BUILD_RECORD).write_text(json.dumps(record))
        work.chmod(0o755)
        work.rename(place)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _last_words(log: Path) -> str:
    """The last lines of translator and compiler, without what make, nrnivmodl and Python say about them."""
    text = re.split(AFTERWORDS, as_shown(log.read_text(errors="replace")), maxsplit=1, flags=re.MULTILINE)[0]
    return "\n".join([line for line in text.splitlines() if line.strip()][-LAST_LINES:])


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One builder at a time; the lock goes with its process."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _said(program: str, *arguments: str) -> str:
    try:
        said = subprocess.run(
            [program, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip()


def _processor() -> str:
    """What `-march=native` depends on: the model of the processor and what it can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))


def _with_included(files: list[Path]) -> list[Path]:
    """These files and all that they include, by whatever path."""
    found = list(files)
    for file in found:  # and it grows
        named = [(file.parent / name).resolve() for name in INCLUDE.findall(file.read_text(errors="replace"))]
        found += [other for other in named if other.is_file() and other not in found]
    return found


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _suffix() -> str:
    return ".dylib" if sys.platform == "darwin" else ".so"
