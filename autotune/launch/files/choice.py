"""Which means is used: the best one that works here, or the one that the user names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autotune.errors import UsageError
from autotune.launch.files.overlay import Overlay
from autotune.launch.files.preload import Preload
from autotune.launch.files.putback import PutBack
from autotune.launch.files.start import Means, Start
from autotune.launch.files.store import Store

NAMES = ("overlay", "library", "put back")
"""The best first: the kernel misses nothing; a library misses programs linked statically; the last can only repair."""


@dataclass(frozen=True)
class Files:
    """The user's files during a study: how the watched run is looked at, and how later runs are kept from them."""

    store: Store
    watching: Means
    trials: Means
    refused: tuple[tuple[str, str], ...] = ()
    """Better means that do not work here, and why."""

    @contextmanager
    def watched(self, start: Start) -> Iterator[Start]:
        with self.watching.watched(start) as inside:
            yield inside

    @contextmanager
    def trial(self, start: Start, layer: Path) -> Iterator[Start]:
        with self.trials.trial(start, layer) as inside:
            yield inside

    def describe(self) -> str:
        """A line for the user."""
        why = "".join(f"; {name}: {reason}" for name, reason in self.refused)
        return f"your files are safe: {self.trials.says} ({self.trials.name}{why})"


def choose(
    folder: Path,
    cwd: Path,
    environment: Mapping[str, str],
    *,
    ours: Sequence[Path] = (),
    launcher: str = "",
    allowed: Sequence[str] = NAMES,
) -> Files:
    """The best of the `allowed` means that works for this command; `folder` is where the study keeps what it saves.

    Puts back first what a killed study left. Raises UsageError where none works.
    """
    store = Store(folder.resolve())
    store.recover()
    own = tuple(path.resolve() for path in ours)
    make: dict[str, Callable[[], Means]] = {
        "overlay": lambda: Overlay(store, own, cwd, launcher),
        "library": lambda: Preload(store, own, environment),
        "put back": lambda: PutBack(store, own, cwd),
    }
    works: dict[str, Means] = {}
    refused: dict[str, str] = {}
    for name in NAMES:
        if name not in allowed or (name == "put back" and works):
            continue
        means = make[name]()
        refused[name] = means.missing()
        if not refused[name]:
            works[name] = means
    if not works:
        raise UsageError(
            "your files cannot be kept from the trials: " + "; ".join(f"{name}: {refused[name]}" for name in refused),
            cure='Give --workspace "in place" if trials may overwrite what your run writes, or install a C compiler.',
        )
    trials = next(means for means in works.values())
    # In the watched run the library is better: the model writes where it always does, and not into an overlay first.
    watching = works.get("library", trials)
    return Files(store, watching, trials, tuple((name, why) for name, why in refused.items() if why))
